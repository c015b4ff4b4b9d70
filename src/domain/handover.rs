//! Brief of a session for another agent: goal, later prompts, decisions, changed files, and what is open.
//!
//! A pure fold over the entries in order, with bounds on everything that it keeps. The user edits the brief before it is
//! sent.

use super::secrets::{self, SecretCounts};
use super::session::Session;
use super::tool::{PlanItem, PlanStatus, ToolAction, ToolStatus};
use super::transcript::{Entry, EntryKind, Tool};
use crate::stdx::text::{boundary_before, one_line, sanitise};

/// Maximum characters of the goal and of the last answer.
const MAX_TEXT_CHARS: usize = 3_000;

/// Maximum characters of a prompt or a decision in a list.
const MAX_LINE_CHARS: usize = 400;

/// Maximum number of later prompts; the newest say most about what is left.
const MAX_PROMPTS: usize = 8;

/// Maximum number of decisions.
const MAX_DECISIONS: usize = 12;

/// Maximum number of files.
const MAX_FILES: usize = 40;

/// Material of a brief.
#[derive(Clone, Debug, Default)]
pub struct Handover {
    goal: String,
    /// Prompts after the first, oldest first.
    prompts: Vec<String>,
    decisions: Vec<String>,
    /// Changed files with the number of changes, in the order of the first one.
    files: Vec<(String, usize)>,
    plan: Vec<PlanItem>,
    answer: String,
    /// Last failed tool call after the last answer.
    failure: Option<String>,
}

impl Handover {
    /// Adds the next entry.
    pub fn add(&mut self, entry: &Entry) {
        if entry.reverted {
            return;
        }
        // A headline does not say which of its texts are secret.
        let entry = &*secrets::entry::masked(entry, &mut SecretCounts::default());
        match entry.kind {
            EntryKind::Prompt if self.goal.is_empty() => self.goal = cut(&entry.text, MAX_TEXT_CHARS),
            EntryKind::Prompt => {
                push_bounded(&mut self.prompts, line(&entry.text), MAX_PROMPTS);
                self.answer.clear();
                self.failure = None;
            }
            EntryKind::Text => {
                self.answer = cut(&entry.text, MAX_TEXT_CHARS);
                self.failure = None;
            }
            EntryKind::Plan if !entry.plan.is_empty() => self.plan.clone_from(&entry.plan),
            EntryKind::Plan | EntryKind::Tool => {
                if let Some(tool) = &entry.tool {
                    self.add_tool(tool, &entry.text);
                }
            }
            EntryKind::Thinking | EntryKind::Notice | EntryKind::Image | EntryKind::Other => {}
        }
    }

    fn add_tool(&mut self, tool: &Tool, headline: &str) {
        match (&tool.action, tool.status) {
            (ToolAction::Edit(changes), ToolStatus::Done) => {
                changes.iter().for_each(|change| self.add_file(&change.path));
            }
            (ToolAction::Question { question, answer: Some(answer) }, _) => {
                push_bounded(&mut self.decisions, line(&format!("{question} → {answer}")), MAX_DECISIONS);
            }
            (ToolAction::PlanText(plan), ToolStatus::Done) => {
                push_bounded(&mut self.decisions, line(&format!("Approved plan: {plan}")), MAX_DECISIONS);
            }
            (_, ToolStatus::Denied) => {
                push_bounded(&mut self.decisions, line(&format!("Not allowed: {headline}")), MAX_DECISIONS);
            }
            (_, ToolStatus::Failed) => self.failure = Some(line(headline)),
            _ => {}
        }
    }

    fn add_file(&mut self, path: &str) {
        if let Some((_, count)) = self.files.iter_mut().find(|(known, _)| *known == path) {
            *count += 1;
        } else if self.files.len() < MAX_FILES {
            self.files.push((path.to_owned(), 1));
        }
    }

    /// Returns true if there is nothing to hand over.
    pub fn is_empty(&self) -> bool {
        self.goal.is_empty() && self.answer.is_empty()
    }

    /// Writes the brief in Markdown, with secrets masked.
    pub fn brief(&self, session: &Session) -> String {
        let agent = session.key.agent.label();
        let mut brief = format!("Continue this task, which {agent} began in session {}.", one_line(&session.key.id));
        let mut part = |heading: &str, text: &str| {
            if !text.trim().is_empty() {
                brief.push_str(&format!("\n\n## {heading}\n\n{}", text.trim_matches('\n')));
            }
        };
        part("Goal", &self.goal);
        part("Asked for later", &list(&self.prompts));
        part("Decisions", &list(&self.decisions));
        part("Files changed", &list(&self.files.iter().map(file).collect::<Vec<_>>()));
        part("Open", &list(&self.open_ends()));
        part("Last answer", &self.answer);
        brief.push_str("\n\nCheck the state of the files first, then continue with the open items.");
        secrets::mask(&brief, &mut SecretCounts::default()).into_owned()
    }

    /// Returns the items of the plan that are not done, and the last failure.
    fn open_ends(&self) -> Vec<String> {
        let is_open = |item: &&PlanItem| matches!(item.status, PlanStatus::Pending | PlanStatus::Active);
        let items = self.plan.iter().filter(is_open).map(|item| line(&item.text));
        let failure = self.failure.iter().map(|failure| format!("Failed last: {failure}"));
        let unanswered = self.prompts.last().filter(|_| self.answer.is_empty());
        let unanswered = unanswered.map(|prompt| format!("Not answered yet: {prompt}"));
        items.chain(failure).chain(unanswered).collect()
    }
}

fn file((path, count): &(String, usize)) -> String {
    let path = one_line(path);
    if *count == 1 { path } else { format!("{path} ({count} changes)") }
}

fn list(lines: &[String]) -> String {
    lines.iter().map(|line| format!("- {line}\n")).collect()
}

/// Adds a text at the end; the oldest one is dropped if there are too many.
fn push_bounded(texts: &mut Vec<String>, text: String, max: usize) {
    if texts.len() == max {
        texts.remove(0);
    }
    texts.push(text);
}

fn line(text: &str) -> String {
    let start = &text[..boundary_before(text, MAX_LINE_CHARS * 8)];
    let line = one_line(start);
    let short = secrets::cut(&line, MAX_LINE_CHARS);
    if short.len() < line.len() { format!("{short}…") } else { line }
}

fn cut(text: &str, chars: usize) -> String {
    let text = text.trim();
    // A character has at most four bytes, and few are left out.
    let start = &text[..boundary_before(text, chars * 8)];
    let is_cut = start.len() < text.len();
    let text = sanitise(start);
    let start = secrets::cut(&text, chars);
    if is_cut || start.len() < text.len() { format!("{start}…") } else { start.to_owned() }
}
