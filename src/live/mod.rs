//! Running agents. Agent-neutral: each agent's [`crate::agent::protocol::Codec`] decodes its transport.
//!
//! One task per run ([`run`]) owns the child process, its pipes, timers and event ring. It outlives the process: a
//! session may need several. [`Live`] owns the runs, one per session. Only this layer starts agents. It signals only
//! processes that it started, or that the registry records for a dead salon process.
//!
//! ```text
//! Live::submit ─▶ outbox (on disk) ─▶ RunCommand::Submitted ─▶ run ─▶ codec ─▶ connection ─▶ agent
//! viewer ◀─ ring ◀─ run ◀─ codec ◀─ connection ◀─ agent        run ─▶ LiveEvent (changes of state) ─▶ event loop
//! ```

pub mod approvals;
mod backends;
mod capabilities;
pub mod capacity;
pub mod connect;
pub mod continuations;
pub mod environment;
mod evict;
mod execute;
pub mod files;
pub mod fingerprint;
pub mod group;
pub mod history;
pub mod identity;
mod leftovers;
pub mod models;
mod open_run;
pub mod options;
pub mod policy;
pub mod process;
mod queue;
pub mod recover;
pub mod run;
pub mod server;
pub mod server_request;
mod session_files;
pub mod store_handle;
mod supervisor;
mod terminal_output;
mod terminals;
pub mod transport;
pub mod transport_event;

pub use identity::this_process;
pub use options::{AttachedServer, LiveEvent, LiveOptions};
pub use run::Viewer;
pub use supervisor::Live;
