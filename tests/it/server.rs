//! The shared server of OpenCode runs, with the scripted agent: start, sharing, shutdown, and sessions on it.

mod api;
mod conversation;
mod harness;
mod health;
mod lifecycle;
mod models;
