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
use crate::git::restore::FileRestoration;
use crate::runtime::rewind::{self, RewindContext};
use crate::stdx::text::one_line;

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    dry_run: bool,
    files: Vec<FileJson>,
    /// Files that differ and are left as they are, because they could not be brought back.
    left: Vec<String>,
    /// Snapshot to which the rewind can be undone; `null` if nothing changed.
    undo: Option<String>,
    /// Reason why some of the files were not restored.
    problem: Option<String>,
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
    let failed = |reason: String| CliError::new(CliErrorCode::Failed, reason);
    let rewinds = RewindContext::new(&context.paths, state::open(context)?, None);
    if let Some(pid) = rewinds.other_process(&session.key).map_err(failed)? {
        return Err(CliError::new(CliErrorCode::Busy, rewind::runs_elsewhere(&session.key, pid)));
    }
    let request = if args.dry_run { rewinds.dry_run(&session) } else { rewinds.request(&session) };
    let target = match (&args.to, args.turn) {
        (Some(snapshot), _) => RewindTarget::Snapshot(snapshot.clone()),
        (None, turn) => RewindTarget::BeforeTurn(turn.unwrap_or(0)),
    };
    let rewind = request.run(&target, context.clock.now());
    let rewind = rewind.map_err(failed)?;
    let files: Vec<_> = rewind.files.iter().map(|file| FileJson::new(file, args.dry_run)).collect();
    let mut out = output::stdout();
    if args.json {
        let left = rewind.left.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        let (undo, problem) = (rewind.undo, rewind.problem);
        let code = if problem.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        let report = Report { schema_version: SCHEMA_VERSION, dry_run: args.dry_run, files, left, undo, problem };
        output::json(&mut out, &report)?;
        return Ok(code);
    }
    for file in &files {
        writeln!(out, "{}\t{}", file.outcome.replace('_', " "), one_line(&file.path))?;
    }
    out.flush()?;
    for path in &rewind.left {
        output::note(&format!("left as it is: {} ({})", one_line(&path.to_string_lossy()), rewind::NOT_KEPT))?;
    }
    match rewind.undo {
        Some(undo) => output::note(&format!("undo with: salon rewind {} --to {undo}", session.key))?,
        None if files.is_empty() && rewind.left.is_empty() => output::note("no file differs")?,
        None => {}
    }
    match rewind.problem {
        Some(problem) => Err(failed(problem)),
        None => Ok(ExitCode::SUCCESS),
    }
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
    let flags = remote::flags(&[(args.dry_run, "--dry-run"), (args.json, "--json")]);
    let turn = args.turn.map(|turn| turn.to_string());
    let names = ["--".to_owned(), id.to_owned()];
    ["rewind".to_owned()].into_iter().chain(to).chain(flags).chain(names).chain(turn).collect()
}
