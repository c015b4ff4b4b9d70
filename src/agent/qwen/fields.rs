//! Fields of Qwen Code's records that metadata is made from: message parts, and what the program writes about itself.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::decode;
use crate::agent::jsonl::{JsonCursor, JsonStr, MalformedJson};
use crate::domain::{EntryKind, Tokens};

#[derive(Debug, Default)]
pub(super) struct Payload<'a> {
    pub event: &'a [u8],
    pub phase: &'a [u8],
    /// True if a command printed something.
    pub has_output: bool,
    /// True if it has a message for the user; its status says if something failed.
    pub has_message: bool,
    pub status: &'a [u8],
    pub title: Option<JsonStr<'a>>,
    pub title_source: &'a [u8],
    /// True if a field has another type than usual.
    pub is_unusual: bool,
    /// Command as typed.
    pub command: Option<JsonStr<'a>>,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the kinds of a part, as its fields show")]
pub(super) struct QwenPart<'a> {
    pub text: Option<JsonStr<'a>>,
    pub thought: bool,
    /// True for a tool call; `response` is true for a tool's result.
    pub call: bool,
    pub response: bool,
    pub id: Option<JsonStr<'a>>,
    /// True for the result of a command that failed.
    pub failed: bool,
    pub data: bool,
    /// True for a part of an unknown kind.
    pub other: bool,
    /// True if a field has another type than usual.
    pub is_unusual: bool,
}

impl<'a> Payload<'a> {
    pub(super) fn read(&mut self, value: &mut JsonCursor<'a>) -> Result<(), MalformedJson> {
        value.object(|key, value| {
            let first = value.peek()?;
            self.is_unusual |= match key {
                b"outputHistoryItems" | b"compressedHistory" => first != b'[',
                b"info" | b"uiEvent" => first != b'{',
                number if number.iter().all(u8::is_ascii_digit) => true,
                b"displayText" | b"phase" | b"rawCommand" | b"customTitle" | b"titleSource" | b"message"
                | b"userText" => {
                    matches!(first, b'[' | b'{')
                }
                _ => false,
            };
            match key {
                b"phase" => self.phase = plain_string(value)?,
                b"outputHistoryItems" => {
                    let (has_output, is_unusual) = (&mut self.has_output, &mut self.is_unusual);
                    value.array(|item| {
                        *is_unusual |= item.peek()? != b'{';
                        item.object(|key, value| {
                            *is_unusual |= key.iter().all(u8::is_ascii_digit);
                            if matches!(key, b"text" | b"content" | b"message") {
                                *is_unusual |= value.peek()? == b'{' || value.peek()? == b'[';
                                *has_output |= value.text()?.is_some_and(|text| !text.is_blank());
                            }
                            Ok(())
                        })
                    })?;
                }
                b"message" => self.has_message |= value.text()?.is_some_and(|text| !text.is_blank()),
                b"status" => self.status = plain_string(value)?,
                b"customTitle" => self.title = value.text()?,
                b"rawCommand" => self.command = value.text()?,
                b"titleSource" => self.title_source = plain_string(value)?,
                b"uiEvent" => value.object(|key, value| {
                    self.is_unusual |= key.iter().all(u8::is_ascii_digit);
                    if key == b"event.name" {
                        self.is_unusual |= value.peek()? != b'"';
                        self.event = plain_string(value)?;
                    }
                    Ok(())
                })?,
                _ => {}
            }
            Ok(())
        })
    }
}

impl<'a> QwenPart<'a> {
    /// Reads a list of parts, one part, or a text.
    pub(super) fn list(value: &mut JsonCursor<'a>, parts: &mut Vec<Self>) -> Result<(), MalformedJson> {
        match value.peek()? {
            b'[' => {
                return value.array(|item| {
                    let (is_unusual, from) = (!matches!(item.peek()?, b'{' | b'"'), parts.len());
                    Self::list(item, parts)?;
                    // A list in the list; an empty part tells that there was one.
                    if is_unusual && parts.len() == from {
                        parts.push(Self { is_unusual, ..Self::default() });
                    }
                    parts[from..].iter_mut().for_each(|part| part.is_unusual |= is_unusual);
                    Ok(())
                });
            }
            b'n' => return value.skip(),
            _ => {}
        }
        let mut part = Self::default();
        if value.peek()? == b'"' {
            part.text = value.text()?;
            // A part may be JSON in a text.
            part.is_unusual = part.text.is_some_and(|text| matches!(text.0.first(), Some(b'{' | b'[')));
        } else {
            // A list may be an object with numbers as names, in any order, see `tool_input::items`.
            let (mut items, mut has_other_names) = (Vec::new(), false);
            value.object(|key, value| {
                if key.iter().all(u8::is_ascii_digit) && !key.is_empty() {
                    let number = std::str::from_utf8(key).ok().and_then(|key| key.parse().ok()).unwrap_or(u64::MAX);
                    items.push((number, value.clone()));
                } else {
                    has_other_names = true;
                }
                part.field(key, value)
            })?;
            if !items.is_empty() && !has_other_names {
                items.sort_by_key(|(number, _)| *number);
                return items.iter_mut().try_for_each(|(_, item)| Self::list(item, parts));
            }
        }
        parts.push(part);
        Ok(())
    }

    pub(super) fn field(&mut self, key: &[u8], value: &mut JsonCursor<'a>) -> Result<(), MalformedJson> {
        self.is_unusual |= match (key, value.peek()?) {
            (b"text", first) => !matches!(first, b'"' | b'n'),
            (b"thought", first) => !matches!(first, b't' | b'f' | b'n'),
            (b"functionCall" | b"functionResponse", first) => first != b'{',
            _ => false,
        };
        match key {
            b"text" => self.text = text_field(value)?,
            b"thought" => self.thought = value.truth()?,
            b"functionCall" => {
                (self.call, self.id) = (true, id_field(value)?);
                self.is_unusual |= self.id.is_none();
            }
            b"functionResponse" => {
                self.failed = is_failed_command(value.clone().raw()?);
                (self.response, self.id) = (true, id_field(value)?);
                self.is_unusual |= self.id.is_none();
            }
            b"inlineData" | b"fileData" => self.data = true,
            b"thoughtSignature" | b"videoMetadata" => {}
            _ => self.other = true,
        }
        Ok(())
    }

    /// Kind of the entry that it yields, if any.
    pub(super) fn kind(&self, user: bool) -> Option<EntryKind> {
        match self {
            Self { call: true, .. } => Some(EntryKind::Tool),
            Self { response: true, .. } => None,
            Self { data: true, .. } => Some(EntryKind::Image),
            Self { text: Some(text), .. } if text.is_blank() => None,
            Self { text: Some(_), thought: true, .. } => Some(EntryKind::Thinking),
            Self { text: Some(text), .. } if user && is_context(*text) && after_context(*text).is_none() => None,
            Self { text: Some(_), .. } if user => Some(EntryKind::Prompt),
            Self { text: Some(_), .. } => Some(EntryKind::Text),
            Self { other: true, .. } => Some(EntryKind::Other),
            Self { .. } => None,
        }
    }
}

/// True for the result of a command, as encoded, that names an exit code other than 0.
pub(super) fn is_failed_command(result: &[u8]) -> bool {
    static CODE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\\nExit Code: "));
    static SIGNAL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\\nSignal: "));
    let differs = |name: &Finder<'_>| {
        let first = name.find(result).and_then(|at| result.get(at + name.needle().len()));
        first.is_some_and(|first| *first != b'0' && *first != b'(')
    };
    differs(&CODE) || differs(&SIGNAL)
}

/// True for a text that the program adds to a prompt, for the model only.
pub(super) fn is_context(text: JsonStr<'_>) -> bool {
    let text = text.head(64);
    let tag = text.trim_ascii_start().strip_prefix('<').unwrap_or_default();
    tag.starts_with("system-reminder>") || (tag.starts_with("qwen:") && tag.contains("-context>"))
}

/// Text after what the program added before a prompt in the same part.
pub(super) fn after_context(text: JsonStr<'_>) -> Option<String> {
    let text = text.decode();
    let prompt = decode::without_context(&text);
    (!prompt.trim().is_empty() && prompt.len() < text.len()).then(|| prompt.to_owned())
}

/// Reads a text; a list, an object or a number in place of one is encoded text, unless it is empty.
pub(super) fn text_field<'a>(value: &mut JsonCursor<'a>) -> Result<Option<JsonStr<'a>>, MalformedJson> {
    match value.peek()? {
        b'"' => value.text(),
        b'n' => value.skip().map(|()| None),
        b'{' | b'[' => {
            let raw = value.raw()?;
            let is_empty = raw[1..raw.len().saturating_sub(1)].trim_ascii().is_empty();
            Ok(Some(JsonStr(raw)).filter(|_| !is_empty))
        }
        _ => Ok(Some(JsonStr(value.raw()?))),
    }
}

/// Reads the id of an object: a string, or a number as its digits.
pub(super) fn id_field<'a>(value: &mut JsonCursor<'a>) -> Result<Option<JsonStr<'a>>, MalformedJson> {
    let mut found = None;
    value.object(|key, value| {
        if key == b"id" {
            found = value.id()?;
        }
        Ok(())
    })?;
    Ok(found)
}

/// Reads a string without escapes, also one in an object; empty for any other value.
pub(super) fn plain_string<'a>(value: &mut JsonCursor<'a>) -> Result<&'a [u8], MalformedJson> {
    let mut found = None;
    if value.peek()? == b'{' {
        value.object(|key, value| {
            if key == b"text" {
                found = value.text()?;
            }
            Ok(())
        })?;
    } else {
        found = value.text()?;
    }
    Ok(found.map_or(&b""[..], |text| text.0))
}

/// Reads usage. Prompt tokens include cached ones; only the total shows if the candidates include thoughts.
pub(super) fn tokens(value: &mut JsonCursor<'_>) -> Result<Tokens, MalformedJson> {
    let (mut prompt, mut candidates, mut cached, mut total) = (0, 0, 0, 0);
    value.object(|key, value| {
        let count = match key {
            b"promptTokenCount" => &mut prompt,
            b"candidatesTokenCount" => &mut candidates,
            b"cachedContentTokenCount" => &mut cached,
            b"totalTokenCount" => &mut total,
            _ => return Ok(()),
        };
        *count = value.number()?.unwrap_or(0);
        Ok(())
    })?;
    let output = candidates.max(u64::saturating_sub(total, prompt));
    Ok(Tokens { input: prompt.saturating_sub(cached), output, cache_read: cached, cache_write: 0 })
}
