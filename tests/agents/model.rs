//! A model on loopback that says one thing, in the three dialects that the agents speak: Anthropic Messages, OpenAI
//! chat completions, OpenAI Responses. Streams where it is asked to; understands nothing.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use serde_json::{Value, json};

/// What it says.
pub const ANSWER: &str = "Forty-two, on the seventh day.";

/// Starts it, and gives its port. It ends with the process.
pub fn start() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on loopback");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // An agent that gives up in the middle of an answer is none of the model's business.
            std::thread::spawn(move || drop(serve(&stream)));
        }
    });
    port
}

/// One request and its answer; then the connection is closed.
fn serve(stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (path, body) = read_request(&mut reader)?;
    let streamed = body.get("stream").and_then(Value::as_bool).unwrap_or(false);
    let path = path.split('?').next().unwrap_or_default();
    let out = &mut &*stream;
    match path.rsplit_once("/v1/").map_or("", |(_, route)| route) {
        "messages/count_tokens" => answer(out, &json!({"input_tokens": 10})),
        "messages" if streamed => events(out, messages()),
        "messages" => answer(out, &message(&json!([{"type": "text", "text": ANSWER}]), Some("end_turn"))),
        "chat/completions" if streamed => events(out, completions()),
        "chat/completions" => answer(out, &completion()),
        "responses" => events(out, responses()),
        "models" => answer(out, &json!({"object": "list", "data": [], "has_more": false})),
        _ => write!(out, "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"),
    }
}

fn read_request(reader: &mut impl BufRead) -> io::Result<(String, Value)> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim().to_ascii_lowercase();
        match header.split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().unwrap_or(0),
            Some(("transfer-encoding", value)) => chunked = value.contains("chunked"),
            Some(_) => {}
            None => break,
        }
    }
    let body = if chunked { read_chunks(reader)? } else { read_exactly(reader, length)? };
    // A compressed body is not understood, and need not be: all that is asked of it is whether to stream.
    Ok((path, serde_json::from_slice(&body).unwrap_or_else(|_| json!({"stream": true}))))
}

fn read_exactly(reader: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        reader.read_line(&mut size)?;
        let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        body.extend(read_exactly(reader, size)?);
        reader.read_line(&mut String::new())?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn answer(out: &mut impl Write, value: &Value) -> io::Result<()> {
    let body = value.to_string();
    let length = body.len();
    write!(
        out,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// Server-sent events, each named after its own `type` where it has one.
fn events(out: &mut impl Write, events: Vec<Value>) -> io::Result<()> {
    write!(out, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")?;
    for event in events {
        if let Some(name) = event["type"].as_str() {
            writeln!(out, "event: {name}")?;
        }
        let data = if event.is_null() { "[DONE]".to_owned() } else { event.to_string() };
        write!(out, "data: {data}\n\n")?;
        out.flush()?;
    }
    Ok(())
}

fn message(content: &Value, stop_reason: Option<&str>) -> Value {
    let usage =
        json!({"input_tokens": 10, "output_tokens": 9, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0});
    json!({
        "id": "msg_loopback", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
        "content": content, "stop_reason": stop_reason, "stop_sequence": null, "usage": usage,
    })
}

fn messages() -> Vec<Value> {
    vec![
        json!({"type": "message_start", "message": message(&json!([]), None)}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ANSWER}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": 9}}),
        json!({"type": "message_stop"}),
    ]
}

fn completion() -> Value {
    json!({
        "id": "chatcmpl-loopback", "object": "chat.completion", "created": 1, "model": "lab-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 9, "total_tokens": 19},
    })
}

/// Ends in `null`, which is sent as `[DONE]`.
fn completions() -> Vec<Value> {
    let chunk = |choices: Value, usage: Value| {
        json!({
            "id": "chatcmpl-loopback", "object": "chat.completion.chunk", "created": 1, "model": "lab-model",
            "choices": choices, "usage": usage,
        })
    };
    let choice = |delta: Value, reason: Value| json!([{"index": 0, "delta": delta, "finish_reason": reason}]);
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 9, "total_tokens": 19});
    vec![
        chunk(choice(json!({"role": "assistant", "content": ANSWER}), Value::Null), Value::Null),
        chunk(choice(json!({}), json!("stop")), Value::Null),
        chunk(json!([]), usage),
        Value::Null,
    ]
}

fn responses() -> Vec<Value> {
    let part = json!({"type": "output_text", "text": ANSWER, "annotations": []});
    let item = |status: &str, content: Value| json!({"id": "msg_loopback", "type": "message", "status": status, "role": "assistant", "content": content});
    let response = |status: &str, output: Value| {
        json!({
            "id": "resp_loopback", "object": "response", "created_at": 1, "status": status, "model": "gpt-5",
            "output": output, "parallel_tool_calls": false, "tools": [], "error": null,
            "usage": {
                "input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 9,
                "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 19,
            },
        })
    };
    let done = item("completed", json!([part]));
    let at = |mut event: Value, number: usize| {
        event["sequence_number"] = number.into();
        event
    };
    let place = json!({"item_id": "msg_loopback", "output_index": 0, "content_index": 0});
    let within = |kind: &str, name: &str, value: Value| {
        let mut event = place.clone();
        event["type"] = kind.into();
        event[name] = value;
        event
    };
    let events = vec![
        json!({"type": "response.created", "response": response("in_progress", json!([]))}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": item("in_progress", json!([]))}),
        within("response.content_part.added", "part", json!({"type": "output_text", "text": "", "annotations": []})),
        within("response.output_text.delta", "delta", json!(ANSWER)),
        within("response.output_text.done", "text", json!(ANSWER)),
        within("response.content_part.done", "part", part),
        json!({"type": "response.output_item.done", "output_index": 0, "item": done}),
        json!({"type": "response.completed", "response": response("completed", json!([done]))}),
    ];
    events.into_iter().enumerate().map(|(number, event)| at(event, number)).collect()
}
