//! Merges n-gram filters in matrices of few columns, which each small update adds: a query reads rows of each matrix.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;

use super::bit_matrix::decode_column;
use super::filter_group::{BuiltFilter, decode_sessions, encode};
use super::ngram::FilterSegment;
use super::store::{IndexReader, IndexWriter, SharedFilter};

/// Maximum number of small matrices, because each costs a query some reads.
const MAX_SMALL_MATRICES: usize = 64;

/// Maximum columns in use of a small matrix.
const MAX_SMALL_COLUMNS: usize = 16;

/// Writes the filters in small matrices again, in common matrices, if there are many of them.
pub(super) fn merge_small(writer: &mut IndexWriter<'_>) -> io::Result<()> {
    let reader = writer.reader();
    let filters: Vec<SharedFilter> = reader.filters().collect();
    let mut used = vec![0; reader.matrices().len()];
    let columns = filters.iter().flat_map(SharedFilter::segments).filter_map(|(_, column)| column);
    columns.for_each(|(matrix, _)| used[matrix] += 1);
    let is_small = |matrix: usize| (1..=MAX_SMALL_COLUMNS).contains(&used[matrix]);
    if (0..used.len()).filter(|matrix| is_small(*matrix)).count() <= MAX_SMALL_MATRICES {
        return Ok(());
    }
    let is_in_small = |filter: &&SharedFilter| {
        let mut columns = filter.segments().filter_map(|(_, column)| column).peekable();
        columns.peek().is_some() && columns.all(|(matrix, _)| is_small(matrix))
    };
    let mut matrices = HashMap::new();
    // A damaged filter stays as it is.
    let merged: Vec<BuiltFilter> =
        filters.iter().filter(is_in_small).filter_map(|filter| read(&reader, filter, &mut matrices)).collect();
    if merged.is_empty() { Ok(()) } else { writer.append([encode(&merged)]) }
}

/// Reads a filter; `None` where it is damaged. `matrices`: the bytes of the matrices that were read before.
fn read(reader: &IndexReader, filter: &SharedFilter, matrices: &mut HashMap<usize, Vec<u8>>) -> Option<BuiltFilter> {
    let stored = filter.get();
    let (mut sessions, mut tables) = (Vec::new(), Vec::new());
    reader.read_stored(stored.tables, &mut tables).ok()?;
    reader.read_stored(stored.sessions, &mut sessions).ok()?;
    let sessions = if sessions.is_empty() { Vec::new() } else { decode_sessions(&sessions)? };
    let mut segments = Vec::new();
    for (number, (end, column)) in filter.segments().enumerate() {
        let bits = match column {
            None => Vec::new(),
            Some((matrix, column)) => {
                let stored = &reader.matrices()[matrix];
                let bytes = match matrices.entry(matrix) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(place) => {
                        let mut bytes = Vec::new();
                        reader.read_stored(stored.stored, &mut bytes).ok()?;
                        place.insert(bytes)
                    }
                };
                decode_column(stored.shape, bytes, column)?
            }
        };
        let sessions = sessions.get(number).into_iter().flatten().map(|id| (*id).to_owned()).collect();
        segments.push(FilterSegment { end, bits, sessions });
    }
    Some(BuiltFilter { path: stored.path.clone(), cursor: stored.cursor, segments, tables })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use super::super::ngram::{FilterDensity, HASH_BITS, NgramFilterBuilder};
    use super::super::store::IndexStore;
    use super::*;
    use crate::agent::SummaryCursor;

    fn filter(number: usize) -> BuiltFilter {
        let mut builder = NgramFilterBuilder::default();
        builder.begin(&[], FilterDensity::COMPACT);
        builder.add_session("s");
        builder.add_text(format!("word{}", "xyz".repeat(number)).as_bytes());
        let segments = builder.finish(7);
        let path = format!("/{number}").into_bytes().into();
        BuiltFilter { path, cursor: SummaryCursor::default(), segments, tables: vec![7; number] }
    }

    /// Returns everything about the filter of each source: its rows, sessions and tables.
    fn contents(reader: &IndexReader) -> HashMap<String, (Vec<bool>, Vec<u8>, Vec<u8>)> {
        let of = |filter: SharedFilter| {
            let stored = filter.get();
            let (mut sessions, mut tables, mut page) = (Vec::new(), Vec::new(), Vec::new());
            reader.read_stored(stored.sessions, &mut sessions).expect("sessions");
            reader.read_stored(stored.tables, &mut tables).expect("tables");
            let (_, column) = filter.segments().next().expect("a segment");
            let (matrix, column) = column.expect("a column");
            let row =
                |hash| reader.read_row(&reader.matrices()[matrix], (hash, HASH_BITS), &mut page) >> column & 1 != 0;
            let rows = (0..1 << HASH_BITS).step_by(61).map(row).collect();
            (String::from_utf8_lossy(&stored.path).into_owned(), (rows, sessions, tables))
        };
        reader.filters().map(of).collect()
    }

    fn used_matrices(reader: &IndexReader) -> usize {
        let columns = reader.filters().flat_map(|filter| filter.segments().collect::<Vec<_>>());
        let matrices: std::collections::BTreeSet<usize> = columns.filter_map(|(_, column)| Some(column?.0)).collect();
        matrices.len()
    }

    fn write_groups(dir: &Path, count: usize) -> IndexStore {
        let store = IndexStore::open(dir);
        let mut writer = store.writer().expect("a directory").expect("the only writer");
        (0..count).for_each(|number| writer.append([encode(&[filter(number)])]).expect("written"));
        drop(writer);
        store
    }

    #[test]
    fn many_small_matrices_become_few_with_the_same_filters() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = write_groups(dir.path(), MAX_SMALL_MATRICES + 6);
        let before = contents(&store.reader());
        assert_eq!(used_matrices(&store.reader()), MAX_SMALL_MATRICES + 6);
        merge_small(&mut store.writer().expect("a directory").expect("the only writer")).expect("merged");
        let reader = IndexStore::open(dir.path()).refresh();
        assert_eq!(used_matrices(&reader), 2);
        assert!(contents(&reader) == before);
    }

    #[test]
    fn few_small_matrices_stay() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = write_groups(dir.path(), MAX_SMALL_MATRICES);
        let version = store.reader().version();
        merge_small(&mut store.writer().expect("a directory").expect("the only writer")).expect("nothing to do");
        assert_eq!(store.reader().version(), version);
    }
}
