//! The stream of a server's events: kept open, decoded, and opened again when it breaks.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use tokio::sync::mpsc;

use super::http::{Endpoint, Request};

/// Longest event that is taken; a longer one is dropped.
const LONGEST_EVENT: usize = 64 << 20;

/// A stream that says nothing for that long is dead: servers send a sign of life every ten seconds.
const SILENCE: Duration = Duration::from_secs(40);

/// How often a broken stream is opened again before the server counts as gone.
const ATTEMPTS: u32 = 8;

/// What comes of the stream.
#[derive(Debug)]
pub enum Heard {
    /// It is open: from now on nothing is missed.
    Open,
    /// The data of an event.
    Event(Arc<[u8]>),
    /// It broke and is being opened again.
    Broken,
    /// It could not be opened (again); why.
    Lost(String),
}

/// Reads the stream for ever; ends when nobody listens or the server is gone.
pub async fn listen(endpoint: Endpoint, path: &'static str, heard: mpsc::Sender<Heard>) {
    let mut failures = 0;
    loop {
        let reason = match once(&endpoint, path, &heard, &mut failures).await {
            Ok(()) => return,
            Err(reason) => reason,
        };
        failures += 1;
        if failures > ATTEMPTS {
            heard.send(Heard::Lost(reason)).await.ok();
            return;
        }
        if heard.send(Heard::Broken).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100) * 2u32.pow(failures.min(5))).await;
    }
}

/// Reads until the stream breaks, which is the error. `Ok`: nobody listens any more.
async fn once(
    endpoint: &Endpoint,
    path: &'static str,
    heard: &mpsc::Sender<Heard>,
    failures: &mut u32,
) -> Result<(), String> {
    let response = tokio::time::timeout(SILENCE, endpoint.send(Request::get(path)));
    let response = response.await.unwrap_or_else(|_| Err("no answer".into()))?;
    if response.status() != hyper::StatusCode::OK {
        return Err(format!("the stream of events answered {}", response.status()));
    }
    if heard.send(Heard::Open).await.is_err() {
        return Ok(());
    }
    let mut body = response.into_body();
    let mut decoder = Decoder::default();
    loop {
        let frame = tokio::time::timeout(SILENCE, body.frame()).await.map_err(|_| "it fell silent".to_owned())?;
        let frame = frame.ok_or("it was closed")?.map_err(|error| error.to_string())?;
        let Ok(bytes) = frame.into_data() else { continue };
        *failures = 0;
        for event in decoder.push(&bytes) {
            if heard.send(Heard::Event(event.into())).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// Makes events out of the bytes of a `text/event-stream`, however they are cut. Only `data` is kept.
#[derive(Debug, Default)]
pub struct Decoder {
    line: Vec<u8>,
    data: Vec<u8>,
    /// The event has data, be it empty.
    any: bool,
    /// The last byte was a carriage return: a newline after it ends no further line.
    returned: bool,
    /// The event is too long.
    over: bool,
}

impl Decoder {
    /// The data of the events that these bytes complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut events = Vec::new();
        for part in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (text, end) = match part.split_last() {
                Some((&end @ (b'\n' | b'\r'), text)) => (text, Some(end)),
                _ => (part, None),
            };
            let half = std::mem::take(&mut self.returned) && end == Some(b'\n') && text.is_empty();
            if half {
                continue;
            }
            if self.line.len() + text.len() > LONGEST_EVENT {
                self.over = true;
                self.line.clear();
            } else {
                self.line.extend_from_slice(text);
            }
            if let Some(end) = end {
                self.returned = end == b'\r';
                events.extend(self.line_ended());
            }
        }
        events
    }

    fn line_ended(&mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            let whole = std::mem::take(&mut self.any) && !std::mem::take(&mut self.over);
            return whole.then_some(data);
        }
        let value = line.strip_prefix(b"data")?;
        let value = match value {
            [] => value,
            [b':', b' ', rest @ ..] | [b':', rest @ ..] => rest,
            _ => return None,
        };
        if self.any {
            self.data.push(b'\n');
        }
        self.any = true;
        self.over |= self.data.len() + value.len() > LONGEST_EVENT;
        if !self.over {
            self.data.extend_from_slice(value);
        }
        None
    }
}
