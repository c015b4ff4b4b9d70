//! Forks that leave no trace: a file that begins with the records of another one, their ids included.
//!
//! Which of such files is the copy is told by the first of these that tells it:
//!
//! 1. A file that was there when its first record was written holds the original; one that came later is the copy.
//!    (After a restore or a move to another disk no file was.)
//! 2. A file with no record of its own is the copy.
//! 3. The file whose own records begin later is the copy.
//! 4. Else they are the same, and the first by path counts as the original.
//!
//! A record with an id that the original has, too, is a copy, and its usage was counted there. What was appended
//! later to either file is its own.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::Path;

use super::scan::scan;
use super::{Dialect, Identity, Link, summary};
use crate::agent::{Summarised, Unit};
use crate::domain::Time;

/// A file may be made a little after the time of its first record.
const SKEW_MS: i64 = 10_000;

/// A unit and what is known of its session without reading it.
pub type Known<'a> = (&'a Unit, Identity);

/// The copies among units whose sessions begin with the same record: their numbers, and their summaries without what was
/// copied. A unit that cannot be read, or does not begin so any more, is left out.
pub fn untangle(dialect: &dyn Dialect, units: &[Known<'_>]) -> Vec<(usize, Summarised)> {
    let mut trails: Vec<(usize, Trail)> =
        (0..units.len()).filter_map(|at| Some((at, Trail::read(dialect, &units[at].0.path).ok()?))).collect();
    trails.sort_by_key(|(at, _)| &units[*at].0.path);
    let older = |best: usize, next: usize| if trails[best].1.is_copy_of(&trails[next].1) { next } else { best };
    let Some(original) = (0..trails.len()).reduce(older) else { return Vec::new() };
    let (origin, trail) = &trails[original];
    let id = &units[*origin].1.key.id;
    let copy = |at: usize| {
        let (unit, identity) = &units[at];
        summary::copy(dialect, unit, identity, (id, &trail.ids)).ok().map(|summary| (at, summary))
    };
    let alike = |(at, other): &&(usize, Trail)| at != origin && trail.shares_the_beginning_of(other);
    trails.iter().filter(alike).filter_map(|(at, _)| copy(*at)).collect()
}

/// The records of a file, in order, and when the file was made.
#[derive(Debug)]
struct Trail {
    records: Vec<(u64, Option<Time>)>,
    ids: HashSet<u64>,
    made: Option<Time>,
}

impl Trail {
    fn read(dialect: &dyn Dialect, path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut records = Vec::new();
        scan(dialect, &file, (0, 0), None, |line| {
            if let Ok(skim) = line.skim
                && let Link::Node { id, .. } = skim.link
            {
                records.push((id, skim.time));
            }
        })?;
        let made = file.metadata()?.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let made = made.and_then(|since| i64::try_from(since.as_millis()).ok()).map(Time::from_millis);
        Ok(Self { ids: records.iter().map(|(id, _)| *id).collect(), records, made })
    }

    fn shares_the_beginning_of(&self, other: &Self) -> bool {
        other.records.first().is_some_and(|(id, _)| self.ids.contains(id))
    }

    /// Whether this is more likely the copy.
    fn is_copy_of(&self, other: &Self) -> bool {
        let (original, others) = (self.wrote_its_first(), other.wrote_its_first());
        if original != others {
            return others;
        }
        match (self.own_since(other), other.own_since(self)) {
            (None, others) => others.is_some(),
            (Some(_), None) => false,
            (Some(own), Some(others)) => own > others,
        }
    }

    fn wrote_its_first(&self) -> bool {
        let first = self.records.iter().find_map(|(_, time)| *time);
        first.zip(self.made).is_some_and(|(first, made)| made.since(first) <= SKEW_MS)
    }

    /// When the records begin that the other one does not have; the epoch where those have no time.
    fn own_since(&self, other: &Self) -> Option<Time> {
        let own = self.records.iter().find(|(id, _)| !other.ids.contains(id));
        own.map(|(_, time)| time.unwrap_or_default())
    }
}
