//! A model on loopback in the dialects that the agents speak: it serves requests, and keeps what it was asked.
//! What it says is the script's. Streams where it is asked to; understands nothing.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::dialects::{self, Events};
use crate::script;
pub use crate::script::ANSWER;

/// A prompt that reached it, and the model that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The last prompt of the request.
    pub prompt: String,
    /// The model.
    pub model: String,
    /// The request, as it came.
    pub request: String,
}

/// A model that runs as long as the process.
#[derive(Clone)]
pub struct Model {
    /// Where it listens.
    pub port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
}

static REPLIES: AtomicU64 = AtomicU64::new(1);

impl Model {
    /// Starts it.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on loopback");
        let port = listener.local_addr().expect("an address").port();
        let model = Self { port, heard: Arc::default() };
        let serving = model.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let model = serving.clone();
                // An agent that gives up in the middle of an answer is none of the model's business.
                std::thread::spawn(move || drop(model.serve(&stream)));
            }
        });
        model
    }

    /// What it was asked, in order, but for what agents ask to keep house.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("nobody panicked").clone()
    }

    /// How many requests were made with a prompt.
    pub fn times(&self, prompt: &str) -> usize {
        self.heard().iter().filter(|heard| heard.prompt == prompt).count()
    }

    fn keep(&self, request: &Value) {
        let prompt = script::prompt(request);
        if !prompt.is_empty() {
            let model = request["model"].as_str().unwrap_or_default().to_owned();
            let heard = Heard { prompt, model, request: request.to_string() };
            self.heard.lock().expect("nobody panicked").push(heard);
        }
    }

    /// One request and its answer; then the connection is closed.
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        let (path, body) = read_request(&mut reader)?;
        let streamed = body.get("stream").and_then(Value::as_bool).unwrap_or(false);
        let path = path.split('?').next().unwrap_or_default();
        let out = &mut &*stream;
        let body = with_model(path, body);
        self.keep(&body);
        let (id, model, reply) = (next_id(), &body["model"], script::reply(&body));
        match path.rsplit_once("/v1/").map_or("", |(_, route)| route) {
            "messages/count_tokens" => answer(out, &json!({"input_tokens": 10})),
            "messages" if streamed => events(out, dialects::messages(&id, model, &reply)),
            "messages" => answer(out, &dialects::message(&id, model, &reply)),
            "chat/completions" if streamed => events(out, dialects::completions(&id, model, &reply)),
            "chat/completions" => answer(out, &dialects::completion(&id, model, &reply)),
            "responses" => events(out, dialects::responses(&id, model, &reply)),
            _ if path.ends_with(":streamGenerateContent") => events(out, dialects::contents(model, &reply)),
            _ if path.ends_with(":generateContent") => answer(out, &dialects::content(model, &reply)),
            _ if path.ends_with(":countTokens") => answer(out, &json!({"totalTokens": 10})),
            "models" => answer(out, &json!({"object": "list", "data": [], "has_more": false})),
            _ => write!(out, "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"),
        }
    }
}

/// The request with the model that its path names, as Gemini has it: `/v1beta/models/NAME:generateContent`.
fn with_model(path: &str, mut body: Value) -> Value {
    let named = path.rsplit_once("/models/").and_then(|(_, rest)| rest.split_once(':'));
    if let (Some((name, _)), true) = (named, body.is_object()) {
        body["model"] = name.into();
    }
    body
}

/// An id that no other reply has.
fn next_id() -> String {
    format!("loopback{:04}", REPLIES.fetch_add(1, Ordering::Relaxed))
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
fn events(out: &mut impl Write, events: Events) -> io::Result<()> {
    write!(out, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")?;
    for (wait, event) in events {
        std::thread::sleep(wait);
        if let Some(name) = event["type"].as_str() {
            writeln!(out, "event: {name}")?;
        }
        let data = if event.is_null() { "[DONE]".to_owned() } else { event.to_string() };
        write!(out, "data: {data}\n\n")?;
        out.flush()?;
    }
    Ok(())
}
