//! `salon trash` and `salon restore`: removes sessions, and brings them back.
#![expect(clippy::disallowed_methods, reason = "a command has no event loop to delay")]

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::json::SCHEMA_VERSION;
use super::selection::{self, Selection};
use super::sessions::LoadedSessions;
use super::trash_args::{RestoreArgs, TrashArgs};
use super::{find, output, remote, sessions, state};
use crate::domain::{Agent, Session, SessionKey, Title, TitleSource};
use crate::runtime::keep::Archive;
use crate::runtime::trash::{self, Removal};
use crate::stdx::text::one_line;
use crate::store::Store;
use crate::store::trash::TrashedSession;

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    dry_run: bool,
    sessions: Vec<Row>,
}

/// JSON shape of a session that was removed, restored or refused.
#[derive(Serialize)]
struct Row {
    id: String,
    agent: &'static str,
    title: String,
    /// `trashed`, `hidden`, `restored`, `deleted`, `would_trash`, `would_restore`, `would_delete` or `refused`.
    outcome: &'static str,
    reason: Option<String>,
    trashed_at: Option<String>,
}

impl Row {
    fn new(key: &SessionKey, title: &str, outcome: &'static str) -> Self {
        let (id, agent) = (key.id.to_string(), key.agent.name());
        Self { id, agent, title: title.to_owned(), outcome, reason: None, trashed_at: None }
    }

    fn refused(key: &SessionKey, title: &str, reason: String) -> Self {
        Self { reason: Some(reason), ..Self::new(key, title, "refused") }
    }

    fn listed(session: &TrashedSession) -> Self {
        let outcome = if session.moved.is_some() { "trashed" } else { "hidden" };
        Self { trashed_at: Some(session.time.rfc3339()), ..Self::new(&session.key, &session.title, outcome) }
    }
}

/// Moves sessions to the trash, lists it, or empties it.
pub(super) fn run(context: &CliContext, args: &TrashArgs) -> Result<ExitCode, CliError> {
    if let Some((source, ids)) = remote::all_named(context, &args.ids)? {
        let flags = [(args.cancel_queued, "--cancel-queued"), (args.dry_run, "--dry-run"), (args.json, "--json")];
        return remote::run_there(source, &remote::words_of_ids("trash", &flags, ids), args.json);
    }
    let store = if args.list || args.dry_run { state::open_to_read(context)? } else { state::open(context)? };
    let rows = if args.list {
        listed(&store)?.iter().map(Row::listed).collect()
    } else if args.empty {
        empty(context, args, &store)?
    } else {
        let selection = match &args.query {
            Some(query) => Selection::Query(query.clone()),
            None => Selection::Ids(args.ids.clone()),
        };
        remove(context, args, &store, &selection::sessions(context, &selection)?)?
    };
    let is_empty = rows.is_empty() && (args.list || args.empty) && !args.json;
    let code = finish(rows, args.dry_run, args.json)?;
    if is_empty {
        output::note(if args.list { "the trash is empty" } else { "nothing in the trash is due" })?;
    }
    Ok(code)
}

fn remove(
    context: &CliContext,
    args: &TrashArgs,
    store: &Store,
    sessions: &[Arc<Session>],
) -> Result<Vec<Row>, CliError> {
    let all = LoadedSessions::read(context).all;
    let root = context.paths.trash();
    let archive = Archive::new(context.paths.archive(), &context.environment);
    let removal = Removal { all: &all, root: &root, archive: &archive, cancel_queued: args.cancel_queued };
    let row = |session: &Arc<Session>| {
        let (key, title) = (&session.key, &session.title.text);
        if args.dry_run {
            let refusal = removal.refusal(store, session).map_err(|error| state::db_error(&error))?;
            return Ok(match refusal {
                Some(reason) => Row::refused(key, title, reason),
                None => Row::new(key, title, "would_trash"),
            });
        }
        let removed = removal.run(store, session, context.clock.now());
        Ok(removed.map_or_else(|reason| Row::refused(key, title, reason), |trashed| Row::listed(&trashed)))
    };
    sessions.iter().map(row).collect()
}

/// Deletes the files in the trash permanently, or says which would be deleted.
fn empty(context: &CliContext, args: &TrashArgs, store: &Store) -> Result<Vec<Row>, CliError> {
    let before = args.older_than.map(|age| age.time(context.clock.now()));
    let is_due = |session: &TrashedSession| {
        (session.moved.is_some() || args.in_agents) && before.is_none_or(|before| session.time < before)
    };
    let due: Vec<_> = listed(store)?.into_iter().filter(is_due).collect();
    if !args.yes && !args.dry_run && !due.is_empty() {
        let (count, databases) = (due.len(), due.iter().filter(|session| session.moved.is_none()).count());
        let of_agents =
            if databases > 0 { format!(", {databases} of them in agents' databases") } else { String::new() };
        let message = format!(
            "this deletes {} permanently{of_agents}: confirm with --yes, or look with --dry-run",
            output::counted(count, "session")
        );
        return Err(CliError::new(CliErrorCode::Usage, message));
    }
    let all = trash::all_with_hidden(&due, sessions::options(context));
    let delete = |session: &TrashedSession| {
        let (key, title) = (&session.key, &session.title);
        if args.dry_run {
            let reason = trash::delete_command(session, &all).map(|command| format!("runs {command}"));
            return Row { reason, ..Row::new(key, title, "would_delete") };
        }
        let deleted = trash::delete_permanently(store, session, &all, &context.environment);
        deleted.map_or_else(|reason| Row::refused(key, title, reason), |()| Row::new(key, title, "deleted"))
    };
    Ok(due.iter().map(delete).collect())
}

/// Brings sessions back from the trash.
pub(super) fn restore(context: &CliContext, args: &RestoreArgs) -> Result<ExitCode, CliError> {
    if let Some((source, ids)) = remote::all_named(context, &args.ids)? {
        let flags = [(args.dry_run, "--dry-run"), (args.json, "--json")];
        return remote::run_there(source, &remote::words_of_ids("restore", &flags, ids), args.json);
    }
    let store = if args.dry_run { state::open_to_read(context)? } else { state::open(context)? };
    let trashed = listed(&store)?;
    let selected = match &args.query {
        Some(query) => matching(context, &trashed, query)?,
        None => args.ids.iter().map(|id| named(&trashed, id)).collect::<Result<_, CliError>>()?,
    };
    let restore = |session: &TrashedSession| {
        let (key, title) = (&session.key, &session.title);
        if args.dry_run {
            return Row::new(key, title, "would_restore");
        }
        let restored = trash::restore(&store, key);
        restored.map_or_else(|reason| Row::refused(key, title, reason), |_| Row::new(key, title, "restored"))
    };
    finish(selected.into_iter().map(restore).collect(), args.dry_run, args.json)
}

/// Returns the sessions in the trash that match a query by what is known of them.
fn matching<'a>(
    context: &CliContext,
    trashed: &'a [TrashedSession],
    source: &str,
) -> Result<Vec<&'a TrashedSession>, CliError> {
    let known = |trashed: &TrashedSession| {
        let mut session = Session::new(trashed.key.clone(), PathBuf::new());
        session.title = Title::new(&trashed.title, TitleSource::Prompt);
        session.last_activity = Some(trashed.time);
        Arc::new(session)
    };
    let matching = selection::matching_among(context, source, trashed.iter().map(known).collect())?;
    let keys: HashSet<SessionKey> = matching.into_iter().map(|session| session.key.clone()).collect();
    if keys.is_empty() {
        output::note(&format!("no session in the trash matches the query \"{source}\""))?;
    }
    Ok(trashed.iter().filter(|session| keys.contains(&session.key)).collect())
}

fn listed(store: &Store) -> Result<Vec<TrashedSession>, CliError> {
    store.with(|db| crate::store::trash::list(db)).map_err(|error| state::db_error(&error))
}

/// Finds a session in the trash: by exact id, else by unique prefix, else by exact title; `agent:id` selects the agent.
fn named<'a>(trashed: &'a [TrashedSession], name: &str) -> Result<&'a TrashedSession, CliError> {
    let narrowed = name.split_once(':').and_then(|(agent, id)| Some((Agent::from_name(agent)?, id)));
    if let Some((agent, id)) = narrowed {
        let of_agent: Vec<_> = trashed.iter().filter(|session| session.key.agent == agent).collect();
        if let Some(found) = only(&of_agent, id)? {
            return Ok(found);
        }
    }
    // A title may contain a colon too.
    only(&trashed.iter().collect::<Vec<_>>(), name)?.ok_or_else(|| {
        let message = format!("no session in the trash matches \"{name}\"; salon trash --list shows all");
        CliError::new(CliErrorCode::NotFound, message)
    })
}

fn only<'a>(trashed: &[&'a TrashedSession], name: &str) -> Result<Option<&'a TrashedSession>, CliError> {
    let exact = |session: &TrashedSession| *session.key.id == *name;
    let prefix =
        |session: &TrashedSession| name.chars().count() >= find::MIN_PREFIX && session.key.id.starts_with(name);
    let title = |session: &TrashedSession| session.title == name && !name.is_empty();
    for matches in [&exact as &dyn Fn(&TrashedSession) -> bool, &prefix, &title] {
        let found: Vec<_> = trashed.iter().filter(|session| matches(session)).collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok(Some(one)),
            several => {
                let message = format!("\"{name}\" matches {} sessions in the trash", several.len());
                let candidates = several.iter().map(|session| session.key.to_string()).collect();
                return Err(CliError::Reported { code: CliErrorCode::Ambiguous, message, candidates });
            }
        }
    }
    Ok(None)
}

/// Prints the report. The exit code is 1 if a session was refused.
fn finish(rows: Vec<Row>, dry_run: bool, json: bool) -> Result<ExitCode, CliError> {
    let refused = rows.iter().any(|row| row.outcome == "refused");
    let mut out = output::stdout();
    if json {
        output::json(&mut out, &Report { schema_version: SCHEMA_VERSION, dry_run, sessions: rows })?;
    } else {
        rows.iter().try_for_each(|row| line(&mut out, row))?;
        out.flush()?;
    }
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Writes the id, the outcome with its reason or time, and the title, separated by tabs.
fn line(out: &mut impl Write, row: &Row) -> io::Result<()> {
    let (id, title, outcome) = (one_line(&row.id), one_line(&row.title), row.outcome.replace('_', " "));
    match row.reason.as_deref().or(row.trashed_at.as_deref()) {
        Some(detail) => output::row(out, &format!("{}:{id}\t{outcome}: {}\t{title}", row.agent, one_line(detail))),
        None => output::row(out, &format!("{}:{id}\t{outcome}\t{title}", row.agent)),
    }
}
