//! Runs in a background process: `salon serve` owns them, and windows and commands connect to it over a Unix socket.
//! Over stdin and stdout, `salon serve --stdio` also serves the sessions of its machine to another one.
//!
//! ```text
//! TUI, command ─▶ RunHost ─┬─▶ Live (runs of this process)
//!                          └─▶ Client ─ socket, one JSON object per line ─▶ connection ─▶ Hub ─▶ Live
//! ```
//!
//! The protocol is documented in [`message`], [`index_message`] and [`work_message`]. Only processes of the same user can connect. This layer starts no agent:
//! [`crate::live`] does.

mod client;
mod connection;
mod host;
mod hub;
pub mod index_message;
mod index_service;
pub mod message;
mod message_reader;
mod packed;
mod repeated_calls;
pub mod server;
pub mod shared;
pub mod socket;
mod viewers;
pub mod work_message;

pub use client::{Client, ConnectError, ServeReader, ServeWriter, ServedEvent, ServedViewer};
pub use host::{RunHost, RunViewer};
pub use viewers::Viewers;

/// Version of this program, which both sides name in their first message.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
