//! Paths of Gemini CLI's files, and the project directory that a folder of chats belongs to.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::agent::jsonl::walk::{self, Walk};
use crate::agent::side_text::OutputFolder;
use crate::agent::{Discovery, FileStamp, FolderStamps, Source, SourceRoot};
use crate::domain::{Agent, Time};
use crate::stdx::files::{self, SizeLimit};

/// Kind of source: an event log, one JSON object per line.
pub(super) const LOG: u8 = 0;
/// Kind of source: one JSON document, written by early versions.
pub(super) const DOCUMENT: u8 = 1;
/// Kind of source: the prompts that were typed in a project, see [`prompt_history`](crate::agent::prompt_history).
pub(super) const PROMPTS: u8 = 2;

/// File in a project's folder that contains the project's directory.
const PROJECT_ROOT: &str = ".project_root";
/// Folder of the whole outputs of a project's tools.
pub(super) const OUTPUTS: &str = "tool-outputs";
/// File with the prompts that were typed in a project.
const PROMPTS_FILE: &str = "logs.json";
/// File that maps project directories to folder names.
const PROJECTS: &str = "projects.json";

/// Files of the sessions of a folder of projects, by the name that the files of a session share.
type SessionFiles = HashMap<(PathBuf, String), Vec<PathBuf>>;

/// Files of the sessions of each folder of projects, as they were found last. A session's other files may be in any
/// project, and a search in all of them for each summary takes too long.
static KNOWN: Mutex<Option<HashMap<PathBuf, SessionFiles>>> = Mutex::new(None);

/// Chats by their file names.
const CHATS: Walk = Walk { agent: Agent::Gemini, kind: chat_kind, links: true };

/// Finds all chats of all projects; those of sub-agents are one level deeper.
pub(super) fn discover(root: &SourceRoot) -> Discovery {
    let (mut discovery, mut prompts) = (Discovery::default(), Vec::new());
    walk::check(root.path.join(PROJECTS), SizeLimit::TABLE, &mut discovery.issues);
    for project in walk::subdirectories(&root.path.join("tmp"), &mut discovery.issues) {
        walk::check(project.join(PROJECT_ROOT), SizeLimit::POINTER, &mut discovery.issues);
        CHATS.files(&project.join("chats"), 1, &mut discovery);
        prompts.extend(prompts_in(&project));
    }
    remember(&root.path.join("tmp"), &discovery.sources);
    combine_stamps(&mut discovery.sources);
    discovery.sources.extend(prompts);
    discovery
}

/// The file of the prompts that were typed in a project.
fn prompts_in(project: &Path) -> Option<Source> {
    Walk { kind: |_| Some(PROMPTS), ..CHATS }.source(&project.join(PROMPTS_FILE))
}

/// Remembers the chats below a folder of projects, for [`known_files_of_session`].
pub(crate) fn remember(tmp: &Path, chats: &[Source]) {
    let mut files = SessionFiles::new();
    for chat in chats.iter().filter(|chat| chat.path.starts_with(tmp)) {
        if let Some(name) = session_name(&chat.path) {
            files.entry(owned(name)).or_default().push(chat.path.clone());
        }
    }
    files.values_mut().for_each(|files| files.sort());
    known(|known| _ = known.insert(tmp.to_owned(), files));
}

fn known<T>(use_known: impl FnOnce(&mut HashMap<PathBuf, SessionFiles>) -> T) -> T {
    use_known(KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

fn owned((folder, short): (&Path, &str)) -> (PathBuf, String) {
    (folder.to_owned(), short.to_owned())
}

/// Gives the files of one session the stamp of all of them, because each can change what is shown.
fn combine_stamps(sources: &mut [Source]) {
    let mut by_name: HashMap<(&Path, &str), Vec<FileStamp>> = HashMap::new();
    for source in &*sources {
        if let Some(name) = session_name(&source.path) {
            by_name.entry(name).or_default().push(source.stamp);
        }
    }
    let stamp = |source: &Source| {
        let stamps = by_name.get(&session_name(&source.path)?)?;
        (stamps.len() > 1).then(|| FileStamp::combined(stamps))
    };
    let stamps: Vec<Option<FileStamp>> = sources.iter().map(stamp).collect();
    for (source, stamp) in sources.iter_mut().zip(stamps) {
        source.stamp = stamp.unwrap_or(source.stamp);
    }
}

/// Name that the files of a session share: a short id, and the folder; below the chats of a project if the session may have
/// files in several projects.
fn session_name(path: &Path) -> Option<(&Path, &str)> {
    let (folder, short) = (path.parent()?, short_id(path)?);
    let below = || folder.strip_prefix(chats_of(path)?).ok();
    Some((if is_in_any_project(path) { below().unwrap_or(folder) } else { folder }, short))
}

/// Folder of the chats of a project.
fn chats_of(path: &Path) -> Option<&Path> {
    path.ancestors().find(|dir| dir.file_name().is_some_and(|name| name == "chats"))
}

/// Folder of all projects.
fn projects_of(path: &Path) -> Option<&Path> {
    chats_of(path)?.parent()?.parent()
}

/// True for a chat that the agent named, whose session may have files in the folders of several projects.
fn is_in_any_project(path: &Path) -> bool {
    let is_named = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"session-"));
    is_named && short_id(path).is_some_and(|short| short.len() >= 8)
}

/// Kind of a chat's file, from its path; `None` for other files.
pub(super) fn kind(path: &Path) -> Option<u8> {
    let below_chats = path.ancestors().skip(1).take(2).any(|dir| dir.file_name().is_some_and(|name| name == "chats"));
    chat_kind(path.file_name()?.as_encoded_bytes()).filter(|_| below_chats)
}

fn chat_kind(name: &[u8]) -> Option<u8> {
    match name {
        [_, ..] if name.ends_with(b".jsonl") => Some(LOG),
        [_, ..] if name.starts_with(b"session-") && name.ends_with(b".json") => Some(DOCUMENT),
        _ => None,
    }
}

/// Returns the sources that a changed path affects: the chat, and the other files of the same session, of which only
/// one is shown.
pub(super) fn affected(path: &Path) -> Vec<(PathBuf, Option<Source>)> {
    if path.ends_with(PROMPTS_FILE) {
        return vec![(path.to_owned(), path.parent().and_then(prompts_in))];
    }
    if kind(path).is_none() {
        return Vec::new();
    }
    let mut paths = files_of_session(path);
    if let Some((tmp, name)) = projects_of(path).zip(session_name(path)) {
        known(|known| known.get_mut(tmp).map(|files| files.insert(owned(name), paths.clone())));
    }
    if !paths.iter().any(|sibling| sibling == path) {
        paths.push(path.to_owned());
    }
    let mut sources: Vec<Source> = paths.iter().filter_map(|path| CHATS.source(path)).collect();
    combine_stamps(&mut sources);
    let source = |path: PathBuf| {
        let source = sources.iter().find(|source| source.path == path).cloned();
        (path, source)
    };
    paths.into_iter().map(source).collect()
}

/// Lists the chats in the same folder whose names end in the same short id, including the file itself, sorted by name.
pub(super) fn siblings(path: &Path) -> Vec<PathBuf> {
    path.parent().zip(short_id(path)).map(|(folder, short)| named(folder, short)).unwrap_or_default()
}

/// Returns the chats of a session's name that were found last in the folders of all projects, including the file itself,
/// sorted by name. Lists them if they were not searched for.
pub(super) fn known_files_of_session(path: &Path) -> Vec<PathBuf> {
    let (Some(tmp), Some(name)) = (projects_of(path), session_name(path)) else { return siblings(path) };
    let found = known(|known| Some(known.get(tmp)?.get(&owned(name)).cloned().unwrap_or_default()));
    let Some(mut found) = found else { return files_of_session(path) };
    if !found.iter().any(|file| file == path) {
        found.push(path.to_owned());
        found.sort();
    }
    // One that was removed since is still known.
    found.retain(|file| file.is_file());
    found
}

/// Lists the chats of a session's name in the folders of all projects, including the file itself, sorted by name.
pub(super) fn files_of_session(path: &Path) -> Vec<PathBuf> {
    let tmp = projects_of(path).filter(|_| is_in_any_project(path));
    let (Some(tmp), Some((below, short))) = (tmp, session_name(path)) else { return siblings(path) };
    let projects = walk::subdirectories(tmp, &mut Vec::new()).into_iter();
    let mut found: Vec<PathBuf> =
        projects.flat_map(|project| named(&project.join("chats").join(below), short)).collect();
    found.sort();
    found
}

/// Lists the chats in a folder whose names end in a short id, sorted by name.
fn named(folder: &Path, short: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = walk::entries(folder, &mut Vec::new()).map(|entry| entry.path()).collect();
    found.retain(|other| kind(other).is_some() && short_id(other) == Some(short));
    found.sort();
    found
}

/// Short id in a file name: `19e24f82` for `session-2026-11-21T10-00-19e24f82.jsonl`.
pub(super) fn short_id(path: &Path) -> Option<&str> {
    path.file_stem()?.to_str()?.rsplit('-').next()
}

/// End of the minute in which a session's chat was begun; `None` for the chat of another session.
///
/// The minute is part of the name: Gemini 0.61.0 overwrites a chat that it opens again within that minute.
pub(super) fn end_of_minute(chat: &Path, id: &str) -> Option<Time> {
    let (minute, short) = chat.file_stem()?.to_str()?.strip_prefix("session-")?.rsplit_once('-')?;
    let (hour, minute) = minute.rsplit_once('-').filter(|_| id.starts_with(short) && !short.is_empty())?;
    let start = Time::parse(&format!("{hour}:{minute}:00Z"))?;
    Some(Time::from_millis(start.millis() + 60_000))
}

/// Finds the project directory of a chat; `None` if no file records it.
pub(super) fn project(chat: &Path) -> Option<String> {
    directory(chats_of(chat)?.parent()?)
}

/// Finds the directory of a project by the project's folder.
pub(super) fn directory(folder: &Path) -> Option<String> {
    let own = project_root(folder);
    own.or_else(|| {
        let tmp = folder.parent()?;
        let name = folder.file_name()?.to_str()?;
        let known = projects(tmp.parent()?);
        let by_name = known.iter().find(|(_, slug)| *slug == name).map(|(path, _)| path.clone());
        by_name.or_else(|| by_hash(name, known.into_keys().chain(sibling_roots(tmp))))
    })
}

/// Folder of the whole outputs of a project's tools.
pub(super) fn outputs(chat: &Path) -> OutputFolder {
    outputs_folder(chat).map(OutputFolder::of_project).unwrap_or_default()
}

/// Path of the folder of the whole outputs of a project's tools.
pub(super) fn outputs_folder(chat: &Path) -> Option<PathBuf> {
    Some(chats_of(chat)?.with_file_name(OUTPUTS))
}

/// Stamp of the outputs of a chat's tools: those in the folders of the session and of its parent, and those that are in the
/// folder of no session.
pub(super) fn outputs_stamp(chat: &Path, session: Option<&str>, folders: &mut FolderStamps) -> FileStamp {
    let Some(chats) = chats_of(chat) else { return FileStamp::default() };
    let parent =
        chat.parent().filter(|folder| *folder != chats).and_then(Path::file_name).and_then(|name| name.to_str());
    let own: Vec<String> = session.into_iter().chain(parent).map(|id| format!("session-{id}")).collect();
    folders.of(&chats.with_file_name(OUTPUTS), &own, is_of_session)
}

/// True for the name of the folder with the outputs of one session: `session-` and a UUID.
fn is_of_session(name: &[u8]) -> bool {
    let is_digit = |(at, byte): (usize, &u8)| {
        if matches!(at, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
    };
    name.strip_prefix(b"session-").is_some_and(|id| id.len() == 36 && id.iter().enumerate().all(is_digit))
}

/// Folder of the chats whose tools may have written the output at `path`; `None` for any other file.
pub(super) fn chats_with_output(root: &Path, path: &Path) -> Option<PathBuf> {
    let below = path.strip_prefix(root.join("tmp")).ok()?;
    let mut steps = below.components();
    let (project, folder) = (steps.next()?, steps.next()?);
    let is_output = folder.as_os_str() == OUTPUTS && steps.next().is_some();
    is_output.then(|| root.join("tmp").join(project).join("chats"))
}

/// Reads the project directory from `.project_root`.
fn project_root(folder: &Path) -> Option<String> {
    let text = files::read_text(&folder.join(PROJECT_ROOT), SizeLimit::POINTER).ok()?;
    Some(text.trim().to_owned()).filter(|path| !path.is_empty())
}

/// Finds the known directory whose SHA-256 is the folder's name, as early versions named it.
fn by_hash(name: &str, mut known: impl Iterator<Item = String>) -> Option<String> {
    if name.len() != 64 {
        return None;
    }
    known.find(|path| folder_hash(path) == name)
}

/// Name of the folder of a project directory in early versions.
pub(crate) fn folder_hash(directory: &str) -> String {
    hex(&Sha256::digest(directory))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _infallible = write!(hex, "{byte:02x}");
        hex
    })
}

fn sibling_roots(tmp: &Path) -> impl Iterator<Item = String> {
    walk::subdirectories(tmp, &mut Vec::new()).into_iter().filter_map(|folder| project_root(&folder))
}

#[derive(Default, Deserialize)]
struct Projects {
    #[serde(default)]
    projects: BTreeMap<String, String>,
}

/// Reads the map of project directories to folder names from `projects.json`.
fn projects(home: &Path) -> BTreeMap<String, String> {
    let bytes = files::read(&home.join(PROJECTS), SizeLimit::TABLE).unwrap_or_default();
    serde_json::from_slice::<Projects>(&bytes).unwrap_or_default().projects
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_known_files_of_a_session_are_those_of_all_projects() {
        let home = tempfile::tempdir().expect("a folder");
        let put = |path: &str| {
            let path = home.path().join("tmp").join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            fs::write(&path, "").expect("written");
            path
        };
        let named = |project: &str, short: &str| format!("{project}/chats/session-2026-02-02T03-04-{short}.jsonl");
        let first = put(&named("p", "aaaa1111"));
        let (second, other) = (put(&named("q", "aaaa1111")), put(&named("q", "bbbb1111")));
        let inner = put("q/chats/s1/1-aaaa1111.jsonl");
        let root = SourceRoot { agent: Agent::Gemini, path: home.path().to_owned(), watch: Vec::new(), origin: None };
        discover(&root);
        for file in [&first, &second, &other, &inner] {
            assert_eq!(known_files_of_session(file), files_of_session(file), "{}", file.display());
        }
        // The folders are not listed again; a file is added when it changes.
        let third = put(&named("r", "aaaa1111"));
        assert_eq!(known_files_of_session(&first), [first.clone(), second.clone()]);
        assert_eq!(affected(&third).len(), 3);
        assert_eq!(known_files_of_session(&first), [first.clone(), second.clone(), third]);
        fs::remove_file(&second).expect("removed");
        assert_eq!(known_files_of_session(&first), files_of_session(&first));
    }
}
