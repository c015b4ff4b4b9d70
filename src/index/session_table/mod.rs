//! Session table: sources with their contents, and one merged row per session. No IO.
//!
//! A session may be in several sources (a stub left by a resume, a database beside the files that it was made from).
//! The row comes from the best candidate. Candidates are compared by completeness, by content, by newest activity, by
//! number of messages, by lowest [`Source::kind`], then by path. When the best one is removed, the next takes over.
//! Titles and usage from other sources ([`SummaryNote`]) override those of the row, in whichever order both arrive.

mod duplicates;
mod hidden;
mod intern;
mod labels;
mod overrides;
mod remote;
mod resend;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use self::duplicates::DuplicateGroups;
use self::intern::Interner;
use self::overrides::Overrides;
use crate::agent::{FileStamp, Source, SourceSessions, SummaryNote};
use crate::domain::catalog::CatalogChange;
use crate::domain::live_status::LiveStatus;
use crate::domain::session::Annotations;
use crate::domain::{Agent, Issue, Session, SessionKey, SessionState};

/// Id of a source in the table.
type SourceId = u32;

/// Origin of an issue that belongs to no source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IssueOrigin {
    /// Walk over the root with this number.
    Root(usize),
    /// Index itself: its cache, its watcher.
    Index(&'static str),
}

/// Contents of a source.
#[derive(Debug)]
pub struct SourceContents {
    /// Sessions of the source.
    pub sessions: SourceSessions,
    /// Notes about sessions in other sources.
    pub notes: Vec<SummaryNote>,
    /// Read errors of the source.
    pub issues: Vec<Issue>,
}

/// Table of all sources and sessions, with the changes since the last [`take_change`](Self::take_change).
#[derive(Debug, Default)]
pub struct SessionTable {
    sources: HashMap<SourceId, SourceRow>,
    by_path: HashMap<Arc<Path>, SourceId>,
    next: SourceId,
    sessions: HashMap<SessionKey, SessionRow>,
    overrides: Overrides,
    annotations: Annotations,
    /// Sessions whose labels or origin changed since the last change; their forks may inherit others.
    relabelled: HashSet<SessionKey>,
    /// Sessions that the user hid.
    hidden: HashSet<SessionKey>,
    /// Hidden sub-agents that were loaded since the last change; those below them may have been loaded before.
    hidden_above: HashSet<SessionKey>,
    /// Other machines with sessions in the table.
    hosts: HashSet<Arc<str>>,
    /// Sessions whose files are in the trash, of which only prompts may be left elsewhere.
    trashed: HashSet<SessionKey>,
    live: HashMap<SessionKey, SessionState>,
    interner: Interner,
    duplicates: DuplicateGroups,
    /// Sessions whose row must be rebuilt.
    dirty: HashSet<SessionKey>,
    /// Sessions whose row is sent again even if it is the same.
    resent: HashSet<SessionKey>,
    /// Last records whose title notes changed; the sessions that end there may have another title.
    tips: HashSet<(Agent, Arc<str>)>,
    issues_changed: bool,
    /// Issues that belong to no source.
    other_issues: HashMap<IssueOrigin, Vec<Issue>>,
}

/// Row of a source.
#[derive(Debug)]
struct SourceRow {
    agent: Agent,
    kind: u8,
    stamp: FileStamp,
    complete: bool,
    ids: Vec<Arc<str>>,
    notes: Vec<SummaryNote>,
    issues: Vec<Issue>,
}

/// Candidates of a session by source, and its last emitted row.
#[derive(Debug, Default)]
struct SessionRow {
    candidates: Vec<(SourceId, Arc<Session>)>,
    emitted: Option<Arc<Session>>,
}

impl SessionTable {
    /// Returns the stamp of a source at its last summary; `None` before the first one.
    pub fn stamp(&self, path: &Path) -> Option<FileStamp> {
        self.row(path).filter(|source| source.complete).map(|source| source.stamp)
    }

    /// Returns a source as it was last summarised or peeked at.
    pub fn source(&self, path: &Path) -> Option<Source> {
        let row = self.row(path)?;
        Some(Source { agent: row.agent, path: path.to_owned(), stamp: row.stamp, kind: row.kind })
    }

    /// Returns true if the table contains the source.
    pub fn contains(&self, path: &Path) -> bool {
        self.by_path.contains_key(path)
    }

    /// Returns true if there are no sources.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Returns the number of sources.
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// Returns the paths of all sources.
    pub fn paths(&self) -> impl Iterator<Item = &Arc<Path>> {
        self.by_path.keys()
    }

    /// Returns all sources, unordered.
    pub fn sources(&self) -> impl Iterator<Item = Source> {
        self.by_path.iter().filter_map(|(path, id)| {
            let row = self.sources.get(id)?;
            Some(Source { agent: row.agent, path: path.to_path_buf(), stamp: row.stamp, kind: row.kind })
        })
    }

    /// Returns the last emitted row of a session.
    pub fn session(&self, key: &SessionKey) -> Option<&Arc<Session>> {
        self.sessions.get(key)?.emitted.as_ref()
    }

    /// Returns all last emitted rows, unordered.
    pub fn sessions(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.sessions.values().filter_map(|row| row.emitted.as_ref())
    }

    /// Returns the last emitted rows of the sessions of this machine, unordered.
    pub fn own_sessions(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.sessions().filter(|session| session.key.host.is_none())
    }

    /// Returns the sessions of a source, without overrides.
    pub fn sessions_of(&self, path: &Path) -> Vec<Arc<Session>> {
        let Some((id, source)) = self.by_path.get(path).and_then(|id| Some((*id, self.sources.get(id)?))) else {
            return Vec::new();
        };
        let candidates = source.ids.iter().filter_map(|session| {
            let row = self.sessions.get(&SessionKey::new(source.agent, session.clone()))?;
            row.candidates.iter().find(|(of, _)| *of == id).map(|(_, session)| session.clone())
        });
        candidates.collect()
    }

    /// Adds the preliminary rows of a source, unless it is summarised already.
    pub fn add_peeked(&mut self, source: &Source, sessions: Vec<Session>) {
        if self.row(&source.path).is_some_and(|row| row.complete) {
            return;
        }
        let summary = SourceContents { sessions: SourceSessions::All(sessions), notes: Vec::new(), issues: Vec::new() };
        self.put(source, summary, false);
    }

    /// Adds the summary of a source.
    pub fn add_summary(&mut self, source: &Source, summary: SourceContents) {
        self.put(source, summary, true);
    }

    /// Adds the known contents of an unreadable source, which stays incomplete.
    pub fn add_unread(&mut self, source: &Source, summary: SourceContents) {
        self.put(source, summary, false);
    }

    fn put(&mut self, source: &Source, summary: SourceContents, complete: bool) {
        let id = self.id_of(source);
        match summary.sessions {
            SourceSessions::All(sessions) => {
                let removed = self.missing_sessions(id, &sessions);
                for session in sessions {
                    self.insert_session(id, session);
                }
                for session in removed {
                    self.remove_session(id, source.agent, session);
                }
            }
            SourceSessions::Changed { sessions, removed } => {
                for session in sessions {
                    self.insert_session(id, session);
                }
                for session in removed {
                    self.remove_session(id, source.agent, session);
                }
            }
        }
        let Some(row) = self.sources.get_mut(&id) else { return };
        (row.kind, row.stamp, row.complete) = (source.kind, source.stamp, complete);
        if row.issues != summary.issues {
            row.issues = summary.issues;
            self.issues_changed = true;
        }
        let previous = std::mem::replace(&mut row.notes, summary.notes);
        self.replace_notes(id, source.agent, &previous);
    }

    /// Removes a source with its sessions and notes.
    pub fn remove(&mut self, path: &Path) {
        let Some(id) = self.by_path.remove(path) else { return };
        let Some(mut source) = self.sources.remove(&id) else { return };
        for session in std::mem::take(&mut source.ids) {
            self.detach_session(id, SessionKey::new(source.agent, session));
        }
        self.issues_changed |= !source.issues.is_empty();
        self.replace_notes(id, source.agent, &source.notes);
    }

    /// Replaces the list of live sessions.
    pub fn set_live(&mut self, statuses: &[LiveStatus]) {
        let mut live: HashMap<SessionKey, SessionState> = HashMap::new();
        for status in statuses {
            // A session that is open in two processes has the more urgent state.
            live.entry(status.key.clone())
                .and_modify(|state| *state = status.state.min(*state))
                .or_insert(status.state);
        }
        let previous = std::mem::replace(&mut self.live, live);
        let differs = |key: &&SessionKey| previous.get(*key) != self.live.get(*key);
        let changed: Vec<_> = previous.keys().chain(self.live.keys()).filter(differs).cloned().collect();
        self.dirty.extend(changed);
    }

    /// Returns the sessions with an open turn, as far as they are read.
    pub fn busy_sessions(&self) -> Vec<Arc<Session>> {
        let is_busy = |state: SessionState| matches!(state, SessionState::NeedsYou | SessionState::Working);
        let busy = self.live.iter().filter(|(_, state)| is_busy(**state));
        busy.filter_map(|(key, _)| self.sessions.get(key)?.emitted.clone()).collect()
    }

    /// Replaces the annotations of sessions.
    pub fn set_annotations(&mut self, annotations: Annotations) {
        let previous = std::mem::replace(&mut self.annotations, annotations);
        let differs = |key: &&SessionKey| previous.get(*key) != self.annotations.get(*key);
        let changed: Vec<_> = previous.keys().chain(self.annotations.keys()).filter(differs).cloned().collect();
        self.relabelled.extend(changed.iter().cloned());
        self.dirty.extend(changed);
    }

    /// Takes the changed groups of sources whose sessions begin alike, so that all but one must be copies.
    pub fn take_duplicate_groups(&mut self) -> Vec<Vec<Source>> {
        let groups = self.duplicates.take(|source| self.sources.contains_key(&source));
        let source = |id: &SourceId| {
            let path = self.by_path.iter().find(|(_, of)| *of == id)?.0;
            self.source(path)
        };
        groups.iter().map(|group| group.iter().filter_map(source).collect()).collect()
    }

    /// Returns the working directories of all sessions.
    pub fn directories(&self) -> HashSet<Arc<str>> {
        let sessions = self.sessions.values().flat_map(|row| &row.candidates);
        sessions.filter(|(_, session)| session.key.host.is_none()).map(|(_, session)| session.cwd.clone()).collect()
    }

    /// Updates the workspaces of sessions by their directories.
    pub fn assign_workspaces(&mut self, workspaces: &HashMap<Arc<str>, Arc<str>>) {
        for (key, row) in self.sessions.iter_mut().filter(|(key, _)| key.host.is_none()) {
            for (_, session) in &mut row.candidates {
                let workspace = workspaces.get(&session.cwd).filter(|workspace| **workspace != session.workspace);
                if let Some(workspace) = workspace {
                    Arc::make_mut(session).workspace = workspace.clone();
                    self.dirty.insert(key.clone());
                }
            }
        }
    }

    /// Replaces the issues of an origin.
    pub fn set_issues(&mut self, origin: IssueOrigin, issues: Vec<Issue>) {
        if self.other_issues.get(&origin).map_or(&[][..], Vec::as_slice) != issues {
            self.other_issues.insert(origin, issues);
            self.issues_changed = true;
        }
    }

    /// Returns all issues, by path.
    pub fn issues(&self) -> Vec<Issue> {
        let others = self.other_issues.values().flatten();
        let mut all: Vec<_> = self.sources.values().flat_map(|source| &source.issues).chain(others).cloned().collect();
        all.sort_by(|a, b| (&a.path, a.line, &a.reason).cmp(&(&b.path, b.line, &b.reason)));
        all.dedup();
        all
    }

    /// Returns true if there are changes to emit.
    pub fn changed(&self) -> bool {
        self.issues_changed || !self.dirty.is_empty() || !self.tips.is_empty()
    }

    /// Takes the changes since the last call, of at most `limit` sessions, the newest first. The caller sets the progress.
    pub fn take_change(&mut self, limit: usize) -> CatalogChange {
        self.mark_tips_dirty();
        self.mark_hidden_below();
        self.mark_forks_dirty();
        let mut change = CatalogChange::default();
        let dirty = self.take_dirty(limit);
        self.mark_mounted(&dirty);
        for key in dirty {
            let is_resent = self.resent.remove(&key);
            let Some(row) = self.sessions.get(&key) else { continue };
            let best = self.best_candidate(row).filter(|best| !self.is_removed(best) && !self.is_mounted(best));
            let now = best.map(|best| self.apply_overrides(best));
            let Some(row) = self.sessions.get_mut(&key) else { continue };
            match (&row.emitted, now) {
                (Some(_), None) => {
                    change.removed.push(key.clone());
                    // A session that was hidden may be shown again as it was.
                    row.emitted = None;
                }
                (Some(emitted), Some(now)) if *emitted == now && !is_resent => {}
                (_, Some(now)) => {
                    change.sessions.push(now.clone());
                    row.emitted = Some(now);
                }
                (None, None) => {}
            }
            if row.candidates.is_empty() {
                self.sessions.remove(&key);
            }
        }
        if std::mem::take(&mut self.issues_changed) {
            change.issues = Some(self.issues());
        }
        change
    }

    /// Takes at most `limit` changed sessions, those of the newest activity.
    fn take_dirty(&mut self, limit: usize) -> HashSet<SessionKey> {
        if self.dirty.len() <= limit {
            return std::mem::take(&mut self.dirty);
        }
        let newest = |key: &SessionKey| {
            let candidates = self.sessions.get(key).map_or(&[][..], |row| &row.candidates);
            candidates.iter().filter_map(|(_, session)| session.last_activity).max()
        };
        let mut changed: Vec<_> = self.dirty.drain().map(|key| (Reverse(newest(&key)), key)).collect();
        changed.select_nth_unstable(limit);
        self.dirty = changed.split_off(limit).into_iter().map(|(_, key)| key).collect();
        changed.into_iter().map(|(_, key)| key).collect()
    }

    fn row(&self, path: &Path) -> Option<&SourceRow> {
        self.sources.get(self.by_path.get(path)?)
    }

    fn id_of(&mut self, source: &Source) -> SourceId {
        if let Some(id) = self.by_path.get(&*source.path) {
            return *id;
        }
        let id = self.next;
        self.next += 1;
        self.by_path.insert(source.path.as_path().into(), id);
        let (ids, notes, issues) = (Vec::new(), Vec::new(), Vec::new());
        let (agent, kind, stamp) = (source.agent, source.kind, source.stamp);
        self.sources.insert(id, SourceRow { agent, kind, stamp, complete: false, ids, notes, issues });
        id
    }

    /// Returns the sessions of a source that are not among its current ones.
    fn missing_sessions(&self, id: SourceId, sessions: &[Session]) -> Vec<Arc<str>> {
        let Some(source) = self.sources.get(&id) else { return Vec::new() };
        let now: HashSet<&str> = sessions.iter().map(|session| &*session.key.id).collect();
        source.ids.iter().filter(|row| !now.contains(&***row)).cloned().collect()
    }

    /// Adds or replaces a source's candidate for a session.
    fn insert_session(&mut self, id: SourceId, mut session: Session) {
        self.interner.share(&mut session);
        self.duplicates.add(id, &session);
        let key = session.key.clone();
        let origin = session.label_origin().cloned();
        let row = self.sessions.entry(key.clone()).or_default();
        let previous = match row.candidates.iter_mut().find(|(of, _)| *of == id) {
            Some((_, row)) if **row == session => return,
            Some((_, row)) => std::mem::replace(row, Arc::new(session)).label_origin().cloned(),
            None => {
                if let Some(source) = self.sources.get_mut(&id) {
                    source.ids.push(key.id.clone());
                }
                row.candidates.push((id, Arc::new(session)));
                row.candidates.shrink_to_fit();
                None
            }
        };
        if origin != previous && !self.annotations.is_empty() {
            self.relabelled.insert(key.clone());
        }
        self.note_hidden(&key);
        self.dirty.insert(key);
    }

    /// Removes a source's candidate for a session.
    fn remove_session(&mut self, id: SourceId, agent: Agent, session: Arc<str>) {
        if let Some(source) = self.sources.get_mut(&id) {
            source.ids.retain(|row| *row != session);
        }
        self.detach_session(id, SessionKey::new(agent, session));
    }

    fn detach_session(&mut self, id: SourceId, key: SessionKey) {
        if let Some(row) = self.sessions.get_mut(&key) {
            let is_fork = |(of, session): &(SourceId, Arc<Session>)| *of == id && session.label_origin().is_some();
            if !self.annotations.is_empty() && row.candidates.iter().any(is_fork) {
                self.relabelled.insert(key.clone());
            }
            row.candidates.retain(|(of, _)| *of != id);
            self.dirty.insert(key);
        }
    }

    /// Replaces the notes of a source.
    fn replace_notes(&mut self, id: SourceId, agent: Agent, previous: &[SummaryNote]) {
        let (now, mtime) =
            self.sources.get(&id).map_or((&[][..], 0), |source| (&source.notes[..], source.stamp.mtime_ns));
        if previous == now {
            return;
        }
        self.overrides.replace((id, mtime), agent, previous, now, &mut self.dirty, &mut self.tips);
    }

    /// Marks the sessions that end in a record with changed notes, in one pass for all records.
    fn mark_tips_dirty(&mut self) {
        let tips = std::mem::take(&mut self.tips);
        if tips.is_empty() {
            return;
        }
        let ends_there = |session: &Session| {
            let tip = session.tip.as_ref();
            tip.is_some_and(|tip| tips.contains(&(session.key.agent, tip.clone())))
        };
        let rows =
            self.sessions.iter().filter(|(_, row)| row.candidates.iter().any(|(_, session)| ends_there(session)));
        self.dirty.extend(rows.map(|(key, _)| key.clone()));
    }

    /// Returns the best candidate of a session.
    fn best_candidate<'a>(&self, row: &'a SessionRow) -> Option<&'a Arc<Session>> {
        let rank = |(id, session): &&'a (SourceId, Arc<Session>)| {
            let kind = self.sources.get(id).map_or(u8::MAX, |source| source.kind);
            let worth = (
                // What only the file of all prompts remembers is known before a session's own file is read.
                !session.flags.purged,
                session.complete,
                !session.flags.empty,
                session.last_activity,
                session.messages,
            );
            (worth, Reverse((kind, &session.path)))
        };
        row.candidates.iter().max_by(|a, b| rank(a).cmp(&rank(b))).map(|(_, session)| session)
    }

    /// Applies the overrides to a session; without any the session is shared, not copied.
    fn apply_overrides(&self, session: &Arc<Session>) -> Arc<Session> {
        let own_state = if session.key.host.is_none() { SessionState::default() } else { session.state };
        let state = self.live.get(&session.key).copied().unwrap_or(own_state);
        let title = self.overrides.title(session);
        let usage = self.overrides.usage(&session.key);
        let bytes = self.overrides.bytes(&session.key);
        let annotation = self.annotation(session);
        let is_same = title.is_none() && usage.is_none() && bytes.is_none() && annotation.is_none();
        if is_same && state == session.state {
            return session.clone();
        }
        let mut overridden = Session::clone(session);
        overridden.state = state;
        if let Some(title) = title {
            overridden.title = title;
        }
        if let Some(usage) = usage {
            overridden.tokens += usage;
        }
        overridden.bytes += bytes.unwrap_or_default();
        if let Some(annotation) = annotation {
            overridden.annotate(annotation);
        }
        Arc::new(overridden)
    }
}
