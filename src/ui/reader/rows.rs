//! Viewport of the reader: maps the anchor to visible rows and keeps it in range.
//!
//! Measures only entries near the anchor. An entry that is not loaded takes one row and ends the measurement.

use std::ops::Range;
use std::sync::Arc;

use jiff::civil::Date;
use ratatui::layout::Size;

use super::cache::{CachedLayout, LayoutCache, LayoutShape};
use super::hits::HitMatcher;
use crate::app::msg::ReaderFeedback;
use crate::app::reader::{AnchorBase, CallStage, EntryRef, Find, Fold, Reader};
use crate::domain::Time;
use crate::domain::transcript::{Entry, EntryKind};
use crate::ui::entry::RenderContext;
use crate::ui::inline_pictures::PictureOwner;

/// Maximum entries to search backwards for one with a time or a visible layout, because hidden runs can be long.
const MAX_LOOK_BACK: usize = 64;

/// Maximum bytes of a folded entry that is laid out unfolded for a comparison; a longer one is surely cut.
const MAX_COMPARED_BYTES: usize = 16 << 10;

/// Entries before and after the screen whose images are loaded.
const NEAR: usize = 12;

/// Unit of positions: an entry has so many parts.
pub(super) const POSITION: u64 = 1_000;

/// Row of the viewport.
#[derive(Clone, Debug)]
pub(super) enum ReaderRow {
    /// Blank row between entries.
    Blank,
    /// Rule with the date, where the day changes.
    Day(Date),
    /// Mark where branches part.
    Branches {
        /// Number of branches.
        count: usize,
        /// Number of the shown one among them, from 1.
        shown: usize,
    },
    /// Entry that is not loaded yet.
    Missing,
    /// Line of an entry.
    Line {
        /// Index of the entry.
        index: usize,
        /// Layout of the entry.
        layout: CachedLayout,
        /// Index of the line in the layout.
        line: usize,
    },
}

/// Rows of an entry: a lead (date rule and blank rows) and the body.
struct Block {
    /// Number of branches that part here, and the number of the shown one among them, from 1.
    branches: Option<(usize, usize)>,
    day: Option<Date>,
    lead: usize,
    layout: Option<CachedLayout>,
    /// Total height in rows.
    height: usize,
}

/// Viewport onto the entries.
pub(super) struct Viewport<'a> {
    reader: &'a Reader,
    context: &'a RenderContext<'a>,
    cache: &'a mut LayoutCache,
    width: LayoutShape,
    height: usize,
    /// Rows at the top that the prompt of the turn may cover.
    covers: usize,
    matcher: Option<Arc<HitMatcher>>,
}

impl<'a> Viewport<'a> {
    /// Creates a viewport for a text area of the given size, of which the prompt of the turn may cover some rows.
    pub(super) fn new(
        reader: &'a Reader,
        context: &'a RenderContext<'a>,
        cache: &'a mut LayoutCache,
        (width, height): (LayoutShape, usize),
        covers: usize,
    ) -> Self {
        let matcher = cache.matcher(reader.find.as_ref());
        Self { reader, context, cache, width, height, covers, matcher }
    }

    /// Computes the visible rows and the layout feedback.
    pub(super) fn rows(&mut self) -> (Vec<ReaderRow>, ReaderFeedback) {
        if self.reader.is_empty() {
            let (ticket, height) = (self.reader.ticket, self.height);
            let feedback = ReaderFeedback { ticket, height, at_start: true, at_end: true, ..ReaderFeedback::default() };
            return (Vec::new(), feedback);
        }
        let target = self.target();
        let (top, beyond) = self.clamp(target);
        let (rows, feedback) = self.rows_from(top);
        self.prepare_pictures(feedback.entry.saturating_sub(NEAR)..feedback.last + NEAR);
        (rows, ReaderFeedback { beyond: to_i32(beyond), ..feedback })
    }

    /// Entry and row of its block for the first screen row, possibly out of range.
    fn target(&mut self) -> (usize, i64) {
        let anchor = self.reader.anchor();
        let delta = i64::from(anchor.delta);
        let last = self.reader.len() - 1;
        match anchor.base {
            AnchorBase::End => (last, to_i64(self.block(last).height) - to_i64(self.height) + delta),
            AnchorBase::Line { entry, line, of } => {
                let entry = entry.min(last);
                let block = self.block(entry);
                // Growth below the anchor must not move it.
                let grows = self.reader.entry(entry).is_some_and(|shown| shown.growing.is_some());
                let line = i64::from(line);
                let line = if grows { line } else { scaled(line, i64::from(of), to_i64(block.body())) };
                (entry, to_i64(block.lead) + line + delta)
            }
            AnchorBase::Failure { entry } => {
                let entry = entry.min(last);
                let block = self.block(entry);
                let line = block.layout.as_ref().and_then(|layout| layout.failure).unwrap_or(0);
                let is_near = line < self.height * 2 / 3;
                // The headline stays below the prompt of the turn.
                let is_covered = self.reader.turn_prompt(entry).is_some_and(|prompt| prompt < entry);
                let top = if is_covered { -to_i64(self.covers) } else { 0 };
                let line = if is_near { top } else { to_i64(line) - to_i64(self.height / 3) };
                (entry, to_i64(block.lead) + line + delta)
            }
            AnchorBase::Hit { entry, nth } => {
                let entry = entry.min(last);
                let block = self.block(entry);
                let hits = self.hits(&block);
                let line = hits.get(nth).or(hits.last()).map_or(0, |(line, _)| *line);
                // A third of the screen shows the context before the hit.
                (entry, to_i64(block.lead + line) - to_i64(self.height / 3) + delta)
            }
        }
    }

    /// Matches of the query in a block: the line, and the number among the matches of the line.
    fn hits(&self, block: &Block) -> Vec<(usize, usize)> {
        let Some(matcher) = &self.matcher else { return Vec::new() };
        let lines = block.layout.iter().flat_map(|layout| layout.lines.iter().enumerate());
        lines.flat_map(|(line, text)| (0..matcher.count(text)).map(move |nth| (line, nth))).collect()
    }

    /// Returns the current match of the find in a block.
    fn current_hit(&self, block: &Block) -> Option<(usize, usize)> {
        let hits = self.hits(block);
        hits.get(self.reader.find.as_ref()?.nth).or(hits.last()).copied()
    }

    /// Clamps a position to the transcript, without blank rows after the end. Also returns by how many rows it was out
    /// of range.
    fn clamp(&mut self, (entry, row): (usize, i64)) -> ((usize, usize), i64) {
        let ((entry, row), beyond) = self.normalise(entry, row);
        let (mut rows, mut index) = (self.block(entry).height - row, entry + 1);
        while rows < self.height && index < self.reader.len() {
            rows += self.block(index).height;
            index += 1;
        }
        let short = self.height.saturating_sub(rows);
        if short == 0 {
            return ((entry, row), beyond);
        }
        let (position, before) = self.normalise(entry, to_i64(row) - to_i64(short));
        (position, beyond + to_i64(short) + before)
    }

    /// Normalises a position so that the row is within its entry. Stops at entries that are not loaded; also returns the
    /// remaining rows.
    fn normalise(&mut self, mut entry: usize, mut row: i64) -> ((usize, usize), i64) {
        while row < 0 {
            if entry == 0 || (self.reader.entry(entry).is_none() && row < -1) {
                return ((entry, 0), row);
            }
            entry -= 1;
            row += to_i64(self.block(entry).height);
            if row < 0 && self.reader.entry(entry).is_none() {
                return ((entry, 0), row);
            }
        }
        loop {
            let height = self.block(entry).height;
            if row < to_i64(height) {
                return ((entry, usize::try_from(row).unwrap_or(0)), 0);
            }
            if entry + 1 >= self.reader.len() {
                return ((entry, height.saturating_sub(1)), row + 1 - to_i64(height));
            }
            row -= to_i64(height);
            entry += 1;
        }
    }

    fn rows_from(&mut self, (top, skip): (usize, usize)) -> (Vec<ReaderRow>, ReaderFeedback) {
        let mut rows = Vec::with_capacity(self.height);
        let mut shown = Vec::new();
        let mut index = top;
        let mut skipped = skip;
        let mut at_end = true;
        while index < self.reader.len() {
            if rows.len() >= self.height {
                // Hidden entries do not count for the end of the transcript.
                at_end = (index..self.reader.len()).all(|index| self.block(index).height == 0);
                break;
            }
            let block = self.block(index);
            let body_row = to_i64(rows.len()) + to_i64(block.lead) - to_i64(skipped);
            let block_rows = block.rows(index);
            at_end = block_rows.len() - skipped <= self.height - rows.len();
            rows.extend(block_rows.into_iter().skip(skipped).take(self.height - rows.len()));
            skipped = 0;
            shown.push((index, body_row, block));
            index += 1;
            if !at_end {
                break;
            }
        }
        let prompt = self.prompt((top, skip), &shown);
        let feedback = self.feedback(&shown, (top, skip), prompt, at_end);
        let can_fold = self.can_fold(feedback.cursor);
        (rows, ReaderFeedback { can_fold, ..feedback })
    }

    /// Returns the prompt of the turn in the first row, if its own first line is above that.
    fn prompt(&self, (top, skip): (usize, usize), shown: &[(usize, i64, Block)]) -> Option<usize> {
        let prompt = self.reader.turn_prompt(top).filter(|_| self.covers > 0)?;
        let first = shown.first().map(|(.., block)| block)?;
        let above = prompt < top || skip > first.lead;
        // An entry that is not loaded has only one row, which must show that.
        (above && first.layout.is_some() && self.reader.prompt_line(prompt).is_some()).then_some(prompt)
    }

    fn feedback(
        &self,
        shown: &[(usize, i64, Block)],
        (top, skip): (usize, usize),
        prompt: Option<usize>,
        at_end: bool,
    ) -> ReaderFeedback {
        let base_loaded = self.reader.anchor().entry().map(|entry| entry.min(self.reader.len() - 1));
        let all_loaded = || shown.iter().all(|(index, ..)| self.reader.entry(*index).is_some());
        let loaded = shown.iter().find(|(index, ..)| self.reader.entry(*index).is_some());
        let anchor_loaded = base_loaded.map_or_else(all_loaded, |entry| self.reader.entry(entry).is_some());
        let mut feedback = ReaderFeedback {
            ticket: self.reader.ticket,
            entry: top,
            last: shown.last().map_or(top, |(index, ..)| *index),
            at_start: top == 0 && skip == 0,
            at_end,
            height: self.height,
            resolved: anchor_loaded && loaded.is_some(),
            covers: self.covers,
            prompt,
            ..ReaderFeedback::default()
        };
        (feedback.from, feedback.to) = self.extent(shown, (top, skip));
        if let Some((index, row, block)) = loaded {
            feedback.anchor = *index;
            feedback.anchor_line = to_i32(-row);
            feedback.anchor_of = to_i32(to_i64(block.body()));
        }
        let found = self.reader.find.as_ref().and_then(Find::entry);
        let found = shown.iter().find(|(index, ..)| Some(*index) == found);
        feedback.hit = found.and_then(|(index, _, block)| Some((*index, self.current_hit(block)?)));
        let covered = if prompt.is_some() { self.covers } else { 0 };
        if let Some((index, row, block)) = self.cursor(shown, to_i64(covered)) {
            feedback.cursor = *index;
            feedback.cursor_row = to_i32(*row);
            feedback.cursor_of = to_i32(to_i64(block.body()));
            feedback.cursor_hits = self.hits(block).len();
        }
        feedback
    }

    /// Positions of the first row and behind the last one, in thousandths of an entry.
    fn extent(&self, shown: &[(usize, i64, Block)], (top, skip): (usize, usize)) -> (u64, u64) {
        let position = |index: usize, rows: usize, height: usize| {
            let (index, rows, height) = (to_u64(index), to_u64(rows), to_u64(height.max(1)));
            index * POSITION + rows.min(height) * POSITION / height
        };
        let from = position(top, skip, shown.first().map_or(1, |(.., block)| block.height));
        let to = shown.last().map_or(from, |(index, row, block)| {
            let above = usize::try_from(to_i64(self.height) - (row - to_i64(block.lead))).unwrap_or(0);
            position(*index, above, block.height)
        });
        (from, to)
    }

    /// Current entry, or the nearest visible one below the `covered` rows.
    fn cursor<'s>(&self, shown: &'s [(usize, i64, Block)], covered: i64) -> Option<&'s (usize, i64, Block)> {
        let visible = |(_, row, block): &&(usize, i64, Block)| {
            block.height > block.lead && *row < to_i64(self.height) && row + to_i64(block.body()) > covered
        };
        let cursor = self.reader.cursor();
        let mut on_screen = shown.iter().filter(visible);
        let first = on_screen.clone().next()?;
        if cursor < first.0 {
            // Prefers an entry whose first row is visible.
            return shown.iter().filter(visible).find(|(_, row, _)| *row >= covered).or(Some(first));
        }
        on_screen.clone().find(|(index, ..)| *index >= cursor).or_else(|| on_screen.next_back())
    }

    fn block(&mut self, index: usize) -> Block {
        let Some(loaded) = self.reader.entry(index) else {
            return Block { branches: None, day: None, lead: 0, layout: None, height: 1 };
        };
        let fold = self.reader.folds.of(index, loaded.entry);
        if fold == Fold::Hidden {
            return Block { branches: None, day: None, lead: 0, layout: None, height: 0 };
        }
        let (day, lead) = self.lead(index, loaded, fold);
        let branches = self.branches(index);
        // The mark of a branch point has a blank row above it.
        let lead = lead + branches.map_or(0, |_| 1 + usize::from(index > 0));
        let layout = self.layout(index, loaded, fold);
        let height = lead + layout.lines.len();
        Block { branches, day, lead, layout: Some(layout), height }
    }

    fn layout(&mut self, index: usize, loaded: EntryRef<'_>, fold: Fold) -> CachedLayout {
        let picture_rows = self.picture_rows(index, loaded, fold);
        let shape = LayoutShape {
            ends_turn: self.ends_turn(index),
            stage: self.stage(index, loaded),
            picture_rows,
            ..self.width
        };
        self.cache.lines(self.reader.ticket, loaded, shape, fold)
    }

    /// Returns true if an entry has other lines after it is toggled. What an entry that grows will have is not known.
    fn can_fold(&mut self, index: usize) -> bool {
        let Some(loaded) = self.reader.entry(index) else { return false };
        let folds = &self.reader.folds;
        let (now, next) = (folds.of(index, loaded.entry), folds.toggled(index, loaded.entry));
        let of_tool = loaded.entry.tool.as_ref().map_or(0, |tool| tool.output.len() + tool.action.size());
        let is_long = loaded.entry.text.len() + of_tool > MAX_COMPARED_BYTES;
        if loaded.growing.is_some() || now == Fold::Hidden || (is_long && next == Fold::Full) {
            return next == Fold::Full;
        }
        self.layout(index, loaded, now).lines != self.layout(index, loaded, next).lines
    }

    /// Loads images of entries near the screen, so that scrolling does not move the text.
    fn prepare_pictures(&mut self, near: Range<usize>) {
        for index in near {
            if let Some(loaded) = self.reader.entry(index) {
                self.picture_rows(index, loaded, self.reader.folds.of(index, loaded.entry));
            }
        }
    }

    /// Rows for the images of an entry.
    fn picture_rows(&mut self, index: usize, loaded: EntryRef<'_>, fold: Fold) -> u16 {
        let room = Size::new(u16::try_from(self.width.text).unwrap_or(u16::MAX), self.width.picture_rows);
        let is_shown = room.height > 0 && fold == Fold::Full && self.reader.is_on_disk(index);
        if !is_shown || loaded.entry.image_labels() == 0 {
            return 0;
        }
        let owner = PictureOwner { ticket: self.reader.ticket, entry: loaded.entry.key };
        self.cache.pictures.height(owner, index, room)
    }

    /// Stage of a call without an outcome: in the last turn on disk, that of the session.
    fn stage(&self, index: usize, loaded: EntryRef<'_>) -> CallStage {
        let is_stored = loaded.stage == CallStage::Ended && self.reader.is_on_disk(index);
        let is_last = || self.reader.opened().is_some_and(|opened| opened.prompts.last().is_none_or(|at| *at < index));
        let is_open = is_stored && loaded.entry.tool.is_some() && self.reader.live_entries() == 0 && is_last();
        if is_open { self.width.stage } else { loaded.stage }
    }

    /// Number of branches that part before an entry, and the number of the shown one among them.
    fn branches(&self, index: usize) -> Option<(usize, usize)> {
        let shown = self.reader.opened()?.branch;
        let branches = &self.reader.branch_point(index)?.branches;
        Some((branches.len(), branches.iter().position(|branch| *branch == shown)? + 1))
    }

    /// Returns true if no other entry of the turn follows. An entry that was the last one once may have become another.
    fn ends_turn(&self, index: usize) -> bool {
        if index + 1 == self.reader.len() {
            return self.width.ends_turn;
        }
        self.reader.entry(index + 1).is_some_and(|next| next.entry.kind == EntryKind::Prompt)
    }

    /// Date rule and number of lead rows before an entry.
    fn lead(&self, index: usize, loaded: EntryRef<'_>, fold: Fold) -> (Option<Date>, usize) {
        let before = (index.saturating_sub(MAX_LOOK_BACK)..index).rev();
        let before = before.map_while(|before| self.reader.entry(before).map(|loaded| (before, loaded)));
        let day = loaded.entry.time.map(|time| self.day(time)).filter(|day| {
            let previous = before.clone().find_map(|(_, loaded)| loaded.entry.time);
            previous.map_or(index == 0, |previous| self.day(previous) != *day)
        });
        let folds = &self.reader.folds;
        let above = before
            .map(|(index, loaded)| (folds.of(index, loaded.entry), loaded))
            .find(|(fold, _)| *fold != Fold::Hidden);
        let blank = match above {
            None => index > 0,
            Some((above_fold, above)) => !(is_compact(above.entry, above_fold) && is_compact(loaded.entry, fold)),
        };
        // A rule has a blank row below it, and one above it except at the start.
        match day {
            Some(_) => (day, 2 + usize::from(index > 0)),
            None => (None, usize::from(blank)),
        }
    }

    fn day(&self, time: Time) -> Date {
        time.timestamp().to_zoned_datetime(self.context.zone.clone()).date()
    }
}

impl Block {
    fn body(&self) -> usize {
        self.height - self.lead
    }

    fn rows(&self, index: usize) -> Vec<ReaderRow> {
        let Some(layout) = &self.layout else { return vec![ReaderRow::Missing; self.height] };
        let mut rows = vec![ReaderRow::Blank; self.lead];
        if let (Some(day), Some(at)) = (self.day, self.lead.checked_sub(2)) {
            rows[at] = ReaderRow::Day(day);
        }
        if let Some((count, shown)) = self.branches {
            rows[usize::from(index > 0)] = ReaderRow::Branches { count, shown };
        }
        rows.extend((0..layout.lines.len()).map(|line| ReaderRow::Line { index, layout: layout.clone(), line }));
        rows
    }
}

/// Returns true for one-line entries that are grouped without blank rows.
fn is_compact(entry: &Entry, fold: Fold) -> bool {
    matches!(fold, Fold::Line | Fold::Few)
        && (entry.reverted || matches!(entry.kind, EntryKind::Tool | EntryKind::Thinking))
}

/// Scales a line of a body from `of` lines to `body` lines.
fn scaled(line: i64, of: i64, body: i64) -> i64 {
    if line <= 0 || of <= 0 || of == body {
        return line;
    }
    (line * body / of).min(body - 1).max(0)
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn to_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn to_i32(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(if count < 0 { i32::MIN } else { i32::MAX })
}
