//! What a line of Claude Code's transcripts tells: 1.0.128 to 2.1.329.
//!
//! Records with a `uuid` are the tree, whatever their type; others tell facts. The texts themselves are decoded
//! elsewhere. No order of keys is relied on.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::super::jsonl::{
    Dialect, Link, Malformed, Mark, Parent, Pull, Rare, ResultMark, Skim, Text, Usage, pull::hash,
};
use super::words::{self, Kind};
use super::{decode, inline};
use crate::agent::Unit;
use crate::domain::{Entry, EntryKind, Event, Key, Session, Time, Tokens};

/// The dialect of one file.
#[derive(Debug, Default)]
pub struct Lines {
    /// A sub-agent's file: there, side chains are the conversation.
    pub subagent: bool,
    /// Sub-agents' sessions by the tool call that started them, where side files tell.
    pub links: HashMap<String, Arc<str>>,
    /// Only these lines (offset and length, ascending) are the session: it stands in another one's file.
    pub only: Option<Vec<(u64, u64)>>,
    /// The file, to look for sub-agents inside it when an entry asks for one.
    pub file: Option<PathBuf>,
    /// What was found there.
    pub inside: OnceLock<HashMap<String, Arc<str>>>,
}

impl Lines {
    /// The session of the sub-agent that a tool call started.
    fn started_by(&self, call: &str) -> Option<Arc<str>> {
        let inside = || self.inside.get_or_init(|| self.file.as_deref().map(inline::links).unwrap_or_default());
        self.links.get(call).or_else(|| inside().get(call)).cloned()
    }
}

/// Lines that tell nothing: requests as they went over the wire, backups, modes.
const NOISE: [&[u8]; 8] = [
    br#"{"type":"api-request"#,
    br#"{"type":"file-history-"#,
    br#"{"type":"atis-latch""#,
    br#"{"type":"tools-used""#,
    br#"{"type":"mode""#,
    br#"{"type":"permission-mode""#,
    br#"{"type":"agent-name""#,
    br#"{"type":"progress","data""#,
];

impl Dialect for Lines {
    fn skim<'a>(&self, line: &'a [u8], offset: u64) -> Result<Skim<'a>, Malformed> {
        let elsewhere = |only: &Vec<(u64, u64)>| only.binary_search_by_key(&offset, |(at, _)| *at).is_err();
        if self.only.as_ref().is_some_and(elsewhere) {
            return Ok(Skim::default());
        }
        if NOISE.iter().any(|noise| line.starts_with(noise)) {
            return if line.last() == Some(&b'}') { Ok(Skim::default()) } else { Err(Malformed) };
        }
        let record = Record::read(line)?;
        Ok(record.skim(self.subagent, offset))
    }

    fn decode(&self, line: &[u8], marks: &[Mark], sink: &mut dyn FnMut(Event)) {
        decode::entries(line, marks, sink);
    }

    fn decode_results(&self, line: &[u8], sink: &mut dyn FnMut(Event)) {
        decode::results(line, sink);
    }

    fn finish(&self, entry: &mut Entry) {
        decode::finish(entry, |call| self.started_by(call));
    }

    fn side_sessions(&self, unit: &Unit, session: &Session) -> Vec<Session> {
        inline::sessions(unit, session)
    }
}

/// A line's fields that matter.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the marks of a record, as the agent writes them")]
pub struct Record<'a> {
    kind: &'a [u8],
    subtype: &'a [u8],
    pub uuid: Option<Text<'a>>,
    pub parent: Option<Parent>,
    logical_parent: Option<Text<'a>>,
    pub sidechain: bool,
    meta: bool,
    compact_summary: bool,
    api_error: bool,
    message: Message<'a>,
    /// Content beside `message`: of system records, and of all records of early versions.
    content: Content<'a>,
    request: Option<Text<'a>>,
    /// Which block of its message it is, where the version says so (2.1).
    block: Option<u32>,
    time: Option<Time>,
    cwd: Option<Text<'a>>,
    branch: Option<Text<'a>>,
    entrypoint: Option<Text<'a>>,
    source: Option<Text<'a>>,
    session: Option<Text<'a>>,
    forked_from: Option<Text<'a>>,
    leaf: Option<Text<'a>>,
    title: Option<Text<'a>>,
    cost_usd: Option<f64>,
    queued: Content<'a>,
}

#[derive(Debug, Default)]
struct Message<'a> {
    id: Option<Text<'a>>,
    role: &'a [u8],
    model: Option<Text<'a>>,
    content: Content<'a>,
    tokens: Option<Tokens>,
}

/// A content: nothing, a string, or blocks.
#[derive(Debug, Default)]
struct Content<'a>(Vec<Block<'a>>);

#[derive(Debug, Default)]
struct Block<'a> {
    kind: &'a [u8],
    text: Option<Text<'a>>,
    /// Of a tool call, or the call that a result is for.
    tool: Option<Text<'a>>,
    error: bool,
}

impl<'a> Record<'a> {
    /// Reads a line.
    pub fn read(line: &'a [u8]) -> Result<Self, Malformed> {
        let mut record = Self::default();
        let mut pull = Pull::new(line);
        if pull.peek()? != b'{' {
            return Err(Malformed);
        }
        pull.object(|key, value| record.field(key, value))?;
        if pull.at_end() { Ok(record) } else { Err(Malformed) }
    }

    /// Its first text.
    pub fn prompt(&self) -> Option<Text<'a>> {
        self.message.content.0.iter().find_map(|block| block.text)
    }

    fn field(&mut self, key: &[u8], value: &mut Pull<'a>) -> Result<(), Malformed> {
        match key {
            b"type" => self.kind = word(value)?,
            b"subtype" => self.subtype = word(value)?,
            b"uuid" => self.uuid = value.text()?,
            b"parentUuid" => {
                self.parent = Some(value.text()?.map_or(Parent::Root, |id| Parent::Id(id.hash())));
            }
            b"logicalParentUuid" => self.logical_parent = value.text()?,
            b"isSidechain" => self.sidechain = value.truth()?,
            b"isMeta" => self.meta = value.truth()?,
            b"isCompactSummary" => self.compact_summary = value.truth()?,
            b"isApiErrorMessage" => self.api_error = value.truth()?,
            b"message" => self.message.read(value)?,
            b"content" => self.content = Content::read(value)?,
            b"role" => self.message.role = word(value)?,
            b"requestId" => self.request = value.text()?,
            b"apiBlockIndex" => self.block = value.number()?.and_then(|at| u32::try_from(at).ok()),
            b"timestamp" => self.time = time(value)?,
            b"ts" => self.time = value.number()?.and_then(|secs| i64::try_from(secs).ok()).map(Time::from_secs),
            b"cwd" => self.cwd = value.text()?,
            b"gitBranch" => self.branch = value.text()?,
            b"entrypoint" => self.entrypoint = value.text()?,
            b"promptSource" => self.source = value.text()?,
            b"sessionId" => self.session = value.text()?,
            b"forkedFrom" => self.forked_from = inner(value, b"sessionId")?,
            b"leafUuid" => self.leaf = value.text()?,
            b"customTitle" | b"aiTitle" | b"summary" => self.title = value.text()?,
            b"totalCostUSD" => {
                self.cost_usd = std::str::from_utf8(value.raw()?).ok().and_then(|cost| cost.parse().ok());
            }
            b"attachment" => self.attachment(value)?,
            _ => {}
        }
        Ok(())
    }

    /// A prompt that was typed while the agent worked is attached, not a record of its own.
    fn attachment(&mut self, value: &mut Pull<'a>) -> Result<(), Malformed> {
        let (mut kind, mut prompt) = (&b""[..], Content::default());
        value.object(|key, value| {
            match key {
                b"type" => kind = word(value)?,
                b"prompt" => prompt = Content::read(value)?,
                _ => {}
            }
            Ok(())
        })?;
        if kind == b"queued_command" {
            self.queued = prompt;
        }
        Ok(())
    }

    fn skim(self, subagent: bool, offset: u64) -> Skim<'a> {
        let mut skim = Skim { id: self.uuid, time: self.time, cwd: self.cwd, ..Skim::default() };
        skim.branch = self.branch.filter(|branch| branch.0 != b"HEAD");
        self.mark(&mut skim, offset);
        self.facts(&mut skim, subagent);
        let aside = self.sidechain && !subagent;
        skim.link = match self.uuid {
            _ if aside => Link::Aside,
            Some(id) => self.node(id, &skim),
            None if skim.marks.is_empty() => Link::Aside,
            None => Link::Linear,
        };
        if aside {
            // A side chain's usage is the session's; its words are not.
            let rare = Some(Box::new(Rare { side: true, ..Rare::default() }));
            return Skim { time: skim.time, usage: skim.usage, rare, ..Skim::default() };
        }
        skim
    }

    fn node(&self, id: Text<'a>, skim: &Skim<'_>) -> Link {
        let parent = match (self.logical_parent, self.parent) {
            (Some(parent), _) => Parent::Id(parent.hash()),
            (None, Some(Parent::Root)) if self.subtype == b"compact_boundary" => Parent::Previous,
            (None, parent) => parent.unwrap_or(Parent::Previous),
        };
        let assistant = self.kind == b"assistant";
        let group = self.message.id.filter(|_| assistant).map_or(0, Text::hash);
        Link::Node { id: id.hash(), parent, group, result: skim.marks.is_empty() && !skim.results.is_empty() }
    }

    /// What its entries are known by, and the number of the first: an answer by its message and block where both are
    /// told, for so it is already known while it streams.
    fn name(&self, offset: u64) -> (Cow<'a, str>, u32) {
        match (self.message.id, self.block) {
            (Some(message), Some(block)) if self.kind == b"assistant" => (message.decode(), block),
            _ => (self.uuid.map_or_else(|| format!("@{offset}").into(), Text::decode), 0),
        }
    }

    /// The entries that it makes.
    fn mark(&self, skim: &mut Skim<'a>, offset: u64) {
        let role = if self.kind.is_empty() { self.message.role } else { self.kind };
        let blocks = if self.message.content.0.is_empty() { &self.content.0 } else { &self.message.content.0 };
        let (name, first) = self.name(offset);
        let mut put = |block: usize, kind, tool: Option<Text<'_>>, error| {
            let block = u32::try_from(block).unwrap_or(u32::MAX);
            let tool = tool.map_or(0, Text::hash);
            skim.marks.push(Mark { key: Key::new(&name, first.saturating_add(block)), kind, block, tool, error });
        };
        match role {
            b"user" | b"human" if self.compact_summary => put(0, EntryKind::Notice, None, false),
            b"user" | b"human" => {
                for (at, block) in blocks.iter().enumerate().filter(|_| !self.meta) {
                    match block.kind(role) {
                        Some(EntryKind::Prompt) => {
                            skim.prompt = skim.prompt.or(block.text);
                            skim.turns = 1;
                            put(at, EntryKind::Prompt, None, false);
                        }
                        Some(kind) => put(at, kind, None, false),
                        None => {}
                    }
                }
            }
            b"assistant" => {
                for (at, block) in blocks.iter().enumerate() {
                    match block.kind(role) {
                        Some(EntryKind::Text) if self.api_error => put(at, EntryKind::Notice, None, true),
                        Some(kind) => put(at, kind, block.tool, false),
                        None => {}
                    }
                }
            }
            b"system" => {
                let notice = match self.subtype {
                    b"compact_boundary" | b"api_error" => true,
                    b"local_command" => blocks.first().is_some_and(|block| block.kind(b"user").is_some()),
                    _ => false,
                };
                if notice {
                    put(0, EntryKind::Notice, None, false);
                }
            }
            b"attachment" => {
                for (at, block) in self.queued.0.iter().enumerate() {
                    if block.kind(b"user") == Some(EntryKind::Prompt) {
                        skim.turns = 1;
                        put(at, EntryKind::Prompt, None, false);
                    }
                }
            }
            _ => {}
        }
        let results = blocks.iter().filter(|block| block.kind.ends_with(b"tool_result"));
        skim.results
            .extend(results.filter_map(|block| Some(ResultMark { tool: block.tool?.hash(), error: block.error })));
    }

    fn facts(&self, skim: &mut Skim<'a>, subagent: bool) {
        if self.kind == b"assistant" {
            skim.model = self.message.model.filter(|model| model.0 != b"<synthetic>");
            let key = self.message.id.map_or(0, Text::hash) ^ self.request.map_or(0, |id| id.hash().rotate_left(1));
            let key = if key == 0 { self.uuid.map_or_else(|| hash(b"-"), Text::hash) } else { key };
            skim.usage = self.message.tokens.map(|tokens| Usage { key, tokens });
        }
        if skim.turns > 0 && !subagent && self.entrypoint.is_some() {
            let program = self.entrypoint.is_some_and(|entry| entry.0 == b"sdk-cli");
            let typed = self.source.is_some_and(|source| source.0 == b"typed");
            skim.rare().headless = Some(program && !typed);
        }
        if self.forked_from.is_some() {
            skim.rare().forked_from = self.forked_from;
        }
        if subagent && self.session.is_some() {
            skim.rare().session = self.session;
        }
        let told = self.title.is_some() || self.leaf.is_some() || self.cost_usd.is_some();
        if self.uuid.is_none() && (told || self.kind == b"queue-operation") {
            self.rare(skim);
        }
    }

    /// What records outside of the conversation tell.
    fn rare(&self, skim: &mut Skim<'a>) {
        let mut rare = Rare::default();
        match self.kind {
            b"custom-title" => rare.user_title = self.title,
            b"ai-title" => rare.agent_title = self.title,
            b"summary" => rare.title_of = self.leaf.zip(self.title),
            b"last-prompt" => rare.leaf = self.leaf.map(Text::hash),
            b"cost-state" => rare.cost_usd = self.cost_usd,
            b"queue-operation" => rare.born = self.time,
            _ => {}
        }
        skim.rare = Some(Box::new(rare));
        // The time of a bookkeeping record is not a message's.
        skim.time = None;
    }
}

impl<'a> Message<'a> {
    fn read(&mut self, value: &mut Pull<'a>) -> Result<(), Malformed> {
        value.object(|key, value| {
            match key {
                b"id" => self.id = value.text()?,
                b"role" => self.role = word(value)?,
                b"model" => self.model = value.text()?,
                b"content" => self.content = Content::read(value)?,
                b"usage" => self.tokens = Some(tokens(value)?),
                _ => {}
            }
            Ok(())
        })
    }
}

impl<'a> Content<'a> {
    fn read(value: &mut Pull<'a>) -> Result<Self, Malformed> {
        if value.peek()? != b'[' {
            let text = value.text()?;
            return Ok(Self(
                text.map(|text| Block { kind: b"text", text: Some(text), ..Block::default() }).into_iter().collect(),
            ));
        }
        let mut blocks = Vec::new();
        value.array(|item| {
            let mut block = Block::default();
            if item.peek()? == b'"' {
                block = Block { kind: b"text", text: item.text()?, ..block };
            } else {
                item.object(|key, value| block.field(key, value))?;
            }
            blocks.push(block);
            Ok(())
        })?;
        Ok(Self(blocks))
    }
}

impl<'a> Block<'a> {
    fn field(&mut self, key: &[u8], value: &mut Pull<'a>) -> Result<(), Malformed> {
        match key {
            b"type" => self.kind = word(value)?,
            b"text" | b"thinking" => self.text = value.text()?,
            b"id" | b"tool_use_id" => self.tool = value.text()?,
            b"is_error" => self.error = value.truth()?,
            _ => {}
        }
        Ok(())
    }

    /// The kind of entry that it makes, if it makes one.
    fn kind(&self, role: &[u8]) -> Option<EntryKind> {
        match self.kind {
            b"text" if role == b"assistant" => self.text.filter(|text| !text.is_blank()).map(|_| EntryKind::Text),
            b"text" => match words::kind(self.text?) {
                Kind::Nothing => None,
                Kind::Prompt => Some(EntryKind::Prompt),
                Kind::Notice => Some(EntryKind::Notice),
            },
            b"thinking" => self.text.filter(|text| !text.is_blank()).map(|_| EntryKind::Thinking),
            b"redacted_thinking" => Some(EntryKind::Thinking),
            b"image" | b"document" => Some(EntryKind::Image),
            kind if kind.ends_with(b"tool_result") => None,
            kind if kind.ends_with(b"tool_use") => Some(EntryKind::Tool),
            _ => Some(EntryKind::Other),
        }
    }
}

/// A string of plain letters; empty for any other value.
fn word<'a>(value: &mut Pull<'a>) -> Result<&'a [u8], Malformed> {
    Ok(value.text()?.map_or(&b""[..], |text| text.0))
}

fn time(value: &mut Pull<'_>) -> Result<Option<Time>, Malformed> {
    Ok(value.text()?.and_then(|text| std::str::from_utf8(text.0).ok().and_then(Time::parse)))
}

/// One string of an object.
fn inner<'a>(value: &mut Pull<'a>, name: &[u8]) -> Result<Option<Text<'a>>, Malformed> {
    let mut found = None;
    value.object(|key, value| {
        if key == name {
            found = value.text()?;
        }
        Ok(())
    })?;
    Ok(found)
}

fn tokens(value: &mut Pull<'_>) -> Result<Tokens, Malformed> {
    let mut tokens = Tokens::default();
    value.object(|key, value| {
        let kept = match key {
            b"input_tokens" => &mut tokens.input,
            b"output_tokens" => &mut tokens.output,
            b"cache_read_input_tokens" => &mut tokens.cache_read,
            b"cache_creation_input_tokens" => &mut tokens.cache_write,
            _ => return Ok(()),
        };
        *kept = value.number()?.unwrap_or(0);
        Ok(())
    })?;
    Ok(tokens)
}
