//! Prompts that were queued and not sent: entries after all others, until a later line sends them or takes them back.

use super::{LinePosition, TranscriptIndex, count};
use crate::agent::jsonl::EntryMark;
use crate::domain::EntryKind;

impl TranscriptIndex {
    /// Removes the entries of prompts that were not sent, before more lines are scanned.
    pub(super) fn remove_unsent(&mut self) {
        let Some((lines, marks)) = self.sent.take() else { return };
        self.lines.truncate(lines);
        self.marks.truncate(marks);
        self.shown.retain(|mark| *mark < count(marks));
    }

    /// Adds the entries of the prompts that are not sent so far.
    pub(super) fn add_unsent(&mut self) {
        let unsent: Vec<_> = self.queue.unsent().map(|(line, is_sent)| (line.clone(), is_sent)).collect();
        if unsent.is_empty() {
            return;
        }
        self.sent = Some((self.lines.len(), self.marks.len()));
        for ((offset, len, marks), is_sent) in unsent {
            let first = count(self.marks.len());
            self.lines.push(LinePosition { offset, len: u32::try_from(len).unwrap_or(u32::MAX), first });
            let kind = |kind| if is_sent { kind } else { EntryKind::Notice };
            self.marks.extend(marks.into_iter().map(|mark| EntryMark { kind: kind(mark.kind), ..mark }));
        }
        self.show_unsent();
    }

    /// Shows the entries of prompts that were not sent, on any branch.
    pub(super) fn show_unsent(&mut self) {
        if let Some((_, marks)) = self.sent {
            self.shown.extend(count(marks)..count(self.marks.len()));
        }
    }

    /// The shown entries without those of prompts that were not sent.
    pub(super) fn shown_sent(&self) -> &[u32] {
        let end =
            self.sent.map_or(self.shown.len(), |(_, marks)| self.shown.partition_point(|mark| *mark < count(marks)));
        &self.shown[..end]
    }
}
