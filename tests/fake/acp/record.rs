//! Transcripts on disk, in the formats of Gemini CLI and Qwen Code. goose leaves a text of the same lines, which salon
//! does not read.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

pub struct SessionRecord {
    pub id: String,
    agent: String,
    cwd: String,
    path: PathBuf,
    /// Id of the last line, for lines that form a chain.
    last: Value,
}

impl SessionRecord {
    /// Creates a session. Its file is created with the first prompt.
    pub fn new(agent: &str, cwd: &str) -> Self {
        let id = uuid();
        // As if begun earlier: the real program damages a session that is opened again within its first minute.
        let earlier = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() - 120).expect("a time");
        let minute = earlier.strftime("%Y-%m-%dT%H-%M").to_string();
        let name = match agent {
            "gemini" => format!("session-{minute}-{}.jsonl", &id[..8]),
            _ => format!("{id}.jsonl"),
        };
        Self {
            path: folder(agent, cwd).join(name),
            id,
            agent: agent.to_owned(),
            cwd: cwd.to_owned(),
            last: Value::Null,
        }
    }

    /// Finds a session on disk.
    pub fn find(agent: &str, id: &str, cwd: &str) -> Option<Self> {
        let files = fs::read_dir(folder(agent, cwd)).ok()?.flatten().map(|entry| entry.path());
        let path = files.into_iter().find(|path| fs::read_to_string(path).is_ok_and(|text| text.contains(id)))?;
        let last = lines(&path).last().map_or(Value::Null, |line| line["uuid"].clone());
        Some(Self { id: id.to_owned(), agent: agent.to_owned(), cwd: cwd.to_owned(), path, last })
    }

    /// All sessions, as the agent lists them.
    pub fn all(agent: &str) -> Vec<Value> {
        let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
        let projects = fs::read_dir(home.join(format!(".fake-{agent}"))).into_iter().flatten().flatten();
        let files = projects.flat_map(|project| fs::read_dir(project.path()).into_iter().flatten().flatten());
        let listed = |path: PathBuf| {
            let first = lines(&path).into_iter().next()?;
            Some(json!({"sessionId": first["sessionId"], "cwd": first["cwd"], "title": "Listed", "updatedAt": now()}))
        };
        files.filter_map(|file| listed(file.path())).collect()
    }

    /// Texts of the conversation; true for those of the user.
    pub fn texts(&self) -> Vec<(bool, String)> {
        let text = |line: &Value| {
            let place = if self.agent == "gemini" { &line["content"] } else { &line["message"]["parts"] };
            let text = place.as_str().or_else(|| place[0]["text"].as_str())?.to_owned();
            Some((line["type"] == "user", text))
        };
        lines(&self.path).iter().filter_map(text).collect()
    }

    pub fn user(&mut self, text: &str) {
        let line = match &*self.agent {
            "gemini" => json!({"type": "user", "content": [{"text": text}]}),
            _ => {
                json!({"type": "user", "provenance": "real_user", "message": {"role": "user", "parts": [{"text": text}]}})
            }
        };
        self.write(line);
    }

    pub fn text(&mut self, text: &str) {
        let line = match &*self.agent {
            "gemini" => json!({"type": "gemini", "content": text, "thoughts": [], "model": "fast"}),
            _ => json!({"type": "assistant", "model": "fast", "message": {"role": "model", "parts": [{"text": text}]}}),
        };
        self.write(line);
    }

    pub fn call(&mut self, id: &str, command: &str, output: &str, status: &str) {
        let (name, args) = ("run_shell_command", json!({"command": command}));
        let response = json!({"functionResponse": {"id": id, "name": name, "response": {"output": output}}});
        if self.agent == "gemini" {
            let call = json!({"id": id, "name": name, "args": args, "result": [response], "status": status});
            return self.write(json!({"type": "gemini", "content": "", "model": "fast", "toolCalls": [call]}));
        }
        let call = json!({"functionCall": {"id": id, "name": name, "args": args}});
        self.write(json!({"type": "assistant", "model": "fast", "message": {"role": "model", "parts": [call]}}));
        let status = if status == "success" { "success" } else { "error" };
        self.write(json!({"type": "tool_result", "message": {"role": "user", "parts": [response]},
            "toolCallResult": {"callId": id, "status": status}}));
    }

    fn write(&mut self, mut line: Value) {
        let id = uuid();
        if self.agent == "gemini" {
            if !self.path.exists() {
                let (project, head) = (
                    self.path.ancestors().nth(2),
                    json!({"sessionId": self.id, "projectHash": "0",
                    "startTime": now(), "lastUpdated": now(), "kind": "main"}),
                );
                append(&self.path, &head);
                fs::write(project.expect("a folder").join(".project_root"), &self.cwd).expect("the project");
            }
            line["id"] = json!(id);
        } else {
            line["uuid"] = json!(id);
            line["parentUuid"] = std::mem::replace(&mut self.last, json!(id));
            line["sessionId"] = json!(self.id);
            line["cwd"] = json!(self.cwd);
        }
        line["timestamp"] = json!(now());
        append(&self.path, &line);
    }
}

fn append(path: &Path, line: &Value) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())).expect("the record");
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Folder of the sessions of a project.
fn folder(agent: &str, cwd: &str) -> PathBuf {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let encoded: String = cwd.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    match agent {
        "gemini" => home.join(".gemini/tmp").join(encoded.trim_matches('-')).join("chats"),
        "qwen" => home.join(".qwen/projects").join(encoded).join("chats"),
        agent => home.join(format!(".fake-{agent}")).join(encoded),
    }
}

fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// Generates a unique id.
pub fn uuid() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let nanos = jiff::Timestamp::now().as_nanosecond().unsigned_abs();
    let (high, low) = ((nanos >> 16) & 0xffff_ffff, nanos & 0xffff);
    format!("{high:08x}-{low:04x}-4{count:03x}-8000-{:012x}", std::process::id())
}
