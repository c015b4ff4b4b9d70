//! All sessions and their states: of the catalog, of live processes and of the runs of this salon.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::runs::{self, RunTable};
use crate::domain::catalog::Catalog;
use crate::domain::live_status::LiveStatus;
use crate::domain::run::RunInfo;
use crate::domain::{Session, SessionKey, SessionState, Title, TitleSource};

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
    /// States of the sessions with a live run of this salon.
    pub states: HashMap<SessionKey, SessionState>,
    /// True once the index has sent sessions.
    pub received: bool,
}

impl Sessions {
    /// Returns the state of a session: its run's, else its process's, else the catalog's.
    pub fn state(&self, session: &Session) -> SessionState {
        let ours = self.states.get(&session.key).copied();
        ours.unwrap_or_else(|| self.live.get(&session.key).map_or(session.state, |sign| sign.state))
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
        let mut in_same_directory = self.catalog.iter().filter(|session| session.cwd == cwd);
        let mut session = Session::new(runs::key_of(info), PathBuf::new());
        session.title = Title::new(&format!("new · {} · {cwd}", info.agent), TitleSource::Prompt);
        session.workspace = in_same_directory.next().map_or_else(|| cwd.clone(), |session| session.workspace.clone());
        session.cwd = cwd;
        session.model.clone_from(&info.model);
        session.tokens = info.tokens;
        session.last_activity = info.last_event;
        session
    }
}
