//! Git, run as a program: reads repositories, and creates and removes worktrees. Knows no sessions, no settings and no
//! store.
//!
//! Looking at a repository executes nothing that its configuration names: hooks, file monitors, filters, external diffs,
//! pagers, editors, credential helpers and transports are switched off. Directories that git itself regards as unsafe are
//! refused. Each command has a time limit and a process group of its own, and never asks for anything.

pub mod copied_files;
pub mod diff;
pub mod discard;
pub mod error;
pub mod file_content;
pub mod ignored;
pub mod integration;
mod object_sizes;
pub mod obstacles;
pub mod own_repository;
pub mod packs;
mod plain_directory;
pub mod program;
mod quoted_name;
mod raw_files;
mod reflog;
pub mod repository;
pub mod restore;
pub mod snapshot;
mod snapshot_notes;
pub mod stash;
pub mod status;
pub mod submodules;
pub mod undo_commit;
pub mod unpushed;
pub mod worktree;
pub mod worktree_list;
pub mod worktree_record;

pub use error::GitError;
pub use program::Git;
pub use repository::Repository;
