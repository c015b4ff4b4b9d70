//! Scripted agent that implements the protocols of the real agents and misbehaves on demand. Each prompt contains the
//! steps to execute ([`script`]).
//!
//! The name of the executable selects the agent (`claude`, `codex`, `opencode`, `gemini`, `qwen`,
//! `goose`, or `mine` for one that only the configuration knows): tests link it under these names into a
//! folder on `PATH`. `FAKE_START` contains steps to execute before any input is read. `FAKE_LOG` names a file to which
//! it appends one JSON object per line with data for tests: how it was started, and the messages that it received.

#![allow(clippy::disallowed_methods, reason = "tests read their own files")]

mod acp;
mod claude;
mod codex;
mod log;
mod opencode;
mod script;

fn main() {
    let name = std::env::args().next().unwrap_or_default();
    let name = std::path::Path::new(&name).file_name().unwrap_or_default().to_string_lossy().into_owned();
    log::started(&name);
    let start = std::env::var("FAKE_START").unwrap_or_default();
    for step in script::parse(&start) {
        script::run_common_step(&step);
    }
    match name.as_str() {
        "codex" => codex::run(),
        "opencode" if std::env::args().nth(1).as_deref() == Some("acp") => acp::run(&name),
        "opencode" => opencode::run(),
        "gemini" | "qwen" | "goose" | "mine" => acp::run(&name),
        _ => claude::run(),
    }
}
