//! One binary for all tests that need no agent, no key and no network.

mod architecture;
mod agents {
    mod claude;
    mod codex;
    mod gemini;
    mod goose;
    mod opencode;
    mod qwen;
}
mod app;
mod catalog;
mod cli;
mod contract;
mod index;
mod keys;
mod lineage;
mod pty;
mod reader;
mod screens;
mod search;
mod search_cli;
mod search_index;
mod search_live;
mod search_plants;
mod search_pty;
mod search_query;
mod search_scan;
mod search_screen;
mod stdx;
mod store;
mod support;
mod terminal;
