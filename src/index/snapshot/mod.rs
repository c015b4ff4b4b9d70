//! The whole catalog as a command last saw it, for the next command: true as long as every unit is what it was then.
//!
//! One file beside the cache, read while the roots are walked, a `stat` each as always. If anything at all
//! differs, the cache is asked instead. The file may be deleted at any time, and must never say more than the cache
//! would.
//!
//! ```text
//! premise   version, roots, state of the cache: compared byte for byte with what it would be now
//! blocks    length, checksum, and so many bytes: the first is the fingerprint of the units, the others are sessions and
//!           issues, see [`form`]
//! ```

mod bytes;
pub mod form;
mod present;

use std::collections::HashMap;
use std::fs;
use std::hash::BuildHasher;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use foldhash::quality::FixedState;

use self::bytes::Writer;
use self::form::Now;
use self::present::{Fingerprint, Walk};
use super::cache;
use super::pool::live_signs;
use super::workspace::Workspaces;
use crate::agent::{Format, Root, Stamp, Unit};
use crate::domain::live::LiveSign;
use crate::domain::{Issue, Session, SessionKey, State};

/// Changes with the form. What readers make of the same bytes changes with the program's version.
const VERSION: &str = concat!("salon 3/", env!("CARGO_PKG_VERSION"));

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
    let mut kept = Kept::open(dir?, roots)?;
    let walk = Walk::new(roots, formats);
    std::thread::scope(|scope| {
        let helper = scope.spawn(|| walk.help());
        let live = live_signs(formats, roots);
        let Some((fingerprint, sessions, issues)) = kept.read(&Overlay::new(&live)) else {
            walk.stop();
            return None;
        };
        // What is free to walk by now is walked here, and only then is the helper waited for.
        let here = walk.help();
        let (units, present) = walk.end(helper.join().ok().flatten()?, here?);
        (present == fingerprint).then_some(Recalled { sessions, issues, units, live })
    })
}

/// A file whose premise holds.
struct Kept {
    file: fs::File,
    block: Vec<u8>,
    blocks: u64,
}

impl Kept {
    fn open(dir: &Path, roots: &[Root]) -> Option<Self> {
        let (mut file, premise) = (fs::File::open(file(dir)).ok()?, premise(dir, roots));
        let mut block = vec![0; premise.len()];
        file.read_exact(&mut block).ok()?;
        (block == premise).then_some(Self { file, block, blocks: 0 })
    }

    /// All that it holds. `None`: it is damaged.
    fn read(&mut self, now: &dyn Now) -> Option<(Fingerprint, Vec<Arc<Session>>, Vec<Issue>)> {
        let fingerprint = Fingerprint::read(self.next()?)?;
        let mut reading = form::Reading::default();
        while !reading.ended() {
            reading.take(self.next()?, now)?;
        }
        let at_end = self.file.read(&mut [0]).ok()? == 0;
        let (sessions, issues) = reading.end().filter(|_| at_end)?;
        Some((fingerprint, sessions, issues))
    }

    /// The next block, sound.
    fn next(&mut self) -> Option<&[u8]> {
        let mut head = [0; HEAD];
        self.file.read_exact(&mut head).ok()?;
        let (length, sum) = head.split_at(HEAD / 2);
        let length = u64::from_le_bytes(length.try_into().ok()?);
        self.block.clear();
        // A damaged length must not reserve what there is not.
        self.block.reserve(usize::try_from(length.min(1 << 20)).ok()?);
        (&self.file).take(length).read_to_end(&mut self.block).ok()?;
        let sound = self.block.len() as u64 == length && checksum(self.blocks, &self.block).to_le_bytes() == *sum;
        self.blocks += 1;
        sound.then_some(&self.block)
    }
}

/// Bytes of a block's length and checksum.
const HEAD: usize = 16;

/// Against damage, not against malice.
fn checksum(number: u64, block: &[u8]) -> u64 {
    FixedState::with_seed(number).hash_one(block)
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
        let blocks = std::iter::once(self.units.to_bytes()).chain(form::write(&self.sessions, &self.issues));
        for (number, block) in (0..).zip(blocks) {
            all.extend((block.len() as u64).to_le_bytes());
            all.extend(checksum(number, &block).to_le_bytes());
            all.extend(block);
        }
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
