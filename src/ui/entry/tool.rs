//! Tool calls: a headline with the outcome, then the output or the diff.

use ratatui::text::{Line, Span};

use super::{EntryLayout, LayoutContext, answer, plain_text, plan};
use crate::app::reader::{CallStage, Fold};
use crate::domain::approval::QuestionOption;
use crate::domain::transcript::{Entry, FileChange, Tool, ToolAction, ToolStatus};
use crate::stdx::text;
use crate::ui::style::style;
use crate::ui::widgets::diff;
use crate::ui::widgets::styled_line::{self, StyledLine};

/// Lays out a tool call.
pub fn lay(entry: &Entry, context: &mut LayoutContext<'_>, layout: &mut EntryLayout) {
    let Some(tool) = &entry.tool else {
        plain_text::lay(&entry.text, style(context.theme.text), context, layout);
        return;
    };
    let headline = headline(entry, tool, context);
    if context.fold == Fold::Line {
        layout.lines.push(headline);
        return;
    }
    // Separate layout, so that the headline does not count towards the line limit.
    let mut body_layout = EntryLayout::default();
    body(entry, tool, context, &mut body_layout);
    layout.pending |= body_layout.pending;
    layout.lines.push(headline);
    layout.lines.extend(body_layout.lines);
}

/// Lays out the headline: `▸ Bash  ls -la  ✓ 1.2 s`.
fn headline(entry: &Entry, tool: &Tool, context: &LayoutContext<'_>) -> Line<'static> {
    let theme = context.theme;
    let mark = if context.fold == Fold::Line { "▸ " } else { "▾ " };
    let what = vec![
        Span::styled(mark, style(theme.faint)),
        Span::styled(text::one_line(&tool.name), style(theme.tool)),
        Span::styled(format!("  {}", text::one_line(&entry.text)), style(theme.text)),
    ];
    let outcome_spans = outcome(tool, context);
    // The outcome is always shown; the rest is cut to the remaining width.
    let room = context.width.saturating_sub(styled_line::columns(&outcome_spans));
    let mut spans = styled_line::cut(what, room.max(context.width / 2));
    spans.extend(outcome_spans);
    Line::from(styled_line::cut(spans, context.width))
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
        spans.push(Span::styled(plus, style(theme.added)));
        spans.push(Span::styled(minus, style(theme.removed)));
    }
    spans.push(Span::styled(format!("  {mark}"), style(paint)));
    if let ToolAction::Command { exit_code: Some(code), .. } = tool.action
        && code != 0
    {
        spans.push(Span::styled(format!(" exit {code}"), style(theme.error)));
    }
    if let Some(millis) = tool.duration_ms {
        spans.push(Span::styled(format!(" {}", duration(millis)), style(theme.muted)));
    }
    if tool.subagent.is_some() {
        spans.push(Span::styled("  ↵ open", style(theme.accent)));
    }
    spans
}

fn body(entry: &Entry, tool: &Tool, context: &mut LayoutContext<'_>, layout: &mut EntryLayout) {
    match &tool.action {
        ToolAction::Edit(changes) => {
            edits(changes, context, layout);
            // The output of a successful edit only says that it is done.
            if tool.status != ToolStatus::Done {
                output(tool, context, layout);
            }
        }
        ToolAction::Plan(items) => plan::lay(items, context, layout),
        ToolAction::PlanText(text) => answer::lay(text, style(context.theme.text), context, layout),
        ToolAction::Task { prompt, .. } => task(prompt, tool, context, layout),
        ToolAction::Command { command, .. } => {
            // The headline shows a command as one line; the full command follows here.
            if *command != entry.text {
                let (command, _) = plain_text::bounded(command);
                plain_text::lay_indented(&command, style(context.theme.code), "  ", context, layout);
            }
            output(tool, context, layout);
        }
        ToolAction::Other(_) => {
            input(tool, context, layout);
            output(tool, context, layout);
        }
        ToolAction::Question { .. } => {
            options(tool, context, layout);
            output(tool, context, layout);
        }
        ToolAction::Read { .. } | ToolAction::Search { .. } | ToolAction::Web { .. } => {
            output(tool, context, layout);
        }
    }
}

fn edits(changes: &[FileChange], context: &LayoutContext<'_>, layout: &mut EntryLayout) {
    let max_lines = plain_text::max_lines(context.fold);
    let options = diff::DiffOptions {
        theme: context.theme,
        width: context.width.saturating_sub(2).max(1),
        max_lines,
        sanitise: text::sanitise,
    };
    for file in changes {
        if layout.lines.len() > max_lines {
            break;
        }
        if changes.len() > 1 {
            let path = StyledLine::plain(&text::one_line(&file.path), style(context.theme.strong));
            path.wrap_into(context.width, &[], &[], &mut layout.lines);
        }
        for mut line in diff::lay(&file.kind, options) {
            line.spans.insert(0, Span::raw("  "));
            layout.lines.push(line);
        }
    }
    plain_text::truncate(layout, context, None);
}

/// Lays out the prompt and the answer of a sub-agent as Markdown.
fn task(prompt: &str, tool: &Tool, context: &mut LayoutContext<'_>, layout: &mut EntryLayout) {
    if context.fold == Fold::Full && !prompt.is_empty() {
        answer::lay(prompt, style(context.theme.prompt), context, layout);
        layout.lines.push(Line::default());
    }
    if !tool.output.is_empty() {
        let mut answer = EntryLayout::default();
        answer::lay(&tool.output, style(context.theme.text), context, &mut answer);
        layout.pending |= answer.pending;
        layout.lines.extend(answer.lines);
    }
}

/// Lays out the questions of a call with their options and the options' descriptions.
fn options(tool: &Tool, context: &LayoutContext<'_>, layout: &mut EntryLayout) {
    let theme = context.theme;
    for question in tool.input["questions"].as_array().into_iter().flatten() {
        let text = text::one_line(question["question"].as_str().unwrap_or_default());
        StyledLine::plain(&text, style(theme.text)).wrap_into(
            context.width,
            &[Span::raw("  ")],
            &[Span::raw("  ")],
            &mut layout.lines,
        );
        for option in question["options"].as_array().into_iter().flatten().filter_map(QuestionOption::read) {
            let mut line = StyledLine::plain(&text::one_line(&option.label), style(theme.strong));
            line.push(&format!("  {}", text::one_line(&option.description)), style(theme.muted));
            let (first, rest) = ([Span::raw("  - ")], [Span::raw("    ")]);
            line.wrap_into(context.width, &first, &rest, &mut layout.lines);
        }
    }
}

/// Lays out the raw input of an unknown tool.
fn input(tool: &Tool, context: &LayoutContext<'_>, layout: &mut EntryLayout) {
    if context.fold != Fold::Full || tool.input.is_null() {
        return;
    }
    let Ok(json) = serde_json::to_string_pretty(&tool.input) else { return };
    let (shown, _) = plain_text::bounded(&json);
    plain_text::lay_indented(&shown, style(context.theme.muted), "  ", context, layout);
}

fn output(tool: &Tool, context: &LayoutContext<'_>, layout: &mut EntryLayout) {
    let (shown, cut) = plain_text::bounded(&tool.output);
    let look = if tool.status == ToolStatus::Failed { context.theme.error } else { context.theme.muted };
    plain_text::lay_indented(shown.trim_end(), style(look), "  ", context, layout);
    plain_text::truncate(layout, context, cut.then_some(tool.output.len()));
}

/// Formats a duration: `350 ms`, `1.2 s`, `3 min 05 s`.
pub fn duration(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{seconds}.{} s", millis % 1000 / 100),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}
