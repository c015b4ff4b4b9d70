//! Summarises a rollout: totals of its lines, its head, and the history that a fork inherits.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::head::RolloutHead;
use super::paths::{self, ARCHIVED};
use super::thread;
use crate::agent::jsonl::{SourceIdentity, summary, tail};
use crate::agent::{FileStamp, Source, SourceSessions, SourceSummary, SummaryProgress};
use crate::domain::{Agent, Issue, Session, SessionKey, Time, Title, TitleSource};

/// State stored before the state of the lines.
#[derive(Debug, Default, Serialize, Deserialize)]
struct SummaryState {
    head: RolloutHead,
    inherited: Option<InheritedHistory>,
}

/// Totals of the threads before a fork. Their part of the history never changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct InheritedHistory {
    messages: u32,
    turns: u32,
    title: Title,
    model: Option<Arc<str>>,
    branch: Option<Arc<str>>,
    started: Option<Time>,
    last: Option<Time>,
    /// Ancestor thread whose rollout is missing.
    missing_thread: Option<String>,
    #[serde(skip)]
    bytes_read: u64,
}

/// Reads all of a rollout, or the bytes appended since `progress`.
pub fn summarise(source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary {
    let (known, lines) = progress.and_then(decode_state).unzip();
    let head = read_head(source, known.as_ref().map(|known| &known.head));
    let same = known.as_ref().is_some_and(|known| {
        known.head.fingerprint == head.fingerprint && known.head.record_source == head.record_source
    });
    let known = known.and_then(|known| known.inherited);
    let inherited = head.base.as_ref().map(|_| known.unwrap_or_else(|| inherit(source, &head)));
    let lines = lines.filter(|_| same);
    let mut summary = summary::summarise(&head.dialect(), source, &identity(&head), lines.as_ref());
    summary.bytes_read += head.bytes_read + inherited.as_ref().map_or(0, |inherited| inherited.bytes_read);
    if let Some(missing_thread) = inherited.as_ref().and_then(|inherited| inherited.missing_thread.as_ref()) {
        summary.issues.push(Issue::new(&source.path, thread::missing_history_text(missing_thread)));
    }
    match &mut summary.sessions {
        // An empty file has no session yet; one that cannot be read keeps its row.
        SourceSessions::All(sessions) if source.stamp.size == 0 => sessions.clear(),
        SourceSessions::All(sessions) | SourceSessions::Changed { sessions, .. } => {
            for session in sessions {
                fill_from_head(session, source, &head, inherited.as_ref());
            }
        }
    }
    // A missing part may be available next time.
    let inherited = inherited.filter(|inherited| inherited.missing_thread.is_none());
    encode_state(&mut summary.progress, &SummaryState { head, inherited });
    summary
}

/// Builds a row from both ends of a rollout.
pub fn peek(source: &Source) -> Vec<Session> {
    if source.stamp.size == 0 {
        return Vec::new();
    }
    let head = read_head(source, None);
    let mut session = tail::peek(&head.dialect(), source, &identity(&head));
    fill_from_head(&mut session, source, &head, None);
    session.flags.empty &= head.base.is_none();
    session.complete = false;
    vec![session]
}

/// Head of a rollout: the stored one if it is current, else a new one; only the thread id if reading fails.
fn read_head(source: &Source, known: Option<&RolloutHead>) -> RolloutHead {
    if let Some(known) = known.filter(|known| known.is_current(&source.path)) {
        return known.clone();
    }
    // Reading the lines reports the error.
    RolloutHead::read(&source.path)
        .unwrap_or_else(|_| RolloutHead { thread: paths::thread_of(&source.path).to_owned(), ..RolloutHead::default() })
}

fn identity(head: &RolloutHead) -> SourceIdentity {
    SourceIdentity {
        key: SessionKey::new(Agent::Codex, head.thread.as_str()),
        subagent: head.subagent,
        parent: head.parent.as_deref().map(Arc::from),
        title: None,
    }
}

/// Fills in the fields that the lines do not have.
fn fill_from_head(session: &mut Session, source: &Source, head: &RolloutHead, inherited: Option<&InheritedHistory>) {
    session.cwd = head.cwd.as_str().into();
    session.branch = head.branch.as_deref().map(Arc::from);
    session.forked_from = head.forked_from.as_deref().map(Arc::from);
    session.flags.fork = head.forked_from.is_some();
    session.flags.headless = head.headless;
    session.flags.archived = source.kind == ARCHIVED;
    if session.started_at.is_none() {
        // Without a message, the thread's start time is more accurate than the file's change time.
        session.started_at = head.started;
        session.last_activity = head.started.or(session.last_activity);
    }
    if let Some(inherited) = inherited {
        inherited.add_to(session);
    }
}

impl InheritedHistory {
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

/// Summarises the parts of other rollouts that belong to a fork.
fn inherit(source: &Source, head: &RolloutHead) -> InheritedHistory {
    let ancestors = thread::ancestors(&source.path, head);
    let mut sum = InheritedHistory { missing_thread: ancestors.missing_thread.clone(), ..InheritedHistory::default() };
    // The notice about a missing part is an entry as well.
    sum.messages = u32::from(ancestors.missing_thread.is_some());
    for (path, dialect) in ancestors.parts {
        let Ok(metadata) = std::fs::metadata(&path) else { continue };
        let part = Source { agent: Agent::Codex, stamp: FileStamp::of(&metadata), path, kind: paths::ROLLOUT };
        let identity = identity(head);
        let summary = summary::summarise(&dialect, &part, &identity, None);
        sum.bytes_read += summary.bytes_read;
        let (SourceSessions::All(sessions) | SourceSessions::Changed { sessions, .. }) = summary.sessions;
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

/// Prepends the state as one line of JSON to the state of the lines.
fn encode_state(progress: &mut SummaryProgress, state: &SummaryState) {
    let mut bytes = serde_json::to_vec(state).unwrap_or_default();
    bytes.push(b'\n');
    bytes.append(&mut progress.state);
    progress.state = bytes;
}

fn decode_state(progress: &SummaryProgress) -> Option<(SummaryState, SummaryProgress)> {
    let end = memchr::memchr(b'\n', &progress.state)?;
    let state = serde_json::from_slice(&progress.state[..end]).ok()?;
    let lines = SummaryProgress { cursor: progress.cursor, state: progress.state[end + 1..].to_vec() };
    Some((state, lines))
}
