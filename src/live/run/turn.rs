//! Turns of a run: delivery of prompts, acknowledgement, end, and their timers.

use std::time::Duration;

use tokio::time::Instant;

use super::turn_state::{TurnState, TurnTimer};
use super::{Run, lifecycle::ConnectionState};
use crate::agent::protocol::ProtocolCommand;
use crate::domain::Time;
use crate::domain::event::NoticeLevel;
use crate::domain::prompt::{Prompt, PromptId, PromptState};
use crate::domain::run::{Activity, Phase, StopReason, TurnOutcome};
use crate::domain::run_event::RunEventKind;
use crate::live::options::LiveEvent;
use crate::live::policy::{self, UnsentAction};
use crate::live::store_handle::DELIVERY_UNCERTAIN;

/// Delay before a failed store operation is retried.
const STORE_RETRY: Duration = Duration::from_secs(1);

impl Run {
    /// Handles a new prompt at the end of the queue. Resumes the queue if the prompt is the only one.
    pub(super) fn submitted(&mut self) {
        (self.has_work, self.queue_changed) = (true, true);
        if self.info.queued == 0 && self.info.held == 0 {
            self.info.paused = false;
        }
    }

    pub(super) fn resume_queue(&mut self) {
        self.allow_budget();
        self.info.paused = false;
        self.failures = 0;
        self.starts.clear();
        self.retry = None;
        (self.has_work, self.queue_changed) = (true, true);
    }

    /// Sends the next prompt if the agent is ready. Starts the process if there is a prompt and no process.
    pub(super) async fn deliver(&mut self) {
        let busy = self.is_delivering() || self.info.stopping.is_some() || !self.unsaved.is_empty();
        if !self.has_work || self.info.paused || busy || self.ending || self.draining || self.retry.is_some() {
            return;
        }
        match (&self.connection, &self.info.phase) {
            (ConnectionState::Up(_), Phase::Idle) => {
                if !self.replace_outdated().await {
                    self.deliver_next().await;
                }
            }
            (ConnectionState::Down, _) => match self.store.is_next(&self.info.id).await {
                Ok(true) if self.stops_for_budget().await => {}
                Ok(true) => self.start(),
                Ok(false) => self.found_no_work(),
                Err(failure) => self.store_failed(&format!("The queue cannot be read: {failure}")),
            },
            (ConnectionState::Up(_) | ConnectionState::Connecting(_), _) => {}
        }
    }

    async fn deliver_next(&mut self) {
        let has_budget = self.budgets.budget.is_set();
        if has_budget && self.store.is_next(&self.info.id).await.unwrap_or(false) && self.stops_for_budget().await {
            return;
        }
        let prompt = match self.store.claim(&self.info.id).await {
            Ok(Some(prompt)) => prompt,
            Ok(None) => return self.found_no_work(),
            // A prompt that is not marked as being sent would be sent again after a crash: it stays queued.
            Err(failure) => return self.store_failed(&format!("The next prompt is not sent yet: {failure}")),
        };
        self.store_failing = false;
        self.queue_changed = true;
        let images = self.load_images(&prompt.text).await;
        self.open_turn(false);
        let command = ProtocolCommand::Prompt { id: prompt.id, text: prompt.text.clone(), images };
        self.send_prompt(prompt, command).await;
    }

    /// Records that no prompt can be sent. Another process may have cancelled those that were known.
    fn found_no_work(&mut self) {
        self.has_work = false;
        self.queue_changed |= self.info.queued > 0;
    }

    /// Sends a claimed prompt.
    pub(super) async fn send_prompt(&mut self, prompt: Prompt, command: ProtocolCommand) {
        // The agent's id of the prompt is derived from the time that the outbox contains.
        let at = prompt.sent.unwrap_or_else(|| self.store.now());
        self.turn.send(prompt);
        let sent = self.command_at(command, at).await;
        self.turn.sent(sent);
    }

    /// Returns true if a prompt is being sent, or is acknowledged and not recorded.
    pub(super) fn is_delivering(&self) -> bool {
        self.turn.is_sending() || self.delivery.is_open()
    }

    /// Schedules a retry. The prompt remains in the outbox. Reports the first of several failures in a row.
    pub(super) fn store_failed(&mut self, problem: &str) {
        self.retry = Some(Instant::now() + STORE_RETRY);
        tracing::error!(run = %self.info.id, "{problem}");
        if !std::mem::replace(&mut self.store_failing, true) {
            self.notice(&format!("{problem}; retrying"), NoticeLevel::Warning);
        }
    }

    /// Opens a turn. `acknowledged` is true if the agent reported its start.
    pub(super) fn open_turn(&mut self, acknowledged: bool) {
        self.info.turn.0 += 1;
        self.info.failure = None;
        self.budget_turn_opened();
        let since = self.store.now();
        self.info.phase = Phase::Working { since, activity: Activity::Answering };
        self.turn.open(acknowledged, since, Instant::now());
    }

    /// Handles the agent's acknowledgement of a prompt.
    pub(super) async fn accepted(&mut self, id: PromptId) {
        if let Some(prompt) = self.turn.take_sending_if(id) {
            self.turn.acknowledge();
            self.await_record(prompt).await;
        }
    }

    /// Handles the agent's end of a turn.
    pub(super) async fn turn_ended(&mut self, outcome: TurnOutcome) {
        if !self.is_open() {
            return;
        }
        if let Some(outcome) = self.turn.ended(outcome, Instant::now()) {
            self.end_turn(outcome).await;
        }
    }

    /// Closes a turn at the agent's word. A failure without an entry gets one, so that each has exactly one.
    async fn end_turn(&mut self, outcome: TurnOutcome) {
        if let TurnOutcome::Failed(failure) = &outcome
            && !self.has_error_entry()
        {
            self.notice(&format!("{}: {}", self.agent.label(), failure.message(self.agent)), NoticeLevel::Error);
        }
        self.close_turn(outcome).await;
    }

    fn is_open(&self) -> bool {
        matches!(self.info.phase, Phase::Working { .. } | Phase::Interrupting { .. })
    }

    pub(super) async fn close_turn(&mut self, outcome: TurnOutcome) {
        if !self.is_open() {
            return;
        }
        if let Some((prompt, _)) = self.turn.take_sending() {
            match &outcome {
                // The agent refused the prompt and reported the reason.
                TurnOutcome::Failed(failure) if !self.turn.is_acknowledged() => {
                    self.set_prompt_state(prompt.id, PromptState::Held, Some(failure.message(self.agent))).await;
                }
                // An agent that answered has received its prompt, even without an acknowledgement.
                TurnOutcome::Done | TurnOutcome::Interrupted | TurnOutcome::Failed(_) => {
                    self.await_record(prompt).await;
                }
            }
        }
        self.delivery.turn_ended(&outcome, Instant::now());
        if outcome != TurnOutcome::Done {
            self.keep_texts().await;
        }
        self.budget_turn_ended().await;
        self.drop_approvals();
        let interrupted = matches!(self.info.phase, Phase::Interrupting { .. });
        self.info.paused |= (interrupted || outcome != TurnOutcome::Done) && self.retry.is_none();
        if let TurnOutcome::Failed(failure) = &outcome {
            self.info.failure = Some(failure.clone());
        }
        self.info.phase = Phase::Idle;
        self.info.silent_since = None;
        self.info.subagents.clear();
        self.info.calls.clear();
        self.info.last_outcome = Some(outcome.clone());
        let time = self.store.now();
        let duration_ms = self.turn.began().map_or(0, |began| u64::try_from(time.since(began)).unwrap_or(0));
        self.history.push(self.info.turn, RunEventKind::TurnEnded { outcome, time, duration_ms });
        self.turn = TurnState::new(Instant::now());
        if let Some(recorder) = &mut self.recorder {
            recorder.end_turn(self.info.model.as_deref(), self.info.tokens);
        }
        if let Err(failure) = self.store.touch(&self.info.id).await {
            tracing::warn!("activity was not recorded: {failure}");
        }
    }

    /// Decides about an unacknowledged prompt after the process ended. Must run first, while the write receipts are
    /// available.
    pub(super) async fn resolve_unsent(&mut self) {
        self.resolve_unrecorded().await;
        let Some((prompt, sent)) = self.turn.take_sending() else { return };
        let written = sent.is_some_and(|sent| self.connection.wrote(sent));
        // After a requested stop the prompt stays in the queue, whatever was written.
        let stop_requested = matches!(self.info.stopping, Some(StopReason::OnRequest));
        match policy::unsent_action(written, prompt.attempts, self.limits) {
            UnsentAction::Hold => {
                self.set_prompt_state(prompt.id, PromptState::Held, Some(DELIVERY_UNCERTAIN.into())).await;
            }
            _ if stop_requested => self.set_prompt_state(prompt.id, PromptState::Pending, None).await,
            UnsentAction::Retry(wait) => {
                self.retry = Some(Instant::now() + wait);
                self.set_prompt_state(prompt.id, PromptState::Pending, None).await;
            }
            UnsentAction::Fail => {
                let reason =
                    format!("{} exited {} times before it accepted the prompt", self.agent.label(), prompt.attempts);
                self.set_prompt_state(prompt.id, PromptState::Failed, Some(reason)).await;
            }
        }
    }

    pub(super) async fn set_prompt_state(&mut self, id: PromptId, to: PromptState, reason: Option<String>) {
        (self.queue_changed, self.has_work) = (true, true);
        if let Err(failure) = self.store.set_prompt_state(id, to, reason.clone()).await {
            self.unsaved.push((id, to, reason));
            self.store_failed(&format!("The state of a prompt was not saved: {failure}"));
        }
    }

    /// Reads the queue and publishes it, if it changed.
    pub(super) async fn refresh_queue(&mut self) {
        if !std::mem::take(&mut self.queue_changed) {
            return;
        }
        let queue = match self.store.queue(&self.info.id).await {
            Ok(queue) => queue,
            Err(failure) => {
                self.queue_changed = true;
                return self.store_failed(&format!("The queue cannot be read: {failure}"));
            }
        };
        let waiting = |prompt: &&Prompt| matches!(prompt.state, PromptState::Pending | PromptState::Sending);
        self.info.queued = queue.iter().filter(waiting).count();
        self.info.held = queue.len() - self.info.queued;
        self.schedule(&queue);
        self.events.send(LiveEvent::Queued(self.info.id.clone(), queue));
    }

    pub(super) async fn interrupt(&mut self) {
        match self.info.phase {
            Phase::Working { .. } => {
                self.info.phase = Phase::Interrupting { since: self.store.now() };
                self.turn.interrupt(self.limits.interrupt, Instant::now());
                self.command(ProtocolCommand::Interrupt).await;
            }
            Phase::Interrupting { .. } => self.force(),
            Phase::Starting => {
                self.info.paused = true;
                self.stop(StopReason::OnRequest);
            }
            // No turn is open: queued prompts wait until the user resumes the queue.
            Phase::Idle | Phase::Stopped(_) => {
                self.info.paused |= self.info.queued > 0;
                self.retry = None;
            }
        }
    }

    /// Returns the time of the next timer, if any.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let timers = [self.retry, self.due, self.delivery.next_check(), self.turn.deadline(self.silence_limit())];
        timers.into_iter().flatten().min()
    }

    /// Runs expired timers.
    pub(super) async fn run_due(&mut self, now: Instant) {
        while let Some(timer) = self.turn.expired(self.silence_limit(), now) {
            match timer {
                TurnTimer::Force => self.force(),
                TurnTimer::End(outcome) => self.end_turn(outcome).await,
                TurnTimer::Silent(silence) => self.warn_of_silence(silence),
            }
        }
        let expired = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if expired(self.retry) {
            self.retry = None;
            if self.unlinked {
                self.link_session().await;
            }
            for (id, to, reason) in std::mem::take(&mut self.unsaved) {
                self.set_prompt_state(id, to, reason).await;
            }
        }
        self.run_due_prompt(now);
        if expired(self.delivery.next_check()) {
            self.delivery.start_check(self.info.session.as_ref());
        }
    }

    /// Returns the time for which the agent may be silent before the user is warned; `None` for no limit.
    fn silence_limit(&self) -> Option<Duration> {
        let busy = self.info.phase == Phase::Starting || self.is_open();
        if !busy || self.info.silent_since.is_some() {
            return None;
        }
        let retrying =
            matches!(self.info.phase, Phase::Working { activity: Activity::Retrying { at: Some(_), .. }, .. });
        let waiting = !self.info.approvals.is_empty() || retrying;
        policy::silence_limit(self.turn.is_answered(), waiting, self.limits)
    }

    fn warn_of_silence(&mut self, silence: Duration) {
        let silence_ms = i64::try_from(silence.as_millis()).unwrap_or(i64::MAX);
        self.info.silent_since = Some(Time::from_millis(self.store.now().millis().saturating_sub(silence_ms)));
        let minutes = silence.as_secs() / 60;
        let label = self.agent.label();
        let text = if self.turn.is_answered() && minutes > 0 {
            format!("No activity from {label} for {minutes} min. It may be running a long task; you can interrupt it.")
        } else {
            format!("{label} has not responded yet. You can interrupt or stop it.")
        };
        self.notice(&text, NoticeLevel::Warning);
    }
}
