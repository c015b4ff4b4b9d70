//! Fingerprint of the sources on disk: every root walked, one `stat` per source, by two threads.

use std::hash::{BuildHasher, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::quality::FixedState;
use serde::{Deserialize, Serialize};

use crate::agent::{Discovery, Format, Source, SourceRoot, archive};
use crate::index::pool::catch_panic;

/// Order-independent hash of a set of sources with their stamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    count: u64,
    sums: [u64; 2],
}

impl Fingerprint {
    pub(super) fn of(sources: &[Source]) -> Self {
        let mut print = Self { count: sources.len() as u64, sums: [0; 2] };
        for Source { agent, path, stamp, kind } in sources {
            for (seed, sum) in (0..).zip(&mut print.sums) {
                let mut hasher = FixedState::with_seed(seed).build_hasher();
                hasher.write(agent.name().as_bytes());
                hasher.write_u8(*kind);
                hasher.write_u64(stamp.inode);
                hasher.write_u64(stamp.size);
                hasher.write_i64(stamp.mtime_ns);
                hasher.write(path.as_os_str().as_bytes());
                *sum = sum.wrapping_add(hasher.finish());
            }
        }
        print
    }

    /// Returns the fingerprint of the union of two disjoint sets.
    fn with(self, other: Self) -> Self {
        let [one, two] = self.sums;
        let sums = [one.wrapping_add(other.sums[0]), two.wrapping_add(other.sums[1])];
        Self { count: self.count + other.count, sums }
    }
}

/// Walk over all roots, shared by several threads.
pub(super) struct ParallelWalk<'a> {
    roots: &'a [SourceRoot],
    formats: &'static [&'static dyn Format],
    next: AtomicUsize,
}

impl<'a> ParallelWalk<'a> {
    pub(super) fn new(roots: &'a [SourceRoot], formats: &'static [&'static dyn Format]) -> Self {
        Self { roots, formats, next: AtomicUsize::new(0) }
    }

    /// Walks the roots that no other thread has taken. `None`: a root could not be read.
    pub(super) fn walk_some(&self) -> Option<WalkedSources> {
        let mut sources = Vec::new();
        while let Some(root) = self.roots.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let format = self.formats.iter().find(|format| format.reads(root.agent))?;
            let Discovery { sources: found, issues } = catch_panic(|| Some(archive::discover(*format, root)))?;
            if !issues.is_empty() {
                self.stop();
                return None;
            }
            if sources.is_empty() { sources = found } else { sources.extend(found) }
        }
        let fingerprint = Fingerprint::of(&sources);
        Some(WalkedSources { sources, fingerprint })
    }

    /// Stops the other threads after their current roots.
    pub(super) fn stop(&self) {
        self.next.store(self.roots.len(), Ordering::Relaxed);
    }

    /// Merges the sources of two threads, each source once.
    pub(super) fn finish(&self, one: WalkedSources, two: WalkedSources) -> (Vec<Source>, Fingerprint) {
        let (mut sources, fingerprint) = (one.sources, one.fingerprint.with(two.fingerprint));
        sources.extend(two.sources);
        if !self.overlaps() {
            return (sources, fingerprint);
        }
        sources.sort_unstable_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        sources.dedup_by(|a, b| a.path.as_os_str() == b.path.as_os_str());
        let fingerprint = Fingerprint::of(&sources);
        (sources, fingerprint)
    }

    /// Returns true if a root is inside another one, so that both may contain the same sources.
    fn overlaps(&self) -> bool {
        let within = |(at, one): (usize, &SourceRoot)| {
            self.roots.iter().enumerate().any(|(other, two)| other != at && one.path.starts_with(&two.path))
        };
        self.roots.iter().enumerate().any(within)
    }
}

/// Sources found by one thread.
#[derive(Debug)]
pub(super) struct WalkedSources {
    sources: Vec<Source>,
    fingerprint: Fingerprint,
}
