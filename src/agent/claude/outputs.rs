//! Long outputs of tools: the record contains a preview and the path of a file with the whole text.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use memchr::memmem::Finder;
use serde_json::Value;

use super::{content, paths};
use crate::agent::json;
use crate::domain::Entry;
use crate::stdx::lines::LineReader;

/// First line of a preview.
pub(super) const MARKER: &str = "<persisted-output>";

/// Text before the path of the file.
const SAVED_TO: &str = "saved to: ";

/// Finds the file with the whole output of an entry in the session's folder.
pub(super) fn file(transcript: &Path, entry: &Entry) -> Option<PathBuf> {
    let output = &entry.tool.as_ref()?.output;
    paths::output(transcript, name(output.strip_prefix(MARKER)?)?)
}

/// Name of the file that a preview mentions.
fn name(preview: &str) -> Option<&str> {
    let path = preview.split_once(SAVED_TO)?.1.lines().next()?.trim();
    path.rsplit(['/', '\\']).next()
}

/// Prefers the longer text that the same record may contain to the preview of an output. Keeps the lines that name the
/// file.
pub(super) fn longest(preview: String, result: &Value) -> String {
    if !preview.starts_with(MARKER) {
        return preview;
    }
    let printed = |name: &str| result[name].as_str().unwrap_or_default();
    let (stdout, stderr) = (printed("stdout"), printed("stderr"));
    if stdout.len() + stderr.len() <= preview.len() {
        return preview;
    }
    let head = preview.split_once("\n\n").map_or(MARKER, |(head, _)| head);
    format!("{head}\n\n{stdout}{stderr}")
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
            text.starts_with(MARKER) && name.find(text.as_bytes()).is_some()
        };
        let call = { results }.find(mentions).and_then(|result| result["tool_use_id"].as_str().map(str::to_owned));
        if call.is_some() {
            return Ok(call);
        }
    }
    Ok(None)
}
