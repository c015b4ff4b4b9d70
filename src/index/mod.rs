//! Which sessions exist, kept current: scan, cache, watch, read. Knows agents only through [`crate::agent::Format`].
//!
//! [`collect`] answers once, for the command line. [`Index`] stays: it tells what it finds through one bounded channel
//! of [`Event`]s, and never waits for whoever reads them: what nobody has taken yet is merged.
//!
//! ```text
//! discover (a stat each) ─▶ glance (head and tail, newest first) ─▶ summarise (all, or what was appended)
//!        │                        └──────────────┬──────────────────────────┘
//!      cache                                   shelf: units ─▶ sessions, one row for each ─▶ Change
//! ```
//!
//! It must not write to an agent's files, name an agent's files or fields, or decide what a list shows.

mod cache;
mod collect;
mod deadlines;
mod engine;
mod handle;
mod locate;
mod message;
mod options;
mod pool;
mod rank;
mod readings;
pub mod search;
mod seek;
mod shelf;
pub mod snapshot;
mod survey;
mod throttle;
mod watch;
mod workspace;

pub use collect::{Collected, Refresh, RootReport, collect, report};
pub use handle::Index;
pub use locate::locate;
pub use message::{Event, Opened, Sought, Ticket, TranscriptEvent, WatchState};
pub use options::{Options, Watching, search_dir};
pub use rank::Ranker;
pub use readings::matches;
pub use shelf::{Origin, Shelf, Summary};
pub use snapshot::Keeping;
pub use survey::Tally;
pub use throttle::Throttle;
pub use workspace::Workspaces;
