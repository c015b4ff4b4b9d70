//! Where Claude Code keeps its files, and which of them are sessions.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::agent::jsonl::Identity;
use crate::agent::{Discovery, Environment, Root, Stamp, Unit};
use crate::domain::{Agent, Issue, SessionKey};

/// A session.
pub const SESSION: u8 = 0;
/// A sub-agent's transcript.
pub const SUBAGENT: u8 = 1;

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
    let projects = root.path.join("projects");
    let mut folders: Vec<(bool, PathBuf)> = entries(&projects, &mut found.issues)
        .map(|entry| (entry.file_type().is_ok_and(|kind| kind.is_symlink()), entry.path()))
        .collect();
    // A folder may be there twice, by a link: its own name counts.
    folders.sort();
    let mut seen = HashSet::new();
    for (_, folder) in folders {
        let Ok(metadata) = std::fs::metadata(&folder) else { continue };
        if metadata.is_dir() && seen.insert((metadata.dev(), metadata.ino())) {
            project(&folder, &mut found);
        }
    }
    found
}

fn project(folder: &Path, found: &mut Discovery) {
    let mut below = Vec::new();
    for entry in entries(folder, &mut found.issues) {
        let path = entry.path();
        if is_transcript(&path) {
            found.issues.extend(unit(path).map(|unit| found.units.push(unit)).err());
        } else if path.extension().is_none() && entry.file_type().is_ok_and(|kind| !kind.is_file()) {
            below.push(path.join("subagents"));
        }
    }
    for folder in below {
        subagents(&folder, DEPTH, found);
    }
}

fn subagents(folder: &Path, depth: usize, found: &mut Discovery) {
    if depth == 0 {
        return;
    }
    for entry in entries(folder, &mut found.issues) {
        let path = entry.path();
        if is_transcript(&path) {
            found.issues.extend(unit(path).map(|unit| found.units.push(unit)).err());
        } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            subagents(&path, depth - 1, found);
        }
    }
}

/// The entries of a directory; none and no issue where there is no directory.
fn entries(folder: &Path, issues: &mut Vec<Issue>) -> impl Iterator<Item = std::fs::DirEntry> + use<> {
    let listed = match std::fs::read_dir(folder) {
        Ok(entries) => Some(entries),
        Err(error) => {
            use std::io::ErrorKind::{NotADirectory, NotFound};
            if !matches!(error.kind(), NotFound | NotADirectory) {
                issues.push(Issue::new(folder, error));
            }
            None
        }
    };
    listed.into_iter().flatten().filter_map(Result::ok)
}

fn is_transcript(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "jsonl")
}

/// A transcript with its present stamp, or why it is none.
pub fn unit(path: PathBuf) -> Result<Unit, Issue> {
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => {
            let kind = if stem(&path).starts_with("agent-") { SUBAGENT } else { SESSION };
            Ok(Unit { agent: Agent::Claude, stamp: Stamp::of(&metadata), path, kind })
        }
        Ok(_) => Err(Issue::new(path, "a transcript's name, but not a file")),
        Err(error) => Err(Issue::new(path, error)),
    }
}

/// The units that a changed path concerns.
pub fn affected(root: &Root, path: &Path) -> Vec<(PathBuf, Option<Unit>)> {
    let Ok(below) = path.strip_prefix(root.path.join("projects")) else { return Vec::new() };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let transcript = if is_transcript(path) {
        Some(path.to_owned())
    } else if let Some(agent) = name.strip_suffix(".meta.json") {
        Some(path.with_file_name(format!("{agent}.jsonl")))
    } else if name == "custom-title.json" {
        path.parent().map(|folder| folder.with_extension("jsonl"))
    } else {
        None
    };
    if let Some(transcript) = transcript {
        let unit = unit(transcript.clone()).ok();
        return vec![(transcript, unit)];
    }
    if path.is_dir() {
        let mut found = Discovery::default();
        match below.components().count() {
            0 => found = discover(root),
            1 => project(path, &mut found),
            _ => subagents(path, DEPTH, &mut found),
        }
        return found.units.into_iter().map(|unit| (unit.path.clone(), Some(unit))).collect();
    }
    // A folder that is gone took its transcripts along; they cannot be named any more, but it can.
    if path.extension().is_none() && !path.exists() { vec![(path.to_owned(), None)] } else { Vec::new() }
}

/// Who a transcript is, by its place.
pub fn identity(path: &Path, kind: u8) -> Identity {
    let subagent = kind == SUBAGENT;
    let (parent, title) = if subagent { (parent(path), meta(path).0) } else { (None, None) };
    Identity { key: SessionKey::new(Agent::Claude, stem(path)), subagent, parent, title }
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
    subagents(&transcript.with_extension("").join("subagents"), DEPTH, &mut found);
    let link = |unit: Unit| Some((meta(&unit.path).1?, stem(&unit.path).into()));
    found.units.into_iter().filter_map(link).collect()
}

/// The name of a file without its ending.
pub fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
