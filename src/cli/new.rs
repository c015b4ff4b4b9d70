//! `salon new`: starts a session.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::run_args::NewArgs;
use super::sessions::LoadedSessions;
use super::turn::{self, TurnRequest, TurnTarget};
use super::{find, query, remote, tui, worktree};
use crate::domain::run::{Conversation, RunStart};
use crate::domain::{Agent, Session};
use crate::runtime::StartupAction;
use crate::runtime::brief_effects::brief;
use crate::runtime::env;

/// Starts a session: in salon's chat on a terminal, else for one turn.
pub(super) fn run(context: CliContext, args: &NewArgs) -> Result<ExitCode, CliError> {
    let prompt_args: Vec<String> = args.prompt.iter().cloned().collect();
    args.from.as_ref().map_or(Ok(()), |id| remote::only_there(&context, id))?;
    let origin = args.from.as_ref().map(|id| find::find(&LoadedSessions::read(&context).all, id)).transpose()?;
    let prompt = if origin.is_some() { query::from_args(&prompt_args)? } else { query::required(&prompt_args)? };
    let prompt = prompt.filter(|prompt| !prompt.trim().is_empty());
    let start = start(&context, args, origin.as_deref(), prompt.as_deref())?;
    let on_screen = tui::has_terminal() && !args.turn.json;
    if let Some(origin) = origin {
        return hand_over(context, args, (&origin, start), prompt, on_screen);
    }
    let agent = args.agent.unwrap_or(Agent::Claude);
    if on_screen {
        return tui::open(context, Some(StartupAction::New { agent, start, prompt }));
    }
    if prompt.is_none() {
        return Err(CliError::new(CliErrorCode::Usage, turn::NO_PROMPT));
    }
    turn::run(&context, TurnRequest { target: TurnTarget::Session(agent, Box::new(start)), prompt, args: &args.turn })
}

/// Returns the start parameters. A session that continues another one runs in its directory.
fn start(
    context: &CliContext,
    args: &NewArgs,
    origin: Option<&Session>,
    prompt: Option<&str>,
) -> Result<RunStart, CliError> {
    let here = env::current_dir().unwrap_or_default();
    let of_origin = origin.filter(|origin| !origin.cwd.is_empty()).map(|origin| PathBuf::from(&*origin.cwd));
    let cwd = args.dir.as_ref().map(|dir| here.join(dir)).or(of_origin).unwrap_or(here);
    if !cwd.is_dir() {
        return Err(CliError::new(CliErrorCode::Unavailable, format!("directory not found: {}", cwd.display())));
    }
    let cwd = if args.worktree.is_some() { in_worktree(context, args, &cwd, prompt)? } else { cwd };
    Ok(RunStart {
        model: args.model.clone(),
        mode: args.mode.clone(),
        effort: args.effort.clone(),
        extra: args.extra.clone(),
        origin: origin.map(|origin| origin.key.clone()),
        ..RunStart::new(Conversation::New { id: None }, cwd)
    })
}

/// Continues a session in another agent: the brief is edited on a terminal, else sent before the prompt.
fn hand_over(
    context: CliContext,
    args: &NewArgs,
    (origin, start): (&Arc<Session>, RunStart),
    prompt: Option<String>,
    on_screen: bool,
) -> Result<ExitCode, CliError> {
    let brief = brief(origin, &context.paths.state_db())
        .map_err(|reason| CliError::new(CliErrorCode::Failed, format!("no brief: {reason}")))?;
    let prompt = prompt.map_or_else(|| brief.clone(), |prompt| format!("{brief}\n\n{prompt}"));
    if on_screen {
        return tui::open(context, Some(StartupAction::EditNew { agent: args.agent, start, prompt }));
    }
    let other = if origin.key.agent == Agent::Claude { Agent::Codex } else { Agent::Claude };
    let target = TurnTarget::Session(args.agent.unwrap_or(other), Box::new(start));
    turn::run(&context, TurnRequest { target, prompt: Some(prompt), args: &args.turn })
}

/// Creates a worktree for the session, and returns the directory in it that corresponds to `cwd`.
fn in_worktree(context: &CliContext, args: &NewArgs, cwd: &Path, prompt: Option<&str>) -> Result<PathBuf, CliError> {
    let name = args.worktree.as_deref().filter(|name| !name.is_empty()).or(prompt);
    worktree::create_for_conversation(context, (cwd, name, args.base.as_deref()))
}
