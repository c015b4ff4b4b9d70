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
use super::{find, output, remote, state};
use crate::domain::Time;
use crate::domain::changes::{Changes, ChangesSource, DiffHunk, FileDiff, HunkAuthor};
use crate::domain::remark::PlacedRemark;
use crate::git::Git;
use crate::runtime::changes::{self, FileComparison};
use crate::runtime::{env, remarks};
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
    /// The user's remarks on changes of the session.
    remarks: Vec<RemarkJson<'a>>,
}

#[derive(Serialize)]
struct RemarkJson<'a> {
    id: i64,
    path: &'a str,
    /// Number of the first line as the file is now; `null` for the whole file, or if the lines are gone.
    line: Option<u32>,
    /// `draft`, `open` or `handled`.
    state: &'static str,
    text: &'a str,
    /// Lines of the diff on which the remark was made.
    snippet: &'a [String],
    created: String,
    sent: Option<String>,
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
    if let Some((source, id)) = remote::named(context, &args.id) {
        return remote::run_there(source, &words(args, id), args.json);
    }
    let loaded = LoadedSessions::read(context);
    let session = find::find(&loaded.all, &args.id)?;
    let state_db = context.paths.state_db();
    let failed = |reason: String| CliError::new(CliErrorCode::Failed, reason);
    let (git, own) = (Git::new(env::vars()), context.paths.repositories());
    let comparison = FileComparison { git: &git, own: &own, state_db: &state_db, sessions: &loaded.all };
    // Without a database salon ran nothing, and there are no remarks.
    let store = if state_db.exists() { Some(state::open(context)?) } else { None };
    let remarks = store.as_ref().map_or_else(|| Ok(Vec::new()), |store| remarks::of_session(store, &session.key));
    let remarks = remarks.map_err(failed)?;
    let found = match (&args.since, args.turn) {
        _ if args.remarks => Ok(Changes::default()),
        (Some(name), _) => comparison.since(Path::new(&*session.cwd), name),
        (None, Some(turn)) => {
            let edits = changes::edits(&session, None, &state_db).map_err(failed)?;
            let turns = edits.prompts.len();
            if turn == 0 || turn as usize > turns {
                let text = format!("there is no turn {turn}; {} has {turns}", session.key.id);
                return Err(CliError::new(CliErrorCode::NotFound, text));
            }
            changes::of_turn(&comparison, &session, (turn, &edits, store.as_deref()))
        }
        (None, None) => {
            changes::edits(&session, None, &state_db).map(|found| changes::of_session(&found.edits, &session.cwd, None))
        }
    };
    let found = found.map_err(failed)?;
    let mut out = output::stdout();
    if args.json {
        let report = Report {
            schema_version: SCHEMA_VERSION,
            session: SessionJson::from(&*session).purged_at(loaded.purge_time(&session)),
            source: found.source.name(),
            turn: args.turn,
            since: args.since.as_deref(),
            files: found.files.iter().map(FileJson::from).collect(),
            remarks: remarks.iter().map(RemarkJson::from).collect(),
        };
        output::json(&mut out, &report)?;
    } else if args.remarks {
        print_remarks(&mut out, context.style, &remarks)?;
        out.flush()?;
        if remarks.is_empty() {
            output::note("the session has no remark")?;
        }
    } else {
        print(&mut out, context.style, &found)?;
        out.flush()?;
        if found.files.is_empty() {
            output::note("no file is changed")?;
        }
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
            let kind = if file.is_large { "too large for snapshots: not compared" } else { "binary file" };
            writeln!(out, "{}", style.dim(kind))?;
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

/// Prints remarks with their state, place and snippet.
fn print_remarks(out: &mut impl Write, style: OutputStyle, remarks: &[PlacedRemark]) -> io::Result<()> {
    for placed in remarks {
        let PlacedRemark { remark, line, .. } = placed;
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        let heading = format!("{}\t{}{line}", placed.state().name(), one_line(&remark.path));
        writeln!(out, "{}", style.bold(&heading))?;
        remark.snippet.lines.iter().try_for_each(|line| writeln!(out, "  {}", style.dim(&sanitise(line))))?;
        remark.text.lines().try_for_each(|line| writeln!(out, "  {}", sanitise(line)))?;
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

impl<'a> From<&'a PlacedRemark> for RemarkJson<'a> {
    fn from(placed: &'a PlacedRemark) -> Self {
        let remark = &placed.remark;
        Self {
            id: remark.id,
            path: &remark.path,
            line: placed.line,
            state: placed.state().name(),
            text: &remark.text,
            snippet: &remark.snippet.lines,
            created: remark.created.rfc3339(),
            sent: remark.sent.map(Time::rfc3339),
        }
    }
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

/// Words of the same command on another machine.
fn words(args: &DiffArgs, id: &str) -> Vec<String> {
    let turn = args.turn.map(|turn| format!("--turn={turn}"));
    let since = args.since.as_ref().map(|since| format!("--since={since}"));
    let flags = remote::flags(&[(args.remarks, "--remarks"), (args.json, "--json")]);
    let names = ["--".to_owned(), id.to_owned()];
    ["diff".to_owned()].into_iter().chain(turn).chain(since).chain(flags).chain(names).collect()
}
