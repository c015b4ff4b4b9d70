//! Images and documents that a session contains, as temporary files.

use std::io::{self, Write};
use std::path::PathBuf;

use super::extract::VIEW_KIND;
use crate::agent;
use crate::domain::Session;
use crate::export::images;
use crate::stdx::temp;

/// Writes the image or document of an entry to a file that only the user can read.
pub(super) fn write(session: &Session, index: usize) -> io::Result<PathBuf> {
    let mut reader = agent::format(session.key.agent).open(session)?;
    let found = images::of_entry(&mut *reader, index).map_err(io::Error::other)?;
    let mut file = temp::file(VIEW_KIND, found.ending)?;
    file.write_all(&found.bytes)?;
    file.into_temp_path().keep().map_err(|error| error.error)
}
