//! `salon search`: what was ever said, run or printed, with its places. Never opens a screen.

use std::collections::HashMap;
use std::io::{self, Write};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::args::SearchArgs;
use super::context::Context;
use super::failure::{Code, Failure};
use super::json::{self, SCHEMA_VERSION};
use super::output::Style;
use super::query::{self, Asked, Wish};
use super::{output, scope, table};
use crate::domain::Issue;
use crate::domain::found::{Answer, Hit, Snippet};
use crate::index::{locate, search};
use crate::stdx::text::{ellipsis, one_line};

/// Bytes around a match where no lines were asked for.
const AROUND: usize = 160;

/// For each hit the entries of its snippets, counted from 0.
type Entries = Vec<Vec<Option<usize>>>;

/// Searches.
pub fn run(context: &Context, args: &SearchArgs) -> Result<ExitCode, Failure> {
    let nothing =
        || Failure::new(Code::Usage, "there is nothing to look for; give a QUERY, or `-` to read it from stdin");
    let source = query::needed(&args.query)?.ok_or_else(nothing)?;
    let (mut history, search) = query::read(context);
    let filter = scope::filter(context, &args.scope, true);
    let sought = |session: &crate::domain::Session| filter.admits(session) && filter.hides(session).is_none();
    let sessions = history.all.iter().filter(|session| sought(session)).cloned().collect();
    let asked = Asked::new(search, history.take_units(), sessions, source);
    let around = args.context.map_or(search::Context::Line(AROUND), search::Context::Lines);
    let shown = args.limit.unwrap_or(usize::MAX);
    let mut answer = asked.answer(context, Wish { order: args.sort, detailed: shown, around });
    let total = answer.hits.len();
    answer.hits.truncate(shown);
    let entries = locate_all(&answer.hits);
    let mut issues = asked.remarks(&answer);
    if args.json {
        issues.extend(history.issues.iter().cloned());
        answer_json(&asked.source, total, &answer, &entries, &issues)?;
    } else {
        answer_lines(context, &answer, &entries)?;
        tell(total, &answer, &issues, history.issues.len())?;
    }
    asked.store(context, history);
    Ok(ExitCode::SUCCESS)
}

/// The entries of all snippets. Transcripts have to be opened for that, so all processors help.
fn locate_all(hits: &[Hit]) -> Entries {
    let next = AtomicUsize::new(0);
    let found: Mutex<HashMap<usize, Vec<Option<usize>>>> = Mutex::default();
    let work = || {
        while let Some((at, hit)) = hits.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
            let places: Vec<_> = hit.snippets.iter().map(|snippet| &snippet.place).collect();
            let entries = locate(&hit.session, &places);
            found.lock().unwrap_or_else(PoisonError::into_inner).insert(at, entries);
        }
    };
    std::thread::scope(|scope| {
        let helpers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(hits.len());
        (1..helpers).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    (0..hits.len()).map(|at| found.remove(&at).unwrap_or_default()).collect()
}

fn answer_json(source: &str, total: usize, answer: &Answer, entries: &Entries, issues: &[Issue]) -> io::Result<()> {
    let told = json::Search {
        schema_version: SCHEMA_VERSION,
        query: source,
        total,
        hits: answer.hits.iter().zip(entries).map(|(hit, entries)| json::Hit::new(hit, entries)).collect(),
        searched: answer.reach.into(),
        complete: answer.reach.complete,
        issues: issues.iter().map(json::Issue::from).collect(),
    };
    output::json(&mut output::stdout(), &told)
}

fn answer_lines(context: &Context, answer: &Answer, entries: &Entries) -> io::Result<()> {
    let mut out = output::stdout();
    for (hit, entries) in answer.hits.iter().zip(entries) {
        if output::to_terminal() {
            write_for_people(&mut out, context, hit, entries)?;
        } else {
            write_tabbed(&mut out, hit, entries)?;
        }
    }
    out.flush()
}

/// The session, the entry and what stands there: a line for each line of each place, its columns always the same. A
/// session that was found without any place in it has one line, with its title.
fn write_tabbed(out: &mut impl Write, hit: &Hit, entries: &[Option<usize>]) -> io::Result<()> {
    let key = one_line(&hit.session.key.to_string());
    if hit.snippets.is_empty() {
        return writeln!(out, "{key}\t\t{}", one_line(&hit.session.title.text));
    }
    for (snippet, entry) in hit.snippets.iter().zip(entries) {
        let entry = number(*entry);
        for line in snippet.text.lines() {
            writeln!(out, "{key}\t{entry}\t{}", one_line(line))?;
        }
    }
    Ok(())
}

/// A heading, and below it the places.
fn write_for_people(out: &mut impl Write, context: &Context, hit: &Hit, entries: &[Option<usize>]) -> io::Result<()> {
    let (style, columns) = (context.style, output::columns());
    let session = &hit.session;
    let age = session.last_activity.map(|time| table::age(context.clock.now(), time)).unwrap_or_default();
    let mut about = vec![one_line(&session.key.to_string()), age];
    about.extend(session.parent.as_deref().map(|parent| format!("sub-agent of {}", one_line(parent))));
    if hit.count > 1 {
        about.push(format!("{} places", hit.count));
    }
    let title = match one_line(&session.title.text) {
        title if title.is_empty() => "(no title)".to_owned(),
        title => title,
    };
    writeln!(out, "{}", style.bold(&ellipsis(&title, columns)))?;
    writeln!(out, "{}", style.dim(&ellipsis(&about.join(" · "), columns)))?;
    let numbers: Vec<String> = entries.iter().map(|entry| number(*entry)).collect();
    let width = numbers.iter().map(String::len).max().unwrap_or_default();
    for (snippet, number) in hit.snippets.iter().zip(&numbers) {
        for (at, line) in marked(snippet, style).lines().enumerate() {
            let number = if at == 0 { number } else { "" };
            writeln!(out, "  {}  {line}", style.dim(&format!("{number:>width$}")))?;
        }
    }
    writeln!(out)
}

fn number(entry: Option<usize>) -> String {
    entry.map(|index| (index + 1).to_string()).unwrap_or_default()
}

/// The text with what was looked for painted, line by line: no colour reaches over a line's end.
fn marked(snippet: &Snippet, style: Style) -> String {
    let mut text = String::with_capacity(snippet.text.len() + 16 * snippet.ranges.len());
    let mut from = 0;
    for Range { start, end } in snippet.ranges.iter().cloned() {
        let (Some(before), Some(found)) = (snippet.text.get(from..start), snippet.text.get(start..end)) else { break };
        text.push_str(before);
        let painted: Vec<_> = found.split('\n').map(|line| style.yellow(line)).collect();
        text.push_str(&painted.join("\n"));
        from = end;
    }
    text.push_str(snippet.text.get(from..).unwrap_or_default());
    text
}

/// What a reader of the answer should know about it.
fn tell(total: usize, answer: &Answer, remarks: &[Issue], unread: usize) -> io::Result<()> {
    let mut err = io::stderr().lock();
    for remark in remarks {
        writeln!(err, "salon: {}", one_line(&remark.reason))?;
    }
    let mut parts = Vec::new();
    if total == 0 {
        parts.push(format!("nothing found in {} sessions", answer.reach.sessions));
    } else if answer.hits.len() < total {
        parts.push(format!("{} of {total} sessions shown", answer.hits.len()));
    }
    if unread > 0 && !(parts.is_empty() && total > 0) {
        parts.push(format!("{unread} could not be read (salon doctor)"));
    }
    if !parts.is_empty() {
        writeln!(err, "{}", parts.join(" · "))?;
    }
    Ok(())
}
