//! `salon list`: sessions, newest first, and how many are hidden.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::args::ListArgs;
use super::context::Context;
use super::failure::Failure;
use super::history::History;
use super::json::{self, SCHEMA_VERSION};
use super::{output, table};
use crate::domain::Session;
use crate::domain::catalog::{Filter, HiddenCounts, Sort, View};
use crate::index::Workspaces;
use crate::runtime::surroundings;

/// Lists sessions.
pub fn run(context: &Context, args: &ListArgs) -> Result<ExitCode, Failure> {
    let history = History::read(context);
    let view = history.catalog.view(&filter(context, args), Sort::Activity);
    let end = args.limit.map_or(usize::MAX, |limit| args.offset.saturating_add(limit)).min(view.sessions.len());
    let page = &view.sessions[args.offset.min(end)..end];
    if args.json {
        answer_json(&history, &view, page)?;
    } else {
        answer(context, &history, &view, page)?;
    }
    Ok(ExitCode::SUCCESS)
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

fn filter(context: &Context, args: &ListArgs) -> Filter {
    let now = context.clock.now();
    let here = args.here.then(surroundings::current_dir).flatten();
    Filter {
        workspace: here.map(|dir| Workspaces::default().of(&dir.to_string_lossy().into())),
        show_hidden: args.hidden,
        agents: args.agents.clone(),
        dir: args.dir.as_deref().map(|dir| absolute(context, dir).to_string_lossy().into_owned()),
        since: args.since.map(|when| when.time(now)),
        until: args.until.map(|when| when.time(now)),
    }
}

/// A directory as sessions name it: absolute, without `.` and `..`, links kept where it does not exist.
fn absolute(context: &Context, dir: &Path) -> PathBuf {
    let dir = context.environment.expand(dir);
    let dir = surroundings::current_dir().unwrap_or_default().join(dir);
    dir.canonicalize().unwrap_or_else(|_| dir.components().collect())
}
