//! Transcripts with the texts that salon kept beside them: what an agent showed before an interrupt or a crash and did
//! not store, and notices about the run.
//!
//! A kept answer is inserted at the end of its turn, followed by an explanation; a notice, at its place in the turn. Once
//! the agent's record contains its key, or the turn an equal notice, the record is shown instead.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::agent::{
    BranchPosition, Fork, Format, MarkKind, RefreshOutcome, TextLimit, TranscriptBranch, TranscriptReader,
};
use crate::domain::event::NoticeLevel;
use crate::domain::transcript::{KeptPlace, KeptText};
use crate::domain::{Entry, EntryKey, EntryKind, Issue, Role, Session, SessionKey};
use crate::store::kept_texts;

/// Maximum entries of a turn that are compared with a kept notice, because each must be read.
const MAX_COMPARED: usize = 64;

/// Opens a session's transcript with the texts that are kept for it in the database at `state_db`.
pub fn open_transcript(
    format: &dyn Format,
    session: &Session,
    state_db: Option<&Path>,
) -> io::Result<Box<dyn TranscriptReader>> {
    let inner = format.open(session)?;
    let Some(path) = state_db else { return Ok(inner) };
    let mut reader = KeptTranscript { inner, path: path.to_owned(), session: session.key.clone(), placed: Vec::new() };
    reader.place();
    Ok(Box::new(reader))
}

/// Reader that inserts kept texts.
struct KeptTranscript {
    inner: Box<dyn TranscriptReader>,
    path: PathBuf,
    session: SessionKey,
    /// Inserted entries, each with the index of the stored entry that follows it; ascending.
    placed: Vec<(usize, Entry)>,
}

impl KeptTranscript {
    /// Reads the kept texts and finds their places. Returns true if anything changed.
    fn place(&mut self) -> bool {
        // Without the database there are no kept texts.
        let kept = kept_texts::read(&self.path, &self.session).unwrap_or_default();
        let placed = if kept.is_empty() { Vec::new() } else { self.place_texts(&kept) };
        let keys = |placed: &[(usize, Entry)]| placed.iter().map(|(at, entry)| (*at, entry.key)).collect::<Vec<_>>();
        let changed = keys(&placed) != keys(&self.placed);
        self.placed = placed;
        changed
    }

    fn place_texts(&mut self, kept: &[KeptText]) -> Vec<(usize, Entry)> {
        let before = |text: &KeptText| match text.place {
            KeptPlace::After(entry) => entry,
            KeptPlace::BeforePrompt | KeptPlace::TurnEnd => text.prompt,
        };
        let wanted: Vec<(EntryKey, &str)> =
            kept.iter().flat_map(|text| [(text.prompt, ""), (text.entry, ""), (before(text), "")]).collect();
        let found = self.inner.positions(&wanted);
        let (prompts, len) = (self.inner.marks(MarkKind::Prompts), self.inner.len());
        let missing = kept.iter().zip(found.chunks_exact(3)).filter_map(|(text, found)| match found {
            [Some(prompt), None, before] => Some((text, *prompt, *before)),
            _ => None,
        });
        let mut placed: Vec<(usize, Entry)> = Vec::new();
        for (text, prompt, before) in missing {
            let end = prompts.iter().copied().find(|at| *at > prompt).unwrap_or(len);
            let at = match text.place {
                KeptPlace::BeforePrompt => prompt,
                KeptPlace::After(_) => before.map_or(end, |before| before + 1),
                KeptPlace::TurnEnd => end,
            };
            match text.level {
                Some(_) if self.has_notice(prompt..end, text) => {}
                Some(_) => placed.push((at, entry(text))),
                None => {
                    placed.push((at, entry(text)));
                    placed.push((at, explanation(text, self.session.agent.label())));
                }
            }
        }
        // Stable: texts of one turn stay in their order.
        placed.sort_by_key(|(at, _)| *at);
        placed
    }

    /// Returns true if the agent stored an equal notice in a turn.
    fn has_notice(&mut self, turn: Range<usize>, kept: &KeptText) -> bool {
        let from = turn.start.max(turn.end.saturating_sub(MAX_COMPARED));
        let stored = self.inner.read(from..turn.end, TextLimit(kept.text.len() + 1));
        stored.iter().any(|entry| entry.kind == EntryKind::Notice && entry.text == kept.text)
    }

    /// Index of an inserted entry among all entries.
    fn outer_of_placed(&self, nth: usize) -> usize {
        self.placed[nth].0 + nth
    }

    /// Index of a stored entry among all entries.
    fn outer(&self, inner: usize) -> usize {
        inner + self.placed.partition_point(|(at, _)| *at <= inner)
    }

    /// Number of inserted entries before an index among all entries.
    fn placed_before(&self, outer: usize) -> usize {
        let (mut low, mut high) = (0, self.placed.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.outer_of_placed(middle) < outer { low = middle + 1 } else { high = middle }
        }
        low
    }
}

impl TranscriptReader for KeptTranscript {
    fn len(&self) -> usize {
        self.inner.len() + self.placed.len()
    }

    fn read(&mut self, range: Range<usize>, limit: TextLimit) -> Vec<Entry> {
        let (mut at, end) = (range.start, range.end.min(self.len()));
        let mut entries = Vec::with_capacity(end.saturating_sub(at));
        while at < end {
            let nth = self.placed_before(at);
            let next = if nth < self.placed.len() { self.outer_of_placed(nth) } else { usize::MAX };
            if next == at {
                entries.push(cut(self.placed[nth].1.clone(), limit));
                at += 1;
                continue;
            }
            let stop = end.min(next);
            let stored = self.inner.read(at - nth..stop - nth, limit);
            // A reader that finds less than it announced ends the page.
            if stored.is_empty() {
                break;
            }
            at += stored.len();
            entries.extend(stored);
        }
        entries
    }

    fn raw(&mut self, index: usize) -> Vec<u8> {
        let nth = self.placed_before(index);
        if nth < self.placed.len() && self.outer_of_placed(nth) == index {
            return self.placed[nth].1.text.clone().into_bytes();
        }
        self.inner.raw(index - nth)
    }

    fn record_id(&mut self, index: usize) -> Option<String> {
        let nth = self.placed_before(index);
        let is_placed = nth < self.placed.len() && self.outer_of_placed(nth) == index;
        if is_placed { None } else { self.inner.record_id(index - nth) }
    }

    fn branches(&self) -> usize {
        self.inner.branches()
    }

    fn shown_branch(&self) -> usize {
        self.inner.shown_branch()
    }

    fn branch_list(&mut self) -> Vec<TranscriptBranch> {
        let mut branches = self.inner.branch_list();
        // Kept texts are only placed on the shown branch.
        if let Some(shown) = branches.get_mut(self.inner.shown_branch()) {
            shown.entries += self.placed.len();
        }
        branches
    }

    fn show_branch(&mut self, branch: usize) -> bool {
        let is_shown = self.inner.show_branch(branch);
        self.place();
        is_shown
    }

    fn forks(&mut self) -> Vec<Fork> {
        let forks = self.inner.forks().into_iter();
        forks.map(|fork| Fork { entry: fork.entry.map(|at| self.outer(at)), ..fork }).collect()
    }

    fn locate(&mut self, wanted: &[(EntryKey, &str)]) -> Vec<Option<BranchPosition>> {
        let shown = self.inner.shown_branch();
        let on_shown = self.positions(wanted);
        let on_any = self.inner.locate(wanted);
        let here = |index| BranchPosition { branch: shown, index };
        on_shown.into_iter().zip(on_any).map(|(index, found)| index.map(here).or(found)).collect()
    }

    fn namesakes(&mut self, wanted: (EntryKey, &str), branch: usize) -> Vec<usize> {
        let alike = self.inner.namesakes(wanted, branch).into_iter();
        let is_shown = branch == self.inner.shown_branch();
        alike.map(|at| if is_shown { self.outer(at) } else { at }).collect()
    }

    fn marks(&mut self, which: MarkKind) -> Vec<usize> {
        let marks = self.inner.marks(which);
        marks.into_iter().map(|at| self.outer(at)).collect()
    }

    fn positions(&mut self, wanted: &[(EntryKey, &str)]) -> Vec<Option<usize>> {
        let stored = self.inner.positions(wanted);
        let placed = |key| self.placed.iter().position(|(_, entry)| entry.key == key);
        let found = stored.into_iter().zip(wanted).map(|(stored, (key, _))| match stored {
            Some(at) => Some(self.outer(at)),
            None => placed(*key).map(|nth| self.outer_of_placed(nth)),
        });
        found.collect()
    }

    fn refresh(&mut self) -> RefreshOutcome {
        let outcome = self.inner.refresh();
        if let RefreshOutcome::Gone | RefreshOutcome::Reset = outcome {
            self.place();
            return outcome;
        }
        let before: Vec<usize> = self.placed.iter().map(|(at, _)| *at).collect();
        let changed = self.place();
        let first_placed = before.into_iter().chain(self.placed.iter().map(|(at, _)| *at)).min();
        let from = match outcome {
            RefreshOutcome::Grown { from } => Some(from),
            _ => None,
        };
        let moved = first_placed.filter(|_| changed);
        match from.into_iter().chain(moved).min() {
            // All inserted entries before this index are unchanged.
            Some(from) => RefreshOutcome::Grown { from: from + self.placed.partition_point(|(at, _)| *at < from) },
            None => RefreshOutcome::Same,
        }
    }

    fn issues(&self) -> &[Issue] {
        self.inner.issues()
    }

    fn bytes_read(&self) -> u64 {
        self.inner.bytes_read()
    }
}

fn entry(kept: &KeptText) -> Entry {
    let (kind, role) = match kept.level {
        Some(_) => (EntryKind::Notice, Role::System),
        None => (EntryKind::Text, Role::Assistant),
    };
    let mut entry = Entry::new(kept.entry, kind, role, kept.time);
    entry.text.clone_from(&kept.text);
    entry.level = kept.level.unwrap_or(entry.level);
    entry
}

fn explanation(kept: &KeptText, agent: &str) -> Entry {
    let key = EntryKey::new(&format!("kept {}", kept.entry.raw()), 0);
    let mut entry = Entry::new(key, EntryKind::Notice, Role::System, kept.time);
    entry.level = NoticeLevel::Info;
    entry.text = format!("The text above is not in {agent}'s own record, because its turn ended early. salon kept it.");
    entry
}

/// Cuts a text to a limit in bytes.
fn cut(mut entry: Entry, limit: TextLimit) -> Entry {
    if entry.text.len() > limit.0 {
        let end = (0..=limit.0).rev().find(|at| entry.text.is_char_boundary(*at)).unwrap_or(0);
        entry.text.truncate(end);
        entry.truncated = true;
    }
    entry
}
