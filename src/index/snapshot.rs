//! The whole catalog as a command last saw it, for the next command: true as long as every unit is what it was then.
//!
//! One file beside the cache, read at a stroke. Whether it still holds is found out by walking the roots, a `stat` each
//! as always; if anything at all differs, the cache is asked instead. It may be deleted at any time, and must never
//! say more than the cache would.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};

use super::cache;
use super::pool::live_signs;
use super::workspace::Workspaces;
use crate::agent::{Discovery, Format, Root, Stamp, Unit};
use crate::domain::live::LiveSign;
use crate::domain::{Agent, Issue, Session, SessionKey, State};

/// Changes with the form. What readers make of the same bytes changes with the program's version.
const VERSION: &str = concat!("1/", env!("CARGO_PKG_VERSION"));

/// A catalog, and what it was made of.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Snapshot {
    version: String,
    roots: Vec<PathBuf>,
    /// The state of the cache's files: what becomes of them (another version, damage) concerns this, too.
    cache: Vec<Stamp>,
    /// By path.
    units: Vec<Made>,
    pub sessions: Vec<Session>,
    pub issues: Vec<Issue>,
}

/// A unit as it was.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Made {
    agent: Agent,
    path: PathBuf,
    kind: u8,
    stamp: Stamp,
}

/// What is there now.
#[derive(Debug)]
pub(super) struct Present {
    pub units: Vec<Unit>,
    pub live: Vec<LiveSign>,
    /// Something could not be looked at.
    dark: bool,
}

/// A snapshot on its way to disk. Dropping it waits until it is there.
#[derive(Debug)]
pub struct Keeping(Option<JoinHandle<()>>);

impl Drop for Keeping {
    fn drop(&mut self) {
        // Without it the next command takes a little longer; a panic was told where it happened.
        drop(self.0.take().map(JoinHandle::join));
    }
}

impl Snapshot {
    /// A snapshot of a catalog. `None` where something could not be read as a whole: that may end without a trace, so
    /// it is tried anew each time.
    pub fn new(roots: &[Root], units: &[Unit], sessions: Vec<Session>, issues: Vec<Issue>) -> Option<Self> {
        let whole = issues.iter().all(|issue| issue.line.is_some()) && sessions.iter().all(|session| session.complete);
        let sessions = sessions.into_iter().map(|session| Session { state: State::Past, ..session }).collect();
        let (version, roots, units) = (VERSION.to_owned(), names(roots), made(units));
        whole.then_some(Self { version, roots, cache: Vec::new(), units, sessions, issues })
    }

    /// What was kept in a directory for these roots, if anything.
    fn load(dir: &Path, roots: &[Root]) -> Option<Self> {
        let bytes = fs::read(file(dir)).ok()?;
        let kept: Self = sonic_rs::from_slice(&bytes).ok()?;
        (kept.version == VERSION && kept.roots == names(roots) && kept.cache == cache_stamps(dir)).then_some(kept)
    }

    /// Keeps it in the directory of a cache that is closed again, without anybody waiting for it.
    pub fn keep(mut self, dir: &Path) -> Keeping {
        let dir = dir.to_owned();
        self.cache = cache_stamps(&dir);
        let write = move || {
            if let Err(error) = self.write(&dir) {
                tracing::debug!(%error, "the catalog was not kept");
            }
        };
        Keeping(std::thread::Builder::new().name("keep-catalog".into()).spawn(write).ok())
    }

    fn write(&self, dir: &Path) -> std::io::Result<()> {
        // Paths that are no text cannot be kept.
        let bytes = sonic_rs::to_vec(self).map_err(std::io::Error::other)?;
        let draft = dir.join(format!("catalog.{}", std::process::id()));
        let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        out.write_all(&bytes).and_then(|()| fs::rename(&draft, file(dir))).inspect_err(|_| {
            drop(fs::remove_file(&draft));
        })
    }

    /// Lays over it what may change without a trace in any unit: who has which session open, and where repositories lie.
    fn dress(&mut self, live: &[LiveSign]) {
        let mut states: HashMap<&SessionKey, State> = HashMap::new();
        for sign in live {
            states.entry(&sign.key).and_modify(|state| *state = sign.state.min(*state)).or_insert(sign.state);
        }
        let workspaces = Workspaces::default();
        for session in &mut self.sessions {
            session.state = states.get(&session.key).copied().unwrap_or_default();
            let workspace = workspaces.of(&session.cwd);
            if session.workspace != workspace {
                session.workspace = workspace;
            }
        }
    }
}

fn file(dir: &Path) -> PathBuf {
    dir.join("catalog")
}

fn cache_stamps(dir: &Path) -> Vec<Stamp> {
    let file = cache::file(dir);
    let mut log = file.clone().into_os_string();
    log.push("-wal");
    let files = [file, PathBuf::from(log)];
    // A log without anything in it comes and goes.
    let stamps = files.iter().filter_map(|file| fs::metadata(file).ok()).map(|metadata| Stamp::of(&metadata));
    stamps.filter(|stamp| stamp.size > 0).collect()
}

fn names(roots: &[Root]) -> Vec<PathBuf> {
    roots.iter().map(|root| root.path.clone()).collect()
}

fn made(units: &[Unit]) -> Vec<Made> {
    let mut made: Vec<Made> = units
        .iter()
        .map(|Unit { agent, path, stamp, kind }| Made { agent: *agent, path: path.clone(), kind: *kind, stamp: *stamp })
        .collect();
    made.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    made
}

/// The snapshot of a directory, if it still holds, and what is there now.
pub(super) fn recall(
    dir: Option<&Path>,
    roots: &[Root],
    formats: &'static [&'static dyn Format],
) -> Option<(Snapshot, Present)> {
    let dir = dir.filter(|dir| file(dir).exists())?;
    let (kept, present) = std::thread::scope(|scope| {
        let kept = scope.spawn(|| Snapshot::load(dir, roots));
        let present = Present::new(roots, formats);
        (kept.join().ok().flatten(), present)
    });
    let mut kept = kept?;
    if present.dark || made(&present.units) != kept.units {
        return None;
    }
    kept.dress(&present.live);
    Some((kept, present))
}

impl Present {
    /// Looks at all roots. A reader that panics sees nothing, so that no snapshot holds.
    fn new(roots: &[Root], formats: &'static [&'static dyn Format]) -> Self {
        let next = AtomicUsize::new(0);
        let walk = || {
            let mut found: Vec<Discovery> = Vec::new();
            while let Some(root) = roots.get(next.fetch_add(1, Ordering::Relaxed)) {
                let format = formats.iter().find(|format| format.agent() == root.agent);
                found.extend(format.map(|format| format.discover(root)));
            }
            found
        };
        let (found, live) = std::thread::scope(|scope| {
            let other = scope.spawn(walk);
            let mut found = walk();
            let live = live_signs(formats, roots);
            (
                other.join().map(|others| {
                    found.extend(others);
                    found
                }),
                live,
            )
        });
        let dark = found.as_ref().map_or(true, |found| found.iter().any(|root| !root.issues.is_empty()));
        let mut units: Vec<Unit> = found.unwrap_or_default().into_iter().flat_map(|root| root.units).collect();
        units.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        // Roots may overlap.
        units.dedup_by(|a, b| a.path == b.path);
        Self { units, live, dark }
    }
}

/// The sessions as they are shared.
pub(super) fn shared(sessions: Vec<Session>) -> Vec<Arc<Session>> {
    sessions.into_iter().map(Arc::new).collect()
}
