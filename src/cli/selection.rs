//! Sessions that a command changes: named by ids, or selected by a query.

use std::cell::OnceCell;
use std::sync::Arc;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::query::{self, QueryOptions, QuerySearch};
use super::sessions::LoadedSessions;
use super::{find, output, remote, scope};
use crate::domain::Session;
use crate::domain::catalog::{CatalogFilter, CatalogView, Sort};
use crate::domain::query::{Filter, IsValue, Query};
use crate::domain::search::SearchOrder;
use crate::index::search::SnippetContext;

/// Selection of sessions.
#[derive(Clone, Debug)]
pub(super) enum Selection {
    /// The session with an id.
    Id(String),
    /// The sessions with ids.
    Ids(Vec<String>),
    /// The visible sessions that match a query.
    Query(String),
}

/// Returns the selected sessions. A query with a mistake selects nothing, because a change by mistake would be wrong.
pub(super) fn sessions(context: &CliContext, selection: &Selection) -> Result<Vec<Arc<Session>>, CliError> {
    match selection {
        Selection::Id(id) => by_ids(context, std::slice::from_ref(id)),
        Selection::Ids(ids) => by_ids(context, ids),
        Selection::Query(source) => matching(context, source),
    }
}

/// Returns the sessions with ids, of this machine and of others.
fn by_ids(context: &CliContext, ids: &[String]) -> Result<Vec<Arc<Session>>, CliError> {
    let all = OnceCell::new();
    let find = |id: &String| match remote::named(context, id) {
        Some((source, id)) => remote::session(context, source, id),
        None => find::find(all.get_or_init(|| LoadedSessions::read(context).all), id),
    };
    ids.iter().map(find).collect()
}

fn matching(context: &CliContext, source: &str) -> Result<Vec<Arc<Session>>, CliError> {
    without_mistake(source)?;
    let (mut loaded, search) = query::load(context);
    let query_search = QuerySearch::new(search, &mut loaded, |_| true, source.to_owned());
    let options = QueryOptions { order: SearchOrder::Time, limit: None, detailed: 0, around: SnippetContext::Line(0) };
    let results = query_search.run_exact(context, options);
    // Hidden sessions are selected only if the query asks for their kind, as in `is:empty`.
    let show_hidden = names_hidden(&query_search.query);
    let mut found: Vec<_> = results.hits.into_iter().map(|hit| hit.session).collect();
    found.sort_by(|a, b| Sort::Activity.compare(a, b));
    let filter = CatalogFilter { show_hidden, ..scope::visible(context) };
    let selected = CatalogView::new(&found, &filter, Sort::Activity).sessions;
    if selected.is_empty() {
        output::note(&format!("no session matches the query \"{source}\""))?;
    }
    Ok(selected)
}

/// Returns those of some sessions without transcripts that match a query, by what is known of them.
pub(super) fn matching_among(
    context: &CliContext,
    source: &str,
    sessions: Vec<Arc<Session>>,
) -> Result<Vec<Arc<Session>>, CliError> {
    without_mistake(source)?;
    let query_search = QuerySearch::among(sessions, source.to_owned());
    let options = QueryOptions { order: SearchOrder::Time, limit: None, detailed: 0, around: SnippetContext::Line(0) };
    Ok(query_search.run_exact(context, options).hits.into_iter().map(|hit| hit.session).collect())
}

/// Fails for an empty query, and for one with a mistake.
fn without_mistake(source: &str) -> Result<(), CliError> {
    if source.trim().is_empty() {
        return Err(CliError::new(CliErrorCode::Usage, "the query is empty"));
    }
    match Query::parse(source).errors.first() {
        Some(error) => Err(CliError::new(CliErrorCode::Usage, format!("query: {}", error.message))),
        None => Ok(()),
    }
}

/// Returns true if each alternative of a query asks for a kind of sessions that lists hide.
fn names_hidden(query: &Query) -> bool {
    let is_hidden = |value: &IsValue| matches!(value, IsValue::Empty | IsValue::Headless | IsValue::Subagent);
    let names = |filter: &Filter| matches!(filter, Filter::Is(values) if values.iter().all(is_hidden));
    let branches = &query.branches;
    !branches.is_empty()
        && branches.iter().all(|branch| branch.filters().any(|(filter, negated)| !negated && names(filter)))
}
