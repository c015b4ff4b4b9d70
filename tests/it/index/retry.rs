//! Retries of sources that cannot be read at first.

use rusqlite::Connection;

use super::live::Running;
use super::*;

#[test]
fn a25_a_database_that_was_locked_is_read_when_it_is_free() {
    let home = Home::of(&["goose/1.34.0"]);
    let database = home.path().join(".local/share/goose/sessions/sessions.db");
    let holder = Connection::open(&database).expect("opens");
    // With a write-ahead log a reader does not wait for a writer.
    holder.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).expect("rollback journal");
    holder.execute_batch("BEGIN EXCLUSIVE").expect("locks");
    let mut running = Running::start(IndexOptions::new(home.environment(), Instant::now));
    let reported = |running: &Running| running.catalog.issues.iter().any(|issue| issue.path == database);
    running.until("the lock is reported", |running| running.watch.is_some() && running.complete() && reported(running));
    assert!(running.catalog.is_empty());
    // Nothing is written, so that no file event triggers the read.
    holder.execute_batch("ROLLBACK").expect("frees");
    running.until("all is read", |running| !running.catalog.is_empty() && running.catalog.issues.is_empty());
}

#[test]
fn a25_a_new_database_of_another_channel_is_detected() {
    let home = Home::of(&["opencode/1.18.33"]);
    let folder = home.path().join(".local/share/opencode");
    let database = folder.join("opencode.db");
    let aside = home.path().join("aside.db");
    fs::rename(&database, &aside).expect("move");
    fs::write(folder.join("opencode.db-wal"), "").expect("an empty log");
    let mut running = Running::complete_and_watched(IndexOptions::new(home.environment(), Instant::now));
    assert!(running.catalog.is_empty());
    fs::rename(&aside, folder.join("opencode-dev.db")).expect("move");
    running.until("its sessions", |running| !running.catalog.is_empty());
}
