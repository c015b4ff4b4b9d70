//! Sessions, and sub-agents, in several files: one id in the folders of more than one project, which a moved project
//! leaves. See [`crate::agent::jsonl::parts`].

use std::path::{Path, PathBuf};

use crate::agent::Source;
use crate::agent::jsonl::parts;
use crate::agent::jsonl::walk::{self, SESSION, SUBAGENT};
use crate::domain::Agent;

/// Kind of a source: one of several files of a session.
pub(super) const PART: u8 = 4;
/// Kind of a source: one of several files of a sub-agent.
const SUBAGENT_PART: u8 = 5;

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
    let others = files_of(path).into_iter().filter(|part| part != path);
    let walk = walk::Walk::of(Agent::Qwen);
    let mut sources: Vec<Source> = others.filter_map(|part| walk.source(&part)).chain(source.cloned()).collect();
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
    let folder = subagents.or_else(|| path.parent());
    parts::in_all_projects(folder.and_then(Path::parent), path)
}
