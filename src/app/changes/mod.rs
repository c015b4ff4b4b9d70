//! Screen of changes: the files that a session changed, with the diff of the selected one.

mod cursor;
mod discard;
mod git;
mod keys;
mod remark_input;
mod review;

pub use git::git_dialog;
pub use keys::KEY_CONTEXTS;
pub use remark_input::{RemarkInput, ReviewPreview};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::effect::Effect;
use super::msg::DiffRows;
use super::scroll::{self, Scroll};
use super::ticket::{RequestTicket, Tickets};
use crate::domain::SessionKey;
use crate::domain::changes::{Changes, ChangesScope, DiffHunk, FileDiff};
use crate::domain::remark::PlacedRemark;

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
    /// Row of the cursor in the diff.
    pub cursor: usize,
    /// Remark that is being written.
    pub input: Option<RemarkInput>,
    /// Preview of the prompt with the remarks.
    pub review: Option<ReviewPreview>,
    /// Remarks on changes of the session.
    pub remarks: Vec<PlacedRemark>,
    selected: usize,
    /// Row at which a range of lines begins.
    mark: Option<usize>,
    /// Rows of the selected file, from the layout of the last frame.
    rows: Arc<DiffRows>,
    /// Row to show once it is known.
    wanted: Option<WantedRow>,
    /// Remark that is being saved.
    saving: Option<RemarkInput>,
    /// Entry from which the screen was opened, from 1.
    entry: Option<usize>,
    /// Number of the branch that is read, from 0; `None` for the newest one.
    branch: Option<usize>,
    /// Request to take back a change that is not answered yet; true if it is an undo.
    restoring: Option<(RequestTicket, bool)>,
    /// Snapshots of the files before each discarded change, the last one at the end.
    undo: Vec<String>,
    /// File of which the user was told that other sessions changed it too.
    warned: Option<String>,
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

/// A row that is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WantedRow {
    Hunk(usize),
    LastHunk,
    FirstRemark,
    LastRemark,
}

impl ChangesScreen {
    /// Opens the screen on a session; `entry` is the entry that is read, on a branch.
    pub fn open(
        key: SessionKey,
        (entry, branch): (Option<usize>, Option<usize>),
        tickets: &mut Tickets,
    ) -> (Self, Effect) {
        let (ticket, scope) = (tickets.issue(), ChangesScope::Session);
        let screen = Self {
            ticket,
            key: key.clone(),
            scope,
            content: ChangesContent::Loading,
            revision: 0,
            scroll: Scroll::default(),
            cursor: 0,
            input: None,
            review: None,
            remarks: Vec::new(),
            selected: 0,
            mark: None,
            rows: Arc::default(),
            saving: None,
            wanted: None,
            entry,
            branch,
            restoring: None,
            undo: Vec::new(),
            warned: None,
        };
        (screen, Effect::LoadChanges { ticket, key, scope, branch })
    }

    /// Stores the response to a request. An older one is ignored.
    pub fn loaded(&mut self, ticket: RequestTicket, result: Result<Arc<Changes>, String>) {
        if ticket != self.ticket {
            return;
        }
        self.revision += 1;
        self.content = match result {
            Ok(changes) => {
                self.remarks.clone_from(&changes.remarks);
                ChangesContent::Loaded(changes)
            }
            Err(reason) => ChangesContent::Failed(reason),
        };
        if self.selected >= self.files().len() {
            self.select(0, None);
        }
        if let Some((file, hunk)) = self.hunk_of_entry() {
            self.select(file, Some(WantedRow::Hunk(hunk)));
            // Later responses keep the place.
            self.entry = None;
        }
    }

    /// Returns true if it is known that nothing changed.
    pub fn is_empty(&self) -> bool {
        matches!(&self.content, ChangesContent::Loaded(changes) if changes.files.is_empty())
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

    /// Applies the layout of the selected file, or of the preview: visible rows, number of rows, and the rows.
    pub fn fit(&mut self, rows: usize, len: usize, diff: &Arc<DiffRows>) {
        if let Some(review) = &mut self.review {
            return review.scroll.fit(rows, len);
        }
        self.scroll.fit(rows, len);
        self.rows = diff.clone();
        self.cursor = self.cursor.min(len.saturating_sub(1));
        let wanted = match self.wanted.take() {
            Some(WantedRow::Hunk(hunk)) => self.rows.hunks.get(hunk).copied(),
            Some(WantedRow::LastHunk) => self.rows.hunks.last().copied(),
            Some(WantedRow::FirstRemark) => self.rows.remarks.first().map(|(row, _)| *row),
            Some(WantedRow::LastRemark) => self.rows.remarks.last().map(|(row, _)| *row),
            None => None,
        };
        match wanted {
            Some(row) => self.show_row(row),
            // The screen may have become lower.
            None => self.scroll.top = scroll::reveal(self.scroll.top, self.cursor, rows, len),
        }
    }

    /// Returns the absolute path of the selected file, with the line of the cursor.
    fn place(&self) -> Option<(PathBuf, Option<u32>)> {
        let ChangesContent::Loaded(changes) = &self.content else { return None };
        let (_, file) = self.selected()?;
        Some((Path::new(&changes.root).join(&file.path), self.line_number()))
    }

    /// Returns the file and the hunk that come from the entry from which the screen was opened.
    fn hunk_of_entry(&self) -> Option<(usize, usize)> {
        let entry = self.entry?;
        let is_from =
            |hunk: &DiffHunk| hunk.authors.iter().any(|author| author.session == self.key && author.entry == entry);
        let found = |(at, file): (usize, &FileDiff)| Some((at, file.hunks.iter().position(is_from)?));
        self.files().iter().enumerate().find_map(found)
    }
}
