//! The whole catalog as a command last saw it, for the next command: true as long as every unit is what it was then.
//!
//! One file beside the cache, read at a stroke while the roots are walked, a `stat` each as always. If anything at all
//! differs, the cache is asked instead. The file may be deleted at any time, and must never say more than the cache
//! would.
//!
//! ```text
//! premise     version, roots, state of the cache: compared byte for byte with what it would be now
//! checksum    of all that follows
//! units       their fingerprint
//! sessions and issues, see [`form`]
//! ```

mod bytes;
pub mod form;
mod present;

use std::collections::HashMap;
use std::fs;
use std::hash::BuildHasher;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use foldhash::quality::FixedState;

use self::bytes::{Reader, Writer};
use self::form::Now;
use self::present::{Fingerprint, Walk};
use super::cache;
use super::pool::live_signs;
use super::workspace::Workspaces;
use crate::agent::{Format, Root, Stamp, Unit};
use crate::domain::live::LiveSign;
use crate::domain::{Issue, Session, SessionKey, State};

/// Changes with the form. What readers make of the same bytes changes with the program's version.
const VERSION: &str = concat!("salon 2/", env!("CARGO_PKG_VERSION"));

/// What holds of a catalog that was kept, and what is there now.
#[derive(Debug)]
pub(super) struct Recalled {
    /// In the order in which they were kept.
    pub sessions: Vec<Arc<Session>>,
    pub issues: Vec<Issue>,
    pub units: Vec<Unit>,
    pub live: Vec<LiveSign>,
}

/// The snapshot of a directory, if it still holds.
pub(super) fn recall(dir: Option<&Path>, roots: &[Root], formats: &'static [&'static dyn Format]) -> Option<Recalled> {
    let dir = dir?;
    let bytes = fs::read(file(dir)).ok()?;
    let rest = bytes.strip_prefix(&*premise(dir, roots))?;
    let walk = Walk::new(roots, formats);
    std::thread::scope(|scope| {
        let helper = scope.spawn(|| walk.help());
        let live = live_signs(formats, roots);
        let Some((fingerprint, sessions, issues)) = read(rest, &Overlay::new(&live)) else {
            walk.stop();
            return None;
        };
        // What is free to walk by now is walked here, and only then is the helper waited for.
        let here = walk.help();
        let (units, present) = walk.end(helper.join().ok().flatten()?, here?);
        (present == fingerprint).then_some(Recalled { sessions, issues, units, live })
    })
}

/// What it was made under, and what must be the same now.
fn premise(dir: &Path, roots: &[Root]) -> Vec<u8> {
    let mut to = Writer::default();
    to.bytes(VERSION.as_bytes());
    to.number(roots.len() as u64);
    for root in roots {
        to.byte(form::agent_number(root.agent));
        to.bytes(root.path.as_os_str().as_bytes());
    }
    // What becomes of the cache's files (another version, damage) concerns this, too.
    let stamps = cache_stamps(dir);
    to.number(stamps.len() as u64);
    for Stamp { inode, size, mtime_ns } in stamps {
        to.wide(inode);
        to.wide(size);
        to.wide(mtime_ns.cast_unsigned());
    }
    to.into_bytes()
}

fn read(bytes: &[u8], now: &dyn Now) -> Option<(Fingerprint, Vec<Arc<Session>>, Vec<Issue>)> {
    let (sum, rest) = bytes.split_first_chunk()?;
    if u64::from_le_bytes(*sum) != checksum(rest) {
        return None;
    }
    let mut from = Reader::new(rest);
    let fingerprint = Fingerprint { count: from.wide()?, sums: [from.wide()?, from.wide()?] };
    let (sessions, issues) = form::read(&rest[rest.len() - from.left()..], now)?;
    Some((fingerprint, sessions, issues))
}

/// Against damage, not against malice.
fn checksum(bytes: &[u8]) -> u64 {
    FixedState::with_seed(0).hash_one(bytes)
}

/// What may change without a trace in any unit: who has which session open, and where repositories lie.
struct Overlay<'a> {
    states: HashMap<&'a SessionKey, State>,
    workspaces: Workspaces,
}

impl<'a> Overlay<'a> {
    fn new(live: &'a [LiveSign]) -> Self {
        let mut states: HashMap<&SessionKey, State> = HashMap::new();
        for sign in live {
            states.entry(&sign.key).and_modify(|state| *state = sign.state.min(*state)).or_insert(sign.state);
        }
        Self { states, workspaces: Workspaces::default() }
    }
}

impl Now for Overlay<'_> {
    fn state(&self, key: &SessionKey) -> State {
        if self.states.is_empty() { State::Past } else { self.states.get(key).copied().unwrap_or_default() }
    }

    fn workspace(&self, cwd: &Arc<str>) -> Arc<str> {
        self.workspaces.of(cwd)
    }
}

/// A catalog that is to be kept.
#[derive(Debug)]
pub(super) struct Snapshot {
    roots: Vec<Root>,
    units: Fingerprint,
    sessions: Vec<Arc<Session>>,
    issues: Vec<Issue>,
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
    /// A snapshot of a catalog, its sessions newest first. `None` where something could not be read as a whole: that
    /// may end without a trace, so it is tried anew each time.
    pub fn new(roots: &[Root], units: &[Unit], sessions: Vec<Arc<Session>>, issues: Vec<Issue>) -> Option<Self> {
        let whole = issues.iter().all(|issue| issue.line.is_some()) && sessions.iter().all(|session| session.complete);
        whole.then(|| Self { roots: roots.to_vec(), units: Fingerprint::of(units), sessions, issues })
    }

    /// Keeps it in the directory of a cache that is closed again, without anybody waiting for it.
    pub fn keep(self, dir: &Path) -> Keeping {
        let (dir, premise) = (dir.to_owned(), premise(dir, &self.roots));
        let write = move || {
            if let Err(error) = self.write(&dir, premise) {
                tracing::debug!(%error, "the catalog was not kept");
            }
        };
        Keeping(std::thread::Builder::new().name("keep-catalog".into()).spawn(write).ok())
    }

    fn write(&self, dir: &Path, premise: Vec<u8>) -> std::io::Result<()> {
        let draft = dir.join(format!("catalog.{}", std::process::id()));
        let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        out.write_all(&self.to_bytes(premise)).and_then(|()| fs::rename(&draft, file(dir))).inspect_err(|_| {
            drop(fs::remove_file(&draft));
        })
    }

    fn to_bytes(&self, mut all: Vec<u8>) -> Vec<u8> {
        let mut rest = Writer::default();
        rest.wide(self.units.count);
        self.units.sums.iter().for_each(|sum| rest.wide(*sum));
        let mut rest = rest.into_bytes();
        rest.extend(form::write(&self.sessions, &self.issues));
        all.extend(checksum(&rest).to_le_bytes());
        all.extend(rest);
        all
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
