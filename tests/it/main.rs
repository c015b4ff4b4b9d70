//! One binary for all tests that need no agent, no key and no network.
#![allow(clippy::disallowed_methods, reason = "tests read their own files and may wait for the disk")]

mod architecture;

mod agents {
    mod acp_protocol;
    mod claude;
    mod claude_protocol;
    mod codex;
    mod codex_protocol;
    mod gemini;
    mod goose;
    mod opencode;
    mod opencode_protocol;
    mod qwen;
}
mod annotations;
mod app;
mod approvals;
mod cases;
mod catalog;
mod changes;
mod chat;
mod checks;
mod cli;
mod contract;
mod demo;
mod fidelity;
mod frames;
mod full_disk;
mod git;
mod home;
mod hostile;
mod index;
mod keys;
mod kills;
mod lineage;
mod live;
mod live_cli;
mod live_pty;
mod locked_store;
mod mutations;
mod notifications;
#[cfg(not(target_os = "macos"))]
mod opening_pty;
mod outbox;
mod pty;
mod reader;
mod ring;
mod safeguards;
mod screens;
mod search;
mod search_cli;
mod search_index;
mod search_limits;
mod search_live;
mod search_needles;
mod search_pty;
mod search_query;
mod search_scan;
mod search_screen;
mod search_values;
mod server;
mod split;
mod stats;
mod stdx;
mod store;
mod store_faults;
mod store_writer;
mod support;
mod terminal;
mod trash;
mod worktrees;
