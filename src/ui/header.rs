//! The first line: what is listed, in which order, and how far the index is.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Canvas;
use super::style::style;
use super::widgets::{Align, put, put_line, split_right};
use crate::app::App;
use crate::config::settings::Scope;
use crate::stdx::text;

/// Draws the header.
pub fn draw(canvas: &mut Canvas, area: Rect) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let right = [progress(app), issues(app)].into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let width = u16::try_from(text::width(&right)).unwrap_or(0);
    let (left, right_area) = split_right(area, (width + 1).min(area.width / 2));
    put(canvas.buffer, right_area, &right, style(theme.warning), Align::Right);
    let mut spans = vec![
        Span::styled(" salon ", style(theme.accent).patch(style(theme.title))),
        Span::styled(format!(" {}", scope(app)), style(theme.title)),
        Span::styled(format!(" · by {}", app.home.sort.name()), style(theme.muted)),
    ];
    // What does not fit is left out as a whole.
    while spans.len() > 1 && Line::from(spans.clone()).width() > left.width.into() {
        spans.pop();
    }
    put_line(canvas.buffer, left, &Line::from(spans));
}

fn scope(app: &App) -> String {
    let name = || {
        let selected = app.home.workspaces.at().checked_sub(1)?;
        app.home.workspaces.rows().get(selected).map(|row| text::one_line(&row.name))
    };
    match app.home.scope() {
        Some(Scope::All) => "all workspaces".to_owned(),
        Some(Scope::Here) => format!("here: {}", name().unwrap_or_default()),
        None => name().unwrap_or_default(),
    }
}

fn progress(app: &App) -> Option<String> {
    let progress = app.known.catalog.progress;
    let reading = progress.done < progress.total;
    reading.then(|| {
        format!("reading {} of {}", super::status::thousands(progress.done), super::status::thousands(progress.total))
    })
}

fn issues(app: &App) -> Option<String> {
    use crate::app::Action;
    let count = app.known.catalog.issues.len();
    let key = app.keymap.hint(Action::Issues).map(|key| format!(" ({key})")).unwrap_or_default();
    match count {
        0 => None,
        1 => Some(format!("1 issue{key}")),
        count => Some(format!("{} issues{key}", super::status::thousands(count))),
    }
}
