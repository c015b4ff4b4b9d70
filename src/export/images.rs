//! Images and documents within the records of a session.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::agent::{TextLimit, TranscriptReader};
use crate::domain::EntryKind;

/// Maximum bytes of a file in base64.
const MAX_ENCODED: usize = 64 << 20;

/// Reason without a file.
pub const NOT_STORED: &str = "its content is not stored in the session";

/// Kinds of files: the ending, the media type, and the bytes with which each begins.
const KINDS: &[(&str, &str, &[u8])] = &[
    (".png", "image/png", b"\x89PNG\r\n"),
    (".jpg", "image/jpeg", b"\xff\xd8\xff"),
    (".gif", "image/gif", b"GIF8"),
    (".webp", "image/webp", b"RIFF"),
    (".pdf", "application/pdf", b"%PDF-"),
];

/// File that a session contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedFile {
    /// Content.
    pub bytes: Vec<u8>,
    /// Ending of its name.
    pub ending: &'static str,
    media_type: &'static str,
}

impl EmbeddedFile {
    /// Returns true for an image, false for a document.
    pub fn is_image(&self) -> bool {
        self.media_type.starts_with("image/")
    }

    /// Returns the `data:` address of an image; `None` for a document.
    fn data_address(&self) -> Option<String> {
        self.is_image().then(|| format!("data:{};base64,{}", self.media_type, STANDARD.encode(&self.bytes)))
    }
}

/// Finder of images for entries in order. It keeps the last record, because one record may contain several.
#[derive(Debug, Default)]
pub(super) struct ImageFinder {
    record: Vec<u8>,
    /// Number of images of the record so far.
    found: usize,
}

impl ImageFinder {
    /// Returns the `data:` address of the image of an entry, if the session contains it.
    pub(super) fn find(&mut self, reader: &mut dyn TranscriptReader, index: usize) -> Option<String> {
        let record = reader.raw(index);
        if record == self.record {
            self.found += 1;
        } else {
            (self.record, self.found) = (record, 0);
        }
        nth_file(&self.record, self.found).ok()?.data_address()
    }
}

/// Returns the image or document of an entry. The error says why there is none.
pub fn of_entry(reader: &mut dyn TranscriptReader, index: usize) -> Result<EmbeddedFile, &'static str> {
    let record = reader.raw(index);
    let nth = earlier_in_record(reader, index, &record);
    nth_file(&record, nth)
}

/// Returns the images of a record, in order.
pub fn of_record(record: &[u8]) -> Vec<Vec<u8>> {
    let files = encoded(record).into_iter().filter_map(|text| decoded(&text).ok());
    files.filter(EmbeddedFile::is_image).map(|file| file.bytes).collect()
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
fn nth_file(record: &[u8], nth: usize) -> Result<EmbeddedFile, &'static str> {
    let encoded = encoded(record);
    let text = encoded.get(nth).or(encoded.first()).ok_or(NOT_STORED)?;
    decoded(text)
}

/// Collects the files of a record in base64.
fn encoded(record: &[u8]) -> Vec<String> {
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
    encoded
}

fn decoded(text: &str) -> Result<EmbeddedFile, &'static str> {
    let bytes = STANDARD.decode(text).map_err(|_| NOT_STORED)?;
    let kind = KINDS.iter().find(|(.., start)| bytes.starts_with(start));
    let (ending, media_type, _) = kind.ok_or("it is neither an image nor a PDF document")?;
    Ok(EmbeddedFile { bytes, ending, media_type })
}

/// Collects the texts in base64 that belong to a media type: `{"media_type": …, "data": …}`, an address with the data, or
/// the result of a generation (`{"revised_prompt": …, "result": …}`). Some are stored twice.
fn collect(value: &Value, encoded: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, encoded)),
        Value::Object(fields) => {
            let has_type =
                ["media_type", "mimeType", "mime_type", "mime"].iter().any(|name| fields.contains_key(*name));
            let data = fields.get("data").and_then(Value::as_str).filter(|_| has_type);
            let is_generated = fields.contains_key("revised_prompt");
            let data = data.or_else(|| fields.get("result").and_then(Value::as_str).filter(|_| is_generated));
            let data = data.filter(|data| data.len() <= MAX_ENCODED && !encoded.iter().any(|known| known == data));
            encoded.extend(data.map(str::to_owned));
            fields.values().for_each(|field| collect(field, encoded));
        }
        Value::String(text) => {
            let data = text.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
            encoded.extend(data.filter(|(_, data)| data.len() <= MAX_ENCODED).map(|(_, data)| data.to_owned()));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
