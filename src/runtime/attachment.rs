//! Images and documents that a session contains, as temporary files.

use std::io::{self, Write};
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::extract::VIEW_KIND;
use crate::agent::{self, TextLimit, TranscriptReader};
use crate::domain::{EntryKind, Session};
use crate::stdx::temp;

/// Maximum bytes of a file in base64.
const MAX_ENCODED: usize = 64 << 20;

/// Kinds of files that are opened: the endings, and the bytes with which each begins.
const KINDS: &[(&str, &[u8])] =
    &[(".png", b"\x89PNG\r\n"), (".jpg", b"\xff\xd8\xff"), (".gif", b"GIF8"), (".webp", b"RIFF"), (".pdf", b"%PDF-")];

/// Writes the image or document of an entry to a file that only the user can read.
pub(super) fn write(session: &Session, index: usize) -> io::Result<PathBuf> {
    let mut reader = agent::format(session.key.agent).open(session)?;
    let record = reader.raw(index);
    let nth = earlier_in_record(&mut *reader, index, &record);
    let bytes = nth_file(&record, nth).ok_or_else(|| io::Error::other("its content is not stored in the session"))?;
    let kind = KINDS.iter().find(|(_, start)| bytes.starts_with(start));
    let (ending, _) = kind.ok_or_else(|| io::Error::other("it is neither an image nor a PDF document"))?;
    let mut file = temp::file(VIEW_KIND, ending)?;
    file.write_all(&bytes)?;
    file.into_temp_path().keep().map_err(|error| error.error)
}

/// Number of images before an entry in its own record.
fn earlier_in_record(reader: &mut dyn TranscriptReader, index: usize, record: &[u8]) -> usize {
    let mut count = 0;
    for before in (0..index).rev() {
        let is_image =
            reader.read(before..before + 1, TextLimit(0)).first().is_some_and(|entry| entry.kind == EntryKind::Image);
        if reader.raw(before) != record {
            break;
        }
        count += usize::from(is_image);
    }
    count
}

/// Decodes a file in a record, which is one line of JSON or several.
fn nth_file(record: &[u8], nth: usize) -> Option<Vec<u8>> {
    let mut encoded = Vec::new();
    for line in record.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if let Ok(value) = serde_json::from_slice(line) {
            collect(&value, &mut encoded);
        }
    }
    if encoded.is_empty()
        && let Ok(value) = serde_json::from_slice(record)
    {
        collect(&value, &mut encoded);
    }
    STANDARD.decode(encoded.get(nth).or(encoded.first())?).ok()
}

/// Collects the texts in base64 that belong to a media type: `{"media_type": …, "data": …}`, or an address with the data.
fn collect(value: &Value, encoded: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, encoded)),
        Value::Object(fields) => {
            let has_type =
                ["media_type", "mimeType", "mime_type", "mime"].iter().any(|name| fields.contains_key(*name));
            let data = fields.get("data").and_then(Value::as_str).filter(|_| has_type);
            encoded.extend(data.filter(|data| data.len() <= MAX_ENCODED).map(str::to_owned));
            fields.values().for_each(|field| collect(field, encoded));
        }
        Value::String(text) => {
            let data = text.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
            encoded.extend(data.filter(|(_, data)| data.len() <= MAX_ENCODED).map(|(_, data)| data.to_owned()));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
