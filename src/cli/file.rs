//! `salon file`: a file as it was at an entry of a session, or its difference between two entries.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use similar::TextDiff;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::file_args::FileArgs;
use super::json::SCHEMA_VERSION;
use super::sessions::LoadedSessions;
use super::{find, output, remote, state};
use crate::agent::{self, TextLimit, TranscriptReader};
use crate::domain::transcript::ToolAction;
use crate::domain::{Entry, Session};
use crate::git::Git;
use crate::index;
use crate::runtime::env;
use crate::runtime::file_history::{ContentSources, file_history};
use crate::stdx::files::{self, SizeLimit};
use crate::stdx::text::{one_line, sanitise};

/// Maximum number of entries in memory.
const CHUNK: usize = 128;

/// Maximum size of a file on disk that is taken back.
const MAX_FILE: SizeLimit = SizeLimit(16 << 20);

#[derive(Serialize)]
struct Report<'a> {
    schema_version: u32,
    id: &'a str,
    agent: &'static str,
    path: String,
    /// Number of the entry after which the file had the content.
    at: usize,
    /// Number of the entry of the older content of a difference.
    since: Option<usize>,
    /// Numbers of the entries that change the file.
    entries: Vec<usize>,
    /// The content, or the difference.
    text: &'a str,
}

#[derive(Serialize)]
struct FileList {
    schema_version: u32,
    files: Vec<ChangedFile>,
}

/// JSON shape of a file that a session changed.
#[derive(Serialize)]
struct ChangedFile {
    path: String,
    /// Numbers of the entries that change it.
    entries: Vec<usize>,
}

/// Prints the content, the difference, or the changed files.
pub(super) fn run(context: &CliContext, args: &FileArgs) -> Result<ExitCode, CliError> {
    remote::only_there(context, &args.id)?;
    let session = find::find(&LoadedSessions::read(context).all, &args.id)?;
    let opened = index::open_transcript(agent::format(session.key.agent), &session, Some(&context.paths.state_db()));
    let mut reader = opened.map_err(|error| {
        CliError::new(CliErrorCode::Failed, format!("cannot read {}: {error}", session.path.display()))
    })?;
    match &args.path {
        Some(path) => print_file(context, (args, path), &session, &mut *reader),
        None => list_files(args, &session, &mut *reader),
    }
}

fn print_file(
    context: &CliContext,
    (args, path): (&FileArgs, &Path),
    session: &Session,
    reader: &mut dyn TranscriptReader,
) -> Result<ExitCode, CliError> {
    let wanted = absolute(session, path);
    // Looking at a session creates no database.
    let store = context.paths.state_db().exists().then(|| state::open_to_read(context)).transpose()?;
    let (git, own) = (Git::new(env::vars()), context.paths.repositories());
    let sources = ContentSources { git: &git, own: &own, store: store.as_deref() };
    let history = file_history(session, reader, &wanted, sources);
    let entries: Vec<_> = history.entries().into_iter().map(|index| index + 1).collect();
    if history.is_unknown() {
        return Err(CliError::new(CliErrorCode::NotFound, format!("the session does not change {}", path.display())));
    }
    let present = files::read_text(&wanted, MAX_FILE).ok();
    let count = reader.len();
    if let Some(number) = [args.at, args.since].into_iter().flatten().find(|number| !(1..=count).contains(number)) {
        let text = format!("there is no entry {number}; {} has {count}", session.key.id);
        return Err(CliError::new(CliErrorCode::NotFound, text));
    }
    let content = |number: usize| {
        history.content_after(number - 1, present.as_deref()).ok_or_else(|| {
            let text = format!("the content of {} after entry {number} cannot be known", path.display());
            CliError::new(CliErrorCode::NotFound, text)
        })
    };
    let at = args.at.unwrap_or(count);
    let mut text = content(at)?;
    if let Some(since) = args.since {
        let (old, name) = (content(since)?, path.to_string_lossy());
        let (before, after) = (format!("{name} after entry {since}"), format!("{name} after entry {at}"));
        text = TextDiff::from_lines(&old, &text).unified_diff().header(&before, &after).to_string();
    }
    let mut out = output::stdout();
    if args.json {
        let (id, agent) = (&*session.key.id, session.key.agent.name());
        let path = wanted.to_string_lossy().into_owned();
        let report =
            Report { schema_version: SCHEMA_VERSION, id, agent, path, at, since: args.since, entries, text: &text };
        output::json(&mut out, &report)?;
    } else if output::to_terminal() {
        out.write_all(sanitise(&text).as_bytes())?;
    } else {
        out.write_all(text.as_bytes())?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn list_files(args: &FileArgs, session: &Session, reader: &mut dyn TranscriptReader) -> Result<ExitCode, CliError> {
    let mut changed: BTreeMap<PathBuf, Vec<usize>> = BTreeMap::new();
    each(reader, |index, entry| {
        if let Some(ToolAction::Edit(changes)) = entry.tool.as_ref().map(|tool| &tool.action) {
            for change in changes {
                changed.entry(absolute(session, Path::new(&change.path))).or_default().push(index + 1);
            }
        }
    });
    let mut out = output::stdout();
    if args.json {
        let file =
            |(path, entries): (PathBuf, Vec<usize>)| ChangedFile { path: path.to_string_lossy().into_owned(), entries };
        let files = changed.into_iter().map(file).collect();
        output::json(&mut out, &FileList { schema_version: SCHEMA_VERSION, files })?;
    } else {
        changed.iter().try_for_each(|(path, entries)| line(&mut out, path, entries))?;
        out.flush()?;
        if changed.is_empty() {
            output::note("the session changed no file by an edit")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the path and the numbers of the entries, separated by a tab.
fn line(out: &mut impl Write, path: &Path, entries: &[usize]) -> io::Result<()> {
    let entries: Vec<_> = entries.iter().map(ToString::to_string).collect();
    writeln!(out, "{}\t{}", one_line(&path.to_string_lossy()), entries.join(" "))
}

/// Returns a path below the directory of the session.
fn absolute(session: &Session, path: &Path) -> PathBuf {
    Path::new(&*session.cwd).join(path)
}

fn each(reader: &mut dyn TranscriptReader, mut visit: impl FnMut(usize, &Entry)) {
    let mut from = 0;
    while from < reader.len() {
        let entries = reader.read(from..reader.len().min(from + CHUNK), TextLimit::NONE);
        if entries.is_empty() {
            break;
        }
        (from..).zip(&entries).for_each(|(index, entry)| visit(index, entry));
        from += entries.len();
    }
}
