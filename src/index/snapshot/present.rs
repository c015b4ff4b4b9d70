//! What is there now: every root walked, a `stat` each, by two threads.

use std::hash::{BuildHasher, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::quality::FixedState;

use super::bytes::{Known, Reader, Writer};
use super::form;
use crate::agent::{Discovery, Format, Root, Unit};
use crate::index::pool::guarded;

/// Stands for a set of units with their stamps, in whichever order: two that are equal were made of the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fingerprint {
    count: u64,
    sums: [u64; 2],
}

impl Fingerprint {
    pub fn of(units: &[Unit]) -> Self {
        let mut print = Self { count: units.len() as u64, sums: [0; 2] };
        for Unit { agent, path, stamp, kind } in units {
            for (seed, sum) in (0..).zip(&mut print.sums) {
                let mut hasher = FixedState::with_seed(seed).build_hasher();
                hasher.write(&[form::agent_number(*agent), *kind]);
                hasher.write_u64(stamp.inode);
                hasher.write_u64(stamp.size);
                hasher.write_i64(stamp.mtime_ns);
                hasher.write(path.as_os_str().as_bytes());
                *sum = sum.wrapping_add(hasher.finish());
            }
        }
        print
    }

    pub fn to_bytes(self) -> Vec<u8> {
        let mut to = Writer::default();
        let [one, two] = self.sums;
        for number in [self.count, one, two] {
            to.wide(number);
        }
        to.into_bytes()
    }

    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut known = Known::default();
        let mut from = Reader::new(bytes, &mut known);
        let print = Self { count: from.wide()?, sums: [from.wide()?, from.wide()?] };
        from.is_empty().then_some(print)
    }

    /// The fingerprint of both sets together.
    fn with(self, other: Self) -> Self {
        let [one, two] = self.sums;
        let sums = [one.wrapping_add(other.sums[0]), two.wrapping_add(other.sums[1])];
        Self { count: self.count + other.count, sums }
    }
}

/// A walk over all roots, in which several threads may help.
pub(super) struct Walk<'a> {
    roots: &'a [Root],
    formats: &'static [&'static dyn Format],
    next: AtomicUsize,
}

impl<'a> Walk<'a> {
    pub fn new(roots: &'a [Root], formats: &'static [&'static dyn Format]) -> Self {
        Self { roots, formats, next: AtomicUsize::new(0) }
    }

    /// Walks roots that nobody has walked yet. `None`: something could not be looked at.
    pub fn help(&self) -> Option<Found> {
        let mut units = Vec::new();
        while let Some(root) = self.roots.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let format = self.formats.iter().find(|format| format.agent() == root.agent)?;
            let Discovery { units: found, issues } = guarded(|| Some(format.discover(root)))?;
            if !issues.is_empty() {
                self.stop();
                return None;
            }
            if units.is_empty() { units = found } else { units.extend(found) }
        }
        let fingerprint = Fingerprint::of(&units);
        Some(Found { units, fingerprint })
    }

    /// Nobody needs it any more.
    pub fn stop(&self) {
        self.next.store(self.roots.len(), Ordering::Relaxed);
    }

    /// What two helpers found together, each unit once.
    pub fn end(&self, one: Found, two: Found) -> (Vec<Unit>, Fingerprint) {
        let (mut units, fingerprint) = (one.units, one.fingerprint.with(two.fingerprint));
        units.extend(two.units);
        if !self.overlaps() {
            return (units, fingerprint);
        }
        units.sort_unstable_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        units.dedup_by(|a, b| a.path.as_os_str() == b.path.as_os_str());
        let fingerprint = Fingerprint::of(&units);
        (units, fingerprint)
    }

    /// Whether a root lies in another one, so that what is found there may be found twice.
    fn overlaps(&self) -> bool {
        let within = |(at, one): (usize, &Root)| {
            self.roots.iter().enumerate().any(|(other, two)| other != at && one.path.starts_with(&two.path))
        };
        self.roots.iter().enumerate().any(within)
    }
}

/// What one helper found.
#[derive(Debug)]
pub(super) struct Found {
    units: Vec<Unit>,
    fingerprint: Fingerprint,
}
