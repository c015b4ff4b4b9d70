//! A conversation as one reads it: entries, folded from events.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::event::{Body, Event, Key, Level, Piece};
use super::{Time, Tokens};

/// One block of a transcript.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Identity, the same at every reading.
    pub key: Key,
    /// What it is.
    pub kind: EntryKind,
    /// Who speaks.
    pub role: Role,
    /// When it began, where known.
    pub time: Option<Time>,
    /// What is said; a tool's headline; a plan's items as Markdown check boxes.
    pub text: String,
    /// The tool call, for [`EntryKind::Tool`] and for a plan that was made by a tool.
    pub tool: Option<Box<Tool>>,
    /// The items, for [`EntryKind::Plan`].
    pub plan: Vec<PlanItem>,
    /// For a notice, how bad.
    pub level: Level,
    /// Usage of the reply it belongs to, on the reply's first entry only.
    pub tokens: Option<Tokens>,
    /// Some text was left out, being too long.
    pub truncated: bool,
    /// More of the entry may come.
    pub open: bool,
}

/// Kinds of entries, as the JSON contract names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A prompt.
    Prompt,
    /// An answer.
    Text,
    /// Reasoning.
    Thinking,
    /// A tool call with its result.
    Tool,
    /// A notice.
    Notice,
    /// A plan.
    Plan,
    /// An image or attachment.
    Image,
    /// Of an unknown kind.
    Other,
}

impl EntryKind {
    /// The word used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Text => "text",
            Self::Thinking => "thinking",
            Self::Tool => "tool",
            Self::Notice => "notice",
            Self::Plan => "plan",
            Self::Image => "image",
            Self::Other => "other",
        }
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The person, or the caller.
    User,
    /// The agent.
    Assistant,
    /// Neither.
    System,
}

impl Role {
    /// The word used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
        }
    }
}

/// A tool call with what came of it.
#[derive(Clone, Debug)]
pub struct Tool {
    /// The tool's name, as the agent says it.
    pub name: Arc<str>,
    /// Id of the call.
    pub id: Arc<str>,
    /// Its input, as the agent gave it.
    pub input: Value,
    /// What it does, in agent-neutral terms.
    pub action: Action,
    /// What it printed.
    pub output: String,
    /// How far it is.
    pub status: ToolStatus,
    /// How long it ran, in ms.
    pub duration_ms: Option<u64>,
    /// The session of the sub-agent it started.
    pub subagent: Option<Arc<str>>,
}

/// How far a tool call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ToolStatus {
    /// Asked for, not started (or no result is on disk).
    Pending,
    /// At work.
    Running,
    /// Ended well.
    Done,
    /// Ended with an error.
    Failed,
    /// Refused by the user or a rule.
    Denied,
    /// Stopped by the user.
    Interrupted,
}

impl ToolStatus {
    /// The word used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Denied => "denied",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What a tool call does, whatever the agent calls the tool. Paths are as the agent wrote them.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Runs a command.
    Command {
        /// The command line.
        command: String,
        /// Its exit code, once known.
        exit_code: Option<i32>,
    },
    /// Reads a file.
    Read {
        /// Its path.
        path: String,
    },
    /// Changes files.
    Edit(Vec<FileChange>),
    /// Searches files or their names.
    Search {
        /// What for.
        pattern: String,
        /// Where, if not everywhere.
        path: Option<String>,
    },
    /// Fetches from, or searches, the web.
    Web {
        /// The address or the query.
        query: String,
    },
    /// Starts a sub-agent.
    Task {
        /// What it shall do, in a few words.
        description: String,
        /// Its prompt.
        prompt: String,
    },
    /// Sets the plan.
    Plan(Vec<PlanItem>),
    /// Asks the user.
    Question {
        /// The question.
        question: String,
    },
    /// Anything else; the text sums its input up in one line.
    Other(String),
}

impl Action {
    /// One line that says what is done.
    pub fn headline(&self) -> String {
        let text = match self {
            Self::Command { command, .. } => command.clone(),
            Self::Read { path } => path.clone(),
            Self::Edit(changes) => changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>().join(", "),
            Self::Search { pattern, path: Some(path) } => format!("{pattern} in {path}"),
            Self::Search { pattern, path: None } => pattern.clone(),
            Self::Web { query } => query.clone(),
            Self::Task { description, prompt } => {
                if description.is_empty() {
                    prompt.clone()
                } else {
                    description.clone()
                }
            }
            Self::Plan(items) => {
                let done = items.iter().filter(|item| item.status == PlanStatus::Done).count();
                format!("{done} of {} done", items.len())
            }
            Self::Question { question } => question.clone(),
            Self::Other(text) => text.clone(),
        };
        let line = crate::stdx::text::one_line(crate::stdx::text::first_chars(&text, 2000));
        crate::stdx::text::first_chars(&line, 400).to_owned()
    }
}

/// A change to one file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileChange {
    /// The file, as the agent wrote it.
    pub path: String,
    /// What changes.
    pub change: Change,
}

/// What changes in a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The whole file is written.
    Write(String),
    /// Each pair: text that is replaced, and by what.
    Replace(Vec<(String, String)>),
    /// A unified diff: lines that begin with ` `, `+` or `-`, under `@@` headers.
    Patch(String),
    /// The file is deleted.
    Delete,
}

/// One item of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanItem {
    /// What is to be done.
    pub text: String,
    /// How far it is.
    pub status: PlanStatus,
}

/// How far a plan's item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlanStatus {
    /// Not begun.
    Pending,
    /// Under way.
    Active,
    /// Done.
    Done,
    /// Given up.
    Cancelled,
}

impl PlanStatus {
    /// A Markdown check box.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Pending => "[ ]",
            Self::Active => "[~]",
            Self::Done => "[x]",
            Self::Cancelled => "[-]",
        }
    }
}

/// Entries in order, growing by events. Updates of a tool find their call by its id, wherever it stands.
#[derive(Debug, Default)]
pub struct Transcript {
    entries: Vec<Entry>,
    by_key: HashMap<Key, usize>,
    by_tool: HashMap<Arc<str>, usize>,
}

impl Transcript {
    /// The entries so far.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries, given away.
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// Folds one event in, and tells which entry it opened or changed.
    pub fn apply(&mut self, event: Event) -> Option<usize> {
        let Event { key, time, body } = event;
        match body {
            Body::Prompt(text) => self.set(key, time, EntryKind::Prompt, Role::User, Piece::Whole(text)),
            Body::Text(piece) => self.set(key, time, EntryKind::Text, Role::Assistant, piece),
            Body::Thinking(piece) => self.set(key, time, EntryKind::Thinking, Role::Assistant, piece),
            Body::Image(label) => self.set(key, time, EntryKind::Image, Role::User, Piece::Whole(label)),
            Body::Other(text) => self.set(key, time, EntryKind::Other, Role::System, Piece::Whole(text)),
            Body::Notice { level, text } => {
                self.set(key, time, EntryKind::Notice, Role::System, Piece::Whole(text));
                self.entry(key).level = level;
            }
            Body::Plan(items) => {
                self.set(key, time, EntryKind::Plan, Role::Assistant, Piece::Whole(plan_text(&items)));
                self.entry(key).plan = items;
            }
            Body::ToolCall { id, name, input, action } => self.call(key, time, id, name, input, action),
            Body::ToolUpdate { id, status, output, duration_ms, subagent, action } => {
                let at = *self.by_tool.get(&id)?;
                let entry = &mut self.entries[at];
                let tool = entry.tool.as_mut()?;
                tool.status = status.unwrap_or(tool.status);
                tool.duration_ms = duration_ms.or(tool.duration_ms);
                tool.subagent = subagent.or(tool.subagent.take());
                match output {
                    Some(Piece::Delta(more)) => tool.output.push_str(&more),
                    Some(Piece::Whole(all)) => tool.output = all,
                    None => {}
                }
                match (action, &mut tool.action) {
                    // An output record tells how a command ended, but not which command it was.
                    (Some(Action::Command { command, exit_code }), Action::Command { exit_code: known, .. })
                        if command.is_empty() =>
                    {
                        *known = exit_code.or(*known);
                    }
                    // Of a shell line that is shown as what it does, the exit code is told by the status.
                    (Some(Action::Command { command, .. }), _) if command.is_empty() => {}
                    (Some(action), known) => {
                        entry.text = action.headline();
                        *known = action;
                    }
                    (None, _) => {}
                }
                return Some(at);
            }
            Body::Usage(tokens) => {
                let at = *self.by_key.get(&key)?;
                self.entries[at].tokens = Some(tokens);
            }
            Body::TurnEnd { .. } => return None,
        }
        self.by_key.get(&key).copied()
    }

    /// Whether there is an entry of that identity.
    pub fn holds(&self, key: Key) -> bool {
        self.by_key.contains_key(&key)
    }

    /// Forgets the entries at which `keep` is false.
    pub fn retain(&mut self, keep: &[bool]) {
        let mut at = 0;
        self.entries.retain(|_| {
            at += 1;
            keep.get(at - 1).copied().unwrap_or(true)
        });
        let before = |at: usize| keep.iter().take(at).filter(|kept| !**kept).count();
        let moved = |at: &mut usize| {
            let kept = keep.get(*at).copied().unwrap_or(true);
            *at -= before(*at);
            kept
        };
        self.by_key.retain(|_, at| moved(at));
        self.by_tool.retain(|_, at| moved(at));
    }

    fn entry(&mut self, key: Key) -> &mut Entry {
        let at = self.by_key[&key];
        &mut self.entries[at]
    }

    fn set(&mut self, key: Key, time: Option<Time>, kind: EntryKind, role: Role, piece: Piece) {
        let at = *self.by_key.entry(key).or_insert_with(|| {
            self.entries.push(Entry::new(key, kind, role, time));
            self.entries.len() - 1
        });
        match piece {
            Piece::Delta(more) => self.entries[at].text.push_str(&more),
            Piece::Whole(all) => self.entries[at].text = all,
        }
    }

    fn call(&mut self, key: Key, time: Option<Time>, id: Arc<str>, name: Arc<str>, input: Value, action: Action) {
        let (kind, plan) = match &action {
            Action::Plan(items) => (EntryKind::Plan, items.clone()),
            _ => (EntryKind::Tool, Vec::new()),
        };
        let text = if plan.is_empty() { action.headline() } else { plan_text(&plan) };
        self.set(key, time, kind, Role::Assistant, Piece::Whole(text));
        self.by_tool.insert(id.clone(), self.by_key[&key]);
        let entry = self.entry(key);
        // What it does may be known only with its whole input: a to-do list is a plan as soon as it holds something.
        entry.kind = kind;
        entry.plan = plan;
        // A call may be told twice (asked for, then with its whole input): what came of it stays.
        let before = entry.tool.take();
        let (output, status, duration_ms, subagent) = before.map_or_else(
            || (String::new(), ToolStatus::Pending, None, None),
            |tool| (tool.output, tool.status, tool.duration_ms, tool.subagent),
        );
        entry.tool = Some(Box::new(Tool { name, id, input, action, output, status, duration_ms, subagent }));
    }
}

impl Entry {
    /// Whether it has that key, or holds the tool call of that id, where that is not empty.
    pub fn is(&self, key: Key, call: &str) -> bool {
        let called = || self.tool.as_ref().is_some_and(|tool| *tool.id == *call);
        self.key == key || (!call.is_empty() && called())
    }

    /// An entry with nothing in it yet.
    pub fn new(key: Key, kind: EntryKind, role: Role, time: Option<Time>) -> Self {
        Self {
            key,
            kind,
            role,
            time,
            text: String::new(),
            tool: None,
            plan: Vec::new(),
            level: Level::Info,
            tokens: None,
            truncated: false,
            open: false,
        }
    }
}

fn plan_text(items: &[PlanItem]) -> String {
    items.iter().map(|item| format!("- {} {}", item.status.mark(), item.text)).collect::<Vec<_>>().join("\n")
}
