//! Transcript on disk, in the real program's format.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::Options;
use super::output::Output;

/// Version that it reports.
pub const VERSION: &str = "2.1.329";

pub struct Session {
    pub id: String,
    /// Path of the file; `None` if nothing is stored.
    file: Option<PathBuf>,
    /// Id of the last record of the conversation.
    parent: Option<String>,
}

impl Session {
    /// Opens the session that the command line names. Exits with the real program's error if it is invalid.
    pub fn open(options: &Options) -> Self {
        if let Some(id) = &options.resume {
            let found = Self::find(id);
            if found.is_none() && is_kept() {
                let why = format!("No conversation found with session ID: {id}");
                Output::new(&uuid()).send(json!({"type": "result", "subtype": "error_during_execution",
                    "is_error": true, "num_turns": 0, "errors": [why]}));
                exit_with(&why);
            }
            let text = found.as_ref().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
            let mut session = Self { id: id.clone(), file: found, parent: last(&text) };
            if options.fork {
                session.fork(&text, options.resume_at.as_deref());
            }
            return session;
        }
        if let Some(id) = options.session.as_ref().filter(|id| Self::find(id).is_some()) {
            exit_with(&format!("Error: Session ID {id} is already in use."));
        }
        let id = options.session.clone().unwrap_or_else(uuid);
        Self { file: is_kept().then(|| folder().join(format!("{id}.jsonl"))), id, parent: None }
    }

    /// Writes a record of the conversation, linked to the previous one.
    pub fn record(&mut self, mut record: Value) {
        // Some versions record this whatever the variable says.
        let forced = std::env::var("FAKE_ENTRYPOINT").ok();
        let entrypoint = forced.or_else(|| std::env::var("CLAUDE_CODE_ENTRYPOINT").ok());
        let entrypoint = entrypoint.unwrap_or_else(|| "sdk-cli".into());
        let envelope = json!({
            "parentUuid": self.parent, "isSidechain": false, "timestamp": now(), "userType": "external",
            "entrypoint": entrypoint, "cwd": cwd(), "sessionId": self.id, "version": VERSION, "gitBranch": "HEAD",
        });
        self.parent = record["uuid"].as_str().map(str::to_owned);
        for (name, value) in envelope.as_object().into_iter().flatten() {
            if record[name].is_null() {
                record[name] = value.clone();
            }
        }
        self.write(&record);
    }

    /// Unlinks the next record, after a compaction.
    pub fn cut(&mut self) -> Option<String> {
        self.parent.take()
    }

    /// Writes the prompt that may serve as the session's title.
    pub fn last_prompt(&self, prompt: &str) {
        self.write(&json!({
            "type": "last-prompt", "lastPrompt": prompt, "leafUuid": self.parent, "sessionId": self.id,
        }));
    }

    fn write(&self, record: &Value) {
        let Some(path) = &self.file else { return };
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder of the project");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(format!("{record}\n").as_bytes())).expect("the transcript");
    }

    /// Copies all records to a new file, with the same ids; those up to one, if its id is given.
    fn fork(&mut self, text: &str, until: Option<&str>) {
        self.id = uuid();
        self.file = is_kept().then(|| folder().join(format!("{}.jsonl", self.id)));
        for line in text.lines() {
            let Ok(mut record) = serde_json::from_str::<Value>(line) else { continue };
            if record["uuid"].is_string() {
                record["sessionId"] = json!(self.id);
                self.write(&record);
            }
            if until.is_some() && record["uuid"].as_str() == until {
                self.parent = until.map(str::to_owned);
                return;
            }
        }
    }

    fn find(id: &str) -> Option<PathBuf> {
        let folders = std::fs::read_dir(projects()).ok()?;
        folders.flatten().map(|folder| folder.path().join(format!("{id}.jsonl"))).find(|path| path.exists())
    }
}

fn exit_with(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(1);
}

fn last(text: &str) -> Option<String> {
    let mut records = text.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    records.find_map(|record| record["uuid"].as_str().map(str::to_owned))
}

fn is_kept() -> bool {
    std::env::var("FAKE_TRANSCRIPT").as_deref() != Ok("off")
}

fn projects() -> PathBuf {
    let root = std::env::var_os("CLAUDE_CONFIG_DIR").filter(|root| !root.is_empty()).map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".claude");
    root.unwrap_or_else(home).join("projects")
}

fn folder() -> PathBuf {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    projects().join(cwd().chars().map(plain).collect::<String>())
}

fn cwd() -> String {
    std::env::current_dir().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Current time in the transcript's format.
pub fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// Generates a unique id.
pub fn uuid() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let nanos = jiff::Timestamp::now().as_nanosecond().unsigned_abs();
    let pid = std::process::id();
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        pid,
        nanos & 0xffff,
        nanos >> 16 & 0xfff,
        count & 0xfff,
        nanos >> 20 & 0xffff_ffff_ffff
    )
}
