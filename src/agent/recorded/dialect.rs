//! Metadata of the lines of a session that salon keeps.

use super::decode;
use crate::agent::jsonl::{
    Dialect, EntryMark, JsonCursor, JsonStr, LineMetadata, MalformedJson, RecordLink, ReplyUsage, ResultMark,
};
use crate::domain::{EntryKey, EntryKind, Event, Time, Tokens};

/// The dialect of salon's own records.
#[derive(Debug)]
pub(crate) struct RecordedDialect;

impl Dialect for RecordedDialect {
    fn scan_line<'a>(&self, line: &'a [u8], offset: u64) -> Result<LineMetadata<'a>, MalformedJson> {
        let mut cursor = JsonCursor::new(line);
        if cursor.peek()? != b'{' {
            return Err(MalformedJson);
        }
        let mut fields = Fields::default();
        cursor.object(|key, value| fields.read(key, value))?;
        if cursor.at_end() { Ok(fields.metadata(offset)) } else { Err(MalformedJson) }
    }

    fn decode(&self, line: &[u8], marks: &[EntryMark], sink: &mut dyn FnMut(Event)) {
        decode::entries(line, marks, sink);
    }

    fn decode_results(&self, line: &[u8], sink: &mut dyn FnMut(Event)) {
        decode::results(line, sink);
    }
}

/// The relevant fields of a line.
#[derive(Debug, Default)]
struct Fields<'a> {
    kind: &'a [u8],
    level: &'a [u8],
    key: Option<EntryKey>,
    time: Option<Time>,
    text: Option<JsonStr<'a>>,
    cwd: Option<JsonStr<'a>>,
    title: Option<JsonStr<'a>>,
    model: Option<JsonStr<'a>>,
    tokens: Option<Tokens>,
    tool: Option<JsonStr<'a>>,
    status: &'a [u8],
}

impl<'a> Fields<'a> {
    fn read(&mut self, key: &[u8], value: &mut JsonCursor<'a>) -> Result<(), MalformedJson> {
        match key {
            b"kind" => self.kind = plain(value)?,
            b"level" => self.level = plain(value)?,
            b"key" => {
                let digits = std::str::from_utf8(plain(value)?).unwrap_or_default();
                self.key = u64::from_str_radix(digits, 16).ok().map(EntryKey::from_raw);
            }
            b"time" => self.time = value.time()?,
            b"text" => self.text = value.text()?,
            b"cwd" => self.cwd = value.text()?,
            b"title" => self.title = value.text()?,
            b"model" => self.model = value.text()?,
            b"tokens" => self.tokens = Some(tokens(value)?),
            b"tool" => value.object(|key, value| {
                match key {
                    b"id" => self.tool = value.text()?,
                    b"status" => self.status = plain(value)?,
                    _ => {}
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    }

    fn metadata(self, offset: u64) -> LineMetadata<'a> {
        let mut metadata =
            LineMetadata { time: self.time, cwd: self.cwd, model: self.model, ..LineMetadata::default() };
        if self.title.is_some() {
            metadata.rare().agent_title = self.title;
        }
        metadata.usage = self.tokens.map(|tokens| ReplyUsage { key: offset.max(1), tokens });
        let Some((kind, key)) = entry_kind(self.kind).zip(self.key) else { return metadata };
        metadata.link = RecordLink::Linear;
        if kind == EntryKind::Prompt {
            (metadata.prompt, metadata.turns) = (self.text, 1);
        }
        let tool = self.tool.map_or(0, JsonStr::hash);
        metadata.marks.push(EntryMark { key, kind, block: 0, tool, error: self.level == b"error" });
        if tool != 0 {
            metadata.results.push(ResultMark { tool, error: self.status == b"failed" });
        }
        metadata
    }
}

/// Kind of an entry by its name; `None` for a line without an entry.
fn entry_kind(name: &[u8]) -> Option<EntryKind> {
    let kinds = [
        EntryKind::Prompt,
        EntryKind::Text,
        EntryKind::Thinking,
        EntryKind::Tool,
        EntryKind::Notice,
        EntryKind::Plan,
        EntryKind::Image,
        EntryKind::Other,
    ];
    kinds.into_iter().find(|kind| kind.name().as_bytes() == name)
}

/// Reads a string without escapes; empty for any other value.
fn plain<'a>(value: &mut JsonCursor<'a>) -> Result<&'a [u8], MalformedJson> {
    Ok(value.text()?.map_or(&b""[..], |text| text.0))
}

fn tokens(value: &mut JsonCursor<'_>) -> Result<Tokens, MalformedJson> {
    let mut tokens = Tokens::default();
    value.object(|key, value| {
        let count = match key {
            b"input" => &mut tokens.input,
            b"output" => &mut tokens.output,
            b"cache_read" => &mut tokens.cache_read,
            b"cache_write" => &mut tokens.cache_write,
            _ => return Ok(()),
        };
        *count = value.number()?.unwrap_or(0);
        Ok(())
    })?;
    Ok(tokens)
}
