//! Lookup of programs on `PATH`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Returns the executable that a shell would start for `program`. `path` is the value of `PATH`; its empty parts, which
/// mean the current directory, are skipped.
pub fn find(program: &str, path: Option<&str>) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|file| is_executable(file));
    }
    let dirs = path?.split(':').filter(|dir| !dir.is_empty());
    dirs.map(|dir| Path::new(dir).join(program)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
