//! `salon new`: starts a session.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::ValueEnum as _;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::run_args::NewArgs;
use super::sessions::LoadedSessions;
use super::turn::{self, TurnRequest, TurnTarget};
use super::{find, query, remote, remote_worktree, tui, worktree};
use crate::domain::remote::RemoteSource;
use crate::domain::run::{Conversation, RunStart};
use crate::domain::worktree::branch_name;
use crate::domain::{Agent, Session};
use crate::runtime::StartupAction;
use crate::runtime::brief_effects::brief;
use crate::runtime::env;

/// Starts a session: in salon's chat on a terminal, else for one turn.
pub(super) fn run(context: CliContext, args: &NewArgs) -> Result<ExitCode, CliError> {
    let prompt_args: Vec<String> = args.prompt.iter().cloned().collect();
    args.from.as_ref().map_or(Ok(()), |id| remote::only_there(&context, id))?;
    if let Some((source, dir)) = args.dir.as_deref().and_then(|dir| remote::place(&context, dir)) {
        let source = source.clone();
        return new_there(context, args, (&source, dir), query::required(&prompt_args)?);
    }
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

/// Starts a session on another machine: in salon's chat on a terminal, else by the same command there.
fn new_there(
    context: CliContext,
    args: &NewArgs,
    (source, dir): (&RemoteSource, PathBuf),
    prompt: Option<String>,
) -> Result<ExitCode, CliError> {
    if args.from.is_some() {
        let message = "a session of this machine cannot be continued in another agent on another machine";
        return Err(CliError::new(CliErrorCode::Unavailable, message));
    }
    // The name is an argument there, and a whole prompt must not be one.
    let of_prompt = || prompt.as_deref().and_then(branch_name).unwrap_or_else(|| "worktree".to_owned());
    let name = args.worktree.clone().map(|name| if name.is_empty() { of_prompt() } else { name });
    if tui::has_terminal() && !args.turn.json {
        let cwd = match &name {
            Some(name) => remote_worktree::create(source, &dir, (Some(name), args.base.as_deref()))?,
            None => dir,
        };
        let start = RunStart { host: Some(source.name.clone()), ..settings(args, cwd) };
        let agent = args.agent.unwrap_or(Agent::Claude);
        return tui::open(context, Some(StartupAction::New { agent, start, prompt }));
    }
    let prompt = prompt.ok_or_else(|| CliError::new(CliErrorCode::Usage, turn::NO_PROMPT))?;
    let approve = args.turn.approve.to_possible_value().map(|value| format!("--approve={}", value.get_name()));
    let mut words = vec!["new".to_owned(), format!("--dir={}", dir.display())];
    words.extend(approve);
    words.extend(args.agent.map(|agent| format!("--agent={agent}")));
    let options = [
        ("worktree", &name),
        ("base", &args.base),
        ("model", &args.model),
        ("mode", &args.mode),
        ("effort", &args.effort),
    ];
    words.extend(options.into_iter().filter_map(|(option, value)| Some(format!("--{option}={}", value.as_ref()?))));
    words.extend(remote::flags(&[(args.turn.json, "--json")]));
    words.push("-".to_owned());
    words.extend((!args.extra.is_empty()).then(|| "--".to_owned()));
    words.extend(args.extra.iter().cloned());
    remote::run_there_with(source, &words, &prompt)
}

/// Returns the parameters of a new session in a directory.
fn settings(args: &NewArgs, cwd: PathBuf) -> RunStart {
    RunStart {
        model: args.model.clone(),
        mode: args.mode.clone(),
        effort: args.effort.clone(),
        extra: args.extra.clone(),
        ..RunStart::new(Conversation::New { id: None }, cwd)
    }
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
    if cwd.as_os_str().is_empty() {
        let message = "the current directory no longer exists; --dir selects another one";
        return Err(CliError::new(CliErrorCode::Unavailable, message));
    }
    if !cwd.is_dir() {
        return Err(CliError::new(CliErrorCode::Unavailable, format!("directory not found: {}", cwd.display())));
    }
    let cwd = if args.worktree.is_some() { in_worktree(context, args, &cwd, prompt)? } else { cwd };
    Ok(RunStart { origin: origin.map(|origin| origin.key.clone()), ..settings(args, cwd) })
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
