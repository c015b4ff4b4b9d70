//! Minimal HTTP/1.1 for the scripted server: one request per connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

#[derive(Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub authorisation: String,
    /// Directory of the request, decoded.
    pub directory: String,
    pub body: Value,
}

/// Reads a request; `None` if there is none.
pub fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut fields = line.split_whitespace();
    let mut request =
        Request { method: fields.next()?.to_owned(), path: fields.next()?.to_owned(), ..Request::default() };
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "authorization" => value.clone_into(&mut request.authorisation),
            "content-length" => length = value.parse().ok()?,
            "x-opencode-directory" => request.directory = decoded(value),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = serde_json::from_slice(&body).unwrap_or_default();
    Some(request)
}

/// Sends a response and closes the connection.
pub fn answer(stream: &mut TcpStream, status: u16, kind: &str, body: &str) {
    let head = format!(
        "HTTP/1.1 {status} Some\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // The client may have disconnected.
    stream.write_all(format!("{head}{body}").as_bytes()).ok();
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = std::str::from_utf8(rest.get(1..3).unwrap_or_default()).ok();
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| *first == b'%');
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &rest[3..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Encodes as Base64.
pub fn encode(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let triples = text.as_bytes().chunks(3);
    triples
        .map(|triple| {
            let number = (0..3).fold(0u32, |sum, at| sum << 8 | u32::from(*triple.get(at).unwrap_or(&0)));
            let chars = (0..4).map(|at| {
                let character = char::from(ALPHABET[(number >> (18 - 6 * at) & 63) as usize]);
                if at <= triple.len() { character } else { '=' }
            });
            chars.collect::<String>()
        })
        .collect()
}
