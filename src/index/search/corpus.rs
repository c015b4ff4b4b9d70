//! What there is to search: units and sessions, as the catalog knows them at a moment.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::agent::Unit;
use crate::domain::{Session, SessionKey};

/// Numbers them.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// All units and sessions, the newest first.
#[derive(Debug, Default)]
pub struct Corpus {
    id: u64,
    units: Vec<Unit>,
    sessions: Vec<Arc<Session>>,
    by_key: HashMap<SessionKey, usize>,
    // By their bytes: a path would be taken to pieces each time.
    by_path: HashMap<OsString, Vec<usize>>,
    unit_of: HashMap<OsString, usize>,
}

impl Corpus {
    /// Puts them in order.
    pub fn new(mut units: Vec<Unit>, mut sessions: Vec<Arc<Session>>) -> Self {
        units.sort_by(|a, b| b.stamp.mtime_ns.cmp(&a.stamp.mtime_ns).then_with(|| a.path.cmp(&b.path)));
        sessions.sort_by(|a, b| b.last_activity.cmp(&a.last_activity).then_with(|| a.key.cmp(&b.key)));
        let by_key = sessions.iter().enumerate().map(|(at, session)| (session.key.clone(), at)).collect();
        let mut by_path: HashMap<OsString, Vec<usize>> = HashMap::new();
        for (at, session) in sessions.iter().enumerate() {
            by_path.entry(session.path.as_os_str().to_owned()).or_default().push(at);
        }
        let unit_of = units.iter().enumerate().map(|(at, unit)| (unit.path.as_os_str().to_owned(), at)).collect();
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), units, sessions, by_key, by_path, unit_of }
    }

    /// Tells it from all others in this process.
    pub fn id(&self) -> u64 {
        self.id
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
        self.unit_number(path).map(|at| &self.units[at])
    }

    /// The number of a file's unit.
    pub fn unit_number(&self, path: &Path) -> Option<usize> {
        self.unit_of.get(path.as_os_str()).copied()
    }

    /// A session's number.
    fn number(&self, key: &SessionKey) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    /// The number of a session that lies in that file. A session that was taken over from another file lies there no
    /// more, though its records may.
    pub fn number_in(&self, key: &SessionKey, path: &Path) -> Option<usize> {
        self.number(key).filter(|&number| self.sessions[number].path.as_os_str() == path.as_os_str())
    }

    /// The sessions whose file it is.
    pub fn sessions_in(&self, path: &Path) -> impl Iterator<Item = &Arc<Session>> {
        self.numbers_in(path).map(|at| &self.sessions[at])
    }

    /// Their numbers.
    pub fn numbers_in(&self, path: &Path) -> impl Iterator<Item = usize> {
        self.by_path.get(path.as_os_str()).into_iter().flatten().copied()
    }
}
