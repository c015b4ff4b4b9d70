//! Where Claude Code keeps its files, and which of them are sessions.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::agent::jsonl::{Identity, walk};
use crate::agent::{Discovery, Environment, Root, Unit};
use crate::domain::{Agent, SessionKey};

/// How deep below a session's own folder its sub-agents' transcripts are looked for.
const DEPTH: usize = 3;

/// The configuration directory, and those that the user names.
pub fn roots(environment: &Environment) -> Vec<Root> {
    let own = environment.dir("CLAUDE_CONFIG_DIR", ".claude");
    let mut roots: Vec<Root> = Vec::new();
    for path in std::iter::once(own).chain(environment.extra_roots(Agent::Claude)) {
        if !roots.iter().any(|root| root.path == path) {
            let watch = vec![path.join("projects"), path.join("sessions")];
            roots.push(Root { agent: Agent::Claude, path, watch });
        }
    }
    roots
}

/// All transcripts below a root.
pub fn discover(root: &Root) -> Discovery {
    let mut found = Discovery::default();
    for folder in walk::folders(&root.path.join("projects"), &mut found.issues) {
        walk::project(Agent::Claude, &folder, DEPTH, &mut found);
    }
    found
}

/// The units that a changed path concerns.
pub fn affected(root: &Root, path: &Path) -> Vec<(PathBuf, Option<Unit>)> {
    let Ok(below) = path.strip_prefix(root.path.join("projects")) else { return Vec::new() };
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
    if let Some(transcript) = transcript {
        let unit = walk::unit(Agent::Claude, transcript.clone()).ok();
        return vec![(transcript, unit)];
    }
    if path.is_dir() {
        let mut found = Discovery::default();
        match below.components().count() {
            0 => found = discover(root),
            1 => walk::project(Agent::Claude, path, DEPTH, &mut found),
            _ => walk::transcripts(Agent::Claude, path, DEPTH, &mut found),
        }
        return found.units.into_iter().map(|unit| (unit.path.clone(), Some(unit))).collect();
    }
    // A folder that is gone took its transcripts along; they cannot be named any more, but it can.
    if path.extension().is_none() && !path.exists() { vec![(path.to_owned(), None)] } else { Vec::new() }
}

/// Who a transcript is, by its place.
pub fn identity(path: &Path, kind: u8) -> Identity {
    let subagent = kind == walk::SUBAGENT;
    let (parent, title) = if subagent { (parent(path), meta(path).0) } else { (None, None) };
    Identity { key: SessionKey::new(Agent::Claude, walk::stem(path)), subagent, parent, title }
}

/// The session in whose `subagents` folder a transcript lies.
fn parent(path: &Path) -> Option<Arc<str>> {
    let folder = path.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "subagents"))?;
    Some(folder.parent()?.file_name()?.to_string_lossy().into())
}

/// What a sub-agent's side file tells: what it was to do, and the tool call that started it.
fn meta(transcript: &Path) -> (Option<String>, Option<String>) {
    let Ok(bytes) = std::fs::read(transcript.with_extension("meta.json")) else { return (None, None) };
    let Ok(meta) = serde_json::from_slice::<serde_json::Value>(&bytes) else { return (None, None) };
    let field = |name: &str| meta[name].as_str().map(str::to_owned);
    (field("description"), field("toolUseId"))
}

/// Sub-agents of a session by the tool calls that started them.
pub fn links(transcript: &Path) -> HashMap<String, Arc<str>> {
    let mut found = Discovery::default();
    walk::transcripts(Agent::Claude, &transcript.with_extension("").join("subagents"), DEPTH, &mut found);
    let link = |unit: Unit| Some((meta(&unit.path).1?, walk::stem(&unit.path).into()));
    found.units.into_iter().filter_map(link).collect()
}
