//! What a question is about, in full: the command, the change, the plan, or whatever the tool was given.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::app::reader::Fold;
use crate::config::theme::Theme;
use crate::domain::approval::Approval;
use crate::domain::transcript::{Action, FileChange};
use crate::stdx::text;
use crate::ui::entry::{bounded, markdown};
use crate::ui::style::style;
use crate::ui::widgets::diff;
use crate::ui::widgets::rich::Rich;

/// The plan that a question is about, as Markdown, where it is about one.
pub fn plan(approval: &Approval) -> Option<&str> {
    let plan = approval.input.get("plan").and_then(serde_json::Value::as_str)?;
    (!plan.trim().is_empty()).then_some(plan)
}

/// Lays it out in at most `most` lines.
pub fn lay(approval: &Approval, theme: &Theme, width: usize, most: usize) -> Vec<Line<'static>> {
    let mut page = Page { theme, width, most, lines: Vec::new() };
    if let Some(plan) = plan(approval) {
        page.lines = markdown(plan, theme, width, Fold::Full);
    } else if approval.questions.is_empty() {
        page.action(approval);
    }
    page.lines.truncate(most);
    page.lines
}

struct Page<'a> {
    theme: &'a Theme,
    width: usize,
    most: usize,
    lines: Vec<Line<'static>>,
}

impl Page<'_> {
    fn action(&mut self, approval: &Approval) {
        let (code, plain) = (style(self.theme.code), style(self.theme.text));
        match &approval.action {
            Action::Command { command, .. } => self.text(command, code, "$ "),
            Action::Edit(changes) => changes.iter().for_each(|file| self.change(file)),
            Action::Read { path } => self.text(path, code, ""),
            Action::Search { pattern, path } => {
                self.text(pattern, code, "");
                if let Some(path) = path {
                    self.text(&format!("in {path}"), plain, "");
                }
            }
            Action::Web { query } => self.text(query, code, ""),
            Action::Task { description, prompt } => {
                self.text(description, plain, "");
                self.text(prompt, style(self.theme.prompt), "");
            }
            Action::Plan(items) => {
                for item in items {
                    self.text(&format!("{} {}", item.status.mark(), item.text), plain, "");
                }
            }
            Action::Question { question } => self.text(question, plain, ""),
            Action::Other(_) => {
                let json = serde_json::to_string_pretty(&approval.input).unwrap_or_default();
                self.text(if approval.input.is_null() { "" } else { &json }, plain, "");
            }
        }
    }

    /// Text with its line breaks; `mark` stands before its first line.
    fn text(&mut self, whole: &str, look: Style, mark: &'static str) {
        let (shown, _) = bounded(whole);
        let rest = [Span::raw(" ".repeat(mark.len()))];
        for (nth, line) in shown.trim_end().lines().enumerate() {
            if self.lines.len() >= self.most {
                return;
            }
            let first = if nth == 0 { Span::styled(mark, style(self.theme.key)) } else { rest[0].clone() };
            Rich::plain(line, look).wrap_into(self.width, &[first], &rest, &mut self.lines);
        }
    }

    fn change(&mut self, file: &FileChange) {
        if self.lines.len() >= self.most {
            return;
        }
        let (added, removed) = diff::count(&file.change);
        let mut path = Rich::plain(&text::one_line(&file.path), style(self.theme.strong));
        path.push(&format!("  +{added}"), style(self.theme.added));
        path.push(&format!(" −{removed}"), style(self.theme.removed));
        path.wrap_into(self.width, &[], &[], &mut self.lines);
        let setting = diff::Setting { theme: self.theme, width: self.width, most: self.most - self.lines.len() };
        self.lines.extend(diff::lay(&file.change, setting));
    }
}
