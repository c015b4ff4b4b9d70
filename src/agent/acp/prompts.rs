//! Turns: one prompt at a time, from its request to the response that ends it.

use agent_client_protocol_schema::v1::{CancelNotification, ContentBlock, PromptRequest, SessionId, StopReason};
use serde_json::Value;

use super::codec::{AcpCodec, AcpRequest, event, report_usage};
use super::turn::AcpTurn;
use super::{errors, rpc};
use crate::agent::protocol::{CodecStep, ProtocolSignal};
use crate::domain::event::NoticeLevel;
use crate::domain::prompt::PromptId;
use crate::domain::run::{RunFailure, TurnOutcome};
use crate::domain::{EventBody, Time, ToolStatus};

impl AcpCodec {
    /// Sends a prompt, or keeps it until the agent is ready for it: agents lose, merge or reject the second one of two.
    pub(super) fn prompt(&mut self, id: PromptId, text: String, now: Time, step: &mut CodecStep) {
        let Some(session) = self.ready_session().filter(|_| self.turn.is_none()) else {
            self.early.push_back((id, text));
            return;
        };
        let key = self.keys.begin(id, now);
        event(key, now, EventBody::Prompt(text.clone()), step);
        self.turn = Some(AcpTurn { prompt: id, accepted: false, cancelled: false, error: String::new() });
        let params = PromptRequest::new(SessionId::new(session), vec![ContentBlock::from(text)]);
        self.send_request(AcpRequest::Prompt(id), "session/prompt", &params, step);
    }

    /// Records activity of the agent in the open turn: it has the prompt, and its record of the session exists.
    pub(super) fn turn_active(&mut self, step: &mut CodecStep) {
        let Some(turn) = self.turn.as_mut().filter(|turn| !turn.accepted) else { return };
        turn.accepted = true;
        let id = turn.prompt;
        self.announce(step);
        step.signals.push(ProtocolSignal::PromptAccepted { id });
        step.signals.push(ProtocolSignal::TurnStarted);
    }

    pub(super) fn interrupt(&mut self, step: &mut CodecStep) {
        let Some(turn) = &mut self.turn else { return };
        turn.cancelled = true;
        let Some(session) = self.session.clone() else { return };
        rpc::notify("session/cancel", &CancelNotification::new(SessionId::new(session)), step);
        self.withdraw_permissions(step);
    }

    /// Handles the response to a prompt, which ends its turn.
    pub(super) fn prompt_ended(
        &mut self,
        id: PromptId,
        result: Result<&Value, &Value>,
        now: Time,
        step: &mut CodecStep,
    ) {
        // The response to a prompt of an earlier turn ends nothing.
        if self.turn.as_ref().is_none_or(|turn| turn.prompt != id) {
            return;
        }
        if result.as_ref().err().is_none_or(|error| !errors::is_refusal(error)) {
            self.turn_active(step);
        }
        let Some(turn) = self.turn.take() else { return };
        if let Ok(result) = result {
            let tokens = self.usage.end_turn(result, self.agent.counts_session);
            report_usage(tokens, step);
        }
        let outcome = self.outcome(&turn, result, now, step);
        let status = if outcome == TurnOutcome::Done { ToolStatus::Done } else { ToolStatus::Interrupted };
        let ended = self.calls.end_open(status);
        self.tool_events(ended, now, step);
        match &outcome {
            TurnOutcome::Done => {}
            TurnOutcome::Interrupted => self.notice(NoticeLevel::Warning, "Interrupted.".into(), now, step),
            TurnOutcome::Failed(failure) => self.notice(NoticeLevel::Error, failure_text(failure), now, step),
        }
        self.withdraw_permissions(step);
        step.signals.push(ProtocolSignal::TurnEnded(outcome));
        if let Some((id, text)) = self.early.pop_front() {
            self.prompt(id, text, now, step);
        }
    }

    /// Outcome of a turn. Agents end an interrupted turn as a completed one, or with an error; and a failed one as
    /// completed, with the failure as text.
    fn outcome(
        &mut self,
        turn: &AcpTurn,
        result: Result<&Value, &Value>,
        now: Time,
        step: &mut CodecStep,
    ) -> TurnOutcome {
        if turn.cancelled {
            return TurnOutcome::Interrupted;
        }
        let result = match result {
            Ok(result) => result,
            Err(error) => return TurnOutcome::Failed(errors::of_turn(error, self.agent.login)),
        };
        if !turn.error.is_empty() {
            return TurnOutcome::Failed(errors::of_text(turn.error.trim().to_owned()));
        }
        match serde_json::from_value(result["stopReason"].clone()) {
            Ok(StopReason::Cancelled) => TurnOutcome::Interrupted,
            Ok(StopReason::Refusal) => TurnOutcome::Failed(RunFailure::Other("The agent refused to answer.".into())),
            Ok(StopReason::MaxTokens) => {
                self.notice(NoticeLevel::Warning, "The limit of tokens was reached.".into(), now, step);
                TurnOutcome::Done
            }
            Ok(StopReason::MaxTurnRequests) => {
                self.notice(NoticeLevel::Warning, "The limit of model requests was reached.".into(), now, step);
                TurnOutcome::Done
            }
            _ => TurnOutcome::Done,
        }
    }
}

/// Message of a failure, without the prefix that the interface adds.
fn failure_text(failure: &RunFailure) -> String {
    match failure {
        RunFailure::RateLimited { message, .. }
        | RunFailure::NotLoggedIn(message)
        | RunFailure::UnknownModel(message)
        | RunFailure::UnknownSession(message)
        | RunFailure::OpenElsewhere(message)
        | RunFailure::UnsupportedVersion(message)
        | RunFailure::Other(message) => message.clone(),
        RunFailure::NotInstalled | RunFailure::Crashed { .. } => failure.to_string(),
    }
}
