//! Running agents. Agent-neutral: what an agent's wire carries is told by its [`crate::agent::protocol::Codec`].
//!
//! One task a run ([`run`]) owns the child, its pipes, its clocks and its ring of events, over as many processes as the
//! conversation takes. [`Live`] owns the runs: one a conversation, however often it is asked for. Only this layer
//! starts agents, and it only ever signals processes that it started, or that a dead salon has on record.
//!
//! ```text
//! Live::submit ─▶ outbox (on disk) ─▶ Order::Submitted ─▶ run ─▶ codec ─▶ link ─▶ agent
//! viewer ◀─ ring ◀─ run ◀─ codec ◀─ link ◀─ agent          run ─▶ Event (changes of state) ─▶ the loop
//! ```

mod connect;
pub mod decide;
pub mod environment;
mod evict;
pub mod history;
pub mod link;
pub mod models;
pub mod options;
pub mod post;
pub mod process;
pub mod questions;
mod queue;
pub mod recover;
pub mod run;
pub mod server;
mod supervisor;

pub use options::{Attached, Event, Options};
pub use recover::this_process;
pub use run::Viewer;
pub use supervisor::Live;
