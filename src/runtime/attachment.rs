//! Images and documents that a session contains, as temporary files.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::extract::VIEW_KIND;
use super::shown_transcript::ShownTranscript;
use crate::export::images::{self, EmbeddedFile};
use crate::stdx::temp;

/// Reads the image or document of an entry.
pub(super) fn read(shown: &ShownTranscript, index: usize, state_db: &Path) -> io::Result<EmbeddedFile> {
    let mut reader = shown.open(state_db)?;
    images::of_entry(&mut *reader, index).map_err(io::Error::other)
}

/// Writes an image or document to a file that only the user can read.
pub(super) fn write(embedded: &EmbeddedFile) -> io::Result<PathBuf> {
    let mut file = temp::file(VIEW_KIND, embedded.ending)?;
    file.write_all(&embedded.bytes)?;
    file.into_temp_path().keep().map_err(|error| error.error)
}
