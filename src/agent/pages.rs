//! A transcript in pages, for agents that keep messages one by one: which message holds which entries is known, the
//! texts stay where they are.
//!
//! Must not know any agent's fields; those are behind [`Source`] and [`Message`].

use std::io;
use std::ops::Range;
use std::path::PathBuf;

use super::sqlite::Failure;
use super::{Marks, Reading, Refreshed, TextLimit};
use crate::domain::{Entry, Issue};

/// Changes whenever a message or one of its parts does.
pub type Version = [i64; 5];

/// Where a session's messages lie.
pub trait Source: Send {
    /// What a message is.
    type Message: Message;

    /// Whether anything may have changed since the last call; the first call may say so too.
    fn may_have_changed(&mut self) -> bool;

    /// The messages in order, with their versions. `None`: there is no such session any more.
    fn versions(&mut self) -> Result<Option<Vec<(String, Version)>>, Failure>;

    /// Ids of the newest messages but `skip`, newest first, at most `count`.
    fn newest(&mut self, skip: u32, count: u32) -> Result<Vec<String>, Failure>;

    /// A message with all that belongs to it.
    fn message(&mut self, id: &str) -> Result<Self::Message, Failure>;
}

/// A message as stored, with its parts or its tools' results.
pub trait Message {
    /// What entries it makes. [`entries`](Self::entries) gives exactly as many.
    fn outline(&self) -> Outline;

    /// Its entries.
    fn entries(&self, limit: TextLimit) -> Vec<Entry>;

    /// What its `index`th entry was made of, as stored.
    fn stored(&self, index: usize) -> Vec<u8>;

    /// Its size, as stored.
    fn bytes(&self) -> u64;
}

/// What entries a message makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// How many.
    pub len: usize,
    /// The first of them that is a prompt.
    pub prompt: Option<usize>,
    /// Those that are errors.
    pub errors: Vec<usize>,
    /// Pieces of it that could not be read.
    pub unreadable: u32,
}

/// A message, and where its entries stand.
#[derive(Debug)]
struct Placed {
    id: String,
    version: Version,
    /// Index of its first entry, if it has any.
    first: usize,
}

/// The reading of a session from any source.
#[derive(Debug)]
pub struct Pages<S> {
    source: S,
    path: PathBuf,
    messages: Vec<Placed>,
    len: usize,
    prompts: Vec<usize>,
    errors: Vec<usize>,
    issues: Vec<Issue>,
    bytes_read: u64,
    /// The last look failed half-way: look again whatever the source says.
    behind: bool,
}

impl<S: Source> Pages<S> {
    /// Looks every message over once. `path` is what issues are about.
    pub fn open(mut source: S, path: PathBuf) -> io::Result<Self> {
        source.may_have_changed();
        let versions = source.versions()?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let mut pages = Self {
            source,
            path,
            messages: Vec::with_capacity(versions.len()),
            len: 0,
            prompts: Vec::new(),
            errors: Vec::new(),
            issues: Vec::new(),
            bytes_read: 0,
            behind: false,
        };
        pages.place(versions)?;
        Ok(pages)
    }

    /// Adds messages behind those that are placed.
    fn place(&mut self, versions: Vec<(String, Version)>) -> Result<(), Failure> {
        for (id, version) in versions {
            let outline = self.load(&id)?.outline();
            let first = self.len;
            // A prompt of several texts is jumped to once.
            self.prompts.extend(outline.prompt.map(|at| first + at));
            self.errors.extend(outline.errors.iter().map(|at| first + at));
            self.len += outline.len;
            if outline.unreadable > 0 {
                let reason = format!("message {id}: {} unreadable record(s)", outline.unreadable);
                self.issues.push(Issue::new(&self.path, reason));
            }
            self.messages.push(Placed { id, version, first });
        }
        Ok(())
    }

    fn load(&mut self, id: &str) -> Result<S::Message, Failure> {
        let message = self.source.message(id)?;
        self.bytes_read += message.bytes();
        Ok(message)
    }

    /// Forgets the messages from `at` on.
    fn cut(&mut self, at: usize) {
        let Some(first) = self.messages.get(at).map(|message| message.first) else {
            return;
        };
        self.messages.truncate(at);
        self.len = first;
        self.prompts.retain(|&index| index < first);
        self.errors.retain(|&index| index < first);
    }

    /// The messages that hold the entries of a range. One without entries shares its index with the next, so the
    /// last that begins at or before the range is the one that holds its first entry.
    fn holding(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.messages.partition_point(|message| message.first <= range.start).saturating_sub(1);
        let end = self.messages.partition_point(|message| message.first < range.end);
        start..end
    }

    fn end_of(&self, at: usize) -> usize {
        self.messages.get(at + 1).map_or(self.len, |next| next.first)
    }

    fn catch_up(&mut self) -> Result<Refreshed, Failure> {
        let Some(mut versions) = self.source.versions()? else {
            return Ok(Refreshed::Gone);
        };
        let known = self.messages.iter().zip(&versions);
        let same = known.take_while(|(old, new)| old.id == new.0 && old.version == new.1).count();
        if same == versions.len() && same == self.messages.len() {
            return Ok(Refreshed::Same);
        }
        // Messages that went (an undo) change more than what stands behind them.
        let went = self.messages[same..].iter().zip(&versions[same..]).any(|(old, new)| old.id != new.0)
            || versions.len() < self.messages.len();
        let from = self.messages.get(same).map_or(self.len, |message| message.first);
        self.cut(same);
        self.place(versions.split_off(same))?;
        Ok(if went { Refreshed::Reset } else { Refreshed::Grown { from } })
    }

    fn complain(&mut self, failure: &Failure) {
        let issue = Issue::new(&self.path, failure);
        if !self.issues.contains(&issue) {
            self.issues.push(issue);
        }
    }
}

impl<S: Source> Reading for Pages<S> {
    fn len(&self) -> usize {
        self.len
    }

    fn read(&mut self, range: Range<usize>, limit: TextLimit) -> Vec<Entry> {
        let range = range.start.min(self.len)..range.end.min(self.len);
        let mut found = Vec::with_capacity(range.len());
        if range.is_empty() {
            return found;
        }
        for at in self.holding(&range) {
            let (id, first, end) = (self.messages[at].id.clone(), self.messages[at].first, self.end_of(at));
            if first == end {
                continue;
            }
            match self.load(&id) {
                Ok(message) => {
                    let inside = (first..end).zip(message.entries(limit)).filter(|(index, _)| range.contains(index));
                    found.extend(inside.map(|(_, entry)| entry));
                }
                Err(failure) => self.complain(&failure),
            }
        }
        found
    }

    fn raw(&mut self, index: usize) -> Vec<u8> {
        let Some(at) = self.holding(&(index..index + 1)).find(|&at| self.end_of(at) > index) else {
            return Vec::new();
        };
        let (id, first) = (self.messages[at].id.clone(), self.messages[at].first);
        match self.load(&id) {
            Ok(message) => message.stored(index - first),
            Err(failure) => {
                self.complain(&failure);
                Vec::new()
            }
        }
    }

    fn branches(&self) -> usize {
        1
    }

    fn marks(&mut self, which: Marks) -> Vec<usize> {
        match which {
            Marks::Prompts => self.prompts.clone(),
            Marks::Errors => self.errors.clone(),
        }
    }

    fn refresh(&mut self) -> Refreshed {
        if !self.source.may_have_changed() && !self.behind {
            return Refreshed::Same;
        }
        let caught_up = self.catch_up();
        self.behind = caught_up.is_err();
        match caught_up {
            Ok(refreshed) => refreshed,
            Err(Failure::Io(error)) if error.kind() == io::ErrorKind::NotFound => Refreshed::Gone,
            Err(failure) => {
                self.complain(&failure);
                Refreshed::Same
            }
        }
    }

    fn issues(&self) -> &[Issue] {
        &self.issues
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}

/// The newest entries, at least `count` where there are as many.
pub fn tail<S: Source>(source: &mut S, count: usize) -> io::Result<Vec<Entry>> {
    const BATCH: u32 = 16;
    let mut newest_first: Vec<Vec<Entry>> = Vec::new();
    let (mut found, mut skip) = (0, 0);
    while found < count {
        let ids = source.newest(skip, BATCH)?;
        skip += BATCH;
        if ids.is_empty() {
            break;
        }
        for id in ids {
            let page = source.message(&id)?.entries(TextLimit::SCREEN);
            found += page.len();
            newest_first.push(page);
            if found >= count {
                break;
            }
        }
    }
    Ok(newest_first.into_iter().rev().flatten().collect())
}
