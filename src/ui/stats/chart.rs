//! Chart of tokens per day, or per several days where a day has no column of its own.

use jiff::civil::Date;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::stats::StatsPage;
use crate::domain::units::tokens;
use crate::ui::canvas::Canvas;
use crate::ui::style::style;
use crate::ui::widgets::{Align, line_of, put};

/// Eighths of a cell, from the bottom.
const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// Maximum columns of a bar, because wider ones look like areas.
const MAX_BAR: usize = 6;

/// Draws the heading, the bars and the axis.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, page: &StatsPage) {
    let theme = canvas.app.theme();
    let first = page.first_day();
    let days: Vec<(Date, u64)> =
        page.report.days(first, page.today).map(|(day, figures)| (day, figures.tokens.total())).collect();
    let width = usize::from(area.width);
    if days.is_empty() || width == 0 {
        return;
    }
    let per_bar = days.len().div_ceil(width);
    // The last bar is complete, so that it can be compared.
    let bars: Vec<u64> = days.rchunks(per_bar).rev().map(|days| days.iter().map(|(_, count)| count).sum()).collect();
    let most = bars.iter().copied().max().unwrap_or(0);
    let unit = if per_bar == 1 { "day".to_owned() } else { format!("{per_bar} days") };
    let peak = if most == 0 { "no usage".to_owned() } else { format!("at most {}", tokens(most)) };
    put(canvas.buffer, line_of(area, 0), &format!("Tokens per {unit}, {peak}"), style(theme.muted), Align::Left);
    let plot = Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..area };
    draw_bars(canvas, plot, &bars, most, style(theme.accent));
    let axis = line_of(area, usize::from(area.height.saturating_sub(1)));
    put(canvas.buffer, axis, &label(first), style(theme.faint), Align::Left);
    let used = u16::try_from(used_width(width, bars.len())).unwrap_or(area.width);
    let until = Rect { width: used.max(14).min(area.width), ..axis };
    put(canvas.buffer, until, &label(page.today), style(theme.faint), Align::Right);
}

/// Returns the columns that all bars use.
fn used_width(width: usize, bars: usize) -> usize {
    width.min(bars * MAX_BAR)
}

/// Draws the bars over the whole width. Wide ones have a gap.
fn draw_bars(canvas: &mut Canvas, plot: Rect, bars: &[u64], most: u64, look: Style) {
    let width = used_width(plot.width.into(), bars.len());
    let start = |at: usize| at * width / bars.len().max(1);
    let levels = u128::from(plot.height) * 8;
    for (at, value) in bars.iter().enumerate() {
        let eighths = u128::from(*value) * levels / u128::from(most.max(1));
        let eighths = usize::try_from(eighths).unwrap_or(0).max(usize::from(*value > 0));
        let (from, to) = (start(at), start(at + 1));
        let to = if to - from > 2 { to - 1 } else { to };
        let (Ok(from), Ok(to)) = (u16::try_from(from), u16::try_from(to)) else { return };
        let column = Rect { x: plot.x + from, width: to - from, ..plot };
        for row in 0..usize::from(plot.height) {
            let filled = eighths.saturating_sub(row * 8).min(8);
            let line = line_of(column, usize::from(plot.height) - 1 - row);
            canvas.buffer.set_string(line.x, line.y, EIGHTHS[filled].repeat(line.width.into()), look);
        }
    }
}

/// Formats a day: `29 Nov`.
pub(super) fn label(day: Date) -> String {
    day.strftime("%-d %b").to_string()
}
