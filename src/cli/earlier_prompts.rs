//! Prompts that an earlier process left in the queue of a session, as `salon send` shows and delivers them.

use super::error::{CliError, CliErrorCode, refusal_error};
use super::output;
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::run::RunInfo;
use crate::domain::run_request::RunRequest;
use crate::serve::RunHost;
use crate::stdx::text::{ellipsis, one_line};
use crate::store::outbox;

/// Maximum characters of a prompt in a note.
const MAX_TEXT: usize = 200;

/// Fails if a prompt may have been delivered, or failed, and the user did not ask for it: with a new prompt, only those
/// that no agent received are sent.
pub(super) fn check(waiting: &[Prompt], with_prompt: bool) -> Result<(), CliError> {
    let Some(first) = waiting.iter().find(|prompt| with_prompt && needs_user(prompt)) else { return Ok(()) };
    let reason = first.reason.as_deref().unwrap_or(first.state.name());
    let message = format!(
        "earlier prompt {} is {} ({reason}); release or cancel it (see `salon queue`), or send it with `salon send ID` alone",
        first.id.0,
        first.state.name(),
    );
    Err(CliError::new(CliErrorCode::Busy, message))
}

fn needs_user(prompt: &Prompt) -> bool {
    match prompt.state {
        PromptState::Held => prompt.reason.as_deref() != Some(outbox::NEVER_SENT),
        PromptState::Failed => true,
        PromptState::Pending | PromptState::Sending | PromptState::Delivered | PromptState::Cancelled => false,
    }
}

/// Names the prompts on stderr, releases those that are held, and resumes the queue if it is paused, unless a budget stops
/// it. Returns true if the run was asked for anything.
pub(super) async fn release(host: &RunHost, waiting: &[Prompt], info: &RunInfo) -> Result<bool, CliError> {
    let mut asked = false;
    let resumes = info.paused && info.over_budget.is_none() && !waiting.is_empty();
    // A server delivers what its other clients queued.
    let is_delivered = |prompt: &Prompt| match prompt.state {
        PromptState::Pending => matches!(host, RunHost::Served(_)) && !resumes,
        PromptState::Sending | PromptState::Delivered | PromptState::Cancelled => true,
        PromptState::Held | PromptState::Failed => false,
    };
    for prompt in waiting.iter().filter(|prompt| !is_delivered(prompt)) {
        let reason = prompt.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let text = ellipsis(&one_line(&prompt.text), MAX_TEXT);
        output::note(&format!("sending earlier prompt {}{reason}: {text}", prompt.id.0))?;
        if matches!(prompt.state, PromptState::Held | PromptState::Failed) {
            execute(host, RunRequest::ReleasePrompt(prompt.run.clone(), prompt.id)).await?;
            asked = true;
        }
    }
    if resumes {
        execute(host, RunRequest::ResumeQueue(info.id.clone())).await?;
        asked = true;
    }
    Ok(asked)
}

async fn execute(host: &RunHost, request: RunRequest) -> Result<(), CliError> {
    host.execute(request).await.map_err(|refusal| refusal_error(&refusal))
}
