//! Origins of forks that do not record one: `--fork-session` copies the records and keeps their ids.

use std::io::Read;
use std::path::Path;

use memchr::memmem;

use crate::agent::jsonl::walk;
use crate::domain::Session;
use crate::stdx::files;

/// Number of bytes to read for a transcript's first record: 4 KiB nearly always suffice, else 128 KiB are read.
const HEAD_BYTES: [u64; 2] = [4 << 10, 128 << 10];

/// Sets the origin of a fork to the session with the same first record. Only detected forks are compared with the other
/// sessions of their folder.
pub(super) fn set_origin(session: &mut Session) {
    if !session.flags.fork || session.forked_from.is_some() {
        return;
    }
    let Some(first) = first_id(&session.path) else { return };
    let Ok(folder) = std::fs::read_dir(session.path.parent().unwrap_or(Path::new("."))) else { return };
    let others = folder.filter_map(Result::ok).map(|entry| entry.path());
    let origin = others
        .filter(|path| *path != session.path && path.extension().is_some_and(|ending| ending == "jsonl"))
        .filter(|path| first_id(path).as_ref() == Some(&first))
        .min_by_key(|path| created(path));
    session.forked_from = origin.map(|path| walk::stem(&path).into());
}

/// Creation time of a file; a fork is created after its origin.
fn created(path: &Path) -> Option<std::time::SystemTime> {
    let metadata = std::fs::metadata(path).ok()?;
    metadata.created().or_else(|_| metadata.modified()).ok()
}

/// Reads the id of the first record of the conversation.
pub(super) fn first_id(path: &Path) -> Option<Vec<u8>> {
    // Strings contain no unescaped quote, so this matches a key; nested keys never come first in a line.
    let (key, uuid_len) = (br#""uuid":""#, 36);
    HEAD_BYTES.into_iter().find_map(|bytes| {
        let mut head = Vec::new();
        files::open(path).ok()?.take(bytes).read_to_end(&mut head).ok()?;
        let at = memmem::find(&head, key)? + key.len();
        head.get(at..at + uuid_len).map(<[u8]>::to_vec)
    })
}
