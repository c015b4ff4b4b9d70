//! Files of the sessions that salon records itself. Blocks.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;

use crate::agent::protocol::ListedSession;
use crate::agent::recorded::{paths, record};
use crate::domain::event::NoticeLevel;
use crate::domain::{Agent, Entry, EntryKey, EntryKind, Role, SessionKey, Time};
use crate::stdx::files;

/// Maximum bytes of a file that are searched for a prompt: one that only lists a session is shorter.
const MAX_LISTED: u64 = 16 << 10;

/// Appends records to the file of a session, which begins with its identity.
pub(super) fn append(folder: &Path, key: &SessionKey, cwd: &Path, now: Time, records: &[u8]) -> io::Result<()> {
    let mut file = open(&paths::record_of(folder, key))?;
    let len = file.metadata()?.len();
    let mut bytes = Vec::with_capacity(records.len());
    if len == 0 {
        bytes.extend(record::session(key, &cwd.to_string_lossy(), now));
    } else if !ends_with_line(&file, len)? {
        // A crash during a write left half a line, which stays unreadable alone.
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(records);
    file.write_all(&bytes)
}

/// Returns true if the file of a session contains a prompt.
pub(super) fn has_prompts(folder: &Path, key: &SessionKey) -> bool {
    let mut head = Vec::new();
    let read =
        files::open(&paths::record_of(folder, key)).and_then(|file| file.take(MAX_LISTED).read_to_end(&mut head));
    let prompt = format!("\"kind\":\"{}\"", EntryKind::Prompt.name());
    read.is_ok_and(|bytes| bytes as u64 == MAX_LISTED) || memchr::memmem::find(&head, prompt.as_bytes()).is_some()
}

/// Creates the file of a session that only its agent knows, unless there is one.
pub(super) fn add_listed(folder: &Path, agent: Agent, session: &ListedSession, now: Time) -> io::Result<()> {
    let key = SessionKey::new(agent, session.id.clone());
    if paths::record_of(folder, &key).exists() {
        return Ok(());
    }
    let time = session.updated.unwrap_or(now);
    let mut records = if session.title.is_empty() { Vec::new() } else { record::title(&session.title) };
    let label = agent.label();
    let mut entry = Entry::new(EntryKey::new("listed", 0), EntryKind::Notice, Role::System, Some(time));
    entry.level = NoticeLevel::Info;
    entry.text = format!("{label} has this conversation. Its text appears here once a prompt continues it.");
    records.extend(record::entry(&entry));
    append(folder, &key, Path::new(&session.cwd), time, &records)
}

/// Opens a file for appending, which only the user can read.
fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

fn ends_with_line(file: &File, len: u64) -> io::Result<bool> {
    let mut last = [0];
    file.read_exact_at(&mut last, len - 1)?;
    Ok(last == *b"\n")
}
