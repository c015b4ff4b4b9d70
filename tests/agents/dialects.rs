//! A reply in the dialects that the agents speak: Anthropic Messages, OpenAI chat completions, OpenAI Responses, Gemini's
//! content.

use std::time::Duration;

use serde_json::{Value, json};

use crate::script::Reply;

/// Events of a stream, each after a wait.
pub type Events = Vec<(Duration, Value)>;

/// Events that follow one another at once.
fn at_once(events: Vec<Value>) -> Events {
    events.into_iter().map(|event| (Duration::ZERO, event)).collect()
}

/// The pieces of a text as events.
fn spread(pieces: &[String], pause: Duration, event: impl Fn(&str) -> Value) -> Events {
    let wait = |at: usize| if at == 0 { Duration::ZERO } else { pause };
    pieces.iter().enumerate().map(|(at, piece)| (wait(at), event(piece))).collect()
}

/// Anthropic Messages, as a whole.
pub fn message(id: &str, model: &Value, reply: &Reply) -> Value {
    let (block, reason) = match reply {
        Reply::Text { pieces, .. } => (json!({"type": "text", "text": pieces.concat()}), "end_turn"),
        Reply::Call { name, input } => {
            (json!({"type": "tool_use", "id": format!("toolu_{id}"), "name": name, "input": input}), "tool_use")
        }
    };
    frame(id, model, &json!([block]), Some(reason))
}

fn frame(id: &str, model: &Value, content: &Value, stop_reason: Option<&str>) -> Value {
    let usage =
        json!({"input_tokens": 10, "output_tokens": 9, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0});
    json!({
        "id": format!("msg_{id}"), "type": "message", "role": "assistant", "model": model,
        "content": content, "stop_reason": stop_reason, "stop_sequence": null, "usage": usage,
    })
}

/// Anthropic Messages, streamed.
pub fn messages(id: &str, model: &Value, reply: &Reply) -> Events {
    let start = |block: Value| json!({"type": "content_block_start", "index": 0, "content_block": block});
    let delta = |delta: Value| json!({"type": "content_block_delta", "index": 0, "delta": delta});
    let mut events = at_once(vec![json!({"type": "message_start", "message": frame(id, model, &json!([]), None)})]);
    let reason = match reply {
        Reply::Text { pieces, pause } => {
            events.extend(at_once(vec![start(json!({"type": "text", "text": ""}))]));
            events.extend(spread(pieces, *pause, |piece| delta(json!({"type": "text_delta", "text": piece}))));
            "end_turn"
        }
        Reply::Call { name, input } => {
            let call = json!({"type": "tool_use", "id": format!("toolu_{id}"), "name": name, "input": {}});
            let whole = delta(json!({"type": "input_json_delta", "partial_json": input.to_string()}));
            events.extend(at_once(vec![start(call), whole]));
            "tool_use"
        }
    };
    let end = json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": 9}});
    events.extend(at_once(vec![
        json!({"type": "content_block_stop", "index": 0}),
        end,
        json!({"type": "message_stop"}),
    ]));
    events
}

fn chat_usage() -> Value {
    json!({"prompt_tokens": 10, "completion_tokens": 9, "total_tokens": 19})
}

/// What is said or called, as chat completions have it, and why it ends.
fn chat_parts(id: &str, reply: &Reply) -> (Value, &'static str) {
    match reply {
        Reply::Text { pieces, .. } => (json!({"role": "assistant", "content": pieces.concat()}), "stop"),
        Reply::Call { name, input } => {
            let function = json!({"name": name, "arguments": input.to_string()});
            let call = json!({"index": 0, "id": format!("call_{id}"), "type": "function", "function": function});
            (json!({"role": "assistant", "tool_calls": [call]}), "tool_calls")
        }
    }
}

/// A chat completion, as a whole.
pub fn completion(id: &str, model: &Value, reply: &Reply) -> Value {
    let (message, reason) = chat_parts(id, reply);
    json!({
        "id": format!("chatcmpl-{id}"), "object": "chat.completion", "created": 1, "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": chat_usage(),
    })
}

/// A chat completion, streamed. Ends in `null`, which is sent as `[DONE]`.
pub fn completions(id: &str, model: &Value, reply: &Reply) -> Events {
    let chunk = |choices: Value, usage: Value| {
        json!({
            "id": format!("chatcmpl-{id}"), "object": "chat.completion.chunk", "created": 1, "model": model,
            "choices": choices, "usage": usage,
        })
    };
    let choice = |delta: Value, reason: Value| json!([{"index": 0, "delta": delta, "finish_reason": reason}]);
    let (whole, reason) = chat_parts(id, reply);
    let mut events = match reply {
        Reply::Text { pieces, pause } => spread(pieces, *pause, |piece| {
            chunk(choice(json!({"role": "assistant", "content": piece}), Value::Null), Value::Null)
        }),
        Reply::Call { .. } => at_once(vec![chunk(choice(whole, Value::Null), Value::Null)]),
    };
    events.extend(at_once(vec![
        chunk(choice(json!({}), json!(reason)), Value::Null),
        chunk(json!([]), chat_usage()),
        Value::Null,
    ]));
    events
}

/// OpenAI Responses, streamed.
pub fn responses(id: &str, model: &Value, reply: &Reply) -> Events {
    let response = |status: &str, output: Value| {
        json!({
            "id": format!("resp_{id}"), "object": "response", "created_at": 1, "status": status, "model": model,
            "output": output, "parallel_tool_calls": false, "tools": [], "error": null,
            "usage": {
                "input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 9,
                "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 19,
            },
        })
    };
    let (opened, done, between) = item(id, reply);
    let added = json!({"type": "response.output_item.added", "output_index": 0, "item": opened});
    let mut events =
        at_once(vec![json!({"type": "response.created", "response": response("in_progress", json!([]))}), added]);
    events.extend(between);
    events.extend(at_once(vec![
        json!({"type": "response.output_item.done", "output_index": 0, "item": done}),
        json!({"type": "response.completed", "response": response("completed", json!([done]))}),
    ]));
    for (number, (_, event)) in events.iter_mut().enumerate() {
        event["sequence_number"] = number.into();
    }
    events
}

/// The item of a response when it is begun and when it is done, and what happens between.
fn item(id: &str, reply: &Reply) -> (Value, Value, Events) {
    match reply {
        Reply::Text { pieces, pause } => said(&format!("msg_{id}"), pieces, *pause),
        Reply::Call { name, input } => called(id, name, &input.to_string()),
    }
}

fn said(id: &str, pieces: &[String], pause: Duration) -> (Value, Value, Events) {
    let item = |status: &str, content: Value| json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content});
    let within = |kind: &str, name: &str, value: Value| {
        let mut event = json!({"type": kind, "item_id": id, "output_index": 0, "content_index": 0});
        event[name] = value;
        event
    };
    let whole = pieces.concat();
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
    let mut events = at_once(vec![within("response.content_part.added", "part", part(""))]);
    events.extend(spread(pieces, pause, |piece| within("response.output_text.delta", "delta", json!(piece))));
    events.extend(at_once(vec![
        within("response.output_text.done", "text", json!(whole)),
        within("response.content_part.done", "part", part(&whole)),
    ]));
    (item("in_progress", json!([])), item("completed", json!([part(&whole)])), events)
}

fn called(id: &str, name: &str, arguments: &str) -> (Value, Value, Events) {
    let own = format!("fc_{id}");
    let item = |status: &str, arguments: &str| {
        json!({
            "id": own, "type": "function_call", "status": status, "call_id": format!("call_{id}"),
            "name": name, "arguments": arguments,
        })
    };
    let whole = |kind: &str, field: &str| json!({"type": kind, "item_id": own, "output_index": 0, field: arguments});
    let events = at_once(vec![
        whole("response.function_call_arguments.delta", "delta"),
        whole("response.function_call_arguments.done", "arguments"),
    ]);
    (item("in_progress", ""), item("completed", arguments), events)
}

/// Gemini's content, as a whole.
pub fn content(model: &Value, reply: &Reply) -> Value {
    let part = match reply {
        Reply::Text { pieces, .. } => json!({"text": pieces.concat()}),
        Reply::Call { name, input } => json!({"functionCall": {"name": name, "args": input}}),
    };
    candidate(model, &part, Some("STOP"))
}

/// Gemini's content, streamed.
pub fn contents(model: &Value, reply: &Reply) -> Events {
    match reply {
        Reply::Text { pieces, pause } => {
            let mut events = spread(pieces, *pause, |piece| candidate(model, &json!({"text": piece}), None));
            events.extend(at_once(vec![candidate(model, &json!({"text": ""}), Some("STOP"))]));
            events
        }
        Reply::Call { .. } => at_once(vec![content(model, reply)]),
    }
}

fn candidate(model: &Value, part: &Value, reason: Option<&str>) -> Value {
    let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": [part]}});
    if let Some(reason) = reason {
        candidate["finishReason"] = reason.into();
    }
    let usage = json!({"promptTokenCount": 10, "candidatesTokenCount": 9, "totalTokenCount": 19});
    json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": model})
}
