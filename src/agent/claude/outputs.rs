//! Long outputs of tools: the record contains a preview and the path of a file with the whole text.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::paths;
use super::preview::{self, MARKER};
use crate::agent::jsonl::{JsonCursor, MalformedJson};
use crate::domain::Entry;

/// Finds the file with the whole output of an entry in the session's folder.
pub(super) fn file(transcript: &Path, entry: &Entry) -> Option<PathBuf> {
    let output = &entry.tool.as_ref()?.output;
    paths::output(transcript, &preview::path(output)?)
}

/// Prefers the longer text that the same record may contain to an output that the model got, which may be cut. Keeps the
/// lines of a preview that name the file.
pub(super) fn longest(output: String, result: &Value) -> String {
    let printed = |name: &str| result[name].as_str().unwrap_or_default().trim_end();
    let (stdout, stderr) = (printed("stdout"), printed("stderr"));
    if stdout.len() + stderr.len() <= output.trim_end().len() {
        return output;
    }
    if output.starts_with(MARKER) {
        let head = output.split_once("\n\n").map_or(MARKER, |(head, _)| head);
        return format!("{head}\n\n{stdout}{stderr}");
    }
    [stdout, stderr].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Lengths, as encoded, of the outputs that the model got, and of those in the structured result of the same record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OutputLengths {
    content: usize,
    printed: usize,
}

impl OutputLengths {
    /// Adds the content of a block.
    pub(super) fn add_content(&mut self, content: &mut JsonCursor<'_>) -> Result<(), MalformedJson> {
        self.content += encoded_len(content)?;
        Ok(())
    }

    /// Adds the texts of a structured result, which is an object.
    pub(super) fn add_result(&mut self, result: &mut JsonCursor<'_>) -> Result<(), MalformedJson> {
        result.object(|key, value| {
            if matches!(key, b"stdout" | b"stderr") {
                self.printed += encoded_len(value)?;
            }
            Ok(())
        })
    }

    /// True if the structured result has more than the model got.
    pub(super) fn has_longer_result(self) -> bool {
        self.printed > self.content
    }
}

/// True if a record's structured result has a longer output than the content that the model got, both as encoded.
pub(super) fn has_longer_result(record: &[u8]) -> bool {
    let mut lengths = OutputLengths::default();
    let read = JsonCursor::new(record).object(|key, value| {
        match key {
            b"message" => value.object(|key, value| match key {
                b"content" if value.peek()? == b'[' => value.array(|block| {
                    block.object(|key, value| if key == b"content" { lengths.add_content(value) } else { Ok(()) })
                }),
                _ => Ok(()),
            })?,
            b"toolUseResult" if value.peek()? == b'{' => lengths.add_result(value)?,
            _ => {}
        }
        Ok(())
    });
    read.is_ok() && lengths.has_longer_result()
}

/// Length of a value as encoded; of a text without its quotes and its last line ends, which the content does not have.
fn encoded_len(value: &mut JsonCursor<'_>) -> Result<usize, MalformedJson> {
    if value.peek()? != b'"' {
        return value.raw().map(<[u8]>::len);
    }
    let mut text = value.text()?.map_or(&b""[..], |text| text.0);
    while let Some(rest) = text.strip_suffix(b"\\n") {
        text = rest;
    }
    Ok(text.len())
}
