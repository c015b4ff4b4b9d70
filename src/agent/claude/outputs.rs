//! Long outputs of tools: the record contains a preview and the path of a file with the whole text.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use memchr::memmem::Finder;
use serde_json::Value;

use super::{content, paths};
use crate::agent::json;
use crate::agent::jsonl::{JsonCursor, MalformedJson};
use crate::domain::Entry;
use crate::stdx::lines::LineReader;

/// First line of a preview.
pub(super) const MARKER: &str = "<persisted-output>";

/// Part of the first line of a refused MCP result, whose whole text is in a file.
const TOO_LONG: &str = " exceeds maximum allowed tokens. ";

/// Texts before the path of the file.
const SAVED_TO: [&str; 2] = ["saved to: ", "saved to "];

/// Bytes at the beginning of an output that may name its file.
const HEAD: usize = 2048;

/// Finds the file with the whole output of an entry in the session's folder.
pub(super) fn file(transcript: &Path, entry: &Entry) -> Option<PathBuf> {
    let output = &entry.tool.as_ref()?.output;
    paths::output(transcript, name(output)?)
}

/// True for an output that is only the preview of a file, or the reason why there is none.
fn is_preview(output: &str) -> bool {
    output.starts_with(MARKER) || output.lines().next().is_some_and(|line| line.contains(TOO_LONG))
}

/// Name of the file that a preview mentions.
fn name(output: &str) -> Option<&str> {
    let head = crate::stdx::text::first_chars(output, HEAD);
    let (_, rest) = SAVED_TO.iter().find_map(|text| head.split_once(text).filter(|_| is_preview(output)))?;
    let path = rest.lines().next()?.trim().trim_end_matches('.');
    path.rsplit(['/', '\\']).next()
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

/// True if a record's structured result has a longer output than the content that the model got, both as encoded.
pub(super) fn has_longer_result(record: &[u8]) -> bool {
    let (mut content, mut printed) = (0, 0);
    let read = JsonCursor::new(record).object(|key, value| {
        match key {
            b"message" => value.object(|key, value| match key {
                b"content" if value.peek()? == b'[' => value.array(|block| {
                    block.object(|key, value| {
                        if key == b"content" {
                            content += encoded_len(value)?;
                        }
                        Ok(())
                    })
                }),
                _ => Ok(()),
            })?,
            b"toolUseResult" if value.peek()? == b'{' => value.object(|key, value| {
                if matches!(key, b"stdout" | b"stderr") {
                    printed += encoded_len(value)?;
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    });
    read.is_ok() && printed > content
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

/// Finds the tool call whose output is in a file, in the transcript of its session or of one of its sub-agents.
pub(super) fn call(output: &Path) -> io::Result<String> {
    let Some((name, session)) = output.file_name().zip(output.parent().and_then(Path::parent)) else {
        return Ok(String::new());
    };
    let name = Finder::new(name.as_encoded_bytes());
    for transcript in std::iter::once(session.with_extension("jsonl")).chain(paths::subagents(session)) {
        if let Some(call) = crate::stdx::files::open(&transcript).ok().and_then(|file| call_in(file, &name).transpose())
        {
            return call;
        }
    }
    Ok(String::new())
}

fn call_in(transcript: File, name: &Finder<'_>) -> io::Result<Option<String>> {
    let mut lines = LineReader::from_offset(transcript, 0)?;
    while let Some(line) = lines.next_line()? {
        if name.find(line.bytes).is_none() {
            continue;
        }
        let record = json::parse(line.bytes).unwrap_or_default();
        let results = record["message"]["content"].as_array().into_iter().flatten();
        let mentions = |result: &&Value| {
            let text = content::text(&result["content"]);
            is_preview(&text) && name.find(text.as_bytes()).is_some()
        };
        let call = { results }.find(mentions).and_then(|result| result["tool_use_id"].as_str().map(str::to_owned));
        if call.is_some() {
            return Ok(call);
        }
    }
    Ok(None)
}
