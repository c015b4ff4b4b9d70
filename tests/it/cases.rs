//! Homes from the field: each was read wrongly by some program, and shows what is right. The program itself reads them.

mod chat_files;
mod chats;
mod claude;
mod claude_parts;
mod claude_queue;
mod claude_records;
mod codex;
mod copied_history;
mod displays;
mod doctor;
mod every_kind;
mod families;
mod further_members;
mod line_ends;
mod lost_calls;
mod lost_files;
mod lost_types;
mod members;
mod moved_folders;
mod notations;
mod opencode;
mod outputs;
mod purged;
mod qwen;
mod recovered;
mod repeated_ids;
mod rollout_forms;
mod several_files;
mod shapes;
mod side_results;
mod sidechains;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Home, copy_tree, fixtures};

/// A home below `fixtures/cases`, and the environment to read it with.
pub struct Case {
    home: Home,
    variables: Vec<(&'static str, String)>,
}

impl Case {
    /// Copies a case's home.
    pub fn of(name: &str) -> Self {
        let home = Home::empty();
        copy_tree(&fixtures().join("cases").join(name).join("home"), home.path());
        Self { home, variables: Vec::new() }
    }

    /// An empty home.
    pub fn empty() -> Self {
        Self { home: Home::empty(), variables: Vec::new() }
    }

    /// The case's home.
    pub fn path(&self) -> &Path {
        self.home.path()
    }

    /// Sets a variable to a folder in the home.
    pub fn with_folder(mut self, variable: &'static str, folder: &str) -> Self {
        self.variables.push((variable, self.home.path().join(folder).display().to_string()));
        self
    }

    /// Appends lines to a file of the home.
    pub fn append(&self, file: &str, lines: &[&str]) {
        use std::io::Write;
        let path = self.home.path().join(file);
        let mut file = std::fs::OpenOptions::new().append(true).open(path).expect("a file");
        lines.iter().for_each(|line| writeln!(file, "{line}").expect("written"));
    }

    /// Runs a command with `--json` and returns its object.
    pub fn json(&self, args: &[&str]) -> Value {
        let home = self.home.path();
        let output = Command::new(env!("CARGO_BIN_EXE_salon"))
            .env_clear()
            .envs(["HOME", "SALON_DATA_DIR", "SALON_CONFIG_DIR", "SALON_CACHE_DIR"].map(|name| {
                let folder = if name == "HOME" { home.to_owned() } else { home.join(".salon").join(name) };
                (name, folder)
            }))
            .env("SALON_NOW", "2026-11-28T20:00:00Z")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .args(args)
            .arg("--json")
            .output()
            .expect("salon runs");
        let stdout = String::from_utf8(output.stdout).expect("UTF-8");
        serde_json::from_str(&stdout)
            .unwrap_or_else(|error| panic!("{args:?}: {error}: {stdout}{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// All sessions, hidden ones too.
    pub fn sessions(&self) -> Vec<Value> {
        self.json(&["list", "--hidden"])["sessions"].as_array().expect("sessions").clone()
    }

    /// The only session of the home.
    pub fn only_session(&self) -> Value {
        let sessions = self.sessions();
        assert_eq!(sessions.len(), 1, "{sessions:#?}");
        sessions[0].clone()
    }

    /// The session with this id.
    pub fn session(&self, id: &str) -> Value {
        let sessions = self.sessions();
        let found = sessions.iter().find(|session| session["id"] == id);
        found.unwrap_or_else(|| panic!("no session {id} in {sessions:#?}")).clone()
    }

    /// Entries of a session's shown branch.
    pub fn entries(&self, id: &str) -> Vec<Value> {
        self.json(&["show", id])["entries"].as_array().expect("entries").clone()
    }

    /// One line per entry of a session: its kind, or the tool and its status, then the text.
    pub fn lines(&self, id: &str) -> Vec<String> {
        let line = |entry: &Value| {
            let text = entry["text"].as_str().unwrap_or_default().replace('\n', "|");
            match (entry["tool"]["name"].as_str(), entry["tool"]["status"].as_str()) {
                (Some(tool), Some(status)) => format!("{tool} {status}: {text}"),
                _ => format!("{}: {text}", entry["kind"].as_str().unwrap_or_default()),
            }
        };
        self.entries(id).iter().map(line).collect()
    }

    /// Asserts that a word is shown, and that a search finds it with an entry that contains it.
    #[track_caller]
    pub fn assert_shown_and_found(&self, word: &str) {
        let found = self.json(&["search", word]);
        let hits = found["hits"].as_array().expect("hits");
        assert!(!hits.is_empty(), "{word} is not found: {found}");
        let is_shown = hits.iter().any(|hit| {
            let id = hit["session"]["id"].as_str().expect("an id");
            let entries = self.entries(id);
            let snippets = hit["snippets"].as_array().expect("snippets");
            snippets
                .iter()
                .filter_map(|snippet| snippet["entry"].as_u64())
                .any(|number| entries.iter().any(|entry| entry["n"] == number && entry.to_string().contains(word)))
        });
        assert!(is_shown, "{word} is found without an entry that shows it: {found}");
    }
}
