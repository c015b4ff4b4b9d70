//! Session index: finds, caches, watches and reads the sessions of all agents, through [`crate::agent::Format`] only.
//!
//! [`collect()`] answers once, for the command line. [`Index`] keeps running and sends [`IndexEvent`]s through one
//! bounded channel. It never waits for the receiver: events that are not taken yet are merged.
//!
//! ```text
//! discover (one stat each) ─▶ peek (head and tail, newest first) ─▶ summarise (all, or the appended part)
//!         │                          └──────────────┬──────────────────────────┘
//!       cache                            session table: sources ─▶ sessions, one row each ─▶ CatalogChange
//! ```
//!
//! Must not write to an agent's files, contain an agent's file or field names, or decide which rows a list shows.

mod cache;
mod client_labels;
mod collect;
mod content_title;
mod encoding;
mod engine;
mod file_history;
mod handle;
mod hidden;
mod kept_transcript;
mod live_activity;
mod locate;
mod message;
mod moved_projects;
mod open_transcripts;
mod options;
mod own_files;
mod pool;
mod rank;
mod scanner;
pub mod search;
mod search_service;
mod session_table;
pub mod snapshot;
mod throttle;
mod timers;
mod watch;
mod workspace;

pub use collect::{Collected, Refresh, RootReport, collect, collect_and_index, report};
pub use file_history::file_history;
pub use handle::Index;
pub use kept_transcript::open_transcript;
pub use locate::locate;
pub use message::{IndexEvent, TranscriptTicket, WatchState};
pub use moved_projects::{propose as propose_directories, repository_identity};
pub use open_transcripts::matches;
pub use options::{IndexOptions, WatchMode, search_dir};
pub use own_files::{files_to_keep, own_files};
pub use rank::Ranker;
pub use scanner::ScanCounts;
pub use session_table::{IssueOrigin, SessionTable, SourceContents};
pub use snapshot::PendingWrite;
pub use throttle::Throttle;
pub use workspace::Workspaces;
