//! Delivery of a prompt after its acknowledgement: it counts as delivered once the agent's own record contains it.
//!
//! An agent acknowledges a prompt before it writes it. If it is killed in between, the prompt is lost although it was
//! acknowledged.

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Run;
use crate::domain::SessionKey;
use crate::domain::prompt::{Prompt, PromptId, PromptState};
use crate::domain::run::TurnOutcome;
use crate::live::options::DeliveryCheck;
use crate::live::policy::{self, RecordAction};
use crate::live::store_handle::DELIVERY_UNCERTAIN;

/// Delivery of the acknowledged prompt, if its record is still missing.
pub(super) struct Delivery {
    is_delivered: DeliveryCheck,
    open: Option<Unrecorded>,
    /// Prompt that was sent into an open turn last.
    steered: Option<PromptId>,
}

struct Unrecorded {
    prompt: Prompt,
    checks: u32,
    next: Option<Instant>,
    check: Option<JoinHandle<Option<bool>>>,
    /// End of the prompt's turn.
    ended: Option<Instant>,
    /// True if the prompt was sent into a turn that was interrupted: an agent discards what did not join it.
    may_be_discarded: bool,
}

impl Delivery {
    pub(super) fn new(is_delivered: DeliveryCheck) -> Self {
        Self { is_delivered, open: None, steered: None }
    }

    /// Returns true if a prompt is acknowledged and not recorded.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Records that a prompt is sent into an open turn.
    pub(super) fn steered(&mut self, id: PromptId) {
        self.steered = Some(id);
    }

    /// Records the end of the prompt's turn.
    pub(super) fn turn_ended(&mut self, outcome: &TurnOutcome, now: Instant) {
        if let Some(open) = self.open.as_mut().filter(|open| open.ended.is_none()) {
            open.ended = Some(now);
            open.may_be_discarded = *outcome == TurnOutcome::Interrupted && self.steered == Some(open.prompt.id);
        }
    }

    /// Returns the time of the next look into the agent's record.
    pub(super) fn next_check(&self) -> Option<Instant> {
        self.open.as_ref()?.next
    }

    /// Looks into the agent's record on a blocking thread.
    pub(super) fn start_check(&mut self, session: Option<&SessionKey>) {
        let Some(open) = &mut self.open else { return };
        open.next = None;
        open.checks += 1;
        let (is_delivered, prompt, session) = (self.is_delivered.clone(), open.prompt.clone(), session.cloned());
        open.check = Some(tokio::task::spawn_blocking(move || {
            // Before the session is known, its record cannot contain the prompt.
            session.map_or(Some(false), |session| is_delivered(&session, &prompt))
        }));
    }

    /// Waits for the result of a check; pending for ever without one. Cancel safe.
    pub(super) async fn checked(&mut self) -> Option<bool> {
        let Some(check) = self.open.as_mut().and_then(|open| open.check.as_mut()) else {
            return std::future::pending().await;
        };
        // A check that panicked found nothing.
        let found = check.await.unwrap_or(Some(false));
        if let Some(open) = &mut self.open {
            open.check = None;
        }
        found
    }

    fn take_if(&mut self, id: PromptId) -> Option<Prompt> {
        self.open.take_if(|open| open.prompt.id == id).map(|open| open.prompt)
    }
}

impl Run {
    /// Waits until the agent's record contains an acknowledged prompt. Agents keep no record of a command, so its
    /// acknowledgement counts.
    pub(super) async fn await_record(&mut self, prompt: Prompt) {
        if prompt.is_command() {
            return self.set_prompt_state(prompt.id, PromptState::Delivered, None).await;
        }
        let next = Some(Instant::now());
        self.delivery.open =
            Some(Unrecorded { prompt, checks: 0, next, check: None, ended: None, may_be_discarded: false });
    }

    /// Handles the agent's report that its record contains a prompt.
    pub(super) async fn recorded(&mut self, id: PromptId) {
        self.accepted(id).await;
        if self.delivery.take_if(id).is_some() {
            self.set_prompt_state(id, PromptState::Delivered, None).await;
        }
    }

    /// Handles the result of a look into the agent's record.
    pub(super) async fn record_checked(&mut self, found: Option<bool>) {
        let Some(open) = &mut self.delivery.open else { return };
        let id = open.prompt.id;
        let ended = open.ended.map(|ended| ended.elapsed());
        match policy::record_action(found, open.checks, ended, open.may_be_discarded) {
            RecordAction::Hold => {
                self.delivery.open = None;
                self.set_prompt_state(id, PromptState::Held, Some(DELIVERY_UNCERTAIN.into())).await;
            }
            RecordAction::Delivered => {
                self.delivery.open = None;
                self.set_prompt_state(id, PromptState::Delivered, None).await;
            }
            RecordAction::Check(wait) => open.next = Some(Instant::now() + wait),
        }
    }

    /// Decides about an acknowledged prompt after the process ended: nothing can be added to its record any more.
    pub(super) async fn resolve_unrecorded(&mut self) {
        let Some(id) = self.delivery.open.as_ref().map(|open| open.prompt.id) else { return };
        self.delivery.start_check(self.info.session.as_ref());
        let found = self.delivery.checked().await;
        let answered = self.delivery.open.take().is_some_and(|open| open.ended.is_some() && !open.may_be_discarded);
        let (state, reason) = match found {
            Some(true) | None => (PromptState::Delivered, None),
            // The user has seen the answer.
            Some(false) if answered => (PromptState::Delivered, None),
            Some(false) => (PromptState::Held, Some(DELIVERY_UNCERTAIN.into())),
        };
        self.set_prompt_state(id, state, reason).await;
    }
}
