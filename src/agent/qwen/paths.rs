//! Paths of Qwen Code's files, the identities that paths encode, and its registry of running processes.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::parts;
use crate::agent::gemini::chat;
use crate::agent::jsonl::SourceIdentity;
use crate::agent::jsonl::walk::{self, Walk};
use crate::agent::{Discovery, Source};
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, SessionKey, SessionState, Time};
use crate::stdx::files::{self, SizeLimit};
use crate::stdx::process;

/// Finds all transcripts below a root.
pub(super) fn discover(root: &Path, discovery: &mut Discovery) {
    walk::check_registry(&root.join("sessions"), &mut discovery.issues);
    for folder in walk::subdirectories(&root.join("projects"), &mut discovery.issues) {
        project(&folder, discovery);
    }
    parts::KINDS.mark(&root.join("projects"), &mut discovery.sources);
}

/// Finds the transcripts of a project.
pub(super) fn project(folder: &Path, discovery: &mut Discovery) {
    Walk::of(Agent::Qwen).files(&folder.join("chats"), 0, discovery);
    Walk::of(Agent::Qwen).files(&folder.join("subagents"), 1, discovery);
}

/// Finds the project whose temporary folder has the hash of its directory as name: its folder of transcripts, and the
/// directory, which they name.
pub(super) fn project_of(temporary: &Path) -> Option<(PathBuf, String)> {
    let hash = temporary.file_name()?.to_str()?;
    let projects = temporary.ancestors().nth(2)?.join("projects");
    let projects = walk::subdirectories(&projects, &mut Vec::new()).into_iter();
    let named = |project: PathBuf| Some((directory_of(&project)?, project));
    let (directory, project) =
        projects.filter_map(named).find(|(directory, _)| chat::folder_hash(directory) == hash)?;
    Some((project, directory))
}

/// Reads the directory of a project from one of its transcripts.
pub(super) fn directory_of(project: &Path) -> Option<String> {
    let mut entries = walk::entries(&project.join("chats"), &mut Vec::new());
    let transcript = entries.find(|entry| walk::is_transcript(&entry.path()))?;
    let mut line = String::new();
    let file = files::open(&transcript.path()).ok()?.take(SizeLimit::SIDECAR.0);
    BufReader::new(file).read_line(&mut line).ok()?;
    let record: Value = serde_json::from_str(&line).ok()?;
    record["cwd"].as_str().map(str::to_owned)
}

/// Returns the sources that a changed path affects.
pub(super) fn affected(root: &Path, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
    let Ok(below) = path.strip_prefix(root.join("projects")) else { return Vec::new() };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let transcript = match name.strip_suffix(".meta.json") {
        Some(agent) => Some(path.with_file_name(format!("{agent}.jsonl"))),
        None => Some(path.to_owned()).filter(|path| walk::is_transcript(path)),
    };
    let walk = Walk::of(Agent::Qwen);
    let sources = walk.affected(path, transcript, |discovery| match below.components().count() {
        0 => discover(root, discovery),
        1 => project(path, discovery),
        _ => walk.files(path, 1, discovery),
    });
    let projects = root.join("projects");
    let with_parts = |(path, source): (PathBuf, Option<Source>)| match source {
        source if walk::is_transcript(&path) => parts::KINDS.affected(&projects, &path, source.as_ref()),
        source => vec![(path, source)],
    };
    sources.into_iter().flat_map(with_parts).collect()
}

/// Derives a transcript's identity from its path and its sidecar file.
pub(super) fn identity(path: &Path, kind: u8) -> SourceIdentity {
    let subagent = parts::KINDS.is_subagent(kind);
    let meta = if subagent { meta(path) } else { Value::Null };
    let folder = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy());
    let parent = meta["parentSessionId"].as_str().map(Arc::from).or_else(|| folder.filter(|_| subagent).map(Arc::from));
    let title = meta["description"].as_str().map(str::to_owned);
    SourceIdentity { key: SessionKey::new(Agent::Qwen, walk::stem(path)), subagent, parent, title }
}

/// Reads a sub-agent's sidecar file; null if there is none.
fn meta(transcript: &Path) -> Value {
    let bytes = files::read(&transcript.with_extension("meta.json"), SizeLimit::SIDECAR).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Maps tool calls to the sub-agents' sessions that they started.
pub(super) fn links(transcript: &Path) -> HashMap<String, Arc<str>> {
    let mut discovery = Discovery::default();
    if let Some(project) = transcript.parent().and_then(Path::parent) {
        let folder = project.join("subagents").join(walk::stem(transcript));
        Walk::of(Agent::Qwen).files(&folder, 0, &mut discovery);
    }
    let link =
        |source: Source| Some((meta(&source.path)["toolUseId"].as_str()?.to_owned(), walk::stem(&source.path).into()));
    discovery.sources.into_iter().filter_map(link).collect()
}

/// Lists the sessions whose registered process is running, and is the one that wrote the file. Their activity is unknown.
pub(super) fn live(root: &Path) -> Vec<LiveStatus> {
    let entries = walk::entries(&root.join("sessions"), &mut Vec::new());
    let files = entries.map(|entry| entry.path());
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .filter_map(|path| read_registered(&path))
        .collect()
}

fn read_registered(path: &Path) -> Option<LiveStatus> {
    // A file that is being rewritten does not parse; the next poll reads it.
    let registered: Value = serde_json::from_slice(&files::read(path, SizeLimit::SIDECAR).ok()?).ok()?;
    let pid = u32::try_from(registered["pid"].as_u64()?).ok()?;
    let is_running = match registered["procStart"].as_str().map(|start| start.rsplit(':').next().unwrap_or(start)) {
        Some(start) => process::is_same_process(pid, start),
        None => process::is_alive(pid),
    };
    is_running.then_some(LiveStatus {
        key: SessionKey::new(Agent::Qwen, registered["sessionId"].as_str()?),
        pid: Some(pid),
        state: SessionState::Idle,
        waiting_for: None,
        since: registered["startedAt"].as_i64().map(Time::from_millis),
        activity: None,
    })
}
