//! Sessions, and sub-agents, in several files: one id in more than one project folder.
//!
//! Claude Code moves to another project folder when a session enters or leaves a worktree, or changes its directory. There
//! it continues in a file of the same name. See [`crate::agent::jsonl::parts`].

use std::io;
use std::path::{Path, PathBuf};

use crate::agent::FileStamp;
use crate::agent::jsonl::parts::{self, PartKinds};
use crate::agent::jsonl::{Dialect, TextFile};
use crate::domain::Agent;

/// Kinds of the sources of sessions in several files.
pub(super) const KINDS: PartKinds = PartKinds { agent: Agent::Claude, session_part: 3, subagent_part: 4, files_of };

/// Files of the session, or of the sub-agent, whose file is at `path`, by path: those of its name in all project folders.
pub(super) fn files_of(path: &Path) -> Vec<PathBuf> {
    let subagents = path.ancestors().find(|folder| folder.ends_with("subagents"));
    let project = subagents.map_or_else(|| path.parent(), |folder| folder.parent()?.parent());
    parts::in_all_projects(project, path)
}

/// Stamp of all parts of a session.
pub(super) fn stamp(path: &Path) -> io::Result<FileStamp> {
    parts::stamp(&files_of(path))
}

/// Opens the text of all parts of a session.
pub(super) fn open(dialect: &dyn Dialect, path: &Path) -> io::Result<TextFile> {
    parts::open(dialect, &files_of(path))
}

/// The part that a session continues in, and the directory in which that part runs.
pub(super) fn newest(dialect: &dyn Dialect, path: &Path) -> Option<(PathBuf, Option<String>)> {
    parts::newest(dialect, files_of(path))
}
