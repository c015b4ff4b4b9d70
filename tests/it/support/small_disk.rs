//! A file system that can be filled.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system for salon's data. Unmounted on drop.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Mounts the file system. `None` where this is not permitted.
    pub fn mount() -> Option<Self> {
        let disk = Self(tempfile::tempdir().expect("a scratch directory"));
        let options = ["-t", "tmpfs", "-o", "size=2m,mode=700", "none"];
        match Command::new("mount").args(options).arg(disk.path()).output() {
            Ok(output) if output.status.success() => Some(disk),
            Ok(output) => {
                eprintln!("skipped: {}", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                eprintln!("skipped: there is no mount: {error}");
                None
            }
        }
    }

    /// Path of the file system.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Fills the disk to the last byte.
    pub fn fill(&self) {
        let mut filler = std::fs::File::create(self.filler()).expect("a file");
        while filler.write(&[0; 512]).is_ok_and(|written| written > 0) {}
    }

    /// Removes what [`fill`](Self::fill) wrote.
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).expect("removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, because a failed test may leave a process with open files.
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} is still mounted", self.path().display());
        }
    }
}
