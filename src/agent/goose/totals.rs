//! Totals over the messages of a goose session.

use super::content::GooseMessage;
use crate::agent::TextLimit;
use crate::agent::pages::StoredMessage;
use crate::agent::tolerant_json::Repairs;
use crate::domain::session::{Title, TitleSource};
use crate::domain::usage::{UsageSlot, add_usage};
use crate::domain::{EntryKind, Session, Time};

/// Maximum bytes of the first prompt that are read, because a title needs no more.
const TITLE: TextLimit = TextLimit(4096);

/// Totals over messages in order.
#[derive(Debug, Default)]
pub(super) struct GooseTotals {
    messages: usize,
    turns: u32,
    unreadable: u32,
    bytes: u64,
    first: Option<Time>,
    last: Option<Time>,
    prompt: Option<Title>,
    last_prompt: Option<Title>,
    tip: Option<String>,
    repairs: Repairs,
}

impl GooseTotals {
    pub(super) fn message(&mut self, message: &GooseMessage) {
        let outline = message.outline();
        self.messages += outline.len;
        self.turns += u32::from(outline.prompt.is_some());
        self.unreadable += outline.unreadable;
        self.repairs.add(outline.repairs);
        self.bytes += message.bytes();
        self.first = self.first.or(message.time);
        self.last = self.last.max(message.time);
        self.tip = Some(message.id.clone());
        if outline.prompt.is_some() {
            let prompt = message.entries(TITLE).into_iter().find(|entry| entry.kind == EntryKind::Prompt);
            self.last_prompt = prompt.map(|entry| Title::new(&entry.text, TitleSource::Prompt));
            self.prompt = self.prompt.take().or_else(|| self.last_prompt.clone());
        }
    }

    /// Notes the repairs of a record.
    pub(super) fn repaired(&mut self, repairs: Repairs) {
        self.repairs.add(repairs);
    }

    /// Records that were repaired or lost, for the user.
    pub(super) fn issue(&self) -> Option<String> {
        let unreadable = (self.unreadable > 0).then(|| format!("{} unreadable record(s)", self.unreadable));
        let repaired = (!self.repairs.is_empty()).then(|| self.repairs.to_string());
        let facts: Vec<String> = [unreadable, repaired].into_iter().flatten().collect();
        (!facts.is_empty()).then(|| facts.join("; "))
    }

    /// Counts a record that cannot be read.
    pub(super) fn unreadable(&mut self) {
        self.unreadable += 1;
    }

    /// Writes the totals to a session. The given times apply if no message has one.
    pub(super) fn finish(self, session: &mut Session, created: Option<Time>, updated: Option<Time>) {
        session.started_at = self.first.or(created);
        session.last_activity = self.last.or(updated).or(created);
        session.messages = u32::try_from(self.messages).unwrap_or(u32::MAX);
        session.turns = self.turns;
        session.unreadable = self.unreadable;
        session.bytes = self.bytes;
        session.tip = self.tip.map(Into::into);
        session.flags.empty = self.messages == 0;
        session.flags.unreadable = self.unreadable > 0;
        // The agent records only totals.
        let mut usage = Vec::new();
        let end = UsageSlot::of(session.last_activity);
        add_usage(&mut usage, end, session.model.as_deref(), session.tokens);
        session.usage = usage.into();
        session.complete = true;
        if session.title.text.is_empty() {
            session.title = self.prompt.unwrap_or_default();
        }
        session.set_last_prompt(self.last_prompt.as_ref().map(|prompt| &*prompt.text));
    }
}
