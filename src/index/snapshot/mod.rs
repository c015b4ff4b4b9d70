//! Snapshot of the whole catalog for the next command, valid while every source is unchanged.
//!
//! One file beside the cache, read while the roots are walked (one `stat` per source). If anything differs, the cache
//! is used instead. The file may be deleted at any time, and must never contain more than the cache would give.
//!
//! ```text
//! cache key  version, roots, stamps of the cache: compared byte for byte with the current ones
//! frames     the first is the fingerprint of the sources, the others are sessions and issues, see [`codec`]
//! ```

pub mod codec;
mod fingerprint;

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use self::codec::CurrentState;
use self::fingerprint::{Fingerprint, ParallelWalk};
use super::cache;
use super::encoding::{self, FrameHeader, push_frame};
use super::options::IndexOptions;
use super::pool::{LeaseLookup, live_statuses};
use super::workspace::Workspaces;
use crate::agent::{FileStamp, Source, SourceRoot};
use crate::domain::live_status::LiveStatus;
use crate::domain::{Issue, Session, SessionKey, SessionState};
use crate::stdx::files;

/// Version of the encoding. The program's version covers changes of the readers.
const VERSION: &str = concat!("salon 11/", env!("CARGO_PKG_VERSION"));

/// Valid snapshot with the current sources and live sessions.
#[derive(Debug)]
pub(super) struct LoadedSnapshot {
    /// Sessions in stored order.
    pub sessions: Vec<Arc<Session>>,
    pub issues: Vec<Issue>,
    pub sources: Vec<Source>,
    pub live: Vec<LiveStatus>,
}

/// Loads the snapshot in the cache, if it is valid.
pub(super) fn load(options: &IndexOptions, roots: &[SourceRoot]) -> Option<LoadedSnapshot> {
    let formats = options.formats;
    let mut snapshot = SnapshotFile::open(options.cache_dir.as_deref()?, roots)?;
    let walk = ParallelWalk::new(roots, formats);
    std::thread::scope(|scope| {
        let helper = scope.spawn(|| walk.walk_some());
        let live = live_statuses(formats, roots, &LeaseLookup::new(options));
        let Some((fingerprint, sessions, issues)) = snapshot.read(&Overlay::new(&live), options.with_usage) else {
            walk.stop();
            return None;
        };
        // This thread walks the remaining roots before it waits for the other one.
        let here = walk.walk_some();
        let (sources, current) = walk.finish(helper.join().ok().flatten()?, here?);
        (current == fingerprint).then_some(LoadedSnapshot { sessions, issues, sources, live })
    })
}

/// Snapshot file with a matching cache key.
struct SnapshotFile {
    file: fs::File,
    block: Vec<u8>,
}

impl SnapshotFile {
    fn open(dir: &Path, roots: &[SourceRoot]) -> Option<Self> {
        let (mut file, cache_key) = (files::open(&file(dir)).ok()?, cache_key(dir, roots));
        let mut block = vec![0; cache_key.len()];
        file.read_exact(&mut block).ok()?;
        (block == cache_key).then_some(Self { file, block })
    }

    /// Decodes the whole file. `None`: it is damaged.
    fn read(
        &mut self,
        now: &dyn CurrentState,
        with_usage: bool,
    ) -> Option<(Fingerprint, Vec<Arc<Session>>, Vec<Issue>)> {
        let fingerprint = encoding::decode(self.next()?)?;
        let mut decoder =
            if with_usage { codec::SnapshotDecoder::default() } else { codec::SnapshotDecoder::without_usage() };
        while !decoder.ended() {
            decoder.read_block(self.next()?, now)?;
        }
        let at_end = self.file.read(&mut [0]).ok()? == 0;
        let (sessions, issues) = decoder.finish().filter(|_| at_end)?;
        Some((fingerprint, sessions, issues))
    }

    /// Returns the next block; `None` where its checksum differs.
    fn next(&mut self) -> Option<&[u8]> {
        let mut header = [0; FrameHeader::BYTES];
        self.file.read_exact(&mut header).ok()?;
        let header = FrameHeader::decode(header);
        self.block.clear();
        // A damaged length must not reserve memory beyond the file.
        self.block.reserve(usize::try_from(header.len.min(1 << 20)).ok()?);
        (&self.file).take(header.len.into()).read_to_end(&mut self.block).ok()?;
        header.matches(&self.block).then_some(&self.block)
    }
}

/// Encodes the conditions of a snapshot, which must be the same at its next use.
fn cache_key(dir: &Path, roots: &[SourceRoot]) -> Vec<u8> {
    let roots: Vec<_> = roots.iter().map(|root| (root.agent, root.path.as_os_str().as_bytes())).collect();
    // A new or damaged cache also invalidates the snapshot.
    encoding::encode(&(VERSION, roots, cache_stamps(dir))).unwrap_or_default()
}

/// State that changes without a trace in any source: live sessions and workspaces.
struct Overlay<'a> {
    states: HashMap<&'a SessionKey, SessionState>,
    workspaces: Workspaces,
}

impl<'a> Overlay<'a> {
    fn new(live: &'a [LiveStatus]) -> Self {
        let mut states: HashMap<&SessionKey, SessionState> = HashMap::new();
        for sign in live {
            states.entry(&sign.key).and_modify(|state| *state = sign.state.min(*state)).or_insert(sign.state);
        }
        Self { states, workspaces: Workspaces::default() }
    }
}

impl CurrentState for Overlay<'_> {
    fn state(&self, key: &SessionKey) -> SessionState {
        if self.states.is_empty() { SessionState::Past } else { self.states.get(key).copied().unwrap_or_default() }
    }

    fn workspace(&self, cwd: &Arc<str>) -> Arc<str> {
        self.workspaces.of(cwd)
    }
}

/// Catalog to write.
#[derive(Debug)]
pub(super) struct Snapshot {
    roots: Vec<SourceRoot>,
    sources: Fingerprint,
    sessions: Vec<Arc<Session>>,
    issues: Vec<Issue>,
}

/// Running write of a snapshot. Dropping it waits for its end.
#[derive(Debug)]
pub struct PendingWrite(Option<JoinHandle<()>>);

impl Drop for PendingWrite {
    fn drop(&mut self) {
        // Without a snapshot the next command is slower; the panic hook has reported a panic.
        drop(self.0.take().map(JoinHandle::join));
    }
}

impl Snapshot {
    /// Creates a snapshot of sessions, newest first. `None` where a whole source was unreadable: that may end without a
    /// trace, so it is retried each time.
    pub(super) fn new(
        roots: &[SourceRoot],
        sources: &[Source],
        sessions: Vec<Arc<Session>>,
        issues: Vec<Issue>,
    ) -> Option<Self> {
        let whole = issues.iter().all(|issue| issue.line.is_some()) && sessions.iter().all(|session| session.complete);
        whole.then(|| Self { roots: roots.to_vec(), sources: Fingerprint::of(sources), sessions, issues })
    }

    /// Writes the snapshot in the background, to the directory of a closed cache.
    pub(super) fn write_in_background(self, dir: &Path) -> PendingWrite {
        let (dir, cache_key) = (dir.to_owned(), cache_key(dir, &self.roots));
        let write = move || {
            if let Err(error) = self.write(&dir, cache_key) {
                tracing::debug!(%error, "the snapshot was not written");
            }
        };
        PendingWrite(std::thread::Builder::new().name("write-snapshot".into()).spawn(write).ok())
    }

    fn write(&self, dir: &Path, cache_key: Vec<u8>) -> std::io::Result<()> {
        let temporary = dir.join(format!("catalog.{}", std::process::id()));
        let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        out.write_all(&self.to_bytes(cache_key)).and_then(|()| fs::rename(&temporary, file(dir))).inspect_err(|_| {
            drop(fs::remove_file(&temporary));
        })
    }

    fn to_bytes(&self, mut all: Vec<u8>) -> Vec<u8> {
        let fingerprint = encoding::encode(&self.sources).unwrap_or_default();
        for block in std::iter::once(fingerprint).chain(codec::encode(&self.sessions, &self.issues)) {
            push_frame(&block, &mut all);
        }
        all
    }
}

fn file(dir: &Path) -> PathBuf {
    dir.join("catalog")
}

fn cache_stamps(dir: &Path) -> Vec<FileStamp> {
    let file = cache::file(dir);
    let mut log = file.clone().into_os_string();
    log.push("-wal");
    let files = [file, PathBuf::from(log)];
    // An empty log comes and goes.
    let stamps = files.iter().filter_map(|file| fs::metadata(file).ok()).map(|metadata| FileStamp::of(&metadata));
    stamps.filter(|stamp| stamp.size > 0).collect()
}
