//! Running agents. Agent-neutral: what an agent's wire carries is told by its [`crate::agent::protocol::Codec`].
//!
//! One task a run ([`run`]) owns the child, its pipes, its clocks and its ring of events. The [`supervisor`] owns the
//! runs. Only this layer starts agents, and it only ever signals processes that it started.

pub mod decide;
pub mod history;
pub mod link;
pub mod models;
pub mod post;
pub mod process;
pub mod run;
pub mod server;
