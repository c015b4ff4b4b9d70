//! Entry numbers of hits: from the stored tables, or else from the transcript.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;

use super::corpus::Corpus;
use super::store::{IndexReader, StoredBytes};
use crate::agent::entry_table::{EntryTable, TablePosition};
use crate::agent::texts::RecordLayout;
use crate::agent::{Source, format};
use crate::domain::search::{EntryLocation, LocatedEntry};
use crate::domain::{Session, Time};
use crate::index::locate::locate;

/// Encodes the entry tables of a source's sessions. Sessions that did not change since the `previous` tables keep theirs.
pub(super) fn tables(source: &Source, corpus: &Corpus, previous: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut changed = Vec::new();
    for session in corpus.sessions_at(&source.path) {
        let (id, version) = (&session.key.id, version(session, source));
        match StoredTable::find(previous, id).filter(|stored| stored.version == version) {
            Some(kept) => push_table(id, version, kept.bytes, &mut bytes),
            None => changed.push(&**session),
        }
    }
    format(source.agent).open_each(&changed, &mut |session, opened| {
        if let Some(table) = opened.ok().and_then(|mut transcript| transcript.entry_table()) {
            push_table(&session.key.id, version(session, source), &table, &mut bytes);
        }
    });
    bytes
}

/// Encodes the entry table of the only session of a source.
pub(super) fn table_of_only(source: &Source, session: &Session, table: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_table(&session.key.id, version(session, source), table, &mut bytes);
    bytes
}

fn push_table(id: &str, version: u64, table: &[u8], to: &mut Vec<u8>) {
    let Ok(id_len) = u16::try_from(id.len()) else { return };
    to.extend_from_slice(&id_len.to_le_bytes());
    to.extend_from_slice(id.as_bytes());
    to.extend_from_slice(&version.to_le_bytes());
    to.extend_from_slice(table);
}

/// Returns a number that changes with the session's entries.
fn version(session: &Session, source: &Source) -> u64 {
    // The stamp of other sources changes with each of their sessions.
    let is_own = format(source.agent).texts().is_some_and(|texts| texts.layout(source) == RecordLayout::Lines);
    let mut hasher = FixedState::default().build_hasher();
    hasher.write_u64(session.bytes);
    hasher.write_u32(session.messages);
    hasher.write_i64(session.last_activity.map_or(i64::MIN, Time::millis));
    if is_own {
        hasher.write_u64(source.stamp.inode);
        hasher.write_i64(source.stamp.mtime_ns);
    }
    hasher.finish()
}

/// Stored table of a session.
struct StoredTable<'a> {
    version: u64,
    bytes: &'a [u8],
    table: EntryTable<'a>,
}

impl<'a> StoredTable<'a> {
    /// Finds the table of a session.
    fn find(mut bytes: &'a [u8], id: &str) -> Option<Self> {
        loop {
            let (len, rest) = bytes.split_first_chunk()?;
            let (found, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
            let (version, rest) = rest.split_first_chunk()?;
            let (table, behind) = EntryTable::split(rest)?;
            if found == id.as_bytes() {
                let (version, bytes) = (u64::from_le_bytes(*version), &rest[..rest.len() - behind.len()]);
                return Some(Self { version, bytes, table });
            }
            bytes = behind;
        }
    }
}

/// Finds the entry of each location, from the `stored` tables of the session's source. `None` for a title, and where the
/// transcript cannot be read.
pub(super) fn locate_entries(
    reader: &IndexReader,
    stored: Option<(&Source, StoredBytes)>,
    session: &Session,
    locations: &[&EntryLocation],
) -> Vec<Option<LocatedEntry>> {
    let from_table = || {
        let (source, stored) = stored?;
        let mut bytes = Vec::new();
        // Damaged bytes are read again from the transcript.
        reader.read_stored(stored, &mut bytes).ok()?;
        let version = version(session, source);
        let stored = StoredTable::find(&bytes, &session.key.id).filter(|stored| stored.version == version)?;
        locations.iter().map(|location| position(stored.table, location)).collect::<Result<Vec<_>, NotInTable>>().ok()
    };
    from_table().unwrap_or_else(|| locate(session, locations))
}

/// The entry is on a branch that the table does not number, or one of several with its key, so that the transcript must be
/// opened.
struct NotInTable;

/// Returns the entry of a location.
fn position(table: EntryTable<'_>, location: &EntryLocation) -> Result<Option<LocatedEntry>, NotInTable> {
    let EntryLocation::Entry { key, call, .. } = location else { return Ok(None) };
    match table.position(*key, call) {
        TablePosition::Shown(index) => Ok(Some(LocatedEntry { index, branch: None })),
        TablePosition::Missing => Ok(None),
        TablePosition::Elsewhere => Err(NotInTable),
    }
}
