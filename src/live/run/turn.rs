//! A run's turns: a prompt is claimed, given to the agent, acknowledged, answered; the clocks that watch over that.

use std::time::Duration;

use tokio::time::Instant;

use super::{Run, life::Life};
use crate::agent::protocol::Command;
use crate::domain::event::Level;
use crate::domain::prompt::{Prompt, PromptId, PromptState};
use crate::domain::run::{Activity, Outcome, Phase, Stopped, What};
use crate::live::decide::{self, Unsent};
use crate::live::link::Sent;
use crate::live::options::Event;
use crate::live::post::UNSURE;

/// How long an end of a turn that the agent never acknowledged is doubted: it may be the end of the turn before, told
/// twice.
const DOUBT: Duration = Duration::from_secs(1);

/// How long to wait before the store is asked again.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// The open turn.
pub(super) struct Open {
    /// The prompt that was given to the agent and that it has not said to have.
    sending: Option<(Prompt, Option<Sent>)>,
    /// The agent showed that it is at this turn.
    acknowledged: bool,
    /// Something came in answer.
    answered: bool,
    /// An end that came before the turn was acknowledged.
    doubted: Option<(Outcome, Instant)>,
    /// When something came from the agent last.
    heard: Instant,
    /// When an interrupted turn is ended by force.
    pub(super) force: Option<Instant>,
}

impl Open {
    pub(super) fn new(now: Instant) -> Self {
        Self { sending: None, acknowledged: false, answered: false, doubted: None, heard: now, force: None }
    }

    /// Something came, or the clock begins anew.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// The agent said something in answer.
    pub(super) fn answered(&mut self) {
        self.answered = true;
    }

    pub(super) fn is_sending(&self, id: PromptId) -> bool {
        self.sending.as_ref().is_some_and(|(prompt, _)| prompt.id == id)
    }
}

impl Run {
    /// A prompt was put at the end of the queue. Where nothing waited before it, that is reason enough to go on.
    pub(super) fn submitted(&mut self) {
        (self.expecting, self.requeue) = (true, true);
        if self.info.queued == 0 && self.info.held == 0 {
            self.info.paused = false;
        }
    }

    pub(super) fn go_on(&mut self) {
        self.info.paused = false;
        self.failures = 0;
        self.starts.clear();
        self.retry = None;
        (self.expecting, self.requeue) = (true, true);
    }

    /// Gives the agent the next prompt if it can take one; starts it if there is one and no process.
    pub(super) async fn deliver(&mut self) {
        let busy = self.open.sending.is_some() || self.info.stopping.is_some() || !self.owed.is_empty();
        if !self.expecting || self.info.paused || busy || self.ending || self.retry.is_some() {
            return;
        }
        match (&self.life, &self.info.phase) {
            (Life::Up(_), Phase::Idle) => self.deliver_next().await,
            (Life::Down, _) => match self.post.is_next(&self.info.id).await {
                Ok(true) => self.start(),
                Ok(false) => self.expecting = false,
                Err(fault) => self.store_failed(&fault),
            },
            (Life::Up(_) | Life::Connecting(_), _) => {}
        }
    }

    async fn deliver_next(&mut self) {
        let prompt = match self.post.claim(&self.info.id).await {
            Ok(Some(prompt)) => prompt,
            Ok(None) => {
                self.expecting = false;
                return;
            }
            Err(fault) => return self.store_failed(&fault),
        };
        self.requeue = true;
        self.open_turn(false);
        let command = Command::Prompt { id: prompt.id, text: prompt.text.clone() };
        self.open.sending = Some((prompt, None));
        let sent = self.command(command).await;
        if let Some((_, slot)) = &mut self.open.sending {
            *slot = sent;
        }
    }

    /// Nothing is lost by that: the prompt stays where it is.
    fn store_failed(&mut self, fault: &str) {
        self.retry = Some(Instant::now() + STORE_RETRY);
        tracing::error!(run = %self.info.id, "the outbox cannot be read: {fault}");
        self.notice(&format!("The queue waits: {fault}"), Level::Warning);
    }

    /// A turn begins. `acknowledged`: the agent said so.
    pub(super) fn open_turn(&mut self, acknowledged: bool) {
        self.info.turn.0 += 1;
        self.info.failure = None;
        self.info.phase = Phase::Working { since: self.post.now(), activity: Activity::Answering };
        let now = Instant::now();
        self.open = Open { acknowledged, heard: now, sending: self.open.sending.take(), ..Open::new(now) };
    }

    /// The agent is at the turn that was opened for it.
    pub(super) fn acknowledge(&mut self) {
        self.open.acknowledged = true;
        self.open.doubted = None;
    }

    /// The agent has the prompt.
    pub(super) async fn accepted(&mut self, id: PromptId) {
        if self.open.is_sending(id) {
            self.acknowledge();
            self.open.sending = None;
            self.settle(id, PromptState::Delivered, None).await;
        }
    }

    /// The agent says that a turn ended.
    pub(super) async fn turn_ended(&mut self, outcome: Outcome) {
        if !self.is_open() {
            return;
        }
        if self.open.acknowledged {
            self.close_turn(outcome).await;
        } else {
            self.open.doubted.get_or_insert((outcome, Instant::now() + DOUBT));
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.info.phase, Phase::Working { .. } | Phase::Interrupting { .. })
    }

    pub(super) async fn close_turn(&mut self, outcome: Outcome) {
        if !self.is_open() {
            return;
        }
        // What ended the turn has had its prompt, though it did not say so.
        if let Some((prompt, _)) = self.open.sending.take() {
            self.settle(prompt.id, PromptState::Delivered, None).await;
        }
        self.drop_approvals();
        let interrupted = matches!(self.info.phase, Phase::Interrupting { .. });
        self.info.paused |= (interrupted || outcome != Outcome::Done) && self.retry.is_none();
        if let Outcome::Failed(failure) = &outcome {
            self.info.failure = Some(failure.clone());
        }
        self.info.phase = Phase::Idle;
        self.info.silent = None;
        self.info.last = Some(outcome.clone());
        self.history.push(self.info.turn, What::TurnEnded(outcome));
        self.open = Open::new(Instant::now());
        if let Err(fault) = self.post.touch(&self.info.id).await {
            tracing::warn!("the registry is behind: {fault}");
        }
    }

    /// The process is gone: what becomes of the prompt that it had not said to have. Before anything else is done,
    /// while it is still known what was written.
    pub(super) async fn settle_unsent(&mut self) {
        let Some((prompt, sent)) = self.open.sending.take() else { return };
        let written = sent.is_some_and(|sent| self.life.wrote(sent));
        // One that it was told to leave is kept for the user, whatever was written.
        let told_to_go = matches!(self.info.stopping, Some(Stopped::OnRequest));
        match decide::unsent(written, prompt.attempts, self.limits) {
            Unsent::Hold => self.settle(prompt.id, PromptState::Held, Some(UNSURE.into())).await,
            _ if told_to_go => self.settle(prompt.id, PromptState::Pending, None).await,
            Unsent::Retry(wait) => {
                self.retry = Some(Instant::now() + wait);
                self.settle(prompt.id, PromptState::Pending, None).await;
            }
            Unsent::Fail => {
                let reason = format!("{} ended {} times before it took it", self.agent.label(), prompt.attempts);
                self.settle(prompt.id, PromptState::Failed, Some(reason)).await;
            }
        }
    }

    async fn settle(&mut self, id: PromptId, to: PromptState, reason: Option<String>) {
        (self.requeue, self.expecting) = (true, true);
        if let Err(fault) = self.post.settle(id, to, reason.clone()).await {
            tracing::error!(run = %self.info.id, "a prompt is not settled: {fault}");
            self.owed.push((id, to, reason));
            self.retry = Some(Instant::now() + STORE_RETRY);
        }
    }

    /// Reads the queue and tells it, where it changed.
    pub(super) async fn read_queue(&mut self) {
        if !std::mem::take(&mut self.requeue) {
            return;
        }
        let Ok(queue) = self.post.queue(&self.info.id).await else { return };
        let waiting = |prompt: &&Prompt| matches!(prompt.state, PromptState::Pending | PromptState::Sending);
        self.info.queued = queue.iter().filter(waiting).count();
        self.info.held = queue.len() - self.info.queued;
        self.told.event(Event::Queued(self.info.id.clone(), queue));
    }

    pub(super) async fn interrupt(&mut self) {
        match self.info.phase {
            Phase::Working { .. } => {
                self.info.phase = Phase::Interrupting { since: self.post.now() };
                self.open.force = Some(Instant::now() + self.limits.interrupt);
                self.command(Command::Interrupt).await;
            }
            Phase::Interrupting { .. } => self.force(),
            Phase::Starting => {
                self.info.paused = true;
                self.stop(Stopped::OnRequest);
            }
            // Nothing is at work: what waits is not sent before the user says so.
            Phase::Idle | Phase::Stopped(_) => {
                self.info.paused |= self.info.queued > 0;
                self.retry = None;
            }
        }
    }

    /// When something is due if nothing comes before; nothing where nothing is open.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let doubted = self.open.doubted.as_ref().map(|(_, until)| *until);
        [self.open.force, self.retry, doubted, self.worth_a_look()].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(super) async fn due(&mut self) {
        let now = Instant::now();
        let past = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if past(self.open.force) {
            self.open.force = None;
            self.force();
        }
        if let Some((outcome, _)) = self.open.doubted.take_if(|(_, until)| *until <= now) {
            self.close_turn(outcome).await;
        }
        if past(self.retry) {
            self.retry = None;
            for (id, to, reason) in std::mem::take(&mut self.owed) {
                self.settle(id, to, reason).await;
            }
        }
        if past(self.worth_a_look()) {
            self.warn_of_silence();
        }
    }

    /// When the agent has been silent for so long that the user should know.
    fn worth_a_look(&self) -> Option<Instant> {
        let busy = self.info.phase == Phase::Starting || self.is_open();
        if !busy || self.info.silent.is_some() {
            return None;
        }
        let retrying =
            matches!(self.info.phase, Phase::Working { activity: Activity::Retrying { at: Some(_), .. }, .. });
        let waits = !self.info.approvals.is_empty() || retrying;
        Some(self.open.heard + decide::patience(self.open.answered, waits, self.limits)?)
    }

    fn warn_of_silence(&mut self) {
        self.info.silent = Some(self.post.now());
        let minutes = self.open.heard.elapsed().as_secs() / 60;
        let label = self.agent.label();
        let text = if self.open.answered && minutes > 0 {
            format!("No activity of {label} for {minutes} min. It may be at something long; it can be interrupted.")
        } else {
            format!("{label} has not answered yet. It can be interrupted, or stopped.")
        };
        self.notice(&text, Level::Warning);
    }
}
