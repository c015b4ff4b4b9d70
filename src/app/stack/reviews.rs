//! Prompts with remarks that are being sent. A remark counts as sent once its prompt is accepted.

use std::path::PathBuf;

use super::Stack;
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::failure;
use crate::app::ticket::RequestTicket;
use crate::domain::remark::{RemarkEdit, ReviewPrompt, count_label};
use crate::domain::run::{Conversation, Refusal, RunId, RunStart};
use crate::domain::run_request::RunRequest;

/// A prompt with remarks that is not accepted yet.
#[derive(Debug)]
pub(super) struct PendingReview {
    prompt: ReviewPrompt,
    request: ReviewRequest,
}

/// Request that sends a prompt.
#[derive(Debug, PartialEq, Eq)]
enum ReviewRequest {
    /// The start of a run.
    Start(RequestTicket),
    /// A prompt to a run.
    Submit(RunId),
}

impl Stack {
    /// Sends a prompt with remarks to its session.
    pub(super) fn send_review(&mut self, prompt: ReviewPrompt, ctx: &mut Ctx) {
        let (key, text) = (&prompt.key, prompt.text.clone());
        let request = if let Some(info) = ctx.runs.of_session(key) {
            let run = info.id.clone();
            ctx.effects.push(Effect::Run(RunRequest::Submit { run: run.clone(), text }));
            ReviewRequest::Submit(run)
        } else {
            let Some(session) = ctx.sessions.catalog.get(key) else {
                return ctx.notices.error("The session no longer exists");
            };
            let start = RunStart::new(Conversation::Resume(key.id.clone()), PathBuf::from(&*session.cwd));
            let ticket = ctx.tickets.issue();
            ctx.effects.push(Effect::StartRun { ticket, agent: key.agent, start, prompt: Some(text) });
            ctx.notices.info(format!("Starting {} …", key.agent.label()));
            ReviewRequest::Start(ticket)
        };
        self.reviews.push(PendingReview { prompt, request });
    }

    /// Applies the response to the start of a run. Returns false if it was not for a prompt with remarks.
    pub(super) fn review_started(
        &mut self,
        ticket: RequestTicket,
        result: &Result<RunId, Refusal>,
        ctx: &mut Ctx,
    ) -> bool {
        let is_it = |pending: &PendingReview| pending.request == ReviewRequest::Start(ticket);
        self.review_answered(is_it, result.as_ref().err(), ctx)
    }

    /// Applies the response to a prompt. Returns false if it has no remarks.
    pub(super) fn review_submitted(
        &mut self,
        run: &RunId,
        text: &str,
        refused: Option<&Refusal>,
        ctx: &mut Ctx,
    ) -> bool {
        let is_it = |pending: &PendingReview| {
            pending.prompt.text == text && pending.request == ReviewRequest::Submit(run.clone())
        };
        self.review_answered(is_it, refused, ctx)
    }

    fn review_answered(
        &mut self,
        is_it: impl Fn(&PendingReview) -> bool,
        refused: Option<&Refusal>,
        ctx: &mut Ctx,
    ) -> bool {
        let Some(at) = self.reviews.iter().position(is_it) else { return false };
        let ReviewPrompt { key, remarks, .. } = self.reviews.remove(at).prompt;
        let agent = key.agent;
        match refused {
            None => {
                ctx.notices.info(format!("{} sent to {}", count_label(remarks.len()), agent.label()));
                ctx.effects.push(Effect::EditRemarks { key, edit: RemarkEdit::Sent(remarks) });
            }
            Some(refusal) => {
                ctx.notices.error(format!("Not sent: {}", failure::describe_refusal(refusal, agent)));
            }
        }
        true
    }
}
