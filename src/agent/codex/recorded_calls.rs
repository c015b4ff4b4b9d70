//! Calls of a rollout that have records of their own, so that the events of their ends only repeat them.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::agent::jsonl::Dialect;
use crate::agent::jsonl::scan::scan;

/// Calls of a rollout, read when one is looked up for the first time: most searches meet no event of an end.
#[derive(Clone, Debug)]
pub(crate) struct RecordedCalls {
    path: PathBuf,
    hashes: Arc<OnceLock<HashSet<u64>>>,
}

impl RecordedCalls {
    /// Creates the list of a rollout without reading it.
    pub(super) fn of(path: PathBuf) -> Self {
        Self { path, hashes: Arc::default() }
    }

    /// Returns true if a call has a record, by the hash of its id. An unreadable rollout has none.
    pub(super) fn contains(&self, dialect: &dyn Dialect, call: u64) -> bool {
        self.hashes.get_or_init(|| read(dialect, &self.path).unwrap_or_default()).contains(&call)
    }
}

fn read(dialect: &dyn Dialect, path: &Path) -> io::Result<HashSet<u64>> {
    let mut hashes = HashSet::new();
    scan(dialect, &dialect.open_text(path, None)?.file, (0, 0), None, |line| {
        let marks = line.metadata.iter().flat_map(|metadata| &metadata.marks);
        hashes.extend(marks.map(|mark| mark.tool).filter(|tool| *tool != 0));
    })?;
    Ok(hashes)
}
