//! Paths of OpenCode's databases and old JSON files: discovers sources, and maps changed paths to them.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{legacy, oldest, record};
use crate::agent::{Discovery, Environment, FileStamp, Source, SourceRoot, sqlite};
use crate::domain::{Agent, Issue};

/// Source kind of a database.
pub(super) const DATABASE: u8 = 0;
/// Source kind of a session's JSON file.
pub(super) const JSON: u8 = 1;

/// Source kind of a session's JSON file of a version before 0.6. Later versions copied these files, and the copy counts.
pub(super) const OLDEST: u8 = 2;

/// Roots: the data directory, the database named by `OPENCODE_DB`, and the configured ones.
pub(super) fn roots(environment: &Environment) -> Vec<SourceRoot> {
    let data = environment.data_dir().join("opencode");
    let from_env = environment.var("OPENCODE_DB").filter(|name| *name != ":memory:");
    // A relative path is relative to the data directory, an absolute one replaces it.
    let from_env = from_env.map(|name| data.join(environment.expand(Path::new(name))));
    let mut roots = Vec::<SourceRoot>::new();
    for path in [Some(data.clone()), from_env].into_iter().flatten().chain(environment.extra_roots(Agent::OpenCode)) {
        let covered = path.parent() == Some(&data) && is_channel(&path);
        if !covered && roots.iter().all(|root| root.path != path) {
            roots.push(SourceRoot { agent: Agent::OpenCode, watch: watched(&path), path, origin: None });
        }
    }
    roots
}

/// Paths to watch: databases with their logs, including future channels, and the old sessions.
///
/// Not the whole data directory, which contains logs, git snapshots and tens of thousands of parts. Messages have one
/// folder per session, and each needs a watch. They are watched only while there is no database; otherwise the files
/// are left-overs.
fn watched(root: &Path) -> Vec<PathBuf> {
    if is_database(root) {
        return vec![root.to_owned(), sqlite::wal(root)];
    }
    let listed = fs::read_dir(root).into_iter().flatten().flatten();
    let storage = root.join("storage");
    // No such file exists; it is the prefix of all database names.
    let mut watched = vec![root.join("opencode"), storage.join("session"), root.join(record::OUTPUTS)];
    if !listed.map(|entry| entry.path()).any(|path| is_channel(&path)) {
        watched.push(storage.join("message"));
        watched.push(root.join("project"));
    }
    watched
}

/// True for a root that is a database. One that a variable names may have any ending.
fn is_database(root: &Path) -> bool {
    is_database_name(root) || root.is_file()
}

fn is_database_name(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "db")
}

/// True for `opencode.db` and `opencode-<channel>.db`.
pub(super) fn is_channel(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    is_database_name(path) && (stem == "opencode" || stem.starts_with("opencode-"))
}

/// True if a session's file is one of the old JSON files.
pub(super) fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "json")
}

/// Finds every database and every old session below a root, with one `stat` each.
pub(super) fn discover(root: &SourceRoot) -> Discovery {
    let mut discovery = Discovery::default();
    if is_database(&root.path) {
        discovery.add(root.path.clone(), DATABASE);
        return discovery;
    }
    for path in list(&root.path, &mut discovery.issues) {
        if is_channel(&path) {
            discovery.add(path, DATABASE);
        }
    }
    for project in list(&root.path.join("storage/session"), &mut discovery.issues) {
        if project.is_dir() {
            for path in list(&project, &mut discovery.issues) {
                if is_session_file(&path) {
                    discovery.add(path, JSON);
                }
            }
        }
    }
    add_headless(&root.path.join("storage"), &mut discovery);
    for project in list(&root.path.join("project"), &mut discovery.issues) {
        for path in list(&project.join("storage/session/info"), &mut discovery.issues) {
            if is_session_file(&path) {
                discovery.add(path, OLDEST);
            }
        }
    }
    discovery
}

/// Adds the sessions of which only the messages are left: their own files are lost.
fn add_headless(storage: &Path, discovery: &mut Discovery) {
    let known: HashSet<&OsStr> = discovery.sources.iter().filter_map(|source| source.path.file_stem()).collect();
    let folders = list(&storage.join("message"), &mut Vec::new()).into_iter();
    let headless: Vec<PathBuf> = folders
        .filter_map(|folder| folder.file_name().map(OsStr::to_owned))
        .filter(|name| !known.contains(&**name) && name.as_encoded_bytes().starts_with(b"ses_"))
        .map(|name| legacy::lost_file(storage, &name.to_string_lossy()))
        .collect();
    headless.into_iter().for_each(|path| discovery.add(path, JSON));
}

impl Discovery {
    fn add(&mut self, path: PathBuf, kind: u8) {
        match source(&path, kind) {
            Ok(source) => self.sources.push(source),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.issues.push(Issue::new(path, error)),
        }
    }
}

/// Entries of a directory; none if it does not exist.
fn list(directory: &Path, issues: &mut Vec<Issue>) -> Vec<PathBuf> {
    let listed = fs::read_dir(directory).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    match listed {
        Ok(paths) => paths,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Vec::new(),
        Err(error) => {
            issues.push(Issue::new(directory, error));
            Vec::new()
        }
    }
}

fn is_session_file(path: &Path) -> bool {
    let is_share = path.parent().and_then(Path::file_name).is_some_and(|folder| folder == "share");
    is_json(path) && !is_share && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ses_"))
}

fn source(path: &Path, kind: u8) -> io::Result<Source> {
    let stamp = if kind == DATABASE { database_stamp(path)? } else { legacy::stamp(path)? };
    Ok(Source { agent: Agent::OpenCode, path: path.to_owned(), stamp, kind })
}

fn database_stamp(path: &Path) -> io::Result<FileStamp> {
    if fs::metadata(path)?.is_dir() {
        return Err(io::Error::other("expected a database, found a directory"));
    }
    sqlite::stamp(path)
}

/// Folder of the databases whose tools may have written the output at `path`; `None` for any other file.
pub(super) fn shows_text(root: &SourceRoot, path: &Path) -> Option<PathBuf> {
    path.starts_with(root.path.join(record::OUTPUTS)).then(|| root.path.clone())
}

/// Source to which a changed file belongs.
pub(super) fn affected(root: &SourceRoot, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
    let database = sqlite::owner(path);
    let is_database = if is_database(&root.path) { database == root.path } else { is_channel(&database) };
    if is_database {
        return vec![(database.clone(), source(&database, DATABASE).ok())];
    }
    let session = if is_session_file(path) { Some(path.to_owned()) } else { legacy::owner(&root.path, path) };
    let kind = |file: &Path| if oldest::is_session_file(file) { OLDEST } else { JSON };
    session.map(|file| (file.clone(), source(&file, kind(&file)).ok())).into_iter().collect()
}
