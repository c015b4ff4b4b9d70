//! Sessions and issues as a file holds them: texts that repeat are written once, so that most of what is read back is
//! shared and not made anew.
//!
//! What may change without a trace in any unit is not in it: who has a session open, and to which workspace its
//! directory belongs. Both are told by whoever reads.

use std::sync::Arc;

use super::bytes::{Reader, Writer};
use crate::domain::{Agent, Flags, Issue, Session, SessionKey, State, Time, Title, TitleSource, Tokens};

/// Fewest bytes of a session, so that a damaged count does not reserve more than there can be.
const LEAST: usize = 24;

/// What is not in the bytes.
pub trait Now {
    /// What a session is doing.
    fn state(&self, key: &SessionKey) -> State;
    /// The workspace of a directory. Asked once for each.
    fn workspace(&self, cwd: &Arc<str>) -> Arc<str>;
}

/// Sessions and issues as bytes.
pub fn write<'a>(sessions: &'a [Arc<Session>], issues: &'a [Issue]) -> Vec<u8> {
    let mut to = Writer::default();
    to.number(sessions.len() as u64);
    for session in sessions {
        write_session(&mut to, session);
    }
    to.number(issues.len() as u64);
    for Issue { path, line, reason } in issues {
        to.path(path);
        to.option(*line, Writer::number);
        to.bytes(reason.as_bytes());
    }
    to.into_bytes()
}

/// The same, read back. `None`: these are not the bytes of any.
pub fn read(bytes: &[u8], now: &dyn Now) -> Option<(Vec<Arc<Session>>, Vec<Issue>)> {
    let mut from = Reader::new(bytes);
    let count: usize = from.small()?;
    let mut sessions = Vec::with_capacity(count.min(bytes.len() / LEAST));
    let mut places = Vec::new();
    for _ in 0..count {
        sessions.push(Arc::new(read_session(&mut from, now, &mut places)?));
    }
    let count: usize = from.small()?;
    let issue = |from: &mut Reader| {
        Some(Issue { path: from.path()?, line: from.option(Reader::number)?, reason: from.text()?.to_owned() })
    };
    let issues = (0..count).map(|_| issue(&mut from)).collect::<Option<_>>()?;
    (from.left() == 0).then_some((sessions, issues))
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

/// Reads a session; `places` are the workspaces of directories that were asked for, by the directory's number.
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
