//! The temporary home of the demo. It is locked while the demo runs, so that a later demo can remove what a killed one
//! left.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::bundle::{self, Placeholders};
use super::holder::Holder;
use crate::config::paths::{Paths, create_private_dir};
use crate::domain::Time;
use crate::stdx::process;

/// Beginning of the names of demo homes.
const PREFIX: &str = "salon-demo-";

/// Maximum attempts to remove a home, because a thread may create a file while it is removed.
const REMOVALS: u32 = 20;

/// Interval between two attempts.
const REMOVAL_INTERVAL: std::time::Duration = std::time::Duration::from_millis(25);

/// Locked file in a demo home.
const LOCK: &str = ".lock";

/// Directories of the invented workspaces.
const WORKSPACES: [&str; 5] = ["tidepool", "lantern", "kiln", "birdwatch", "letters"];

/// A temporary home with the bundled history. Dropping it removes it.
#[derive(Debug)]
pub struct DemoHome {
    dir: TempDir,
    _holder: Option<Holder>,
    _lock: File,
}

/// Returns the runtime directory, else the system's directory for temporary files.
pub(super) fn parent(var: impl Fn(&str) -> Option<String>) -> PathBuf {
    let own = var("SALON_RUNTIME_DIR").map(PathBuf::from);
    let of_user = || var("XDG_RUNTIME_DIR").map(|dir| Path::new(&dir).join("salon"));
    let usable = |dir: &PathBuf| create_private_dir(dir).is_ok();
    own.or_else(of_user).filter(usable).unwrap_or_else(std::env::temp_dir)
}

impl DemoHome {
    /// Creates a home below `parent`, with times relative to `now`. Removes homes that killed demos left there.
    pub fn create(parent: &Path, now: Time) -> io::Result<Self> {
        remove_abandoned(parent);
        let private = fs::Permissions::from_mode(0o700);
        let dir = tempfile::Builder::new().prefix(PREFIX).permissions(private).tempdir_in(parent)?;
        let lock = File::create(dir.path().join(LOCK))?;
        lock.lock()?;
        // Without the process, no session counts as open; everything else works.
        let holder = Holder::start().inspect_err(|error| tracing::info!(%error, "no process for open sessions")).ok();
        let pid = holder.as_ref().map_or(0, Holder::pid);
        let start = process::start_time(pid).unwrap_or_default();
        let home = Self { dir, _holder: holder, _lock: lock };
        for workspace in WORKSPACES {
            create_private_dir(&home.path().join("code").join(workspace))?;
        }
        create_private_dir(&home.empty_dir())?;
        bundle::unpack(&Placeholders { home: home.path(), now, pid, start: &start })?;
        Ok(home)
    }

    /// Path of the home.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Directory in which the demo starts.
    pub fn start_dir(&self) -> PathBuf {
        self.path().join("code").join(WORKSPACES[0])
    }

    /// Empty directory.
    pub fn empty_dir(&self) -> PathBuf {
        self.path().join("bin")
    }

    /// Directories of salon's own files below the home.
    pub fn paths(&self) -> Paths {
        let own = self.path().join(".salon");
        Paths {
            config: own.join("config"),
            data: own.join("data"),
            cache: own.join("cache"),
            runtime: own.join("runtime"),
        }
    }

    /// Removes the home. Repeats it while background threads of the screen, which has ended, still write to it.
    pub fn remove(self) -> io::Result<()> {
        let path = self.dir.keep();
        for _ in 1..REMOVALS {
            match fs::remove_dir_all(&path) {
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => std::thread::sleep(REMOVAL_INTERVAL),
                removed => return removed,
            }
        }
        fs::remove_dir_all(&path)
    }
}

/// Removes homes whose lock is free. What cannot be removed belongs to another user, and stays.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let is_home = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        let is_abandoned = || crate::stdx::files::open(&path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_home
            && is_abandoned()
            && let Err(error) = fs::remove_dir_all(&path)
        {
            tracing::info!(%error, ?path, "an abandoned demo could not be removed");
        }
    }
}
