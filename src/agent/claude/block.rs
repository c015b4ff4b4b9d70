//! Blocks of a message's content, as far as summaries and indexes need them.

use super::user_markup::{self, TOOL_ERROR, UserTextKind};
use crate::agent::jsonl::{JsonCursor, JsonStr, MalformedJson};
use crate::domain::EntryKind;

/// Message content: nothing, a string, or blocks; true if it has another shape, or a block has one.
#[derive(Debug, Default)]
pub(super) struct Content<'a>(pub Vec<Block<'a>>, pub bool);

/// A block of a content.
#[derive(Debug, Default)]
pub(super) struct Block<'a> {
    /// Its type.
    pub kind: &'a [u8],
    /// Its text.
    pub text: Option<JsonStr<'a>>,
    /// Id of a tool call, or of the call that a result belongs to.
    pub tool: Option<JsonStr<'a>>,
    /// True for a failed result.
    pub error: bool,
    /// Name of the called tool.
    pub name: &'a [u8],
    /// True if a field has another type than usual.
    pub is_unusual: bool,
}

impl<'a> Content<'a> {
    /// Reads a string, a block, or a list of both.
    pub(super) fn read(value: &mut JsonCursor<'a>) -> Result<Self, MalformedJson> {
        if value.peek()? == b'{' {
            let mut block = Block::default();
            value.object(|key, value| block.field(key, value))?;
            return Ok(Self(vec![block], true));
        }
        if value.peek()? != b'[' {
            let is_unusual = !matches!(value.peek()?, b'"' | b'n');
            let text = value.text()?.map(|text| Block { kind: b"text", text: Some(text), ..Block::default() });
            return Ok(Self(text.into_iter().collect(), is_unusual));
        }
        let (mut blocks, mut is_unusual) = (Vec::new(), false);
        value.array(|item| {
            let mut block = Block::default();
            match item.peek()? {
                b'"' => block = Block { kind: b"text", text: item.text()?, ..block },
                first => {
                    is_unusual |= first != b'{';
                    item.object(|key, value| block.field(key, value))?;
                }
            }
            is_unusual |= block.is_unusual;
            blocks.push(block);
            Ok(())
        })?;
        Ok(Self(blocks, is_unusual))
    }
}

impl<'a> Block<'a> {
    fn field(&mut self, key: &[u8], value: &mut JsonCursor<'a>) -> Result<(), MalformedJson> {
        self.is_unusual |= match (key, value.peek()?) {
            (b"content", b'[') => !begins_with_object(value),
            (b"content", first) => first == b'{',
            (b"type" | b"text" | b"thinking" | b"connector_text" | b"name" | b"id" | b"tool_use_id", first) => {
                !matches!(first, b'"' | b'n' | b'0'..=b'9')
            }
            (b"is_error", first) => !matches!(first, b't' | b'f' | b'n'),
            _ => false,
        };
        match key {
            b"type" => self.kind = plain_string(value)?,
            b"thinking" if matches!(value.peek()?, b'[' | b'{') => self.text = Some(JsonStr(value.raw()?)),
            b"text" | b"thinking" | b"connector_text" => self.text = value.text()?,
            b"id" | b"tool_use_id" => self.tool = value.id()?,
            b"name" => self.name = plain_string(value)?,
            b"is_error" => self.error |= value.truth()?,
            b"content" if value.peek()? == b'"' => {
                self.error |= value.text()?.is_some_and(|text| text.0.starts_with(TOOL_ERROR.as_bytes()));
            }
            b"content" if value.peek()? == b'{' => {
                let failed = &mut self.error;
                value.object(|key, value| {
                    match key {
                        b"type" => *failed |= plain_string(value)?.ends_with(b"_error"),
                        b"return_code" => *failed |= value.raw()? != b"0",
                        _ => {}
                    }
                    Ok(())
                })?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Kind of the entry that it yields, if any.
    pub(super) fn kind(&self, role: &[u8]) -> Option<EntryKind> {
        match self.kind {
            b"text" | b"" if self.text.is_some() && role == b"assistant" => {
                self.text.filter(|text| !text.is_blank()).map(|_| EntryKind::Text)
            }
            b"text" | b"" if self.text.is_none() => Some(EntryKind::Other),
            b"text" | b"" => match user_markup::kind(self.text?) {
                UserTextKind::Nothing => None,
                UserTextKind::Prompt => Some(EntryKind::Prompt),
                UserTextKind::Notice => Some(EntryKind::Notice),
            },
            b"thinking" => self.text.filter(|text| !text.is_blank()).map(|_| EntryKind::Thinking),
            b"redacted_thinking" => Some(EntryKind::Thinking),
            b"image" | b"document" | b"container_upload" | b"search_result" => Some(EntryKind::Image),
            b"connector_text" | b"advisor_tool_result" => Some(EntryKind::Text),
            b"compaction" => Some(EntryKind::Notice),
            kind if kind.ends_with(b"tool_result") => None,
            kind if kind.ends_with(b"tool_use") => Some(EntryKind::Tool),
            _ => Some(EntryKind::Other),
        }
    }
}

/// True for a list that is empty or begins with an object.
fn begins_with_object(list: &JsonCursor<'_>) -> bool {
    let mut first = None;
    let read = list.clone().array(|item| {
        first = first.or(Some(item.peek()?));
        Err(MalformedJson)
    });
    read.is_ok() || first == Some(b'{')
}

/// Reads a string without escapes, also one in an object; empty for any other value.
pub(super) fn plain_string<'a>(value: &mut JsonCursor<'a>) -> Result<&'a [u8], MalformedJson> {
    let text = if value.peek()? == b'{' { value.string_field(b"text")? } else { value.text()? };
    Ok(text.map_or(&b""[..], |text| text.0))
}
