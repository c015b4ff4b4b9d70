//! Scratch repositories, made by the real git with a home of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use salon::git::{Git, Repository};
use tempfile::TempDir;

/// A scratch repository. Its home, its remote and its worktrees are beside it.
pub struct Repo {
    dir: TempDir,
    root: PathBuf,
}

impl Repo {
    /// Creates a repository without commits.
    pub fn empty() -> Self {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let root = dir.path().canonicalize().expect("a path").join("shop");
        fs::create_dir(&root).expect("created");
        let repo = Self { dir, root };
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    /// Creates a repository with one commit.
    pub fn new() -> Self {
        let repo = Self::empty();
        repo.write("readme", "one\ntwo\nthree\n").commit("first");
        repo
    }

    /// Creates a repository with one commit that is pushed to a remote.
    pub fn with_remote() -> Self {
        let repo = Self::new();
        repo.git(&["clone", "--quiet", "--bare", ".", "../origin.git"]);
        let remote = repo.outside().join("origin.git");
        repo.git(&["remote", "add", "origin", remote.to_str().expect("text")]);
        repo.git(&["fetch", "--quiet"]);
        repo.git(&["branch", "--quiet", "--set-upstream-to=origin/main"]);
        repo
    }

    /// Root of the work tree.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Directory that contains the repository.
    pub fn outside(&self) -> PathBuf {
        self.dir.path().canonicalize().expect("a path")
    }

    /// Variables of git's environment.
    pub fn vars(&self) -> Vec<(String, String)> {
        let vars = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", self.dir.path().to_string_lossy().into_owned()),
        ];
        vars.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Returns the program as salon runs it.
    pub fn program(&self) -> Git {
        Git::new(self.vars())
    }

    /// Opens the repository as salon does.
    pub fn open(&self) -> Repository {
        Repository::open(&self.program(), &self.root).expect("a repository")
    }

    /// Runs git by hand in the repository and returns its output without white space around it.
    pub fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.root, args)
    }

    /// Runs git by hand in a directory.
    pub fn git_in(&self, dir: &Path, args: &[&str]) -> String {
        let output = self.command(dir, args).output().expect("git");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git {args:?} in {}: {error}", dir.display());
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    /// Prepares git by hand in a directory.
    pub fn command(&self, dir: &Path, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.current_dir(dir).env_clear().envs(self.vars()).env("GIT_CONFIG_NOSYSTEM", "1");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "A").env(format!("GIT_{who}_EMAIL"), "a@example.org");
        }
        // Submodules of tests are cloned from the disk.
        command.args(["-c", "protocol.file.allow=always"]).args(args);
        command
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) -> &Self {
        write(&self.root.join(name), text);
        self
    }

    /// Commits everything.
    pub fn commit(&self, message: &str) -> &Self {
        self.commit_in(&self.root, message);
        self
    }

    /// Commits everything in a worktree.
    pub fn commit_in(&self, dir: &Path, message: &str) {
        self.git_in(dir, &["add", "--all"]);
        self.git_in(dir, &["commit", "--quiet", "--allow-empty", "-m", message]);
    }

    /// Adds a worktree by hand, with a branch of its name that is pushed with an upstream.
    pub fn pushed_worktree(&self, name: &str) -> PathBuf {
        let path = self.outside().join(name);
        self.git(&["worktree", "add", "--quiet", "-b", name, path.to_str().expect("text")]);
        self.git_in(&path, &["push", "--quiet", "--set-upstream", "origin", name]);
        path
    }
}

/// Writes a file and creates its folders.
pub fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, text).expect("written");
}

/// Writes a program.
pub fn executable(path: &Path, text: &str) {
    write(path, text);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("executable");
}
