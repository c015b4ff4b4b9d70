//! Corpus of a search: the sources and sessions of the catalog at one moment.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;

use crate::agent::{Source, format};
use crate::domain::{Session, SessionKey};

/// Id of the next corpus.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Maximum sessions per source that are searched linearly by id.
const MAX_LINEAR_LOOKUP: usize = 4;

/// Sources and sessions, the newest first.
#[derive(Debug, Default)]
pub struct Corpus {
    id: u64,
    sources: Vec<Source>,
    sessions: Vec<Arc<Session>>,
    /// Numbers of sessions whose source contains many others.
    number_by_key: HashMap<SessionKey, usize, RandomState>,
    source_by_path: SourceByPath,
    /// Session numbers of each source.
    sessions_by_source: Vec<Vec<usize>>,
    /// Source number of each session.
    source_by_session: Vec<Option<usize>>,
    /// Numbers of the sources, those of the newest sessions first.
    scan_order: Vec<usize>,
    /// Sources with texts of a session in files of their own, by the number of the session.
    side_sources: HashMap<usize, Vec<usize>, RandomState>,
}

impl Corpus {
    /// Sorts sources and sessions.
    pub fn new(mut sources: Vec<Source>, mut sessions: Vec<Arc<Session>>) -> Self {
        sources.sort_by(|a, b| b.stamp.mtime_ns.cmp(&a.stamp.mtime_ns).then_with(|| a.path.cmp(&b.path)));
        sessions.sort_by(|a, b| b.last_activity.cmp(&a.last_activity).then_with(|| a.key.cmp(&b.key)));
        let source_by_path = SourceByPath::new(&sources);
        let mut sessions_by_source: Vec<Vec<usize>> = vec![Vec::new(); sources.len()];
        let mut source_by_session = vec![None; sessions.len()];
        for (at, session) in sessions.iter().enumerate() {
            if let Some(source) = source_by_path.find(&sources, &session.path) {
                sessions_by_source[source].push(at);
                source_by_session[at] = Some(source);
            }
        }
        let mut scan_order: Vec<usize> = (0..sources.len()).collect();
        scan_order.sort_by_key(|&source| sessions_by_source[source].first().copied().unwrap_or(usize::MAX));
        let side_sources = side_sources(&sources, &sessions);
        let many = sessions_by_source.iter().filter(|numbers| numbers.len() > MAX_LINEAR_LOOKUP).flatten();
        let number_by_key = many.map(|&at| (sessions[at].key.clone(), at)).collect();
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            sources,
            sessions,
            number_by_key,
            source_by_path,
            sessions_by_source,
            source_by_session,
            scan_order,
            side_sources,
        }
    }

    /// Returns the numbers of the sources, those of the newest sessions first.
    pub fn scan_order(&self) -> &[usize] {
        &self.scan_order
    }

    /// Returns the source number of a session.
    pub fn source_of(&self, session: usize) -> Option<usize> {
        self.source_by_session.get(session).copied().flatten()
    }

    /// Returns the id, unique in this process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Returns the sources, the newest first.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Returns the sources, for a corpus with other sessions.
    pub fn into_sources(self) -> Vec<Source> {
        self.sources
    }

    /// Returns the sessions, the newest first.
    pub fn sessions(&self) -> &[Arc<Session>] {
        &self.sessions
    }

    /// Returns the source of a file.
    pub fn source(&self, path: &Path) -> Option<&Source> {
        self.source_number(path).map(|at| &self.sources[at])
    }

    /// Returns the number of a file's source.
    pub fn source_number(&self, path: &Path) -> Option<usize> {
        self.source_by_path.find(&self.sources, path)
    }

    /// Returns the number of a session in a source. A session that moved to another file is not found, though its
    /// records may remain.
    pub fn session_number(&self, source: usize, id: &str) -> Option<usize> {
        let numbers = self.sessions_by_source.get(source)?;
        if numbers.len() <= MAX_LINEAR_LOOKUP {
            return numbers.iter().copied().find(|&number| *self.sessions[number].key.id == *id);
        }
        let key = SessionKey::new(self.sources[source].agent, id);
        self.number_by_key.get(&key).copied().filter(|number| numbers.binary_search(number).is_ok())
    }

    /// Returns the sessions of a file.
    pub fn sessions_at(&self, path: &Path) -> impl Iterator<Item = &Arc<Session>> {
        self.source_number(path).into_iter().flat_map(|source| self.sessions_in(source))
    }

    /// Returns the sessions of a source.
    pub fn sessions_in(&self, source: usize) -> impl Iterator<Item = &Arc<Session>> {
        self.numbers_in(source).map(|at| &self.sessions[at])
    }

    /// Returns the numbers of the sources with texts of a session in files of their own.
    pub fn side_sources_of(&self, session: usize) -> &[usize] {
        self.side_sources.get(&session).map_or(&[], Vec::as_slice)
    }

    /// Returns the session numbers of a source.
    pub fn numbers_in(&self, source: usize) -> impl Iterator<Item = usize> {
        self.sessions_by_source.get(source).into_iter().flatten().copied()
    }
}

/// Numbers of sources by their path. Contains hashes, because copies of all paths take longer than a search.
#[derive(Debug, Default)]
struct SourceByPath {
    state: RandomState,
    /// Hashes in order, each with the number of its source.
    hashes: Vec<(u64, usize)>,
}

impl SourceByPath {
    fn new(sources: &[Source]) -> Self {
        let mut by_path = Self::default();
        by_path.hashes = sources.iter().enumerate().map(|(at, source)| (by_path.hash(&source.path), at)).collect();
        by_path.hashes.sort_unstable();
        by_path
    }

    /// Returns the number of the last source with a path.
    fn find(&self, sources: &[Source], path: &Path) -> Option<usize> {
        let hash = self.hash(path);
        let first = self.hashes.partition_point(|(other, _)| *other < hash);
        let same = self.hashes[first..].iter().take_while(|(other, _)| *other == hash);
        same.map(|(_, at)| *at).filter(|at| sources[*at].path.as_os_str() == path.as_os_str()).last()
    }

    fn hash(&self, path: &Path) -> u64 {
        // Bytes, because hashing a path splits it into components.
        let mut hasher = self.state.build_hasher();
        hasher.write(path.as_os_str().as_bytes());
        hasher.finish()
    }
}

/// Groups the sources with texts of a session in files of their own by the session's number.
fn side_sources(sources: &[Source], sessions: &[Arc<Session>]) -> HashMap<usize, Vec<usize>, RandomState> {
    let session_of = |source: &Source| {
        let id = format(source.agent).texts()?.side_session(source)?;
        Some(SessionKey::new(source.agent, id))
    };
    let owned: Vec<(usize, SessionKey)> =
        sources.iter().enumerate().filter_map(|(at, source)| Some((at, session_of(source)?))).collect();
    let mut by_session: HashMap<usize, Vec<usize>, RandomState> = HashMap::default();
    if owned.is_empty() {
        return by_session;
    }
    let numbers: HashMap<&SessionKey, usize, RandomState> =
        sessions.iter().enumerate().map(|(number, session)| (&session.key, number)).collect();
    for (source, key) in owned {
        if let Some(&number) = numbers.get(&key) {
            by_session.entry(number).or_default().push(source);
        }
    }
    by_session
}
