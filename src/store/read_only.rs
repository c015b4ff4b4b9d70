//! Reading of `state.db` without creating, repairing or changing it.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Result};

use crate::stdx::file_uri::file_uri;

/// Maximum wait for a lock, which readers rarely meet.
const BUSY_TIMEOUT: Duration = Duration::from_millis(500);

/// Opens a database for reading, even where SQLite cannot create a file beside it: then nothing else writes to it either,
/// if there is no log.
pub fn connect(path: &Path) -> Result<Connection> {
    match open(path, "mode=ro") {
        Err(error) if needs_side_files(&error) && !has_log(path) => open(path, "mode=ro&immutable=1"),
        opened => opened,
    }
}

/// Returns true if a database has a table.
pub(super) fn has_table(db: &Connection, name: &str) -> Result<bool> {
    db.prepare_cached("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1")?.exists([name])
}

fn open(path: &Path, parameters: &str) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(file_uri(path, parameters), flags)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    // Opening is lazy; the first query shows if the file and its side files can be used.
    db.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
    Ok(db)
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    // What cannot be asked about may be there.
    Path::new(&log).try_exists().unwrap_or(true)
}

fn needs_side_files(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::SystemIoFailure)
    )
}
