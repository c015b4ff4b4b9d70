//! Long outputs of tools: the record contains a preview and the path of a file with the whole text.

use std::path::{Path, PathBuf};

use memchr::memmem;
use serde_json::Value;

use super::content;
use super::paths;
use super::preview::{self, CALL_ID, MARKER};
use crate::agent::jsonl::{JsonCursor, MalformedJson};
use crate::agent::unknown_record;
use crate::domain::Entry;

/// Finds the file with the whole output of an entry in the session's folder.
pub(super) fn file(transcript: &Path, entry: &Entry) -> Option<PathBuf> {
    let output = &entry.tool.as_ref()?.output;
    paths::output(transcript, &preview::path(output)?)
}

/// Finds the file with the whole output of an entry by the call's id, if the file is named after it and has more.
pub(super) fn of_call(named: impl Fn(&str) -> Option<PathBuf>, entry: &Entry) -> Option<PathBuf> {
    let tool = entry.tool.as_ref().filter(|tool| tool.id.len() >= CALL_ID)?;
    let path = named(&tool.id)?;
    let size = path.metadata().ok()?.len();
    (size > tool.output.len() as u64).then_some(path)
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

/// Fields of a result that repeat the call, or whose texts are shown elsewhere. Some are whole files.
pub(super) const REPEATED: [&str; 17] = [
    "stdout",
    "stderr",
    "content",
    "result",
    "output",
    "file",
    "originalFile",
    "original_file",
    "updated_file",
    "new_source",
    "oldString",
    "newString",
    "edits",
    "prompt",
    "oldTodos",
    "newTodos",
    "usage",
];

/// Fields of a result that are facts about it, or are shown in another way.
const FACTS: [&str; 30] = [
    "questions",
    "type",
    "mode",
    "status",
    "query",
    "url",
    "code",
    "codeText",
    "filePath",
    "structuredPatch",
    "bashEditDiff",
    "structuredContent",
    "answers",
    "plan",
    "agentId",
    "agentType",
    "model",
    "resolvedModel",
    "gitOperation",
    "gitDiff",
    "toolStats",
    "persistedOutputPath",
    "rawOutputPath",
    "outputFile",
    "backgroundTaskId",
    "notebook_path",
    "cell_id",
    "cell_type",
    "edit_mode",
    "language",
];

/// True for a field of a result with texts that may be nowhere else.
fn is_other(name: &str) -> bool {
    !REPEATED.contains(&name) && !FACTS.contains(&name)
}

/// Appends the texts of a result's other fields that an output does not have.
pub(super) fn with_others(mut output: String, result: &Value) -> String {
    let fields = result.as_object().into_iter().flatten().filter(|(name, _)| is_other(name));
    for (name, value) in fields {
        let texts: Vec<&str> =
            unknown_record::texts(value).into_iter().filter(|text| !says(&output, text.trim())).collect();
        if !texts.is_empty() {
            output.push_str(if output.is_empty() { "" } else { "\n\n" });
            output.push_str(&format!("{name}: {}", texts.join("\n")));
        }
    }
    output
}

/// True if a long text contains another one, which is found several times as fast as by the standard library.
fn says(output: &str, text: &str) -> bool {
    memmem::find(output.as_bytes(), text.as_bytes()).is_some()
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
    /// Of a list of files.
    names: usize,
    /// True if there is something that is shown besides the output.
    has_more: bool,
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
                // The output usually has the names in another form.
                b"filenames" => self.names += encoded_len(value)?,
                // Shown below the output, which need not be shorter.
                b"bashEditDiff" | b"plan" => self.has_more = true,
                other if matches!(value.peek()?, b'"' | b'[' | b'{') => {
                    let is_empty = value.raw()?.len() <= b"[]".len();
                    self.has_more |= !is_empty && std::str::from_utf8(other).is_ok_and(is_other);
                }
                _ => {}
            }
            Ok(())
        })
    }

    /// True if the structured result has something that is shown besides the output.
    pub(super) fn has_more(self) -> bool {
        self.has_more || self.names > 2 * self.content
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
