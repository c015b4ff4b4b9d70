//! Renames a session in Claude Code's own way: a record at the end of its transcript, as `/rename` writes it.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use serde_json::json;

use crate::domain::Session;
use crate::stdx::files;

/// Appends the record of a title. The file must exist, and end with a complete record.
pub(super) fn append_title(session: &Session, title: &str) -> io::Result<()> {
    let size = fs::metadata(&session.path)?.len();
    let mut last = [0];
    if let Some(end) = size.checked_sub(1) {
        files::open(&session.path)?.read_exact_at(&mut last, end)?;
    }
    if last != *b"\n" {
        return Err(io::Error::other("its last record is not complete"));
    }
    let record = json!({"type": "custom-title", "customTitle": title, "sessionId": &*session.key.id});
    let mut file = fs::OpenOptions::new().append(true).open(&session.path)?;
    // One write, so that no other program's record comes between.
    file.write_all(format!("{record}\n").as_bytes())?;
    file.sync_data()
}
