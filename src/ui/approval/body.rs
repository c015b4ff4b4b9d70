//! Body of an approval: the command, the diff, the plan, or the raw input of a tool.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::reader::Fold;
use crate::config::theme::Theme;
use crate::domain::approval::Approval;
use crate::domain::transcript::{FileChange, ToolAction};
use crate::stdx::text;
use crate::ui::entry::{bounded, markdown};
use crate::ui::style::style;
use crate::ui::widgets::diff;
use crate::ui::widgets::styled_line::StyledLine;

/// Markdown of the plan to approve, if the approval has one.
pub fn plan(approval: &Approval) -> Option<&str> {
    let plan = approval.input.get("plan").and_then(serde_json::Value::as_str)?;
    (!plan.trim().is_empty()).then_some(plan)
}

/// Lays out the body in at most `max_lines` lines.
pub fn lay(approval: &Approval, theme: &Theme, width: usize, max_lines: usize) -> Vec<Line<'static>> {
    let mut page = Page { theme, width, max_lines, lines: Vec::new() };
    if let Some(plan) = plan(approval) {
        page.lines = markdown(plan, theme, width, Fold::Full);
    } else if approval.questions.is_empty() {
        page.action(approval);
    }
    page.lines.truncate(max_lines);
    page.lines
}

struct Page<'a> {
    theme: &'a Theme,
    width: usize,
    max_lines: usize,
    lines: Vec<Line<'static>>,
}

impl Page<'_> {
    fn action(&mut self, approval: &Approval) {
        let (code, plain) = (style(self.theme.code), style(self.theme.text));
        match &approval.action {
            ToolAction::Command { command, .. } => self.text(command, code, "$ "),
            ToolAction::Edit(changes) => changes.iter().for_each(|file| self.change(file)),
            ToolAction::Read { path } => self.text(path, code, ""),
            ToolAction::Search { pattern, path } => {
                self.text(pattern, code, "");
                if let Some(path) = path {
                    self.text(&format!("in {path}"), plain, "");
                }
            }
            ToolAction::Web { query } => self.text(query, code, ""),
            ToolAction::Task { description, prompt } => {
                self.text(description, plain, "");
                self.text(prompt, style(self.theme.prompt), "");
            }
            ToolAction::Plan(items) => {
                for item in items {
                    self.text(&format!("{} {}", item.status.mark(), item.text), plain, "");
                }
            }
            ToolAction::Question { question } => self.text(question, plain, ""),
            ToolAction::Other(_) => {
                let json = serde_json::to_string_pretty(&approval.input).unwrap_or_default();
                self.text(if approval.input.is_null() { "" } else { &json }, plain, "");
            }
        }
    }

    /// Appends text with its line breaks; `mark` precedes the first line.
    fn text(&mut self, whole: &str, look: Style, mark: &'static str) {
        let (shown, _) = bounded(whole);
        let rest = [Span::raw(" ".repeat(mark.len()))];
        for (nth, line) in shown.trim_end().lines().enumerate() {
            if self.lines.len() >= self.max_lines {
                return;
            }
            let first = if nth == 0 { Span::styled(mark, style(self.theme.key)) } else { rest[0].clone() };
            StyledLine::plain(line, look).wrap_into(self.width, &[first], &rest, &mut self.lines);
        }
    }

    fn change(&mut self, file: &FileChange) {
        if self.lines.len() >= self.max_lines {
            return;
        }
        let (added, removed) = diff::count(&file.kind);
        let mut path = StyledLine::plain(&text::one_line(&file.path), style(self.theme.strong));
        path.push(&format!("  +{added}"), style(self.theme.added));
        path.push(&format!(" −{removed}"), style(self.theme.removed));
        path.wrap_into(self.width, &[], &[], &mut self.lines);
        let options =
            diff::DiffOptions { theme: self.theme, width: self.width, max_lines: self.max_lines - self.lines.len() };
        self.lines.extend(diff::lay(&file.kind, options));
    }
}
