//! Which rows of which entries lie on the screen: the reader's place, brought into range.
//!
//! Only entries near the place are measured. Entries that are not held take one row and are not looked behind.

use std::sync::Arc;

use jiff::civil::Date;

use super::cache::{Cache, Lines};
use super::hits::Matcher;
use crate::app::msg::ReaderDrawn;
use crate::app::reader::{Base, Fold, Reader, Shown};
use crate::domain::Time;
use crate::domain::transcript::EntryKind;
use crate::ui::entry::Look;

/// Entries that are looked at to find the previous one with a time, or of which anything is shown.
const LOOK_BACK: usize = 64;

/// A row of the screen.
#[derive(Clone, Debug)]
pub enum Row {
    /// Between entries.
    Blank,
    /// A rule with the date, where the day changes.
    Day(Date),
    /// An entry that is not here yet.
    Missing,
    /// A line of an entry.
    Line {
        /// Which entry.
        index: usize,
        /// Its lines.
        laid: Lines,
        /// Which of them.
        line: usize,
    },
}

/// What stands before an entry's lines, and those.
struct Block {
    day: Option<Date>,
    lead: usize,
    laid: Option<Lines>,
    /// Rows, all together.
    height: usize,
}

/// Measures entries and finds the rows.
pub struct Screen<'a> {
    reader: &'a Reader,
    look: &'a Look<'a>,
    cache: &'a mut Cache,
    width: usize,
    height: usize,
    matcher: Option<Arc<Matcher>>,
}

impl<'a> Screen<'a> {
    /// For a text area of that size.
    pub fn new(reader: &'a Reader, look: &'a Look<'a>, cache: &'a mut Cache, (width, height): (usize, usize)) -> Self {
        let matcher = cache.matcher(reader.find.as_ref());
        Self { reader, look, cache, width, height, matcher }
    }

    /// The rows from the top of the screen on, and what there is to tell about them.
    pub fn rows(&mut self) -> (Vec<Row>, ReaderDrawn) {
        if self.reader.is_empty() {
            let (ticket, height) = (self.reader.ticket, self.height);
            let drawn = ReaderDrawn { ticket, height, at_start: true, at_end: true, ..ReaderDrawn::default() };
            return (Vec::new(), drawn);
        }
        let wanted = self.wanted();
        let (top, beyond) = self.clamped(wanted);
        let (rows, drawn) = self.from(top);
        (rows, ReaderDrawn { beyond: short(beyond), ..drawn })
    }

    /// The entry and the row of its block that is to lie in the first row; not yet in range.
    fn wanted(&mut self) -> (usize, i64) {
        let anchor = self.reader.anchor();
        let delta = i64::from(anchor.delta);
        let last = self.reader.len() - 1;
        match anchor.base {
            Base::End => (last, signed(self.block(last).height) - signed(self.height) + delta),
            Base::Line { entry, line, of } => {
                let entry = entry.min(last);
                let block = self.block(entry);
                // What grows below the place must not carry it along.
                let grows = self.reader.entry(entry).is_some_and(|shown| shown.growing.is_some());
                let line = i64::from(line);
                let line = if grows { line } else { scaled(line, i64::from(of), signed(block.body())) };
                (entry, signed(block.lead) + line + delta)
            }
            Base::Hit { entry, nth } => {
                let entry = entry.min(last);
                let block = self.block(entry);
                let hits = self.hits(&block);
                let line = hits.get(nth).or(hits.last()).copied().unwrap_or(0);
                // Some of what stands before a hit helps to understand it.
                (entry, signed(block.lead + line) - signed(self.height / 3) + delta)
            }
        }
    }

    /// Lines of a block that hold what is searched for.
    fn hits(&self, block: &Block) -> Vec<usize> {
        let Some(matcher) = &self.matcher else { return Vec::new() };
        let lines = block.laid.iter().flat_map(|laid| laid.lines.iter().enumerate());
        lines.filter(|(_, line)| matcher.is_in(line)).map(|(nth, _)| nth).collect()
    }

    /// The same place in range: within an entry, not before the beginning, no emptiness behind the end. And by how
    /// many rows it was out of range.
    fn clamped(&mut self, (entry, row): (usize, i64)) -> ((usize, usize), i64) {
        let ((entry, row), beyond) = self.normal(entry, row);
        let (mut rows, mut index) = (self.block(entry).height - row, entry + 1);
        while rows < self.height && index < self.reader.len() {
            rows += self.block(index).height;
            index += 1;
        }
        let short = self.height.saturating_sub(rows);
        if short == 0 {
            return ((entry, row), beyond);
        }
        let (place, before) = self.normal(entry, signed(row) - signed(short));
        (place, beyond + signed(short) + before)
    }

    /// Walks to the entry in which the row lies. Stops at entries that are not here, and tells what was left to walk.
    fn normal(&mut self, mut entry: usize, mut row: i64) -> ((usize, usize), i64) {
        while row < 0 {
            if entry == 0 || (self.reader.entry(entry).is_none() && row < -1) {
                return ((entry, 0), row);
            }
            entry -= 1;
            row += signed(self.block(entry).height);
            if row < 0 && self.reader.entry(entry).is_none() {
                return ((entry, 0), row);
            }
        }
        loop {
            let height = self.block(entry).height;
            if row < signed(height) {
                return ((entry, usize::try_from(row).unwrap_or(0)), 0);
            }
            if entry + 1 >= self.reader.len() {
                return ((entry, height.saturating_sub(1)), row + 1 - signed(height));
            }
            row -= signed(height);
            entry += 1;
        }
    }

    fn from(&mut self, (top, skip): (usize, usize)) -> (Vec<Row>, ReaderDrawn) {
        let mut rows = Vec::with_capacity(self.height);
        let mut shown = Vec::new();
        let mut index = top;
        let mut skipped = skip;
        let mut at_end = true;
        while index < self.reader.len() {
            if rows.len() >= self.height {
                // Entries of which nothing is shown do not keep the end from being on the screen.
                at_end = (index..self.reader.len()).all(|index| self.block(index).height == 0);
                break;
            }
            let block = self.block(index);
            let body_row = signed(rows.len()) + signed(block.lead) - signed(skipped);
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
        let drawn = self.drawn(&shown, (top, skip), at_end);
        (rows, drawn)
    }

    fn drawn(&self, shown: &[(usize, i64, Block)], (top, skip): (usize, usize), at_end: bool) -> ReaderDrawn {
        let base_held = self.reader.anchor().entry().map(|entry| entry.min(self.reader.len() - 1));
        let all_held = || shown.iter().all(|(index, ..)| self.reader.entry(*index).is_some());
        let held = shown.iter().find(|(index, ..)| self.reader.entry(*index).is_some());
        let on_hand = base_held.map_or_else(all_held, |entry| self.reader.entry(entry).is_some());
        let mut drawn = ReaderDrawn {
            ticket: self.reader.ticket,
            entry: top,
            last: shown.last().map_or(top, |(index, ..)| *index),
            at_start: top == 0 && skip == 0,
            at_end,
            height: self.height,
            settled: on_hand && held.is_some(),
            ..ReaderDrawn::default()
        };
        if let Some((index, row, block)) = held {
            drawn.anchor = *index;
            drawn.anchor_line = short(-row);
            drawn.anchor_of = short(signed(block.body()));
        }
        if let Some((index, row, block)) = self.cursor(shown) {
            drawn.cursor = *index;
            drawn.cursor_row = short(*row);
            drawn.cursor_of = short(signed(block.body()));
            drawn.cursor_hits = self.hits(block).len();
        }
        drawn
    }

    /// The current entry, or the nearest to it on the screen.
    fn cursor<'s>(&self, shown: &'s [(usize, i64, Block)]) -> Option<&'s (usize, i64, Block)> {
        let visible = |(_, row, block): &&(usize, i64, Block)| {
            block.height > block.lead && *row < signed(self.height) && row + signed(block.body()) > 0
        };
        let cursor = self.reader.cursor();
        let mut on_screen = shown.iter().filter(visible);
        let first = on_screen.clone().next()?;
        if cursor < first.0 {
            // One whose beginning is on the screen rather than the rest of one that is being left.
            return shown.iter().filter(visible).find(|(_, row, _)| *row >= 0).or(Some(first));
        }
        on_screen.clone().find(|(index, ..)| *index >= cursor).or_else(|| on_screen.next_back())
    }

    fn block(&mut self, index: usize) -> Block {
        let Some(held) = self.reader.entry(index) else {
            return Block { day: None, lead: 0, laid: None, height: 1 };
        };
        let fold = self.reader.folds.of(index, held.entry);
        if fold == Fold::Hidden {
            return Block { day: None, lead: 0, laid: None, height: 0 };
        }
        let (day, lead) = self.lead(index, held, fold);
        let laid = self.cache.lines(self.reader.ticket, held, self.width, fold);
        let height = lead + laid.lines.len();
        Block { day, lead, laid: Some(laid), height }
    }

    /// The rule and the blank rows before an entry.
    fn lead(&self, index: usize, held: Shown<'_>, fold: Fold) -> (Option<Date>, usize) {
        let before = (index.saturating_sub(LOOK_BACK)..index).rev();
        let before = before.map_while(|before| self.reader.entry(before).map(|held| (before, held)));
        let day = held.entry.time.map(|time| self.day(time)).filter(|day| {
            let previous = before.clone().find_map(|(_, held)| held.entry.time);
            previous.map_or(index == 0, |previous| self.day(previous) != *day)
        });
        let folds = &self.reader.folds;
        let above =
            before.map(|(index, held)| (folds.of(index, held.entry), held)).find(|(fold, _)| *fold != Fold::Hidden);
        let blank = match above {
            None => index > 0,
            Some((above_fold, above)) => {
                !(is_compact(above.entry.kind, above_fold) && is_compact(held.entry.kind, fold))
            }
        };
        // A rule stands alone: a blank row below it, and one above it unless it is the first of all.
        match day {
            Some(_) => (day, 2 + usize::from(index > 0)),
            None => (None, usize::from(blank)),
        }
    }

    fn day(&self, time: Time) -> Date {
        time.timestamp().to_zoned(self.look.zone.clone()).date()
    }
}

impl Block {
    fn body(&self) -> usize {
        self.height - self.lead
    }

    fn rows(&self, index: usize) -> Vec<Row> {
        let Some(laid) = &self.laid else { return vec![Row::Missing; self.height] };
        let mut rows = vec![Row::Blank; self.lead];
        if let (Some(day), Some(at)) = (self.day, self.lead.checked_sub(2)) {
            rows[at] = Row::Day(day);
        }
        rows.extend((0..laid.lines.len()).map(|line| Row::Line { index, laid: laid.clone(), line }));
        rows
    }
}

/// Entries in one line of the same sort stand close together.
fn is_compact(kind: EntryKind, fold: Fold) -> bool {
    fold == Fold::Line && matches!(kind, EntryKind::Tool | EntryKind::Thinking)
}

/// A line of a body that had `of` lines, now that it has `body`.
fn scaled(line: i64, of: i64, body: i64) -> i64 {
    if line <= 0 || of <= 0 || of == body {
        return line;
    }
    (line * body / of).min(body - 1).max(0)
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn short(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(if count < 0 { i32::MIN } else { i32::MAX })
}
