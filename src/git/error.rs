//! Errors of git: each says what failed, on what, and what to do next.

use std::path::{Path, PathBuf};

use crate::stdx::text::{first_chars, one_line};

/// Maximum characters of an error message that are kept, because git repeats file names without limit.
const MAX_MESSAGE_CHARS: usize = 400;

/// Error of a git command.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no `git` on the `PATH`.
    #[error("git is not installed, or not on the PATH")]
    NotInstalled,
    /// This version ignores the settings that keep a repository from running programs.
    #[error("git {0} is too old; salon needs version 2.36 or newer")]
    TooOld(String),
    /// The directory does not exist.
    #[error("{} does not exist", .0.display())]
    NoDirectory(PathBuf),
    /// The directory is in no repository.
    #[error("{} is not in a git repository", .0.display())]
    NotARepository(PathBuf),
    /// The directory is in no repository, and has no snapshots without one for a reason.
    #[error("{} is not in a git repository, and {}", .0.display(), .1)]
    PlainDirectory(PathBuf, &'static str),
    /// The directory is in a repository without a work tree.
    #[error("{} is in a bare repository, which has no files to work on", .0.display())]
    Bare(PathBuf),
    /// Another user owns the repository.
    #[error("git regards {} as unsafe, because another user owns it; see safe.directory in git's manual", .0.display())]
    Unsafe(PathBuf),
    /// The configuration names a work tree that does not contain the directory.
    #[error("the repository of {} names another work tree: {}", .0.display(), .1.display())]
    OtherWorkTree(PathBuf, PathBuf),
    /// The repository has no commit yet.
    #[error("{} has no commits yet", .0.display())]
    NoCommits(PathBuf),
    /// A name is no revision of the repository.
    #[error("no commit is named {0:?}")]
    UnknownRevision(String),
    /// A hunk contains bytes that are no text, so that its patch cannot be written.
    #[error("{0} is not UTF-8 text; discard the whole file instead")]
    NotText(String),
    /// A command failed.
    #[error("git {command} failed: {message}")]
    Failed {
        /// Subcommand.
        command: String,
        /// Exit code; `None` after a signal.
        code: Option<i32>,
        /// Output of errors, on one line.
        message: String,
    },
    /// A command exceeded its time limit and was ended.
    #[error("git {command} did not end within {seconds} s")]
    TimedOut {
        /// Subcommand.
        command: String,
        /// Time limit.
        seconds: u64,
    },
    /// A command wrote more than is read.
    #[error("git {command} has more than {limit} MiB, too much to look at")]
    TooLarge {
        /// Subcommand.
        command: String,
        /// Limit of its output.
        limit: usize,
    },
    /// A command returned what this version cannot read.
    #[error("git {0} returned an unknown format")]
    Unreadable(&'static str),
    /// A file or process could not be used.
    #[error("{}: {error}", path.display())]
    Io {
        /// File, or the program.
        path: PathBuf,
        /// Error of the system.
        error: std::io::Error,
    },
}

impl GitError {
    /// Creates an error of the system.
    pub fn io(path: &Path, error: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), error }
    }

    /// Creates the error of a command that failed in a directory.
    pub(super) fn failed(command: &str, code: Option<i32>, stderr: &[u8], dir: &Path) -> Self {
        let message = String::from_utf8_lossy(stderr);
        if message.contains("dubious ownership") {
            return Self::Unsafe(dir.to_owned());
        }
        if message.contains("must be run in a work tree") || message.contains("cannot use bare repository") {
            return Self::Bare(dir.to_owned());
        }
        if message.contains("not a git repository") {
            return Self::NotARepository(dir.to_owned());
        }
        let message = first_chars(&one_line(&message), MAX_MESSAGE_CHARS).to_owned();
        Self::Failed { command: command.to_owned(), code, message }
    }
}
