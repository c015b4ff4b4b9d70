//! `salon new`: starts a session.

use std::process::ExitCode;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::run_args::NewArgs;
use super::turn::{self, TurnRequest, TurnTarget};
use super::{query, tui};
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
