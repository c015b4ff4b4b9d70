//! Markdown tables. Columns shrink to fit the width; if that is not enough, rows are stacked.

use pulldown_cmark::Alignment;
use ratatui::style::Style;
use ratatui::text::Span;

use super::styled_line::{self, StyledLine};

/// Minimum column width when a table shrinks. Narrower tables are stacked.
const MIN_COLUMN_WIDTH: usize = 5;

/// Cells and alignment of a table.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Alignment of each column.
    pub aligned: Vec<Alignment>,
    /// Rows; the first one is the header.
    pub rows: Vec<Vec<StyledLine>>,
}

impl Table {
    /// Lays out the table in rows of at most `width` columns.
    pub(super) fn lay(&self, width: usize, rule: Style) -> Vec<Vec<Span<'static>>> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        match self.widths(columns, width) {
            Some(widths) => self.grid(&widths, rule),
            None => self.stack(width, rule),
        }
    }

    /// Width of each column; `None` if the table does not fit.
    fn widths(&self, columns: usize, width: usize) -> Option<Vec<usize>> {
        let room = width.checked_sub(3 * columns.saturating_sub(1))?;
        let natural = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(StyledLine::columns).max();
        let mut widths: Vec<usize> =
            (0..columns).map(|column| natural(column).unwrap_or(0).clamp(1, width.max(1))).collect();
        while widths.iter().sum::<usize>() > room {
            let widest = widths.iter_mut().max()?;
            if *widest <= MIN_COLUMN_WIDTH {
                return None;
            }
            *widest -= 1;
        }
        Some(widths)
    }

    fn grid(&self, widths: &[usize], rule: Style) -> Vec<Vec<Span<'static>>> {
        let mut out = Vec::new();
        for (nth, row) in self.rows.iter().enumerate() {
            let cells: Vec<_> = widths
                .iter()
                .enumerate()
                .map(|(at, width)| row.get(at).map_or_else(Vec::new, |cell| cell.rows(*width)))
                .collect();
            for line in 0..cells.iter().map(Vec::len).max().unwrap_or(1).max(1) {
                let mut spans = Vec::new();
                for (at, width) in widths.iter().enumerate() {
                    if at > 0 {
                        spans.push(Span::styled(" │ ", rule));
                    }
                    let aligned = self.aligned.get(at).copied().unwrap_or(Alignment::None);
                    pad(cells[at].get(line).cloned().unwrap_or_default(), *width, aligned, &mut spans);
                }
                out.push(spans);
            }
            if nth == 0 {
                let bars: Vec<_> = widths.iter().map(|width| "─".repeat(*width)).collect();
                out.push(vec![Span::styled(bars.join("─┼─"), rule)]);
            }
        }
        out
    }

    /// Lays out each row as a block of `header: cell` lines.
    fn stack(&self, width: usize, rule: Style) -> Vec<Vec<Span<'static>>> {
        let Some((head, rows)) = self.rows.split_first() else { return Vec::new() };
        let mut out = Vec::new();
        for (nth, row) in rows.iter().enumerate() {
            if nth > 0 {
                out.push(vec![Span::styled("─".repeat(width.min(8)), rule)]);
            }
            for (at, cell) in row.iter().enumerate() {
                let mut line = head.get(at).cloned().unwrap_or_default();
                if !line.is_empty() {
                    line.push(": ", rule);
                }
                line.append(cell);
                out.extend(line.rows(width));
            }
        }
        if rows.is_empty() {
            out.extend(head.iter().flat_map(|cell| cell.rows(width)));
        }
        out
    }
}

fn pad(cell: Vec<Span<'static>>, width: usize, aligned: Alignment, spans: &mut Vec<Span<'static>>) {
    let free = width.saturating_sub(styled_line::columns(&cell));
    let before = match aligned {
        Alignment::None | Alignment::Left => 0,
        Alignment::Center => free / 2,
        Alignment::Right => free,
    };
    spans.push(Span::raw(" ".repeat(before)));
    spans.extend(cell);
    spans.push(Span::raw(" ".repeat(free - before)));
}
