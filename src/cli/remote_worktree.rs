//! `salon worktree` on other machines, which do it themselves.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::remote;
use super::worktree_args::{NewWorktreeArgs, WorktreeArgs, WorktreeCommand};
use crate::domain::remote::RemoteSource;

/// Runs the command on the machine that it names. Returns `None` if it names none.
pub(super) fn run(context: &CliContext, args: &WorktreeArgs) -> Result<Option<ExitCode>, CliError> {
    let host = args.host.as_deref().map(|host| source(context, host)).transpose()?;
    let json = args.command.json();
    let machine = |named: Option<(&RemoteSource, Vec<String>)>, plain: &[String]| match (named, host) {
        (Some((named, _)), Some(host)) if named.name != host.name => Err(one_machine()),
        (Some((named, rest)), _) => Ok(Some((named.clone(), rest))),
        (None, host) => Ok(host.map(|host| (host.clone(), plain.to_vec()))),
    };
    let (command, flags, found) = match &args.command {
        WorktreeCommand::List(_) => ("list", Vec::new(), machine(None, &[])?),
        WorktreeCommand::Prune(args) => ("prune", remote::flags(&[(args.dry_run, "--dry-run")]), machine(None, &[])?),
        WorktreeCommand::Show(args) => {
            let names = [args.name.clone()];
            ("show", Vec::new(), machine(remote::all_named(context, &names)?, &names)?)
        }
        WorktreeCommand::Trash(args) => {
            ("trash", Vec::new(), machine(remote::all_named(context, &args.names)?, &args.names)?)
        }
        WorktreeCommand::Restore(args) => {
            ("restore", Vec::new(), machine(remote::all_named(context, &args.names)?, &args.names)?)
        }
        WorktreeCommand::New(args) => {
            let place = args.dir.as_deref().and_then(|dir| remote::place(context, dir));
            let (source, dir) = match (place, host) {
                (Some((source, _)), Some(host)) if source.name != host.name => return Err(one_machine()),
                (Some((source, dir)), _) => (Some(source), Some(dir)),
                (None, host) => (host, args.dir.clone()),
            };
            let names = args.name.iter().cloned().collect();
            ("new", new_flags(args, dir.as_deref())?, source.map(|source| (source.clone(), names)))
        }
    };
    let Some((source, names)) = found else { return Ok(None) };
    let mut words = vec!["worktree".to_owned(), command.to_owned()];
    words.extend(flags);
    words.extend(remote::flags(&[(json, "--json")]));
    words.push("--".to_owned());
    words.extend(names);
    remote::run_there(&source, &words, json).map(Some)
}

/// Creates a worktree for a session on another machine. Returns the directory in it.
pub(super) fn create(
    source: &RemoteSource,
    dir: &Path,
    (name, base): (Option<&str>, Option<&str>),
) -> Result<PathBuf, CliError> {
    let args = NewWorktreeArgs { name: None, base: base.map(str::to_owned), dir: None, json: true };
    let mut words = vec!["worktree".to_owned(), "new".to_owned(), "--json".to_owned()];
    words.extend(new_flags(&args, Some(dir))?);
    words.push("--".to_owned());
    words.extend(name.map(str::to_owned));
    let report = remote::json_there(source, &words)?;
    let failure = report["error"]["message"].as_str().or(report["failure"].as_str());
    match (failure, report["dir"].as_str()) {
        (None, Some(dir)) => Ok(PathBuf::from(dir)),
        (failure, _) => {
            let reason = failure.unwrap_or("it has no directory; update salon there");
            Err(CliError::new(CliErrorCode::Failed, format!("the worktree on {} is not ready: {reason}", source.name)))
        }
    }
}

fn new_flags(args: &NewWorktreeArgs, dir: Option<&Path>) -> Result<Vec<String>, CliError> {
    let mut flags: Vec<String> = args.base.iter().map(|base| format!("--base={base}")).collect();
    if let Some(dir) = dir {
        let dir = dir.to_str().ok_or_else(|| CliError::new(CliErrorCode::Usage, "the directory is not valid UTF-8"))?;
        flags.push(format!("--dir={dir}"));
    }
    Ok(flags)
}

fn source<'a>(context: &'a CliContext, host: &str) -> Result<&'a RemoteSource, CliError> {
    context.settings.sources.iter().find(|source| *source.name == *host).ok_or_else(|| {
        let message = format!("no machine is named \"{host}\"; salon source list shows all");
        CliError::new(CliErrorCode::NotFound, message)
    })
}

fn one_machine() -> CliError {
    CliError::new(CliErrorCode::Usage, "name worktrees of one machine at a time")
}
