//! JSON shapes of command output. Fields may be added; none is renamed or removed without a new [`SCHEMA_VERSION`].

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::agent::TranscriptBranch;
use crate::domain::{self, Time, TitleSource, transcript};

/// Version of all JSON shapes.
pub const SCHEMA_VERSION: u32 = 1;

/// JSON shape of a session.
#[derive(Serialize)]
pub struct SessionJson<'a> {
    id: &'a str,
    /// Name of another machine or container.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
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
    tokens: TokensJson,
    cost_usd: Option<f64>,
    bytes: u64,
    #[serde(serialize_with = "lossy")]
    path: &'a Path,
    state: &'static str,
    flags: Vec<&'static str>,
    parent: Option<&'a str>,
    forked_from: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    starred: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [Arc<str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    /// Session of another agent that was handed over to this one, as `agent:id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    continues: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    kept: bool,
    /// Time from which its agent deletes it; `null` if it does not, or if that is unknown.
    purge_at: Option<String>,
}

impl SessionJson<'_> {
    /// Adds the time from which its agent deletes the session.
    #[must_use]
    pub fn purged_at(self, time: Option<Time>) -> Self {
        Self { purge_at: time.map(Time::rfc3339), ..self }
    }
}

/// Serialises a path; bytes that are not UTF-8 are replaced, because JSON has no others.
pub fn lossy<S: serde::Serializer>(path: impl AsRef<Path>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.as_ref().to_string_lossy())
}

/// JSON shape of token counts.
#[derive(Serialize)]
pub struct TokensJson {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
}

/// JSON shape of an unreadable file or an invalid setting.
#[derive(Serialize)]
pub struct IssueJson<'a> {
    #[serde(serialize_with = "lossy")]
    path: &'a Path,
    line: Option<u64>,
    reason: &'a str,
}

/// JSON shape of a branch of a conversation.
#[derive(Serialize)]
pub struct BranchJson {
    n: usize,
    entries: usize,
    last: Option<String>,
    head: String,
}

impl BranchJson {
    /// Converts the branch with number `n`, from 1.
    pub fn new(n: usize, branch: TranscriptBranch) -> Self {
        let TranscriptBranch { entries, last, head } = branch;
        Self { n, entries, last: last.map(Time::rfc3339), head }
    }
}

/// JSON shape of the number of hidden sessions per reason.
#[derive(Serialize)]
pub struct HiddenJson {
    subagent: usize,
    headless: usize,
    empty: usize,
    archived: usize,
    purged: usize,
    elsewhere: usize,
}

/// Output of `list`.
#[derive(Serialize)]
pub struct ListJson<'a> {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Number of visible sessions before paging.
    pub total: usize,
    /// Sessions of the requested page.
    pub sessions: Vec<SessionJson<'a>>,
    /// Number of sessions that are not shown.
    pub hidden: HiddenJson,
    /// Unreadable files and errors in the configuration.
    pub issues: Vec<IssueJson<'a>>,
}

/// Output of `search`.
#[derive(Serialize)]
pub struct SearchJson<'a> {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Query as typed.
    pub query: &'a str,
    /// Number of matching sessions before `--limit`.
    pub total: usize,
    /// Matching sessions in sort order.
    pub hits: Vec<HitJson<'a>>,
    /// Amount of searched data.
    pub searched: SearchedJson,
    /// True if all selected sessions were searched.
    pub complete: bool,
    /// Issues of the query, and unreadable files.
    pub issues: Vec<IssueJson<'a>>,
}

/// JSON shape of a matching session.
#[derive(Serialize)]
pub struct HitJson<'a> {
    /// Session; for a sub-agent, `parent` is the id of its parent session.
    pub session: SessionJson<'a>,
    /// Number of matching texts.
    pub count: usize,
    /// Best snippets.
    pub snippets: Vec<SnippetJson<'a>>,
}

/// JSON shape of a snippet; `ranges` are byte ranges of matches in `text`.
#[derive(Serialize)]
pub struct SnippetJson<'a> {
    entry: Option<usize>,
    /// Number of the entry's branch, if it is not the one that is shown first.
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<usize>,
    kind: &'static str,
    text: &'a str,
    ranges: Vec<[usize; 2]>,
}

/// JSON shape of the amount of searched data.
#[derive(Serialize)]
pub struct SearchedJson {
    sessions: usize,
    bytes: u64,
}

/// JSON shape of a transcript entry.
#[derive(Serialize)]
pub struct EntryJson<'a> {
    n: usize,
    kind: &'static str,
    role: &'static str,
    time: Option<String>,
    text: &'a str,
    tool: Option<ToolJson<'a>>,
    tokens: Option<TokensJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<&'a str>,
    truncated: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    reverted: bool,
}

/// JSON shape of a tool call.
#[derive(Serialize)]
pub struct ToolJson<'a> {
    name: &'a str,
    id: &'a str,
    input: &'a Value,
    output: &'a str,
    status: &'static str,
    duration_ms: Option<u64>,
    subagent: Option<&'a str>,
}

impl<'a> From<&'a domain::Session> for SessionJson<'a> {
    fn from(session: &'a domain::Session) -> Self {
        Self {
            id: &session.key.id,
            host: session.key.host.as_deref(),
            agent: session.key.agent.name(),
            title: &session.title.text,
            title_source: session.title.source,
            workspace: non_empty(&session.workspace),
            cwd: non_empty(&session.cwd),
            branch: session.branch.as_deref(),
            model: session.model.as_deref(),
            started_at: session.started_at.map(Time::rfc3339),
            last_activity: session.last_activity.map(Time::rfc3339),
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
            starred: session.is_starred(),
            tags: session.tags(),
            note: session.note(),
            continues: session.continues().map(|origin| origin.to_string()),
            kept: session.is_kept(),
            purge_at: None,
        }
    }
}

impl From<domain::Tokens> for TokensJson {
    fn from(tokens: domain::Tokens) -> Self {
        let domain::Tokens { input, output, cache_read, cache_write } = tokens;
        Self { input, output, cache_read, cache_write }
    }
}

impl<'a> From<&'a domain::Issue> for IssueJson<'a> {
    fn from(issue: &'a domain::Issue) -> Self {
        Self { path: &issue.path, line: issue.line, reason: &issue.reason }
    }
}

impl IssueJson<'_> {
    /// Formats the issue as `path:line: reason`.
    pub fn to_line(&self) -> String {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("{}{line}: {}", self.path.display(), self.reason)
    }
}

impl From<domain::catalog::HiddenCounts> for HiddenJson {
    fn from(counts: domain::catalog::HiddenCounts) -> Self {
        let elsewhere = counts.elsewhere();
        let domain::catalog::HiddenCounts { subagent, headless, empty, archived, purged, .. } = counts;
        Self { subagent, headless, empty, archived, purged, elsewhere }
    }
}

impl<'a> HitJson<'a> {
    /// Creates a hit; `entries` are the entries of its snippets, and `purge_at` is the time from which its agent deletes the
    /// session.
    pub fn new(
        hit: &'a domain::search::Hit,
        entries: &[Option<domain::search::LocatedEntry>],
        purge_at: Option<Time>,
    ) -> Self {
        let snippets = hit.snippets.iter().zip(entries);
        Self {
            session: SessionJson::from(&*hit.session).purged_at(purge_at),
            count: hit.count,
            snippets: snippets.map(|(snippet, index)| SnippetJson::new(*index, snippet)).collect(),
        }
    }
}

impl<'a> SnippetJson<'a> {
    /// Creates a snippet of an entry; `None` means a match in the title.
    pub fn new(at: Option<domain::search::LocatedEntry>, snippet: &'a domain::search::Snippet) -> Self {
        Self {
            entry: at.map(|at| at.index + 1),
            branch: at.and_then(|at| at.branch).map(|branch| branch + 1),
            kind: kind(snippet.text_kind),
            text: &snippet.text,
            ranges: snippet.ranges.iter().map(|&Range { start, end }| [start, end]).collect(),
        }
    }
}

/// Kind of the matching entry, or `title`.
fn kind(part: domain::query::TextKind) -> &'static str {
    match part {
        domain::query::TextKind::Title => "title",
        part => part.kind().name(),
    }
}

impl From<domain::search::Coverage> for SearchedJson {
    fn from(reach: domain::search::Coverage) -> Self {
        let domain::search::Coverage { sessions, bytes, indexed: _, complete: _ } = reach;
        Self { sessions, bytes }
    }
}

impl<'a> EntryJson<'a> {
    /// Creates the entry at `index`, counted from 0.
    pub fn new(index: usize, entry: &'a domain::Entry) -> Self {
        Self {
            n: index + 1,
            kind: entry.kind.name(),
            role: entry.role.name(),
            time: entry.time.map(Time::rfc3339),
            text: &entry.text,
            tool: entry.tool.as_deref().map(ToolJson::from),
            tokens: entry.tokens.map(TokensJson::from),
            sender: entry.sender.as_deref(),
            truncated: entry.truncated,
            reverted: entry.reverted,
        }
    }
}

impl<'a> From<&'a transcript::Tool> for ToolJson<'a> {
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

/// Maps an empty string, which means unknown, to `null`.
fn non_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
