//! `salon send`: continues a session with a prompt.
#![expect(clippy::disallowed_methods, reason = "a command has no event loop to delay")]

use std::process::ExitCode;

use clap::ValueEnum as _;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::resume::ResumeRemedies;
use super::run_args::SendArgs;
use super::sessions::LoadedSessions;
use super::turn::{self, TurnRequest, TurnTarget};
use super::{earlier_prompts, find, output, query, remote, send_elsewhere, state, tui};
use crate::domain::SessionKey;
use crate::domain::prompt::Prompt;
use crate::domain::run::{Conversation, RunId, RunStart};
use crate::runtime::StartupAction;
use crate::runtime::resume;
use crate::store::{outbox, registry};

/// Sends a prompt: in salon's chat on a terminal, else for one turn. Prompts that are queued already are sent first.
pub(super) fn run(context: CliContext, args: &SendArgs) -> Result<ExitCode, CliError> {
    let prompt = query::required(&args.prompt)?.filter(|prompt| !prompt.trim().is_empty());
    if let Some((source, id)) = remote::named(&context, &args.id) {
        if tui::has_terminal() && !args.turn.json && !args.is_elsewhere() {
            let key = remote::key(&context, &args.id).ok_or_else(|| remote::inexact(&args.id))?;
            return tui::open(context, Some(StartupAction::Chat { key, prompt }));
        }
        let prompt = prompt.ok_or_else(|| CliError::new(CliErrorCode::Usage, turn::NO_PROMPT))?;
        return remote::run_there_with(source, &words(args, id), &prompt);
    }
    // A run whose agent never reported a session has only the id that `salon queue` shows.
    if let Some(run) = run_without_session(&context, &args.id)? {
        return turn::run(&context, TurnRequest { target: TurnTarget::Recorded(run), prompt, args: &args.turn });
    }
    let session = find::find(&LoadedSessions::read(&context).all, &args.id)?;
    if args.is_elsewhere() {
        return send_elsewhere::run(context, args, (&session, prompt));
    }
    if tui::has_terminal() && !args.turn.json {
        return tui::open(context, Some(StartupAction::Chat { key: session.key.clone(), prompt }));
    }
    let waiting = waiting(&context, &session.key)?;
    if prompt.is_none() && waiting.is_empty() {
        return Err(CliError::new(CliErrorCode::Usage, turn::NO_PROMPT));
    }
    earlier_prompts::check(&waiting, prompt.is_some())?;
    let launch = resume::launch(&session, &[], None);
    let obstacles = resume::obstacles(&session, &launch, &context.environment);
    // Whether it is open elsewhere is checked when the run starts: leftover processes of a killed salon are stopped
    // by then, and must not count as another program.
    let directory = format!("name its new one with salon relocate {} --to DIR", session.key);
    let remedies = ResumeRemedies { directory: &directory, force: true };
    super::resume::check_obstacles(&session, &launch, &obstacles, remedies)?;
    if let Some(restored) = resume::restore_kept(&session, &context.environment)? {
        output::note(&restored)?;
    }
    let backup = resume::back_up_at_risk_files(&session, &context.paths.backups());
    let backup = backup.unwrap_or_else(|error| Some(format!("Could not back up its files: {error}.")));
    if let Some(text) = backup {
        output::note(&text)?;
    }
    let start = RunStart::new(Conversation::Resume(session.key.id.clone()), launch.cwd);
    let target = TurnTarget::Session(session.key.agent, Box::new(start));
    turn::run(&context, TurnRequest { target, prompt, args: &args.turn })
}

/// Arguments of the same command for another machine, which reads the prompt from stdin.
fn words(args: &SendArgs, id: &str) -> Vec<String> {
    let approve = args.turn.approve.to_possible_value().map(|value| format!("--approve={}", value.get_name()));
    let mut words = vec!["send".to_owned()];
    words.extend(approve);
    words.extend(remote::flags(&[(args.turn.json, "--json"), (args.fork, "--fork")]));
    words.extend(args.before_turn.map(|turn| format!("--before-turn={turn}")));
    words.extend(args.worktree.as_ref().map(|name| format!("--worktree={name}")));
    words.extend([id.to_owned(), "-".to_owned()]);
    words
}

fn run_without_session(context: &CliContext, id: &str) -> Result<Option<RunId>, CliError> {
    if !context.paths.state_db().exists() {
        return Ok(None);
    }
    let (store, run) = (state::open(context)?, RunId(id.into()));
    let record = store.with(|db| registry::find(db, &run)).map_err(|error| state::db_error(&error))?;
    Ok(record.filter(|record| record.session.is_none()).map(|record| record.id))
}

/// Returns the prompts in the queue of a session.
fn waiting(context: &CliContext, key: &SessionKey) -> Result<Vec<Prompt>, CliError> {
    let store = state::open(context)?;
    let queue = store.with(|db| match registry::find_by_session(db, key)? {
        Some(record) => outbox::queue(db, &record.id),
        None => Ok(Vec::new()),
    });
    queue.map_err(|error| state::db_error(&error))
}
