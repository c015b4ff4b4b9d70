//! `salon search`: full-text search with snippets. Never opens the screen.

use std::collections::HashMap;
use std::io::{self, Write};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::json::{self, SCHEMA_VERSION};
use super::output::OutputStyle;
use super::query::{self, QueryOptions, QuerySearch};
use super::session_args::SearchArgs;
use super::sessions::LoadedSessions;
use super::{output, remote, scope};
use crate::domain::search::{
    Coverage, EntryLocation, Hit, LocatedEntry, SearchOrder, SearchRequest, SearchResults, SearchUpdate, Snippet,
};
use crate::domain::{Issue, Session, SessionKey, units};
use crate::index::search;
use crate::remote::collect::CollectedSource;
use crate::stdx::text::{ellipsis, one_line};
use crate::stdx::threads::processors;
use crate::stdx::wrap::wrap;

/// Bytes of context around a match without `--context`.
const CONTEXT_BYTES: usize = 160;

/// Entry index of each snippet, per hit, counted from 0.
type Entries = Vec<Vec<Option<LocatedEntry>>>;

/// Runs the search and prints the hits.
pub(super) fn run(context: &CliContext, args: &SearchArgs) -> Result<ExitCode, CliError> {
    let no_query = || CliError::new(CliErrorCode::Usage, "no query; pass QUERY, or `-` to read it from stdin");
    let source = query::required(&args.query)?.ok_or_else(no_query)?;
    let request = SearchRequest { query: source.clone(), order: args.sort, within: None };
    let shown = args.limit.unwrap_or(usize::MAX);
    let remote = remote::begin(context, remote::sources_of(context, &args.scope), Some((request, shown)))?;
    let (mut loaded, search) = query::load_for(context, &source);
    let filter = scope::filter(context, &args.scope, true);
    let selected = |session: &Session| filter.admits(session) && filter.hides(session).is_none();
    let query_search = QuerySearch::new(search, &mut loaded, selected, source);
    let around = args.context.map_or(search::SnippetContext::Line(CONTEXT_BYTES), search::SnippetContext::Lines);
    let limit = args.limit.filter(|limit| *limit > 0 && !args.exhaustive);
    let mut results = query_search.run(context, QueryOptions { order: args.sort, limit, detailed: shown, around });
    let collected = remote.wait()?;
    let remote_issues = remote::issues(&collected);
    let mut remote_entries = HashMap::new();
    for mut source in collected {
        remote_entries.extend(std::mem::take(&mut source.entries));
        add_remote(&mut results, source, args.sort, selected);
    }
    let total = results.hits.len();
    results.hits.truncate(shown);
    let mut entries = locate_all(&query_search, &results.hits, &remote_entries);
    results.hits.iter_mut().zip(&mut entries).for_each(|(hit, entries)| drop_repeated(hit, entries));
    let mut issues = query_search.issues(&results);
    issues.extend(remote_issues);
    if args.json {
        issues.extend(loaded.issues.iter().cloned());
        print_json(&query_search.source, total, &results, &entries, (&loaded, &issues))?;
    } else {
        print_lines(context, &results, &entries)?;
        print_summary(total, &results, &issues, loaded.issues.len())?;
    }
    query_search.store(context, loaded);
    Ok(ExitCode::SUCCESS)
}

/// Adds the hits of another machine.
fn add_remote(
    results: &mut SearchResults,
    source: CollectedSource,
    order: SearchOrder,
    selected: impl Fn(&Session) -> bool,
) {
    let before = results.coverage;
    let is_mounted = |there: &Session| {
        results.hits.iter().any(|own| own.session.key.id == there.key.id && own.session.is_mounted_as(there))
    };
    let hits = source.results.hits.into_iter();
    let hits: Vec<_> = hits.filter(|hit| selected(&hit.session) && !is_mounted(&hit.session)).collect();
    let found = source.results.coverage;
    let coverage = Coverage {
        sessions: before.sessions + found.sessions,
        bytes: before.bytes + found.bytes,
        complete: before.complete && found.complete,
        ..before
    };
    results.apply(SearchUpdate { hits, coverage, corrections: Vec::new() }, order);
}

/// Locates the entries of all snippets; `remote` has those of other machines. Runs on all cores, because it may open
/// transcripts.
fn locate_all(search: &QuerySearch, hits: &[Hit], remote: &HashMap<SessionKey, Vec<Option<LocatedEntry>>>) -> Entries {
    let next = AtomicUsize::new(0);
    let found: Mutex<HashMap<usize, Vec<Option<LocatedEntry>>>> = Mutex::default();
    let locate_next = || {
        while let Some((at, hit)) = hits.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
            let locations: Vec<_> = hit.snippets.iter().map(|snippet| &snippet.location).collect();
            let entries = if hit.session.is_remote() {
                let mut entries = remote.get(&hit.session.key).cloned().unwrap_or_default();
                entries.resize(locations.len(), None);
                entries
            } else {
                search.locate(&hit.session, &locations)
            };
            found.lock().unwrap_or_else(PoisonError::into_inner).insert(at, entries);
        }
    };
    std::thread::scope(|scope| {
        let threads = processors().min(hits.len());
        (1..threads).for_each(|_| drop(scope.spawn(locate_next)));
        locate_next();
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    (0..hits.len()).map(|at| found.remove(&at).unwrap_or_default()).collect()
}

/// Drops the snippets of texts that no entry shows, if an entry shows the same text: a queued prompt was sent later.
fn drop_repeated(hit: &mut Hit, entries: &mut Vec<Option<LocatedEntry>>) {
    let near = |snippet: &Snippet| match &snippet.location {
        EntryLocation::Entry { near, .. } => near.clone(),
        EntryLocation::Title => "".into(),
    };
    let located = hit.snippets.iter().zip(&*entries);
    let shown: Vec<Arc<str>> = located.filter(|(_, entry)| entry.is_some()).map(|(snippet, _)| near(snippet)).collect();
    let is_kept = |(snippet, entry): &(Snippet, Option<LocatedEntry>)| {
        let own = near(snippet);
        entry.is_some() || own.is_empty() || !shown.iter().any(|other| other.contains(&*own))
    };
    let located = std::mem::take(&mut hit.snippets).into_iter().zip(std::mem::take(entries));
    (hit.snippets, *entries) = located.filter(is_kept).unzip();
}

fn print_json(
    source: &str,
    total: usize,
    results: &SearchResults,
    entries: &Entries,
    (loaded, issues): (&LoadedSessions, &[Issue]),
) -> io::Result<()> {
    let hits = results.hits.iter().zip(entries);
    let hits = hits.map(|(hit, entries)| json::HitJson::new(hit, entries, loaded.purge_time(&hit.session))).collect();
    let output_json = json::SearchJson {
        schema_version: SCHEMA_VERSION,
        query: source,
        total,
        hits,
        searched: results.coverage.into(),
        complete: results.coverage.complete,
        issues: issues.iter().map(json::IssueJson::from).collect(),
    };
    output::json(&mut output::stdout(), &output_json)
}

fn print_lines(context: &CliContext, results: &SearchResults, entries: &Entries) -> io::Result<()> {
    let mut out = output::stdout();
    for (hit, entries) in results.hits.iter().zip(entries) {
        if output::to_terminal() {
            write_human(&mut out, context, hit, entries)?;
        } else {
            write_tabbed(&mut out, context.style, hit, entries)?;
        }
    }
    out.flush()
}

/// Writes one line per snippet line: session, entry number and text, separated by tabs. A hit without snippets has
/// one line with its title.
fn write_tabbed(
    out: &mut impl Write,
    style: OutputStyle,
    hit: &Hit,
    entries: &[Option<LocatedEntry>],
) -> io::Result<()> {
    let key = style.dim(&one_line(&hit.session.key.to_string()));
    if hit.snippets.is_empty() {
        return writeln!(out, "{key}\t\t{}", one_line(&hit.session.title.text));
    }
    for (snippet, entry) in hit.snippets.iter().zip(entries) {
        let entry = style.dim(&number(*entry));
        let mut start = 0;
        for line in snippet.text.split_inclusive('\n') {
            let row = start..start + line.trim_end_matches(['\r', '\n']).len();
            start += line.len();
            let text = if style.on {
                highlighted(snippet, row, style).replace('\t', " ")
            } else {
                one_line(&snippet.text[row])
            };
            writeln!(out, "{key}\t{entry}\t{text}")?;
        }
    }
    Ok(())
}

/// Writes a heading with snippets below it.
fn write_human(
    out: &mut impl Write,
    context: &CliContext,
    hit: &Hit,
    entries: &[Option<LocatedEntry>],
) -> io::Result<()> {
    let (style, columns) = (context.style, output::columns());
    let session = &hit.session;
    let age = session.last_activity.map(|time| units::age(context.clock.now(), time)).unwrap_or_default();
    let mut about = vec![one_line(&session.key.to_string()), age];
    about.extend(session.parent.as_deref().map(|parent| format!("sub-agent of {}", one_line(parent))));
    if hit.count > 1 {
        about.push(format!("matches in {} texts", hit.count));
    }
    let title = match one_line(&session.title.text) {
        title if title.is_empty() => "(no title)".to_owned(),
        title => title,
    };
    writeln!(out, "{}", style.bold(&ellipsis(&title, columns)))?;
    writeln!(out, "{}", style.dim(&ellipsis(&about.join(" · "), columns)))?;
    let numbers: Vec<String> = entries.iter().map(|entry| number(*entry)).collect();
    let width = numbers.iter().map(String::len).max().unwrap_or_default();
    let room = columns.saturating_sub(width + 4);
    for (snippet, number) in hit.snippets.iter().zip(&numbers) {
        for (at, row) in rows(&snippet.text, room).into_iter().enumerate() {
            let number = if at == 0 { number } else { "" };
            let line = highlighted(snippet, row, style);
            writeln!(out, "  {}  {line}", style.dim(&format!("{number:>width$}")))?;
        }
    }
    let more = hit.count.saturating_sub(hit.snippets.len());
    if more > 0 && !hit.snippets.is_empty() {
        writeln!(out, "  {}", style.dim(&format!("{:>width$}  {more} more", "")))?;
    }
    writeln!(out)
}

/// Wraps a snippet at words, as byte ranges.
fn rows(text: &str, room: usize) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        rows.extend(wrap(line, room).into_iter().map(|row| start + row.start..start + row.end));
        start += line.len() + 1;
    }
    rows
}

fn number(entry: Option<LocatedEntry>) -> String {
    let text = |LocatedEntry { index, branch }| match branch {
        None => (index + 1).to_string(),
        Some(branch) => format!("{}@{}", index + 1, branch + 1),
    };
    entry.map(text).unwrap_or_default()
}

/// Highlights the matches in a row of a snippet.
fn highlighted(snippet: &Snippet, row: Range<usize>, style: OutputStyle) -> String {
    let part = |range: Range<usize>| snippet.text.get(range).unwrap_or_default();
    let mut text = String::with_capacity(row.len());
    let mut from = row.start;
    for found in &snippet.ranges {
        let (start, end) = (found.start.max(from), found.end.min(row.end));
        if start < end {
            text.push_str(part(from..start));
            text.push_str(&style.yellow(part(start..end)));
            from = end;
        }
    }
    text.push_str(part(from..row.end));
    text
}

/// Prints query issues and a summary on stderr.
fn print_summary(total: usize, results: &SearchResults, issues: &[Issue], unreadable: usize) -> io::Result<()> {
    let mut err = io::stderr().lock();
    for remark in issues {
        writeln!(err, "salon: {}", one_line(&remark.reason))?;
    }
    let mut parts = Vec::new();
    if !results.hits.is_empty() && results.hits.iter().all(Hit::is_by_abbreviation) {
        parts.push("no results; these titles have the letters in order".to_owned());
    }
    if total == 0 {
        parts.push(format!("no results in {}", units::count(results.coverage.sessions, "session", "sessions")));
    } else if results.hits.len() < total {
        let at_least = if results.coverage.complete { "" } else { "at least " };
        let all = units::count(total, "session", "sessions");
        parts.push(format!("{} of {at_least}{all} shown", results.hits.len()));
    }
    if unreadable > 0 && !(parts.is_empty() && total > 0) {
        parts.push(format!("{unreadable} {} (see salon doctor)", if unreadable == 1 { "problem" } else { "problems" }));
    }
    if !parts.is_empty() {
        writeln!(err, "{}", parts.join(" · "))?;
    }
    Ok(())
}
