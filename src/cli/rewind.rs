//! `salon rewind`: takes the files of a session back to before a turn. The conversation stays, unless its agent can take it
//! back within the session.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::json::SCHEMA_VERSION;
use super::rewind_args::RewindArgs;
use super::sessions::LoadedSessions;
use super::{find, output, remote, state};
use crate::domain::rewind::{ConversationRevert, OtherSession, RewindTarget, RewoundFiles};
use crate::domain::units;
use crate::git::restore::FileRestoration;
use crate::runtime::revert::{self, AgentPrograms};
use crate::runtime::rewind::{self, RewindContext, RewindRequest};
use crate::runtime::{env, rewind_plan};
use crate::stdx::text::one_line;

#[derive(Serialize)]
struct Report<'a> {
    schema_version: u32,
    dry_run: bool,
    files: Vec<FileJson>,
    /// Files that differ and are left as they are, because they could not be brought back.
    left: Vec<String>,
    /// Snapshot to which the rewind can be undone; `null` if nothing changed.
    undo: Option<String>,
    /// Reason why some of the files were not restored.
    problem: Option<String>,
    /// Other sessions in the directory whose changes are taken back too, or that are at work.
    others: &'a [OtherSession],
}

#[derive(Serialize)]
struct ConversationReport<'a> {
    schema_version: u32,
    /// Number of files that salon took back.
    count: usize,
    /// Files that differ and are left as they are, because they could not be brought back.
    left: &'a [String],
    /// Snapshot of the files before; `null` if none of them changed.
    undo: Option<&'a str>,
}

#[derive(Serialize)]
struct FileJson {
    path: String,
    /// `restored`, `deleted`, `would_restore` or `would_delete`.
    outcome: &'static str,
}

/// Name that stands for no snapshot.
const NO_SNAPSHOT: &str = "none";

/// Rewinds the files of a session.
pub(super) fn run(context: &CliContext, args: &RewindArgs) -> Result<ExitCode, CliError> {
    if let Some((source, id)) = remote::named(context, &args.id) {
        return remote::run_there(source, &words(args, id), args.json);
    }
    let all = LoadedSessions::read(context).all;
    let session = find::find(&all, &args.id)?;
    let failed = |reason: String| CliError::new(CliErrorCode::Failed, reason);
    let rewinds = RewindContext::new(&context.paths, state::open(context)?, None);
    if let Some(pid) = rewinds.other_process(&session.key).map_err(failed)? {
        return Err(CliError::new(CliErrorCode::Busy, rewind::runs_elsewhere(&session.key, pid)));
    }
    if args.conversation {
        return conversation(context, args, rewinds.request(&session));
    }
    let request = RewindRequest { sessions: &all, dry_run: args.dry_run, ..rewinds.request(&session) };
    let target = match (&args.to, args.turn) {
        (Some(snapshot), _) => RewindTarget::Snapshot(snapshot.clone()),
        (None, turn) => RewindTarget::BeforeTurn(turn.unwrap_or(0)),
    };
    let rewind = request.run(&target, context.clock.now());
    let rewind = rewind.map_err(failed)?;
    for other in &rewind.others {
        output::note(&format!("other session: {}", one_line(&other.to_string())))?;
    }
    let files: Vec<_> = rewind.files.iter().map(|file| FileJson::new(file, args.dry_run)).collect();
    let mut out = output::stdout();
    if args.json {
        let left = rewind.left.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        let (undo, problem, others) = (rewind.undo, rewind.problem, &rewind.others);
        let code = if problem.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        let report =
            Report { schema_version: SCHEMA_VERSION, dry_run: args.dry_run, files, left, undo, problem, others };
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

/// Lets the agent take back the conversation within the session, with the files if salon has a snapshot of them.
fn conversation(context: &CliContext, args: &RewindArgs, request: RewindRequest<'_>) -> Result<ExitCode, CliError> {
    let failed = |reason: String| CliError::new(CliErrorCode::Failed, reason);
    let (session, now) = (request.session, context.clock.now());
    let revert = match (&args.to, args.turn) {
        (Some(snapshot), _) => {
            ConversationRevert::Undo { snapshot: Some(snapshot.clone()).filter(|name| name != NO_SNAPSHOT) }
        }
        (None, turn) => {
            let turn = turn.unwrap_or(0);
            let record = rewind_plan::record_before(session, &context.paths.state_db(), turn).map_err(failed)?;
            let dry_run = RewindRequest { dry_run: true, ..request };
            let has_files = dry_run.run(&RewindTarget::BeforeTurn(turn), now).is_ok();
            ConversationRevert::From { record, files: has_files.then_some(turn) }
        }
    };
    let vars: Vec<_> = env::vars().collect();
    let programs = AgentPrograms { environment: &context.environment, vars: &vars };
    let RewoundFiles { count, undo, left, problem } = revert::run(request, &revert, programs, now).map_err(failed)?;
    if let Some(problem) = problem {
        // Only an undo comes here with one: the conversation is as before, and some of the files are.
        let undo = undo.map(|undo| format!("; undo of the files: salon rewind {} --to {undo}", session.key));
        return Err(failed(problem + &undo.unwrap_or_default()));
    }
    let mut out = output::stdout();
    if args.json {
        let undo = undo.as_deref();
        output::json(&mut out, &ConversationReport { schema_version: SCHEMA_VERSION, count, left: &left, undo })?;
        return Ok(ExitCode::SUCCESS);
    }
    for path in &left {
        output::note(&format!("left as it is: {} ({})", one_line(path), rewind::NOT_KEPT))?;
    }
    let files = units::count(count, "file", "files");
    match revert {
        ConversationRevert::From { .. } => {
            writeln!(out, "the conversation is taken back, and {files}")?;
            out.flush()?;
            let undo = undo.as_deref().unwrap_or(NO_SNAPSHOT);
            let key = &session.key;
            output::note(&format!("until the next prompt, undo with: salon rewind {key} --conversation --to {undo}"))?;
        }
        ConversationRevert::Undo { .. } => writeln!(out, "the conversation is as it was before, and {files}")?,
    }
    out.flush()?;
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
    let flags =
        remote::flags(&[(args.dry_run, "--dry-run"), (args.conversation, "--conversation"), (args.json, "--json")]);
    let turn = args.turn.map(|turn| turn.to_string());
    let names = ["--".to_owned(), id.to_owned()];
    ["rewind".to_owned()].into_iter().chain(to).chain(flags).chain(names).chain(turn).collect()
}
