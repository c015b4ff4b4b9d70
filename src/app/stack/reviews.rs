//! Prompts with remarks that are being sent. A remark counts as sent once its prompt is accepted.

use super::Stack;
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::failure;
use crate::app::prompt_request::PromptRequest;
use crate::app::ticket::RequestTicket;
use crate::domain::remark::{RemarkEdit, ReviewPrompt, count_label};
use crate::domain::run::{Refusal, RunId};

/// A prompt with remarks that is not accepted yet.
#[derive(Debug)]
pub(super) struct PendingReview {
    prompt: ReviewPrompt,
    request: PromptRequest,
}

impl Stack {
    /// Sends a prompt with remarks to its session.
    pub(super) fn send_review(&mut self, prompt: ReviewPrompt, ctx: &mut Ctx) {
        let Some(request) = PromptRequest::send(&prompt.key, prompt.text.clone(), ctx) else { return };
        self.reviews.push(PendingReview { prompt, request });
    }

    /// Applies the response to the start of a run. Returns false if it was not for a prompt with remarks.
    pub(super) fn review_started(
        &mut self,
        ticket: RequestTicket,
        result: &Result<RunId, Refusal>,
        ctx: &mut Ctx,
    ) -> bool {
        let is_it = |pending: &PendingReview| pending.request == PromptRequest::Start(ticket);
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
            pending.prompt.text == text && pending.request == PromptRequest::Submit(run.clone())
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
