//! Sessions of one remote source, kept in the cache so that they stay listed while it is offline.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::catalog::{CatalogChange, IndexProgress};
use crate::domain::{Session, SessionKey, SessionState, Time, Title};
use crate::stdx::files::{self, SizeLimit};

/// Maximum sessions of a source, because it may be damaged or hostile.
const MAX_SESSIONS: usize = 500_000;

/// Maximum bytes of a cache file.
const MAX_FILE_BYTES: SizeLimit = SizeLimit(256 << 20);

/// Maximum bytes of a decompressed cache file.
const MAX_CACHE_BYTES: usize = 1 << 30;

/// Level of compression of the cache file.
const LEVEL: i32 = 1;

/// Sessions of a source.
#[derive(Debug)]
pub(super) struct RemoteRows {
    host: Arc<str>,
    sessions: HashMap<SessionKey, Arc<Session>>,
    /// Sessions that were listed since the connection was made; `None` once the list is complete.
    listed: Option<HashSet<SessionKey>>,
    /// True if all sessions were listed since the connection was made.
    pub is_complete: bool,
    /// Time at which the list was last complete.
    pub as_of: Option<Time>,
    file: Option<PathBuf>,
    /// True if the cache file is outdated.
    pub is_unsaved: bool,
}

/// Contents of a cache file.
#[derive(Debug, Serialize, Deserialize)]
struct CachedRows {
    as_of: Option<Time>,
    sessions: Vec<Session>,
}

impl RemoteRows {
    /// Loads the cached sessions of a source. Without a usable cache there are none.
    pub(super) fn load(host: &Arc<str>, cache_dir: Option<&Path>) -> Self {
        let file = cache_dir.map(|dir| dir.join("remote").join(format!("{host}.zst")));
        let cached = file.as_deref().and_then(read);
        let as_of = cached.as_ref().and_then(|cached| cached.as_of);
        let sessions = cached.map(|cached| cached.sessions).unwrap_or_default();
        let past = |session: Session| received(Session { state: SessionState::Past, ..session }, host);
        let sessions = sessions.into_iter().map(past).map(|session| (session.key.clone(), session)).collect();
        Self { host: host.clone(), sessions, listed: None, is_complete: false, as_of, file, is_unsaved: false }
    }

    /// Returns all sessions as a change.
    pub(super) fn all(&self) -> CatalogChange {
        CatalogChange { sessions: self.sessions.values().cloned().collect(), ..CatalogChange::default() }
    }

    /// Returns a session.
    pub(super) fn get(&self, key: &SessionKey) -> Option<&Arc<Session>> {
        self.sessions.get(key)
    }

    /// Prepares for a new list: sessions that it does not contain are removed at its end.
    pub(super) fn begin_list(&mut self) {
        self.listed = Some(HashSet::new());
        self.is_complete = false;
    }

    /// Applies what the source sent. The error is a reason to cut it off.
    pub(super) fn apply(
        &mut self,
        sessions: Vec<Arc<Session>>,
        removed: Vec<SessionKey>,
        progress: Option<IndexProgress>,
        now: Time,
    ) -> Result<CatalogChange, String> {
        let mut change = CatalogChange::default();
        for session in sessions {
            let session = received(Arc::unwrap_or_clone(session), &self.host);
            if let Some(listed) = &mut self.listed {
                listed.insert(session.key.clone());
            }
            if self.sessions.get(&session.key) != Some(&session) {
                self.sessions.insert(session.key.clone(), session.clone());
                change.sessions.push(session);
            }
        }
        if self.sessions.len() > MAX_SESSIONS {
            return Err(format!("it sent too much: more than {MAX_SESSIONS} sessions"));
        }
        let mut gone: Vec<_> = removed.into_iter().map(|key| key.on(&self.host)).collect();
        if progress.is_some_and(|progress| progress.done == progress.total)
            && let Some(listed) = self.listed.take()
        {
            gone.extend(self.sessions.keys().filter(|key| !listed.contains(key)).cloned());
            self.is_complete = true;
        }
        gone.retain(|key| self.sessions.remove(key).is_some());
        change.removed = gone;
        if self.is_complete {
            self.as_of = Some(now);
        }
        self.is_unsaved = true;
        Ok(change)
    }

    /// Marks all sessions as past, because nothing is known about their processes without a connection.
    pub(super) fn disconnect(&mut self) -> CatalogChange {
        self.is_complete = false;
        let mut change = CatalogChange::default();
        for session in self.sessions.values_mut().filter(|session| session.state != SessionState::Past) {
            Arc::make_mut(session).state = SessionState::Past;
            change.sessions.push(session.clone());
        }
        change
    }

    /// Writes the cache file. The error is logged: the cache may be missing.
    pub(super) fn save(&mut self) {
        let Some(file) = self.file.as_deref().filter(|_| std::mem::take(&mut self.is_unsaved)) else { return };
        let sessions = self.sessions.values().map(|session| sent(session, &self.host)).collect();
        if let Err(error) = write(file, &CachedRows { as_of: self.as_of, sessions }) {
            tracing::warn!(%error, ?file, "the sessions of a remote source were not cached");
        }
    }
}

/// Prefix of the workspaces of a host, which tells them from equal paths here.
pub(super) fn workspace(host: &str, workspace: &str) -> Arc<str> {
    if workspace.is_empty() { "".into() } else { format!("{host}:{workspace}").into() }
}

/// Sets what the other side does not know: the host. Titles are shown without further checks.
fn received(mut session: Session, host: &Arc<str>) -> Arc<Session> {
    session.key = session.key.on(host);
    session.workspace = workspace(host, &session.workspace);
    session.title = Title::new(&session.title.text, session.title.source);
    Arc::new(session)
}

/// Undoes [`received`].
fn sent(session: &Session, host: &str) -> Session {
    let mut session = session.clone();
    if let Some(rest) = session.workspace.strip_prefix(host).and_then(|rest| rest.strip_prefix(':')) {
        session.workspace = rest.into();
    }
    session
}

fn read(file: &Path) -> Option<CachedRows> {
    let bytes = files::read(file, MAX_FILE_BYTES).ok()?;
    let plain = zstd::bulk::decompress(&bytes, MAX_CACHE_BYTES);
    let rows = plain.map_err(anyhow::Error::from).and_then(|plain| Ok(serde_json::from_slice(&plain)?));
    rows.inspect_err(|error| tracing::info!(%error, ?file, "a cache of remote sessions cannot be used")).ok()
}

fn write(file: &Path, rows: &CachedRows) -> io::Result<()> {
    let dir = file.parent().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let bytes = zstd::bulk::compress(&serde_json::to_vec(rows)?, LEVEL)?;
    // Another salon may write the same file.
    let mut temporary = tempfile::NamedTempFile::new_in(dir)?;
    io::Write::write_all(&mut temporary, &bytes)?;
    temporary.persist(file).map(drop).map_err(|error| error.error)
}
