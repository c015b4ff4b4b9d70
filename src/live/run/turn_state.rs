//! State of the open turn, without a clock: each decision takes the time as a parameter.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::Time;
use crate::domain::prompt::{Prompt, PromptId};
use crate::domain::run::TurnOutcome;
use crate::live::transport::Sent;

/// Time for which the end of an unacknowledged turn is provisional, because it may be a repeated end of the turn
/// before.
const PROVISIONAL_END_TIMEOUT: Duration = Duration::from_secs(1);

/// State of the open turn.
pub(super) struct TurnState {
    /// Prompt that was sent and not yet acknowledged.
    sending: Option<(Prompt, Option<Sent>)>,
    /// The agent showed activity for this turn.
    acknowledged: bool,
    /// The agent has started its answer.
    answered: bool,
    /// End that was reported before the turn was acknowledged, with the time at which it takes effect.
    provisional_end: Option<(TurnOutcome, Instant)>,
    /// Start of the turn.
    began: Option<Time>,
    /// Time of the agent's latest output.
    last_activity: Instant,
    /// Time at which an interrupted turn is stopped by force.
    force_at: Option<Instant>,
}

/// A timer of the turn that has expired.
#[derive(Debug, PartialEq)]
pub(super) enum TurnTimer {
    /// The interrupted turn did not end: stop its process.
    Force,
    /// The provisional end takes effect.
    End(TurnOutcome),
    /// The agent was silent for this time.
    Silent(Duration),
}

impl TurnState {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            sending: None,
            acknowledged: false,
            answered: false,
            provisional_end: None,
            began: None,
            last_activity: now,
            force_at: None,
        }
    }

    /// Opens a turn. `acknowledged` is true if the agent reported its start. A prompt that is being sent belongs to it.
    pub(super) fn open(&mut self, acknowledged: bool, began: Time, now: Instant) {
        let sending = self.sending.take();
        *self = Self { acknowledged, began: Some(began), sending, ..Self::new(now) };
    }

    /// Records output of the agent, which restarts the silence timer.
    pub(super) fn touch(&mut self, now: Instant) {
        self.last_activity = now;
    }

    /// Records that the agent has started its answer.
    pub(super) fn answered(&mut self) {
        self.answered = true;
    }

    /// Returns true if the agent has started its answer.
    pub(super) fn is_answered(&self) -> bool {
        self.answered
    }

    /// Marks the turn as acknowledged. A provisional end belonged to the turn before.
    pub(super) fn acknowledge(&mut self) {
        self.acknowledged = true;
        self.provisional_end = None;
    }

    /// Returns true if the agent showed activity for the turn.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.acknowledged
    }

    /// Handles the agent's end of the turn. Returns the outcome if it takes effect at once.
    pub(super) fn ended(&mut self, outcome: TurnOutcome, now: Instant) -> Option<TurnOutcome> {
        if self.acknowledged {
            return Some(outcome);
        }
        self.provisional_end.get_or_insert((outcome, now + PROVISIONAL_END_TIMEOUT));
        None
    }

    /// Starts the timer of an interrupt.
    pub(super) fn interrupt(&mut self, limit: Duration, now: Instant) {
        self.force_at = Some(now + limit);
    }

    /// Returns the start of the turn.
    pub(super) fn began(&self) -> Option<Time> {
        self.began
    }

    /// Records a prompt that is about to be sent.
    pub(super) fn send(&mut self, prompt: Prompt) {
        self.sending = Some((prompt, None));
    }

    /// Records the receipt of the prompt that is being sent.
    pub(super) fn sent(&mut self, sent: Option<Sent>) {
        if let Some((_, receipt)) = &mut self.sending {
            *receipt = sent;
        }
    }

    /// Returns true if a prompt was sent and is not acknowledged.
    pub(super) fn is_sending(&self) -> bool {
        self.sending.is_some()
    }

    /// Takes the prompt that is being sent, with its receipt.
    pub(super) fn take_sending(&mut self) -> Option<(Prompt, Option<Sent>)> {
        self.sending.take()
    }

    /// Takes the prompt with this id, if it is being sent.
    pub(super) fn take_sending_if(&mut self, id: PromptId) -> Option<Prompt> {
        self.sending.take_if(|(prompt, _)| prompt.id == id).map(|(prompt, _)| prompt)
    }

    /// Returns the time of the next timer. `silence` is the time for which the agent may be silent, if it is limited.
    pub(super) fn deadline(&self, silence: Option<Duration>) -> Option<Instant> {
        let provisional_end = self.provisional_end.as_ref().map(|(_, until)| *until);
        let silent = silence.map(|limit| self.last_activity + limit);
        [self.force_at, provisional_end, silent].into_iter().flatten().min()
    }

    /// Takes an expired timer. The silence timer expires until `silence` is `None`.
    pub(super) fn expired(&mut self, silence: Option<Duration>, now: Instant) -> Option<TurnTimer> {
        if self.force_at.take_if(|at| *at <= now).is_some() {
            return Some(TurnTimer::Force);
        }
        if let Some((outcome, _)) = self.provisional_end.take_if(|(_, until)| *until <= now) {
            return Some(TurnTimer::End(outcome));
        }
        let silent = now.saturating_duration_since(self.last_activity);
        silence.is_some_and(|limit| silent >= limit).then_some(TurnTimer::Silent(silent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn open(acknowledged: bool) -> (TurnState, Instant) {
        let now = Instant::now();
        let mut turn = TurnState::new(now);
        turn.open(acknowledged, Time::from_millis(1), now);
        (turn, now)
    }

    #[test]
    fn the_end_of_an_acknowledged_turn_takes_effect_at_once() {
        let (mut turn, now) = open(true);
        assert_eq!(turn.ended(TurnOutcome::Done, now), Some(TurnOutcome::Done));
        assert_eq!(turn.deadline(None), None);
    }

    #[test]
    fn an_end_before_the_acknowledgement_is_provisional_for_a_second() {
        let (mut turn, now) = open(false);
        assert_eq!(turn.ended(TurnOutcome::Done, now), None);
        assert_eq!(turn.ended(TurnOutcome::Interrupted, now), None, "the first outcome counts");
        assert_eq!(turn.deadline(None), Some(now + PROVISIONAL_END_TIMEOUT));
        assert_eq!(turn.expired(None, now + SECOND / 2), None);
        assert_eq!(turn.expired(None, now + SECOND), Some(TurnTimer::End(TurnOutcome::Done)));
        assert_eq!(turn.expired(None, now + SECOND), None, "it is taken");
    }

    #[test]
    fn an_acknowledgement_after_a_provisional_end_cancels_it() {
        let (mut turn, now) = open(false);
        turn.ended(TurnOutcome::Done, now);
        turn.acknowledge();
        assert_eq!(turn.expired(None, now + SECOND * 9), None);
        assert_eq!(turn.ended(TurnOutcome::Interrupted, now), Some(TurnOutcome::Interrupted));
    }

    #[test]
    fn silence_is_measured_from_the_latest_output() {
        let (mut turn, now) = open(true);
        turn.touch(now + SECOND * 5);
        assert_eq!(turn.deadline(Some(SECOND * 3)), Some(now + SECOND * 8));
        assert_eq!(turn.expired(Some(SECOND * 3), now + SECOND * 7), None);
        assert_eq!(turn.expired(Some(SECOND * 3), now + SECOND * 9), Some(TurnTimer::Silent(SECOND * 4)));
        assert_eq!(turn.expired(None, now + SECOND * 9), None, "no limit while the agent waits for the user");
    }

    #[test]
    fn an_interrupt_is_forced_once_and_before_silence_is_reported() {
        let (mut turn, now) = open(true);
        turn.interrupt(SECOND * 2, now);
        assert_eq!(turn.deadline(Some(SECOND * 9)), Some(now + SECOND * 2));
        assert_eq!(turn.expired(Some(SECOND), now + SECOND * 2), Some(TurnTimer::Force));
        assert_eq!(turn.expired(Some(SECOND), now + SECOND * 2), Some(TurnTimer::Silent(SECOND * 2)));
        turn.open(false, Time::from_millis(2), now);
        assert_eq!(turn.expired(None, now + SECOND * 9), None, "a new turn has no timer");
    }
}
