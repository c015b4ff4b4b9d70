//! Prompts to sessions: to the run of the session, or to a new one.

use super::ctx::Ctx;
use super::effect::Effect;
use super::ticket::RequestTicket;
use crate::domain::SessionKey;
use crate::domain::run::{Conversation, RunId, RunStart};
use crate::domain::run_request::RunRequest;

/// Request that sends a prompt to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PromptRequest {
    /// The start of a run.
    Start(RequestTicket),
    /// A prompt to a run.
    Submit(RunId),
}

impl PromptRequest {
    /// Sends a prompt to a session. `None` after an error notice if the session no longer exists.
    pub(super) fn send(key: &SessionKey, text: String, ctx: &mut Ctx) -> Option<Self> {
        if let Some(info) = ctx.runs.of_session(key) {
            let run = info.id.clone();
            ctx.effects.push(Effect::Run(RunRequest::Submit { run: run.clone(), text }));
            return Some(Self::Submit(run));
        }
        let Some(session) = ctx.sessions.catalog.get(key) else {
            ctx.notices.error("The session no longer exists");
            return None;
        };
        let start = RunStart::beside(session, Conversation::Resume(key.id.clone()));
        let ticket = ctx.tickets.issue();
        ctx.effects.push(Effect::StartRun { ticket, agent: key.agent, start, prompt: Some(text) });
        ctx.notices.info(format!("Starting {} …", key.agent.label()));
        Some(Self::Start(ticket))
    }
}
