//! `salon diff`: prints what a session changed.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::changes_args::DiffArgs;
use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::json::{SCHEMA_VERSION, SessionJson};
use super::output::OutputStyle;
use super::sessions::LoadedSessions;
use super::{find, output, state};
use crate::domain::changes::{Changes, ChangesSource, DiffHunk, FileDiff, HunkAuthor};
use crate::git::Git;
use crate::runtime::changes::{self, FileComparison};
use crate::runtime::env;
use crate::stdx::text::{one_line, sanitise};

#[derive(Serialize)]
struct Report<'a> {
    schema_version: u32,
    session: SessionJson<'a>,
    /// `edits`: as the transcript contains them; `files`: a comparison of the files.
    source: &'static str,
    turn: Option<u32>,
    since: Option<&'a str>,
    files: Vec<FileJson<'a>>,
}

#[derive(Serialize)]
struct FileJson<'a> {
    path: &'a str,
    /// `added`, `modified` or `deleted`.
    status: &'static str,
    binary: bool,
    added: usize,
    removed: usize,
    hunks: Vec<HunkJson<'a>>,
}

#[derive(Serialize)]
struct HunkJson<'a> {
    old_start: Option<u32>,
    new_start: Option<u32>,
    lines: &'a [String],
    /// Edits from which the changed lines come.
    by: Vec<AuthorJson<'a>>,
    /// Changed lines of which no edit is known.
    unknown: usize,
}

#[derive(Serialize)]
struct AuthorJson<'a> {
    agent: &'static str,
    session: &'a str,
    turn: u32,
    entry: usize,
}

/// Prints the changes of a session.
pub(super) fn run(context: &CliContext, args: &DiffArgs) -> Result<ExitCode, CliError> {
    let loaded = LoadedSessions::read(context);
    let session = find::find(&loaded.all, &args.id)?;
    let state_db = context.paths.state_db();
    let failed = |reason: String| CliError::new(CliErrorCode::Failed, reason);
    let (git, own) = (Git::new(env::vars()), context.paths.repositories());
    let comparison = FileComparison { git: &git, own: &own, state_db: &state_db, sessions: &loaded.all };
    let found = match (&args.since, args.turn) {
        (Some(name), _) => comparison.since(Path::new(&*session.cwd), name),
        (None, Some(turn)) => {
            // Without a database salon ran nothing.
            let store = if state_db.exists() { Some(state::open(context)?) } else { None };
            let edits = changes::edits(&session, &state_db).map_err(failed)?;
            changes::of_turn(&comparison, &session, (turn, &edits, store.as_deref()))
        }
        (None, None) => {
            changes::edits(&session, &state_db).map(|found| changes::of_session(&found.edits, &session.cwd, None))
        }
    };
    let found = found.map_err(failed)?;
    let mut out = output::stdout();
    if args.json {
        let report = Report {
            schema_version: SCHEMA_VERSION,
            session: SessionJson::from(&*session),
            source: found.source.name(),
            turn: args.turn,
            since: args.since.as_deref(),
            files: found.files.iter().map(FileJson::from).collect(),
        };
        output::json(&mut out, &report)?;
    } else {
        print(&mut out, context.style, &found)?;
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the changes in the unified format. Authors are named after the headers of the hunks.
fn print(out: &mut impl Write, style: OutputStyle, changes: &Changes) -> io::Result<()> {
    for file in &changes.files {
        let (added, removed) = file.counts();
        let heading = format!("{} ({}, +{added} -{removed})", one_line(&file.path), file.status.name());
        writeln!(out, "{}", style.bold(&heading))?;
        if file.is_binary {
            writeln!(out, "{}", style.dim("binary file"))?;
        }
        for hunk in &file.hunks {
            writeln!(out, "{}", style.dim(&format!("{}{}", hunk.header(), authors(hunk, changes.source))))?;
            for line in &hunk.lines {
                let clean = sanitise(line);
                match line.as_bytes().first() {
                    Some(b'+') => writeln!(out, "{}", style.green(&clean))?,
                    Some(b'-') => writeln!(out, "{}", style.red(&clean))?,
                    _ => writeln!(out, "{clean}")?,
                }
            }
        }
    }
    Ok(())
}

/// Names the edits from which a hunk comes.
fn authors(hunk: &DiffHunk, source: ChangesSource) -> String {
    let name = |author: &HunkAuthor| {
        format!("{} turn {} entry {}", one_line(&author.session.to_string()), author.turn, author.entry)
    };
    let mut names: Vec<_> = hunk.authors.iter().map(name).collect();
    if source == ChangesSource::Files && (hunk.unknown > 0 || names.is_empty()) {
        names.push("by hand or unknown".to_owned());
    }
    format!("  {}", names.join(", "))
}

impl<'a> From<&'a FileDiff> for FileJson<'a> {
    fn from(file: &'a FileDiff) -> Self {
        let (added, removed) = file.counts();
        let hunks = file.hunks.iter().map(HunkJson::from).collect();
        Self { path: &file.path, status: file.status.name(), binary: file.is_binary, added, removed, hunks }
    }
}

impl<'a> From<&'a DiffHunk> for HunkJson<'a> {
    fn from(hunk: &'a DiffHunk) -> Self {
        let by = |author: &'a HunkAuthor| AuthorJson {
            agent: author.session.agent.name(),
            session: &author.session.id,
            turn: author.turn,
            entry: author.entry,
        };
        Self {
            old_start: hunk.old_start,
            new_start: hunk.new_start,
            lines: &hunk.lines,
            by: hunk.authors.iter().map(by).collect(),
            unknown: hunk.unknown,
        }
    }
}
