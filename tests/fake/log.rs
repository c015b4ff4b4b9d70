//! Log for tests: appends JSON records to the file that `FAKE_LOG` names.

use std::io::Write;

use serde_json::{Value, json};

/// Records the start of the process.
pub fn started(name: &str) {
    let marks = std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("CLAUDE"));
    write(&json!({
        "started": name,
        "pid": std::process::id(),
        "args": std::env::args().skip(1).collect::<Vec<_>>(),
        "cwd": std::env::current_dir().ok(),
        "claude_vars": marks.collect::<Vec<_>>(),
    }));
}

/// Appends one record.
pub fn write(record: &Value) {
    let Ok(path) = std::env::var("FAKE_LOG") else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    // One write per line, because several agents may share the file.
    file.and_then(|mut file| file.write_all(format!("{record}\n").as_bytes())).expect("the log");
}
