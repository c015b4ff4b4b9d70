//! Files of the images of an entry: within its record, or beside it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::pictures::MAX_FILE;
use crate::agent::{TextLimit, TranscriptReader};
use crate::domain::event::EntryKey;
use crate::domain::transcript::EntryKind;
use crate::export::images;
use crate::stdx::files::{self, SizeLimit};

/// Fields with the path or the address of an image.
const FIELDS: [&str; 8] = ["path", "url", "uri", "image_url", "fileUri", "saved_path", "images", "local_images"];

/// Maximum images of one entry.
const MAX_PER_ENTRY: usize = 4;

/// Endings of the names of images that can be drawn.
const ENDINGS: [&str; 5] = ["png", "jpg", "jpeg", "gif", "webp"];

/// Reads the images of an entry of a session in a directory. A file that cannot be read is an error with the reason; a document is left out.
pub(super) fn of_entry(
    reader: &mut dyn TranscriptReader,
    directory: &Path,
    (index, key): (usize, EntryKey),
) -> Vec<Result<Vec<u8>, String>> {
    let entries = reader.read(index..index + 1, TextLimit::NONE);
    // The transcript may have changed since it was shown.
    let Some(entry) = entries.first().filter(|entry| entry.key == key) else { return Vec::new() };
    if entry.kind == EntryKind::Image {
        return match images::of_entry(reader, index) {
            Ok(file) => file.is_image().then_some(Ok(file.bytes)).into_iter().collect(),
            Err(reason) => {
                let mut files = beside(&reader.raw(index), directory);
                files.truncate(1);
                // Another program's address, or a file that was never stored, has a label only.
                if files.is_empty() && reason != images::NOT_STORED { vec![Err(reason.to_owned())] } else { files }
            }
        };
    }
    let record = reader.raw(index);
    let count = entry.image_labels();
    let embedded = images::of_record(&record);
    let found = if embedded.is_empty() { beside(&record, directory) } else { embedded.into_iter().map(Ok).collect() };
    // A record of several entries does not say whose image is which.
    if found.len() == count { found.into_iter().take(MAX_PER_ENTRY).collect() } else { Vec::new() }
}

/// Reads the local files of images that a record names.
fn beside(record: &[u8], directory: &Path) -> Vec<Result<Vec<u8>, String>> {
    let mut paths = Vec::new();
    for line in record.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if let Ok(value) = serde_json::from_slice(line) {
            collect(&value, false, &mut paths);
        }
    }
    let limit = SizeLimit(MAX_FILE as u64);
    paths.iter().map(|path| files::read(&directory.join(path), limit).map_err(|error| error.to_string())).collect()
}

/// Collects the paths of images in a record: of fields that contain paths or addresses.
fn collect(value: &Value, names_file: bool, paths: &mut Vec<PathBuf>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, names_file, paths)),
        Value::Object(fields) => {
            for (name, field) in fields {
                collect(field, FIELDS.contains(&name.as_str()), paths);
            }
        }
        Value::String(text) if names_file => {
            let path = text.strip_prefix("file://").unwrap_or(text);
            let is_local = path.len() < 4096 && !path.contains("://") && !path.starts_with("data:");
            let ending = Path::new(path).extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
            let path = PathBuf::from(path);
            if is_local && ending.is_some_and(|ending| ENDINGS.contains(&&*ending)) && !paths.contains(&path) {
                paths.push(path);
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
