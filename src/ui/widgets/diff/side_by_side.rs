//! Diffs with the old lines at the left and the new lines at the right.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use similar::ChangeTag;

use super::line::LineStyle;
use super::rows::{DiffLine, DiffRow};
use super::unified::{digits, number};
use super::{DiffLayout, DiffOptions};
use crate::ui::style::style;
use crate::ui::widgets::styled_line::{self, StyledLine};

/// Lays out the rows of a diff.
pub(super) fn lay(rows: &[DiffRow], options: DiffOptions<'_>) -> DiffLayout {
    let greatest = rows.iter().filter_map(DiffRow::line).filter_map(|line| line.old.max(line.new)).max();
    let half = options.width.saturating_sub(1) / 2;
    let mut writer =
        Writer { options, half, digits: digits(greatest), out: Vec::new(), sources: Vec::new(), starts: Vec::new() };
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    for row in rows {
        match row {
            DiffRow::Line(line) if line.tag == ChangeTag::Delete => {
                // Lines that were removed after others were added belong to another change.
                if !added.is_empty() {
                    writer.change(&mut removed, &mut added);
                }
                removed.push(line);
            }
            DiffRow::Line(line) if line.tag == ChangeTag::Insert => added.push(line),
            DiffRow::Line(line) => {
                writer.change(&mut removed, &mut added);
                writer.pair(Some(line), Some(line));
            }
            DiffRow::Header(text) => {
                writer.change(&mut removed, &mut added);
                writer.across(text, style(options.theme.hunk));
            }
            DiffRow::Note(text) => {
                writer.change(&mut removed, &mut added);
                writer.across(text, style(options.theme.faint));
            }
        }
    }
    writer.change(&mut removed, &mut added);
    DiffLayout { lines: writer.out, sources: writer.sources, starts: writer.starts, ..DiffLayout::default() }
}

struct Writer<'a> {
    options: DiffOptions<'a>,
    /// Columns of each side.
    half: usize,
    digits: usize,
    out: Vec<Line<'static>>,
    sources: Vec<[Option<usize>; 2]>,
    starts: Vec<usize>,
}

impl Writer<'_> {
    fn across(&mut self, text: &str, look: Style) {
        self.starts.push(self.out.len());
        StyledLine::plain(text, look).wrap_into(self.options.width, &[], &[], &mut self.out);
        self.sources.resize(self.out.len(), [None; 2]);
    }

    /// Writes removed lines beside the added ones that replace them, and clears both.
    fn change(&mut self, removed: &mut Vec<&DiffLine>, added: &mut Vec<&DiffLine>) {
        for at in 0..removed.len().max(added.len()) {
            self.pair(removed.get(at).copied(), added.get(at).copied());
        }
        removed.clear();
        added.clear();
    }

    fn pair(&mut self, old: Option<&DiffLine>, new: Option<&DiffLine>) {
        let left = self.side(old.map(|line| (line, line.old)));
        let right = self.side(new.map(|line| (line, line.new)));
        let count = left.len().max(right.len());
        self.starts.push(self.out.len());
        let (mut left, mut right) = (left.into_iter(), right.into_iter());
        for _ in 0..count {
            let mut row = left.next().unwrap_or_default();
            styled_line::fill(&mut row, self.half, Style::default());
            row.spans.push(Span::styled("│", style(self.options.theme.border)));
            row.spans.extend(right.next().unwrap_or_default().spans);
            self.out.push(row);
        }
        let source = |line: Option<&DiffLine>| line.and_then(|line| line.source);
        // An unchanged line is one line.
        let (old, new) = (old.filter(|line| line.tag == ChangeTag::Delete), source(new));
        self.sources.resize(self.out.len(), [source(old), new]);
    }

    fn side(&self, line: Option<(&DiffLine, Option<usize>)>) -> Vec<Line<'static>> {
        let mut rows = Vec::new();
        let Some((line, shown)) = line else { return rows };
        let theme = self.options.theme;
        let margin = if self.digits == 0 { String::new() } else { format!("{} ", number(shown, self.digits)) };
        LineStyle::of(line.tag, theme).lay(line, margin, (theme, self.half), &mut rows);
        rows
    }
}
