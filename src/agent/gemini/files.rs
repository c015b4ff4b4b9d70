//! Where Gemini CLI keeps its files, and which project a folder of chats belongs to.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::agent::{Discovery, Root, Stamp, Unit};
use crate::domain::{Agent, Issue};

/// Kind of unit: a log of events, one JSON object a line.
pub const LOG: u8 = 0;
/// Kind of unit: one JSON document, as older versions wrote it.
pub const DOCUMENT: u8 = 1;

/// The root at a `.gemini` folder.
pub fn root(home: PathBuf) -> Root {
    Root { agent: Agent::Gemini, watch: vec![home.join("tmp")], path: home }
}

/// Every chat of every project.
pub fn discover(root: &Root) -> Discovery {
    let mut found = Discovery::default();
    for project in list(&root.path.join("tmp"), &mut found.issues) {
        if project.is_dir() {
            chats(&project.join("chats"), 1, &mut found);
        }
    }
    found
}

/// Chats in a folder; those of sub-agents lie one deeper.
fn chats(dir: &Path, depth: u8, found: &mut Discovery) {
    for path in list(dir, &mut found.issues) {
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() && depth > 0 => chats(&path, depth - 1, found),
            Ok(metadata) => found.units.extend(unit(&path, &metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => found.issues.push(Issue::new(path, format!("cannot be looked at: {error}"))),
        }
    }
}

fn list(dir: &Path, issues: &mut Vec<Issue>) -> Vec<PathBuf> {
    match fs::read_dir(dir) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) => {
            let nothing = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
            if !nothing {
                issues.push(Issue::new(dir, format!("cannot be listed: {error}")));
            }
            Vec::new()
        }
    }
}

/// A chat's file as a unit.
fn unit(path: &Path, metadata: &fs::Metadata) -> Option<Unit> {
    let kind = kind(path).filter(|_| metadata.is_file())?;
    Some(Unit { agent: Agent::Gemini, path: path.to_owned(), stamp: Stamp::of(metadata), kind })
}

/// What kind of chat a file is, by its name.
pub fn kind(path: &Path) -> Option<u8> {
    let below_chats = path.ancestors().skip(1).take(2).any(|dir| dir.file_name().is_some_and(|name| name == "chats"));
    let name = path.file_name()?.to_str()?;
    match path.extension()?.to_str()? {
        "jsonl" if below_chats => Some(LOG),
        "json" if below_chats && name.starts_with("session-") => Some(DOCUMENT),
        _ => None,
    }
}

/// The units that a changed path concerns: the chat, and the other files of the same session, of which only one is
/// shown.
pub fn affected(path: &Path) -> Vec<(PathBuf, Option<Unit>)> {
    if kind(path).is_none() {
        return Vec::new();
    }
    let mut paths = siblings(path);
    if !paths.iter().any(|sibling| sibling == path) {
        paths.push(path.to_owned());
    }
    let look = |path: PathBuf| {
        let unit = fs::metadata(&path).ok().and_then(|metadata| unit(&path, &metadata));
        (path, unit)
    };
    paths.into_iter().map(look).collect()
}

/// The chats in the same folder whose names end in the same eight characters of the session's id, itself among
/// them, in the order of their names.
pub fn siblings(path: &Path) -> Vec<PathBuf> {
    let Some((dir, short)) = path.parent().zip(short_id(path)) else { return Vec::new() };
    let mut found = list(dir, &mut Vec::new());
    found.retain(|other| kind(other).is_some() && short_id(other) == Some(short));
    found.sort();
    found
}

/// `session-2026-11-21T10-00-19e24f82.jsonl` is `19e24f82`.
pub fn short_id(path: &Path) -> Option<&str> {
    path.file_stem()?.to_str()?.rsplit('-').next()
}

/// The directory whose chats a file is among; nothing where no file tells it.
pub fn project(chat: &Path) -> Option<String> {
    let folder = chat.ancestors().find(|dir| dir.file_name().is_some_and(|name| name == "chats"))?.parent()?;
    let own = project_root(folder);
    own.or_else(|| {
        let tmp = folder.parent()?;
        let name = folder.file_name()?.to_str()?;
        let known = projects(tmp.parent()?);
        let by_name = known.iter().find(|(_, slug)| *slug == name).map(|(path, _)| path.clone());
        by_name.or_else(|| by_hash(name, known.into_keys().chain(roots_beside(tmp))))
    })
}

/// What `.project_root` says.
fn project_root(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join(".project_root")).ok()?;
    Some(text.trim().to_owned()).filter(|path| !path.is_empty())
}

/// Older versions named the folder by the SHA-256 of the directory: any known directory may be the one.
fn by_hash(name: &str, mut known: impl Iterator<Item = String>) -> Option<String> {
    if name.len() != 64 {
        return None;
    }
    known.find(|path| format!("{:x}", Sha256::digest(path)) == name)
}

fn roots_beside(tmp: &Path) -> impl Iterator<Item = String> {
    list(tmp, &mut Vec::new()).into_iter().filter_map(|folder| project_root(&folder))
}

#[derive(Default, Deserialize)]
struct Projects {
    #[serde(default)]
    projects: BTreeMap<String, String>,
}

/// Directories and the names of their folders, as `projects.json` maps them.
fn projects(home: &Path) -> BTreeMap<String, String> {
    let bytes = fs::read(home.join("projects.json")).unwrap_or_default();
    serde_json::from_slice::<Projects>(&bytes).unwrap_or_default().projects
}
