//! `salon keep`: keeps sessions that their agent deletes after some time.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::context::CliContext;
use super::error::CliError;
use super::json::SCHEMA_VERSION;
use super::keep_args::KeepArgs;
use super::selection::{self, Selection};
use super::sessions::LoadedSessions;
use super::{output, remote, state};
use crate::domain::{Session, Time};
use crate::runtime::keep::Archive;
use crate::stdx::text::one_line;

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    dry_run: bool,
    sessions: Vec<Row>,
}

/// JSON shape of a session that was kept, released, listed or refused.
#[derive(Serialize)]
struct Row {
    id: String,
    agent: &'static str,
    title: String,
    /// `kept`, `released`, `would_keep`, `would_release`, `purged` (only the archive has it) or `refused`.
    outcome: &'static str,
    reason: Option<String>,
    /// Time from which its agent deletes it.
    purge_at: Option<String>,
}

/// Keeps sessions, releases them, or lists the kept ones.
pub(super) fn run(context: &CliContext, args: &KeepArgs) -> Result<ExitCode, CliError> {
    if let Some((source, ids)) = remote::all_named(context, &args.ids)? {
        let flags = [(args.remove, "--remove"), (args.output.dry_run, "--dry-run"), (args.output.json, "--json")];
        return remote::run_there(source, &remote::words_of_ids("keep", &flags, ids), args.output.json);
    }
    let loaded = LoadedSessions::read(context);
    let archive = Archive::new(context.paths.archive(), &context.environment);
    let row = |session: &Session, outcome, reason| Row {
        id: session.key.id.to_string(),
        agent: session.key.agent.name(),
        title: session.title.text.to_string(),
        outcome,
        reason,
        purge_at: loaded.purge_time(session).map(Time::rfc3339),
    };
    let rows: Vec<Row> = if args.list {
        let kept = loaded.all.iter().filter(|session| session.is_kept());
        let outcome = |session: &Session| if archive.is_archived(&session.path) { "purged" } else { "kept" };
        kept.map(|session| row(session, outcome(session), None)).collect()
    } else {
        let selection = match &args.query {
            Some(query) => Selection::Query(query.clone()),
            None => Selection::Ids(args.ids.clone()),
        };
        let sessions = selection::sessions(context, &selection)?;
        let store = if args.output.dry_run { None } else { Some(state::open(context)?) };
        let change = |session: &Arc<Session>| match (&store, args.remove) {
            (None, _) => archive.refusal(session).map_or(Ok(()), Err),
            (Some(store), false) => archive.keep(store, session, &loaded.all),
            (Some(store), true) => archive.release(store, session, &loaded.all),
        };
        let outcome = match (args.output.dry_run, args.remove) {
            (false, false) => "kept",
            (false, true) => "released",
            (true, false) => "would_keep",
            (true, true) => "would_release",
        };
        let changed = |session: &Arc<Session>| match change(session) {
            Ok(()) => row(session, outcome, None),
            Err(reason) => row(session, "refused", Some(reason)),
        };
        sessions.iter().map(changed).collect()
    };
    finish(rows, args)
}

/// Prints the report. The exit code is 1 if a session was refused.
fn finish(rows: Vec<Row>, args: &KeepArgs) -> Result<ExitCode, CliError> {
    let refused = rows.iter().any(|row| row.outcome == "refused");
    let mut out = output::stdout();
    if args.output.json {
        let dry_run = args.output.dry_run;
        output::json(&mut out, &Report { schema_version: SCHEMA_VERSION, dry_run, sessions: rows })?;
    } else {
        for row in &rows {
            let outcome = row.outcome.replace('_', " ");
            let detail = row.reason.as_deref().map(|reason| format!(": {}", one_line(reason))).unwrap_or_default();
            let (id, title) = (one_line(&row.id), one_line(&row.title));
            output::row(&mut out, &format!("{}:{id}\t{outcome}{detail}\t{title}", row.agent))?;
        }
        out.flush()?;
        if args.list && rows.is_empty() {
            output::note("no session is kept")?;
        }
    }
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
