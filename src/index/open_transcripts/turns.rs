//! Totals of the turns of an opened transcript, read once per turn.

use std::collections::HashMap;

use crate::agent::{TextLimit, TranscriptReader};
use crate::domain::transcript::TurnTotals;
use crate::domain::{Entry, EntryKind};

/// Maximum entries of a turn, to bound the time for a page.
const MAX_ENTRIES: usize = 4_000;

/// Entries per read.
const PAGE: usize = 256;

/// Totals by the indices of a turn's prompt and its last entry.
#[derive(Default)]
pub(super) struct TurnCache {
    known: HashMap<(usize, usize), TurnTotals>,
}

impl TurnCache {
    /// Forgets the turns with entries from an index on.
    pub(super) fn outdate(&mut self, from: usize) {
        self.known.retain(|(_, last), _| *last < from);
    }

    /// Sets the totals of the turns that end within a page, which begins at index `from`. `prompts`: indices of all
    /// prompts, ascending.
    pub(super) fn set(
        &mut self,
        reader: &mut dyn TranscriptReader,
        prompts: &[usize],
        from: usize,
        page: &mut [Entry],
    ) {
        for (last, entry) in (from..).zip(page) {
            let next = prompts.partition_point(|prompt| *prompt <= last);
            let ends_turn = prompts.get(next).copied().unwrap_or(reader.len()) == last + 1;
            if !ends_turn || entry.kind == EntryKind::Prompt {
                continue;
            }
            let Some(first) = next.checked_sub(1).map(|at| prompts[at]).filter(|first| last - first < MAX_ENTRIES)
            else {
                continue;
            };
            let totals = *self.known.entry((first, last)).or_insert_with(|| totals(reader, first, last));
            entry.turn = Some(totals).filter(|totals| !totals.is_empty());
        }
    }
}

fn totals(reader: &mut dyn TranscriptReader, first: usize, last: usize) -> TurnTotals {
    let (mut totals, mut began, mut ended) = (TurnTotals::default(), None, None);
    for from in (first..=last).step_by(PAGE) {
        for entry in reader.read(from..(from + PAGE).min(last + 1), TextLimit(0)) {
            totals.add(&entry);
            began = began.or(entry.time);
            let working = entry.tool.as_ref().and_then(|tool| tool.duration_ms).unwrap_or(0);
            let end = entry.time.map(|time| time.millis().saturating_add_unsigned(working));
            ended = ended.max(end);
        }
    }
    let duration = began.zip(ended).map(|(began, ended)| ended - began.millis());
    totals.duration_ms = duration.and_then(|millis| u64::try_from(millis).ok()).unwrap_or(0);
    totals
}
