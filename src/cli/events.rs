//! Events of `send --json`, `new --json` and `attach --json`: one object a line, as they happen.
//!
//! Every event has `epoch`, `n` (rising within an epoch; a text that comes in pieces has one `n` a piece, an event that
//! says how things stand now has `null`), `time`, `turn` (`null` for what is read from a transcript) and `type`.
//! Pieces of one entry share `entry`.

use serde::Serialize;
use serde_json::Value;

use super::json::Tokens;
use crate::domain::approval::Approval;
use crate::domain::event::{Body, Level, Piece};
use crate::domain::run::{Activity, Failure, Happening, Outcome, Phase, RunInfo, Stopped, What};
use crate::domain::transcript::{Action, PlanItem};
use crate::domain::{self, Key, Time};
use crate::stdx::ring::Item;

/// One event.
#[derive(Serialize)]
pub struct Event<'a> {
    epoch: u64,
    n: Option<u64>,
    time: Option<String>,
    turn: Option<u64>,
    #[serde(flatten)]
    kind: Kind<'a>,
}

/// What happened, by its `type`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Kind<'a> {
    /// The user, or a caller, asked.
    Prompt {
        /// Identity of the entry.
        entry: String,
        /// The prompt.
        text: &'a str,
    },
    /// The agent answered.
    Text {
        /// Identity of the entry.
        entry: String,
        /// A piece of the text, or all of it.
        text: &'a str,
        /// It is all of the text and replaces what came before; else it is appended.
        whole: bool,
    },
    /// The agent thought; fields as for `text`.
    Thinking {
        /// Identity of the entry.
        entry: String,
        /// A piece of the text, or all of it.
        text: &'a str,
        /// It is all of the text and replaces what came before; else it is appended.
        whole: bool,
    },
    /// A tool was called or went on. What is `null` is as it was.
    Tool(Tool<'a>),
    /// The plan, as it stands now.
    Plan {
        /// Its items.
        items: Vec<PlanLine<'a>>,
    },
    /// What was used so far.
    Usage {
        /// Tokens of the session, or of the reply where `entry` is given.
        tokens: Tokens,
        /// Identity of the entry, where it is the usage of one reply.
        entry: Option<String>,
        /// Cost in US dollars, where the agent tells it.
        cost_usd: Option<f64>,
        /// Tokens in the context window.
        context: Option<u64>,
        /// Size of the context window.
        window: Option<u64>,
    },
    /// The agent asks and waits, or needs no answer any more.
    Approval(Question<'a>),
    /// Something that is neither the user nor the agent speaking.
    Notice {
        /// `info`, `boundary`, `warning` or `error`.
        level: &'static str,
        /// In words.
        text: &'a str,
    },
    /// How the run stands now.
    State(State<'a>),
    /// A turn ended.
    TurnEnd {
        /// `done`, `interrupted` or `failed`; `null` where it is not known.
        outcome: Option<&'static str>,
        /// Why it failed: see `state`.
        reason: Option<Reason>,
        /// How long it took, where known.
        duration_ms: Option<u64>,
    },
    /// Of a kind that this version does not know, as it came.
    Other {
        /// What came.
        text: &'a str,
    },
}

/// A tool call.
#[derive(Serialize)]
pub struct Tool<'a> {
    id: &'a str,
    name: Option<&'a str>,
    input: Option<&'a Value>,
    headline: Option<String>,
    status: Option<&'static str>,
    output: Option<&'a str>,
    /// The output is all of it and replaces what came before.
    whole: Option<bool>,
    duration_ms: Option<u64>,
    subagent: Option<&'a str>,
}

/// An item of a plan.
#[derive(Serialize)]
pub struct PlanLine<'a> {
    text: &'a str,
    /// `pending`, `active`, `done` or `cancelled`.
    status: &'static str,
}

/// A question of the agent.
#[derive(Serialize)]
pub struct Question<'a> {
    id: &'a str,
    /// It waits for an answer; else it is over, and the other fields are `null`.
    open: bool,
    tool: Option<&'a str>,
    headline: Option<String>,
    input: Option<&'a Value>,
    reason: Option<&'a str>,
    questions: Vec<Asked<'a>>,
    choices: Vec<Choice<'a>>,
}

/// One question with its options.
#[derive(Serialize)]
pub struct Asked<'a> {
    text: &'a str,
    options: &'a [String],
    multiple: bool,
}

/// An answer that can be given.
#[derive(Serialize)]
pub struct Choice<'a> {
    /// `once`, `always`, `deny` or `deny_and_stop`.
    kind: &'static str,
    label: &'a str,
    token: &'a str,
}

/// How a run stands.
#[derive(Serialize)]
pub struct State<'a> {
    /// salon's own id of the run; `null` where another program runs it.
    run: Option<&'a str>,
    agent: &'static str,
    session: Option<&'a str>,
    /// `starting`, `idle`, `working`, `compacting`, `retrying`, `interrupting` or `stopped`; of what another program runs
    /// `needs_you`, `working`, `idle` or `past`.
    phase: &'static str,
    model: Option<&'a str>,
    mode: Option<&'a str>,
    effort: Option<&'a str>,
    /// Why it is stopped, or what went wrong last.
    reason: Option<Reason>,
}

/// What went wrong.
#[derive(Serialize)]
pub struct Reason {
    /// `not_installed`, `not_logged_in`, `rate_limited`, `unknown_model`, `unknown_session`, `held_elsewhere`, `crashed` or
    /// `other`.
    code: &'static str,
    message: String,
    /// When it may be tried again, where known.
    until: Option<String>,
    exit_code: Option<i32>,
}

impl<'a> Event<'a> {
    /// What happened in a run.
    pub fn happened(epoch: u64, item: &'a Item<Happening>) -> Option<Self> {
        let Happening { turn, what } = &item.value;
        let (time, kind) = match what {
            What::Event(event) => (event.time, Kind::of(event)?),
            What::Approval(approval) => (approval.since, Kind::Approval(Question::open(approval))),
            What::ApprovalGone(id) => (None, Kind::Approval(Question::over(id))),
            What::TurnEnded(outcome) => (None, Kind::turn_end(outcome)),
        };
        Some(Self { epoch, n: Some(item.last), time: time.map(Time::rfc3339), turn: Some(turn.0), kind })
    }

    /// How a run stands now.
    pub fn state(epoch: u64, info: &'a RunInfo, now: Time) -> Self {
        Self { epoch, n: None, time: Some(now.rfc3339()), turn: Some(info.turn.0), kind: Kind::State(info.into()) }
    }

    /// What a run used so far.
    pub fn usage(epoch: u64, info: &'a RunInfo, now: Time) -> Self {
        let kind = Kind::Usage {
            tokens: info.tokens.into(),
            entry: None,
            cost_usd: info.cost_usd,
            context: info.context.map(|(used, _)| used),
            window: info.context.map(|(_, window)| window),
        };
        Self { epoch, n: None, time: Some(now.rfc3339()), turn: Some(info.turn.0), kind }
    }

    /// How a session stands that another program runs.
    pub fn sign(epoch: u64, key: &'a domain::SessionKey, state: domain::State, now: Time) -> Self {
        let state = State {
            run: None,
            agent: key.agent.name(),
            session: Some(&key.id),
            phase: state.name(),
            model: None,
            mode: None,
            effort: None,
            reason: None,
        };
        Self { epoch, n: None, time: Some(now.rfc3339()), turn: None, kind: Kind::State(state) }
    }

    /// An entry of a transcript, counted from 1, as it stands there now.
    pub fn read(epoch: u64, n: usize, entry: &'a domain::Entry) -> Self {
        let n = u64::try_from(n).unwrap_or(u64::MAX);
        Self { epoch, n: Some(n), time: entry.time.map(Time::rfc3339), turn: None, kind: Kind::read(entry) }
    }
}

impl<'a> Kind<'a> {
    fn of(event: &'a domain::Event) -> Option<Self> {
        let entry = || name(event.key);
        Some(match &event.body {
            Body::Prompt(text) => Self::Prompt { entry: entry(), text },
            Body::Text(piece) => {
                let (text, whole) = parts(piece);
                Self::Text { entry: entry(), text, whole }
            }
            Body::Thinking(piece) => {
                let (text, whole) = parts(piece);
                Self::Thinking { entry: entry(), text, whole }
            }
            Body::ToolCall { action: Action::Plan(items), .. } | Body::Plan(items) => Self::plan(items),
            Body::ToolCall { id, name, input, action } => Self::Tool(Tool {
                name: Some(name),
                input: Some(input),
                headline: Some(action.headline()),
                ..Tool::unchanged(id)
            }),
            Body::ToolUpdate { id, status, output, duration_ms, subagent, action } => Self::Tool(Tool {
                headline: action.as_ref().map(Action::headline),
                status: status.map(domain::ToolStatus::name),
                output: output.as_ref().map(|piece| parts(piece).0),
                whole: output.as_ref().map(|piece| parts(piece).1),
                duration_ms: *duration_ms,
                subagent: subagent.as_deref(),
                ..Tool::unchanged(id)
            }),
            Body::Notice { level, text } => Self::Notice { level: level_name(*level), text },
            Body::Image(text) | Body::Other(text) => Self::Other { text },
            Body::Usage(tokens) => Self::Usage {
                tokens: (*tokens).into(),
                entry: Some(entry()),
                cost_usd: None,
                context: None,
                window: None,
            },
            // The run says itself how and when its turn ends.
            Body::TurnEnd { .. } => return None,
        })
    }

    fn read(entry: &'a domain::Entry) -> Self {
        use domain::EntryKind;
        let (id, text) = (name(entry.key), &*entry.text);
        match (entry.kind, &entry.tool) {
            (EntryKind::Plan, _) => Self::plan(&entry.plan),
            (_, Some(tool)) => Self::Tool(Tool {
                name: Some(&tool.name),
                input: Some(&tool.input),
                headline: Some(tool.action.headline()),
                status: Some(tool.status.name()),
                output: Some(&tool.output),
                whole: Some(true),
                duration_ms: tool.duration_ms,
                subagent: tool.subagent.as_deref(),
                ..Tool::unchanged(&tool.id)
            }),
            (EntryKind::Prompt, None) => Self::Prompt { entry: id, text },
            (EntryKind::Text, None) => Self::Text { entry: id, text, whole: true },
            (EntryKind::Thinking, None) => Self::Thinking { entry: id, text, whole: true },
            (EntryKind::Notice, None) => Self::Notice { level: level_name(entry.level), text },
            (EntryKind::Tool | EntryKind::Image | EntryKind::Other, None) => Self::Other { text },
        }
    }

    fn plan(items: &'a [PlanItem]) -> Self {
        let line = |item: &'a PlanItem| PlanLine { text: &item.text, status: plan_status(item) };
        Self::Plan { items: items.iter().map(line).collect() }
    }

    fn turn_end(outcome: &Outcome) -> Self {
        let (outcome, reason) = match outcome {
            Outcome::Done => ("done", None),
            Outcome::Interrupted => ("interrupted", None),
            Outcome::Failed(failure) => ("failed", Some(Reason::from(failure))),
        };
        Self::TurnEnd { outcome: Some(outcome), reason, duration_ms: None }
    }
}

impl<'a> Tool<'a> {
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

impl<'a> Question<'a> {
    fn open(approval: &'a Approval) -> Self {
        let choices = approval.choices.iter();
        let asked = approval.questions.iter();
        Self {
            id: &approval.id,
            open: true,
            tool: Some(&approval.tool),
            headline: Some(approval.action.headline()),
            input: Some(&approval.input),
            reason: approval.reason.as_deref(),
            questions: asked
                .map(|question| Asked { text: &question.text, options: &question.options, multiple: question.multiple })
                .collect(),
            choices: choices
                .map(|choice| Choice { kind: choice.kind.name(), label: &choice.label, token: &choice.token })
                .collect(),
        }
    }

    fn over(id: &'a str) -> Self {
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

impl<'a> From<&'a RunInfo> for State<'a> {
    fn from(info: &'a RunInfo) -> Self {
        let failed = match &info.phase {
            Phase::Stopped(Stopped::Failed(failure)) => Some(failure),
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
            reason: failed.map(Reason::from),
        }
    }
}

impl From<&Failure> for Reason {
    fn from(failure: &Failure) -> Self {
        let code = match failure {
            Failure::NotInstalled => "not_installed",
            Failure::NotLoggedIn(_) => "not_logged_in",
            Failure::RateLimited { .. } => "rate_limited",
            Failure::UnknownModel(_) => "unknown_model",
            Failure::UnknownSession(_) => "unknown_session",
            Failure::HeldElsewhere(_) => "held_elsewhere",
            Failure::Crashed { .. } => "crashed",
            Failure::Other(_) => "other",
        };
        let until = match failure {
            Failure::RateLimited { until, .. } => until.map(Time::rfc3339),
            _ => None,
        };
        let exit_code = match failure {
            Failure::Crashed { code, .. } => *code,
            _ => None,
        };
        Self { code, message: failure.to_string(), until, exit_code }
    }
}

fn name(key: Key) -> String {
    format!("{:016x}", key.raw())
}

fn parts(piece: &Piece) -> (&str, bool) {
    match piece {
        Piece::Delta(text) => (text, false),
        Piece::Whole(text) => (text, true),
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Info => "info",
        Level::Boundary => "boundary",
        Level::Warning => "warning",
        Level::Error => "error",
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
