//! Transcript of a session that its agent has deleted: its prompts in the [file of all prompts](super::prompt_history).

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

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

    /// Opens sessions one after the other, see [`Format::open_each`](super::Format::open_each): those of a file of prompts from
    /// one parse of it, others by `open`.
    pub(super) fn open_each(
        sessions: &[&Session],
        prompts_of: impl Fn(&Session) -> Option<ReadPrompts>,
        open: impl Fn(&Session) -> io::Result<Box<dyn TranscriptReader>>,
        visit: &mut dyn FnMut(&Session, io::Result<Box<dyn TranscriptReader>>),
    ) {
        let mut files: HashMap<&Path, Option<PromptFile>> = HashMap::new();
        for &session in sessions {
            let Some(read) = prompts_of(session) else {
                visit(session, open(session));
                continue;
            };
            let file = files.entry(&session.path).or_insert_with(|| PromptFile::read(&session.path, read).ok());
            let opened = file.as_mut().map_or_else(|| Self::open(session, read), |file| Ok(file.open(session, read)));
            visit(session, opened.map(|transcript| Box::new(transcript) as Box<dyn TranscriptReader>));
        }
    }

    /// Reads the newest prompts of a session.
    pub(super) fn tail(session: &Session, read: ReadPrompts, count: usize) -> io::Result<Vec<Entry>> {
        let mut transcript = Self::open(session, read)?;
        let len = transcript.len();
        Ok(transcript.read(len.saturating_sub(count)..len, TextLimit::SCREEN))
    }

    fn load(&mut self) -> io::Result<()> {
        let stamp = FileStamp::of(&std::fs::metadata(&self.path)?);
        (self.prompts, _) = (self.read)(&self.path, Some(&self.session))?;
        self.stamp = stamp;
        self.bytes_read += stamp.size;
        Ok(())
    }
}

/// Prompts of a file by session.
struct PromptFile {
    stamp: FileStamp,
    prompts: HashMap<String, Vec<HistoryPrompt>>,
}

impl PromptFile {
    fn read(path: &Path, read: ReadPrompts) -> io::Result<Self> {
        let stamp = FileStamp::of(&std::fs::metadata(path)?);
        let mut prompts: HashMap<String, Vec<HistoryPrompt>> = HashMap::new();
        for prompt in read(path, None)?.0 {
            prompts.entry(prompt.session.clone()).or_default().push(prompt);
        }
        Ok(Self { stamp, prompts })
    }

    /// Takes the transcript of a session.
    fn open(&mut self, session: &Session, read: ReadPrompts) -> PurgedTranscript {
        let (path, session) = (session.path.clone(), session.key.id.to_string());
        let prompts = self.prompts.remove(&session).unwrap_or_default();
        PurgedTranscript { path, session, read, stamp: self.stamp, prompts, bytes_read: 0 }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::agent::prompt_history;
    use crate::domain::{Agent, SessionKey};

    #[test]
    fn the_sessions_of_a_file_are_opened_from_one_parse() {
        static PARSES: AtomicUsize = AtomicUsize::new(0);
        let read: ReadPrompts = |path, only| {
            PARSES.fetch_add(1, Ordering::Relaxed);
            prompt_history::read_log(path, only)
        };
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("logs.json");
        let prompt = |session: &str, text: &str| serde_json::json!({"sessionId": session, "message": text});
        let prompts = serde_json::json!([prompt("a", "one"), prompt("b", "two"), prompt("a", "three")]);
        std::fs::write(&path, prompts.to_string()).expect("written");
        let session = |id: &str| Session::new(SessionKey::new(Agent::Gemini, id), path.clone());
        let (sessions, mut found) = ([session("a"), session("b"), session("gone")], Vec::new());
        let sessions: Vec<&Session> = sessions.iter().collect();
        PurgedTranscript::open_each(&sessions, |_| Some(read), |_| unreachable!("purged"), &mut |session, opened| {
            let mut transcript = opened.expect("opened");
            let texts = transcript.read(0..9, TextLimit::NONE).into_iter().map(|entry| entry.text);
            found.push((session.key.id.to_string(), texts.collect::<Vec<_>>().join(" "), transcript.refresh()));
        });
        let expected = [("a", "one three"), ("b", "two"), ("gone", "")];
        let expected = expected.map(|(id, text)| (id.to_owned(), text.to_owned(), RefreshOutcome::Same));
        assert_eq!((found, PARSES.load(Ordering::Relaxed)), (expected.to_vec(), 1));
        // One alone reads nothing else.
        let mut alone = PurgedTranscript::open(sessions[1], read).expect("opened");
        assert_eq!((alone.len(), alone.refresh()), (1, RefreshOutcome::Same));
    }
}
