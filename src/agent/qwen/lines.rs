//! What a line of Qwen Code's transcripts tells (0.24.4): Claude's tree of records, Gemini's parts in them.

use std::collections::HashMap;
use std::sync::Arc;

use super::decode;
use crate::agent::jsonl::{Dialect, Link, Malformed, Mark, Parent, Pull, ResultMark, Skim, Text, Usage};
use crate::domain::{Entry, EntryKind, Event, Key, Time, Tokens};

/// The dialect of one file.
#[derive(Debug, Default)]
pub struct Lines {
    /// A sub-agent's file.
    pub subagent: bool,
    /// Sub-agents' sessions by the tool call that started them.
    pub links: HashMap<String, Arc<str>>,
}

impl Dialect for Lines {
    fn skim<'a>(&self, line: &'a [u8], offset: u64) -> Result<Skim<'a>, Malformed> {
        let mut record = Record::default();
        let mut pull = Pull::new(line);
        if pull.peek()? != b'{' {
            return Err(Malformed);
        }
        pull.object(|key, value| record.field(key, value))?;
        if pull.at_end() { Ok(record.skim(self.subagent, offset)) } else { Err(Malformed) }
    }

    fn decode(&self, line: &[u8], marks: &[Mark], sink: &mut dyn FnMut(Event)) {
        decode::entries(line, marks, sink);
    }

    fn decode_results(&self, line: &[u8], sink: &mut dyn FnMut(Event)) {
        decode::results(line, sink);
    }

    fn finish(&self, entry: &mut Entry) {
        let Some(tool) = entry.tool.as_deref_mut() else { return };
        tool.subagent = tool.subagent.take().or_else(|| self.links.get(&*tool.id).cloned());
    }
}

/// A line's fields that matter.
#[derive(Debug, Default)]
struct Record<'a> {
    kind: &'a [u8],
    subtype: &'a [u8],
    provenance: &'a [u8],
    uuid: Option<Text<'a>>,
    parent: Option<Parent>,
    session: Option<Text<'a>>,
    time: Option<Time>,
    cwd: Option<Text<'a>>,
    branch: Option<Text<'a>>,
    model: Option<Text<'a>>,
    forked_from: Option<Text<'a>>,
    parts: Vec<Part<'a>>,
    tokens: Option<Tokens>,
    /// `systemPayload` of records that are not conversation.
    payload: Payload<'a>,
    failed: bool,
}

#[derive(Debug, Default)]
struct Payload<'a> {
    event: &'a [u8],
    phase: &'a [u8],
    title: Option<Text<'a>>,
    title_source: &'a [u8],
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "what a part is, as its fields tell")]
struct Part<'a> {
    text: Option<Text<'a>>,
    thought: bool,
    /// It is a tool's call, or what came of one.
    call: bool,
    response: bool,
    id: Option<Text<'a>>,
    data: bool,
}

impl<'a> Record<'a> {
    fn field(&mut self, key: &[u8], value: &mut Pull<'a>) -> Result<(), Malformed> {
        match key {
            b"type" => self.kind = word(value)?,
            b"subtype" => self.subtype = word(value)?,
            b"provenance" => self.provenance = word(value)?,
            b"uuid" => self.uuid = value.text()?,
            b"parentUuid" => self.parent = Some(value.text()?.map_or(Parent::Root, |id| Parent::Id(id.hash()))),
            b"sessionId" => self.session = value.text()?,
            b"timestamp" => {
                self.time = value.text()?.and_then(|text| std::str::from_utf8(text.0).ok().and_then(Time::parse));
            }
            b"cwd" => self.cwd = value.text()?,
            b"gitBranch" => self.branch = value.text()?,
            b"model" => self.model = value.text()?,
            b"forkedFrom" => {
                let from = &mut self.forked_from;
                value.object(|key, value| {
                    if key == b"sessionId" {
                        *from = value.text()?;
                    }
                    Ok(())
                })?;
            }
            b"message" => {
                let parts = &mut self.parts;
                value.object(|key, value| {
                    if key != b"parts" {
                        return Ok(());
                    }
                    value.array(|item| {
                        let mut part = Part::default();
                        item.object(|key, value| part.field(key, value))?;
                        parts.push(part);
                        Ok(())
                    })
                })?;
            }
            b"usageMetadata" => self.tokens = Some(tokens(value)?),
            b"toolCallResult" => {
                let failed = &mut self.failed;
                value.object(|key, value| {
                    if key == b"status" {
                        *failed = word(value)? == b"error";
                    }
                    Ok(())
                })?;
            }
            b"systemPayload" => self.payload.read(value)?,
            _ => {}
        }
        Ok(())
    }

    fn skim(self, subagent: bool, offset: u64) -> Skim<'a> {
        let mut skim = Skim { id: self.uuid, time: self.time, cwd: self.cwd, model: self.model, ..Skim::default() };
        skim.branch = self.branch.filter(|branch| branch.0 != b"HEAD");
        self.mark(&mut skim, offset);
        if let (Some(tokens), Some(id)) = (self.tokens, self.uuid) {
            skim.usage = Some(Usage { key: id.hash(), tokens });
        }
        if self.forked_from.is_some() {
            skim.rare().forked_from = self.forked_from;
        }
        if subagent {
            skim.rare().session = self.session;
        }
        if self.payload.title.is_some() && self.subtype == b"custom_title" {
            let automatic = self.payload.title_source == b"auto";
            let rare = skim.rare();
            *(if automatic { &mut rare.agent_title } else { &mut rare.user_title }) = self.payload.title;
        }
        skim.link = match self.uuid {
            Some(id) => {
                let parent = self.parent.unwrap_or(Parent::Previous);
                Link::Node { id: id.hash(), parent, group: 0, result: self.kind == b"tool_result" }
            }
            None if skim.marks.is_empty() => Link::Aside,
            None => Link::Linear,
        };
        skim
    }

    /// The entries that it makes.
    fn mark(&self, skim: &mut Skim<'a>, offset: u64) {
        let name = self.uuid.map_or_else(|| format!("@{offset}").into(), Text::decode);
        let mut put = |block: usize, kind, tool: Option<Text<'_>>, error| {
            let block = u32::try_from(block).unwrap_or(u32::MAX);
            skim.marks.push(Mark { key: Key::new(&name, block), kind, block, tool: tool.map_or(0, Text::hash), error });
        };
        match self.kind {
            b"user" if self.subtype == b"notification" => put(0, EntryKind::Notice, None, false),
            b"user" | b"assistant" => {
                let user = self.kind == b"user";
                let typed = user && (self.provenance.is_empty() || self.provenance == b"real_user");
                for (at, part) in self.parts.iter().enumerate() {
                    match part.kind(user) {
                        Some(EntryKind::Prompt) if typed => {
                            skim.prompt = skim.prompt.or(part.text);
                            skim.turns = 1;
                            put(at, EntryKind::Prompt, None, false);
                        }
                        // What the program says in the user's name is for the model only.
                        Some(EntryKind::Prompt) | None => {}
                        Some(kind) => put(at, kind, part.id.filter(|_| part.call), false),
                    }
                }
            }
            b"system" => match self.subtype {
                b"chat_compression" => put(0, EntryKind::Notice, None, false),
                b"ui_telemetry" if self.payload.event.ends_with(b".api_error") => put(0, EntryKind::Notice, None, true),
                b"slash_command" if self.payload.phase == b"invocation" => put(0, EntryKind::Notice, None, false),
                _ => {}
            },
            _ => {}
        }
        let results = self.parts.iter().filter(|part| part.response).filter_map(|part| part.id);
        skim.results.extend(results.map(|id| ResultMark { tool: id.hash(), error: self.failed }));
    }
}

impl<'a> Payload<'a> {
    fn read(&mut self, value: &mut Pull<'a>) -> Result<(), Malformed> {
        value.object(|key, value| {
            match key {
                b"phase" => self.phase = word(value)?,
                b"customTitle" => self.title = value.text()?,
                b"titleSource" => self.title_source = word(value)?,
                b"uiEvent" => value.object(|key, value| {
                    if key == b"event.name" {
                        self.event = word(value)?;
                    }
                    Ok(())
                })?,
                _ => {}
            }
            Ok(())
        })
    }
}

impl<'a> Part<'a> {
    fn field(&mut self, key: &[u8], value: &mut Pull<'a>) -> Result<(), Malformed> {
        match key {
            b"text" => self.text = value.text()?,
            b"thought" => self.thought = value.truth()?,
            b"functionCall" => (self.call, self.id) = (true, id(value)?),
            b"functionResponse" => (self.response, self.id) = (true, id(value)?),
            b"inlineData" | b"fileData" => self.data = true,
            _ => {}
        }
        Ok(())
    }

    /// The kind of entry that it makes, if it makes one.
    fn kind(&self, user: bool) -> Option<EntryKind> {
        match self {
            Self { call: true, .. } => Some(EntryKind::Tool),
            Self { response: true, .. } => None,
            Self { data: true, .. } => Some(EntryKind::Image),
            Self { text: Some(text), .. } if text.is_blank() => None,
            Self { text: Some(_), thought: true, .. } => Some(EntryKind::Thinking),
            Self { text: Some(_), .. } if user => Some(EntryKind::Prompt),
            Self { text: Some(_), .. } => Some(EntryKind::Text),
            Self { .. } => None,
        }
    }
}

/// The `id` of an object.
fn id<'a>(value: &mut Pull<'a>) -> Result<Option<Text<'a>>, Malformed> {
    let mut found = None;
    value.object(|key, value| {
        if key == b"id" {
            found = value.text()?;
        }
        Ok(())
    })?;
    Ok(found)
}

fn word<'a>(value: &mut Pull<'a>) -> Result<&'a [u8], Malformed> {
    Ok(value.text()?.map_or(&b""[..], |text| text.0))
}

/// Prompt tokens include those from the cache; whether thoughts are a part of the candidates, only the total tells.
fn tokens(value: &mut Pull<'_>) -> Result<Tokens, Malformed> {
    let (mut prompt, mut candidates, mut cached, mut total) = (0, 0, 0, 0);
    value.object(|key, value| {
        let kept = match key {
            b"promptTokenCount" => &mut prompt,
            b"candidatesTokenCount" => &mut candidates,
            b"cachedContentTokenCount" => &mut cached,
            b"totalTokenCount" => &mut total,
            _ => return Ok(()),
        };
        *kept = value.number()?.unwrap_or(0);
        Ok(())
    })?;
    let output = candidates.max(u64::saturating_sub(total, prompt));
    Ok(Tokens { input: prompt.saturating_sub(cached), output, cache_read: cached, cache_write: 0 })
}
