//! Transcripts: the entries of a conversation, folded from its events.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event::{Delta, EntryKey, Event, EventBody, NoticeLevel};
pub use super::tool::{ChangeKind, FileChange, PlanItem, PlanStatus, ToolAction, ToolStatus};
use super::{Time, Tokens};

/// One block of a transcript.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Identity; equal each time the transcript is read.
    pub key: EntryKey,
    /// Kind of the entry.
    pub kind: EntryKind,
    /// Author of the entry.
    pub role: Role,
    /// Start time, if known.
    pub time: Option<Time>,
    /// Content; the headline of a tool call; a plan in Markdown, its items as check boxes.
    pub text: String,
    /// Tool call, for [`EntryKind::Tool`] and for a plan that a tool set.
    pub tool: Option<Box<Tool>>,
    /// Items, for [`EntryKind::Plan`].
    pub plan: Vec<PlanItem>,
    /// Severity, for a notice.
    pub level: NoticeLevel,
    /// Sender of a prompt that a program passed on; `None` for the user.
    pub sender: Option<Arc<str>>,
    /// Token usage of the reply, on one of its entries only.
    pub tokens: Option<Tokens>,
    /// Cost of the reply in US dollars, on one of its entries only, if the agent reports it.
    pub cost_usd: Option<f64>,
    /// Totals of the turn, on its last entry; set by the index.
    pub turn: Option<TurnTotals>,
    /// True if the text was cut because of its length.
    pub truncated: bool,
    /// True if more of the entry may follow.
    pub open: bool,
    /// True if the user undid this part of the conversation; the agent no longer sees it.
    pub reverted: bool,
}

/// Usage and duration of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TurnTotals {
    /// Token usage of all replies.
    pub tokens: Tokens,
    /// Cost in US dollars, if the agent reports it.
    pub cost_usd: Option<f64>,
    /// Time from the prompt to the last entry in ms; 0 if unknown.
    pub duration_ms: u64,
}

impl TurnTotals {
    /// Adds the usage of an entry.
    pub fn add(&mut self, entry: &Entry) {
        self.tokens += entry.tokens.unwrap_or_default();
        self.cost_usd = match (self.cost_usd, entry.cost_usd) {
            (Some(sum), Some(cost)) => Some(sum + cost),
            (sum, cost) => sum.or(cost),
        };
    }

    /// Returns true if nothing is known about the turn.
    pub fn is_empty(&self) -> bool {
        self.tokens.total() == 0 && self.cost_usd.is_none() && self.duration_ms < 1_000
    }
}

/// Kinds of entries, as in the JSON contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// Entry of an unknown kind.
    Other,
}

/// Text of a run that its agent may not have stored: of an answer that ended early, or of a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptText {
    /// Key under which the text was shown.
    pub entry: EntryKey,
    /// Key of the turn's prompt.
    pub prompt: EntryKey,
    /// The text.
    pub text: String,
    /// Start time, if known.
    pub time: Option<Time>,
    /// Severity of a notice; `None` for an answer.
    pub level: Option<NoticeLevel>,
    /// Place within the turn.
    pub place: KeptPlace,
}

/// Place of a kept text within its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptPlace {
    /// Before the turn's prompt.
    BeforePrompt,
    /// After an entry of the turn; at its end if the agent did not store that entry.
    After(EntryKey),
    /// At the end of the turn.
    TurnEnd,
}

impl EntryKind {
    /// All kinds.
    pub const ALL: [Self; 8] =
        [Self::Prompt, Self::Text, Self::Thinking, Self::Tool, Self::Notice, Self::Plan, Self::Image, Self::Other];

    /// Identifier in JSON.
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

/// Author of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Person or headless caller.
    User,
    /// Agent.
    Assistant,
    /// Neither user nor agent.
    System,
}

impl Role {
    /// Identifier in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
        }
    }
}

/// A tool call with its result.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tool {
    /// Tool name as the agent reports it.
    pub name: Arc<str>,
    /// Id of the call.
    pub id: Arc<str>,
    /// Input as the agent reports it.
    pub input: Value,
    /// Operation in agent-neutral terms.
    pub action: ToolAction,
    /// Output of the tool.
    pub output: String,
    /// Status of the call.
    pub status: ToolStatus,
    /// Duration in ms.
    pub duration_ms: Option<u64>,
    /// Session id of the sub-agent that the tool started.
    pub subagent: Option<Arc<str>>,
}

/// Ordered entries, built by folding events. Tool updates find their call by its id, at any distance.
#[derive(Debug, Default)]
pub struct Transcript {
    entries: Vec<Entry>,
    by_key: HashMap<EntryKey, usize>,
    by_tool: HashMap<Arc<str>, usize>,
}

impl Transcript {
    /// Entries so far.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Consumes the transcript and returns its entries.
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// Folds one event in. Returns the index of the entry that it opened or changed.
    pub fn apply(&mut self, event: Event) -> Option<usize> {
        let Event { key, time, body } = event;
        match body {
            EventBody::Prompt(text) => self.set(key, time, EntryKind::Prompt, Role::User, Delta::Replace(text)),
            EventBody::Text(piece) => self.set(key, time, EntryKind::Text, Role::Assistant, piece),
            EventBody::Thinking(piece) => self.set(key, time, EntryKind::Thinking, Role::Assistant, piece),
            EventBody::Image(label) => self.set(key, time, EntryKind::Image, Role::User, Delta::Replace(label)),
            EventBody::Other(text) => self.set(key, time, EntryKind::Other, Role::System, Delta::Replace(text)),
            EventBody::Notice { level, text } => {
                self.set(key, time, EntryKind::Notice, Role::System, Delta::Replace(text));
                self.entry(key).level = level;
            }
            EventBody::Plan(items) => {
                self.set(key, time, EntryKind::Plan, Role::Assistant, Delta::Replace(plan_text(&items)));
                self.entry(key).plan = items;
            }
            EventBody::ToolCall { id, name, input, action } => self.call(key, time, id, name, input, action),
            EventBody::ToolUpdate { id, status, output, duration_ms, subagent, action } => {
                let at = *self.by_tool.get(&id)?;
                let entry = &mut self.entries[at];
                let tool = entry.tool.as_mut()?;
                tool.status = status.unwrap_or(tool.status);
                let ended = matches!(status, Some(ToolStatus::Done | ToolStatus::Failed));
                let measured = time.zip(entry.time).filter(|_| ended).map(|(end, start)| end.since(start));
                let measured = measured.and_then(|millis| u64::try_from(millis).ok()).filter(|millis| *millis > 0);
                tool.duration_ms = duration_ms.or(tool.duration_ms).or(measured);
                tool.subagent = subagent.or(tool.subagent.take());
                match output {
                    Some(Delta::Append(more)) => tool.output.push_str(&more),
                    Some(Delta::Replace(all)) => tool.output = all,
                    Some(Delta::Longest(all)) if all.len() > tool.output.len() => tool.output = all,
                    Some(Delta::Longest(_)) => {}
                    None => {}
                }
                match (action, &mut tool.action) {
                    // An output record contains the exit code of a command, but not the command.
                    (
                        Some(ToolAction::Command { command, exit_code }),
                        ToolAction::Command { exit_code: known, .. },
                    ) if command.is_empty() => {
                        *known = exit_code.or(*known);
                    }
                    // A shell line that was mapped to another operation has its exit code in the status.
                    (Some(ToolAction::Command { command, .. }), _) if command.is_empty() => {}
                    // An output record contains the answer to a question, but not the question.
                    (Some(ToolAction::Question { question, answer }), ToolAction::Question { answer: known, .. })
                        if question.is_empty() =>
                    {
                        *known = answer;
                        entry.text = tool.action.headline();
                    }
                    (Some(ToolAction::Question { question, .. }), _) if question.is_empty() => {}
                    (Some(action), known) => {
                        entry.text = match &action {
                            ToolAction::PlanText(plan) => plan.clone(),
                            _ => action.headline(),
                        };
                        *known = action;
                    }
                    (None, _) => {}
                }
                return Some(at);
            }
            EventBody::Sender(sender) => {
                let at = *self.by_key.get(&key)?;
                self.entries[at].sender = Some(sender);
            }
            EventBody::Usage(tokens) => {
                let at = *self.by_key.get(&key)?;
                self.entries[at].tokens = Some(tokens);
            }
            EventBody::TurnEnd { .. } => return None,
        }
        self.by_key.get(&key).copied()
    }

    /// Returns true if the transcript contains an entry with this key.
    pub fn contains(&self, key: EntryKey) -> bool {
        self.by_key.contains_key(&key)
    }

    /// Removes the entries for which `keep` is false.
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

    fn entry(&mut self, key: EntryKey) -> &mut Entry {
        let at = self.by_key[&key];
        &mut self.entries[at]
    }

    fn set(&mut self, key: EntryKey, time: Option<Time>, kind: EntryKind, role: Role, piece: Delta) {
        let at = *self.by_key.entry(key).or_insert_with(|| {
            self.entries.push(Entry::new(key, kind, role, time));
            self.entries.len() - 1
        });
        match piece {
            Delta::Append(more) => self.entries[at].text.push_str(&more),
            Delta::Replace(all) => self.entries[at].text = all,
            Delta::Longest(all) if all.len() > self.entries[at].text.len() => self.entries[at].text = all,
            Delta::Longest(_) => {}
        }
    }

    fn call(
        &mut self,
        key: EntryKey,
        time: Option<Time>,
        id: Arc<str>,
        name: Arc<str>,
        input: Value,
        action: ToolAction,
    ) {
        let (kind, plan) = match &action {
            ToolAction::Plan(items) => (EntryKind::Plan, items.clone()),
            ToolAction::PlanText(_) => (EntryKind::Plan, Vec::new()),
            _ => (EntryKind::Tool, Vec::new()),
        };
        let text = match &action {
            ToolAction::PlanText(plan) => plan.clone(),
            _ if plan.is_empty() => action.headline(),
            _ => plan_text(&plan),
        };
        self.set(key, time, kind, Role::Assistant, Delta::Replace(text));
        self.by_tool.insert(id.clone(), self.by_key[&key]);
        let entry = self.entry(key);
        // Only the complete input determines the kind: a to-do list is a plan once it has items.
        entry.kind = kind;
        entry.plan = plan;
        // A call may be reported twice, first without its complete input: keep the result of the first report.
        let before = entry.tool.take();
        let (output, status, duration_ms, subagent) = before.map_or_else(
            || (String::new(), ToolStatus::Pending, None, None),
            |tool| (tool.output, tool.status, tool.duration_ms, tool.subagent),
        );
        entry.tool = Some(Box::new(Tool { name, id, input, action, output, status, duration_ms, subagent }));
    }
}

impl Entry {
    /// Returns true if the entry has this key, or contains the tool call with this id (unless empty).
    pub fn matches(&self, key: EntryKey, call: &str) -> bool {
        let called = || self.tool.as_ref().is_some_and(|tool| *tool.id == *call);
        self.key == key || (!call.is_empty() && called())
    }

    /// Returns the number of images: one for an image, else of the lines in a prompt or an output that are a label of an
    /// image, such as `[image: /a.png]` and `[shot.png (image/png)]`.
    pub fn image_labels(&self) -> usize {
        let text = match (self.kind, &self.tool) {
            (EntryKind::Image, _) => return 1,
            (EntryKind::Prompt, _) => &self.text,
            (EntryKind::Tool, Some(tool)) => &tool.output,
            _ => return 0,
        };
        let is_label = |line: &&str| line.starts_with('[') && line.ends_with(']') && line.contains("image");
        text.lines().filter(is_label).count()
    }

    /// Creates an empty entry.
    pub fn new(key: EntryKey, kind: EntryKind, role: Role, time: Option<Time>) -> Self {
        Self {
            key,
            kind,
            role,
            time,
            text: String::new(),
            tool: None,
            plan: Vec::new(),
            level: NoticeLevel::Info,
            sender: None,
            tokens: None,
            cost_usd: None,
            turn: None,
            truncated: false,
            open: false,
            reverted: false,
        }
    }
}

/// Formats the items of a plan as a Markdown list with check boxes.
pub fn plan_text(items: &[PlanItem]) -> String {
    items.iter().map(|item| format!("- {} {}", item.status.mark(), item.text)).collect::<Vec<_>>().join("\n")
}
