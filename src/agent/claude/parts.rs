//! Sessions, and sub-agents, in several files: one id in more than one project folder.
//!
//! Claude Code moves to another project folder when a session enters or leaves a worktree, or moves to another directory,
//! and goes on there in a file of the same name. See [`crate::agent::jsonl::parts`].

use std::io;
use std::path::{Path, PathBuf};

use crate::agent::jsonl::walk::{self, SESSION, SUBAGENT};
use crate::agent::jsonl::{Dialect, TextFile, parts};
use crate::agent::{FileStamp, Source};

/// Kind of a source: one of several files of a session.
pub(super) const PART: u8 = 3;
/// Kind of a source: one of several files of a sub-agent.
const SUBAGENT_PART: u8 = 4;

/// True for one of several files.
pub(super) fn is_part(kind: u8) -> bool {
    matches!(kind, PART | SUBAGENT_PART)
}

/// True for a file of a sub-agent.
pub(super) fn is_subagent(kind: u8) -> bool {
    matches!(kind, SUBAGENT | SUBAGENT_PART)
}

/// Marks the sources below the folder of projects that are parts of a session, with the stamp of all parts.
pub(super) fn mark(projects: &Path, sources: &mut [Source]) {
    let part_kind = |kind| match kind {
        SESSION => Some(PART),
        SUBAGENT => Some(SUBAGENT_PART),
        _ => None,
    };
    parts::mark(sources, |path| parts::in_project(projects, path), part_kind);
}

/// The sources of a session whose file changed: the file, and the other parts, whose stamps change with it.
pub(super) fn affected(projects: &Path, path: &Path, source: Option<&Source>) -> Vec<(PathBuf, Option<Source>)> {
    let parts = files_of(path);
    let others = parts.iter().filter(|part| *part != path);
    let walk = walk::Walk::of(crate::domain::Agent::Claude);
    let mut sources: Vec<Source> = others.filter_map(|part| walk.source(part)).chain(source.cloned()).collect();
    mark(projects, &mut sources);
    let mut rows: Vec<_> = sources.into_iter().map(|source| (source.path.clone(), Some(source))).collect();
    if source.is_none() {
        rows.push((path.to_owned(), None));
    }
    rows
}

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
    let paths = files_of(path);
    if paths.len() < 2 { TextFile::open(path) } else { parts::open(dialect, &paths) }
}

/// The part that a session continues in, and the directory in which that part runs.
pub(super) fn newest(dialect: &dyn Dialect, path: &Path) -> Option<(PathBuf, Option<String>)> {
    parts::newest(dialect, files_of(path))
}
