//! Sessions, and sub-agents, in several files: one id in the folders of more than one project, which a moved project
//! leaves. See [`crate::agent::jsonl::parts`].

use std::path::{Path, PathBuf};

use crate::agent::jsonl::parts::{self, PartKinds};
use crate::domain::Agent;

/// Kinds of the sources of sessions in several files.
pub(super) const KINDS: PartKinds = PartKinds { agent: Agent::Qwen, session_part: 4, subagent_part: 5, files_of };

/// Files of the session, or of the sub-agent, whose file is at `path`, by path: those of its name in all project folders.
pub(super) fn files_of(path: &Path) -> Vec<PathBuf> {
    let subagents = path.ancestors().find(|folder| folder.ends_with("subagents"));
    let folder = subagents.or_else(|| path.parent());
    parts::in_all_projects(folder.and_then(Path::parent), path)
}
