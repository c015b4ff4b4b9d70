//! Detects sessions that another OpenCode process has open.
//!
//! OpenCode leaves no sign of them on disk, and two processes on one session answer each other. So every program of
//! OpenCode that has the database open is looked at: it names its session, or it has changed one since it started.
//! Processes of salon are left out, because salon knows their sessions.

use std::path::Path;

use rusqlite::Connection;

use super::paths::{self, DATABASE};
use crate::agent::{SourceRoot, sqlite};
use crate::domain::launch::OWNER_VARIABLE;
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, SessionKey, SessionState, Time};
use crate::stdx::process;

/// Live status of each session that another process has open.
pub(super) fn live_statuses(root: &SourceRoot) -> Vec<LiveStatus> {
    let others = process::programs(Agent::OpenCode.name());
    let others: Vec<u32> =
        others.into_iter().filter(|pid| !process::has_variable(*pid, OWNER_VARIABLE, None)).collect();
    if others.is_empty() {
        return Vec::new();
    }
    let databases = paths::discover(root).sources.into_iter().filter(|source| source.kind == DATABASE);
    let mut statuses: Vec<LiveStatus> = Vec::new();
    for database in databases {
        for pid in others.iter().filter(|pid| process::has_open(**pid, &database.path)) {
            for (id, since) in open_sessions(*pid, &database.path) {
                let key = SessionKey::new(Agent::OpenCode, id);
                if statuses.iter().all(|status| status.key != key) {
                    let (state, pid) = (SessionState::Idle, Some(*pid));
                    statuses.push(LiveStatus { key, pid, state, waiting_for: None, since, activity: None });
                }
            }
        }
    }
    statuses
}

/// Sessions of a process, each with the time of its last change.
fn open_sessions(pid: u32, database: &Path) -> Vec<(String, Option<Time>)> {
    let args = process::arguments(pid);
    let mut found: Vec<(String, Option<Time>)> = named_session(&args).map(|id| (id, None)).into_iter().collect();
    let is_server = args.iter().any(|arg| matches!(arg.as_str(), "serve" | "web" | "acp"));
    let directory = process::directory(pid).filter(|_| !is_server);
    let (Some(start), Ok(opened)) = (process::started_at(pid), sqlite::open(database)) else { return found };
    let changed = changed_since(&opened.connection, start, directory.as_deref()).unwrap_or_default();
    found.extend(changed.into_iter().map(|(id, time)| (id, Some(Time::from_millis(time)))));
    found
}

/// Session that a command line names with `-s` or `--session`.
fn named_session(args: &[String]) -> Option<String> {
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if let Some(id) = arg.strip_prefix("--session=") {
            return Some(id.to_owned());
        }
        if arg == "-s" || arg == "--session" {
            return args.next().cloned();
        }
    }
    None
}

/// Sessions that changed since a time in ms, of one directory or of all.
fn changed_since(db: &Connection, since: i64, directory: Option<&Path>) -> rusqlite::Result<Vec<(String, i64)>> {
    let directory = directory.map(|path| path.to_string_lossy().into_owned());
    let of_table = |table: &str| -> rusqlite::Result<Vec<(String, i64)>> {
        let sql = format!(
            "SELECT id, time_updated FROM {table} WHERE time_updated >= ?1 AND (?2 IS NULL OR directory = ?2)
             ORDER BY time_updated DESC LIMIT 100"
        );
        db.prepare(&sql)?.query_map((since, &directory), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    // A database of 2.x has another table.
    of_table("session").or_else(|_| of_table("session_v2"))
}

#[cfg(test)]
mod tests {
    use super::named_session;

    #[test]
    fn a_command_line_names_its_session() {
        let named = |line: &str| named_session(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(named("opencode -s ses_1"), Some("ses_1".into()));
        assert_eq!(named("node /bin/opencode --session=ses_2 --model a/b"), Some("ses_2".into()));
        assert_eq!(named("opencode run -s"), None);
        assert_eq!(named("opencode serve --port 0"), None);
    }
}
