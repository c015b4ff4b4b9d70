//! Compressed messages: lists of sessions and pages of transcripts repeat themselves, and links are slow.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::hub::{self, Line};
use super::message::{ServerMessage, encode};
use super::message_reader::MAX_LINE_BYTES;

/// Maximum bytes of a message that is sent as it is, because compression gains little.
const MAX_PLAIN_BYTES: usize = 1 << 10;

/// Level of compression: higher ones take several times as long for a tenth less.
const LEVEL: i32 = 3;

/// Encodes a message as one line, compressed if it is large. A message that cannot be encoded is logged and left out.
pub(super) fn line(message: &ServerMessage) -> Option<Line> {
    let plain = hub::line(message)?;
    if plain.len() <= MAX_PLAIN_BYTES {
        return Some(plain);
    }
    let packed = zstd::bulk::compress(plain.as_bytes(), LEVEL).ok();
    let packed = packed.and_then(|bytes| encode(&ServerMessage::Packed(STANDARD.encode(bytes))).ok());
    Some(packed.map_or(plain, Line::from))
}

/// Decodes a line. The error is a text for the user.
pub(super) fn decode(line: &[u8]) -> Result<ServerMessage, String> {
    let message = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let ServerMessage::Packed(text) = message else { return Ok(message) };
    let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
    let plain = zstd::bulk::decompress(&bytes, MAX_LINE_BYTES).map_err(|error| error.to_string())?;
    serde_json::from_slice(&plain).map_err(|error| error.to_string())
}
