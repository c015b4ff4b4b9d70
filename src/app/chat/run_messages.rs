//! Messages about runs, applied to a chat.

use super::Chat;
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::failure;
use crate::app::runs::{RunTable, is_open};
use crate::app::ticket::RequestTicket;
use crate::domain::SessionKey;
use crate::domain::run::{Conversation, Phase, Refusal, RunId, RunInfo, RunStart, TurnNumber};
use crate::domain::run_event::{Replay, RingCursor};

impl Chat {
    /// Returns true if a ticket is that of the pending start request.
    pub fn is_starting_with(&self, ticket: RequestTicket) -> bool {
        self.pending_start.as_ref().is_some_and(|(pending, _)| *pending == ticket)
    }

    /// Applies the response to the start request. Returns true if there is a run.
    pub fn started(&mut self, result: Result<RunId, Refusal>, ctx: &mut Ctx) -> bool {
        let prompt = self.pending_start.take().and_then(|(_, prompt)| prompt);
        match result {
            Ok(run) => {
                self.join(run, ctx);
                if prompt.is_some() {
                    ctx.effects.push(self.save_draft());
                }
                true
            }
            Err(refusal) => {
                if let Some(prompt) = prompt {
                    self.composer.put_back(&prompt);
                }
                match &refusal {
                    Refusal::LeasedBy { pid } => self.mark_owned_by(*pid),
                    Refusal::OpenElsewhere(holder) => self.mark_read_only(format!("open in {holder}")),
                    _ => {}
                }
                // The user is asked about an untrusted folder.
                if !matches!(refusal, Refusal::Untrusted(_)) {
                    ctx.notices.error(failure::describe_refusal(&refusal, self.agent));
                }
                ctx.effects.push(self.save_draft());
                false
            }
        }
    }

    /// Applies the response to a submitted prompt; a refused one returns to the composer.
    pub fn submitted(&mut self, text: &str, refused: Option<Refusal>, ctx: &mut Ctx) {
        if let Some(refusal) = refused {
            self.composer.put_back(text);
            ctx.notices.error(failure::describe_refusal(&refusal, self.agent));
        }
        ctx.effects.push(self.save_draft());
    }

    /// Shows a saved draft, unless something was typed already.
    pub fn draft_loaded(&mut self, key: &str, text: &str) {
        if self.draft == key && !self.touched && self.composer.is_empty() {
            self.composer.set(text);
        }
    }

    /// Shows the text from the external editor.
    pub fn edited(&mut self, text: &str, ctx: &mut Ctx) {
        self.composer.set(text);
        ctx.effects.push(self.save_draft());
    }

    /// Watches a run from now on.
    fn join(&mut self, run: RunId, ctx: &mut Ctx) {
        self.run = Some(run.clone());
        self.start = None;
        ctx.effects.push(Effect::WatchRun(run, RingCursor::default()));
        ctx.effects.extend(self.rename_draft());
    }

    /// Returns the run of the session that the next prompt would continue, if it became known after the chat was opened: the
    /// queue that an earlier process left, or a run of another window. A chat with other settings keeps them.
    fn run_to_join(&self, runs: &RunTable) -> Option<RunId> {
        let is_free = self.run.is_none() && self.read_only.is_none() && !self.is_starting();
        let start = self.start.as_ref().filter(|_| is_free)?;
        let Conversation::Resume(id) = &start.conversation else { return None };
        let key = SessionKey { host: start.host.clone(), ..SessionKey::new(self.agent, id.clone()) };
        let info = runs.of_session(&key)?;
        let is_used = !matches!(info.phase, Phase::Stopped(_)) || !runs.queue(&info.id).is_empty();
        let is_plain = start.model.is_none() && start.mode.is_none() && start.effort.is_none();
        (is_used && is_plain && start.cwd == info.cwd).then(|| info.id.clone())
    }

    /// Updates the chat after runs changed.
    pub fn sync(&mut self, ctx: &mut Ctx) {
        if let Some(run) = self.run_to_join(ctx.runs) {
            self.join(run, ctx);
        }
        let Some(info) = self.run.as_ref().and_then(|run| ctx.runs.get(run)).cloned() else { return };
        let queue = self.queue(ctx.runs);
        self.queue_changed(&queue);
        self.phase_changed(&info);
        let ended = if is_open(&info.phase) { TurnNumber(info.turn.0.saturating_sub(1)) } else { info.turn };
        ctx.effects.extend(self.reader.end_turns(ended));
        // The transcript is opened as soon as it exists.
        let stored = info.session.clone().filter(|key| ctx.sessions.catalog.get(key).is_some());
        if let Some(key) = stored.filter(|key| self.reader.key != *key) {
            ctx.effects.extend(self.reader.reopen(ctx.tickets.issue(), key));
            ctx.effects.extend(self.rename_draft());
        }
    }

    /// Detaches the chat from a removed run; its next prompt starts another run.
    pub fn run_gone(&mut self, before: &RunInfo) {
        let conversation = match &before.session {
            Some(key) => Conversation::Resume(key.id.clone()),
            None => Conversation::New { id: None },
        };
        self.former = self.run.take();
        (self.cursor, self.starting) = (RingCursor::default(), None);
        self.start = Some(RunStart::new(conversation, before.cwd.clone()));
    }

    /// Records the time while the run is starting.
    pub fn record_start_time(&mut self, ctx: &Ctx) {
        if self.info(ctx.runs).is_some_and(|info| info.phase == Phase::Starting) {
            self.starting.get_or_insert(ctx.now);
        }
    }

    /// Applies events of the run.
    pub fn apply_events(&mut self, replay: Replay, ctx: &mut Ctx) -> Vec<Effect> {
        let resubscribed = self.cursor != RingCursor::default();
        let ring_replaced = resubscribed && self.cursor.epoch != replay.cursor.epoch;
        let mut effects = Vec::new();
        if ring_replaced {
            // The run's event ring was replaced: the disk has the earlier events.
            self.reader.clear_live();
        }
        self.cursor = replay.cursor;
        // On the first subscription the transcript is being opened anyway.
        if replay.missed > 0 && resubscribed && self.reader.is_stored() {
            let key = self.reader.key.clone();
            effects.extend(self.reader.reopen(ctx.tickets.issue(), key));
        }
        let events: Vec<_> = replay.events.into_iter().map(|item| item.value).collect();
        self.reader.approvals_answered(&events, ctx.now);
        effects.extend(self.reader.apply_events(replay.missed, events));
        effects
    }

    fn phase_changed(&mut self, info: &RunInfo) {
        if info.phase != Phase::Starting {
            self.starting = None;
        }
    }
}
