//! Continuing a session, or a fork of it, in a new worktree.

use super::ctx::Ctx;
use super::dialog::{Dialog, DialogChoice, DialogOutcome};
use super::flow::Flow;
use super::layer::Layer;
use crate::domain::{Agent, SessionKey};

/// Asks how a session continues in a new worktree.
pub(super) fn ask(key: &SessionKey, ctx: &mut Ctx) -> Flow {
    let label = key.agent.label();
    let choice = |label: String, outcome| DialogChoice { label, outcome };
    let in_worktree = |fork| DialogOutcome::InWorktree { key: key.clone(), fork };
    let mut choices = Vec::new();
    // Some agents find a session only in its own directory; the server of OpenCode keeps it there.
    let is_bound = [Agent::Gemini, Agent::Qwen].contains(&key.agent);
    if !is_bound {
        if key.agent != Agent::OpenCode && ctx.runs.of_session(key).is_none() {
            choices.push(choice("Continue the session there".to_owned(), in_worktree(false)));
        }
        choices.push(choice("Fork it, and continue the fork there".to_owned(), in_worktree(true)));
    }
    if choices.is_empty() {
        ctx.notices.info(format!("{label} finds a session only in its own directory"));
        return Flow::Stay;
    }
    choices.push(choice("Cancel".to_owned(), DialogOutcome::Cancel));
    let text = vec![
        "A worktree with its own branch is created from the last commit. Uncommitted changes stay here.".to_owned(),
    ];
    Flow::Push(Layer::Dialog(Dialog { title: "Continue in a new worktree".to_owned(), text, choices, selected: 0 }))
}
