//! `salon show`: prints a transcript, or a page counted from its end. Reads it in small chunks.

use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use jiff::tz::TimeZone;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::json;
use super::output::OutputStyle;
use super::session_args::ShowArgs;
use super::sessions::LoadedSessions;
use super::{diff, find, output, remote};
use crate::agent::{self, TextLimit, TranscriptReader};
use crate::domain::remote::RemoteSource;
use crate::domain::tool_name::tool_label;
use crate::domain::transcript::ToolAction;
use crate::domain::{Entry, Role, Session, Time, Tool, ToolStatus};
use crate::export::{JsonDocument, markdown};
use crate::index;
use crate::stdx::text::{one_line, sanitise};

/// Maximum number of entries in memory, because transcripts can be large.
const CHUNK: usize = 128;

/// Prints a transcript.
pub(super) fn run(context: &CliContext, args: &ShowArgs) -> Result<ExitCode, CliError> {
    if let Some((source, id)) = remote::named(context, &args.id) {
        let shown = remote::try_there(source, &words(args, id), args.json)?;
        return shown.map_or_else(|| run_on_copy(context, source, id, args), Ok);
    }
    let loaded = LoadedSessions::read(context);
    let session = find::find(&loaded.all, &args.id)?;
    let mut reading = open(&session, Some(&context.paths.state_db()))?;
    print(context, args, (&session, loaded.purge_time(&session)), &mut *reading)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a transcript of a machine without salon from a copy of its file.
fn run_on_copy(context: &CliContext, source: &RemoteSource, id: &str, args: &ShowArgs) -> Result<ExitCode, CliError> {
    let copy = remote::copy(context, source, id)?;
    let here = Session { path: copy.path.clone(), ..Session::clone(&copy.session) };
    let printed = open(&here, None).and_then(|mut reading| print(context, args, (&copy.session, None), &mut *reading));
    if !copy.is_whole {
        output::note("the session is too long to be copied: only its beginning and its end are shown")?;
    }
    copy.finish();
    printed.map(|()| ExitCode::SUCCESS)
}

fn open(session: &Session, state_db: Option<&Path>) -> Result<Box<dyn TranscriptReader>, CliError> {
    index::open_transcript(agent::format(session.key.agent), session, state_db).map_err(|error| {
        CliError::new(CliErrorCode::Failed, format!("cannot read {}: {error}", session.path.display()))
    })
}

fn print(
    context: &CliContext,
    args: &ShowArgs,
    (session, purge_at): (&Session, Option<Time>),
    reading: &mut dyn TranscriptReader,
) -> Result<(), CliError> {
    if let Some(number) = args.branch
        && !number.checked_sub(1).is_some_and(|branch| reading.show_branch(branch))
    {
        let text = format!("there is no branch {number}; {} has {}", session.key.id, reading.branches());
        return Err(CliError::new(CliErrorCode::NotFound, text));
    }
    let range = page(reading.len(), args.limit, args.offset);
    let mut out = output::stdout();
    if args.json {
        let shape = json::SessionJson::from(session).purged_at(purge_at);
        print_json(&mut out, &shape, reading, range)?;
    } else if args.raw {
        print_raw(&mut out, reading, range)?;
    } else if args.markdown {
        markdown::heading(&mut out, session)?;
        each(reading, range, |_, entry| markdown::entry(&mut out, entry))?;
    } else {
        let format = EntryFormat::new(context.style);
        each(reading, range, |index, entry| plain(&mut out, &format, index, entry))?;
    }
    out.flush()?;
    if !args.json {
        print_issues(reading)?;
    }
    Ok(())
}

/// Arguments of the same command for another machine.
fn words(args: &ShowArgs, id: &str) -> Vec<String> {
    let mut words = vec!["show".to_owned(), format!("--offset={}", args.offset)];
    words.extend(args.limit.map(|limit| format!("--limit={limit}")));
    words.extend(args.branch.map(|branch| format!("--branch={branch}")));
    words.extend(remote::flags(&[(args.markdown, "--markdown"), (args.raw, "--raw"), (args.json, "--json")]));
    words.extend(["--".to_owned(), id.to_owned()]);
    words
}

/// Range of a page counted from the end: offset 0 is the newest page.
fn page(total: usize, limit: Option<usize>, offset: usize) -> Range<usize> {
    let end = total.saturating_sub(offset);
    let start = limit.map_or(0, |limit| end.saturating_sub(limit));
    start..end
}

fn each(
    reading: &mut dyn TranscriptReader,
    range: Range<usize>,
    mut visit: impl FnMut(usize, &Entry) -> io::Result<()>,
) -> io::Result<()> {
    let mut from = range.start;
    while from < range.end {
        let entries = reading.read(from..range.end.min(from + CHUNK), TextLimit::NONE);
        if entries.is_empty() {
            break;
        }
        for (at, entry) in entries.iter().enumerate() {
            visit(from + at, entry)?;
        }
        from += entries.len();
    }
    Ok(())
}

/// Streams one JSON object, because a transcript may be too large for memory.
fn print_json(
    out: &mut impl Write,
    session: &json::SessionJson<'_>,
    reading: &mut dyn TranscriptReader,
    range: Range<usize>,
) -> io::Result<()> {
    JsonDocument::begin(out, session, reading.len())?;
    let mut document = JsonDocument::default();
    each(reading, range, |index, entry| document.entry(out, index, entry))?;
    JsonDocument::end(out, reading, |head| head)
}

/// Writes the stored records unchanged; sanitises them only for a terminal.
fn print_raw(out: &mut impl Write, reading: &mut dyn TranscriptReader, range: Range<usize>) -> io::Result<()> {
    let terminal = output::to_terminal();
    let mut before = Vec::new();
    for index in range {
        let raw = reading.raw(index);
        // Several entries can come from one record, which is printed once.
        if raw == before {
            continue;
        }
        if terminal {
            out.write_all(sanitise(&String::from_utf8_lossy(&raw)).as_bytes())?;
        } else {
            out.write_all(&raw)?;
        }
        if !raw.ends_with(b"\n") {
            out.write_all(b"\n")?;
        }
        before = raw;
    }
    Ok(())
}

/// Format of entries as text.
#[derive(Debug)]
pub(super) struct EntryFormat {
    style: OutputStyle,
    /// Time zone of the user, on a terminal; scripts get the exact time and texts only.
    zone: Option<TimeZone>,
}

impl EntryFormat {
    /// Creates the format for stdout.
    pub(super) fn new(style: OutputStyle) -> Self {
        Self { style, zone: output::to_terminal().then(TimeZone::system) }
    }

    fn time(&self, time: Time) -> String {
        match &self.zone {
            Some(zone) => time.timestamp().to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
            None => time.rfc3339(),
        }
    }
}

/// Writes one entry as text; `index` counts from 0. On a terminal, edits are diffs.
pub(super) fn plain(out: &mut impl Write, format: &EntryFormat, index: usize, entry: &Entry) -> io::Result<()> {
    let style = format.style;
    let time = entry.time.map(|time| format.time(time)).unwrap_or_default();
    let head = match &entry.tool {
        Some(tool) => format!("{} {}", one_line(&tool_label(&tool.name)), tool.status.name()),
        None => entry.kind.name().to_owned(),
    };
    let head = if entry.reverted { format!("{head} (reverted)") } else { head };
    let head = match (entry.role, entry.tool.as_ref().map(|tool| tool.status)) {
        (_, Some(ToolStatus::Failed | ToolStatus::Denied | ToolStatus::Interrupted)) => style.red(&head),
        (Role::User, _) => style.green(&head),
        (Role::Assistant | Role::System, _) => style.bold(&head),
    };
    writeln!(out, "{} {head} {}", style.dim(&format!("── {}", index + 1)), style.dim(&time))?;
    block(out, &entry.text)?;
    match entry.tool.as_deref() {
        Some(Tool { action: ToolAction::Edit(changes), status, output, .. }) if format.zone.is_some() => {
            for change in changes {
                // The headline names a single file.
                if changes.len() > 1 {
                    writeln!(out, "{}", style.bold(&one_line(&change.path)))?;
                }
                diff::write(out, style, change)?;
            }
            // The output of an edit that succeeded repeats the file.
            if *status != ToolStatus::Done {
                block(out, output)?;
            }
        }
        Some(tool) => block(out, &tool.output)?,
        None => {}
    }
    writeln!(out)
}

fn block(out: &mut impl Write, text: &str) -> io::Result<()> {
    let text = sanitise(text);
    let text = text.trim_end_matches('\n');
    if text.is_empty() { Ok(()) } else { writeln!(out, "{text}") }
}

/// Prints the number of branches and unreadable records on stderr.
fn print_issues(reading: &dyn TranscriptReader) -> io::Result<()> {
    let mut err = io::stderr().lock();
    if reading.branches() > 1 {
        let (shown, all) = (reading.shown_branch() + 1, reading.branches());
        writeln!(err, "salon: showing branch {shown} of {all}; choose another with --branch")?;
    }
    for issue in reading.issues() {
        writeln!(err, "salon: {}", one_line(&json::IssueJson::from(issue).to_line()))?;
    }
    Ok(())
}
