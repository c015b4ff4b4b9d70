//! Body of an approval: the command, the diff, the plan, or the raw input of a tool.
//!
//! Drops nothing: what cannot be seen is drawn as a mark, and what is cut is stated.

use std::borrow::Cow;

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use serde_json::Value;

use crate::app::reader::Fold;
use crate::config::theme::Theme;
use crate::domain::approval::Approval;
use crate::domain::tool::{ChangeContext, ChangeKind, FileChange, ToolAction};
use crate::stdx::{exact, wrap};
use crate::ui::entry::markdown;
use crate::ui::style::style;
use crate::ui::widgets::diff;
use crate::ui::widgets::styled_line::StyledLine;

/// Markdown of the plan to approve, if the approval has one.
pub(super) fn plan(approval: &Approval) -> Option<&str> {
    let plan = approval.input.get("plan").and_then(Value::as_str)?;
    (!plan.trim().is_empty()).then_some(plan)
}

/// Layout of a body.
pub(super) struct BodyLayout {
    pub lines: Vec<Line<'static>>,
    /// Number of lines that were cut, about; 0 only if nothing was cut.
    pub missing: usize,
}

/// Lays out the body in at most `max_lines` lines. `contexts` are the places of the changes, as far as they are known.
pub(super) fn lay(
    approval: &Approval,
    contexts: &[Vec<Option<ChangeContext>>],
    theme: &Theme,
    (width, max_lines): (usize, usize),
) -> BodyLayout {
    let mut page = Page { theme, width, max_lines, contexts, lines: Vec::new(), missing: 0 };
    if let Some(plan) = plan(approval) {
        page.lines = markdown(&exact::visible(plan), theme, width, Fold::Full);
    } else if approval.questions.is_empty() {
        page.action(approval);
    }
    page.missing += page.lines.len().saturating_sub(max_lines);
    page.lines.truncate(max_lines);
    BodyLayout { lines: page.lines, missing: page.missing }
}

/// Converts a file's content for a diff: marks, and tabs both marked and kept, so that columns stay aligned.
fn visible_content(content: &str) -> Cow<'_, str> {
    match exact::visible(content) {
        Cow::Owned(marked) => marked.replace('␉', "␉\t").into(),
        borrowed @ Cow::Borrowed(_) => borrowed,
    }
}

struct Page<'a> {
    theme: &'a Theme,
    width: usize,
    max_lines: usize,
    contexts: &'a [Vec<Option<ChangeContext>>],
    lines: Vec<Line<'static>>,
    missing: usize,
}

impl Page<'_> {
    fn action(&mut self, approval: &Approval) {
        self.requested(approval);
        // Switches of a tool change the effect of the same command or edit.
        let fields = approval.input.as_object().into_iter().flatten();
        for (name, _) in fields.filter(|(_, value)| **value == Value::Bool(true)) {
            if !matches!(approval.action, ToolAction::Other(_)) {
                self.text(&format!("{name}: true"), style(self.theme.warning), "");
            }
        }
    }

    fn requested(&mut self, approval: &Approval) {
        let (code, plain) = (style(self.theme.code), style(self.theme.text));
        match &approval.action {
            ToolAction::Command { command, .. } => self.text(command, code, "$ "),
            ToolAction::Edit(changes) => {
                for (nth, file) in changes.iter().enumerate() {
                    self.change(file, self.contexts.get(nth).map_or(&[], Vec::as_slice));
                }
            }
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
            ToolAction::PlanText(text) => self.text(text, plain, ""),
            ToolAction::Question { question, .. } => self.text(question, plain, ""),
            ToolAction::Other(_) => {
                let json = serde_json::to_string_pretty(&approval.input).unwrap_or_default();
                self.text(if approval.input.is_null() { "" } else { &json }, plain, "");
            }
        }
    }

    /// Appends text with its line breaks; `mark` precedes the first line.
    fn text(&mut self, whole: &str, look: Style, mark: &'static str) {
        let room = self.width.saturating_sub(mark.len());
        let mut first = Span::styled(mark, style(self.theme.key));
        for line in whole.split('\n').filter(|_| !whole.is_empty()) {
            if self.is_full() {
                self.missing += 1;
                continue;
            }
            let line = exact::visible(line);
            for row in wrap::wrap_exactly(&line, room) {
                if self.is_full() {
                    self.missing += 1;
                    continue;
                }
                let prefix = std::mem::replace(&mut first, Span::raw(" ".repeat(mark.len())));
                self.lines.push(Line::from(vec![prefix, Span::styled(line[row].to_owned(), look)]));
            }
        }
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= self.max_lines
    }

    fn change(&mut self, file: &FileChange, contexts: &[Option<ChangeContext>]) {
        let (added, removed) = diff::count(&file.kind);
        if self.is_full() {
            self.missing += 1 + added + removed;
            return;
        }
        let mut path = StyledLine::plain(&exact::visible_line(&file.path), style(self.theme.strong));
        let [plus, minus] = diff::counts(added, removed);
        path.push(&plus, style(self.theme.added));
        path.push(&minus, style(self.theme.removed));
        path.wrap_into(self.width, &[], &[], &mut self.lines);
        match patches(&file.kind, contexts) {
            Some(patches) => patches.iter().for_each(|patch| self.diff((patch, &file.path), |text| text.into())),
            None => self.diff((&file.kind, &file.path), visible_content),
        }
    }

    fn diff(&mut self, (kind, path): (&ChangeKind, &str), sanitise: fn(&str) -> Cow<'_, str>) {
        let (added, removed) = diff::count(kind);
        let max_lines = self.max_lines.saturating_sub(self.lines.len());
        let options = diff::DiffOptions {
            theme: self.theme,
            width: self.width,
            max_lines,
            path,
            changes_only: false,
            side_by_side: false,
            sanitise,
        };
        let lines = diff::lay(kind, options, None).lines;
        if lines.len() > max_lines {
            // The layout stopped at the limit; how many lines would have followed is an estimate.
            self.missing += (added + removed).saturating_sub(lines.len());
        }
        self.lines.extend(lines);
    }
}

/// Writes replaced texts as diffs with line numbers and context. `None` unless the places of all are known.
fn patches(kind: &ChangeKind, contexts: &[Option<ChangeContext>]) -> Option<Vec<ChangeKind>> {
    let ChangeKind::Replace(pairs) = kind else { return None };
    if pairs.len() != contexts.len() {
        return None;
    }
    let display = |text: &str| visible_content(text).into_owned();
    let patch = |((old, new), context): (&(String, String), &Option<ChangeContext>)| {
        Some(ChangeKind::Patch(context.as_ref()?.patch(old, new, display)?))
    };
    pairs.iter().zip(contexts).map(patch).collect()
}
