//! Event stream of a server (server-sent events): opened, decoded, and reopened after a disconnect.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use tokio::sync::mpsc;

use super::http::{Endpoint, HttpRequest};

/// Maximum bytes per event, because an unbounded event would exhaust memory. A longer event is dropped.
const MAX_EVENT_BYTES: usize = 64 << 20;

/// Silence after which a stream counts as dead: servers send a heartbeat every ten seconds.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(40);

/// Maximum consecutive attempts to reopen the stream of a server that is not salon's before it counts as lost.
pub(super) const MAX_RECONNECTS: u32 = 8;

/// Maximum consecutive attempts to reopen the stream of a registered server: one that was started again has another
/// address.
pub(super) const MAX_SERVICE_RECONNECTS: u32 = 2;

/// An event of the stream.
#[derive(Debug)]
pub enum StreamEvent {
    /// The stream is open; from now on no event is missed.
    Open,
    /// The data of a server-sent event.
    Event(Arc<[u8]>),
    /// The stream was interrupted and is being reopened.
    Disconnected,
    /// The server has another interface than the expected one, with a description.
    OtherInterface(String),
    /// The stream could not be opened or reopened, with the reason.
    Lost(String),
}

/// Reads the stream and reopens it. Returns when the receiver is dropped or the server is lost.
pub async fn listen(endpoint: Endpoint, path: &'static str, max_reconnects: u32, events: mpsc::Sender<StreamEvent>) {
    let mut failures = 0u32;
    loop {
        let reason = match read_stream(&endpoint, path, &events, &mut failures).await {
            Ok(()) => return,
            Err(reason) => reason,
        };
        failures += 1;
        if failures > max_reconnects {
            events.send(StreamEvent::Lost(reason)).await.ok();
            return;
        }
        if events.send(StreamEvent::Disconnected).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100) * 2u32.pow(failures.min(5))).await;
    }
}

/// Reads the stream until it is interrupted, which is the error. `Ok`: the receiver was dropped.
async fn read_stream(
    endpoint: &Endpoint,
    path: &'static str,
    events: &mpsc::Sender<StreamEvent>,
    failures: &mut u32,
) -> Result<(), String> {
    let response = tokio::time::timeout(SILENCE_TIMEOUT, endpoint.send(HttpRequest::get(path)));
    let response = response.await.unwrap_or_else(|_| Err("no response".into()))?;
    if response.status() != hyper::StatusCode::OK {
        return Err(format!("the event stream responded with {}", response.status()));
    }
    if events.send(StreamEvent::Open).await.is_err() {
        return Ok(());
    }
    let mut body = response.into_body();
    let mut decoder = SseDecoder::default();
    loop {
        let frame = tokio::time::timeout(SILENCE_TIMEOUT, body.frame())
            .await
            .map_err(|_| "the event stream timed out".to_owned())?;
        let frame = frame.ok_or("the event stream was closed")?.map_err(|error| error.to_string())?;
        let Ok(bytes) = frame.into_data() else { continue };
        *failures = 0;
        for event in decoder.push(&bytes) {
            if events.send(StreamEvent::Event(event.into())).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// Incremental decoder of `text/event-stream`, independent of chunk boundaries. Keeps only `data` fields.
#[derive(Debug, Default)]
pub struct SseDecoder {
    line: Vec<u8>,
    data: Vec<u8>,
    /// The current event has a data field, which may be empty.
    has_data: bool,
    /// The last byte was a carriage return; a newline after it does not end another line.
    after_cr: bool,
    /// The current event is too long.
    too_long: bool,
}

impl SseDecoder {
    /// Returns the data of the events that these bytes complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut events = Vec::new();
        for part in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (text, end) = match part.split_last() {
                Some((&end @ (b'\n' | b'\r'), text)) => (text, Some(end)),
                _ => (part, None),
            };
            let is_crlf_tail = std::mem::take(&mut self.after_cr) && end == Some(b'\n') && text.is_empty();
            if is_crlf_tail {
                continue;
            }
            if self.line.len() + text.len() > MAX_EVENT_BYTES {
                self.too_long = true;
                self.line.clear();
            } else {
                self.line.extend_from_slice(text);
            }
            if let Some(end) = end {
                self.after_cr = end == b'\r';
                events.extend(self.line_ended());
            }
        }
        events
    }

    fn line_ended(&mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            let complete = std::mem::take(&mut self.has_data) && !std::mem::take(&mut self.too_long);
            return complete.then_some(data);
        }
        let value = line.strip_prefix(b"data")?;
        let value = match value {
            [] => value,
            [b':', b' ', rest @ ..] | [b':', rest @ ..] => rest,
            _ => return None,
        };
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.too_long |= self.data.len() + value.len() > MAX_EVENT_BYTES;
        if !self.too_long {
            self.data.extend_from_slice(value);
        }
        None
    }
}
