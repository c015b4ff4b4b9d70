//! Cursor on the screen of changes: the selected row of the diff, and a range of rows.

use super::{ChangesScreen, WantedRow};
use crate::app::ctx::Ctx;
use crate::app::scroll::{self, Scroll};
use crate::domain::changes::DiffHunk;

impl ChangesScreen {
    /// Moves the cursor by rows.
    pub(super) fn move_cursor(&mut self, rows: isize) {
        let last = self.rows.lines.len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(rows).min(last);
        self.scroll.top = scroll::reveal(self.scroll.top, self.cursor, self.scroll.height(), self.rows.lines.len());
    }

    /// Scrolls with the mouse wheel. The cursor stays on the screen.
    pub fn wheel(&mut self, rows: isize) {
        if let Some(review) = &mut self.review {
            return review.scroll.by(rows);
        }
        self.scroll.by(rows);
        let last = self.scroll.top + self.scroll.height().saturating_sub(1);
        self.cursor = self.cursor.clamp(self.scroll.top, last.max(self.scroll.top));
    }

    /// Begins a range of lines at the cursor, or ends it.
    pub(super) fn toggle_mark(&mut self) {
        self.mark = if self.mark.is_some() { None } else { Some(self.cursor) };
    }

    /// Returns the rows that are selected: the range, else the row of the cursor.
    pub fn selected_rows(&self) -> std::ops::RangeInclusive<usize> {
        let mark = self.mark.unwrap_or(self.cursor);
        mark.min(self.cursor)..=mark.max(self.cursor)
    }

    /// Scrolls to the next or previous hunk, in the next or previous file if there is none in this one.
    pub(super) fn step_hunk(&mut self, forward: bool, ctx: &mut Ctx) {
        let rows = self.rows.hunks.iter().copied();
        match next_row(rows, self.cursor, forward) {
            Some(row) => self.show_row(row),
            None => self.step_file(forward, Some(if forward { WantedRow::Hunk(0) } else { WantedRow::LastHunk }), ctx),
        }
    }

    /// Goes to the next or previous remark, also of another file.
    pub(super) fn step_remark(&mut self, forward: bool, ctx: &mut Ctx) {
        let rows = self.rows.remarks.iter().map(|(row, _)| *row);
        if let Some(row) = next_row(rows, self.cursor, forward) {
            return self.show_row(row);
        }
        let has_remarks = |at: &usize| self.files().get(*at).is_some_and(|file| self.remarks_on(file).next().is_some());
        let next = if forward {
            (self.selected + 1..self.files().len()).find(has_remarks)
        } else {
            (0..self.selected).rev().find(has_remarks)
        };
        match next {
            Some(file) => {
                let wanted = if forward { WantedRow::FirstRemark } else { WantedRow::LastRemark };
                self.select(file, Some(wanted));
            }
            None => ctx.notices.info(if forward { "No further remark" } else { "No earlier remark" }),
        }
    }

    /// Selects a file, at one of its rows.
    pub(super) fn select(&mut self, file: usize, wanted: Option<WantedRow>) {
        (self.selected, self.wanted) = (file, wanted);
        (self.scroll, self.cursor, self.mark) = (Scroll::default(), 0, None);
    }

    pub(super) fn step_file(&mut self, forward: bool, wanted: Option<WantedRow>, ctx: &mut Ctx) {
        let next = if forward { self.selected.checked_add(1) } else { self.selected.checked_sub(1) };
        match next.filter(|next| *next < self.files().len()) {
            Some(next) => self.select(next, wanted),
            None if self.files().is_empty() => {}
            None => ctx.notices.info(if forward { "No further file" } else { "No earlier file" }),
        }
    }

    /// Moves the cursor to a row, which becomes the first one on the screen.
    pub(super) fn show_row(&mut self, row: usize) {
        self.cursor = row;
        self.scroll.top = 0;
        self.scroll.by(isize::try_from(row).unwrap_or(isize::MAX));
    }

    /// Returns the hunk of the cursor.
    pub(super) fn hunk(&self) -> Option<&DiffHunk> {
        let (_, file) = self.selected()?;
        file.hunks.get(self.hunk_of(self.cursor))
    }

    /// Returns the index of the hunk of a row.
    pub(super) fn hunk_of(&self, row: usize) -> usize {
        self.rows.hunks.iter().rposition(|first| *first <= row).unwrap_or(0)
    }

    /// Returns the lines of the cursor's hunk that are selected, as indices of the first and the last one. On the
    /// heading of a hunk, that is all of it.
    pub(super) fn selected_lines(&self) -> Option<(usize, usize)> {
        let hunk = self.hunk_of(self.cursor);
        let rows = self.selected_rows().filter(|row| self.hunk_of(*row) == hunk);
        let lines = rows.filter_map(|row| self.rows.lines.get(row)).flatten().filter_map(|line| *line);
        let range = lines.fold(None, |range: Option<(usize, usize)>, line| {
            range.map_or(Some((line, line)), |(first, last)| Some((first.min(line), last.max(line))))
        });
        let is_heading = self.rows.hunks.contains(&self.cursor);
        range.or_else(|| {
            let lines = self.hunk()?.lines.len();
            (is_heading && lines > 0).then(|| (0, lines - 1))
        })
    }

    /// Returns the number in the new file of the line at the cursor, else of the first line of its hunk.
    pub(super) fn line_number(&self) -> Option<u32> {
        let hunk = self.hunk()?;
        let start = hunk.new_start?;
        let [old, new] = self.rows.lines.get(self.cursor).copied().unwrap_or_default();
        let Some(at) = new.or(old) else { return Some(start) };
        let above = hunk.lines.iter().take(at).filter(|line| line.starts_with([' ', '+'])).count();
        Some(start.saturating_add(u32::try_from(above).unwrap_or(u32::MAX)))
    }
}

/// Returns the next row after the cursor, or the last one before it.
fn next_row(mut rows: impl DoubleEndedIterator<Item = usize>, cursor: usize, forward: bool) -> Option<usize> {
    if forward { rows.find(|row| *row > cursor) } else { rows.rfind(|row| *row < cursor) }
}
