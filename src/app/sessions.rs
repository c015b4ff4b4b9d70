//! All sessions and their states: of the catalog, of live processes and of the runs of this salon.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::effect::Effect;
use super::msg::RootStatus;
use super::runs::{self, RunTable};
use crate::domain::catalog::Catalog;
use crate::domain::live_status::LiveStatus;
use crate::domain::remote::{LIMITED, RemoteState, RemoteStatus};
use crate::domain::run::RunInfo;
use crate::domain::worktree::WorkTreeSummary;
use crate::domain::{Agent, Issue, Session, SessionKey, SessionState, Time, Title, TitleSource};

/// Maximum recently opened sessions, because older ones are found in the list.
const MAX_RECENT: usize = 20;

/// Something that can be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undo {
    /// Sessions that were moved to the trash.
    Trash(Vec<SessionKey>),
    /// A rewind of files.
    Rewind {
        /// The session.
        key: SessionKey,
        /// Snapshot of the files before.
        snapshot: String,
    },
    /// A conversation that its agent took back within the session.
    Conversation {
        /// The session.
        key: SessionKey,
        /// Snapshot of the files before, if salon took them back.
        snapshot: Option<String>,
    },
}

/// All sessions and their states.
#[derive(Debug, Default)]
pub struct Sessions {
    /// All sessions.
    pub catalog: Catalog,
    /// Sessions that are open in live processes.
    pub live: HashMap<SessionKey, LiveStatus>,
    /// Runs without a session on disk, represented as sessions.
    pub unsaved: Vec<Arc<Session>>,
    /// Sessions of salon's runs, past and present.
    pub recorded: HashSet<SessionKey>,
    /// Sessions whose turn ended since the user last looked at them.
    pub unseen: BTreeSet<SessionKey>,
    /// Operations that can be undone, the last one at the end.
    pub undo: Vec<Undo>,
    /// Sessions that the user opened, the last one first.
    pub recent: Vec<SessionKey>,
    /// True once the sessions that the settings keep were requested.
    pub(super) kept_due: bool,
    /// Directories of agents, with the age in days at which they delete sessions.
    roots: Vec<(Agent, PathBuf, Option<u32>)>,
    /// Agents whose sessions can be renamed in their own files.
    renamed: BTreeSet<Agent>,
    /// Sessions that waited or worked at the last change.
    busy: HashSet<SessionKey>,
    /// States of the sessions with a live run of this salon.
    pub states: HashMap<SessionKey, SessionState>,
    /// States of work trees, by directory.
    work_trees: HashMap<Arc<str>, WorkTreeSummary>,
    /// Other machines and containers, with the state of each connection.
    pub remotes: BTreeMap<Arc<str>, RemoteStatus>,
    /// Reasons why some of them are not connected.
    pub remote_issues: Vec<Issue>,
    /// Machines whose part of the search is missing, with the reason.
    pub search_missing: Vec<String>,
    /// True once the index has sent sessions.
    pub received: bool,
}

impl Sessions {
    /// Returns the state of a session: its run's, else its process's, else the catalog's.
    pub fn state(&self, session: &Session) -> SessionState {
        let ours = self.states.get(&session.key).copied();
        ours.unwrap_or_else(|| self.live.get(&session.key).map_or(session.state, |sign| sign.state))
    }

    /// Stores the state of the connection to another machine.
    pub fn set_remote(&mut self, status: RemoteStatus) {
        self.remotes.insert(status.name.clone(), status);
        let issue = |status: &RemoteStatus| match &status.state {
            RemoteState::Offline { failure, .. } => {
                Some(Issue::new(&*status.name, format!("{}: {failure}", failure.label())))
            }
            RemoteState::Limited => Some(Issue::new(&*status.name, format!("limited: {LIMITED}"))),
            RemoteState::Connecting | RemoteState::Connected => None,
        };
        self.remote_issues = self.remotes.values().filter_map(issue).collect();
    }

    /// Returns the connection to a session's machine, if it is another one without a connection.
    pub fn offline(&self, session: &Session) -> Option<&RemoteStatus> {
        let status = self.remotes.get(session.key.host.as_ref()?)?;
        (!status.state.is_connected()).then_some(status)
    }

    /// Stores the state of the work tree at a directory.
    pub fn set_work_tree(&mut self, directory: Arc<str>, summary: Option<WorkTreeSummary>) {
        match summary {
            Some(summary) => drop(self.work_trees.insert(directory, summary)),
            None => drop(self.work_trees.remove(&directory)),
        }
    }

    /// Returns the state of the work tree at a directory, if it is known.
    pub fn work_tree(&self, directory: &str) -> Option<&WorkTreeSummary> {
        self.work_trees.get(directory)
    }

    /// Formats the branch of a session. The state of its work tree is part of it while that is on the same branch.
    pub fn branch(&self, session: &Session) -> String {
        let branch = session.branch.as_deref().unwrap_or_default();
        match self.work_tree(&session.cwd).filter(|_| !session.is_remote()) {
            Some(summary) if branch.is_empty() || summary.branch.as_deref() == Some(branch) => summary.text(),
            _ => branch.to_owned(),
        }
    }

    /// Name under which the unseen sessions are saved.
    pub const UNSEEN: &'static str = "unseen";

    /// Returns true if a session's turn ended since the user last looked at it, and no other one is open.
    pub fn is_done_unseen(&self, session: &Session) -> bool {
        let over = || matches!(self.state(session), SessionState::Idle | SessionState::Past);
        self.unseen.contains(&session.key) && over()
    }

    /// Returns true if the row of a session has a second line: the session waits or works, in a known process.
    pub fn has_detail(&self, key: &SessionKey, state: SessionState) -> bool {
        let elsewhere = || self.live.get(key).is_some_and(LiveStatus::is_busy);
        match state {
            SessionState::NeedsYou | SessionState::Working => self.states.contains_key(key) || elsewhere(),
            SessionState::Idle | SessionState::Past => false,
        }
    }

    /// Finds the turns that ended since the last call, and marks their sessions as unseen. Returns true if there are
    /// any. Sessions of runs that are not on disk yet are left out, because their keys are provisional.
    pub fn note_ended_turns(&mut self) -> bool {
        let is_busy = |state: SessionState| matches!(state, SessionState::NeedsYou | SessionState::Working);
        let elsewhere = self.live.values().filter(|status| is_busy(status.state)).map(|status| &status.key);
        let own = self.states.iter().filter(|(_, state)| is_busy(**state)).map(|(key, _)| key);
        // A run's own state counts more than that of its process.
        let busy: HashSet<SessionKey> = elsewhere
            .filter(|key| self.states.get(*key).is_none_or(|state| is_busy(*state)))
            .chain(own)
            .cloned()
            .collect();
        let ended: Vec<_> =
            self.busy.difference(&busy).filter(|key| self.catalog.get(key).is_some()).cloned().collect();
        self.busy = busy;
        let found = !ended.is_empty();
        self.unseen.extend(ended);
        found
    }

    /// Formats the unseen sessions for the saved state.
    pub fn unseen_to_save(&self) -> String {
        to_lines(&self.unseen)
    }

    /// Name under which the recently opened sessions are saved.
    pub const RECENT: &'static str = "recent-sessions";

    /// Puts a session first in the recently opened ones.
    pub fn note_opened(&mut self, key: &SessionKey) -> Effect {
        self.recent.retain(|known| known != key);
        self.recent.insert(0, key.clone());
        self.recent.truncate(MAX_RECENT);
        self.recent_to_save()
    }

    /// Removes sessions from the recently opened ones. `None` if they are not among them.
    pub fn remove_recent(&mut self, keys: &[SessionKey]) -> Option<Effect> {
        let before = self.recent.len();
        self.recent.retain(|known| !keys.contains(known));
        (self.recent.len() < before).then(|| self.recent_to_save())
    }

    fn recent_to_save(&self) -> Effect {
        Effect::SaveState { name: Self::RECENT, value: to_lines(&self.recent) }
    }

    /// Restores the recently opened sessions from the saved state.
    pub fn restore_recent(&mut self, saved: &str) {
        self.recent = saved.lines().filter_map(SessionKey::from_line).take(MAX_RECENT).collect();
    }

    /// Stores the directories of agents.
    pub fn set_roots(&mut self, roots: &[RootStatus]) {
        self.roots = roots.iter().map(|root| (root.agent, root.path.clone(), root.retention_days)).collect();
        self.renamed = roots.iter().filter(|root| root.can_rename).map(|root| root.agent).collect();
    }

    /// Returns the time from which its agent deletes a session; `None` if it does not.
    pub fn purge_time(&self, session: &Session) -> Option<Time> {
        session.purge_time(self.root_of(session)?.2?)
    }

    /// Returns true if an agent's sessions can be renamed in its own files.
    pub fn renames(&self, agent: Agent) -> bool {
        self.renamed.contains(&agent)
    }

    /// Returns true if its agent deleted a session, so that only salon's archive has it.
    pub fn is_purged(&self, session: &Session) -> bool {
        session.is_kept() && !self.roots.is_empty() && self.root_of(session).is_none()
    }

    fn root_of(&self, session: &Session) -> Option<&(Agent, PathBuf, Option<u32>)> {
        let holds = |(agent, root, _): &&(Agent, PathBuf, Option<u32>)| {
            *agent == session.key.agent && session.path.starts_with(root) && !session.is_remote()
        };
        self.roots.iter().find(holds)
    }

    /// Returns true once all sessions and the directories of agents are known.
    pub fn is_complete(&self) -> bool {
        let progress = self.catalog.progress;
        progress.total > 0 && progress.done >= progress.total && !self.roots.is_empty()
    }

    /// Restores the unseen sessions from the saved state.
    pub fn restore_unseen(&mut self, saved: &str) {
        self.unseen.extend(saved.lines().filter_map(SessionKey::from_line));
    }

    /// Returns true for a run without a session on disk.
    pub fn is_unsaved(&self, key: &SessionKey) -> bool {
        self.unsaved.iter().any(|session| session.key == *key)
    }

    /// Stores the states of the runs. Returns true if lists must be recomputed.
    pub fn set_runs(&mut self, runs: &RunTable) -> bool {
        let states: HashMap<_, _> =
            runs.iter().filter_map(|info| Some((runs::key_of(info), runs.state(info)?))).collect();
        let unknown = |info: &&Arc<RunInfo>| self.catalog.get(&runs::key_of(info)).is_none() && runs.is_listed(info);
        let fresh: Vec<_> = runs.iter().filter(unknown).map(|info| Arc::new(self.as_session(info))).collect();
        let changed = states != self.states || fresh != self.unsaved;
        (self.states, self.unsaved) = (states, fresh);
        changed
    }

    /// Represents a run without a session on disk as a session.
    fn as_session(&self, info: &RunInfo) -> Session {
        let cwd: Arc<str> = info.cwd.to_string_lossy().into();
        let mut session = Session::new(runs::key_of(info), PathBuf::new());
        let host = session.key.host.clone();
        let mut in_same_directory =
            self.catalog.iter().filter(|session| session.cwd == cwd && session.key.host == host);
        let elsewhere = host.as_ref().map(|host| format!("{host}:{cwd}").into());
        session.title = Title::new(&format!("new · {} · {cwd}", info.agent), TitleSource::Prompt);
        let known = in_same_directory.next().map(|session| session.workspace.clone());
        session.workspace = known.or(elsewhere).unwrap_or_else(|| cwd.clone());
        session.cwd = cwd;
        session.model.clone_from(&info.model);
        session.tokens = info.tokens;
        session.last_activity = info.last_event;
        session
    }
}

/// Formats keys, one a line.
fn to_lines<'a>(keys: impl IntoIterator<Item = &'a SessionKey>) -> String {
    keys.into_iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
