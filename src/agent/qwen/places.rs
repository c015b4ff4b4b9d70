//! Where Qwen Code keeps its files, and which of its processes live.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::agent::jsonl::{Identity, walk};
use crate::agent::{Discovery, Environment, Root, Unit};
use crate::domain::live::LiveSign;
use crate::domain::{Agent, SessionKey, State, Time};
use crate::stdx::process;

/// The configuration directory, and those that the user names.
pub fn roots(environment: &Environment) -> Vec<Root> {
    let mut roots: Vec<Root> = Vec::new();
    for path in std::iter::once(environment.home.join(".qwen")).chain(environment.extra_roots(Agent::Qwen)) {
        if !roots.iter().any(|root| root.path == path) {
            let watch = vec![path.join("projects"), path.join("sessions")];
            roots.push(Root { agent: Agent::Qwen, path, watch });
        }
    }
    roots
}

/// All transcripts below a root.
pub fn discover(root: &Root) -> Discovery {
    let mut found = Discovery::default();
    for folder in walk::folders(&root.path.join("projects"), &mut found.issues) {
        project(&folder, &mut found);
    }
    found
}

fn project(folder: &Path, found: &mut Discovery) {
    walk::transcripts(Agent::Qwen, &folder.join("chats"), 0, found);
    walk::transcripts(Agent::Qwen, &folder.join("subagents"), 1, found);
}

/// The units that a changed path concerns.
pub fn affected(root: &Root, path: &Path) -> Vec<(PathBuf, Option<Unit>)> {
    let Ok(below) = path.strip_prefix(root.path.join("projects")) else { return Vec::new() };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let transcript = match name.strip_suffix(".meta.json") {
        Some(agent) => Some(path.with_file_name(format!("{agent}.jsonl"))),
        None => Some(path.to_owned()).filter(|path| walk::is_transcript(path)),
    };
    if let Some(transcript) = transcript {
        let unit = walk::unit(Agent::Qwen, transcript.clone()).ok();
        return vec![(transcript, unit)];
    }
    if path.is_dir() {
        let mut found = Discovery::default();
        match below.components().count() {
            0 => found = discover(root),
            1 => project(path, &mut found),
            _ => walk::transcripts(Agent::Qwen, path, 1, &mut found),
        }
        return found.units.into_iter().map(|unit| (unit.path.clone(), Some(unit))).collect();
    }
    // A folder that is gone took its transcripts along; they cannot be named any more, but it can.
    if path.extension().is_none() && !path.exists() { vec![(path.to_owned(), None)] } else { Vec::new() }
}

/// Who a transcript is, by its place and its side file.
pub fn identity(path: &Path, kind: u8) -> Identity {
    let subagent = kind == walk::SUBAGENT;
    let meta = if subagent { meta(path) } else { Value::Null };
    let folder = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy());
    let parent = meta["parentSessionId"].as_str().map(Arc::from).or_else(|| folder.filter(|_| subagent).map(Arc::from));
    let title = meta["description"].as_str().map(str::to_owned);
    Identity { key: SessionKey::new(Agent::Qwen, walk::stem(path)), subagent, parent, title }
}

/// A sub-agent's side file; null where there is none.
fn meta(transcript: &Path) -> Value {
    let bytes = std::fs::read(transcript.with_extension("meta.json")).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Sub-agents of a session by the tool calls that started them.
pub fn links(transcript: &Path) -> HashMap<String, Arc<str>> {
    let mut found = Discovery::default();
    if let Some(project) = transcript.parent().and_then(Path::parent) {
        let folder = project.join("subagents").join(walk::stem(transcript));
        walk::transcripts(Agent::Qwen, &folder, 0, &mut found);
    }
    let link = |unit: Unit| Some((meta(&unit.path)["toolUseId"].as_str()?.to_owned(), walk::stem(&unit.path).into()));
    found.units.into_iter().filter_map(link).collect()
}

/// Processes that are registered, live, and are the ones that registered. What they are doing is not told.
pub fn live(root: &Path) -> Vec<LiveSign> {
    let registered = walk::entries(&root.join("sessions"), &mut Vec::new());
    let files = registered.map(|entry| entry.path());
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .filter_map(|path| sign(&path))
        .collect()
}

fn sign(path: &Path) -> Option<LiveSign> {
    // A file that is being rewritten is read at the next look.
    let told: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let pid = u32::try_from(told["pid"].as_u64()?).ok()?;
    let lives = match told["procStart"].as_str().map(|start| start.rsplit(':').next().unwrap_or(start)) {
        Some(start) => process::is_same(pid, start),
        None => process::is_alive(pid),
    };
    lives.then_some(LiveSign {
        key: SessionKey::new(Agent::Qwen, told["sessionId"].as_str()?),
        pid: Some(pid),
        state: State::Idle,
        waiting_for: None,
        since: told["startedAt"].as_i64().map(Time::from_millis),
    })
}
