//! One complete scan for commands: updates the cache and returns the whole catalog.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;

use super::cache::file as cache_file;
use super::hidden;
use super::options::IndexOptions;
use super::pool::{LeaseLookup, live_statuses};
use super::scanner::{ScanCounts, Scanner};
use super::search::{SearchIndex, SummaryTexts};
use super::snapshot::{self, LoadedSnapshot, PendingWrite, Snapshot};
use crate::agent::{Source, SourceRoot};
use crate::domain::catalog::{Catalog, IndexProgress};
use crate::domain::live_status::LiveStatus;
use crate::domain::session::Annotations;
use crate::domain::{Agent, Issue, Session, SessionKey, lineage};
use crate::store::user_data::UserData;

/// Trust in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// Sources with an unchanged stamp come from the cache.
    Changed,
    /// All sources are read again.
    Everything,
}

/// Result of a complete scan.
#[derive(Debug)]
pub struct Collected {
    /// Sessions, newest activity first.
    pub sessions: Vec<Arc<Session>>,
    /// Read errors.
    pub issues: Vec<Issue>,
    /// Number of sources, and of those that were read.
    pub progress: IndexProgress,
    /// Sources of the sessions.
    pub sources: Vec<Source>,
    /// Sessions that are open in running processes.
    pub live: Vec<LiveStatus>,
    /// Roots of the agents.
    pub roots: Vec<SourceRoot>,
    /// Cache file, if there is one.
    pub cache: Option<PathBuf>,
    /// Counts of the reads.
    pub counts: ScanCounts,
    /// Snapshot write in the background, if the result did not come from a snapshot.
    pub pending_write: Option<PendingWrite>,
}

impl Collected {
    /// Returns a session by its key.
    pub fn session(&self, key: &SessionKey) -> Option<&Arc<Session>> {
        self.sessions.iter().find(|session| session.key == *key)
    }
}

/// Report about a root, for `doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootReport {
    /// Agent of the root.
    pub agent: Agent,
    /// Path of the root.
    pub path: PathBuf,
    /// True if the path exists.
    pub found: bool,
    /// Number of sessions whose row comes from this root.
    pub sessions: usize,
}

/// Scans all roots and waits until all sources are read.
pub fn collect(options: &IndexOptions, refresh: Refresh) -> Collected {
    collect_with(options, refresh, |scan| scan(None))
}

/// Scans like [`collect()`], and indexes the texts of the sources that are read from their beginning in the same pass.
pub fn collect_and_index(options: &IndexOptions, search: &SearchIndex) -> Collected {
    collect_with(options, Refresh::Changed, |scan| search.index_summarised(scan))
}

fn collect_with(
    options: &IndexOptions,
    refresh: Refresh,
    indexing: impl FnOnce(&dyn Fn(Option<SummaryTexts>) -> Collected) -> Collected,
) -> Collected {
    let roots: Vec<SourceRoot> = options.formats.iter().flat_map(|format| format.roots(&options.environment)).collect();
    let loaded = match refresh {
        Refresh::Changed => snapshot::load(options, &roots),
        Refresh::Everything => None,
    };
    let mut collected = match loaded {
        Some(loaded) => from_snapshot(options, roots, loaded),
        None => indexing(&|texts| scan(options, refresh, texts)),
    };
    // The cache and the snapshot contain only what is in the agents' files.
    let user_data = options.state_db.as_deref().map_or_else(|| Ok(UserData::default()), UserData::load);
    let user_data = user_data.unwrap_or_else(|issue| {
        collected.issues.push(issue);
        UserData::default()
    });
    remove_hidden(&mut collected.sessions, &user_data);
    annotate(&mut collected.sessions, &user_data.annotations);
    collected
}

/// Removes the sessions that the user hid or moved to the trash.
fn remove_hidden(sessions: &mut Vec<Arc<Session>>, user_data: &UserData) {
    let (hidden_keys, trashed) = (&user_data.hidden, &user_data.trashed);
    if hidden_keys.is_empty() && trashed.is_empty() {
        return;
    }
    let subagents = sessions.iter().filter(|session| session.flags.subagent && !hidden_keys.is_empty());
    let subagents: HashMap<SessionKey, Arc<Session>> =
        subagents.map(|session| (session.key.clone(), session.clone())).collect();
    let find = |key: &SessionKey| subagents.get(key).map(|session| &**session);
    let is_removed = |session: &Session| {
        hidden::is_hidden(session, hidden_keys, find) || session.flags.purged && trashed.contains(&session.key)
    };
    sessions.retain(|session| !is_removed(session));
}

/// Applies annotations to sessions.
fn annotate(sessions: &mut [Arc<Session>], annotations: &Annotations) {
    if annotations.is_empty() {
        return;
    }
    let forks = sessions.iter().filter_map(|session| Some((session.key.clone(), session.label_origin()?.clone())));
    let forks: HashMap<SessionKey, Arc<str>> = forks.collect();
    for session in sessions {
        if let Some(annotation) = lineage::annotation(session, annotations, |key| forks.get(key).cloned()) {
            Arc::make_mut(session).annotate(annotation);
        }
    }
}

/// Builds the result from a valid snapshot.
fn from_snapshot(options: &IndexOptions, roots: Vec<SourceRoot>, loaded: LoadedSnapshot) -> Collected {
    let LoadedSnapshot { sessions, issues, sources, live } = loaded;
    Collected {
        sessions,
        issues,
        progress: IndexProgress { done: sources.len(), total: sources.len() },
        sources,
        live,
        roots,
        cache: options.cache_dir.as_deref().map(cache_file),
        counts: ScanCounts::default(),
        pending_write: None,
    }
}

fn scan(options: &IndexOptions, refresh: Refresh, texts: Option<SummaryTexts>) -> Collected {
    let (sender, results) = channel();
    let report = move |result| {
        // The receiver is gone only with the scanner; then the result has no use.
        drop(sender.send(result));
    };
    let mut scanner = Scanner::of_command(options, texts, Arc::new(report));
    if refresh == Refresh::Changed {
        scanner.load_cache();
    }
    scanner.start_scan(refresh == Refresh::Everything);
    while !scanner.idle() {
        match results.recv() {
            Ok(result) => scanner.handle(result),
            Err(_) => break,
        }
    }
    scanner.flush();
    let live = live_statuses(options.formats, scanner.roots(), &LeaseLookup::new(options));
    scanner.table.set_live(&live);
    let mut catalog = Catalog::default();
    catalog.apply(scanner.table.take_change(usize::MAX));
    scanner.save_front();
    let sessions: Vec<_> = catalog.iter().cloned().collect();
    let (issues, progress) = (catalog.issues, scanner.progress());
    let cache = scanner.cache_file().map(Path::to_owned);
    let sources: Vec<Source> = scanner.table.sources().collect();
    let (roots, counts) = (scanner.roots().to_vec(), scanner.counts);
    let snapshot = Snapshot::new(&roots, &sources, sessions.clone(), issues.clone());
    // The cache is closed before the stamps of its files are read.
    drop(scanner);
    let pending_write =
        cache.as_deref().and_then(Path::parent).zip(snapshot).map(|(dir, snapshot)| snapshot.write_in_background(dir));
    Collected { sessions, issues, progress, sources, live, roots, cache, counts, pending_write }
}

/// Reports the sessions of each root.
pub fn report(roots: &[SourceRoot], sessions: &[Arc<Session>]) -> Vec<RootReport> {
    let of = |root: &SourceRoot| RootReport {
        agent: root.agent,
        path: root.path.clone(),
        found: root.path.exists(),
        sessions: sessions
            .iter()
            .filter(|session| session.key.agent == root.agent && session.path.starts_with(&root.path))
            .count(),
    };
    roots.iter().map(of).collect()
}
