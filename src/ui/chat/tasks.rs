//! Task list of a run: the open items of its plan, its background tasks and its sub-agents.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::app::Action;
use crate::app::chat::Chat;
use crate::app::chat::tasks::TaskRow;
use crate::app::msg::Target;
use crate::app::{App, scroll};
use crate::config::theme::ThemeStyle;
use crate::domain::run::SubagentProgress;
use crate::domain::tool::{PlanItem, PlanStatus};
use crate::stdx::text;
use crate::ui::canvas::Canvas;
use crate::ui::style::style;
use crate::ui::widgets::{line_of, put_line, split_left, styled_line};

/// Maximum rows with the heading, because the transcript is more important.
const MAX_ROWS: usize = 7;

/// Height of the screen below which the list is omitted.
const MIN_SCREEN: u16 = 16;

/// Desired height in rows; 0 if nothing is open, or the user hid the list.
pub(super) fn height(app: &App, chat: &Chat, screen: u16) -> u16 {
    let Some(info) = chat.info(&app.runs).filter(|_| !chat.hides_tasks && screen >= MIN_SCREEN) else { return 0 };
    let rows = chat.task_rows(info).len();
    if rows == 0 { 0 } else { u16::try_from((rows + 1).min(MAX_ROWS)).unwrap_or(0) }
}

/// Draws the list.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, chat: &Chat) {
    let app = canvas.app;
    let Some(info) = chat.info(&app.runs).filter(|_| !area.is_empty()) else { return };
    let rows = chat.task_rows(info);
    let (_, inner) = split_left(area, 1);
    let room = usize::from(area.height).saturating_sub(1);
    let hidden = rows.len().saturating_sub(room);
    put_line(canvas.buffer, line_of(inner, 0), &heading(app, chat.plan(info), hidden));
    let selected = chat.selected_task(rows.len());
    let top = scroll::reveal(0, selected.unwrap_or(0), room, rows.len());
    for (line, (at, row)) in rows.iter().enumerate().skip(top).take(room).enumerate() {
        let place = line_of(inner, line + 1);
        if selected == Some(at) {
            canvas.select(line_of(area, line + 1));
        }
        if let TaskRow::Subagent(nth, _) = row {
            canvas.target(place, Target::Subagent(*nth));
        }
        let line = lay(app, chat, row);
        put_line(canvas.buffer, place, &Line::from(styled_line::cut(line, place.width.into())));
    }
}

/// Heading: `tasks 2/5 · ctrl-t hides`.
fn heading(app: &App, plan: &[PlanItem], hidden: usize) -> Line<'static> {
    let theme = app.theme();
    let done = plan.iter().filter(|item| item.status == PlanStatus::Done).count();
    let mut label = "Tasks".to_owned();
    if !plan.is_empty() {
        label += &format!("  {done} of {} done", plan.len());
    }
    if hidden > 0 {
        label += &format!(" · {hidden} more");
    }
    let key = app.keymap.hint(Action::Tasks).map(|key| format!(" · {key} selects, then hides")).unwrap_or_default();
    Line::from(vec![Span::styled(label, style(theme.plan)), Span::styled(key, style(theme.faint))])
}

fn lay(app: &App, chat: &Chat, row: &TaskRow) -> Vec<Span<'static>> {
    let theme = app.theme();
    let spans = |mark: &'static str, mark_look: ThemeStyle, text: &str, look: ThemeStyle| {
        vec![Span::styled(mark, style(mark_look)), Span::styled(text::one_line(text), style(look))]
    };
    match row {
        TaskRow::Item(item) if item.status == PlanStatus::Active => spans("▸ ", theme.working, &item.text, theme.text),
        TaskRow::Item(item) => spans("○ ", theme.muted, &item.text, theme.muted),
        TaskRow::Background(task) => spans("& ", theme.working, &task.description, theme.text),
        TaskRow::Subagent(_, subagent) => {
            let name = chat.reader.live_call(&subagent.call).filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| "sub-agent".to_owned());
            let mut line = spans("⤷ ", theme.working, &name, theme.text);
            line.push(Span::styled(progress(subagent), style(theme.muted)));
            line
        }
    }
}

/// Progress of a sub-agent: ` · 3 tools · Bash: ls`.
fn progress(subagent: &SubagentProgress) -> String {
    let tools = match subagent.tools {
        0 => String::new(),
        1 => " · 1 tool".to_owned(),
        count => format!(" · {count} tools"),
    };
    let tool = subagent.tool.as_ref().map(|tool| format!(" · {}", text::one_line(tool))).unwrap_or_default();
    tools + &tool
}
