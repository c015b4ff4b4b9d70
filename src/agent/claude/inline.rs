//! Sub-agents of early versions (up to 1.0.x), whose conversations are in the file of the session that started them.
//!
//! Their records are marked `isSidechain`. Each conversation begins with a prompt that follows none of them, and that
//! equals the prompt of the tool call that started it. Each becomes a session of its own, named after its first record.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use memchr::memmem::Finder;
use serde_json::Value;

use crate::agent::Source;
use crate::agent::json::repair;
use crate::agent::jsonl::repaired::{self, ScannedLine};
use crate::agent::jsonl::{Dialect, JsonStr, RecordLink, RecordParent, SourceIdentity, summary};
use crate::domain::{Agent, Session, SessionKey};
use crate::stdx::lines::LineReader;

/// Field that marks the records of a sub-agent. Lines without it are skipped.
static MARK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#"isSidechain""#));

/// Names of the tools that start a sub-agent.
static STARTS: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| [r#""Task""#, r#""Agent""#].map(Finder::new));

/// The conversations of sub-agents in a session's file.
#[derive(Debug, Default)]
pub(super) struct Sidechains {
    /// In the order in which they began.
    chains: Vec<Sidechain>,
    /// Index of the conversation of each record, by its offset.
    of_record: HashMap<u64, usize>,
}

/// The conversation of a sub-agent.
#[derive(Debug)]
struct Sidechain {
    /// Id of its session.
    id: Arc<str>,
    /// Offset and length of each of its records, ascending.
    lines: Vec<(u64, u64)>,
    /// The call that started it, if a call has the same prompt.
    call: Option<Call>,
    prompt: String,
}

/// A tool call that starts a sub-agent.
#[derive(Clone, Debug)]
struct Call {
    id: String,
    description: String,
    prompt: String,
}

impl Sidechains {
    /// Finds them in the file at `path`, by a dialect that marks their records.
    pub(super) fn read(dialect: &dyn Dialect, path: &Path) -> io::Result<Self> {
        let (mut found, mut calls) = (Self::default(), Vec::new());
        let mut chain_of: HashMap<u64, usize> = HashMap::new();
        let mut lines = LineReader::from_offset(dialect.open_text(path, None)?.file, 0)?;
        while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
            if may_be_aside(line.bytes) {
                repaired::records(dialect, line.bytes, line.offset, 0, &mut |record| {
                    found.add(&record, &mut chain_of);
                });
            }
            if may_start(line.bytes) {
                calls.extend(calls_in(line.bytes));
            }
        }
        for chain in &mut found.chains {
            let call = calls.iter().position(|call| call.prompt == chain.prompt);
            chain.call = call.map(|at| calls.remove(at));
        }
        Ok(found)
    }

    /// Adds a record to the conversation of its parent. Without a parent there, a prompt begins a conversation, and any
    /// other record continues the last one.
    fn add(&mut self, record: &ScannedLine<'_>, chain_of: &mut HashMap<u64, usize>) {
        let Ok(metadata) = &record.metadata else { return };
        if !metadata.rare.as_ref().is_some_and(|rare| rare.side) {
            return;
        }
        let last = self.chains.len().checked_sub(1);
        let (id, known) = match metadata.link {
            RecordLink::Node { id, parent: RecordParent::Id(parent), .. } => (Some(id), chain_of.get(&parent).copied()),
            RecordLink::Node { id, parent: RecordParent::Previous, .. } => (Some(id), last),
            RecordLink::Node { id, parent: RecordParent::Root, .. } => (Some(id), None),
            RecordLink::Linear | RecordLink::Aside => (None, last),
        };
        // A repeated record belongs to the conversation that it began.
        let known = known.or_else(|| chain_of.get(&id?).copied());
        let at = known.or(last.filter(|_| metadata.prompt.is_none())).unwrap_or_else(|| {
            let id = metadata.id.map_or_else(|| format!("at-{}", record.offset).into(), JsonStr::decode);
            let prompt = metadata.prompt.map(|text| text.decode().into_owned()).unwrap_or_default();
            self.chains.push(Sidechain { id: format!("agent-{id}").into(), lines: Vec::new(), call: None, prompt });
            self.chains.len() - 1
        });
        chain_of.extend(id.map(|id| (id, at)));
        self.chains[at].lines.push((record.offset, record.len));
        self.of_record.insert(record.offset, at);
    }

    /// Returns the session of the sub-agent whose record is at an offset.
    pub(super) fn session_at(&self, offset: u64) -> Option<Arc<str>> {
        self.of_record.get(&offset).map(|&at| self.chains[at].id.clone())
    }

    /// Returns the session of the sub-agent that a tool call started.
    pub(super) fn started_by(&self, call: &str) -> Option<Arc<str>> {
        let is_of = |chain: &&Sidechain| chain.call.as_ref().is_some_and(|found| found.id == call);
        self.chains.iter().find(is_of).map(|chain| chain.id.clone())
    }

    /// Returns the records of a sub-agent's session.
    pub(super) fn into_lines_of(self, id: &str) -> Option<Vec<(u64, u64)>> {
        self.chains.into_iter().find(|chain| *chain.id == *id).map(|chain| chain.lines)
    }
}

/// Builds the sessions of a file's sub-agents, whose records a dialect marks. Their usage is included in the parent
/// session's.
pub(super) fn sessions(dialect: &dyn Dialect, source: &Source, parent: &Session) -> Vec<Session> {
    // Errors are already reported by the summary of the file.
    let (Ok(text), Ok(sidechains)) = (dialect.open_text(&source.path, None), Sidechains::read(dialect, &source.path))
    else {
        return Vec::new();
    };
    let session = |chain: Sidechain| {
        let identity = SourceIdentity {
            key: SessionKey::new(Agent::Claude, chain.id),
            subagent: true,
            parent: Some(parent.key.id.clone()),
            title: chain.call.map(|call| call.description).filter(|text| !text.is_empty()),
        };
        let mut session = summary::summarise_lines(dialect, &text.file, &chain.lines).ok()?.session(source, &identity);
        session.bytes = chain.lines.iter().map(|(_, len)| len + 1).sum();
        session.complete = true;
        // The summary of the file counts it.
        session.usage = Arc::default();
        Some(session)
    };
    sidechains.chains.into_iter().filter_map(session).collect()
}

/// False for a line that shows that none of its records is marked, as nearly all do.
fn may_be_aside(line: &[u8]) -> bool {
    MARK.find_iter(line).any(|at| {
        let value = line[at + MARK.needle().len()..].iter().find(|byte| !matches!(byte, b':' | b' ' | b'\t'));
        !matches!(value, Some(b'f' | b'n'))
    })
}

/// True for a line that names a tool which starts a sub-agent.
fn may_start(line: &[u8]) -> bool {
    let is_name = |at| {
        let before = line[..at].trim_ascii_end().strip_suffix(b":").map(<[u8]>::trim_ascii_end);
        before.is_some_and(|before| before.ends_with(br#""name""#))
    };
    STARTS.iter().any(|tool| tool.find_iter(line).any(is_name))
}

fn calls_in(line: &[u8]) -> Vec<Call> {
    let record: Value = serde_json::from_slice(line).unwrap_or_default();
    let blocks = record["message"]["content"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let call = |block: &Value| Call {
        id: text(&block["id"]),
        description: text(&block["input"]["description"]),
        prompt: text(&block["input"]["prompt"]),
    };
    let starts = |block: &&Value| matches!(block["name"].as_str(), Some("Task" | "Agent"));
    blocks.iter().filter(starts).map(call).collect()
}
