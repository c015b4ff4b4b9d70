//! Rollout on disk, in the real program's format: from the first turn on, one line per record.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

pub struct Rollout {
    pub id: String,
    /// Path of the file; `None` if nothing is stored.
    pub path: Option<PathBuf>,
    cwd: String,
    /// Number of lines, including those before a fork.
    ordinal: u64,
    /// Base of a fork.
    base: Option<Value>,
    /// Lock held while the thread is loaded, against other writers.
    _lock: Option<File>,
}

impl Rollout {
    /// Creates a thread. Its file is created with the first turn.
    pub fn new(cwd: &str) -> Self {
        let id = uuid();
        let day = jiff::Timestamp::now().strftime("%Y/%m/%d").to_string();
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H-%M-%S").to_string();
        let path = is_kept().then(|| home().join("sessions").join(day).join(format!("rollout-{time}-{id}.jsonl")));
        let lock = lock(&id).ok();
        Self { id, path, cwd: cwd.to_owned(), ordinal: 0, base: None, _lock: lock }
    }

    /// Opens a thread on disk.
    pub fn resume(id: &str, cwd: &str) -> Result<Self, String> {
        let path = find(id);
        if path.is_none() && is_kept() {
            return Err(format!("no rollout found for thread id {id}"));
        }
        let lock = lock(id).map_err(|_| format!("thread {id} already has an active writer"))?;
        let ordinal =
            path.as_ref().and_then(|path| fs::read_to_string(path).ok()).map_or(0, |text| text.lines().count());
        let (id, cwd) = (id.to_owned(), cwd.to_owned());
        Ok(Self { id, path, cwd, ordinal: ordinal as u64, base: None, _lock: Some(lock) })
    }

    /// Forks a thread. The fork is on disk at once and copies no lines.
    pub fn fork(id: &str, cwd: &str) -> Result<Self, String> {
        let from = find(id).ok_or_else(|| format!("no rollout found for thread id {id}"))?;
        let text = fs::read_to_string(&from).map_err(|error| error.to_string())?;
        let mut fork = Self::new(cwd);
        fork.ordinal = text.lines().count() as u64;
        fork.base =
            Some(json!({"thread_id": id, "end_ordinal_exclusive": fork.ordinal, "end_byte_offset": text.len()}));
        fork.begin();
        Ok(fork)
    }

    /// Writes the head, unless the file exists.
    pub fn begin(&mut self) {
        if self.path.as_ref().is_some_and(|path| !path.exists()) {
            let mut head = json!({"id": self.id, "session_id": self.id, "timestamp": now(), "cwd": self.cwd,
                "originator": "salon", "cli_version": super::VERSION, "source": "vscode", "model_provider": "lab",
                "history_mode": "paginated"});
            if let Some(base) = &self.base {
                head["forked_from_id"] = base["thread_id"].clone();
                head["history_base"] = base.clone();
            }
            self.write("session_meta", &head);
        }
    }

    /// Writes an event.
    pub fn event(&mut self, kind: &str, fields: &[(&str, Value)]) {
        self.line("event_msg", &typed(kind, fields));
    }

    /// Writes an item of the model's conversation.
    pub fn response(&mut self, kind: &str, fields: &[(&str, Value)]) {
        self.line("response_item", &typed(kind, fields));
    }

    /// Writes a completed item.
    pub fn item(&mut self, turn: &str, kind: &str, fields: &[(&str, Value)]) {
        let (thread, item) = (&self.id, typed(kind, fields));
        let payload = format!(
            "{{\"type\":\"item_completed\",\"thread_id\":\"{thread}\",\"turn_id\":\"{turn}\",\"item\":{item}}}"
        );
        self.line("event_msg", &payload);
    }

    /// Writes any other line.
    pub fn write(&mut self, line: &str, payload: &Value) {
        self.line(line, &payload.to_string());
    }

    fn line(&mut self, line: &str, payload: &str) {
        let Some(path) = &self.path else { return };
        let text = format!(
            "{{\"timestamp\":\"{}\",\"ordinal\":{},\"type\":\"{line}\",\"payload\":{payload}}}\n",
            now(),
            self.ordinal
        );
        self.ordinal += 1;
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder of the day");
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).expect("the rollout");
    }
}

/// Puts the type first, like the real program.
fn typed(kind: &str, fields: &[(&str, Value)]) -> String {
    let fields: String = fields.iter().map(|(name, value)| format!(",\"{name}\":{value}")).collect();
    format!("{{\"type\":\"{kind}\"{fields}}}")
}

/// Codex home.
pub fn home() -> PathBuf {
    let root = std::env::var_os("CODEX_HOME").filter(|root| !root.is_empty()).map(PathBuf::from);
    root.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".codex"))
}

fn is_kept() -> bool {
    std::env::var("FAKE_TRANSCRIPT").as_deref() != Ok("off")
}

/// Locks a thread for writing.
fn lock(id: &str) -> std::io::Result<File> {
    let folder = home().join("thread-writer-locks");
    fs::create_dir_all(&folder)?;
    let file = OpenOptions::new().create(true).append(true).open(folder.join(format!("{id}.lock")))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// Path of a thread's rollout.
fn find(id: &str) -> Option<PathBuf> {
    let mut folders = vec![home().join("sessions")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(&format!("{id}.jsonl")) {
                return Some(path);
            }
        }
    }
    None
}

/// Current time in the rollout's format.
fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// Current time in milliseconds since 1970.
pub fn millis() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Generates a unique, ascending id.
pub fn uuid() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let millis = millis().unsigned_abs();
    format!(
        "{:08x}-{:04x}-7{:03x}-8{:03x}-{:012x}",
        millis >> 16 & 0xffff_ffff,
        millis & 0xffff,
        count & 0xfff,
        count >> 12 & 0xfff,
        std::process::id()
    )
}
