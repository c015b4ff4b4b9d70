//! Diffs with removed and added lines below each other.

use super::line::LineStyle;
use super::rows::{DiffLine, DiffRow};
use super::{DiffLayout, DiffOptions};
use crate::ui::style::style;
use crate::ui::widgets::styled_line::StyledLine;

/// Minimum width for a column of old numbers and one of new numbers.
const MIN_WIDTH_FOR_TWO: usize = 50;

/// Lays out the rows of a diff.
pub(super) fn lay(rows: &[DiffRow], options: DiffOptions<'_>) -> DiffLayout {
    let (theme, width) = (options.theme, options.width);
    let columns = NumberColumns::of(rows, width);
    let (mut out, mut sources, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        starts.push(out.len());
        match row {
            DiffRow::Header(text) => StyledLine::plain(text, style(theme.hunk)).wrap_into(width, &[], &[], &mut out),
            DiffRow::Note(text) => StyledLine::plain(text, style(theme.faint)).wrap_into(width, &[], &[], &mut out),
            DiffRow::Line(line) => {
                LineStyle::of(line.tag, theme).lay(line, columns.margin(line), (theme, width), &mut out);
            }
        }
        // A long line is wrapped.
        sources.resize(out.len(), [row.line().and_then(|line| line.source), None]);
    }
    DiffLayout { lines: out, sources, starts, ..DiffLayout::default() }
}

/// Columns of line numbers.
struct NumberColumns {
    digits: usize,
    two: bool,
}

impl NumberColumns {
    fn of(rows: &[DiffRow], width: usize) -> Self {
        let lines = || rows.iter().filter_map(DiffRow::line);
        let (old, new) = (lines().filter_map(|line| line.old).max(), lines().filter_map(|line| line.new).max());
        let two = old.is_some() && new.is_some() && width >= MIN_WIDTH_FOR_TWO;
        Self { digits: digits(old.max(new)), two }
    }

    fn margin(&self, line: &DiffLine) -> String {
        match self.digits {
            0 => String::new(),
            digits if self.two => format!("{} {} ", number(line.old, digits), number(line.new, digits)),
            digits => format!("{} ", number(line.new.or(line.old), digits)),
        }
    }
}

/// Formats a line number, or blanks.
pub(super) fn number(number: Option<usize>, digits: usize) -> String {
    number.map_or_else(|| " ".repeat(digits), |number| format!("{number:>digits$}"))
}

/// Number of digits of a line number; 0 for none.
pub(super) fn digits(greatest: Option<usize>) -> usize {
    greatest.map_or(0, |greatest| greatest.to_string().len())
}
