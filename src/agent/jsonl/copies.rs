//! Detection of forks without a recorded origin: a file that begins with another file's records, including their ids.
//!
//! The first of these rules that applies decides which of two files is the copy:
//!
//! 1. A file that existed when its first record was written is the original; one that was created later is the copy.
//!    (After a restore or a move to another disk, this is true of no file.)
//! 2. A file without own records is the copy.
//! 3. The file whose own records begin later is the copy.
//! 4. Else they are equal, and the first by path counts as the original.
//!
//! A record whose id is in the original too is a copy, and its usage was counted there. Records that were appended
//! later to either file are its own.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use super::scan::scan;
use super::{Dialect, RecordLink, SourceIdentity, summary};
use crate::agent::{Source, SourceSummary};
use crate::domain::Time;

/// Maximum time between a file's first record and the file's creation, in ms; a later file was copied.
const SKEW_MS: i64 = 10_000;

/// A source with the identity of its session.
pub(crate) type IdentifiedSource<'a> = (&'a Source, SourceIdentity);

/// Finds the copies among sources whose sessions begin with the same record. Returns their indices, and summaries that
/// exclude the copied records. A source that cannot be read, or that begins differently by now, is left out.
pub(crate) fn find_copies(dialect: &dyn Dialect, sources: &[IdentifiedSource<'_>]) -> Vec<(usize, SourceSummary)> {
    let mut sequences: Vec<(usize, RecordSequence)> = (0..sources.len())
        .filter_map(|at| Some((at, RecordSequence::read(dialect, &sources[at].0.path).ok()?)))
        .collect();
    sequences.sort_by_key(|(at, _)| &sources[*at].0.path);
    let older = |best: usize, next: usize| if sequences[best].1.is_copy_of(&sequences[next].1) { next } else { best };
    let Some(original) = (0..sequences.len()).reduce(older) else { return Vec::new() };
    let (origin, sequence) = &sequences[original];
    let id = &sources[*origin].1.key.id;
    let copy = |at: usize| {
        let (source, identity) = &sources[at];
        summary::summarise_copy(dialect, source, identity, (id, &sequence.ids)).ok().map(|summary| (at, summary))
    };
    let alike = |(at, other): &&(usize, RecordSequence)| at != origin && sequence.contains_first_of(other);
    sequences.iter().filter(alike).filter_map(|(at, _)| copy(*at)).collect()
}

/// The records of a file, in order, and the file's creation time.
#[derive(Debug)]
struct RecordSequence {
    records: Vec<(u64, Option<Time>)>,
    ids: HashSet<u64>,
    created: Option<Time>,
}

impl RecordSequence {
    fn read(dialect: &dyn Dialect, path: &Path) -> io::Result<Self> {
        let file = dialect.open_text(path, None)?.file;
        let mut records = Vec::new();
        scan(dialect, &file, (0, 0), None, |line| {
            if let Ok(metadata) = line.metadata
                && let RecordLink::Node { id, .. } = metadata.link
            {
                records.push((id, metadata.time));
            }
        })?;
        let created = file.metadata()?.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let created = created.and_then(|since| i64::try_from(since.as_millis()).ok()).map(Time::from_millis);
        Ok(Self { ids: records.iter().map(|(id, _)| *id).collect(), records, created })
    }

    fn contains_first_of(&self, other: &Self) -> bool {
        other.records.first().is_some_and(|(id, _)| self.ids.contains(id))
    }

    /// True if this is more likely the copy.
    fn is_copy_of(&self, other: &Self) -> bool {
        let (original, others) = (self.precedes_its_records(), other.precedes_its_records());
        if original != others {
            return others;
        }
        match (self.own_since(other), other.own_since(self)) {
            (None, others) => others.is_some(),
            (Some(_), None) => false,
            (Some(own), Some(others)) => own > others,
        }
    }

    /// True if the file existed when its first record was written.
    fn precedes_its_records(&self) -> bool {
        let first = self.records.iter().find_map(|(_, time)| *time);
        first.zip(self.created).is_some_and(|(first, created)| created.since(first) <= SKEW_MS)
    }

    /// Time of the first record that the other file does not contain; the epoch if that record has no time.
    fn own_since(&self, other: &Self) -> Option<Time> {
        let own = self.records.iter().find(|(id, _)| !other.ids.contains(id));
        own.map(|(_, time)| time.unwrap_or_default())
    }
}
