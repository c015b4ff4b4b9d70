//! Page of usage: sums, a chart of days, a calendar of weeks, and a list of groups.

mod calendar;
mod chart;
mod groups;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::Canvas;
use super::header;
use super::numbers::count;
use super::style::style;
use super::widgets::{line_of, put_line, split_left, split_right};
use crate::app::App;
use crate::app::stats::{StatsPage, StatsPeriod};
use crate::domain::units::{tokens, usd};
use crate::stdx::text;

/// Rows of the charts: seven weekdays, a heading and an axis.
const CHARTS: u16 = 9;

/// Rows of the sums above the charts.
const SUMS: u16 = 3;

/// Minimum rows of the list below the charts, with its heading.
const MIN_LIST: u16 = 4;

/// Minimum columns of a screen with the calendar of weeks.
const MIN_WITH_CALENDAR: u16 = 64;

/// Draws the page. A low screen has no charts, a narrow one no calendar.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, page: &StatsPage) {
    draw_title(canvas, line_of(area, 0), page);
    draw_sums(canvas, area, page);
    let below = |from: u16| Rect { y: area.y + from, height: area.height.saturating_sub(from), ..area };
    let has_charts = area.height >= SUMS + CHARTS + MIN_LIST;
    let gap = u16::from(area.height >= SUMS + CHARTS + MIN_LIST + 2);
    let list = if has_charts {
        let charts = Rect { height: CHARTS, ..below(SUMS + gap) };
        draw_charts(canvas, charts, page);
        below(SUMS + CHARTS + 2 * gap)
    } else {
        below(SUMS.min(area.height.saturating_sub(1)))
    };
    groups::draw(canvas, list, page);
}

fn draw_charts(canvas: &mut Canvas, area: Rect, page: &StatsPage) {
    let (_, area) = split_left(area, 1);
    if area.width < MIN_WITH_CALENDAR {
        return chart::draw(canvas, area, page);
    }
    let width = calendar::width(area.width / 2);
    let (left, right) = split_right(area, width + 1);
    let (left, _) = split_right(left, 3);
    chart::draw(canvas, left, page);
    calendar::draw(canvas, right, page);
}

fn draw_title(canvas: &mut Canvas, area: Rect, page: &StatsPage) {
    let theme = canvas.app.theme();
    let area = Rect { width: area.width.saturating_sub(header::badge_width(canvas.app)), ..area };
    let selected = style(theme.accent).patch(style(theme.title));
    let mut spans = vec![
        Span::styled(" Usage ", selected),
        Span::styled(format!(" {} · ", scope(canvas.app, page)), style(theme.title)),
    ];
    let mut tabs = Vec::new();
    for (at, period) in StatsPeriod::ALL.into_iter().enumerate() {
        let look = if period == page.period { selected } else { style(theme.faint) };
        tabs.push(Span::styled(format!("{} ", at + 1), style(theme.faint)));
        tabs.push(Span::styled(format!("{}  ", period.label()), look));
    }
    let columns: usize = spans.iter().chain(&tabs).map(Span::width).sum();
    if columns.saturating_sub(2) > area.width.into() {
        // The selected one must be seen; the footer has the keys of the others.
        tabs = vec![Span::styled(page.period.label(), selected)];
    }
    spans.append(&mut tabs);
    put_line(canvas.buffer, area, &Line::from(spans));
}

/// Name of the workspace to which the page is limited, as the list of workspaces has it.
fn scope(app: &App, page: &StatsPage) -> String {
    let Some(path) = &page.scope else { return "all workspaces".to_owned() };
    let listed = app.stack.home.workspaces.rows().iter().find(|row| row.path == *path);
    text::one_line(listed.map_or(path, |row| &row.name))
}

fn draw_sums(canvas: &mut Canvas, area: Rect, page: &StatsPage) {
    let theme = canvas.app.theme();
    let total = page.report.total;
    let (strong, plain) = (style(theme.title), style(theme.muted));
    let sessions = count(usize::try_from(total.sessions).unwrap_or_default(), "session", "sessions");
    let parts = [("input", total.tokens.input), ("output", total.tokens.output)];
    let cached = total.tokens.cache_read + total.tokens.cache_write;
    let parts = parts.into_iter().chain([("cached", cached)]).filter(|(_, count)| *count > 0);
    let parts: Vec<_> = parts.map(|(name, count)| format!("{} {name}", tokens(count))).collect();
    let all = if total.tokens.total() == 0 { "no".to_owned() } else { tokens(total.tokens.total()) };
    let detail = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    let first = vec![
        Span::styled(format!(" {sessions}"), strong),
        Span::styled(format!(" · {all} tokens"), strong),
        Span::styled(detail, plain),
    ];
    put_line(canvas.buffer, line_of(area, 1), &Line::from(first));
    let mut second = vec![Span::styled(format!(" {}", total.cost_text()), strong)];
    // Before the sources of the costs, which a narrow terminal cuts.
    if total.unpriced > 0 {
        second.push(Span::styled(format!(" · {} unpriced", tokens(total.unpriced)), style(theme.warning)));
    }
    let (known, estimated, date) = (total.known_usd, total.estimated_usd, &canvas.app.settings.prices.date);
    second.push(match (known > 0.0, estimated > 0.0) {
        (true, true) => {
            let sums = format!(" · {} reported, ~{}", usd(known), usd(estimated));
            let long = format!("{sums} at prices of {date}");
            let used: usize = second.iter().map(Span::width).sum();
            let fits = used + text::width(&long) <= usize::from(area.width);
            Span::styled(if fits { long } else { format!("{sums} estimated") }, plain)
        }
        (true, false) => Span::styled(" · reported by agents", plain),
        (false, true) => Span::styled(format!(" · at list prices of {date}"), plain),
        (false, false) => Span::raw(""),
    });
    put_line(canvas.buffer, line_of(area, 2), &Line::from(second));
}
