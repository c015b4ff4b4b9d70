//! Where OpenCode keeps its databases and its old JSON files, and which unit a changed file belongs to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::legacy;
use crate::agent::{Discovery, Environment, Root, Stamp, Unit, sqlite};
use crate::domain::{Agent, Issue};

/// Kind of a unit that is a database.
pub const DATABASE: u8 = 0;
/// Kind of a unit that is a session's JSON file.
pub const JSON: u8 = 1;

/// The data directory, the database that `OPENCODE_DB` names, and whatever the configuration adds.
pub fn roots(environment: &Environment) -> Vec<Root> {
    let data = environment.data_dir().join("opencode");
    let named = environment.var("OPENCODE_DB").filter(|name| *name != ":memory:");
    // A relative path is relative to the data directory, an absolute one replaces it.
    let named = named.map(|name| data.join(environment.expand(Path::new(name))));
    let mut roots = Vec::<Root>::new();
    for path in [Some(data.clone()), named].into_iter().flatten().chain(environment.extra_roots(Agent::OpenCode)) {
        let covered = path.parent() == Some(&data) && is_database_name(&path);
        if !covered && roots.iter().all(|root| root.path != path) {
            roots.push(Root { agent: Agent::OpenCode, watch: watched(&path), path });
        }
    }
    roots
}

/// Databases with their logs, whichever channels come into being, and the old sessions. Not the data directory as a
/// whole: below it lie logs, git snapshots and tens of thousands of parts. Messages have a folder a session, each of
/// which would take a watch: they are watched only while there is no database, when the files are not left-overs.
fn watched(root: &Path) -> Vec<PathBuf> {
    if is_database_name(root) {
        return vec![root.to_owned(), sqlite::wal(root)];
    }
    let listed = fs::read_dir(root).into_iter().flatten().flatten();
    let storage = root.join("storage");
    // No such file: it stands for all whose names begin so.
    let mut watched = vec![root.join("opencode"), storage.join("session")];
    if !listed.map(|entry| entry.path()).any(|path| is_channel(&path)) {
        watched.push(storage.join("message"));
    }
    watched
}

fn is_database_name(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "db")
}

/// `opencode.db`, or `opencode-<channel>.db`.
fn is_channel(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    is_database_name(path) && (stem == "opencode" || stem.starts_with("opencode-"))
}

/// Whether a session's file is one of the old JSON files.
pub fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "json")
}

/// Every database and every old session below a root, with a `stat` each.
pub fn discover(root: &Root) -> Discovery {
    let mut found = Discovery::default();
    if is_database_name(&root.path) {
        found.add(root.path.clone(), DATABASE);
        return found;
    }
    for path in list(&root.path, &mut found.issues) {
        if is_channel(&path) {
            found.add(path, DATABASE);
        }
    }
    for project in list(&root.path.join("storage/session"), &mut found.issues) {
        if project.is_dir() {
            for path in list(&project, &mut found.issues) {
                if is_session_file(&path) {
                    found.add(path, JSON);
                }
            }
        }
    }
    found
}

impl Discovery {
    fn add(&mut self, path: PathBuf, kind: u8) {
        match unit(&path, kind) {
            Ok(unit) => self.units.push(unit),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.issues.push(Issue::new(path, error)),
        }
    }
}

/// A directory's entries; none where there is no such directory.
fn list(directory: &Path, issues: &mut Vec<Issue>) -> Vec<PathBuf> {
    let listed = fs::read_dir(directory).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    match listed {
        Ok(paths) => paths,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            issues.push(Issue::new(directory, error));
            Vec::new()
        }
    }
}

fn is_session_file(path: &Path) -> bool {
    is_json(path) && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ses_"))
}

fn unit(path: &Path, kind: u8) -> io::Result<Unit> {
    let stamp = if kind == DATABASE { database_stamp(path)? } else { legacy::stamp(path)? };
    Ok(Unit { agent: Agent::OpenCode, path: path.to_owned(), stamp, kind })
}

fn database_stamp(path: &Path) -> io::Result<Stamp> {
    if fs::metadata(path)?.is_dir() {
        return Err(io::Error::other("a directory stands where a database is expected"));
    }
    sqlite::stamp(path)
}

/// The unit that a changed file belongs to.
pub fn affected(root: &Root, path: &Path) -> Vec<(PathBuf, Option<Unit>)> {
    let database = sqlite::owner(path);
    let ours = if is_database_name(&root.path) { database == root.path } else { is_channel(&database) };
    if ours {
        return vec![(database.clone(), unit(&database, DATABASE).ok())];
    }
    let session = if is_session_file(path) { Some(path.to_owned()) } else { legacy::owner(&root.path, path) };
    session.map(|file| (file.clone(), unit(&file, JSON).ok())).into_iter().collect()
}
