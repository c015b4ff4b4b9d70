//! Long outputs of tools: the record contains a preview and the path of a file with the whole text.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::content;
use super::paths;
use super::preview::{self, CALL_ID, MARKER};
use crate::agent::jsonl::{JsonCursor, MalformedJson};
use crate::domain::Entry;

/// Finds the file with the whole output of an entry in the session's folder.
pub(super) fn file(transcript: &Path, entry: &Entry) -> Option<PathBuf> {
    let output = &entry.tool.as_ref()?.output;
    paths::output(transcript, &preview::path(output)?)
}

/// Finds the file with the whole output of an entry by the call's id, if the file is named after it and has more.
pub(super) fn of_call(named: &HashMap<String, PathBuf>, entry: &Entry) -> Option<PathBuf> {
    let tool = entry.tool.as_ref()?;
    let path = named.get(&*tool.id).filter(|_| tool.id.len() >= CALL_ID)?;
    let size = path.metadata().ok()?.len();
    (size > tool.output.len() as u64).then(|| path.clone())
}

/// Prefers the longer text that the same record may contain to an output that the model got, which may be cut. Keeps the
/// lines of a preview that name the file.
pub(super) fn longest(output: String, result: &Value) -> String {
    let printed = |name: &str| result[name].as_str().unwrap_or_default().trim_end();
    let (stdout, stderr) = (printed("stdout"), printed("stderr"));
    if stdout.len() + stderr.len() <= output.trim_end().len() {
        let is_longer = |text: &String| text.trim().len() > output.trim().len() && !output.contains(text.trim());
        return whole_text(result).filter(is_longer).unwrap_or(output);
    }
    if output.starts_with(MARKER) {
        let head = output.split_once("\n\n").map_or(MARKER, |(head, _)| head);
        return format!("{head}\n\n{stdout}{stderr}");
    }
    [stdout, stderr].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Text of a structured result of a tool that prints nothing: of an MCP tool, a page, a sub-agent, or a file. A change of a
/// file has the file's text, which is no output.
fn whole_text(result: &Value) -> Option<String> {
    match result {
        Value::String(text) => Some(text.strip_prefix("Error: ").unwrap_or(text).to_owned()),
        Value::Array(_) => Some(content::text(result)),
        Value::Object(fields) if !CHANGE.iter().any(|name| fields.contains_key(*name)) => {
            let texts = [&result["content"], &result["result"], &result["output"], &result["file"]["content"]];
            texts
                .into_iter()
                .filter(|text| text.is_string() || text.is_array())
                .map(content::text)
                .max_by_key(String::len)
        }
        _ => None,
    }
}

/// Fields of the result of a tool that changes files.
const CHANGE: [&str; 2] = ["filePath", "structuredPatch"];

/// Lengths, as encoded, of the outputs that the model got, and of those in the structured result of the same record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OutputLengths {
    content: usize,
    printed: usize,
    /// Of the longest other text that may be an output.
    other: usize,
    is_change: bool,
}

impl OutputLengths {
    /// Adds the content of a block.
    pub(super) fn add_content(&mut self, content: &mut JsonCursor<'_>) -> Result<(), MalformedJson> {
        self.content += encoded_len(content)?;
        Ok(())
    }

    /// Adds the texts of a structured result.
    pub(super) fn add_result(&mut self, result: &mut JsonCursor<'_>) -> Result<(), MalformedJson> {
        if result.peek()? != b'{' {
            // A text may be the JSON of an object, which has more than its length shows.
            let is_object = result.clone().text()?.is_some_and(|text| text.0.trim_ascii_start().starts_with(b"{"));
            self.other = if is_object { usize::MAX } else { self.other.max(encoded_len(result)?) };
            return Ok(());
        }
        result.object(|key, value| {
            match key {
                b"stdout" | b"stderr" => self.printed += encoded_len(value)?,
                b"content" | b"result" | b"output" if matches!(value.peek()?, b'"' | b'[') => {
                    self.other = self.other.max(encoded_len(value)?);
                }
                b"file" if value.peek()? == b'{' => value.object(|key, value| {
                    if key == b"content" {
                        self.other = self.other.max(encoded_len(value)?);
                    }
                    Ok(())
                })?,
                b"filePath" | b"structuredPatch" => self.is_change = true,
                _ => {}
            }
            Ok(())
        })
    }

    /// True if the structured result has more than the model got.
    pub(super) fn has_longer_result(self) -> bool {
        self.printed > self.content || (self.other > self.content && !self.is_change)
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
            b"toolUseResult" => lengths.add_result(value)?,
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
