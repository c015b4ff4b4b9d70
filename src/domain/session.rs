//! Session metadata: one conversation as its agent stores it, summarised for lists.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::annotation::{Annotation, AnnotationEdit, LabelSource};
use super::usage::UsageRow;
use super::{Agent, EntryKey, Time, Tokens, secrets};

/// Identity of a session. The agent's own id is unique only within that agent, and only on its machine.
///
/// The host is not part of the stored form: to a machine, its own sessions have none. The receiver of a key from another
/// machine sets it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionKey {
    /// Agent of the session.
    pub agent: Agent,
    /// Id assigned by the agent.
    pub id: Arc<str>,
    /// Name of the machine or container; `None` for this machine.
    #[serde(skip)]
    pub host: Option<Arc<str>>,
}

impl SessionKey {
    /// Creates the key of session `id` of `agent` on this machine.
    pub fn new(agent: Agent, id: impl Into<Arc<str>>) -> Self {
        Self { agent, id: id.into(), host: None }
    }

    /// Returns the key with a host.
    #[must_use]
    pub fn on(self, host: &Arc<str>) -> Self {
        Self { host: Some(host.clone()), ..self }
    }

    /// Parses the form of [`Display`](std::fmt::Display): `agent:id`, or `host:agent:id`.
    pub fn from_line(line: &str) -> Option<Self> {
        let (first, id) = line.split_once(':')?;
        if let Some((agent, id)) = id.split_once(':')
            && Agent::from_name(first).is_none()
            && let Some(agent) = Agent::from_name(agent)
        {
            return Some(Self::new(agent, id).on(&first.into()));
        }
        Some(Self::new(Agent::from_stored(first)?, id))
    }

    /// True if the id can be an argument of the agent's program: not empty, not like an option, and without invisible
    /// characters. Ids come from files and their names, which anything may have written.
    pub fn is_valid_argument(&self) -> bool {
        let visible = |c: char| !c.is_control() && !c.is_whitespace();
        !self.id.is_empty()
            && !self.id.starts_with('-')
            && self.id.chars().all(visible)
            && crate::stdx::exact::visible(&self.id) == *self.id
    }
}

impl std::fmt::Display for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(host) = &self.host {
            write!(f, "{host}:")?;
        }
        write!(f, "{}:{}", self.agent, self.id)
    }
}

/// Summary of a session. Texts are as the agent wrote them: truncated, but not sanitised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Identity.
    pub key: SessionKey,
    /// Title from the best available source.
    pub title: Title,
    /// Root of the main worktree of the repository of `cwd`, else `cwd`. Set by the index.
    pub workspace: Arc<str>,
    /// Directory in which the session started and is resumed; empty if unknown.
    pub cwd: Arc<str>,
    /// Most recent branch.
    pub branch: Option<Arc<str>>,
    /// Most recent model, ignoring placeholders.
    pub model: Option<Arc<str>>,
    /// Time of the first message.
    pub started_at: Option<Time>,
    /// Time of the last message; modification time of the file if no message has a time.
    pub last_activity: Option<Time>,
    /// Number of prompts by a person or a headless caller.
    pub turns: u32,
    /// Number of entries on the active branch; equals the length of the transcript.
    pub messages: u32,
    /// Token usage; each reply is counted once.
    pub tokens: Tokens,
    /// Own usage by time and model, without that of sub-agents, and without what a fork copied.
    pub usage: Arc<[UsageRow]>,
    /// Time of the last change of its file, if its agent may delete the file some time after it.
    pub modified: Option<Time>,
    /// Cost in US dollars, if the agent reports it.
    pub cost_usd: Option<f64>,
    /// Size of its file, or sum of its database rows, in bytes.
    pub bytes: u64,
    /// Path of its file or database.
    pub path: PathBuf,
    /// Current state; set by the index from the live status.
    pub state: SessionState,
    /// Flags by which lists hide the session.
    pub flags: Flags,
    /// Parent session of a sub-agent.
    pub parent: Option<Arc<str>>,
    /// Session from which it was forked, if known.
    pub forked_from: Option<Arc<str>>,
    /// History that a fork copied from its origin, for agents that copy records.
    #[serde(default)]
    pub copied: Option<Box<CopiedPrefix>>,
    /// Hash of the first record's id: equal for two sessions if one is a copy of the other.
    #[serde(default)]
    pub first: Option<u64>,
    /// Number of unreadable records.
    pub unreadable: u32,
    /// Id of the newest record on the active branch; titles stored elsewhere refer to it.
    pub tip: Option<Arc<str>>,
    /// Beginning of the newest prompt, on one line, if it is not the title: tells sessions of one title apart.
    #[serde(default)]
    pub last_prompt: Option<Arc<str>>,
    /// True if the whole source was read. A preview has lower bounds as counts.
    pub complete: bool,
    /// Name, star, tags and note of the user, which are not part of any cache.
    #[serde(skip)]
    pub annotated: Option<Box<AppliedAnnotation>>,
}

/// Maximum characters of the newest prompt, because it stands for a title.
const LAST_PROMPT_CHARS: usize = 120;

impl Session {
    /// Sets the newest prompt, if it is not the title.
    pub fn set_last_prompt(&mut self, prompt: Option<&str>) {
        let text = Title::new(prompt.unwrap_or_default(), TitleSource::Prompt).text;
        let text = secrets::cut(&text, LAST_PROMPT_CHARS);
        let is_title = self.title.text.starts_with(text);
        self.last_prompt = (!is_title).then(|| text.into());
    }

    /// Creates a session with unknown content.
    pub fn new(key: SessionKey, path: PathBuf) -> Self {
        Self {
            key,
            title: Title::default(),
            workspace: "".into(),
            cwd: "".into(),
            branch: None,
            model: None,
            started_at: None,
            last_activity: None,
            turns: 0,
            messages: 0,
            tokens: Tokens::default(),
            usage: Arc::default(),
            modified: None,
            cost_usd: None,
            bytes: 0,
            path,
            state: SessionState::Past,
            flags: Flags::default(),
            parent: None,
            forked_from: None,
            copied: None,
            first: None,
            unreadable: 0,
            tip: None,
            last_prompt: None,
            complete: false,
            annotated: None,
        }
    }

    /// Applies an annotation: a name replaces the title, and a new directory that of the session. The name of an origin does
    /// not replace a title that the user gave the session in its agent.
    pub fn annotate(&mut self, mut annotation: Arc<Annotation>) {
        self.remove_annotation();
        if annotation.source == LabelSource::Origin && self.title.source == TitleSource::User {
            Arc::make_mut(&mut annotation).name = None;
        }
        if annotation.is_empty() {
            return;
        }
        let derived = (self.title.clone(), self.cwd.clone(), self.workspace.clone());
        if let Some(name) = &annotation.name {
            self.title = Title::new(name, TitleSource::User);
        }
        if let Some(moved) = &annotation.directory {
            self.cwd = moved.cwd.as_str().into();
            self.workspace = moved.workspace.as_str().into();
        }
        self.annotated = Some(Box::new(AppliedAnnotation { annotation, derived }));
    }

    /// Removes the annotation and restores what it replaced.
    pub fn remove_annotation(&mut self) {
        if let Some(applied) = self.annotated.take() {
            (self.title, self.cwd, self.workspace) = applied.derived;
        }
    }

    /// Returns the annotation, if there is one.
    pub fn annotation(&self) -> Option<&Annotation> {
        self.annotated.as_deref().map(|applied| &*applied.annotation)
    }

    /// Returns true if the session is starred.
    pub fn is_starred(&self) -> bool {
        self.annotation().is_some_and(|annotation| annotation.starred)
    }

    /// Returns true if salon keeps a copy.
    pub fn is_kept(&self) -> bool {
        self.annotation().is_some_and(|annotation| annotation.kept)
    }

    /// Returns the time from which its agent deletes its file, which it keeps for some days.
    pub fn purge_time(&self, days: u32) -> Option<Time> {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        Some(Time::from_millis(self.modified?.millis().saturating_add(i64::from(days) * DAY)))
    }

    /// Returns the changes of its annotation that one requires. The first label of a fork ends the inheritance of those
    /// of its origin, which it keeps.
    pub fn edits(&self, edit: &AnnotationEdit) -> Vec<AnnotationEdit> {
        let own = self.annotation().cloned().unwrap_or_default();
        let detaches = edit.is_label() && self.label_origin().is_some() && own.source != LabelSource::Own;
        let first = if detaches { own.detach() } else { Vec::new() };
        first.into_iter().chain([edit.clone()]).collect()
    }

    /// Returns the id of the session whose labels it inherits: that from which it was forked. A sub-agent that begins with
    /// the history of its parent is no fork of it.
    pub fn label_origin(&self) -> Option<&Arc<str>> {
        self.forked_from.as_ref().filter(|_| !self.flags.subagent)
    }

    /// Returns the tags.
    pub fn tags(&self) -> &[Arc<str>] {
        self.annotation().map_or(&[], |annotation| &annotation.tags)
    }

    /// Returns the session of another agent that this one continues.
    pub fn continues(&self) -> Option<SessionKey> {
        let (agent, id) = self.annotation()?.continues.clone()?;
        Some(SessionKey::new(agent, id))
    }

    /// Directory, after the host of another machine: `box:/src/shop`.
    pub fn place(&self) -> String {
        match &self.key.host {
            Some(host) if !self.cwd.is_empty() => format!("{host}:{}", self.cwd),
            Some(_) | None => self.cwd.to_string(),
        }
    }

    /// Returns true if a session of another machine is this one: its agent's directory is mounted there. A copy that went on
    /// by itself is another session.
    pub fn is_mounted_as(&self, remote: &Self) -> bool {
        /// Maximum difference of the last activities in ms, because one side may see a change later.
        const TOLERANCE: i64 = 60_000;
        let near = |a: Time, b: Time| a.since(b).max(b.since(a)) <= TOLERANCE;
        let same_file = self.path.file_name() == remote.path.file_name();
        let activity = self.last_activity.zip(remote.last_activity);
        self.key.agent == remote.key.agent
            && self.key.id == remote.key.id
            && same_file
            && activity.is_none_or(|(own, there)| near(own, there))
    }

    /// Returns true if the session is on another machine or in a container.
    pub fn is_remote(&self) -> bool {
        self.key.host.is_some()
    }

    /// Returns the note.
    pub fn note(&self) -> Option<&str> {
        self.annotation()?.note.as_deref()
    }
}

/// History that a fork copied from its origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedPrefix {
    /// Id of the newest copied record.
    pub record: Arc<str>,
    /// Newest copied entry.
    pub entry: Option<EntryKey>,
    /// True if the fork has other entries too.
    pub is_extended: bool,
}

/// Annotation that was applied to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedAnnotation {
    /// The annotation.
    pub annotation: Arc<Annotation>,
    /// Title, directory and workspace without the annotation.
    pub derived: (Title, Arc<str>, Arc<str>),
}

/// Annotations of all sessions.
pub type Annotations = HashMap<SessionKey, Arc<Annotation>>;

/// Maximum length of a title in characters, because lists show one line.
pub const TITLE_CHARS: usize = 200;

/// A title and its source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Title {
    /// One line of at most [`TITLE_CHARS`] characters; empty if the session contains no text for a title.
    pub text: Arc<str>,
    /// Origin of the title.
    pub source: TitleSource,
}

impl Title {
    /// Creates a title from the beginning of `text`: sanitised, one line, at most [`TITLE_CHARS`] characters, and no part
    /// of a secret that is longer.
    pub fn new(text: &str, source: TitleSource) -> Self {
        // A prompt can have megabytes; a title needs only its beginning.
        let line = crate::stdx::text::one_line(secrets::cut(text, TITLE_CHARS * 8));
        Self { text: secrets::cut(&line, TITLE_CHARS).into(), source }
    }
}

/// Origin of a title; later variants take precedence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TitleSource {
    /// First prompt; without one, the beginning of the content.
    #[default]
    Prompt,
    /// Generated by the agent.
    Agent,
    /// Set by the user.
    User,
}

/// Current state of a session, most urgent first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Waits for the user.
    NeedsYou,
    /// A turn is open.
    Working,
    /// Open in a living process, without an open turn.
    Idle,
    /// Open in no process.
    #[default]
    Past,
}

impl SessionState {
    /// Identifier in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::NeedsYou => "needs_you",
            Self::Working => "working",
            Self::Idle => "idle",
            Self::Past => "past",
        }
    }
}

/// Flags of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent marks, as in the JSON contract")]
pub struct Flags {
    /// Belongs to a sub-agent.
    pub subagent: bool,
    /// Started without a person, as by `-p` or `exec`.
    pub headless: bool,
    /// Contains nothing to show.
    pub empty: bool,
    /// Fork of another session.
    pub fork: bool,
    /// Archived in its agent.
    pub archived: bool,
    /// Unreadable as a whole, or contains unreadable records.
    pub unreadable: bool,
    /// Deleted by its agent: only its prompts are left.
    pub purged: bool,
    /// Used in a desktop application or in an editor.
    #[serde(default)]
    pub app: bool,
}

impl Flags {
    /// Identifiers of the set flags in JSON, in a fixed order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [
            (self.subagent, "subagent"),
            (self.headless, "headless"),
            (self.empty, "empty"),
            (self.fork, "fork"),
            (self.archived, "archived"),
            (self.unreadable, "unreadable"),
            (self.purged, "purged"),
            (self.app, "app"),
        ]
        .into_iter()
        .filter_map(|(set, name)| set.then_some(name))
    }
}

/// A read problem. Every problem is reported, none is dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Issue {
    /// File or directory.
    pub path: PathBuf,
    /// Line number from 1, if one line is the cause.
    pub line: Option<u64>,
    /// Description for the user.
    pub reason: String,
}

impl Issue {
    /// Creates an issue that concerns a whole file or directory.
    pub fn new(path: impl Into<PathBuf>, reason: impl std::fmt::Display) -> Self {
        Self { path: path.into(), line: None, reason: reason.to_string() }
    }
}
