//! `salon rewind`: takes the files of a session back to before a turn. The conversation is not changed.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::json::SCHEMA_VERSION;
use super::rewind_args::RewindArgs;
use super::sessions::LoadedSessions;
use super::{find, output, remote, state};
use crate::domain::rewind::RewindTarget;
use crate::git::Git;
use crate::git::restore::FileRestoration;
use crate::runtime::env;
use crate::runtime::rewind::RewindRequest;
use crate::stdx::text::one_line;

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    dry_run: bool,
    files: Vec<FileJson>,
    /// Snapshot to which the rewind can be undone; `null` if nothing changed.
    undo: Option<String>,
}

#[derive(Serialize)]
struct FileJson {
    path: String,
    /// `restored`, `deleted`, `would_restore` or `would_delete`.
    outcome: &'static str,
}

/// Rewinds the files of a session.
pub(super) fn run(context: &CliContext, args: &RewindArgs) -> Result<ExitCode, CliError> {
    if let Some((source, id)) = remote::named(context, &args.id) {
        return remote::run_there(source, &words(args, id), args.json);
    }
    let session = find::find(&LoadedSessions::read(context).all, &args.id)?;
    let store = state::open(context)?;
    if let Ok(run) = state::run_of(context, &store, &session.key.to_string())
        && let Some(holder) = state::living_holder(&store, &run.id)?
    {
        let message = format!("{} runs in another salon (process {}); stop it first", session.key, holder.pid);
        return Err(CliError::new(CliErrorCode::Busy, message));
    }
    let (git, own) = (Git::new(env::vars()), context.paths.repositories());
    let state_db = context.paths.state_db();
    let request = RewindRequest {
        git: &git,
        own: &own,
        store: &store,
        state_db: &state_db,
        session: &session,
        dry_run: args.dry_run,
    };
    let target = match (&args.to, args.turn) {
        (Some(snapshot), _) => RewindTarget::Snapshot(snapshot.clone()),
        (None, turn) => RewindTarget::BeforeTurn(turn.unwrap_or(0)),
    };
    let rewind = request.run(&target, context.clock.now());
    let rewind = rewind.map_err(|reason| CliError::new(CliErrorCode::Failed, reason))?;
    let files: Vec<_> = rewind.files.iter().map(|file| FileJson::new(file, args.dry_run)).collect();
    let mut out = output::stdout();
    if args.json {
        let report = Report { schema_version: SCHEMA_VERSION, dry_run: args.dry_run, files, undo: rewind.undo };
        output::json(&mut out, &report)?;
        return Ok(ExitCode::SUCCESS);
    }
    for file in &files {
        writeln!(out, "{}\t{}", file.outcome.replace('_', " "), one_line(&file.path))?;
    }
    out.flush()?;
    match rewind.undo {
        Some(undo) => output::note(&format!("undo with: salon rewind {} --to {undo}", session.key))?,
        None if files.is_empty() => output::note("no file differs")?,
        None => {}
    }
    Ok(ExitCode::SUCCESS)
}

impl FileJson {
    fn new(file: &FileRestoration, dry_run: bool) -> Self {
        let outcome = match (file.exists, dry_run) {
            (true, false) => "restored",
            (true, true) => "would_restore",
            (false, false) => "deleted",
            (false, true) => "would_delete",
        };
        Self { path: file.path.to_string_lossy().into_owned(), outcome }
    }
}

/// Words of the same command on another machine.
fn words(args: &RewindArgs, id: &str) -> Vec<String> {
    let to = args.to.as_ref().map(|to| format!("--to={to}"));
    let flags = [(args.dry_run, "--dry-run"), (args.json, "--json")];
    let flags = flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag.to_owned());
    let turn = args.turn.map(|turn| turn.to_string());
    ["rewind".to_owned()].into_iter().chain(to).chain(flags).chain([id.to_owned()]).chain(turn).collect()
}
