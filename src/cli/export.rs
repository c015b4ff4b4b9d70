//! `salon export`: writes sessions as documents.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::export_args::ExportArgs;
use super::json::SCHEMA_VERSION;
use super::selection::{self, Selection};
use super::sessions::LoadedSessions;
use super::{output, remote};
use crate::agent::{self, TranscriptReader};
use crate::domain::document::{DocumentSummary, ExportOptions};
use crate::domain::remote::RemoteSource;
use crate::domain::{Session, SessionKey};
use crate::export::{self, Subagents};
use crate::index;
use crate::stdx::text::one_line;

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    dry_run: bool,
    format: &'static str,
    sessions: Vec<Row>,
}

/// JSON shape of a session that was written or refused.
#[derive(Serialize)]
struct Row {
    id: String,
    agent: &'static str,
    title: String,
    /// `exported`, `would_export` or `refused`.
    outcome: &'static str,
    path: Option<String>,
    reason: Option<String>,
    /// `null` for a session of another machine, where the document is made.
    entries: Option<usize>,
    /// Numbers of masked secrets by format.
    masked: BTreeMap<&'static str, usize>,
}

/// All sessions, once a sub-agent was looked up.
type AllSessions = OnceCell<Vec<Arc<Session>>>;

/// Target of the documents.
enum Target {
    Stdout,
    File(PathBuf),
    Folder(PathBuf),
}

/// Writes the selected sessions.
pub(super) fn run(context: &CliContext, args: &ExportArgs) -> Result<ExitCode, CliError> {
    let selection = match &args.query {
        Some(query) => Selection::Query(query.clone()),
        None => Selection::Ids(args.ids.clone()),
    };
    let target = target(args)?;
    let sessions = selection::sessions(context, &selection)?;
    let options = ExportOptions { format: args.format, with_secrets: args.no_mask, kinds: args.include.clone() };
    let all = OnceCell::new();
    if let (Target::Stdout, [session], false) = (&target, sessions.as_slice(), args.dry_run) {
        if let Some(source) = source_of(context, session) {
            let mut out = output::stdout();
            remote::copy_output(source, &words(args, session), &mut out)?;
            out.flush()?;
            return Ok(ExitCode::SUCCESS);
        }
        return to_stdout(context, session, (&options, &all));
    }
    let rows = sessions.iter().map(|session| row(context, args, session, (&target, &options, &all))).collect();
    finish(args, rows)
}

/// Returns the target that the arguments name. Several documents need a directory.
fn target(args: &ExportArgs) -> Result<Target, CliError> {
    let usage = |message: &str| Err(CliError::new(CliErrorCode::Usage, message));
    let is_single = args.query.is_none() && args.ids.len() == 1;
    match args.output.as_ref().filter(|path| path.as_os_str() != "-") {
        None if args.json && !args.dry_run => usage("--json prints a report: name a file with --output"),
        None if !is_single && !args.dry_run => usage("several sessions need a directory: name it with --output"),
        None => Ok(Target::Stdout),
        Some(path) if path.is_dir() || !is_single => Ok(Target::Folder(path.clone())),
        Some(path) => Ok(Target::File(path.clone())),
    }
}

/// Returns the machine of a session; `None` for this one.
fn source_of<'a>(context: &'a CliContext, session: &Session) -> Option<&'a RemoteSource> {
    let host = session.key.host.as_ref()?;
    context.settings.sources.iter().find(|source| source.name == *host)
}

/// Words of the same command on the machine of a session, which writes the document to stdout.
fn words(args: &ExportArgs, session: &Session) -> Vec<String> {
    let mut words = vec!["export".to_owned(), format!("--format={}", args.format.name())];
    words.extend(args.include.iter().map(|kind| format!("--include={}", kind.name())));
    words.extend(remote::flags(&[(args.no_mask, "--no-mask")]));
    words.extend(["--".to_owned(), SessionKey { host: None, ..session.key.clone() }.to_string()]);
    words
}

fn open(context: &CliContext, session: &Session) -> io::Result<Box<dyn TranscriptReader>> {
    index::open_transcript(agent::format(session.key.agent), session, Some(&context.paths.state_db()))
}

fn to_stdout(
    context: &CliContext,
    session: &Session,
    (options, all): (&ExportOptions, &AllSessions),
) -> Result<ExitCode, CliError> {
    let mut reader = open(context, session).map_err(|error| {
        CliError::new(CliErrorCode::Failed, format!("cannot read {}: {error}", session.path.display()))
    })?;
    let mut out = output::stdout();
    let summary =
        with_subagents(context, all, |subagents| export::write(&mut out, session, &mut *reader, options, subagents))?;
    out.flush()?;
    note_masked(&[summary])?;
    Ok(ExitCode::SUCCESS)
}

/// Writes one session to its file.
fn row(
    context: &CliContext,
    args: &ExportArgs,
    session: &Arc<Session>,
    (target, options, all): (&Target, &ExportOptions, &AllSessions),
) -> (Row, DocumentSummary) {
    let path = match target {
        Target::Stdout => None,
        Target::File(path) => Some(path.clone()),
        Target::Folder(folder) => Some(folder.join(export::file_name(session, options.format))),
    };
    let refusal = path.as_deref().and_then(|path| refusal(path, session, args.force));
    let written = match (&path, refusal) {
        (_, Some(reason)) => Err(reason),
        (Some(path), None) if !args.dry_run => match source_of(context, session) {
            Some(source) => to_file_from(source, path, &words(args, session), args.force),
            None => to_file(context, path, session, (options, all), args.force),
        }
        .map_err(|error| error.to_string()),
        (_, None) => Ok(DocumentSummary::default()),
    };
    let (outcome, reason) = match &written {
        Ok(_) if args.dry_run => ("would_export", None),
        Ok(_) => ("exported", None),
        Err(reason) => ("refused", Some(reason.clone())),
    };
    let summary = written.unwrap_or_default();
    let row = Row {
        id: session.key.id.to_string(),
        agent: session.key.agent.name(),
        title: session.title.text.to_string(),
        outcome,
        path: path.map(|path| path.to_string_lossy().into_owned()),
        reason,
        entries: session.key.host.is_none().then_some(summary.entries),
        masked: summary.secrets.iter().collect(),
    };
    (row, summary)
}

/// Returns the reason why a file is not written, if it is known before.
fn refusal(path: &Path, session: &Session, force: bool) -> Option<String> {
    let same = |a: &Path, b: &Path| fs::canonicalize(a).ok().zip(fs::canonicalize(b).ok()).is_some_and(|(a, b)| a == b);
    if session.key.host.is_none() && same(path, &session.path) {
        return Some("this is the agent's own file".to_owned());
    }
    (!force && path.symlink_metadata().is_ok() && !export::is_stream(path))
        .then(|| "the file exists: --force replaces it".to_owned())
}

fn to_file(
    context: &CliContext,
    path: &Path,
    session: &Session,
    (options, all): (&ExportOptions, &AllSessions),
    force: bool,
) -> io::Result<DocumentSummary> {
    let mut reader = open(context, session)?;
    create_parent(path)?;
    with_subagents(context, all, |subagents| {
        export::create_file(path, force, |out| export::write(out, session, &mut *reader, options, subagents))
    })
}

/// Writes the document of a session of another machine, which is made there.
fn to_file_from(source: &RemoteSource, path: &Path, words: &[String], force: bool) -> io::Result<DocumentSummary> {
    create_parent(path)?;
    export::create_file(path, force, |out| remote::copy_output(source, words, out))?;
    Ok(DocumentSummary::default())
}

fn create_parent(path: &Path) -> io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => fs::create_dir_all(folder),
        None => Ok(()),
    }
}

/// Calls a function with access to all sessions, which are loaded if a sub-agent is looked up.
fn with_subagents<T>(context: &CliContext, all: &AllSessions, write: impl FnOnce(Subagents<'_>) -> T) -> T {
    let find = |key: &SessionKey| {
        let all = all.get_or_init(|| LoadedSessions::read(context).all);
        all.iter().find(|session| session.key == *key).cloned()
    };
    let state_db = context.paths.state_db();
    write(Subagents { find: &find, state_db: Some(&state_db) })
}

/// Prints the report. The exit code is 1 if a session was refused.
fn finish(args: &ExportArgs, rows: Vec<(Row, DocumentSummary)>) -> Result<ExitCode, CliError> {
    let (rows, summaries): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    let refused = rows.iter().any(|row| row.outcome == "refused");
    let mut out = output::stdout();
    if args.json {
        let report = Report {
            schema_version: SCHEMA_VERSION,
            dry_run: args.dry_run,
            format: args.format.name(),
            sessions: rows,
        };
        output::json(&mut out, &report)?;
    } else {
        rows.iter().try_for_each(|row| line(&mut out, row))?;
        out.flush()?;
    }
    note_masked(&summaries)?;
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Writes the id, the outcome with its reason, and the path or the title, separated by tabs.
fn line(out: &mut impl Write, row: &Row) -> io::Result<()> {
    let outcome = match &row.reason {
        Some(reason) => format!("refused: {}", one_line(reason)),
        None => row.outcome.replace('_', " "),
    };
    let place = row.path.as_deref().unwrap_or(&row.title);
    writeln!(out, "{}:{}\t{outcome}\t{}", row.agent, one_line(&row.id), one_line(place))
}

/// Reports on stderr which secrets were masked.
fn note_masked(summaries: &[DocumentSummary]) -> io::Result<()> {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (kind, count) in summaries.iter().flat_map(|summary| summary.secrets.iter()) {
        *kinds.entry(kind).or_default() += count;
    }
    if kinds.is_empty() {
        return Ok(());
    }
    let list: Vec<_> = kinds.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
    output::note(&format!("secrets masked: {}; --no-mask writes them", list.join(", ")))
}
