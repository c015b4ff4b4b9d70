//! Headline of a tool call: `▸ Bash  ls -la  ✓ 1.2 s`.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::LayoutContext;
use crate::app::reader::{CallStage, Fold};
use crate::domain::tool_name::{is_tool_label, tool_label};
use crate::domain::transcript::{Entry, Tool, ToolAction, ToolStatus};
use crate::stdx::text;
use crate::ui::style::style;
use crate::ui::widgets::{diff, styled_line};

/// Maximum number of files that a headline names.
const MAX_FILES: usize = 20;

/// Lays out the headline.
pub(super) fn lay(entry: &Entry, tool: &Tool, context: &LayoutContext<'_>) -> Line<'static> {
    let theme = context.theme;
    let folded = matches!(context.fold, Fold::Line | Fold::Few);
    let mut what = vec![
        Span::styled(if folded { "▸ " } else { "▾ " }, style(theme.faint)),
        Span::styled(text::one_line(&tool_label(&tool.name)), style(theme.tool)),
    ];
    if context.fold == Fold::Full && !is_tool_label(&tool.name) {
        what.push(Span::styled(format!(" ({})", text::one_line(&tool.name)), style(theme.faint)));
    }
    what.push(Span::styled(format!("  {}", text::one_line(&operation(entry, tool, context))), style(theme.text)));
    let outcome_spans = outcome(tool, context);
    // The outcome is always shown; the rest is cut to the remaining width.
    let room = context.width.saturating_sub(styled_line::columns(&outcome_spans));
    let mut spans = styled_line::cut(what, room.max(context.width / 2));
    spans.extend(outcome_spans);
    Line::from(styled_line::cut(spans, context.width))
}

/// Operation of the tool, with paths relative to the directory of the session.
fn operation(entry: &Entry, tool: &Tool, context: &LayoutContext<'_>) -> String {
    match &tool.action {
        ToolAction::Edit(changes) if !changes.is_empty() => {
            changes.iter().take(MAX_FILES).map(|file| context.relative(&file.path)).collect::<Vec<_>>().join(", ")
        }
        ToolAction::Read { path } => context.relative(path).to_owned(),
        ToolAction::Search { pattern, path: Some(path) } => format!("{pattern} in {}", context.relative(path)),
        _ => entry.text.clone(),
    }
}

/// Formats changed lines, status, exit code and duration.
fn outcome(tool: &Tool, context: &LayoutContext<'_>) -> Vec<Span<'static>> {
    let theme = context.theme;
    let (mark, paint) = match tool.status {
        ToolStatus::Done => ("✓", theme.success),
        ToolStatus::Failed => ("✗", theme.error),
        ToolStatus::Denied => ("✗ denied", theme.warning),
        ToolStatus::Interrupted => ("■ interrupted", theme.warning),
        ToolStatus::Running | ToolStatus::Pending => match (context.stage, tool.status) {
            (CallStage::AwaitingApproval, _) => ("! waiting", theme.needs_you),
            (CallStage::Running, _) | (CallStage::Ended, ToolStatus::Running) => ("… running", theme.working),
            (CallStage::Ended, _) => ("… no result", theme.muted),
        },
    };
    let mut spans = Vec::new();
    if let ToolAction::Edit(changes) = &tool.action {
        let (added, removed) =
            changes.iter().map(|file| diff::count(&file.kind)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        let [plus, minus] = diff::counts(added, removed);
        // Bands of colour belong to lines.
        let text_colour = |paint| Style { bg: None, ..style(paint) };
        spans.push(Span::styled(plus, text_colour(theme.added)));
        spans.push(Span::styled(minus, text_colour(theme.removed)));
    }
    spans.push(Span::styled(format!("  {mark}"), style(paint)));
    if let ToolAction::Command { exit_code: Some(code), .. } = tool.action
        && code != 0
    {
        spans.push(Span::styled(format!(" exit {code}"), style(theme.error)));
    }
    if let Some(millis) = tool.duration_ms.filter(|millis| *millis > 0) {
        spans.push(Span::styled(format!(" {}", duration(millis)), style(theme.muted)));
    }
    if tool.subagent.is_some() {
        spans.push(Span::styled("  ↵ open", style(theme.accent)));
    }
    spans
}

/// Formats a duration: `350 ms`, `1.2 s`, `3 min 05 s`.
pub(crate) fn duration(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{seconds}.{} s", millis % 1000 / 100),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}
