//! Forks that do not say what they were forked from: `--fork-session` copies the records and keeps their ids.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use memchr::memmem;

use crate::agent::jsonl::walk;
use crate::domain::Session;

/// Bytes of a transcript in which its first record is looked for: there as a rule, else farther.
const HEADS: [u64; 2] = [4 << 10, 128 << 10];

/// Finds the session whose first record a fork's first record is. Only a session that was found to be a fork is
/// compared with the others in its folder.
pub fn name_origin(session: &mut Session) {
    if !session.flags.fork || session.forked_from.is_some() {
        return;
    }
    let Some(first) = first_id(&session.path) else { return };
    let Ok(folder) = std::fs::read_dir(session.path.parent().unwrap_or(Path::new("."))) else { return };
    let others = folder.filter_map(Result::ok).map(|entry| entry.path());
    let origin = others
        .filter(|path| *path != session.path && path.extension().is_some_and(|ending| ending == "jsonl"))
        .filter(|path| first_id(path).as_ref() == Some(&first))
        .min_by_key(|path| age(path));
    session.forked_from = origin.map(|path| walk::stem(&path).into());
}

/// A fork is younger than what it was forked from.
fn age(path: &Path) -> Option<std::time::SystemTime> {
    let metadata = std::fs::metadata(path).ok()?;
    metadata.created().or_else(|_| metadata.modified()).ok()
}

/// The id of the first record that is a part of the conversation.
fn first_id(path: &Path) -> Option<Vec<u8>> {
    // An unescaped quote stands in no string, so this is a key; those of other levels are no lines' first.
    let (key, uuid_len) = (br#""uuid":""#, 36);
    HEADS.into_iter().find_map(|bytes| {
        let mut head = Vec::new();
        File::open(path).ok()?.take(bytes).read_to_end(&mut head).ok()?;
        let at = memmem::find(&head, key)? + key.len();
        head.get(at..at + uuid_len).map(<[u8]>::to_vec)
    })
}
