//! The one server of all OpenCode runs, with the scripted agent in its place: how it is started, shared and ended, and
//! how conversations go on over it.

mod conversation;
mod hosting;
mod models;
mod stage;
