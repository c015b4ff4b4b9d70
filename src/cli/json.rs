//! The shapes of JSON answers. Fields are added, never renamed or removed without a new [`SCHEMA_VERSION`].

use std::ops::Range;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::domain::{self, TitleSource, transcript};

/// Version of all shapes here.
pub const SCHEMA_VERSION: u32 = 1;

/// A session in a list.
#[derive(Serialize)]
pub struct Session<'a> {
    id: &'a str,
    agent: &'static str,
    title: &'a str,
    title_source: TitleSource,
    workspace: Option<&'a str>,
    cwd: Option<&'a str>,
    branch: Option<&'a str>,
    model: Option<&'a str>,
    started_at: Option<String>,
    last_activity: Option<String>,
    turns: u32,
    messages: u32,
    tokens: Tokens,
    cost_usd: Option<f64>,
    bytes: u64,
    path: &'a Path,
    state: &'static str,
    flags: Vec<&'static str>,
    parent: Option<&'a str>,
    forked_from: Option<&'a str>,
}

/// Token counts.
#[derive(Serialize)]
pub struct Tokens {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
}

/// Something that could not be read.
#[derive(Serialize)]
pub struct Issue<'a> {
    path: &'a Path,
    line: Option<u64>,
    reason: &'a str,
}

/// Hidden sessions, counted by the reason.
#[derive(Serialize)]
pub struct Hidden {
    subagent: usize,
    headless: usize,
    empty: usize,
    archived: usize,
    elsewhere: usize,
}

/// What `list` answers.
#[derive(Serialize)]
pub struct List<'a> {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Visible sessions before paging.
    pub total: usize,
    /// One page of them.
    pub sessions: Vec<Session<'a>>,
    /// Those that are not shown.
    pub hidden: Hidden,
    /// What could not be read.
    pub issues: Vec<Issue<'a>>,
}

/// What `search` answers.
#[derive(Serialize)]
pub struct Search<'a> {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The query, as it was written.
    pub query: &'a str,
    /// Sessions in which something was found, before `--limit`.
    pub total: usize,
    /// The first of them, in order.
    pub hits: Vec<Hit<'a>>,
    /// What was looked through.
    pub searched: Searched,
    /// Everything was.
    pub complete: bool,
    /// What could not be understood, or read.
    pub issues: Vec<Issue<'a>>,
}

/// A session in which something was found.
#[derive(Serialize)]
pub struct Hit<'a> {
    /// The session; of a sub-agent, `parent` tells whose.
    pub session: Session<'a>,
    /// How many of its texts hold what was looked for.
    pub count: usize,
    /// The best places.
    pub snippets: Vec<Snippet<'a>>,
}

/// A place where something was found.
#[derive(Serialize)]
pub struct Snippet<'a> {
    entry: Option<usize>,
    kind: &'static str,
    text: &'a str,
    ranges: Vec<[usize; 2]>,
}

/// How much was searched.
#[derive(Serialize)]
pub struct Searched {
    sessions: usize,
    bytes: u64,
}

/// An entry of a transcript.
#[derive(Serialize)]
pub struct Entry<'a> {
    n: usize,
    kind: &'static str,
    role: &'static str,
    time: Option<String>,
    text: &'a str,
    tool: Option<Tool<'a>>,
    tokens: Option<Tokens>,
    truncated: bool,
}

/// A tool call.
#[derive(Serialize)]
pub struct Tool<'a> {
    name: &'a str,
    id: &'a str,
    input: &'a Value,
    output: &'a str,
    status: &'static str,
    duration_ms: Option<u64>,
    subagent: Option<&'a str>,
}

impl<'a> From<&'a domain::Session> for Session<'a> {
    fn from(session: &'a domain::Session) -> Self {
        Self {
            id: &session.key.id,
            agent: session.key.agent.name(),
            title: &session.title.text,
            title_source: session.title.source,
            workspace: known(&session.workspace),
            cwd: known(&session.cwd),
            branch: session.branch.as_deref(),
            model: session.model.as_deref(),
            started_at: session.started_at.map(domain::Time::rfc3339),
            last_activity: session.last_activity.map(domain::Time::rfc3339),
            turns: session.turns,
            messages: session.messages,
            tokens: session.tokens.into(),
            cost_usd: session.cost_usd,
            bytes: session.bytes,
            path: &session.path,
            state: session.state.name(),
            flags: session.flags.names().collect(),
            parent: session.parent.as_deref(),
            forked_from: session.forked_from.as_deref(),
        }
    }
}

impl From<domain::Tokens> for Tokens {
    fn from(tokens: domain::Tokens) -> Self {
        let domain::Tokens { input, output, cache_read, cache_write } = tokens;
        Self { input, output, cache_read, cache_write }
    }
}

impl<'a> From<&'a domain::Issue> for Issue<'a> {
    fn from(issue: &'a domain::Issue) -> Self {
        Self { path: &issue.path, line: issue.line, reason: &issue.reason }
    }
}

impl Issue<'_> {
    /// In words for a person.
    pub fn words(&self) -> String {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("{}{line}: {}", self.path.display(), self.reason)
    }
}

impl From<domain::catalog::HiddenCounts> for Hidden {
    fn from(counts: domain::catalog::HiddenCounts) -> Self {
        let domain::catalog::HiddenCounts { subagent, headless, empty, archived, elsewhere } = counts;
        Self { subagent, headless, empty, archived, elsewhere }
    }
}

impl<'a> Hit<'a> {
    /// A hit, with the entry of each snippet, counted from 0.
    pub fn new(hit: &'a domain::found::Hit, entries: &[Option<usize>]) -> Self {
        let snippets = hit.snippets.iter().zip(entries);
        Self {
            session: (&*hit.session).into(),
            count: hit.count,
            snippets: snippets.map(|(snippet, index)| Snippet::new(*index, snippet)).collect(),
        }
    }
}

impl<'a> Snippet<'a> {
    /// A snippet in the entry at `index`, counted from 0; none where it stands in a title, which is no entry, or on a
    /// branch that is not shown.
    pub fn new(index: Option<usize>, snippet: &'a domain::found::Snippet) -> Self {
        Self {
            entry: index.map(|index| index + 1),
            kind: kind(snippet.part),
            text: &snippet.text,
            ranges: snippet.ranges.iter().map(|&Range { start, end }| [start, end]).collect(),
        }
    }
}

/// An entry's kind, or `title`.
fn kind(part: domain::query::Part) -> &'static str {
    match part {
        domain::query::Part::Title => "title",
        part => part.kind().name(),
    }
}

impl From<domain::found::Reach> for Searched {
    fn from(reach: domain::found::Reach) -> Self {
        let domain::found::Reach { sessions, bytes, talk: _, complete: _ } = reach;
        Self { sessions, bytes }
    }
}

impl<'a> Entry<'a> {
    /// The entry at `index`, counted from 0.
    pub fn new(index: usize, entry: &'a domain::Entry) -> Self {
        Self {
            n: index + 1,
            kind: entry.kind.name(),
            role: entry.role.name(),
            time: entry.time.map(domain::Time::rfc3339),
            text: &entry.text,
            tool: entry.tool.as_deref().map(Tool::from),
            tokens: entry.tokens.map(Tokens::from),
            truncated: entry.truncated,
        }
    }
}

impl<'a> From<&'a transcript::Tool> for Tool<'a> {
    fn from(tool: &'a transcript::Tool) -> Self {
        Self {
            name: &tool.name,
            id: &tool.id,
            input: &tool.input,
            output: &tool.output,
            status: tool.status.name(),
            duration_ms: tool.duration_ms,
            subagent: tool.subagent.as_deref(),
        }
    }
}

/// What is empty is unknown, and what is unknown is `null`.
fn known(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
