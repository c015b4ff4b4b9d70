//! A rollout summed up for lists: what its lines add up to, what its head tells, and what it goes on from.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::files::{self, ARCHIVED};
use super::head::Head;
use super::thread;
use crate::agent::jsonl::{Identity, summary, tail};
use crate::agent::{Progress, Sessions, Stamp, Summarised, Unit};
use crate::domain::{Agent, Issue, Session, SessionKey, Time, Title, TitleSource};

/// What is remembered beside the state of the lines.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Remembered {
    head: Head,
    inherited: Option<Inherited>,
}

/// What a fork shows of the threads before it. Their part of the history never changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Inherited {
    messages: u32,
    turns: u32,
    title: Title,
    model: Option<Arc<str>>,
    branch: Option<Arc<str>>,
    started: Option<Time>,
    last: Option<Time>,
    /// A thread whose rollout is not there.
    missing: Option<String>,
    #[serde(skip)]
    bytes_read: u64,
}

/// Reads all of a rollout, or what was appended since `progress`.
pub fn summarise(unit: &Unit, progress: Option<&Progress>) -> Summarised {
    let (known, lines) = progress.and_then(remembered).unzip();
    let head = head(unit, known.as_ref().map(|known| &known.head));
    let same = known.as_ref().is_some_and(|known| known.head.first == head.first && known.head.source == head.source);
    let known = known.and_then(|known| known.inherited);
    let inherited = head.base.as_ref().map(|_| known.unwrap_or_else(|| inherit(unit, &head)));
    let lines = lines.filter(|_| same);
    let mut summed = summary::summarise(&head.dialect(), unit, &identity(&head), lines.as_ref());
    summed.bytes_read += head.bytes_read + inherited.as_ref().map_or(0, |inherited| inherited.bytes_read);
    if let Some(missing) = inherited.as_ref().and_then(|inherited| inherited.missing.as_ref()) {
        summed.issues.push(Issue::new(&unit.path, thread::missing(missing)));
    }
    match &mut summed.sessions {
        // Nothing was written yet; a file that cannot be read is told all the same.
        Sessions::All(sessions) if unit.stamp.size == 0 => sessions.clear(),
        Sessions::All(sessions) | Sessions::Changed { sessions, .. } => {
            for session in sessions {
                complete(session, unit, &head, inherited.as_ref());
            }
        }
    }
    // A part that is missing now may be there next time.
    let inherited = inherited.filter(|inherited| inherited.missing.is_none());
    remember(&mut summed.progress, &Remembered { head, inherited });
    summed
}

/// A row from both ends of a rollout.
pub fn glance(unit: &Unit) -> Vec<Session> {
    if unit.stamp.size == 0 {
        return Vec::new();
    }
    let head = head(unit, None);
    let mut session = tail::glance(&head.dialect(), unit, &identity(&head));
    complete(&mut session, unit, &head, None);
    session.flags.empty &= head.base.is_none();
    session.complete = false;
    vec![session]
}

/// The head as it is remembered, if the file still has it; else read anew, and bare where that fails.
fn head(unit: &Unit, known: Option<&Head>) -> Head {
    if let Some(known) = known.filter(|known| known.holds(&unit.path)) {
        return known.clone();
    }
    // Whatever is wrong with the file, reading its lines will tell.
    Head::read(&unit.path)
        .unwrap_or_else(|_| Head { thread: files::thread_of(&unit.path).to_owned(), ..Head::default() })
}

fn identity(head: &Head) -> Identity {
    Identity {
        key: SessionKey::new(Agent::Codex, head.thread.as_str()),
        subagent: head.subagent,
        parent: head.parent.as_deref().map(Arc::from),
        title: None,
    }
}

/// Fills in what the lines do not tell.
fn complete(session: &mut Session, unit: &Unit, head: &Head, inherited: Option<&Inherited>) {
    session.cwd = head.cwd.as_str().into();
    session.branch = head.branch.as_deref().map(Arc::from);
    session.forked_from = head.forked_from.as_deref().map(Arc::from);
    session.flags.fork = head.forked_from.is_some();
    session.flags.headless = head.headless;
    session.flags.archived = unit.kind == ARCHIVED;
    if session.started_at.is_none() {
        // Without a message, the thread's own beginning is a better account than the file's change time.
        session.started_at = head.started;
        session.last_activity = head.started.or(session.last_activity);
    }
    if let Some(inherited) = inherited {
        inherited.add_to(session);
    }
}

impl Inherited {
    fn add_to(&self, session: &mut Session) {
        session.messages += self.messages;
        session.turns += self.turns;
        session.flags.empty = session.messages == 0;
        if session.title.source == TitleSource::Prompt && !self.title.text.is_empty() {
            session.title = self.title.clone();
        }
        session.model = session.model.take().or_else(|| self.model.clone());
        session.branch = session.branch.take().or_else(|| self.branch.clone());
        session.started_at = self.started.or(session.started_at);
        session.last_activity = session.last_activity.max(self.last);
    }
}

/// Sums up the parts of other rollouts that belong to a fork.
fn inherit(unit: &Unit, head: &Head) -> Inherited {
    let before = thread::before(&unit.path, head);
    let mut sum = Inherited { missing: before.missing.clone(), ..Inherited::default() };
    // The notice in the place of a missing part is an entry as well.
    sum.messages = u32::from(before.missing.is_some());
    for (path, dialect) in before.parts {
        let Ok(metadata) = std::fs::metadata(&path) else { continue };
        let part = Unit { agent: Agent::Codex, stamp: Stamp::of(&metadata), path, kind: files::ROLLOUT };
        let identity = identity(head);
        let summed = summary::summarise(&dialect, &part, &identity, None);
        sum.bytes_read += summed.bytes_read;
        let (Sessions::All(sessions) | Sessions::Changed { sessions, .. }) = summed.sessions;
        for session in sessions {
            sum.messages += session.messages;
            sum.turns += session.turns;
            sum.started = sum.started.or(session.started_at);
            sum.last = session.started_at.and(session.last_activity).or(sum.last);
            sum.model = session.model.or(sum.model.take());
            sum.branch = session.branch.or(sum.branch.take());
            if sum.title.text.is_empty() {
                sum.title = session.title;
            }
        }
    }
    sum
}

/// One line of JSON, then the state of the lines.
fn remember(progress: &mut Progress, remembered: &Remembered) {
    let mut state = serde_json::to_vec(remembered).unwrap_or_default();
    state.push(b'\n');
    state.append(&mut progress.state);
    progress.state = state;
}

fn remembered(progress: &Progress) -> Option<(Remembered, Progress)> {
    let end = memchr::memchr(b'\n', &progress.state)?;
    let remembered = serde_json::from_slice(&progress.state[..end]).ok()?;
    let lines = Progress { cursor: progress.cursor, state: progress.state[end + 1..].to_vec() };
    Some((remembered, lines))
}
