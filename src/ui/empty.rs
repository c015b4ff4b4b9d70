//! A list without rows: why, what was looked for and where, and the key that helps.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget, Wrap};

use super::Canvas;
use super::status::thousands;
use super::style::{self, style};
use crate::app::home::Emptiness;
use crate::app::{Action, App};
use crate::stdx::text::one_line;

/// Draws the reason.
pub fn draw(canvas: &mut Canvas, area: Rect, emptiness: &Emptiness) {
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    let lines = lines(canvas.app, emptiness);
    Paragraph::new(lines).wrap(Wrap { trim: false }).render(inner.intersection(canvas.buffer.area), canvas.buffer);
}

fn lines(app: &App, emptiness: &Emptiness) -> Vec<Line<'static>> {
    let theme = app.theme();
    let (title, advice) = match emptiness {
        Emptiness::Reading => ("Looking for sessions …".to_owned(), None),
        Emptiness::NoSessions => ("No sessions on this machine yet.".to_owned(), None),
        Emptiness::NoMatch(query) => {
            (format!("Nothing matches “{}”.", one_line(query)), key(app, Action::Back, "clears the filter"))
        }
        Emptiness::NoneHere { elsewhere: 0 } => {
            ("No sessions here.".to_owned(), key(app, Action::Scope, "shows all workspaces"))
        }
        Emptiness::NoneHere { elsewhere } => (
            format!("No sessions here, {} elsewhere.", thousands(*elsewhere)),
            key(app, Action::Scope, "shows all workspaces"),
        ),
        Emptiness::AllHidden => {
            ("All sessions here are hidden.".to_owned(), key(app, Action::ShowHidden, "shows them"))
        }
    };
    let mut lines = vec![Line::raw(""), Line::styled(title, style(theme.title))];
    lines.extend(advice.map(|advice| Line::styled(advice, style(theme.muted))));
    if matches!(emptiness, Emptiness::NoSessions) {
        lines.extend(roots(app));
    }
    lines
}

/// Where sessions were looked for.
fn roots(app: &App) -> Vec<Line<'static>> {
    let theme = app.theme();
    let mut lines = vec![Line::raw(""), Line::styled("Looked for them in", style(theme.muted))];
    lines.extend(app.roots.iter().map(|root| {
        let found = if root.found { "  (empty)" } else { "  (not there)" };
        Line::from(vec![
            Span::styled(format!("{:<12}", root.agent.label()), style::agent(theme, root.agent)),
            Span::styled(one_line(&root.path.to_string_lossy()), style(theme.text)),
            Span::styled(found, style(theme.faint)),
        ])
    }));
    lines
}

fn key(app: &App, action: Action, does: &str) -> Option<String> {
    app.keymap.hint(action).map(|key| format!("{key} {does}"))
}
