//! What several tests need: scratch homes made from the fixtures, scripted agents, the clock.
#![allow(dead_code, reason = "each test file uses some of it")]

mod agents;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use salon::agent::Environment;
use salon::domain::Time;

pub use agents::{Agents, Spoken, end, fake_agent};

/// Nothing that is waited for takes this long; a test that waits in vain fails then.
pub const LONG: Duration = Duration::from_mins(1);

/// The folder of fixtures in the repository.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures")
}

/// A home directory of its own, removed with the value.
pub struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    /// An empty home.
    pub fn empty() -> Self {
        Self { dir: tempfile::tempdir().expect("a scratch directory") }
    }

    /// A home made of some fixture homes laid over each other: `claude/2.1.329`, `codex/0.169.0` …
    pub fn of(names: &[&str]) -> Self {
        let home = Self::empty();
        for name in names {
            copy_tree(&fixtures().join(name).join("home"), home.path());
        }
        home
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The environment of a program that runs in it.
    pub fn environment(&self) -> Environment {
        Environment { home: self.path().to_owned(), ..Environment::default() }
    }
}

/// Copies a directory and what is in it.
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

/// Whether a process lives; one that waits to be reaped does not.
pub fn lives(pid: u32) -> bool {
    salon::stdx::process::identity(pid).is_some()
}

/// The clock on the wall.
pub fn clock() -> Time {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    Time::from_millis(i64::try_from(now.as_millis()).expect("a time"))
}

/// Looks until something is so that another process brings about.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to that: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
