//! What there is to search: units and sessions, as the catalog knows them at a moment.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;

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
    by_key: HashMap<SessionKey, usize, RandomState>,
    // By their bytes: a path would be taken to pieces each time.
    unit_of: HashMap<OsString, usize, RandomState>,
    /// For each unit the numbers of its sessions.
    in_unit: Vec<Vec<usize>>,
}

impl Corpus {
    /// Puts them in order.
    pub fn new(mut units: Vec<Unit>, mut sessions: Vec<Arc<Session>>) -> Self {
        units.sort_by(|a, b| b.stamp.mtime_ns.cmp(&a.stamp.mtime_ns).then_with(|| a.path.cmp(&b.path)));
        sessions.sort_by(|a, b| b.last_activity.cmp(&a.last_activity).then_with(|| a.key.cmp(&b.key)));
        let by_key = sessions.iter().enumerate().map(|(at, session)| (session.key.clone(), at)).collect();
        let unit_of: HashMap<_, _, RandomState> =
            units.iter().enumerate().map(|(at, unit)| (unit.path.as_os_str().to_owned(), at)).collect();
        let mut in_unit = vec![Vec::new(); units.len()];
        for (at, session) in sessions.iter().enumerate() {
            if let Some(&unit) = unit_of.get(session.path.as_os_str()) {
                in_unit[unit].push(at);
            }
        }
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), units, sessions, by_key, unit_of, in_unit }
    }

    /// Tells it from all others in this process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The units, the newest first.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// The units, to be searched with other sessions.
    pub fn into_units(self) -> Vec<Unit> {
        self.units
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
    pub fn sessions_at(&self, path: &Path) -> impl Iterator<Item = &Arc<Session>> {
        self.unit_number(path).into_iter().flat_map(|unit| self.sessions_in(unit))
    }

    /// The sessions in a unit, by its number.
    pub fn sessions_in(&self, unit: usize) -> impl Iterator<Item = &Arc<Session>> {
        self.numbers_in(unit).map(|at| &self.sessions[at])
    }

    /// Their numbers.
    pub fn numbers_in(&self, unit: usize) -> impl Iterator<Item = usize> {
        self.in_unit.get(unit).into_iter().flatten().copied()
    }
}
