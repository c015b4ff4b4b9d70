//! `salon send` with a fork, with a worktree, or from before a turn: the conversation continues in another place.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::run_args::SendArgs;
use super::turn::{self, TurnRequest, TurnTarget};
use super::{tui, worktree};
use crate::domain::rewind::ConversationStart;
use crate::domain::run::{Conversation, RunStart};
use crate::domain::{Agent, Session};
use crate::runtime::StartupAction;
use crate::runtime::rewind_plan;

/// Sends a prompt to a fork of a session, or to the session in a new worktree.
pub(super) fn run(
    context: CliContext,
    args: &SendArgs,
    (session, prompt): (&Session, Option<String>),
) -> Result<ExitCode, CliError> {
    let agent = session.key.agent;
    let on_screen = tui::has_terminal() && !args.turn.json;
    if prompt.is_none() && !on_screen {
        return Err(CliError::new(CliErrorCode::Usage, turn::NO_PROMPT));
    }
    let is_bound = [Agent::Gemini, Agent::Qwen].contains(&agent) || (agent == Agent::OpenCode && !args.fork);
    if args.worktree.is_some() && is_bound {
        let message = format!("{} continues a session only in its own directory", agent.label());
        return Err(CliError::new(CliErrorCode::Unavailable, message));
    }
    let (conversation, fork_at) = conversation(&context, args, session)?;
    let cwd = directory(&context, args, session)?;
    let start = RunStart { fork_at, ..RunStart::new(conversation, cwd) };
    if on_screen {
        return tui::open(context, Some(StartupAction::New { agent, start, prompt }));
    }
    turn::run(&context, TurnRequest { target: TurnTarget::Session(agent, Box::new(start)), prompt, args: &args.turn })
}

fn conversation(
    context: &CliContext,
    args: &SendArgs,
    session: &Session,
) -> Result<(Conversation, Option<std::sync::Arc<str>>), CliError> {
    let id = session.key.id.clone();
    let Some(turn) = args.before_turn else {
        return Ok((if args.fork { Conversation::Fork(id) } else { Conversation::Resume(id) }, None));
    };
    let start = rewind_plan::start_before(session, &context.paths.state_db(), turn);
    match start.map_err(|reason| CliError::new(CliErrorCode::Failed, reason))? {
        ConversationStart::New => Ok((Conversation::New { id: None }, None)),
        ConversationStart::Fork(fork_at) => Ok((Conversation::Fork(id), Some(fork_at))),
    }
}

/// Returns the directory of the conversation, which is in a new worktree if one is requested.
fn directory(context: &CliContext, args: &SendArgs, session: &Session) -> Result<PathBuf, CliError> {
    let cwd = Path::new(&*session.cwd);
    if !cwd.is_dir() {
        return Err(CliError::new(CliErrorCode::Unavailable, format!("directory not found: {}", cwd.display())));
    }
    let Some(name) = &args.worktree else { return Ok(cwd.to_owned()) };
    let name = if name.is_empty() { &*session.title.text } else { name };
    worktree::create_for_conversation(context, (cwd, Some(name), None))
}
