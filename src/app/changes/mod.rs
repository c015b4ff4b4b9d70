//! Screen of changes: the files that a session changed, with the diff of the selected one.

mod discard;
mod keys;

pub use keys::KEY_CONTEXTS;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::effect::Effect;
use super::scroll::Scroll;
use super::ticket::{RequestTicket, Tickets};
use crate::domain::SessionKey;
use crate::domain::changes::{Changes, ChangesScope, DiffHunk, FileDiff};

/// State of the screen.
#[derive(Debug)]
pub struct ChangesScreen {
    /// Identifies the request whose response is shown next.
    pub ticket: RequestTicket,
    /// The session.
    pub key: SessionKey,
    /// Extent of the changes.
    pub scope: ChangesScope,
    /// The changes, once they are known.
    pub content: ChangesContent,
    /// Number of responses so far: each may have other content.
    pub revision: u64,
    /// Scroll position of the diff.
    pub scroll: Scroll,
    selected: usize,
    /// First rows of the hunks of the selected file, from the layout of the last frame.
    hunk_rows: Vec<usize>,
    /// Hunk to show once its row is known.
    wanted: Option<WantedHunk>,
    /// Entry from which the screen was opened, from 1.
    entry: Option<usize>,
    /// Request to take back a change that is not answered yet; true if it is an undo.
    restoring: Option<(RequestTicket, bool)>,
    /// Snapshots of the files before each discarded change, the last one at the end.
    undo: Vec<String>,
}

/// Content of the screen.
#[derive(Clone, Debug)]
pub enum ChangesContent {
    /// Requested.
    Loading,
    /// Changes; their files may be none.
    Loaded(Arc<Changes>),
    /// Reason why they are unknown.
    Failed(String),
}

/// A hunk that is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WantedHunk {
    At(usize),
    Last,
}

impl ChangesScreen {
    /// Opens the screen on a session; `entry` is the entry that is read.
    pub fn open(key: SessionKey, entry: Option<usize>, tickets: &mut Tickets) -> (Self, Effect) {
        let (ticket, scope) = (tickets.issue(), ChangesScope::Session);
        let screen = Self {
            ticket,
            key: key.clone(),
            scope,
            content: ChangesContent::Loading,
            revision: 0,
            scroll: Scroll::default(),
            selected: 0,
            hunk_rows: Vec::new(),
            wanted: None,
            entry,
            restoring: None,
            undo: Vec::new(),
        };
        (screen, Effect::LoadChanges { ticket, key, scope })
    }

    /// Stores the response to a request. An older one is ignored.
    pub fn loaded(&mut self, ticket: RequestTicket, result: Result<Arc<Changes>, String>) {
        if ticket != self.ticket {
            return;
        }
        self.revision += 1;
        self.content = match result {
            Ok(changes) => ChangesContent::Loaded(changes),
            Err(reason) => ChangesContent::Failed(reason),
        };
        if self.selected >= self.files().len() {
            (self.selected, self.scroll) = (0, Scroll::default());
        }
        if let Some((file, hunk)) = self.hunk_of_entry() {
            (self.selected, self.wanted) = (file, Some(WantedHunk::At(hunk)));
            // Later responses keep the place.
            self.entry = None;
        }
    }

    /// Returns the files.
    pub fn files(&self) -> &[FileDiff] {
        match &self.content {
            ChangesContent::Loaded(changes) => &changes.files,
            ChangesContent::Loading | ChangesContent::Failed(_) => &[],
        }
    }

    /// Returns the index of the selected file, and the file.
    pub fn selected(&self) -> Option<(usize, &FileDiff)> {
        self.files().get(self.selected).map(|file| (self.selected, file))
    }

    /// Applies the layout of the selected file: visible rows, number of rows, and first rows of the hunks.
    pub fn fit(&mut self, rows: usize, len: usize, hunk_rows: &[usize]) {
        self.scroll.fit(rows, len);
        hunk_rows.clone_into(&mut self.hunk_rows);
        let wanted = match self.wanted.take() {
            Some(WantedHunk::At(hunk)) => self.hunk_rows.get(hunk),
            Some(WantedHunk::Last) => self.hunk_rows.last(),
            None => None,
        };
        if let Some(row) = wanted.copied() {
            self.show_row(row);
        }
    }

    /// Returns the hunk at the top of the screen.
    fn hunk(&self) -> Option<&DiffHunk> {
        let (_, file) = self.selected()?;
        let at = self.hunk_rows.iter().rposition(|row| *row <= self.scroll.top).unwrap_or(0);
        file.hunks.get(at)
    }

    /// Returns the absolute path of the selected file, with the first line of the hunk at the top.
    fn place(&self) -> Option<(PathBuf, Option<u32>)> {
        let ChangesContent::Loaded(changes) = &self.content else { return None };
        let (_, file) = self.selected()?;
        Some((Path::new(&changes.root).join(&file.path), self.hunk().and_then(|hunk| hunk.new_start)))
    }

    /// Returns the file and the hunk that come from the entry from which the screen was opened.
    fn hunk_of_entry(&self) -> Option<(usize, usize)> {
        let entry = self.entry?;
        let is_from =
            |hunk: &DiffHunk| hunk.authors.iter().any(|author| author.session == self.key && author.entry == entry);
        let found = |(at, file): (usize, &FileDiff)| Some((at, file.hunks.iter().position(is_from)?));
        self.files().iter().enumerate().find_map(found)
    }

    fn show_row(&mut self, row: usize) {
        self.scroll.top = 0;
        self.scroll.by(isize::try_from(row).unwrap_or(isize::MAX));
    }
}
