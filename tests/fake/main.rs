//! A scripted agent that speaks the protocols of the real ones and misbehaves on demand; what it does stands in the
//! prompt it is given ([`script`]).
//!
//! It is whichever agent its own name says (`claude`, `codex`, `opencode`: tests link it under these names into a
//! folder on `PATH`). `FAKE_START` holds steps that are done before anything is read; `FAKE_LOG` names a file to which
//! it appends one JSON object per line for everything that tests want to know: how it was started, what it was told.

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
        script::misbehave(&step);
    }
    match name.as_str() {
        "codex" => codex::run(),
        "opencode" => opencode::run(),
        _ => claude::run(),
    }
}
