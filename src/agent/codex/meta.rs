//! Head line of a rollout: thread id, working directory, origin and fork base.

use serde::Deserialize;
use serde_json::Value;

/// `session_meta`; in files of versions before 0.32 the bare first line. Unknown fields are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SessionMeta {
    /// Thread id.
    pub id: Option<String>,
    /// Start time.
    pub timestamp: Option<String>,
    /// Working directory.
    pub cwd: Option<String>,
    /// Client that started the thread.
    pub originator: Option<String>,
    /// Origin: a word, or an object for sub-agents.
    pub source: Value,
    /// `user` or `subagent`.
    pub thread_source: Option<String>,
    /// State of the repository.
    pub git: Option<GitState>,
    /// Parent thread of a sub-agent.
    pub parent_thread_id: Option<String>,
    /// Thread that this one was forked from.
    pub forked_from_id: Option<String>,
    /// Location of the history before this file, if it was not copied.
    pub history_base: Option<HistoryBase>,
}

/// Repository at the thread's start.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GitState {
    pub branch: Option<String>,
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
