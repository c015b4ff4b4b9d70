//! List of usage by workspace, agent, model or session, with a bar per row.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::app::App;
use crate::app::msg::Target;
use crate::app::stats::{StatsPage, StatsRow, UsageGroup};
use crate::domain::units::tokens;
use crate::ui::canvas::Canvas;
use crate::ui::style::style;
use crate::ui::widgets::{Align, line_of, put, put_line, split_left, split_right};
use crate::ui::workspace_name::fitting_name;

/// Columns of the number of sessions, of tokens and of the cost.
const NUMBERS: [(&str, u16); 3] = [("sessions", 9), ("tokens", 8), ("cost", 13)];

/// Minimum columns of a name before the bar and the number of sessions are omitted.
const MIN_NAME: u16 = 16;

/// Eighths of a cell, from the left.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Draws the tabs and the rows.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, page: &StatsPage) {
    draw_tabs(canvas, line_of(area, 0), page);
    let rows = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    canvas.feedback.list_rows = rows.height.into();
    let most = (0..page.len()).filter_map(|at| page.row(at)).map(|row| row.figures.tokens.total()).max().unwrap_or(0);
    if page.is_empty() {
        let text = "No usage in this period";
        put(canvas.buffer, inset(line_of(rows, 0)), text, style(canvas.app.theme().muted), Align::Left);
    }
    for (line, at) in (page.top..page.len()).take(rows.height.into()).enumerate() {
        let Some(row) = page.row(at) else { return };
        let area = line_of(rows, line);
        canvas.target(area, Target::Choice(at));
        draw_row(canvas, area, &row, most, at == page.selected());
    }
}

fn inset(area: Rect) -> Rect {
    split_left(area, 1).1
}

fn draw_tabs(canvas: &mut Canvas, area: Rect, page: &StatsPage) {
    let theme = canvas.app.theme();
    let tab = |group: UsageGroup| {
        let look = if group == page.group { style(theme.accent).patch(style(theme.title)) } else { style(theme.faint) };
        Span::styled(format!("{}  ", group.label()), look)
    };
    let mut spans = vec![Span::raw(" ")];
    spans.extend(UsageGroup::ALL.map(tab));
    let mut rest = split_right(area, 1).0;
    for (name, width) in shown_numbers(area.width).iter().rev() {
        let (left, cell) = split_right(rest, *width);
        put(canvas.buffer, cell, name, style(theme.faint), Align::Right);
        rest = left;
    }
    let columns: usize = spans.iter().map(Span::width).sum();
    if columns.saturating_sub(2) > rest.width.into() {
        // The selected one must be seen; the footer has the keys to the others.
        spans = vec![Span::raw(" "), tab(page.group)];
    }
    put_line(canvas.buffer, rest, &Line::from(spans));
}

/// Returns the number columns that fit.
fn shown_numbers(width: u16) -> &'static [(&'static str, u16)] {
    let all: u16 = NUMBERS.iter().map(|(_, width)| width).sum();
    if width >= all + 2 * MIN_NAME + 2 { &NUMBERS } else { &NUMBERS[1..] }
}

fn draw_row(canvas: &mut Canvas, area: Rect, row: &StatsRow, most: u64, selected: bool) {
    let theme = canvas.app.theme();
    if selected {
        canvas.select(area);
        put(canvas.buffer, area, "▌", style(theme.accent), Align::Left);
    }
    let mut rest = split_right(inset(area), 1).0;
    for (name, width) in shown_numbers(area.width).iter().rev() {
        let (left, cell) = split_right(rest, *width);
        let text = match *name {
            "sessions" => row.figures.sessions.to_string(),
            "tokens" => tokens(row.figures.tokens.total()),
            _ => row.figures.cost_text(),
        };
        put(canvas.buffer, cell, &text, style(theme.muted), Align::Right);
        rest = left;
    }
    let (name, bar) = split_left(rest, (rest.width / 2).max(MIN_NAME));
    let name = split_right(name, 1).0;
    put(canvas.buffer, name, &shown_name(canvas.app, row, name.width.into()), style(theme.text), Align::Left);
    let eighths = u128::from(row.figures.tokens.total()) * 8 * u128::from(bar.width) / u128::from(most.max(1));
    let eighths = usize::try_from(eighths).unwrap_or(0);
    let drawn = "█".repeat(eighths / 8) + EIGHTHS[eighths % 8];
    put(canvas.buffer, bar, &drawn, style(theme.accent), Align::Left);
}

/// Returns the name of a row in `columns` columns; that of a workspace as in the workspaces column.
fn shown_name(app: &App, row: &StatsRow, columns: usize) -> String {
    let mut workspaces = app.stack.home.workspaces.rows().iter();
    let known = row.workspace.as_ref().and_then(|path| workspaces.find(|known| known.path == *path));
    match known {
        Some(workspace) => fitting_name(&workspace.name, columns),
        None => app.secrets.text(&row.name).into_owned(),
    }
}
