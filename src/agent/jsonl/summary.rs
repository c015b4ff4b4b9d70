//! A file summed up: all of it once, and from then on only what was appended.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};

use super::chain::{self, Record, Tip};
use super::facts::Facts;
use super::pull::hash;
use super::scan::{Scan, Scanned, check, scan};
use super::{Dialect, Identity, Link};
use crate::agent::{Cursor, Note, Progress, Sessions, Stamp, Summarised, Unit};
use crate::domain::{Issue, Session, Time};

/// Version of [`State`]: another one is not understood, and the file is read again.
const VERSION: u8 = 2;

/// What must be remembered to go on after an append; about a kilobyte.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    version: u8,
    /// Hash of the bytes before the cursor.
    check: u64,
    /// Lines before the cursor.
    lines: u64,
    facts: Facts,
    tip: Tip,
}

/// Sums a unit up, going on from `progress` where that is possible. What else an agent knows of the session stands in
/// `identity`.
pub fn summarise(dialect: &dyn Dialect, unit: &Unit, identity: &Identity, progress: Option<&Progress>) -> Summarised {
    if unit.stamp.size == 0 {
        let state = State { version: VERSION, ..State::default() };
        return finish(dialect, unit, identity, &state, (Cursor { stamp: unit.stamp, offset: 0 }, 0));
    }
    match read(dialect, unit, progress) {
        Ok((state, cursor, bytes_read)) => {
            // The row tells the size that was read, which may be more than was found.
            let unit = Unit { stamp: cursor.stamp, ..unit.clone() };
            finish(dialect, &unit, identity, &state, (cursor, bytes_read))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => nothing(),
        Err(error) => unreadable(unit, identity, &error),
    }
}

fn read(dialect: &dyn Dialect, unit: &Unit, progress: Option<&Progress>) -> io::Result<(State, Cursor, u64)> {
    let file = File::open(&unit.path)?;
    let stamp = Stamp::of(&file.metadata()?);
    if let Some((state, offset)) = progress.and_then(|progress| resume(&file, stamp, progress)) {
        let titles = state.facts.titles.len();
        let mut pass = Pass { facts: state.facts, tip: state.tip, ..Pass::default() };
        let scanned = scan(dialect, &file, (offset, state.lines), None, |line| pass.line(line, false))?;
        // A title told for some record may be this session's own: only all records can tell.
        if !pass.left && pass.facts.titles.len() == titles {
            return Ok((pass.end(&file, scanned)?, Cursor { stamp, offset: scanned.offset }, scanned.bytes_read));
        }
    }
    let mut pass = Pass::default();
    let scanned = scan(dialect, &file, (0, 0), None, |line| pass.line(line, true))?;
    pass.settle(dialect, &file)?;
    Ok((pass.end(&file, scanned)?, Cursor { stamp, offset: scanned.offset }, scanned.bytes_read))
}

/// Sums up some lines of a file (offset and length, ascending), as if they were a file of their own.
pub fn some(dialect: &dyn Dialect, file: &File, lines: &[(u64, u64)]) -> io::Result<Facts> {
    let mut pass = Pass::default();
    for (number, &(offset, len)) in (1..).zip(lines) {
        let mut line = vec![0; usize::try_from(len).unwrap_or(0)];
        file.read_exact_at(&mut line, offset)?;
        pass.line(Scan { offset, len, number, skim: dialect.skim(&line, offset) }, true);
    }
    pass.settle(dialect, file)?;
    Ok(pass.facts)
}

/// Sums up a file that was copied from the session `origin`, without what the `copied` records used.
pub fn copy(
    dialect: &dyn Dialect,
    unit: &Unit,
    identity: &Identity,
    (origin, copied): (&str, &HashSet<u64>),
) -> io::Result<Summarised> {
    let file = File::open(&unit.path)?;
    let stamp = Stamp::of(&file.metadata()?);
    let mut pass = Pass::default();
    pass.facts.fork_of(origin);
    let scanned = scan(dialect, &file, (0, 0), None, |mut line| {
        if let Ok(skim) = &mut line.skim
            && matches!(skim.link, Link::Node { id, .. } if copied.contains(&id))
        {
            skim.usage = None;
        }
        pass.line(line, true);
    })?;
    pass.settle(dialect, &file)?;
    let cursor = Cursor { stamp, offset: scanned.offset };
    let state = pass.end(&file, scanned)?;
    Ok(finish(dialect, &Unit { stamp, ..unit.clone() }, identity, &state, (cursor, scanned.bytes_read)))
}

/// The state and the offset to go on from, if the file is the one that was read and has only grown.
fn resume(file: &File, stamp: Stamp, progress: &Progress) -> Option<(State, u64)> {
    let Cursor { stamp: before, offset } = progress.cursor;
    if before.inode != stamp.inode || stamp.size < before.size || offset > stamp.size {
        return None;
    }
    let state: State = serde_json::from_slice(&progress.state).ok()?;
    let same = state.version == VERSION && offset > 0 && check(file, offset).ok()? == state.check;
    same.then_some((state, offset))
}

/// One pass over lines.
#[derive(Debug, Default)]
struct Pass {
    facts: Facts,
    tip: Tip,
    /// A record left the shown branch, or may have: counts of entries and turns are not to be trusted.
    left: bool,
    /// All records that matter for the shown branch, with their lines' places, when reading from the start.
    records: Vec<Record>,
    places: Vec<(u64, u64)>,
}

impl Pass {
    fn line(&mut self, line: Scan<'_>, all: bool) {
        let Ok(skim) = line.skim else { return self.facts.spoilt(line.number) };
        self.facts.take(&skim);
        let Some(record) = Record::of(&skim) else { return };
        self.left = self.left || !self.tip.extend(&record);
        self.facts.messages += record.entries;
        self.facts.turns += record.turns;
        if all {
            self.records.push(record);
            self.places.push((line.offset, line.len));
        }
    }

    /// After all lines: finds the session's own titles, and the shown branch if it is no plain line.
    fn settle(&mut self, dialect: &dyn Dialect, file: &File) -> io::Result<()> {
        let titles = std::mem::take(&mut self.facts.titles);
        let (own, elsewhere): (Vec<_>, Vec<_>) = titles.into_iter().partition(|(id, _)| {
            let hash = hash(id.as_bytes());
            self.records.iter().any(|record| matches!(record.link, Link::Node { id, .. } if id == hash))
        });
        self.facts.titles = elsewhere;
        if let Some((_, title)) = own.into_iter().next_back() {
            self.facts.adopt_title(title);
        }
        if !self.left {
            return Ok(());
        }
        let chosen = chain::choose(&self.records);
        let shown = || self.records.iter().zip(&chosen.records).filter(|(_, shown)| **shown).map(|(record, _)| record);
        self.facts.messages = shown().map(|record| record.entries).sum();
        self.facts.turns = shown().map(|record| record.turns).sum();
        self.tip = chosen.tip;
        if let Some(newest) = chosen.newest {
            let (offset, len) = self.places[newest];
            let mut line = vec![0; usize::try_from(len).unwrap_or(0)];
            file.read_exact_at(&mut line, offset)?;
            if let Some(id) = dialect.skim(&line, offset).ok().and_then(|skim| skim.id) {
                self.facts.tip = id.decode().into_owned();
            }
        }
        Ok(())
    }

    fn end(self, file: &File, scanned: Scanned) -> io::Result<State> {
        let check = check(file, scanned.offset)?;
        Ok(State { version: VERSION, check, lines: scanned.lines, facts: self.facts, tip: self.tip })
    }
}

fn finish(
    dialect: &dyn Dialect,
    unit: &Unit,
    identity: &Identity,
    state: &State,
    (cursor, bytes_read): (Cursor, u64),
) -> Summarised {
    let mut session = state.facts.session(unit, identity);
    session.complete = true;
    let notes = notes(&session, &state.facts);
    let mut issues: Vec<Issue> = Vec::new();
    for &line in &state.facts.bad_lines {
        issues.push(Issue { line: Some(line), ..Issue::new(&unit.path, "unreadable record") });
    }
    let untold = u64::from(state.facts.unreadable) - state.facts.bad_lines.len() as u64;
    if untold > 0 {
        issues.push(Issue::new(&unit.path, format!("{untold} more unreadable records")));
    }
    let mut sessions = vec![session];
    if state.facts.side {
        sessions.extend(dialect.side_sessions(unit, &sessions[0]));
    }
    // A state that cannot be written is not kept: the next reading starts from the beginning.
    let state = serde_json::to_vec(state).unwrap_or_default();
    Summarised { sessions: Sessions::All(sessions), notes, progress: Progress { cursor, state }, bytes_read, issues }
}

fn notes(session: &Session, facts: &Facts) -> Vec<Note> {
    let mut notes: Vec<Note> = facts
        .titles
        .iter()
        .map(|(tip, title)| Note::TitleOfTip { tip: tip.as_str().into(), title: title.clone() })
        .collect();
    if let Some(parent) = session.parent.clone().filter(|_| session.tokens.total() > 0) {
        notes.push(Note::Usage { id: parent, tokens: session.tokens });
    }
    notes
}

/// A unit that vanished before it could be read.
fn nothing() -> Summarised {
    let (sessions, progress) = (Sessions::All(Vec::new()), Progress::default());
    Summarised { sessions, notes: Vec::new(), progress, bytes_read: 0, issues: Vec::new() }
}

/// A row for a file that is there and cannot be read, so that it is missed by nobody.
fn unreadable(unit: &Unit, identity: &Identity, error: &io::Error) -> Summarised {
    let mut session = Session::new(identity.key.clone(), unit.path.clone());
    session.last_activity = Some(Time::from_millis(unit.stamp.mtime_millis()));
    session.bytes = unit.stamp.size;
    session.parent.clone_from(&identity.parent);
    session.flags.subagent = identity.subagent;
    session.flags.empty = true;
    session.flags.unreadable = true;
    session.complete = true;
    let progress = Progress { cursor: Cursor { stamp: unit.stamp, offset: 0 }, state: Vec::new() };
    let issues = vec![Issue::new(&unit.path, error)];
    Summarised { sessions: Sessions::All(vec![session]), notes: Vec::new(), progress, bytes_read: 0, issues }
}
