//! A tool call: one line that says what was done and how it ended, then what it printed or changed.

use ratatui::text::{Line, Span};

use super::{Frame, Laid, answer, plan, words};
use crate::app::reader::{Fold, Stage};
use crate::domain::transcript::{Action, Entry, FileChange, Tool, ToolStatus};
use crate::stdx::text;
use crate::ui::style::style;
use crate::ui::widgets::diff;
use crate::ui::widgets::rich::{self, Rich};

/// Lays a tool call out.
pub fn lay(entry: &Entry, frame: &mut Frame<'_>, laid: &mut Laid) {
    let Some(tool) = &entry.tool else {
        words::plain(&entry.text, style(frame.theme.text), frame, laid);
        return;
    };
    let headline = headline(entry, tool, frame);
    if frame.fold == Fold::Line {
        laid.lines.push(headline);
        return;
    }
    // Laid out apart, so that the headline does not count as one of the lines that are shown of the rest.
    let mut below = Laid::default();
    body(entry, tool, frame, &mut below);
    laid.pending |= below.pending;
    laid.lines.push(headline);
    laid.lines.extend(below.lines);
}

/// `▸ Bash  ls -la  ✓ 1.2 s`
fn headline(entry: &Entry, tool: &Tool, frame: &Frame<'_>) -> Line<'static> {
    let theme = frame.theme;
    let mark = if frame.fold == Fold::Line { "▸ " } else { "▾ " };
    let what = vec![
        Span::styled(mark, style(theme.faint)),
        Span::styled(text::one_line(&tool.name), style(theme.tool)),
        Span::styled(format!("  {}", text::one_line(&entry.text)), style(theme.text)),
    ];
    let how = outcome(tool, frame);
    // How it ended is told in any case; of what was done, what there is room for.
    let room = frame.width.saturating_sub(rich::columns(&how));
    let mut spans = rich::cut(what, room.max(frame.width / 2));
    spans.extend(how);
    Line::from(rich::cut(spans, frame.width))
}

/// How it ended, how long it took, how much it changed.
fn outcome(tool: &Tool, frame: &Frame<'_>) -> Vec<Span<'static>> {
    let theme = frame.theme;
    let (mark, paint) = match tool.status {
        ToolStatus::Done => ("✓", theme.success),
        ToolStatus::Failed => ("✗", theme.error),
        ToolStatus::Denied => ("✗ denied", theme.warning),
        ToolStatus::Interrupted => ("■ interrupted", theme.warning),
        ToolStatus::Running | ToolStatus::Pending => match (frame.stage, tool.status) {
            (Stage::Waits, _) => ("! waits", theme.needs_you),
            (Stage::AtWork, _) | (Stage::Past, ToolStatus::Running) => ("… running", theme.working),
            (Stage::Past, _) => ("… no result", theme.muted),
        },
    };
    let mut spans = Vec::new();
    if let Action::Edit(changes) = &tool.action {
        let (added, removed) =
            changes.iter().map(|file| diff::count(&file.change)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        spans.push(Span::styled(format!("  +{added}"), style(theme.added)));
        spans.push(Span::styled(format!(" −{removed}"), style(theme.removed)));
    }
    spans.push(Span::styled(format!("  {mark}"), style(paint)));
    if let Action::Command { exit_code: Some(code), .. } = tool.action
        && code != 0
    {
        spans.push(Span::styled(format!(" exit {code}"), style(theme.error)));
    }
    if let Some(millis) = tool.duration_ms {
        spans.push(Span::styled(format!(" {}", duration(millis)), style(theme.muted)));
    }
    if tool.subagent.is_some() {
        spans.push(Span::styled("  ↵ enter", style(theme.accent)));
    }
    spans
}

fn body(entry: &Entry, tool: &Tool, frame: &mut Frame<'_>, laid: &mut Laid) {
    match &tool.action {
        Action::Edit(changes) => {
            edits(changes, frame, laid);
            // What an edit answers is "done", unless it was not.
            if tool.status != ToolStatus::Done {
                output(tool, frame, laid);
            }
        }
        Action::Plan(items) => plan::lay(items, frame, laid),
        Action::Task { prompt, .. } => task(prompt, tool, frame, laid),
        Action::Command { command, .. } => {
            // The headline shows a command in one line; what it left out is shown here.
            if *command != entry.text {
                let (command, _) = words::bounded(command);
                words::indented(&command, style(frame.theme.code), "  ", frame, laid);
            }
            output(tool, frame, laid);
        }
        Action::Other(_) => {
            input(tool, frame, laid);
            output(tool, frame, laid);
        }
        Action::Read { .. } | Action::Search { .. } | Action::Web { .. } | Action::Question { .. } => {
            output(tool, frame, laid);
        }
    }
}

fn edits(changes: &[FileChange], frame: &Frame<'_>, laid: &mut Laid) {
    let most = words::most(frame.fold);
    let setting = diff::Setting { theme: frame.theme, width: frame.width.saturating_sub(2).max(1), most };
    for file in changes {
        if laid.lines.len() > most {
            break;
        }
        if changes.len() > 1 {
            let path = Rich::plain(&text::one_line(&file.path), style(frame.theme.strong));
            path.wrap_into(frame.width, &[], &[], &mut laid.lines);
        }
        for mut line in diff::lay(&file.change, setting) {
            line.spans.insert(0, Span::raw("  "));
            laid.lines.push(line);
        }
    }
    words::limit(laid, frame, None);
}

/// A sub-agent's prompt and answer, both Markdown.
fn task(prompt: &str, tool: &Tool, frame: &mut Frame<'_>, laid: &mut Laid) {
    if frame.fold == Fold::Full && !prompt.is_empty() {
        answer::lay(prompt, style(frame.theme.prompt), frame, laid);
        laid.lines.push(Line::default());
    }
    if !tool.output.is_empty() {
        let mut told = Laid::default();
        answer::lay(&tool.output, style(frame.theme.text), frame, &mut told);
        laid.pending |= told.pending;
        laid.lines.extend(told.lines);
    }
}

/// The input of a tool that salon knows nothing about.
fn input(tool: &Tool, frame: &Frame<'_>, laid: &mut Laid) {
    if frame.fold != Fold::Full || tool.input.is_null() {
        return;
    }
    let Ok(json) = serde_json::to_string_pretty(&tool.input) else { return };
    let (shown, _) = words::bounded(&json);
    words::indented(&shown, style(frame.theme.muted), "  ", frame, laid);
}

fn output(tool: &Tool, frame: &Frame<'_>, laid: &mut Laid) {
    let (shown, cut) = words::bounded(&tool.output);
    let look = if tool.status == ToolStatus::Failed { frame.theme.error } else { frame.theme.muted };
    words::indented(shown.trim_end(), style(look), "  ", frame, laid);
    words::limit(laid, frame, cut.then_some(tool.output.len()));
}

/// A duration for a person.
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
