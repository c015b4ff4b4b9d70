//! Totals over a session's messages, counted in any order.

use super::database::SessionRow;
use super::record::{self, MessageHead, OpenCodeMessage, PartHead};
use crate::agent::pages::StoredMessage;
use crate::agent::side_text::OutputFolder;
use crate::agent::tolerant_json::Repairs;
use crate::domain::session::{Flags, Title, TitleSource};
use crate::domain::usage::{UsageRow, UsageSlot, add_usage};
use crate::domain::{Agent, Session, SessionKey, Time, Tokens};

/// Totals over the messages of one session.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenCodeTotals {
    /// Number of entries.
    pub messages: u32,
    /// Messages with a prompt.
    pub turns: u32,
    /// Messages and parts that could not be read.
    pub unreadable: u32,
    /// Bytes of all rows.
    pub bytes: u64,
    /// Id of the first message with a prompt.
    pub first_prompt: Option<String>,
    /// Id of the newest message with a prompt.
    pub last_prompt: Option<String>,
    /// Id of the newest message.
    pub tip: Option<String>,
    /// Id of the newest message that names a model, and the model.
    model: Option<(String, String)>,
    /// True if the newest message is an incomplete one of the assistant: running, or killed.
    pub open: bool,
    tokens: Tokens,
    usage: Vec<UsageRow>,
    cost: f64,
    /// Creation of a fork: earlier messages are copies, whose usage belongs to its origin.
    fork: Option<Time>,
    first: Option<Time>,
    last: Option<Time>,
    /// Id of the first message that names its directory, and the directory.
    cwd: Option<(String, String)>,
    /// Id of the newest message that moved the session, and its new directory.
    location: Option<(String, String)>,
    /// Repairs that records needed.
    pub repairs: Repairs,
}

impl OpenCodeTotals {
    /// Creates empty totals. `fork` is the [`fork_time`] of the session.
    pub(super) fn new(fork: Option<Time>) -> Self {
        Self { fork, ..Self::default() }
    }

    /// Counts a message without its parts.
    pub(super) fn message(&mut self, id: &str, head: &MessageHead<'_>) {
        self.messages += u32::try_from(record::own_entries(head).count()).unwrap_or(u32::MAX);
        let began = record::moment(head.time.created);
        let ended = record::moment(head.time.completed).or(began);
        self.first = earlier(self.first, began);
        self.last = self.last.max(ended);
        if self.fork.is_none_or(|fork| began.is_none_or(|began| began >= fork)) {
            let tokens = head.tokens.map(record::OpenCodeUsage::tokens).unwrap_or_default();
            self.tokens += tokens;
            self.cost += head.cost.unwrap_or_default();
            add_usage(&mut self.usage, UsageSlot::of(began), head.model().as_deref(), tokens);
        }
        if self.tip.as_deref().is_none_or(|tip| tip < id) {
            self.tip = Some(id.to_owned());
            let state = head.state();
            self.open = !state.user && !state.complete;
        }
        if self.model.as_ref().is_none_or(|(of, _)| of.as_str() < id)
            && let Some(model) = head.model()
        {
            self.model = Some((id.to_owned(), model));
        }
        let cwd = head.path.as_ref().and_then(|path| path.cwd.as_deref()).filter(|cwd| !cwd.is_empty());
        if let Some(cwd) = cwd
            && self.cwd.as_ref().is_none_or(|(of, _)| id < of.as_str())
        {
            self.cwd = Some((id.to_owned(), cwd.to_owned()));
        }
        if let Some(directory) = head.location.as_deref()
            && self.location.as_ref().is_none_or(|(of, _)| of.as_str() < id)
        {
            self.location = Some((id.to_owned(), directory.to_owned()));
        }
    }

    /// Counts a part; returns true if it is a prompt.
    pub(super) fn part(&mut self, state: record::MessageState, part: &PartHead<'_>, outputs: &OutputFolder) -> bool {
        let kind = record::kind(state, part);
        self.bytes += part.output_path().map_or(0, |path| outputs.size(path));
        self.messages += u32::from(kind.is_some());
        kind.is_some_and(record::PartKind::is_prompt)
    }

    /// Counts a message that contains a prompt.
    pub(super) fn count_prompt(&mut self, id: &str) {
        self.turns += 1;
        if self.first_prompt.as_deref().is_none_or(|first| id < first) {
            self.first_prompt = Some(id.to_owned());
        }
        if self.last_prompt.as_deref().is_none_or(|last| id > last) {
            self.last_prompt = Some(id.to_owned());
        }
    }

    /// Counts a message with its parts.
    pub(super) fn record(&mut self, message: &OpenCodeMessage) {
        self.bytes += message.bytes();
        self.repairs.add(message.repairs);
        let head = record::head(&message.data);
        self.unreadable += u32::from(head.is_none()) + message.damaged;
        let head = head.unwrap_or_default();
        self.message(&message.id, &head);
        let mut has_prompt = false;
        for part in &message.parts {
            record::with_part(&part.data, |part, _| match part {
                Some(part) => has_prompt |= self.part(head.state(), &part, &message.outputs),
                None => self.unreadable += 1,
            });
        }
        if has_prompt {
            self.count_prompt(&message.id);
        }
    }

    /// Adds the totals of later messages.
    pub(super) fn add(&mut self, later: Self) {
        self.messages += later.messages;
        self.turns += later.turns;
        self.unreadable += later.unreadable;
        self.bytes += later.bytes;
        self.first_prompt = self.first_prompt.take().or(later.first_prompt);
        self.last_prompt = later.last_prompt.or(self.last_prompt.take());
        if later.tip.is_some() {
            self.tip = later.tip;
            self.open = later.open;
        }
        self.model = later.model.or(self.model.take());
        self.tokens += later.tokens;
        let later_usage = later.usage.iter();
        later_usage.for_each(|row| add_usage(&mut self.usage, row.slot, row.model.as_deref(), row.tokens));
        self.cost += later.cost;
        self.first = earlier(self.first, later.first);
        self.last = self.last.max(later.last);
        self.cwd = self.cwd.take().or(later.cwd);
        self.location = later.location.or(self.location.take());
        self.repairs.add(later.repairs);
    }

    /// Records that were repaired or lost, for the user.
    pub(super) fn issue(&self) -> Option<String> {
        let unreadable = (self.unreadable > 0).then(|| format!("{} unreadable record(s)", self.unreadable));
        let repaired = (!self.repairs.is_empty()).then(|| self.repairs.to_string());
        let facts: Vec<String> = [unreadable, repaired].into_iter().flatten().collect();
        (!facts.is_empty()).then(|| facts.join("; "))
    }

    /// Builds the session, without a title from its first prompt.
    pub(super) fn session(self, row: &SessionRow, path: &std::path::Path) -> Session {
        let mut session = Session::new(SessionKey::new(Agent::OpenCode, row.id.as_str()), path.to_owned());
        if !is_default_title(&row.title) {
            session.title = Title::new(&row.title, TitleSource::Agent);
        }
        let own_cwd = Some(row.directory.as_str()).filter(|directory| !directory.is_empty());
        let named = self.cwd.as_ref().map(|(_, cwd)| cwd.as_str());
        let moved = self.location.as_ref().map(|(_, directory)| directory.as_str());
        session.cwd = moved.or(own_cwd).or(named).unwrap_or_default().into();
        session.model = self.model.map(|(_, model)| model).or_else(|| row.model.clone()).map(Into::into);
        session.started_at = self.first.or_else(|| moment(row.created));
        session.last_activity = self.last.or_else(|| moment(row.updated)).or_else(|| moment(row.created));
        session.turns = self.turns;
        session.messages = self.messages;
        session.tokens = row.tokens().filter(|tokens| tokens.total() > 0).unwrap_or(self.tokens);
        session.cost_usd = cost(row.micro_usd, self.cost);
        if self.fork.is_some() {
            (session.tokens, session.cost_usd) = (self.tokens, cost(None, self.cost));
        }
        session.usage = self.usage.into();
        session.bytes = self.bytes;
        session.flags = Flags {
            subagent: row.parent.is_some(),
            headless: false,
            empty: self.messages == 0,
            fork: is_fork(row),
            archived: row.archived.is_some(),
            unreadable: self.unreadable > 0,
            purged: false,
            app: false,
        };
        session.parent = row.parent.as_deref().map(Into::into);
        session.forked_from = row.fork_of.as_deref().map(Into::into);
        session.unreadable = self.unreadable;
        session.tip = self.tip.map(Into::into);
        session.complete = true;
        session
    }
}

/// Returns true for a fork, which has a mark in its row or in its title.
pub(super) fn is_fork(row: &SessionRow) -> bool {
    row.fork_of.is_some() || without_fork_mark(&row.title).is_some()
}

/// Returns the creation time of a fork, for [`OpenCodeTotals::new`].
pub(super) fn fork_time(row: &SessionRow) -> Option<Time> {
    moment(row.created).filter(|_| is_fork(row))
}

fn earlier(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn moment(millis: i64) -> Option<Time> {
    (millis > 0).then_some(Time::from_millis(millis))
}

#[expect(clippy::cast_precision_loss, reason = "exact up to nine thousand million dollars")]
fn cost(row: Option<i64>, sum: f64) -> Option<f64> {
    let row = row.filter(|&micros| micros > 0).map(|micros| micros as f64 / 1e6);
    row.or_else(|| (sum > 0.0).then(|| (sum * 1e6).round() / 1e6))
}

/// True for a default title: `New session - 2026-11-21T09:37:14.884Z`, a fork's of it, or none.
pub(super) fn is_default_title(title: &str) -> bool {
    let title = without_fork_mark(title).unwrap_or(title).trim();
    let prefixes = ["New session - ", "New Session - ", "Child session - "];
    let rest = prefixes.iter().find_map(|prefix| title.strip_prefix(prefix));
    title.is_empty() || rest.is_some_and(|time| Time::parse(time).is_some())
}

/// Title of the original session, if this one has the suffix of a fork: ` (fork #1)`.
fn without_fork_mark(title: &str) -> Option<&str> {
    let (original, number) = title.strip_suffix(')')?.rsplit_once(" (fork #")?;
    (!number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())).then_some(original)
}
