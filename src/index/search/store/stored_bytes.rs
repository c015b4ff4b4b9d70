//! Location of bytes in the data file, and the bytes of paths.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::agent::Source;
use crate::index::encoding::checksum;

/// Bytes in the data file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredBytes {
    /// Offset in the data file.
    pub at: u64,
    /// Number of bytes.
    pub len: usize,
    sum: u32,
}

impl StoredBytes {
    /// Describes bytes; the writer sets their offset.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self { at: 0, len: bytes.len(), sum: checksum(bytes) }
    }

    /// Returns the offset behind the last byte.
    pub(crate) fn end(&self) -> u64 {
        self.at.saturating_add(self.len as u64)
    }

    /// Returns true if the checksum of the bytes matches.
    pub(crate) fn is_intact(&self, bytes: &[u8]) -> bool {
        checksum(bytes) == self.sum
    }
}

/// Returns the bytes of a source's path.
pub(crate) fn path_of(source: &Source) -> Arc<[u8]> {
    source.path.as_os_str().as_bytes().into()
}

/// Returns the path of some bytes.
pub(super) fn to_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}
