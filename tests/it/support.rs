//! What several tests need: scratch homes made from the fixtures.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::path::{Path, PathBuf};

use salon::agent::Environment;

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

/// The scripted agents, under the names of the real ones, in a folder that can be the whole `PATH`.
pub struct Agents {
    dir: tempfile::TempDir,
}

impl Agents {
    /// These agents, and what they need of the system.
    pub fn of(names: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let fake = std::env::current_exe().expect("this test's program");
        let fake = fake.parent().and_then(Path::parent).expect("the target directory").join("examples/fake-agent");
        assert!(
            fake.is_file(),
            "{} is not built: run the tests without --test, or `cargo build --examples`",
            fake.display()
        );
        for name in names {
            std::os::unix::fs::symlink(&fake, dir.path().join(name)).expect("a link");
        }
        let sleep = ["/usr/bin/sleep", "/bin/sleep"].into_iter().find(|path| Path::new(path).exists());
        std::os::unix::fs::symlink(sleep.expect("sleep"), dir.path().join("sleep")).expect("a link");
        Self { dir }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// What the agents wrote into the log at `FAKE_LOG`, which tests put here.
    pub fn log(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Where they write it.
    pub fn log_file(&self) -> PathBuf {
        self.path().join("fake.log")
    }

    /// Processes that were started, by their ids.
    pub fn started(&self) -> Vec<u32> {
        let pids = self.log().into_iter().filter_map(|record| record["pid"].as_u64());
        pids.filter_map(|pid| u32::try_from(pid).ok()).collect()
    }
}

/// Whether a process lives; one that waits to be reaped does not.
pub fn lives(pid: u32) -> bool {
    salon::stdx::process::start_time(pid).is_some()
}
