//! A text of the user in a temporary file, while the editor has it. What the editor saved is never lost.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::config::paths::create_private_dir;
use crate::stdx::temp;

/// Prefix of the names of the files. A file that a killed process left contains a text of the user: it stays.
const EDIT_KIND: &str = "edit";

/// Maximum bytes of an edited text, because a prompt is held in memory.
const MAX_BYTES: u64 = 16 << 20;

/// Writes a text to a file for the editor.
pub fn write(text: &str) -> io::Result<PathBuf> {
    draft(text)?.keep().map_err(|error| error.error)
}

/// Writes a text to a file that is removed with its handle.
pub fn draft(text: &str) -> io::Result<TempPath> {
    let mut file = temp::file(EDIT_KIND, ".md")?;
    file.write_all(text.as_bytes())?;
    Ok(file.into_temp_path())
}

/// Reads the edited text and removes its file. A file that is not a text is moved to the directory `kept`; the error
/// says why and where it is.
pub fn read(file: &Path, kept: &Path) -> Result<String, String> {
    match read_text(file) {
        Ok(text) => {
            if let Err(error) = std::fs::remove_file(file) {
                tracing::warn!(%error, "the file of an edited text was not removed");
            }
            // Editors add a final newline that the user did not type.
            Ok(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
        }
        Err(error) if !file.exists() => Err(format!("the edited text could not be read: {error}")),
        Err(error) => {
            let at = keep(file, kept).unwrap_or_else(|_| file.to_owned());
            Err(format!("the edited text was not used: {error}; it is kept in {}", at.display()))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "salon's own file, with a limit")]
fn read_text(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("it is larger than {} MB", MAX_BYTES >> 20)));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not valid UTF-8"))
}

/// Moves a file to a directory on another file system, if necessary.
fn keep(file: &Path, kept: &Path) -> io::Result<PathBuf> {
    create_private_dir(kept)?;
    let target = kept.join(file.file_name().unwrap_or_default());
    if std::fs::rename(file, &target).is_err() {
        std::fs::copy(file, &target)?;
        std::fs::remove_file(file)?;
    }
    Ok(target)
}
