//! Threads in several rollouts: one that was resumed into a new file, or of which a copy is in the archive.
//!
//! The rollouts may be of versions that record messages differently, so each is read by its own dialect. One may begin with
//! records of another one, which are shown once.

use std::path::{Path, PathBuf};

use super::copied::ComparedRollout;
use super::dialect::{CopiedHistory, RecordSource, RolloutPart};
use super::head::RolloutHead;

/// Completes the head of a rollout of a thread with the facts of its other rollouts.
pub(super) fn complete(head: &mut RolloutHead, files: &[PathBuf]) {
    let heads: Vec<RolloutHead> = files.iter().filter_map(|file| RolloutHead::read(file).ok()).collect();
    let is_mixed = heads.windows(2).any(|pair| pair[0].record_source != pair[1].record_source);
    let common = heads.first().map_or(head.record_source, |first| first.record_source);
    head.record_source = if is_mixed { RecordSource::Mixed } else { common };
    head.base = heads.iter().find_map(|head| head.base.clone());
    head.forked_from = heads.iter().find_map(|head| head.forked_from.clone());
    head.copied = CopiedHistory { is_final: true, ..CopiedHistory::default() };
}

/// The parts of a thread in several rollouts, to be merged into one text; none for a thread in one.
pub(super) fn of(files: &[PathBuf]) -> Vec<RolloutPart> {
    if files.len() < 2 {
        return Vec::new();
    }
    // Merging the parts reports the one that cannot be read.
    let compared: Vec<Option<ComparedRollout>> = files.iter().map(|file| ComparedRollout::read(file).ok()).collect();
    let part = |(number, file): (usize, &PathBuf)| {
        let repeated =
            |own: &ComparedRollout| compared[..number].iter().flatten().map(|other| own.repeated(other)).max();
        let from = compared[number].as_ref().and_then(repeated).unwrap_or_default();
        RolloutPart { path: file.clone(), dialect: RolloutHead::current(file, None).dialect(), from }
    };
    files.iter().enumerate().map(part).collect()
}

/// The rollout that a thread continues in: the newest one that is not archived.
pub(super) fn newest(files: &[PathBuf]) -> Option<&Path> {
    let is_archived = |file: &&PathBuf| file.ancestors().any(|folder| folder.ends_with("archived_sessions"));
    files.iter().rfind(|file| !is_archived(file)).or(files.last()).map(PathBuf::as_path)
}
