//! salon: every conversation with your coding agents (past, running and waiting) in one terminal.
//!
//! This page is the architecture. Layers import only downwards; `tests/it/architecture.rs` holds them to it.
//!
//! - [`stdx`]: what the standard library lacks.
//! - [`domain`]: the language of the program: agents, sessions, events, transcripts, the catalog. Plain data.
//! - [`config`]: files to neutral values: keys, themes, settings, paths.
//! - [`agent`]: everything specific to one agent, one folder each: [`agent::Format`] reads what it stores,
//!   [`agent::Protocol`] tells how it is driven. Bytes to events and back; no processes, no sockets.
//! - [`store`]: `state.db`, what salon itself must remember: choices, runs, prompts that are on their way.
//! - [`index`]: which sessions exist, kept current; agent-neutral. Opened transcripts are read here, off the interface.
//! - [`live`]: runs of agents; agent-neutral. One task a run owns the child, its pipes, its clocks and its events.
//! - [`app`]: state and decisions: a message in, effects out. Pure and synchronous.
//! - [`ui`]: the state drawn into cells. Reads, changes nothing.
//! - [`runtime`]: the one loop, the terminal, the effects.
//! - [`cli`]: the command line, one file a command.
//!
//! ```text
//! files on disk ─────▶ index ──Event──┐                         ┌─▶ ui::draw(&app) ─▶ frame
//! agent processes ◀──▶ live ───Event──┼─▶ Msg ─▶ app::update ───┤
//! keyboard, signals ─▶ runtime ───────┘     (pure, synchronous) └─▶ Vec<Effect> ─▶ runtime ─▶ index / live / store / terminal
//! ```
//!
//! One direction, one queue, one writer. A transcript on disk and a run at work give the same
//! [`Event`](domain::Event)s, which fold into the same [`Transcript`](domain::transcript::Transcript): a reader cannot
//! tell one from the other, and where a turn is on disk too, nothing is shown twice.
//!
//! # What always holds
//!
//! - `update` never awaits and does no IO; `draw` never blocks and changes no state.
//! - An agent's own files are opened for reading only.
//! - What a transcript or an agent says is sanitised before it reaches the terminal.
//! - A prompt is on disk before it is shown as accepted, and goes to its agent once. Where it is not certain whether it
//!   arrived (a crash of the agent, of salon), it is held: nothing is sent again by itself.
//! - Only [`live`] runs agents, each in a process group that ends with salon; what a killed salon left behind, the next
//!   one ends. No other process is signalled. ([`runtime`] lends the terminal to an agent's own program, when asked to.)
//! - Programs are started with an argument list, never through a shell, and no prompt stands in one.
//! - Whether a session is at work is derived from a living process and an open turn; no stored state says so alone.
//! - A stored transcript's reader holds the entries around what is shown, a run a ring of what happened last; all else
//!   stays on disk.
//!
//! # Deliberately absent
//!
//! Global state, callbacks into `app`, a plug-in system, a background service (runs end with their salon), locks shared
//! between drawing and reading, writing to an agent's own files, leave that nobody gave (where nobody can be asked,
//! approvals are denied), and agents' own screens in a pane: they are driven over their protocols.

pub mod agent;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod index;
pub mod live;
pub mod runtime;
pub mod stdx;
pub mod store;
pub mod ui;
