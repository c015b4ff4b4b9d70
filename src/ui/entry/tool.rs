//! Tool calls: a headline with the outcome, then the output or the diff.

use ratatui::text::{Line, Span};

use super::{EntryLayout, LayoutContext, answer, edits, headline, output, plain_text, plan};
use crate::app::reader::Fold;
use crate::domain::approval::QuestionOption;
use crate::domain::transcript::{Entry, Tool, ToolAction, ToolStatus};
use crate::stdx::text;
use crate::ui::style::style;
use crate::ui::widgets::styled_line::StyledLine;

/// Maximum lines of the command in a cut entry, because its output says more.
const CUT_COMMAND_LINES: usize = 3;

/// Lays out a tool call.
pub(super) fn lay(entry: &Entry, context: &mut LayoutContext<'_>, layout: &mut EntryLayout) {
    let Some(tool) = &entry.tool else {
        plain_text::lay(&entry.text, style(context.theme.text), context, layout);
        return;
    };
    let headline = headline::lay(entry, tool, context);
    if context.fold == Fold::Line {
        layout.lines.push(headline);
        return;
    }
    // Separate layout, so that the headline does not count towards the line limit.
    let mut body_layout = EntryLayout::default();
    if context.fold == Fold::Few {
        few(tool, context, &mut body_layout);
    } else {
        body(entry, tool, context, &mut body_layout);
    }
    layout.pending |= body_layout.pending;
    layout.lines.push(headline);
    layout.failure = body_layout.failure.map(|line| line + layout.lines.len());
    layout.lines.extend(body_layout.lines);
}

/// Lays out the few lines that tell most: the last ones of a command or a failure, the first ones of a change.
fn few(tool: &Tool, context: &mut LayoutContext<'_>, layout: &mut EntryLayout) {
    match &tool.action {
        ToolAction::Edit(changes) if !matches!(tool.status, ToolStatus::Failed | ToolStatus::Denied) => {
            edits::lay(changes, context, layout);
        }
        ToolAction::Command { .. } => output::lay(tool, context, layout),
        _ if tool.status == ToolStatus::Failed => output::lay(tool, context, layout),
        _ => {}
    }
}

fn body(entry: &Entry, tool: &Tool, context: &mut LayoutContext<'_>, layout: &mut EntryLayout) {
    match &tool.action {
        ToolAction::Edit(changes) => {
            edits::lay(changes, context, layout);
            // The output of a successful edit only says that it is done.
            if tool.status != ToolStatus::Done {
                output::lay(tool, context, layout);
            }
        }
        ToolAction::Plan(items) => plan::lay(items, context, layout),
        ToolAction::PlanText(text) => answer::lay(text, style(context.theme.text), context, layout),
        ToolAction::Task { prompt, .. } => task(prompt, tool, context, layout),
        ToolAction::Command { command, .. } => {
            // The headline shows a command as one line; the full command follows here.
            if *command != entry.text {
                lay_command(command, context, layout);
            }
            output::lay(tool, context, layout);
        }
        ToolAction::Other(_) => {
            input(tool, context, layout);
            output::lay(tool, context, layout);
        }
        ToolAction::Question { .. } => {
            options(tool, context, layout);
            output::lay(tool, context, layout);
        }
        ToolAction::Read { .. } | ToolAction::Search { .. } | ToolAction::Web { .. } => {
            output::lay(tool, context, layout);
        }
    }
}

/// Lays out the whole command, or its first lines.
fn lay_command(command: &str, context: &LayoutContext<'_>, layout: &mut EntryLayout) {
    let (command, _) = plain_text::bounded(command);
    plain_text::lay_indented(&command, style(context.theme.code), "  ", context, layout);
    if context.fold == Fold::Cut && layout.lines.len() > CUT_COMMAND_LINES {
        layout.lines.truncate(CUT_COMMAND_LINES);
        plain_text::push_note("  …", context, layout);
    }
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
