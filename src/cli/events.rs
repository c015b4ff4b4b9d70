//! JSON shapes of the events of `send --json`, `new --json` and `attach --json`, one object per line.
//!
//! Common fields: `epoch`; `n`, which increases within an epoch and is `null` for snapshots of the current state; `time`;
//! `turn`, which is `null` for entries read from a transcript; and `type`. Each delta of a streamed text has its own `n`;
//! all deltas of one entry share `entry`.

use serde::Serialize;
use serde_json::Value;

use super::json::TokensJson;
use crate::domain::approval::Approval;
use crate::domain::event::{Delta, EventBody};
use crate::domain::run::{Activity, Phase, RunFailure, RunInfo, StopReason, TurnOutcome};
use crate::domain::run_event::{RunEvent, RunEventKind};
use crate::domain::transcript::{PlanItem, ToolAction};
use crate::domain::{self, EntryKey, Time};
use crate::stdx::ring::RingItem;

/// JSON shape of an event.
#[derive(Serialize)]
pub(super) struct EventJson<'a> {
    epoch: u64,
    n: Option<u64>,
    time: Option<String>,
    turn: Option<u64>,
    #[serde(flatten)]
    kind: EventBodyJson<'a>,
}

/// Fields of an event, by `type`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum EventBodyJson<'a> {
    /// Prompt of the user or of a caller.
    Prompt {
        /// Key of the entry.
        entry: String,
        /// Text of the prompt.
        text: &'a str,
    },
    /// Answer of the agent.
    Text {
        /// Key of the entry.
        entry: String,
        /// Delta, or the whole text.
        text: &'a str,
        /// True if `text` replaces the previous text, false if it is appended.
        whole: bool,
    },
    /// Reasoning of the agent; fields as for `text`.
    Thinking {
        /// Key of the entry.
        entry: String,
        /// Delta, or the whole text.
        text: &'a str,
        /// True if `text` replaces the previous text, false if it is appended.
        whole: bool,
    },
    /// Tool call, or an update of one; `null` fields are unchanged.
    Tool(ToolEventJson<'a>),
    /// Current plan.
    Plan {
        /// Items of the plan.
        items: Vec<PlanItemJson<'a>>,
    },
    /// Token usage and cost so far.
    Usage {
        /// Tokens of the session, or of one reply if `entry` is set.
        tokens: TokensJson,
        /// Key of the reply's entry.
        entry: Option<String>,
        /// Cost in US dollars; `null` if the agent does not report it.
        cost_usd: Option<f64>,
        /// Tokens used in the context window.
        context: Option<u64>,
        /// Size of the context window in tokens.
        window: Option<u64>,
    },
    /// Approval that was opened or closed.
    Approval(ApprovalJson<'a>),
    /// Notice, which is neither a prompt nor an answer.
    Notice {
        /// `info`, `boundary`, `warning` or `error`.
        level: &'static str,
        /// Text of the notice.
        text: &'a str,
    },
    /// Current state of the run.
    State(RunStateJson<'a>),
    /// End of a turn.
    TurnEnd {
        /// `done`, `interrupted` or `failed`; `null` if unknown.
        outcome: Option<&'static str>,
        /// Reason of a failure, as in `state`.
        reason: Option<ReasonJson>,
        /// Duration in ms; `null` if unknown.
        duration_ms: Option<u64>,
    },
    /// Event of a kind unknown to this version.
    Other {
        /// Raw text of the event.
        text: &'a str,
    },
}

/// JSON shape of a tool call or its update.
#[derive(Serialize)]
pub(super) struct ToolEventJson<'a> {
    id: &'a str,
    name: Option<&'a str>,
    input: Option<&'a Value>,
    headline: Option<String>,
    status: Option<&'static str>,
    output: Option<&'a str>,
    /// True if `output` replaces the previous output, false if it is appended.
    whole: Option<bool>,
    duration_ms: Option<u64>,
    subagent: Option<&'a str>,
}

/// JSON shape of a plan item.
#[derive(Serialize)]
pub(super) struct PlanItemJson<'a> {
    text: &'a str,
    /// `pending`, `active`, `done` or `cancelled`.
    status: &'static str,
}

/// JSON shape of an approval.
#[derive(Serialize)]
pub(super) struct ApprovalJson<'a> {
    id: &'a str,
    /// True while it needs an answer; false once it is closed, with the other fields `null`.
    open: bool,
    tool: Option<&'a str>,
    headline: Option<String>,
    input: Option<&'a Value>,
    reason: Option<&'a str>,
    questions: Vec<QuestionJson<'a>>,
    choices: Vec<ChoiceJson<'a>>,
}

/// JSON shape of a question with its options.
#[derive(Serialize)]
pub(super) struct QuestionJson<'a> {
    text: &'a str,
    options: Vec<&'a str>,
    /// Explanations of the options, in their order; empty texts where there is none.
    descriptions: Vec<&'a str>,
    multiple: bool,
}

/// JSON shape of a possible answer.
#[derive(Serialize)]
pub(super) struct ChoiceJson<'a> {
    /// `once`, `always`, `deny` or `deny_and_stop`.
    kind: &'static str,
    label: &'a str,
    token: &'a str,
}

/// JSON shape of the state of a run.
#[derive(Serialize)]
pub(super) struct RunStateJson<'a> {
    /// Id of the run in salon; `null` if another program runs the session.
    run: Option<&'a str>,
    agent: &'static str,
    session: Option<&'a str>,
    /// `starting`, `idle`, `working`, `compacting`, `retrying`, `interrupting` or `stopped`. For a session that another
    /// program runs: `needs_you`, `working`, `idle` or `past`.
    phase: &'static str,
    model: Option<&'a str>,
    mode: Option<&'a str>,
    effort: Option<&'a str>,
    /// Reason why the run stopped, or its last failure.
    reason: Option<ReasonJson>,
}

/// JSON shape of a failure.
#[derive(Serialize)]
pub(super) struct ReasonJson {
    /// `not_installed`, `not_logged_in`, `rate_limited`, `unknown_model`, `unknown_session`, `held_elsewhere`, `crashed` or
    /// `other`.
    code: &'static str,
    message: String,
    /// Earliest time of a retry; `null` if unknown.
    until: Option<String>,
    exit_code: Option<i32>,
}

impl<'a> EventJson<'a> {
    /// Converts an event of a run; `None` if it has no JSON event.
    pub(super) fn run_event(epoch: u64, item: &'a RingItem<RunEvent>) -> Option<Self> {
        let RunEvent { turn, kind: what } = &item.value;
        let (time, kind) = match what {
            RunEventKind::Event(event) => (event.time, EventBodyJson::of(event)?),
            RunEventKind::Approval(approval) => (approval.since, EventBodyJson::Approval(ApprovalJson::open(approval))),
            RunEventKind::ApprovalGone(id) => (None, EventBodyJson::Approval(ApprovalJson::closed(id))),
            RunEventKind::TurnEnded { outcome, time, duration_ms } => {
                (Some(*time), EventBodyJson::turn_end(outcome, *duration_ms))
            }
        };
        Some(Self { epoch, n: Some(item.last), time: time.map(Time::rfc3339), turn: Some(turn.0), kind })
    }

    /// Creates a state event of a run.
    pub(super) fn state(epoch: u64, info: &'a RunInfo, now: Time) -> Self {
        Self {
            epoch,
            n: None,
            time: Some(now.rfc3339()),
            turn: Some(info.turn.0),
            kind: EventBodyJson::State(info.into()),
        }
    }

    /// Creates a usage event of a run.
    pub(super) fn usage(epoch: u64, info: &'a RunInfo, now: Time) -> Self {
        let kind = EventBodyJson::Usage {
            tokens: info.tokens.into(),
            entry: None,
            cost_usd: info.cost_usd,
            context: info.context.map(|(used, _)| used),
            window: info.context.map(|(_, window)| window),
        };
        Self { epoch, n: None, time: Some(now.rfc3339()), turn: Some(info.turn.0), kind }
    }

    /// Creates a state event of a session that another program runs.
    pub(super) fn live_state(epoch: u64, key: &'a domain::SessionKey, state: domain::SessionState, now: Time) -> Self {
        let state = RunStateJson {
            run: None,
            agent: key.agent.name(),
            session: Some(&key.id),
            phase: state.name(),
            model: None,
            mode: None,
            effort: None,
            reason: None,
        };
        Self { epoch, n: None, time: Some(now.rfc3339()), turn: None, kind: EventBodyJson::State(state) }
    }

    /// Converts a transcript entry with number `n`, counted from 1.
    pub(super) fn entry(epoch: u64, n: usize, entry: &'a domain::Entry) -> Self {
        let n = u64::try_from(n).unwrap_or(u64::MAX);
        Self {
            epoch,
            n: Some(n),
            time: entry.time.map(Time::rfc3339),
            turn: None,
            kind: EventBodyJson::of_entry(entry),
        }
    }
}

impl<'a> EventBodyJson<'a> {
    fn of(event: &'a domain::Event) -> Option<Self> {
        let entry = || name(event.key);
        Some(match &event.body {
            EventBody::Prompt(text) => Self::Prompt { entry: entry(), text },
            EventBody::Text(piece) => {
                let (text, whole) = parts(piece);
                Self::Text { entry: entry(), text, whole }
            }
            EventBody::Thinking(piece) => {
                let (text, whole) = parts(piece);
                Self::Thinking { entry: entry(), text, whole }
            }
            EventBody::ToolCall { action: ToolAction::Plan(items), .. } | EventBody::Plan(items) => Self::plan(items),
            EventBody::ToolCall { id, name, input, action } => Self::Tool(ToolEventJson {
                name: Some(name),
                input: Some(input),
                headline: Some(action.headline()),
                ..ToolEventJson::unchanged(id)
            }),
            EventBody::ToolUpdate { id, status, output, duration_ms, subagent, action } => Self::Tool(ToolEventJson {
                headline: action.as_ref().map(ToolAction::headline),
                status: status.map(domain::ToolStatus::name),
                output: output.as_ref().map(|piece| parts(piece).0),
                whole: output.as_ref().map(|piece| parts(piece).1),
                duration_ms: *duration_ms,
                subagent: subagent.as_deref(),
                ..ToolEventJson::unchanged(id)
            }),
            EventBody::Notice { level, text } => Self::Notice { level: level.name(), text },
            EventBody::Image(text) | EventBody::Other(text) => Self::Other { text },
            EventBody::Usage(tokens) => Self::Usage {
                tokens: (*tokens).into(),
                entry: Some(entry()),
                cost_usd: None,
                context: None,
                window: None,
            },
            // A run receives prompts of its user only, and reports the end of its turn itself.
            EventBody::Sender(_) | EventBody::TurnEnd { .. } => return None,
        })
    }

    fn of_entry(entry: &'a domain::Entry) -> Self {
        use domain::EntryKind;
        let (id, text) = (name(entry.key), &*entry.text);
        match (entry.kind, &entry.tool) {
            (EntryKind::Plan, tool) if tool.is_none() || !entry.plan.is_empty() => Self::plan(&entry.plan),
            (_, Some(tool)) => Self::Tool(ToolEventJson {
                name: Some(&tool.name),
                input: Some(&tool.input),
                headline: Some(tool.action.headline()),
                status: Some(tool.status.name()),
                output: Some(&tool.output),
                whole: Some(true),
                duration_ms: tool.duration_ms,
                subagent: tool.subagent.as_deref(),
                ..ToolEventJson::unchanged(&tool.id)
            }),
            (EntryKind::Prompt, None) => Self::Prompt { entry: id, text },
            (EntryKind::Text, None) => Self::Text { entry: id, text, whole: true },
            (EntryKind::Thinking, None) => Self::Thinking { entry: id, text, whole: true },
            (EntryKind::Notice, None) => Self::Notice { level: entry.level.name(), text },
            (EntryKind::Tool | EntryKind::Plan | EntryKind::Image | EntryKind::Other, None) => Self::Other { text },
        }
    }

    fn plan(items: &'a [PlanItem]) -> Self {
        let line = |item: &'a PlanItem| PlanItemJson { text: &item.text, status: plan_status(item) };
        Self::Plan { items: items.iter().map(line).collect() }
    }

    fn turn_end(outcome: &TurnOutcome, duration_ms: u64) -> Self {
        let (outcome, reason) = match outcome {
            TurnOutcome::Done => ("done", None),
            TurnOutcome::Interrupted => ("interrupted", None),
            TurnOutcome::Failed(failure) => ("failed", Some(ReasonJson::from(failure))),
        };
        Self::TurnEnd { outcome: Some(outcome), reason, duration_ms: Some(duration_ms) }
    }
}

impl<'a> ToolEventJson<'a> {
    fn unchanged(id: &'a str) -> Self {
        Self {
            id,
            name: None,
            input: None,
            headline: None,
            status: None,
            output: None,
            whole: None,
            duration_ms: None,
            subagent: None,
        }
    }
}

impl<'a> ApprovalJson<'a> {
    fn open(approval: &'a Approval) -> Self {
        let choices = approval.choices.iter();
        let questions = approval.questions.iter();
        Self {
            id: &approval.id,
            open: true,
            tool: Some(&approval.tool),
            headline: Some(approval.summary()),
            input: Some(&approval.input),
            reason: approval.reason.as_deref(),
            questions: questions
                .map(|question| QuestionJson {
                    text: &question.text,
                    options: question.options.iter().map(|option| &*option.label).collect(),
                    descriptions: question.options.iter().map(|option| &*option.description).collect(),
                    multiple: question.multiple,
                })
                .collect(),
            choices: choices
                .map(|choice| ChoiceJson { kind: choice.kind.name(), label: &choice.label, token: &choice.token })
                .collect(),
        }
    }

    fn closed(id: &'a str) -> Self {
        Self {
            id,
            open: false,
            tool: None,
            headline: None,
            input: None,
            reason: None,
            questions: Vec::new(),
            choices: Vec::new(),
        }
    }
}

impl<'a> From<&'a RunInfo> for RunStateJson<'a> {
    fn from(info: &'a RunInfo) -> Self {
        let failed = match &info.phase {
            Phase::Stopped(StopReason::Failed(failure)) => Some(failure),
            _ => info.failure.as_ref(),
        };
        Self {
            run: Some(&info.id.0),
            agent: info.agent.name(),
            session: info.session.as_ref().map(|key| &*key.id),
            phase: phase_name(&info.phase),
            model: info.model.as_deref(),
            mode: info.mode.as_deref(),
            effort: info.effort.as_deref(),
            reason: failed.map(ReasonJson::from),
        }
    }
}

impl From<&RunFailure> for ReasonJson {
    fn from(failure: &RunFailure) -> Self {
        let code = match failure {
            RunFailure::NotInstalled => "not_installed",
            RunFailure::NotLoggedIn(_) => "not_logged_in",
            RunFailure::RateLimited { .. } => "rate_limited",
            RunFailure::UnknownModel(_) => "unknown_model",
            RunFailure::UnknownSession(_) => "unknown_session",
            RunFailure::OpenElsewhere(_) => "held_elsewhere",
            RunFailure::UnsupportedVersion(_) => "unsupported_version",
            RunFailure::Crashed { .. } => "crashed",
            RunFailure::Other(_) => "other",
        };
        let until = match failure {
            RunFailure::RateLimited { until, .. } => until.map(Time::rfc3339),
            _ => None,
        };
        let exit_code = match failure {
            RunFailure::Crashed { code, .. } => *code,
            _ => None,
        };
        Self { code, message: failure.to_string(), until, exit_code }
    }
}

fn name(key: EntryKey) -> String {
    format!("{:016x}", key.raw())
}

fn parts(piece: &Delta) -> (&str, bool) {
    match piece {
        Delta::Append(text) => (text, false),
        Delta::Replace(text) | Delta::Longest(text) => (text, true),
    }
}

fn plan_status(item: &PlanItem) -> &'static str {
    use domain::transcript::PlanStatus;
    match item.status {
        PlanStatus::Pending => "pending",
        PlanStatus::Active => "active",
        PlanStatus::Done => "done",
        PlanStatus::Cancelled => "cancelled",
    }
}

fn phase_name(phase: &Phase) -> &'static str {
    match phase {
        Phase::Starting => "starting",
        Phase::Idle => "idle",
        Phase::Working { activity: Activity::Answering, .. } => "working",
        Phase::Working { activity: Activity::Compacting, .. } => "compacting",
        Phase::Working { activity: Activity::Retrying { .. }, .. } => "retrying",
        Phase::Interrupting { .. } => "interrupting",
        Phase::Stopped(_) => "stopped",
    }
}
