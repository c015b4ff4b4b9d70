//! Prompts that an earlier process left in the queue of a session, as `salon send` shows and delivers them.

use super::error::{CliError, CliErrorCode, refusal_error};
use super::output;
use crate::domain::prompt::{Prompt, PromptState};
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

/// Names the prompts on stderr, and releases those that are held.
pub(super) async fn release(host: &RunHost, waiting: &[Prompt]) -> Result<(), CliError> {
    for prompt in waiting {
        let reason = prompt.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let text = ellipsis(&one_line(&prompt.text), MAX_TEXT);
        output::note(&format!("sending earlier prompt {}{reason}: {text}", prompt.id.0))?;
        if matches!(prompt.state, PromptState::Held | PromptState::Failed) {
            let request = RunRequest::ReleasePrompt(prompt.run.clone(), prompt.id);
            host.execute(request).await.map_err(|refusal| refusal_error(&refusal))?;
        }
    }
    Ok(())
}
