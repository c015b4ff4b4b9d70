//! A thread as one transcript: its own rollout, and before it the parts of others that it was forked from.
//!
//! A paginated fork does not copy history; it names a thread and an ordinal, and that thread may be a fork as well.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dialect::Rollout;
use super::files;
use super::head::Head;
use crate::agent::jsonl::outline::Outline;
use crate::agent::{Marks, Reading, Refreshed, TextLimit};
use crate::domain::event::Level;
use crate::domain::{Entry, EntryKind, Issue, Key, Role};

/// Forks of forks that are followed.
const DEEPEST: usize = 32;

/// What comes before a rollout's own lines.
#[derive(Debug, Default)]
pub struct Before {
    /// Rollouts, oldest first, each with the dialect that leaves out what does not belong to the fork.
    pub parts: Vec<(PathBuf, Rollout)>,
    /// A thread whose rollout is not there; what is older is not there either.
    pub missing: Option<String>,
}

/// Finds the rollouts that come before the one at `path`.
pub fn before(path: &Path, head: &Head) -> Before {
    let mut before = Before::default();
    let mut base = head.base.clone();
    while let Some(at) = base {
        let found = files::find(path, &at.thread_id).filter(|_| before.parts.len() < DEEPEST);
        let Some((path, head)) = found.and_then(|path| Head::read(&path).ok().map(|head| (path, head))) else {
            before.missing = Some(at.thread_id);
            break;
        };
        before.parts.push((path, Rollout { until: Some(at.end_ordinal_exclusive), ..head.dialect() }));
        base = head.base;
    }
    before.parts.reverse();
    before
}

/// What is said where a part of the history is missing.
pub fn missing(thread: &str) -> String {
    format!("The conversation before this fork lies in thread {thread}, whose rollout is not there.")
}

/// Opens a thread.
pub fn open(path: &Path) -> io::Result<Box<dyn Reading>> {
    let head = Head::read(path)?;
    let own = Outline::open(Arc::new(head.dialect()), path)?;
    if head.base.is_none() {
        return Ok(Box::new(own));
    }
    let before = before(path, &head);
    let mut parts: Vec<Box<dyn Reading>> = Vec::new();
    if let Some(thread) = before.missing {
        parts.push(Box::new(Missing::new(path, &thread)));
    }
    for (path, dialect) in before.parts {
        parts.push(Box::new(Outline::open(Arc::new(dialect), &path)?));
    }
    parts.push(Box::new(own));
    let mut spliced = Spliced { parts, issues: Vec::new() };
    spliced.gather();
    Ok(Box::new(spliced))
}

/// Several readings, one after the other. Only the last one grows.
struct Spliced {
    parts: Vec<Box<dyn Reading>>,
    issues: Vec<Issue>,
}

impl Spliced {
    fn gather(&mut self) {
        self.issues = self.parts.iter().flat_map(|part| part.issues()).cloned().collect();
    }

    /// Each part with the index of its first entry.
    fn placed(&mut self) -> impl Iterator<Item = (usize, &mut Box<dyn Reading>)> {
        self.parts.iter_mut().scan(0, |first, part| {
            let at = *first;
            *first += part.len();
            Some((at, part))
        })
    }
}

impl Reading for Spliced {
    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    fn read(&mut self, range: Range<usize>, limit: TextLimit) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (first, part) in self.placed() {
            let (start, end) = (range.start.saturating_sub(first), range.end.saturating_sub(first));
            if start < end.min(part.len()) {
                entries.extend(part.read(start..end, limit));
            }
        }
        entries
    }

    fn raw(&mut self, index: usize) -> Vec<u8> {
        let part = self.placed().find(|(first, part)| (*first..first + part.len()).contains(&index));
        part.map(|(first, part)| part.raw(index - first)).unwrap_or_default()
    }

    fn branches(&self) -> usize {
        1
    }

    fn marks(&mut self, which: Marks) -> Vec<usize> {
        let marks = |(first, part): (usize, &mut Box<dyn Reading>)| {
            part.marks(which).into_iter().map(move |at| first + at).collect::<Vec<_>>()
        };
        self.placed().flat_map(marks).collect()
    }

    fn positions(&mut self, wanted: &[(Key, &str)]) -> Vec<Option<usize>> {
        let mut found = vec![None; wanted.len()];
        for (first, part) in self.placed() {
            for (found, here) in found.iter_mut().zip(part.positions(wanted)) {
                *found = found.or(here.map(|at| first + at));
            }
        }
        found
    }

    fn refresh(&mut self) -> Refreshed {
        let Some(own) = self.parts.last_mut() else { return Refreshed::Same };
        let refreshed = own.refresh();
        let before = self.len() - self.parts.last().map_or(0, |own| own.len());
        self.gather();
        match refreshed {
            Refreshed::Grown { from } => Refreshed::Grown { from: before + from },
            other @ (Refreshed::Same | Refreshed::Reset | Refreshed::Gone) => other,
        }
    }

    fn issues(&self) -> &[Issue] {
        &self.issues
    }

    fn bytes_read(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes_read()).sum()
    }
}

/// One notice in the place of a history that is not there.
struct Missing {
    entry: Entry,
    issues: Vec<Issue>,
}

impl Missing {
    fn new(path: &Path, thread: &str) -> Self {
        let mut entry = Entry::new(Key::new(thread, u32::MAX), EntryKind::Notice, Role::System, None);
        entry.level = Level::Warning;
        entry.text = missing(thread);
        Self { entry, issues: vec![Issue::new(path, missing(thread))] }
    }
}

impl Reading for Missing {
    fn len(&self) -> usize {
        1
    }

    fn read(&mut self, range: Range<usize>, _limit: TextLimit) -> Vec<Entry> {
        range.contains(&0).then(|| self.entry.clone()).into_iter().collect()
    }

    fn raw(&mut self, _index: usize) -> Vec<u8> {
        Vec::new()
    }

    fn branches(&self) -> usize {
        1
    }

    fn marks(&mut self, _which: Marks) -> Vec<usize> {
        Vec::new()
    }

    fn refresh(&mut self) -> Refreshed {
        Refreshed::Same
    }

    fn issues(&self) -> &[Issue] {
        &self.issues
    }

    fn bytes_read(&self) -> u64 {
        0
    }
}
