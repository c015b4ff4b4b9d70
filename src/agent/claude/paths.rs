//! Paths of Claude Code's files: transcripts, and the identities that paths encode.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::agent::jsonl::SourceIdentity;
use crate::agent::jsonl::walk::{self, Walk};
use crate::agent::{Discovery, Source};
use crate::domain::{Agent, SessionKey};
use crate::stdx::files::{self, SizeLimit};

/// Maximum depth of sub-agents' transcripts below a session's own folder, because the walk must end.
const DEPTH: usize = 3;

/// Finds all transcripts below a root.
pub fn discover(root: &Path, discovery: &mut Discovery) {
    walk::check_registry(&root.join("sessions"), &mut discovery.issues);
    for folder in walk::subdirectories(&root.join("projects"), &mut discovery.issues) {
        Walk::of(Agent::Claude).project(&folder, DEPTH, discovery);
    }
}

/// Returns the sources that a changed path affects.
pub fn affected(root: &Path, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
    let Ok(below) = path.strip_prefix(root.join("projects")) else { return Vec::new() };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let transcript = if walk::is_transcript(path) {
        Some(path.to_owned())
    } else if let Some(agent) = name.strip_suffix(".meta.json") {
        Some(path.with_file_name(format!("{agent}.jsonl")))
    } else if name == "custom-title.json" {
        path.parent().map(|folder| folder.with_extension("jsonl"))
    } else {
        None
    };
    let walk = Walk::of(Agent::Claude);
    walk.affected(path, transcript, |discovery| match below.components().count() {
        0 => discover(root, discovery),
        1 => walk.project(path, DEPTH, discovery),
        _ => walk.files(path, DEPTH, discovery),
    })
}

/// Derives a transcript's identity from its path and its sidecar file.
pub fn identity(path: &Path, kind: u8) -> SourceIdentity {
    let subagent = kind == walk::SUBAGENT;
    let (parent, title) = if subagent { (parent(path), meta(path).0) } else { (None, None) };
    SourceIdentity { key: SessionKey::new(Agent::Claude, walk::stem(path)), subagent, parent, title }
}

/// The parent session, from the `subagents` folder that contains the transcript.
fn parent(path: &Path) -> Option<Arc<str>> {
    let folder = path.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "subagents"))?;
    Some(folder.parent()?.file_name()?.to_string_lossy().into())
}

/// Reads a sub-agent's sidecar file: the task's description, and the id of the tool call that started it.
fn meta(transcript: &Path) -> (Option<String>, Option<String>) {
    let Ok(bytes) = files::read(&transcript.with_extension("meta.json"), SizeLimit::SIDECAR) else {
        return (None, None);
    };
    let Ok(meta) = serde_json::from_slice::<serde_json::Value>(&bytes) else { return (None, None) };
    let field = |name: &str| meta[name].as_str().map(str::to_owned);
    (field("description"), field("toolUseId"))
}

/// Maps tool calls to the sub-agents' sessions that they started.
pub fn links(transcript: &Path) -> HashMap<String, Arc<str>> {
    let mut discovery = Discovery::default();
    Walk::of(Agent::Claude).files(&transcript.with_extension("").join("subagents"), DEPTH, &mut discovery);
    let link = |source: Source| Some((meta(&source.path).1?, walk::stem(&source.path).into()));
    discovery.sources.into_iter().filter_map(link).collect()
}
