//! Finds the new directory of a project whose directory is gone: by the identity of its repository, by the worktrees of
//! known repositories, and by its name.
//!
//! Only small files of `.git` are read; no program is started.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::project::RepositoryIdentity;
use crate::stdx::files::{self, SizeLimit};

/// Maximum entries of a directory that are looked at, because a folder of projects is not larger.
const MAX_ENTRIES: usize = 1000;

/// Maximum directories whose entries are looked at.
const MAX_FOLDERS: usize = 64;

/// Maximum proposals, because a dialog shows each as a choice.
const MAX_PROPOSALS: usize = 3;

/// Similarity of a candidate to the missing project; the largest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Similarity {
    SameName,
    Worktree,
    SameRemote,
    SameFirstCommit,
}

/// Reads the identity of the repository whose main worktree is `root`. `None` without a repository.
pub fn repository_identity(root: &Path) -> Option<RepositoryIdentity> {
    let git = root.join(".git");
    let config = files::read_text(&git.join("config"), SizeLimit::CONFIG).ok()?;
    let log = files::open(&git.join("logs/HEAD")).ok().and_then(|file| first_line(&file));
    let first_commit = log.and_then(|line| line.split(' ').nth(1).map(str::to_owned));
    Some(RepositoryIdentity { remote: remote(&config), first_commit })
}

/// Reads the first line of a file, which grows at its end.
fn first_line(file: &fs::File) -> Option<String> {
    use std::os::unix::fs::FileExt;
    let mut head = [0; 512];
    let read = file.read_at(&mut head, 0).ok()?;
    let line = head.get(..read)?.split(|byte| *byte == b'\n').next()?;
    String::from_utf8(line.to_vec()).ok()
}

/// Returns the address of the remote `origin`, else of the first remote.
fn remote(config: &str) -> Option<String> {
    let (mut section, mut found) = (String::new(), BTreeMap::new());
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            line.clone_into(&mut section);
        } else if let Some((name, value)) = line.split_once('=')
            && name.trim() == "url"
            && section.starts_with("[remote ")
        {
            found.entry(section.clone()).or_insert_with(|| value.trim().to_owned());
        }
    }
    found.get("[remote \"origin\"]").or_else(|| found.values().next()).cloned()
}

/// Returns the missing directory that is nearest to the root, and the rest of the path below it.
pub fn missing_root(gone: &Path) -> Option<(PathBuf, PathBuf)> {
    let root = gone.ancestors().take_while(|path| !path.is_dir()).last()?;
    Some((root.to_owned(), gone.strip_prefix(root).ok()?.to_owned()))
}

/// Proposes directories to which the project of a missing directory moved, the most similar first. `known` are
/// directories of other sessions; `identity` is that of the project, if it was remembered.
pub fn propose(gone: &Path, known: &[PathBuf], identity: Option<&RepositoryIdentity>) -> Vec<PathBuf> {
    let Some((root, rest)) = missing_root(gone) else { return Vec::new() };
    let existing: Vec<&PathBuf> = known.iter().filter(|path| path.is_dir()).collect();
    let mut found: BTreeMap<PathBuf, Similarity> = BTreeMap::new();
    let mut add = |path: PathBuf, similarity: Similarity| {
        if path.is_dir() && path != root {
            let best = found.entry(path).or_insert(similarity);
            *best = similarity.max(*best);
        }
    };
    for path in existing.iter().copied().flat_map(|path| worktrees_named(path, &root)) {
        add(path, Similarity::Worktree);
    }
    let parents = existing.iter().copied().filter_map(|path| path.parent()).chain(root.ancestors().skip(1));
    let folders: BTreeSet<&Path> = parents.filter(|path| path.is_dir()).collect();
    let neighbours = folders.into_iter().take(MAX_FOLDERS).flat_map(directories);
    for path in existing.into_iter().cloned().chain(neighbours) {
        if path.file_name() == root.file_name() {
            add(path.clone(), Similarity::SameName);
        }
        if let Some(similarity) = identity.and_then(|identity| similarity(&path, identity)) {
            add(path, similarity);
        }
    }
    let mut ranked: Vec<_> = found.into_iter().collect();
    ranked.sort_by_key(|(path, similarity)| (Reverse(*similarity), path.as_os_str().len()));
    // Joining an empty path would add a slash.
    let inner = |path: PathBuf| if rest.as_os_str().is_empty() { path } else { path.join(&rest) };
    let inner = ranked.into_iter().map(|(path, _)| inner(path)).filter(|path| path.is_dir());
    inner.take(MAX_PROPOSALS).collect()
}

/// Compares a repository with an identity.
fn similarity(path: &Path, wanted: &RepositoryIdentity) -> Option<Similarity> {
    let found = repository_identity(path)?;
    let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
    if same(&found.first_commit, &wanted.first_commit) {
        return Some(Similarity::SameFirstCommit);
    }
    same(&found.remote, &wanted.remote).then_some(Similarity::SameRemote)
}

/// Returns the worktrees of a repository that were created with the name of the missing directory.
fn worktrees_named(repository: &Path, root: &Path) -> Vec<PathBuf> {
    let Some(name) = root.file_name() else { return Vec::new() };
    let pointer = repository.join(".git/worktrees").join(name).join("gitdir");
    let text = files::read_text(&pointer, SizeLimit::POINTER).unwrap_or_default();
    Path::new(text.trim()).parent().map(Path::to_owned).into_iter().collect()
}

fn directories(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(MAX_ENTRIES);
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}
