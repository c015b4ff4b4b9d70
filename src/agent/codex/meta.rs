//! The head line of a rollout: whose thread it is, where it began, and what it goes on from.

use serde::Deserialize;
use serde_json::Value;

/// `session_meta`; in files of before 0.32 the bare first line. Unknown fields are passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Meta {
    /// The thread.
    pub id: Option<String>,
    /// When it began.
    pub timestamp: Option<String>,
    /// Where it began.
    pub cwd: Option<String>,
    /// Which client began it.
    pub originator: Option<String>,
    /// What began it: a word, or an object for sub-agents.
    pub source: Value,
    /// `user` or `subagent`.
    pub thread_source: Option<String>,
    /// State of the repository.
    pub git: Option<Git>,
    /// The thread that started this one as its sub-agent.
    pub parent_thread_id: Option<String>,
    /// The thread that this one was forked from.
    pub forked_from_id: Option<String>,
    /// Where the history before this file lies, if it was not copied.
    pub history_base: Option<Base>,
}

/// The repository at the thread's beginning.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Git {
    /// Its branch.
    pub branch: Option<String>,
}

/// The part of another thread's rollout that comes before this file's own lines.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, Deserialize)]
pub struct Base {
    /// That thread.
    pub thread_id: String,
    /// Its lines with smaller ordinals belong to this thread.
    pub end_ordinal_exclusive: u64,
}

impl Meta {
    /// A sub-agent's thread.
    pub fn is_subagent(&self) -> bool {
        self.thread_source.as_deref() == Some("subagent") || self.source.get("subagent").is_some()
    }

    /// The thread whose sub-agent this is.
    pub fn parent(&self) -> Option<&str> {
        let spawned = || self.source.pointer("/subagent/thread_spawn/parent_thread_id")?.as_str();
        self.parent_thread_id.as_deref().or_else(spawned).filter(|_| self.is_subagent())
    }

    /// Started without a person: by `codex exec`, or by Codex for itself.
    pub fn is_headless(&self) -> bool {
        match &self.source {
            Value::String(source) => source == "exec",
            Value::Object(source) => source.contains_key("internal"),
            _ => self.originator.as_deref() == Some("codex_exec"),
        }
    }
}
