//! `salon list`: lists sessions, newest first, and counts hidden ones.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use super::context::CliContext;
use super::error::CliError;
use super::json::{self, SCHEMA_VERSION};
use super::query::{QueryOptions, QuerySearch};
use super::session_args::ListArgs;
use super::sessions::LoadedSessions;
use super::{output, query, remote, scope, table};
use crate::domain::catalog::{CatalogView, HiddenCounts, Sort};
use crate::domain::search::{SearchOrder, SearchRequest};
use crate::domain::{Issue, Session};
use crate::index::search::{self, SearchIndex};

/// Lists sessions.
pub(super) fn run(context: &CliContext, args: &ListArgs) -> Result<ExitCode, CliError> {
    let source = query::from_args(&args.query)?;
    let request = source
        .clone()
        .map(|query| SearchRequest { query, order: SearchOrder::Time, within: None })
        .map(|request| (request, 0));
    let remote = remote::begin(context, remote::sources_of(context, &args.scope), request)?;
    let (mut loaded, query) = match source {
        None => (LoadedSessions::read(context), None),
        Some(source) => {
            let (loaded, search) = query::load(context);
            (loaded, Some((source, search)))
        }
    };
    let filter = scope::filter(context, &args.scope, args.hidden);
    let (view, mistakes, query_search) = match query {
        None => {
            loaded.add_remote(&remote.wait()?);
            (CatalogView::new(&loaded.all, &filter, Sort::Activity), Vec::new(), None)
        }
        Some((source, search)) => {
            let (mut matching, issues, query_search) = find(context, &mut loaded, search, source);
            let collected = remote.wait()?;
            loaded.issues.extend(remote::issues(&collected));
            let hits = collected.into_iter().flat_map(|source| source.results.hits);
            let remote: Vec<_> = hits.map(|hit| hit.session).collect();
            let is_mounted = |there: &Arc<Session>| {
                matching.iter().any(|own| own.key.id == there.key.id && own.is_mounted_as(there))
            };
            let remote: Vec<_> = remote.into_iter().filter(|session| !is_mounted(session)).collect();
            matching.extend(remote);
            matching.sort_by(|a, b| Sort::Activity.compare(a, b));
            (CatalogView::new(&matching, &filter, Sort::Activity), issues, Some(query_search))
        }
    };
    let end = args.limit.map_or(usize::MAX, |limit| args.offset.saturating_add(limit)).min(view.sessions.len());
    let page = &view.sessions[args.offset.min(end)..end];
    if args.json {
        loaded.issues.extend(mistakes);
        print_json(&loaded, &view, page)?;
    } else {
        // They are nothing that a report on the installation could show.
        mistakes.iter().try_for_each(|mistake| output::note(&mistake.reason))?;
        print(context, &loaded, &view, page)?;
    }
    match query_search {
        Some(query_search) => query_search.store(context, loaded),
        None => loaded.finish(),
    }
    Ok(ExitCode::SUCCESS)
}

/// Searches; returns matching sessions, newest activity first, and issues of the query.
fn find(
    context: &CliContext,
    loaded: &mut LoadedSessions,
    search: SearchIndex,
    source: String,
) -> (Vec<Arc<Session>>, Vec<Issue>, QuerySearch) {
    let query_search = QuerySearch::new(search, loaded, |_| true, source);
    let options =
        QueryOptions { order: SearchOrder::Time, limit: None, detailed: 0, around: search::SnippetContext::Line(0) };
    let results = query_search.run(context, options);
    let issues = query_search.issues(&results);
    let mut sessions: Vec<_> = results.hits.into_iter().map(|hit| hit.session).collect();
    sessions.sort_by(|a, b| Sort::Activity.compare(a, b));
    (sessions, issues, query_search)
}

fn print_json(loaded: &LoadedSessions, view: &CatalogView, page: &[Arc<Session>]) -> io::Result<()> {
    let list = json::ListJson {
        schema_version: SCHEMA_VERSION,
        total: view.sessions.len(),
        sessions: page
            .iter()
            .map(|session| json::SessionJson::from(&**session).purged_at(loaded.purge_time(session)))
            .collect(),
        hidden: view.hidden.into(),
        issues: loaded.issues.iter().map(json::IssueJson::from).collect(),
    };
    output::json(&mut output::stdout(), &list)
}

fn print(context: &CliContext, loaded: &LoadedSessions, view: &CatalogView, page: &[Arc<Session>]) -> io::Result<()> {
    let columns = output::to_terminal().then(output::columns);
    let layout = table::TableLayout { columns, style: context.style, now: context.clock.now() };
    let mut out = output::stdout();
    table::write(&mut out, layout, page, &loaded.all)?;
    out.flush()?;
    let mut err = io::stderr().lock();
    if let Some(line) = summary(view, page.len(), loaded.issues.len()) {
        writeln!(err, "{line}")?;
    }
    Ok(())
}

/// Summarises what the list omits; `None` if the list is complete.
fn summary(view: &CatalogView, shown: usize, issues: usize) -> Option<String> {
    let mut parts = vec![format!("{shown} shown")];
    if shown < view.sessions.len() {
        parts.push(format!("{} more", view.sessions.len() - shown));
    }
    if view.hidden.total() > 0 {
        parts.push(format!("{} hidden: {}", view.hidden.total(), hidden(view.hidden)));
    }
    if issues > 0 {
        parts.push(format!("{issues} {} (see salon doctor)", if issues == 1 { "problem" } else { "problems" }));
    }
    (parts.len() > 1 || shown == 0).then(|| parts.join(" · "))
}

fn hidden(counts: HiddenCounts) -> String {
    let named = counts.by_reason().into_iter().chain([(counts.elsewhere(), "elsewhere")]);
    named.filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}
