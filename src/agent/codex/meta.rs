//! Head line of a rollout: thread id, working directory, origin and fork base.

use serde::Deserialize;
use serde_json::Value;

use crate::agent::json;
use crate::domain::Time;

/// `session_meta`; in files of versions before 0.32 the bare first line. Unknown fields, and fields of another type than
/// usual, are ignored.
#[derive(Debug, Default)]
pub(super) struct SessionMeta {
    /// Thread id.
    pub id: Option<String>,
    /// Start time.
    pub started: Option<Time>,
    /// Working directory.
    pub cwd: Option<String>,
    /// Client that started the thread.
    pub originator: Option<String>,
    /// Origin: a word, or an object for sub-agents.
    pub source: Value,
    /// `user` or `subagent`.
    pub thread_source: Option<String>,
    /// Branch at the thread's start.
    pub branch: Option<String>,
    /// Parent thread of a sub-agent.
    pub parent_thread_id: Option<String>,
    /// Thread that this one was forked from.
    pub forked_from_id: Option<String>,
    /// Location of the history before this file, if it was not copied.
    pub history_base: Option<HistoryBase>,
}

/// Part of another thread's rollout that precedes this file's own lines.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, Deserialize)]
pub(crate) struct HistoryBase {
    /// Id of the other thread.
    pub thread_id: String,
    /// First ordinal that does not belong to this thread.
    pub end_ordinal_exclusive: u64,
}

impl SessionMeta {
    /// Reads the payload of a head line.
    pub(super) fn of(payload: &Value) -> Self {
        let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
        let base = payload.get("history_base").cloned().unwrap_or_default();
        Self {
            id: text("id"),
            started: json::time(payload.get("timestamp").unwrap_or(&Value::Null)),
            cwd: text("cwd"),
            originator: text("originator"),
            source: payload.get("source").cloned().unwrap_or_default(),
            thread_source: text("thread_source"),
            branch: payload.pointer("/git/branch").and_then(Value::as_str).map(str::to_owned),
            parent_thread_id: text("parent_thread_id"),
            forked_from_id: text("forked_from_id"),
            history_base: HistoryBase::deserialize(base).ok(),
        }
    }

    /// True for a sub-agent's thread.
    pub(super) fn is_subagent(&self) -> bool {
        self.thread_source.as_deref() == Some("subagent") || self.source.get("subagent").is_some()
    }

    /// Parent thread of a sub-agent.
    pub(super) fn parent(&self) -> Option<&str> {
        let spawned = || self.source.pointer("/subagent/thread_spawn/parent_thread_id")?.as_str();
        self.parent_thread_id.as_deref().or_else(spawned).filter(|_| self.is_subagent())
    }

    /// True for a thread of the desktop application or of an editor's extension.
    pub(super) fn is_app(&self) -> bool {
        let client = self.originator.as_deref().unwrap_or_default().to_ascii_lowercase();
        ["vscode", "desktop", "jetbrains", "xcode"].iter().any(|app| client.contains(app))
    }

    /// True if no user started it: started by `codex exec`, or by Codex for itself.
    pub(super) fn is_headless(&self) -> bool {
        match &self.source {
            Value::String(source) => source == "exec",
            Value::Object(source) => source.contains_key("internal"),
            _ => self.originator.as_deref() == Some("codex_exec"),
        }
    }
}
