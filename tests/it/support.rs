//! Shared test support: scratch homes from the fixtures, scripted agents, the clock.
#![allow(dead_code, reason = "each test file uses some of it")]

mod agents;
mod small_disk;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use salon::agent::Environment;
use salon::domain::Time;

pub use agents::{Agents, FakeAgent, end, fake_agent};
pub use small_disk::SmallDisk;

/// Timeout of every wait. No wait takes this long unless the test fails.
pub const TIMEOUT: Duration = Duration::from_mins(1);

/// Directory of the fixtures.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures")
}

/// A scratch home directory, removed on drop.
pub struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    /// Creates an empty home.
    pub fn empty() -> Self {
        Self { dir: tempfile::tempdir().expect("a scratch directory") }
    }

    /// Creates a home from fixture homes laid over each other: `claude/2.1.329`, `codex/0.169.0` …
    pub fn of(names: &[&str]) -> Self {
        let home = Self::empty();
        for name in names {
            copy_tree(&fixtures().join(name).join("home"), home.path());
        }
        home
    }

    /// Path of the home.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Environment of a program that runs in the home.
    pub fn environment(&self) -> Environment {
        Environment { home: self.path().to_owned(), ..Environment::default() }
    }
}

/// Copies a directory recursively.
pub fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("create directory");
    for entry in std::fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("directory entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("file type").is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).expect("copy file");
        }
    }
}

/// True if a process is alive. A zombie is not.
pub fn is_alive(pid: u32) -> bool {
    salon::stdx::process::identity(pid).is_some()
}

/// Wall clock time.
pub fn clock() -> Time {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    Time::from_millis(i64::try_from(now.as_millis()).expect("a time"))
}

/// Polls until a condition holds that another process fulfils.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to that: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
