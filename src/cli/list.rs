//! `salon list`: sessions, newest first, and how many are hidden.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use super::args::ListArgs;
use super::context::Context;
use super::failure::Failure;
use super::history::History;
use super::json::{self, SCHEMA_VERSION};
use super::query::{Asked, Wish};
use super::{output, query, scope, table};
use crate::domain::catalog::{HiddenCounts, Sort, View};
use crate::domain::found::Order;
use crate::domain::{Issue, Session};
use crate::index::search::{self, Search};

/// Lists sessions.
pub fn run(context: &Context, args: &ListArgs) -> Result<ExitCode, Failure> {
    let (mut history, sought) = match query::given(&args.query)? {
        None => (History::read(context), None),
        Some(source) => {
            let (history, search) = query::read(context);
            (history, Some((source, search)))
        }
    };
    let filter = scope::filter(context, &args.scope, args.hidden);
    let (view, asked) = match sought {
        None => (View::new(&history.all, &filter, Sort::Activity), None),
        Some((source, search)) => {
            let (found, remarks, asked) = found(context, &mut history, search, source);
            history.issues.extend(remarks);
            (View::new(&found, &filter, Sort::Activity), Some(asked))
        }
    };
    let end = args.limit.map_or(usize::MAX, |limit| args.offset.saturating_add(limit)).min(view.sessions.len());
    let page = &view.sessions[args.offset.min(end)..end];
    if args.json {
        answer_json(&history, &view, page)?;
    } else {
        answer(context, &history, &view, page)?;
    }
    match asked {
        Some(asked) => asked.store(context, history),
        None => history.leave(),
    }
    Ok(ExitCode::SUCCESS)
}

/// The sessions in which something is found, newest activity first, and what is to be said of the query.
fn found(
    context: &Context,
    history: &mut History,
    search: Search,
    source: String,
) -> (Vec<Arc<Session>>, Vec<Issue>, Asked) {
    let asked = Asked::new(search, history.take_units(), history.all.clone(), source);
    let wish = Wish { order: Order::Time, detailed: 0, around: search::Context::Line(0) };
    let answer = asked.answer(context, wish);
    let remarks = asked.remarks(&answer);
    let mut sessions: Vec<_> = answer.hits.into_iter().map(|hit| hit.session).collect();
    sessions.sort_by(|a, b| Sort::Activity.compare(a, b));
    (sessions, remarks, asked)
}

fn answer_json(history: &History, view: &View, page: &[Arc<Session>]) -> io::Result<()> {
    let list = json::List {
        schema_version: SCHEMA_VERSION,
        total: view.sessions.len(),
        sessions: page.iter().map(|session| (&**session).into()).collect(),
        hidden: view.hidden.into(),
        issues: history.issues.iter().map(json::Issue::from).collect(),
    };
    output::json(&mut output::stdout(), &list)
}

fn answer(context: &Context, history: &History, view: &View, page: &[Arc<Session>]) -> io::Result<()> {
    let columns = output::to_terminal().then(output::columns);
    let layout = table::Layout { columns, style: context.style, now: context.clock.now() };
    let mut out = output::stdout();
    table::write(&mut out, layout, page, &history.all)?;
    out.flush()?;
    let mut err = io::stderr().lock();
    if let Some(line) = summary(view, page.len(), history.issues.len()) {
        writeln!(err, "{line}")?;
    }
    Ok(())
}

/// What a list leaves out, for people; nothing where it leaves out nothing.
fn summary(view: &View, shown: usize, issues: usize) -> Option<String> {
    let mut parts = vec![format!("{shown} shown")];
    if shown < view.sessions.len() {
        parts.push(format!("{} more", view.sessions.len() - shown));
    }
    if view.hidden.total() > 0 {
        parts.push(format!("{} hidden: {}", view.hidden.total(), hidden(view.hidden)));
    }
    if issues > 0 {
        parts.push(format!("{issues} could not be read (salon doctor)"));
    }
    (parts.len() > 1 || shown == 0).then(|| parts.join(" · "))
}

fn hidden(counts: HiddenCounts) -> String {
    let HiddenCounts { subagent, headless, empty, archived, elsewhere } = counts;
    let named = [
        (subagent, "sub-agents"),
        (headless, "headless"),
        (empty, "empty"),
        (archived, "archived"),
        (elsewhere, "elsewhere"),
    ];
    named
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect::<Vec<_>>()
        .join(", ")
}
