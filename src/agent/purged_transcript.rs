//! Transcript of a session that its agent has deleted: its prompts in the [file of all prompts](super::prompt_history).

use std::io;
use std::ops::Range;
use std::path::PathBuf;

use super::prompt_history::{HistoryPrompt, ReadPrompts};
use super::{FileStamp, MarkKind, RefreshOutcome, TextLimit, TranscriptReader};
use crate::domain::transcript::Transcript;
use crate::domain::{Entry, Issue, Session};

/// Reader of the prompts of one session.
pub(super) struct PurgedTranscript {
    path: PathBuf,
    session: String,
    read: ReadPrompts,
    stamp: FileStamp,
    prompts: Vec<HistoryPrompt>,
    bytes_read: u64,
}

impl PurgedTranscript {
    /// Reads the prompts of a session from the file that its path names.
    pub(super) fn open(session: &Session, read: ReadPrompts) -> io::Result<Self> {
        let (path, session) = (session.path.clone(), session.key.id.to_string());
        let mut transcript =
            Self { path, session, read, stamp: FileStamp::default(), prompts: Vec::new(), bytes_read: 0 };
        transcript.load()?;
        Ok(transcript)
    }

    /// Reads the newest prompts of a session.
    pub(super) fn tail(session: &Session, read: ReadPrompts, count: usize) -> io::Result<Vec<Entry>> {
        let mut transcript = Self::open(session, read)?;
        let len = transcript.len();
        Ok(transcript.read(len.saturating_sub(count)..len, TextLimit::SCREEN))
    }

    fn load(&mut self) -> io::Result<()> {
        let stamp = FileStamp::of(&std::fs::metadata(&self.path)?);
        let (prompts, _) = (self.read)(&self.path)?;
        self.prompts = prompts.into_iter().filter(|prompt| prompt.session == self.session).collect();
        self.stamp = stamp;
        self.bytes_read += stamp.size;
        Ok(())
    }
}

impl TranscriptReader for PurgedTranscript {
    fn len(&self) -> usize {
        self.prompts.len()
    }

    fn read(&mut self, range: Range<usize>, limit: TextLimit) -> Vec<Entry> {
        let range = range.start.min(self.prompts.len())..range.end.min(self.prompts.len());
        let mut transcript = Transcript::default();
        for prompt in self.prompts.get(range).into_iter().flatten() {
            transcript.apply(prompt.event());
        }
        let mut entries = transcript.into_entries();
        for entry in &mut entries {
            let end = (0..=limit.0.min(entry.text.len())).rev().find(|at| entry.text.is_char_boundary(*at));
            entry.truncated = end.is_some_and(|end| end < entry.text.len());
            entry.text.truncate(end.unwrap_or(0));
        }
        entries
    }

    fn raw(&mut self, index: usize) -> Vec<u8> {
        self.prompts.get(index).map(|prompt| prompt.record.clone()).unwrap_or_default()
    }

    fn branches(&self) -> usize {
        1
    }

    fn marks(&mut self, which: MarkKind) -> Vec<usize> {
        if which == MarkKind::Prompts { (0..self.prompts.len()).collect() } else { Vec::new() }
    }

    fn refresh(&mut self) -> RefreshOutcome {
        let stamp = match std::fs::metadata(&self.path) {
            Ok(metadata) => FileStamp::of(&metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return RefreshOutcome::Gone,
            Err(_) => return RefreshOutcome::Same,
        };
        if stamp == self.stamp {
            return RefreshOutcome::Same;
        }
        let before = std::mem::take(&mut self.prompts);
        if self.load().is_err() {
            self.prompts = before;
            return RefreshOutcome::Same;
        }
        match self.prompts.strip_prefix(&before[..]) {
            Some([]) => RefreshOutcome::Same,
            Some(_) => RefreshOutcome::Grown { from: before.len() },
            None if self.prompts.is_empty() => RefreshOutcome::Gone,
            None => RefreshOutcome::Reset,
        }
    }

    /// Those of the file are reported with its summary.
    fn issues(&self) -> &[Issue] {
        &[]
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}
