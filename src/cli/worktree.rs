//! `salon worktree`: creates, lists, removes and restores worktrees.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::json::{IssueJson, SCHEMA_VERSION};
use super::sessions::LoadedSessions;
use super::worktree_args::{
    NamedWorktreesArgs, NewWorktreeArgs, PruneArgs, ShowWorktreeArgs, WorktreeArgs, WorktreeCommand,
};
use super::worktree_json::{OutcomeJson, SetupJson, WorktreeJson};
use super::{output, remote_worktree, state};
use crate::domain::Issue;
use crate::domain::worktree::Worktree;
use crate::git::Git;
use crate::runtime::env;
use crate::runtime::worktrees::{
    CommandRun, CreatedWorktree, DirectoryUse, PruneOutcome, WorktreeRequest, Worktrees, session_uses,
};
use crate::stdx::text::{one_line, sanitise};
use crate::store::Store;

#[derive(Serialize)]
struct CreatedReport<'a> {
    schema_version: u32,
    worktree: WorktreeJson,
    /// Directory in it that corresponds to the requested one.
    dir: String,
    copied: Vec<String>,
    skipped: Vec<SkippedJson>,
    setup: Vec<SetupJson<'a>>,
    /// Reason why the worktree is not ready; `null` if it is.
    failure: Option<String>,
}

#[derive(Serialize)]
struct SkippedJson {
    path: String,
    reason: String,
}

#[derive(Serialize)]
struct ListReport {
    schema_version: u32,
    worktrees: Vec<WorktreeJson>,
}

#[derive(Serialize)]
struct ShownReport<'a> {
    schema_version: u32,
    worktree: WorktreeJson,
    setup: Vec<SetupJson<'a>>,
}

#[derive(Serialize)]
struct OutcomeReport {
    schema_version: u32,
    dry_run: bool,
    worktrees: Vec<OutcomeJson>,
}

const NO_WORKTREE: &str = "there is no worktree of salon; salon worktree new creates one";

const NONE_DUE: &str = "no worktree is due: each was used within the last hour, or is not in the trash for 7 days yet";

/// Runs a command on worktrees.
pub(super) fn run(context: &CliContext, args: &WorktreeArgs) -> Result<ExitCode, CliError> {
    if let Some(exit_code) = remote_worktree::run(context, args)? {
        return Ok(exit_code);
    }
    let only_reads = matches!(&args.command, WorktreeCommand::List(_) | WorktreeCommand::Show(_));
    let store = if only_reads { state::open_to_read(context)? } else { state::open(context)? };
    let worktrees = with_store(context, store);
    match &args.command {
        WorktreeCommand::List(args) => list(&worktrees, args.json),
        WorktreeCommand::Show(args) => show(&worktrees, args),
        WorktreeCommand::New(args) => new(context, &worktrees, args),
        WorktreeCommand::Trash(args) => trash(context, &worktrees, args),
        WorktreeCommand::Restore(args) => restore(context, &worktrees, args),
        WorktreeCommand::Prune(args) => prune(context, &worktrees, args),
    }
}

/// Opens the worktrees of this user.
pub(super) fn open(context: &CliContext) -> Result<Worktrees, CliError> {
    Ok(with_store(context, state::open(context)?))
}

fn with_store(context: &CliContext, store: Arc<Store>) -> Worktrees {
    Worktrees {
        git: Git::new(env::vars()),
        store,
        settings: context.settings.clone(),
        paths: context.paths.clone(),
        home: context.environment.home.clone(),
        vars: env::vars().collect(),
    }
}

/// Creates a worktree for the repository of a directory.
pub(super) fn create(
    context: &CliContext,
    worktrees: &Worktrees,
    (dir, name, base): (&Path, Option<&str>, Option<&str>),
) -> Result<CreatedWorktree, CliError> {
    // Without its commands, a worktree would not be prepared, and nothing else would say so.
    let of_workspaces = |issue: &&Issue| issue.reason.starts_with("workspaces.");
    for issue in context.issues.iter().filter(of_workspaces) {
        output::note(&IssueJson::from(issue).to_line())?;
    }
    worktrees.create(WorktreeRequest { dir, name, base }, context.clock.now()).map_err(failed)
}

/// Creates a worktree for a conversation, and returns the directory in it that corresponds to `dir`. Fails if its setup
/// did.
pub(super) fn create_for_conversation(
    context: &CliContext,
    (dir, name, base): (&Path, Option<&str>, Option<&str>),
) -> Result<PathBuf, CliError> {
    let created = create(context, &open(context)?, (dir, name, base))?;
    report_setup(&created)?;
    let path = created.worktree.path.display();
    if let Some(failure) = created.failure() {
        let message = format!("the worktree {path} is not ready: {failure}");
        return Err(CliError::new(CliErrorCode::Failed, message));
    }
    output::note(&format!("worktree {path} on the new branch {}", created.worktree.branch))?;
    Ok(created.dir)
}

fn list(worktrees: &Worktrees, json: bool) -> Result<ExitCode, CliError> {
    let listed: Vec<_> = worktrees.list().map_err(failed)?;
    let described: Vec<_> = listed.iter().map(|worktree| WorktreeJson::new(worktree, worktrees)).collect();
    let mut out = output::stdout();
    if json {
        output::json(&mut out, &ListReport { schema_version: SCHEMA_VERSION, worktrees: described })?;
    } else {
        described.iter().try_for_each(|worktree| writeln!(out, "{}", worktree.line()))?;
        out.flush()?;
        if described.is_empty() {
            output::note(NO_WORKTREE)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a worktree with the commands that prepared it.
fn show(worktrees: &Worktrees, args: &ShowWorktreeArgs) -> Result<ExitCode, CliError> {
    let all = worktrees.list().map_err(failed)?;
    let found = named(&all, &args.name)?;
    let setup = worktrees.setup_of(found).map_err(failed)?;
    let worktree = WorktreeJson::new(found, worktrees);
    let mut out = output::stdout();
    if args.json {
        let setup = setup.iter().map(SetupJson::from).collect();
        output::json(&mut out, &ShownReport { schema_version: SCHEMA_VERSION, worktree, setup })?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{}", worktree.line())?;
    setup.iter().try_for_each(|run| write_run(&mut out, run))?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a command with its output and its failure.
fn write_run(out: &mut impl Write, run: &CommandRun) -> io::Result<()> {
    writeln!(out, "$ {}", one_line(&run.command))?;
    run.output.lines().try_for_each(|line| writeln!(out, "{}", sanitise(line)))?;
    run.failure.iter().try_for_each(|failure| writeln!(out, "failed: {}", one_line(failure)))
}

fn new(context: &CliContext, worktrees: &Worktrees, args: &NewWorktreeArgs) -> Result<ExitCode, CliError> {
    let here = env::current_dir().unwrap_or_default();
    let dir = args.dir.as_ref().map_or_else(|| here.clone(), |dir| here.join(dir));
    let created = create(context, worktrees, (&dir, args.name.as_deref(), args.base.as_deref()))?;
    let mut out = output::stdout();
    if args.json {
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        let skipped = |(path, reason): &(_, String)| SkippedJson { path: text(path), reason: reason.clone() };
        let report = CreatedReport {
            schema_version: SCHEMA_VERSION,
            worktree: WorktreeJson::new(&created.worktree, worktrees),
            dir: text(&created.dir),
            copied: created.files.copied.iter().map(text).collect(),
            skipped: created.files.skipped.iter().map(skipped).collect(),
            setup: created.setup.iter().map(SetupJson::from).collect(),
            failure: created.failure(),
        };
        output::json(&mut out, &report)?;
    } else {
        report_setup(&created)?;
        writeln!(out, "{}", one_line(&created.worktree.path.to_string_lossy()))?;
        out.flush()?;
    }
    Ok(if created.failure().is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Prints the commands that prepared a worktree, with their output, on stderr.
pub(super) fn report_setup(created: &CreatedWorktree) -> io::Result<()> {
    let mut err = io::stderr().lock();
    for (path, reason) in &created.files.skipped {
        writeln!(err, "salon: not copied: {}: {}", one_line(&path.to_string_lossy()), one_line(reason))?;
    }
    created.setup.iter().try_for_each(|run| write_run(&mut err, run))?;
    match created.failure() {
        Some(failure) => {
            let path = created.worktree.path.to_string_lossy();
            writeln!(err, "salon: setup failed: {}; the worktree is {}", one_line(&failure), one_line(&path))
        }
        None => Ok(()),
    }
}

fn trash(context: &CliContext, worktrees: &Worktrees, args: &NamedWorktreesArgs) -> Result<ExitCode, CliError> {
    let mut uses = sessions(context);
    uses.extend(worktrees.run_uses().map_err(failed)?);
    let all = worktrees.list().map_err(failed)?;
    let trash = |name: &String| {
        let worktree = named(&all, name)?;
        let trashed = worktrees.trash(worktree, &uses, context.clock.now());
        Ok(match trashed {
            Ok(()) => OutcomeJson::new(worktree, "trashed"),
            Err(obstacles) => OutcomeJson::kept(worktree, "refused", &obstacles),
        })
    };
    let rows = args.names.iter().map(trash).collect::<Result<_, CliError>>()?;
    finish(rows, false, args.json)
}

fn restore(context: &CliContext, worktrees: &Worktrees, args: &NamedWorktreesArgs) -> Result<ExitCode, CliError> {
    let all: Vec<_> = worktrees.list().map_err(failed)?;
    let trashed: Vec<_> = all.into_iter().filter(|worktree| worktree.trashed.is_some()).collect();
    let restore = |name: &String| {
        let worktree = named(&trashed, name)?;
        worktrees.restore(worktree, context.clock.now()).map_err(failed)?;
        Ok(OutcomeJson::new(worktree, "restored"))
    };
    let rows = args.names.iter().map(restore).collect::<Result<_, CliError>>()?;
    finish(rows, false, args.json)
}

fn prune(context: &CliContext, worktrees: &Worktrees, args: &PruneArgs) -> Result<ExitCode, CliError> {
    let pruned = worktrees.prune(&sessions(context), context.clock.now(), args.dry_run).map_err(failed)?;
    let row = |pruned: &crate::runtime::worktrees::PrunedWorktree| match (&pruned.outcome, args.dry_run) {
        (PruneOutcome::Trashed, false) => OutcomeJson::new(&pruned.worktree, "trashed"),
        (PruneOutcome::Trashed, true) => OutcomeJson::new(&pruned.worktree, "would_trash"),
        (PruneOutcome::Removed, false) => OutcomeJson::new(&pruned.worktree, "removed"),
        (PruneOutcome::Removed, true) => OutcomeJson::new(&pruned.worktree, "would_remove"),
        (PruneOutcome::Kept(obstacles), _) => OutcomeJson::kept(&pruned.worktree, "kept", obstacles),
    };
    if pruned.is_empty() && !args.json {
        let has_any = !worktrees.list().map_err(failed)?.is_empty();
        output::note(if has_any { NONE_DUE } else { NO_WORKTREE })?;
    }
    if !args.dry_run && !args.json {
        let removed = pruned.iter().filter(|pruned| pruned.outcome == PruneOutcome::Removed);
        removed.map(|pruned| &pruned.worktree).try_for_each(|worktree| {
            let words = worktrees.fetch_command(worktree).map_err(|error| failed(error.to_string()))?;
            let command = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default();
            output::note(&format!("{} is kept; bring it back with: {command}", one_line(&worktree.name)))?;
            Ok::<(), CliError>(())
        })?;
    }
    finish(pruned.iter().map(row).collect(), args.dry_run, args.json)
}

fn sessions(context: &CliContext) -> Vec<DirectoryUse> {
    session_uses(LoadedSessions::read(context).all.iter().map(|session| &**session))
}

/// Finds a worktree by id, name, branch or path.
fn named<'a>(all: &'a [Worktree], name: &str) -> Result<&'a Worktree, CliError> {
    let path = Path::new(name).canonicalize().ok();
    let is_it = |worktree: &&Worktree| {
        worktree.id == name
            || worktree.name == name
            || worktree.branch == name
            || path.as_ref() == Some(&worktree.path)
            || Path::new(name) == worktree.path
    };
    let found: Vec<_> = all.iter().filter(is_it).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(CliError::new(
            CliErrorCode::NotFound,
            format!("no worktree is named \"{name}\"; salon worktree list shows all"),
        )),
        several => {
            let message = format!("\"{name}\" names {} worktrees", several.len());
            let candidates = several.iter().map(|one| format!("{} ({})", one.id, one.path.display())).collect();
            Err(CliError::Reported { code: CliErrorCode::Ambiguous, message, candidates })
        }
    }
}

/// Prints the report. The exit code is 1 if a request was refused.
fn finish(rows: Vec<OutcomeJson>, dry_run: bool, json: bool) -> Result<ExitCode, CliError> {
    let refused = rows.iter().any(OutcomeJson::is_refused);
    let mut out = output::stdout();
    if json {
        output::json(&mut out, &OutcomeReport { schema_version: SCHEMA_VERSION, dry_run, worktrees: rows })?;
    } else {
        rows.iter().try_for_each(|row| writeln!(out, "{}", row.line()))?;
        out.flush()?;
    }
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn failed(reason: String) -> CliError {
    CliError::new(CliErrorCode::Failed, reason)
}
