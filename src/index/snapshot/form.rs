//! Sessions and issues as a file holds them: in blocks that are read one after the other into the same memory, and with
//! texts that repeat written once, so that most of what is read back is shared and not made anew.
//!
//! What may change without a trace in any unit is not in it: who has a session open, and to which workspace its
//! directory belongs. Both are told by whoever reads.

use std::sync::Arc;

use super::bytes::{Known, Reader, Writer};
use crate::domain::{Agent, Flags, Issue, Session, SessionKey, State, Time, Title, TitleSource, Tokens};

/// Bytes after which a block ends.
const BLOCK: usize = 64 << 10;

/// What comes next.
const END: u8 = 0;
const SESSION: u8 = 1;
const ISSUE: u8 = 2;

/// What is not in the bytes.
pub trait Now {
    /// What a session is doing.
    fn state(&self, key: &SessionKey) -> State;
    /// The workspace of a directory. Asked once for each.
    fn workspace(&self, cwd: &Arc<str>) -> Arc<str>;
}

/// Sessions and issues as blocks of bytes.
pub fn write<'a>(sessions: &'a [Arc<Session>], issues: &'a [Issue]) -> Vec<Vec<u8>> {
    let (mut to, mut blocks) = (Writer::default(), Vec::new());
    let mut cut = |to: &mut Writer<'a>| {
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
        to.option(*line, Writer::number);
        to.bytes(reason.as_bytes());
        cut(&mut to);
    }
    to.byte(END);
    blocks.push(to.into_bytes());
    blocks
}

/// The same, being read back.
#[derive(Debug, Default)]
pub struct Reading {
    known: Known,
    /// The workspaces of directories, by the directory's number.
    places: Vec<Option<Arc<str>>>,
    sessions: Vec<Arc<Session>>,
    issues: Vec<Issue>,
    ended: bool,
}

impl Reading {
    /// Reads the next block. `None`: these are not the bytes of any.
    pub fn take(&mut self, block: &[u8], now: &dyn Now) -> Option<()> {
        let mut from = Reader::new(block, &mut self.known);
        while !from.is_empty() {
            match from.byte()? {
                _ if self.ended => return None,
                SESSION => self.sessions.push(Arc::new(read_session(&mut from, now, &mut self.places)?)),
                ISSUE => self.issues.push(Issue {
                    path: from.path()?,
                    line: from.option(Reader::number)?,
                    reason: from.text()?.to_owned(),
                }),
                END => self.ended = true,
                _ => return None,
            }
        }
        Some(())
    }

    /// Whether this was the last block.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// What was read, if that is all of it.
    pub fn end(self) -> Option<(Vec<Arc<Session>>, Vec<Issue>)> {
        self.ended.then_some((self.sessions, self.issues))
    }
}

fn write_session<'a>(to: &mut Writer<'a>, session: &'a Session) {
    // Taken to pieces, so that a field that is added cannot be forgotten here.
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
        to.option(shared.as_deref(), Writer::shared);
    }
    for time in [started_at, last_activity] {
        to.option(time.map(Time::millis), Writer::signed);
    }
    for count in [turns, messages, unreadable] {
        to.number((*count).into());
    }
    for count in [input, output, cache_read, cache_write, bytes] {
        to.number(*count);
    }
    to.option(cost_usd.map(f64::to_bits), Writer::wide);
    to.path(path);
    to.byte(flags_number(*flags));
    to.option(*first, Writer::wide);
    to.option(tip.as_deref().map(str::as_bytes), Writer::bytes);
    to.byte((*complete).into());
}

fn read_session(from: &mut Reader, now: &dyn Now, places: &mut Vec<Option<Arc<str>>>) -> Option<Session> {
    let key = SessionKey { agent: *Agent::ALL.get(usize::from(from.byte()?))?, id: from.text()?.into() };
    let title = Title { text: from.text()?.into(), source: source(from.byte()?)? };
    let (number, cwd) = from.numbered()?;
    if places.len() <= number {
        places.resize(number + 1, None);
    }
    let workspace = places[number].get_or_insert_with(|| now.workspace(&cwd)).clone();
    let mut shared = || from.option(Reader::shared);
    let (branch, model, parent, forked_from) = (shared()?, shared()?, shared()?, shared()?);
    let mut time = || Some(from.option(Reader::signed)?.map(Time::from_millis));
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
        cost_usd: from.option(Reader::wide)?.map(f64::from_bits),
        path: from.path()?,
        flags: flags(from.byte()?)?,
        parent,
        forked_from,
        first: from.option(Reader::wide)?,
        unreadable,
        tip: from.option(Reader::text)?.map(Arc::from),
        complete: from.bool()?,
    })
}

/// An agent's place in [`Agent::ALL`].
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
