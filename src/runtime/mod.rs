//! Runtime around the pure core: event loop, terminal, effects.
//!
//! Only this layer touches the terminal, starts programs and reads the clock. It makes no decision that a user can see;
//! those are made in [`crate::app`].

pub mod changes;
pub mod delivery;
pub mod desktop_notification;
pub mod env;
pub mod frames;
pub mod live_options;
pub mod log;
pub mod path_completion;
pub mod programs;
mod progress;
pub mod relocate;
mod relocate_effects;
pub mod remarks;
mod remote_effects;
mod remote_git;
mod remote_work;
pub mod remotes;
pub mod rename;
pub mod resume;
pub mod revert;
pub mod rewind;
pub mod rewind_plan;
mod runs;
pub mod saved_backends;
pub mod saved_models;
pub mod serve;
pub mod shown_transcript;
pub mod work;

mod agent_command;
mod attachment;
pub mod brief_effects;
mod change_context;
mod change_effects;
mod children;
mod clipboard;
mod colours;
mod command_sequence;
mod opener;
mod other_sessions;
mod picture_effects;
mod picture_loader;
mod picture_sources;
mod pictures;

pub mod edited_text;
mod editor;
mod effect_runner;
mod effects;
mod export_effects;
pub mod extract;
pub mod file_history;
mod foreground;
mod git_effects;
pub mod git_menu;
mod index_messages;
mod input;
pub mod keep;
mod keep_effects;
mod keys;
mod models;
mod resume_check;
mod run_effects;
mod screen;
mod search_parts;
mod shell;
mod shutdown;
mod signals;
mod start;
mod startup_action;
pub mod state_db;
pub mod store_writer;
mod task_message;
mod terminal;
mod terminal_owner;
mod terminal_reply;
pub mod trash;
mod trash_effects;
pub mod turn_snapshots;
mod user_command;
pub mod work_tree_reader;
mod worktree_effects;
pub mod worktrees;

use std::time::Instant;

pub use start::{StartOptions, run};
pub use startup_action::StartupAction;

/// Returns the monotonic time; passed down as a function.
pub fn instant() -> Instant {
    Instant::now()
}
