//! `salon relocate`: continues the sessions of a moved project in its new directory.
#![expect(clippy::disallowed_methods, reason = "a command has no event loop to delay")]

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::json::SCHEMA_VERSION;
use super::relocate_args::RelocateArgs;
use super::selection::{self, Selection};
use super::sessions::LoadedSessions;
use super::{find, output, remote, state};
use crate::domain::annotation::AnnotationEdit;
use crate::domain::{Session, SessionKey};
use crate::index::Workspaces;
use crate::runtime::{env, relocate};
use crate::stdx::text::one_line;
use crate::store::annotations;

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    dry_run: bool,
    sessions: Vec<Moved>,
}

/// JSON shape of a session with its new directory.
#[derive(Serialize)]
struct Moved {
    id: String,
    agent: &'static str,
    title: String,
    from: String,
    /// `null`: the directory in which it began.
    to: Option<String>,
}

#[derive(Serialize)]
struct Missing {
    schema_version: u32,
    directories: Vec<MissingDirectory>,
}

/// JSON shape of a directory that is gone.
#[derive(Serialize)]
struct MissingDirectory {
    directory: String,
    sessions: usize,
    proposals: Vec<String>,
}

/// Moves sessions, or lists the directories that are gone.
pub(super) fn run(context: &CliContext, args: &RelocateArgs) -> Result<ExitCode, CliError> {
    let all = LoadedSessions::read(context).all;
    if args.list {
        return list(context, &all, args.output.json);
    }
    let edits = edits(context, args, &all)?;
    if !args.output.dry_run && !edits.is_empty() {
        let store = state::open(context)?;
        store.with(|db| annotations::edit(db, &edits)).map_err(|error| state::db_error(&error))?;
    }
    report(&all, &edits, args)?;
    Ok(ExitCode::SUCCESS)
}

/// Words of an error of usage.
const USAGE: &str = "name the old and the new directory, or one session or --query with --to DIR or --clear";

type Edits = Vec<(SessionKey, AnnotationEdit)>;

fn edits(context: &CliContext, args: &RelocateArgs, all: &[Arc<Session>]) -> Result<Edits, CliError> {
    let usage = |message: &str| CliError::new(CliErrorCode::Usage, message);
    let selected = || match (&args.query, args.words.as_slice()) {
        (Some(query), _) => selection::sessions(context, &Selection::Query(query.clone())),
        (None, [id]) => {
            remote::only_there(context, id)?;
            find::find(all, id).map(|session| vec![session])
        }
        (None, _) => Err(usage(USAGE)),
    };
    match (args.words.as_slice(), &args.to) {
        ([] | [_], Some(directory)) => {
            let edit = relocate::move_to(&existing(context, directory)?, &Workspaces::default());
            Ok(selected()?.into_iter().map(|session| (session.key.clone(), edit.clone())).collect())
        }
        ([] | [_], None) if args.clear => {
            let is_moved = |session: &Arc<Session>| session.annotation().is_some_and(|own| own.directory.is_some());
            let moved = selected()?.into_iter().filter(is_moved);
            Ok(moved.map(|session| (session.key.clone(), AnnotationEdit::Move(None))).collect())
        }
        ([old, new], None) if !args.clear => {
            let (old, new) = (absolute(context, Path::new(old)), existing(context, Path::new(new))?);
            let edits = relocate::move_project(all, &old, &new);
            if edits.is_empty() {
                let message = format!("no session began in {} or below", old.display());
                return Err(CliError::new(CliErrorCode::NotFound, message));
            }
            Ok(edits)
        }
        _ => Err(usage(USAGE)),
    }
}

/// Resolves a directory by name only, because it may be gone.
fn absolute(context: &CliContext, directory: &Path) -> PathBuf {
    let directory = env::current_dir().unwrap_or_default().join(context.environment.expand(directory));
    directory.components().collect()
}

fn existing(context: &CliContext, directory: &Path) -> Result<PathBuf, CliError> {
    let directory = absolute(context, directory);
    if directory.is_dir() {
        return Ok(directory);
    }
    let message = format!("{} is not a directory", directory.display());
    Err(CliError::new(CliErrorCode::Usage, message))
}

fn report(all: &[Arc<Session>], edits: &[(SessionKey, AnnotationEdit)], args: &RelocateArgs) -> io::Result<()> {
    let moved = |(key, edit): &(SessionKey, AnnotationEdit)| {
        let session = all.iter().find(|session| session.key == *key)?;
        let to = if let AnnotationEdit::Move(Some(to)) = edit { Some(to.cwd.clone()) } else { None };
        let (id, agent) = (key.id.to_string(), key.agent.name());
        Some(Moved { id, agent, title: session.title.text.to_string(), from: session.cwd.to_string(), to })
    };
    let sessions: Vec<_> = edits.iter().filter_map(moved).collect();
    let mut out = output::stdout();
    if args.output.json {
        let dry_run = args.output.dry_run;
        return output::json(&mut out, &Report { schema_version: SCHEMA_VERSION, dry_run, sessions });
    }
    let outcome = if args.output.dry_run { "would move to" } else { "moved to" };
    for row in &sessions {
        let to = row.to.as_deref().map_or_else(|| "its own directory".to_owned(), one_line);
        let (id, title) = (one_line(&row.id), one_line(&row.title));
        output::row(&mut out, &format!("{}:{id}\t{outcome} {to}\t{title}", row.agent))?;
    }
    out.flush()
}

fn list(context: &CliContext, all: &[Arc<Session>], json: bool) -> Result<ExitCode, CliError> {
    let mut gone: BTreeMap<&str, usize> = BTreeMap::new();
    for session in all.iter().filter(|session| session.cwd.starts_with('/') && !session.flags.subagent) {
        *gone.entry(&session.cwd).or_default() += 1;
    }
    gone.retain(|directory, _| !Path::new(directory).is_dir());
    let workspaces = relocate::workspaces(all.iter());
    let store = if context.paths.state_db().exists() { Some(state::open(context)?) } else { None };
    if let Some(store) = &store {
        relocate::remember(store, &workspaces);
    }
    let missing = gone.into_iter().map(|(directory, sessions)| MissingDirectory {
        directory: directory.to_owned(),
        sessions,
        proposals: relocate::proposals(Path::new(directory), &workspaces, store.as_deref()),
    });
    let directories: Vec<_> = missing.collect();
    let mut out = output::stdout();
    if json {
        output::json(&mut out, &Missing { schema_version: SCHEMA_VERSION, directories })?;
        return Ok(ExitCode::SUCCESS);
    }
    for MissingDirectory { directory, sessions, proposals } in &directories {
        let proposals: Vec<_> = proposals.iter().map(|path| one_line(path)).collect();
        let sessions = output::counted(*sessions, "session");
        writeln!(out, "{}\t{sessions}\t{}", one_line(directory), proposals.join("\t"))?;
    }
    out.flush()?;
    if directories.is_empty() {
        output::note("no session has a directory that is gone")?;
    }
    Ok(ExitCode::SUCCESS)
}
