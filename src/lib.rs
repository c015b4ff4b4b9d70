//! salon: every conversation with your coding agents (past, running and waiting) in one terminal.
//!
//! This page is the architecture. Layers import only downwards; `tests/it/architecture.rs` holds them to it.
//!
//! - [`stdx`]: what the standard library lacks.
//! - [`domain`]: the language of the program: agents, sessions, events, transcripts, the catalog. Plain data.
//! - [`config`]: files to neutral values: keys, themes, settings, paths.
//! - [`agent`]: everything specific to one agent, one folder each, behind [`agent::Format`].
//! - [`store`]: `state.db`, what salon itself must remember.
//! - [`index`]: which sessions exist, kept current; agent-neutral. Opened transcripts are read here, off the interface.
//! - [`app`]: state and decisions: a message in, effects out. Pure and synchronous.
//! - [`ui`]: the state drawn into cells. Reads, changes nothing.
//! - [`runtime`]: the one loop, the terminal, the effects.
//! - [`cli`]: the command line, one file a command.
//!
//! ```text
//! files on disk ──▶ index ──Event──┐                         ┌─▶ ui::draw(&app) ─▶ frame
//! keyboard, signals ─▶ runtime ────┼─▶ Msg ─▶ app::update ───┤
//!                                  ┘     (pure, synchronous) └─▶ Vec<Effect> ─▶ runtime ─▶ index / store / terminal
//! ```
//!
//! One direction, one queue, one writer. Deliberately absent: global state, callbacks into `app`, a plug-in
//! system, a background service, locks shared between drawing and reading, and writing to an agent's own files.

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
