//! Codec of sessions and issues: blocks that are read one after the other. Repeated texts and folders are written once,
//! and shared after reading.
//!
//! State that changes without a trace in any source is not encoded: live states, and the workspaces of directories. The
//! reader supplies both.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::session::CopiedPrefix;
use crate::domain::usage::{UsageRow, UsageSlot};
use crate::domain::{Agent, Flags, Issue, Session, SessionKey, SessionState, Time, Title, TitleSource, Tokens};
use crate::index::encoding;

/// Number of sessions, or of issues, per block.
const BLOCK_ROWS: usize = 256;

/// State that is not encoded.
pub trait CurrentState {
    /// Returns the live state of a session.
    fn state(&self, key: &SessionKey) -> SessionState;
    /// Returns the workspace of a directory. Called once per directory.
    fn workspace(&self, cwd: &Arc<str>) -> Arc<str>;
}

/// Block of rows. Texts and folders are numbered over all blocks; a block contains those that it uses first.
#[derive(Serialize, Deserialize)]
struct Block<'a> {
    /// Number of the block, so that none is missing or repeated.
    number: u32,
    is_last: bool,
    #[serde(borrow)]
    texts: Vec<&'a str>,
    #[serde(borrow)]
    folders: Vec<&'a [u8]>,
    #[serde(borrow)]
    sessions: Vec<SessionRow<'a>>,
    #[serde(borrow)]
    issues: Vec<IssueRow<'a>>,
}

/// Number of a shared text.
type TextNumber = u32;

/// Usage by time and model.
type EncodedUsage = (UsageSlot, Option<TextNumber>, Tokens);

/// Path: number of its folder, and its name, which need not be UTF-8.
type PathRow<'a> = (u32, &'a [u8]);

#[derive(Serialize, Deserialize)]
struct SessionRow<'a> {
    agent: Agent,
    id: &'a str,
    title: &'a str,
    title_source: TitleSource,
    cwd: TextNumber,
    branch: Option<TextNumber>,
    model: Option<TextNumber>,
    parent: Option<TextNumber>,
    forked_from: Option<TextNumber>,
    started_at: Option<Time>,
    last_activity: Option<Time>,
    turns: u32,
    messages: u32,
    unreadable: u32,
    tokens: Tokens,
    /// Encoded rows of usage, so that they can be skipped.
    #[serde(borrow)]
    usage: Cow<'a, [u8]>,
    modified: Option<Time>,
    cost_usd: Option<f64>,
    bytes: u64,
    #[serde(borrow)]
    path: PathRow<'a>,
    flags: Flags,
    copied: Option<CopiedPrefix>,
    first: Option<u64>,
    tip: Option<&'a str>,
    last_prompt: Option<&'a str>,
    complete: bool,
}

#[derive(Serialize, Deserialize)]
struct IssueRow<'a> {
    #[serde(borrow)]
    path: PathRow<'a>,
    line: Option<u64>,
    reason: &'a str,
}

/// Encodes sessions and issues as blocks.
pub fn encode<'a>(sessions: &'a [Arc<Session>], issues: &'a [Issue]) -> Vec<Vec<u8>> {
    let mut shared = SharedTexts::default();
    let count = sessions.len().div_ceil(BLOCK_ROWS).max(issues.len().div_ceil(BLOCK_ROWS)).max(1);
    let block = |number: usize| {
        let rows = number * BLOCK_ROWS;
        let sessions = sessions.iter().skip(rows).take(BLOCK_ROWS).map(|session| shared.session(session)).collect();
        let issues = issues.iter().skip(rows).take(BLOCK_ROWS).map(|issue| shared.issue(issue)).collect();
        let (texts, folders) = (std::mem::take(&mut shared.new_texts), std::mem::take(&mut shared.new_folders));
        let (number, is_last) = (u32::try_from(number).unwrap_or(u32::MAX), number + 1 == count);
        // Numbers, bytes and texts always have an encoding.
        encoding::encode(&Block { number, is_last, texts, folders, sessions, issues }).unwrap_or_default()
    };
    (0..count).map(block).collect()
}

/// Texts and folders that were written, by their numbers.
#[derive(Default)]
struct SharedTexts<'a> {
    texts: HashMap<&'a str, u32>,
    folders: HashMap<&'a [u8], u32>,
    new_texts: Vec<&'a str>,
    new_folders: Vec<&'a [u8]>,
}

impl<'a> SharedTexts<'a> {
    fn text(&mut self, text: &'a str) -> TextNumber {
        number_of(&mut self.texts, &mut self.new_texts, text)
    }

    fn path(&mut self, path: &'a Path) -> PathRow<'a> {
        let bytes = path.as_os_str().as_bytes();
        let (folder, name) = bytes.split_at(memchr::memrchr(b'/', bytes).map_or(0, |at| at + 1));
        (number_of(&mut self.folders, &mut self.new_folders, folder), name)
    }

    fn issue(&mut self, Issue { path, line, reason }: &'a Issue) -> IssueRow<'a> {
        IssueRow { path: self.path(path), line: *line, reason }
    }

    fn session(&mut self, session: &'a Session) -> SessionRow<'a> {
        // An exhaustive pattern, so that a new field cannot be forgotten here.
        let Session {
            key: SessionKey { agent, id, host: _ },
            title: Title { text: title, source: title_source },
            workspace: _,
            cwd,
            branch,
            model,
            started_at,
            last_activity,
            turns,
            messages,
            tokens,
            usage,
            modified,
            cost_usd,
            bytes,
            path,
            state: _,
            flags,
            parent,
            forked_from,
            copied,
            first,
            unreadable,
            tip,
            last_prompt,
            complete,
            annotated: _,
        } = session;
        let mut optional = |text: &'a Option<Arc<str>>| text.as_deref().map(|text| self.text(text));
        let (branch, model) = (optional(branch), optional(model));
        let (parent, forked_from) = (optional(parent), optional(forked_from));
        let usage: Vec<EncodedUsage> = usage.iter().map(|row| (row.slot, optional(&row.model), row.tokens)).collect();
        SessionRow {
            agent: *agent,
            id,
            title,
            title_source: *title_source,
            cwd: self.text(cwd),
            branch,
            model,
            parent,
            forked_from,
            started_at: *started_at,
            last_activity: *last_activity,
            turns: *turns,
            messages: *messages,
            unreadable: *unreadable,
            tokens: *tokens,
            // Numbers always have an encoding.
            usage: Cow::Owned(encoding::encode(&usage).unwrap_or_default()),
            modified: *modified,
            cost_usd: *cost_usd,
            bytes: *bytes,
            path: self.path(path),
            flags: *flags,
            copied: copied.as_deref().cloned(),
            first: *first,
            tip: tip.as_deref(),
            last_prompt: last_prompt.as_deref(),
            complete: *complete,
        }
    }
}

/// Returns the number of a value, which is new the first time.
fn number_of<T: Copy + Eq + std::hash::Hash>(numbers: &mut HashMap<T, u32>, new: &mut Vec<T>, value: T) -> u32 {
    let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
    *numbers.entry(value).or_insert_with(|| {
        new.push(value);
        next
    })
}

/// Decoder of the blocks.
#[derive(Debug, Default)]
pub struct SnapshotDecoder {
    blocks: u32,
    texts: Vec<Arc<str>>,
    folders: Vec<Box<[u8]>>,
    /// Workspaces by the number of their directory.
    workspaces: Vec<Option<Arc<str>>>,
    sessions: Vec<Arc<Session>>,
    issues: Vec<Issue>,
    ended: bool,
    skips_usage: bool,
}

impl SnapshotDecoder {
    /// Creates a decoder that leaves the usage of sessions out.
    pub fn without_usage() -> Self {
        Self { skips_usage: true, ..Self::default() }
    }

    /// Decodes the next block; `None` where it is damaged.
    pub fn read_block(&mut self, bytes: &[u8], now: &dyn CurrentState) -> Option<()> {
        let block: Block<'_> = encoding::decode(bytes)?;
        if self.ended || block.number != self.blocks {
            return None;
        }
        self.blocks += 1;
        self.ended = block.is_last;
        self.texts.extend(block.texts.into_iter().map(Arc::from));
        self.folders.extend(block.folders.into_iter().map(Box::from));
        for row in block.sessions {
            let session = self.session(row, now)?;
            self.sessions.push(Arc::new(session));
        }
        for IssueRow { path, line, reason } in block.issues {
            self.issues.push(Issue { path: self.path(path)?, line, reason: reason.to_owned() });
        }
        Some(())
    }

    fn session(&mut self, row: SessionRow<'_>, now: &dyn CurrentState) -> Option<Session> {
        let cwd = self.texts.get(row.cwd as usize)?.clone();
        self.workspaces.resize(self.workspaces.len().max(self.texts.len()), None);
        let workspace = self.workspaces[row.cwd as usize].get_or_insert_with(|| now.workspace(&cwd)).clone();
        // The outer `None` is damage.
        let shared = |number: Option<TextNumber>| match number {
            Some(number) => self.texts.get(number as usize).cloned().map(Some),
            None => Some(None),
        };
        let key = SessionKey::new(row.agent, row.id);
        let usage: Vec<EncodedUsage> = if self.skips_usage { Vec::new() } else { encoding::decode(&row.usage)? };
        let usage =
            usage.into_iter().map(|(slot, model, tokens)| Some(UsageRow { slot, model: shared(model)?, tokens }));
        Some(Session {
            state: now.state(&key),
            key,
            title: Title { text: row.title.into(), source: row.title_source },
            workspace,
            cwd,
            branch: shared(row.branch)?,
            model: shared(row.model)?,
            started_at: row.started_at,
            last_activity: row.last_activity,
            turns: row.turns,
            messages: row.messages,
            tokens: row.tokens,
            usage: usage.collect::<Option<_>>()?,
            modified: row.modified,
            cost_usd: row.cost_usd,
            bytes: row.bytes,
            path: self.path(row.path)?,
            flags: row.flags,
            parent: shared(row.parent)?,
            forked_from: shared(row.forked_from)?,
            copied: row.copied.map(Box::new),
            first: row.first,
            unreadable: row.unreadable,
            tip: row.tip.map(Arc::from),
            last_prompt: row.last_prompt.map(Arc::from),
            complete: row.complete,
            annotated: None,
        })
    }

    fn path(&self, (folder, name): PathRow<'_>) -> Option<PathBuf> {
        let folder = self.folders.get(folder as usize)?;
        let mut path = OsString::with_capacity(folder.len() + name.len());
        path.push(OsStr::from_bytes(folder));
        path.push(OsStr::from_bytes(name));
        Some(path.into())
    }

    /// Returns true if the last block was decoded.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Returns the sessions and issues, if they are complete.
    pub fn finish(self) -> Option<(Vec<Arc<Session>>, Vec<Issue>)> {
        self.ended.then_some((self.sessions, self.issues))
    }
}
