//! Codec of sessions and issues: blocks that are read one after the other into the same buffer. Repeated texts are
//! written once, and shared after reading.
//!
//! State that changes without a trace in any source is not encoded: live states, and the workspaces of directories. The
//! reader supplies both.

use std::sync::Arc;

use super::bytes::{ByteReader, ByteWriter, InternTable};
use crate::domain::{Agent, Flags, Issue, Session, SessionKey, SessionState, Time, Title, TitleSource, Tokens};

/// Bytes after which a block ends.
const BLOCK: usize = 64 << 10;

/// Tags of records.
const END: u8 = 0;
const SESSION: u8 = 1;
const ISSUE: u8 = 2;

/// State that is not encoded.
pub trait CurrentState {
    /// Returns the live state of a session.
    fn state(&self, key: &SessionKey) -> SessionState;
    /// Returns the workspace of a directory. Called once per directory.
    fn workspace(&self, cwd: &Arc<str>) -> Arc<str>;
}

/// Encodes sessions and issues as blocks.
pub fn encode<'a>(sessions: &'a [Arc<Session>], issues: &'a [Issue]) -> Vec<Vec<u8>> {
    let (mut to, mut blocks) = (ByteWriter::default(), Vec::new());
    let mut cut = |to: &mut ByteWriter<'a>| {
        if to.len() >= BLOCK {
            blocks.push(to.take());
        }
    };
    for session in sessions {
        to.byte(SESSION);
        write_session(&mut to, session);
        cut(&mut to);
    }
    for Issue { path, line, reason } in issues {
        to.byte(ISSUE);
        to.path(path);
        to.option(*line, ByteWriter::number);
        to.bytes(reason.as_bytes());
        cut(&mut to);
    }
    to.byte(END);
    blocks.push(to.into_bytes());
    blocks
}

/// Decoder of the blocks.
#[derive(Debug, Default)]
pub struct SnapshotDecoder {
    interned: InternTable,
    /// Workspaces by the number of their directory.
    workspaces: Vec<Option<Arc<str>>>,
    sessions: Vec<Arc<Session>>,
    issues: Vec<Issue>,
    ended: bool,
}

impl SnapshotDecoder {
    /// Decodes the next block; `None` where it is damaged.
    pub fn read_block(&mut self, block: &[u8], now: &dyn CurrentState) -> Option<()> {
        let mut from = ByteReader::new(block, &mut self.interned);
        while !from.is_empty() {
            match from.byte()? {
                _ if self.ended => return None,
                SESSION => self.sessions.push(Arc::new(read_session(&mut from, now, &mut self.workspaces)?)),
                ISSUE => self.issues.push(Issue {
                    path: from.path()?,
                    line: from.option(ByteReader::number)?,
                    reason: from.text()?.to_owned(),
                }),
                END => self.ended = true,
                _ => return None,
            }
        }
        Some(())
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

fn write_session<'a>(to: &mut ByteWriter<'a>, session: &'a Session) {
    // An exhaustive pattern, so that a new field cannot be forgotten here.
    let Session {
        key: SessionKey { agent, id },
        title: Title { text, source },
        workspace: _,
        cwd,
        branch,
        model,
        started_at,
        last_activity,
        turns,
        messages,
        tokens: Tokens { input, output, cache_read, cache_write },
        cost_usd,
        bytes,
        path,
        state: _,
        flags,
        parent,
        forked_from,
        first,
        unreadable,
        tip,
        complete,
    } = session;
    to.byte(agent_number(*agent));
    to.bytes(id.as_bytes());
    to.bytes(text.as_bytes());
    to.byte(source_number(*source));
    to.shared(cwd);
    for shared in [branch, model, parent, forked_from] {
        to.option(shared.as_deref(), ByteWriter::shared);
    }
    for time in [started_at, last_activity] {
        to.option(time.map(Time::millis), ByteWriter::signed);
    }
    for count in [turns, messages, unreadable] {
        to.number((*count).into());
    }
    for count in [input, output, cache_read, cache_write, bytes] {
        to.number(*count);
    }
    to.option(cost_usd.map(f64::to_bits), ByteWriter::wide);
    to.path(path);
    to.byte(flags_number(*flags));
    to.option(*first, ByteWriter::wide);
    to.option(tip.as_deref().map(str::as_bytes), ByteWriter::bytes);
    to.byte((*complete).into());
}

fn read_session(
    from: &mut ByteReader,
    now: &dyn CurrentState,
    workspaces: &mut Vec<Option<Arc<str>>>,
) -> Option<Session> {
    let key = SessionKey { agent: *Agent::ALL.get(usize::from(from.byte()?))?, id: from.text()?.into() };
    let title = Title { text: from.text()?.into(), source: source(from.byte()?)? };
    let (number, cwd) = from.numbered()?;
    if workspaces.len() <= number {
        workspaces.resize(number + 1, None);
    }
    let workspace = workspaces[number].get_or_insert_with(|| now.workspace(&cwd)).clone();
    let mut shared = || from.option(ByteReader::shared);
    let (branch, model, parent, forked_from) = (shared()?, shared()?, shared()?, shared()?);
    let mut time = || Some(from.option(ByteReader::signed)?.map(Time::from_millis));
    let (started_at, last_activity) = (time()?, time()?);
    let (turns, messages, unreadable) = (from.small()?, from.small()?, from.small()?);
    let tokens = Tokens {
        input: from.number()?,
        output: from.number()?,
        cache_read: from.number()?,
        cache_write: from.number()?,
    };
    Some(Session {
        state: now.state(&key),
        key,
        title,
        workspace,
        cwd,
        branch,
        model,
        started_at,
        last_activity,
        turns,
        messages,
        tokens,
        bytes: from.number()?,
        cost_usd: from.option(ByteReader::wide)?.map(f64::from_bits),
        path: from.path()?,
        flags: flags(from.byte()?)?,
        parent,
        forked_from,
        first: from.option(ByteReader::wide)?,
        unreadable,
        tip: from.option(ByteReader::text)?.map(Arc::from),
        complete: from.bool()?,
    })
}

/// Returns an agent's index in [`Agent::ALL`].
pub(super) fn agent_number(agent: Agent) -> u8 {
    Agent::ALL.iter().position(|one| *one == agent).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

fn source_number(source: TitleSource) -> u8 {
    match source {
        TitleSource::Prompt => 0,
        TitleSource::Agent => 1,
        TitleSource::User => 2,
    }
}

fn source(number: u8) -> Option<TitleSource> {
    [TitleSource::Prompt, TitleSource::Agent, TitleSource::User].into_iter().find(|one| source_number(*one) == number)
}

fn flags_number(flags: Flags) -> u8 {
    let Flags { subagent, headless, empty, fork, archived, unreadable } = flags;
    let bits = [subagent, headless, empty, fork, archived, unreadable];
    bits.iter().rev().fold(0, |number, bit| number << 1 | u8::from(*bit))
}

fn flags(number: u8) -> Option<Flags> {
    let bit = |at: u8| number >> at & 1 == 1;
    (number < 1 << 6).then(|| Flags {
        subagent: bit(0),
        headless: bit(1),
        empty: bit(2),
        fork: bit(3),
        archived: bit(4),
        unreadable: bit(5),
    })
}
