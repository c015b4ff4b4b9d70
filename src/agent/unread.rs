//! Files in an agent's folders that look like sessions, and that no reader understands: found, not read.
//!
//! Only for reports; walks folders and reads the beginnings of files, so it is slower than discovery.

use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Source, SourceRoot, archive, sqlite};
use crate::domain::{Agent, Issue};
use crate::stdx::{files, zst};

/// Maximum files that are looked at below one root.
const MAX_FILES: usize = 100_000;

/// Maximum outputs without a record that are listed.
const MAX_UNCLAIMED: usize = 100;

/// Maximum depth of the walk.
const MAX_DEPTH: usize = 6;

/// Bytes at the beginning of a file that show if it looks like a session.
const HEAD: u64 = 16 << 10;

/// Names of folders in which other versions, and other programs, keep sessions of an agent.
const FURTHER: [&str; 5] = ["chats", "conversations", "transcripts", "exports", "archive"];

/// Maximum depth of the walk in such a folder.
const FURTHER_DEPTH: usize = 2;

/// Lists the files of a root that look like sessions and are not among the sources.
pub fn find(root: &SourceRoot, sources: &[Source]) -> Vec<Issue> {
    let known: HashSet<&Path> = sources.iter().map(|source| source.path.as_path()).collect();
    let (mut open, mut seen, mut left) = (folders(root), HashSet::new(), MAX_FILES);
    let mut found = Vec::new();
    while let Some((folder, depth)) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
            if kind.is_dir() && depth > 0 && !is_other_folder(&path) {
                open.push((path, depth - 1));
            } else if kind.is_file()
                && left > 0
                && !archive::has_original(root, &path)
                && !known.contains(path.as_path())
                && seen.insert(path.clone())
            {
                left -= 1;
                found.extend(
                    reason(root.agent, &path).map(|reason| Issue::new(&path, format!("found, not read: {reason}"))),
                );
            }
        }
    }
    let unclaimed = sources.iter().filter(|source| source.agent == root.agent && source.path.starts_with(&root.path));
    let unclaimed = unclaimed.filter(|source| super::format(source.agent).is_unclaimed(source));
    let issue = |source: &Source| Issue::new(&source.path, "found, not shown: an output that no record names");
    found.extend(unclaimed.take(MAX_UNCLAIMED).map(issue));
    let texts = super::format(root.agent).unclaimed_texts(root, sources).into_iter();
    let issue = |path: PathBuf| Issue::new(&path, "found, not read: an output that no record names");
    found.extend(texts.take(MAX_UNCLAIMED).map(issue));
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Folders in which an agent keeps sessions, or may have kept them, with the depth of the walk.
fn folders(root: &SourceRoot) -> Vec<(PathBuf, usize)> {
    let own: &[&str] = match root.agent {
        Agent::Claude => &["projects"],
        Agent::Codex => &["sessions", "archived_sessions"],
        Agent::Gemini => &["tmp"],
        Agent::Qwen => &["projects", "tmp"],
        Agent::Goose => return vec![(root.path.clone(), 1)],
        Agent::Configured(_) => return Vec::new(),
        Agent::OpenCode => &["storage/session", "project"],
    };
    let own = own.iter().map(|name| (root.path.join(name), MAX_DEPTH));
    let further = FURTHER.iter().map(|name| (root.path.join(name), FURTHER_DEPTH));
    own.chain(further).chain([(root.path.clone(), 0)]).collect()
}

/// True for folders with an agent's other files: outputs, memory, parts of messages.
fn is_other_folder(path: &Path) -> bool {
    const OTHERS: [&str; 12] = [
        "tool-results",
        "tool-outputs",
        "tool-output",
        "memory",
        "message",
        "part",
        "checkpoints",
        "logs",
        "plans",
        "bin",
        "snapshot",
        "file-history",
    ];
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| OTHERS.contains(&name))
}

/// Reason why a file that looks like a session is not read; `None` if it does not look like one.
fn reason(agent: Agent, path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    if is_companion(agent, path, name) {
        return None;
    }
    let compressed = [".zst", ".gz", ".xz", ".bz2", ".zip"].iter().find(|ending| name.ends_with(**ending));
    if let Some(ending) = compressed {
        let inner = &name[..name.len() - ending.len()];
        let looks_like_one = [".jsonl", ".json"].iter().any(|ending| inner.ends_with(*ending));
        return looks_like_one.then(|| format!("compressed as {ending}, which this version does not read here"));
    }
    let mut head = Vec::new();
    files::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    if head.starts_with(b"SQLite format 3\0") {
        return database(path);
    }
    if head.starts_with(&zst::MAGIC) && name.contains(".json") {
        return Some("compressed, with an ending that is not one of a session".to_owned());
    }
    let has = |field: &str| memchr::memmem::find(&head, field.as_bytes()).is_some();
    let marks = [
        "\"role\"",
        "\"sessionId\"",
        "\"session_id\"",
        "\"sessionID\"",
        "\"messages\"",
        "\"parentUuid\"",
        "\"payload\"",
    ];
    let text = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&head);
    let is_json = matches!(text.trim_ascii_start().first(), Some(b'{' | b'['));
    let is_session = is_json && marks.iter().any(|mark| has(mark));
    is_session.then(|| match path.extension().and_then(|ending| ending.to_str()) {
        Some("json" | "jsonl") => "not a name or a folder of a session that this version knows".to_owned(),
        Some(ending) => format!("the ending .{ending} is not one of a session"),
        None => "a session's file has an ending".to_owned(),
    })
}

/// Reason for a database: its tables, if they may contain messages.
fn database(path: &Path) -> Option<String> {
    let damaged = "a database that cannot be opened".to_owned();
    let Ok(opened) = sqlite::open(path) else { return Some(damaged) };
    let Ok(tables) = sqlite::tables(&opened.connection) else { return Some(damaged) };
    let is_session = tables.iter().any(|table| table.contains("message") || table.contains("session"));
    is_session.then(|| format!("a database of another name (tables {})", tables.join(", ")))
}

/// True for files that belong to a session which is read, or that list sessions.
fn is_companion(agent: Agent, path: &Path, name: &str) -> bool {
    let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    match agent {
        Agent::Claude => {
            name.ends_with(".meta.json")
                || matches!(name, "custom-title.json" | "sessions-index.json" | "history.jsonl" | "settings.json")
        }
        // A compressed rollout beside the plain one, which is read.
        Agent::Codex => {
            name.strip_suffix(".zst").is_some_and(|plain| path.with_file_name(plain).is_file())
                || name.contains(".sqlite")
                || matches!(name, "history.jsonl" | "session_index.jsonl" | "models_cache.json" | "auth.json")
        }
        Agent::Gemini => name.starts_with('.') || matches!(name, "logs.json" | "settings.json" | "projects.json"),
        Agent::Qwen => {
            name.ends_with(".meta.json")
                || name.ends_with(".runtime.json")
                || matches!(name, "logs.json" | "meta.json" | "extract-cursor.json" | "scheduled_tasks.lock")
                || matches!(name, "settings.json" | "usage_record.jsonl")
        }
        Agent::Goose => name.ends_with("-wal") || name.ends_with("-shm"),
        Agent::Configured(_) => false,
        Agent::OpenCode => {
            name.ends_with("-wal")
                || name.ends_with("-shm")
                || matches!(folder, "share" | "session_diff" | "todo")
                || matches!(name, "auth.json" | "app.json" | "mcp-auth.json" | "account.json")
        }
    }
}
