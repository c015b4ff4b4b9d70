//! List of sessions: aligned columns that fit the terminal, or tab-separated lines for scripts.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::find::MIN_PREFIX;
use super::output::OutputStyle;
use crate::domain::{Session, SessionState, Time, units};
use crate::stdx::text::{ellipsis, one_line, width};

/// Layout of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct TableLayout {
    /// Width of the terminal in columns; `None` without a terminal: nothing is cut.
    pub columns: Option<usize>,
    /// Colours.
    pub style: OutputStyle,
    /// Current time, for ages.
    pub now: Time,
}

/// Writes a list. Shortened ids stay unique among `all`.
pub(super) fn write(
    out: &mut impl Write,
    layout: TableLayout,
    shown: &[Arc<Session>],
    all: &[Arc<Session>],
) -> io::Result<()> {
    match layout.columns {
        Some(columns) => write_columns(out, layout, columns, shown, &short_ids(all)),
        None => shown.iter().try_for_each(|session| write_tabbed(out, layout.style, session)),
    }
}

/// Writes agent, id, last activity, state, turns, workspace and title, uncut and separated by tabs.
fn write_tabbed(out: &mut impl Write, style: OutputStyle, session: &Session) -> io::Result<()> {
    let activity = session.last_activity.map(Time::rfc3339).unwrap_or_default();
    let cells = [
        session.key.agent.name().to_owned(),
        one_line(&session.key.id),
        style.dim(&activity),
        state(session.state, session.state.name(), style),
        style.dim(&session.turns.to_string()),
        style.dim(&one_line(&session.workspace)),
        one_line(&session.title.text),
    ];
    writeln!(out, "{}", cells.join("\t"))
}

fn write_columns(
    out: &mut impl Write,
    layout: TableLayout,
    columns: usize,
    shown: &[Arc<Session>],
    ids: &HashMap<*const Session, usize>,
) -> io::Result<()> {
    let rows: Vec<Row> = shown.iter().map(|session| Row::new(session, layout.now, ids)).collect();
    let widest = |cell: Cell, most: usize| rows.iter().map(|row| width(cell(row))).max().unwrap_or(0).min(most);
    let (age, agent, id) = (widest(|row| &row.age, 12), widest(|row| row.agent, 12), widest(|row| &row.id, 40));
    let turns = widest(|row| &row.turns, 6);
    // Of the remaining width, at most a third goes to the workspace and the rest to the title.
    let fixed = 2 + age + 2 + agent + 2 + turns + 2 + id;
    let left = columns.saturating_sub(fixed + 4);
    let workspace = widest(|row| &row.workspace, left / 3);
    let title = left.saturating_sub(workspace).max(8);
    for row in &rows {
        let state = state(row.session.state, mark(row.session.state), layout.style);
        let line = [
            format!("{state} {}", layout.style.dim(&pad_left(&row.age, age))),
            pad(row.agent, agent),
            pad(&row.title, title),
            layout.style.dim(&pad(&row.workspace, workspace)),
            layout.style.dim(&pad_left(&row.turns, turns)),
            row.id.clone(),
        ];
        writeln!(out, "{}", line.join("  "))?;
    }
    Ok(())
}

type Cell = for<'a> fn(&'a Row<'_>) -> &'a str;

struct Row<'a> {
    session: &'a Session,
    age: String,
    agent: &'static str,
    title: String,
    workspace: String,
    turns: String,
    id: String,
}

impl<'a> Row<'a> {
    fn new(session: &'a Arc<Session>, now: Time, ids: &HashMap<*const Session, usize>) -> Self {
        let title = match &*session.title.text {
            "" => "(no title)".to_owned(),
            title => one_line(title),
        };
        let length = ids.get(&Arc::as_ptr(session)).copied().unwrap_or(usize::MAX);
        Self {
            session,
            age: session.last_activity.map(|time| units::age(now, time)).unwrap_or_default(),
            agent: session.key.agent.name(),
            title,
            workspace: last_part(&session.workspace),
            turns: session.turns.to_string(),
            id: one_line(&session.key.id).chars().take(length).collect(),
        }
    }
}

/// Length of the shortest unique prefix of each id, at least [`MIN_PREFIX`] characters.
fn short_ids(sessions: &[Arc<Session>]) -> HashMap<*const Session, usize> {
    let mut sorted: Vec<_> = sessions.iter().collect();
    sorted.sort_unstable_by(|a, b| a.key.id.cmp(&b.key.id));
    let shared = |a: &Session, b: &Session| a.key.id.chars().zip(b.key.id.chars()).take_while(|(a, b)| a == b).count();
    let mut lengths = HashMap::with_capacity(sorted.len());
    for (at, session) in sorted.iter().enumerate() {
        let before = at.checked_sub(1).map_or(0, |before| shared(session, sorted[before]));
        let after = sorted.get(at + 1).map_or(0, |after| shared(session, after));
        lengths.insert(Arc::as_ptr(session), MIN_PREFIX.max(before.max(after) + 1));
    }
    lengths
}

fn mark(state: SessionState) -> &'static str {
    match state {
        SessionState::NeedsYou => "!",
        SessionState::Working => "●",
        SessionState::Idle => "○",
        SessionState::Past => " ",
    }
}

/// Paints a text in the colour of a state.
fn state(state: SessionState, text: &str, style: OutputStyle) -> String {
    match state {
        SessionState::NeedsYou => style.yellow(text),
        SessionState::Working | SessionState::Idle => style.green(text),
        SessionState::Past => text.to_owned(),
    }
}

fn last_part(path: &str) -> String {
    let name = Path::new(path).file_name().map_or_else(|| path.into(), |name| name.to_string_lossy());
    one_line(&name)
}

fn pad(text: &str, columns: usize) -> String {
    let cut = ellipsis(text, columns);
    let missing = columns.saturating_sub(width(&cut));
    cut + &" ".repeat(missing)
}

fn pad_left(text: &str, columns: usize) -> String {
    let cut = ellipsis(text, columns);
    " ".repeat(columns.saturating_sub(width(&cut))) + &cut
}
