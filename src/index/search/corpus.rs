//! What there is to search: units and sessions, as the catalog knows them at a moment.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::agent::Unit;
use crate::domain::{Session, SessionKey};

/// All units and sessions, the newest first.
#[derive(Debug, Default)]
pub struct Corpus {
    units: Vec<Unit>,
    sessions: Vec<Arc<Session>>,
    by_key: HashMap<SessionKey, usize>,
    by_path: HashMap<PathBuf, Vec<usize>>,
    unit_of: HashMap<PathBuf, usize>,
}

impl Corpus {
    /// Puts them in order.
    pub fn new(mut units: Vec<Unit>, mut sessions: Vec<Arc<Session>>) -> Self {
        units.sort_by(|a, b| b.stamp.mtime_ns.cmp(&a.stamp.mtime_ns).then_with(|| a.path.cmp(&b.path)));
        sessions.sort_by(|a, b| b.last_activity.cmp(&a.last_activity).then_with(|| a.key.cmp(&b.key)));
        let by_key = sessions.iter().enumerate().map(|(at, session)| (session.key.clone(), at)).collect();
        let mut by_path: HashMap<PathBuf, Vec<usize>> = HashMap::new();
        for (at, session) in sessions.iter().enumerate() {
            by_path.entry(session.path.clone()).or_default().push(at);
        }
        let unit_of = units.iter().enumerate().map(|(at, unit)| (unit.path.clone(), at)).collect();
        Self { units, sessions, by_key, by_path, unit_of }
    }

    /// The units, the newest first.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// The sessions, the newest first.
    pub fn sessions(&self) -> &[Arc<Session>] {
        &self.sessions
    }

    /// The unit of a file.
    pub fn unit(&self, path: &Path) -> Option<&Unit> {
        self.unit_of.get(path).map(|&at| &self.units[at])
    }

    /// A session's number.
    fn number(&self, key: &SessionKey) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    /// The number of a session that lies in that file. A session that was taken over from another file lies there no
    /// more, though its records may.
    pub fn number_in(&self, key: &SessionKey, path: &Path) -> Option<usize> {
        self.number(key).filter(|&number| self.sessions[number].path == path)
    }

    /// The sessions whose file it is.
    pub fn sessions_in(&self, path: &Path) -> impl Iterator<Item = &Arc<Session>> {
        self.by_path.get(path).into_iter().flatten().map(|&at| &self.sessions[at])
    }
}
