//! `salon new`: starts a session.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::run_args::NewArgs;
use super::turn::{self, TurnRequest, TurnTarget};
use super::{output, query, tui, worktree};
use crate::domain::run::{Conversation, RunStart};
use crate::runtime::StartupAction;
use crate::runtime::env;

/// Starts a session: in salon's chat on a terminal, else for one turn.
pub(super) fn run(context: CliContext, args: &NewArgs) -> Result<ExitCode, CliError> {
    let prompt_args: Vec<String> = args.prompt.iter().cloned().collect();
    let prompt = query::required(&prompt_args)?.filter(|prompt| !prompt.trim().is_empty());
    let here = env::current_dir().unwrap_or_default();
    let cwd = args.dir.as_ref().map_or_else(|| here.clone(), |dir| here.join(dir));
    if !cwd.is_dir() {
        return Err(CliError::new(CliErrorCode::Unavailable, format!("directory not found: {}", cwd.display())));
    }
    let cwd = if args.worktree.is_some() { in_worktree(&context, args, &cwd, prompt.as_deref())? } else { cwd };
    let start = RunStart {
        model: args.model.clone(),
        mode: args.mode.clone(),
        effort: args.effort.clone(),
        extra: args.extra.clone(),
        ..RunStart::new(Conversation::New { id: None }, cwd)
    };
    if tui::has_terminal() && !args.turn.json {
        return tui::open(context, Some(StartupAction::New { agent: args.agent, start, prompt }));
    }
    if prompt.is_none() {
        return Err(CliError::new(CliErrorCode::Usage, turn::NO_PROMPT));
    }
    turn::run(&context, TurnRequest { target: TurnTarget::Session(args.agent, start), prompt, args: &args.turn })
}

/// Creates a worktree for the session, and returns the directory in it that corresponds to `cwd`.
fn in_worktree(context: &CliContext, args: &NewArgs, cwd: &Path, prompt: Option<&str>) -> Result<PathBuf, CliError> {
    let name = args.worktree.as_deref().filter(|name| !name.is_empty()).or(prompt);
    let worktrees = worktree::open(context)?;
    let created = worktree::create(context, &worktrees, (cwd, name, args.base.as_deref()))?;
    worktree::report_setup(&created)?;
    let path = created.worktree.path.display();
    if let Some(failure) = created.failure() {
        let message = format!("the worktree {path} is not ready: {failure}");
        return Err(CliError::new(CliErrorCode::Failed, message));
    }
    output::note(&format!("worktree {path} on the new branch {}", created.worktree.branch))?;
    Ok(created.dir)
}
