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

/// Minimum components of a directory in whose folders a project is looked for: `/home/ann`, but not `/` or `/home`.
const MIN_DEPTH: usize = 3;

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

/// Proposes directories to which the project of a missing directory moved, the most similar first. `known` are
/// directories of other sessions; `identity` is that of the project, if it was remembered.
pub fn propose(gone: &Path, known: &[PathBuf], identity: Option<&RepositoryIdentity>) -> Vec<PathBuf> {
    let existing: Vec<&PathBuf> = known.iter().filter(|path| path.is_dir()).collect();
    let candidates = candidates(gone, &existing);
    let mut found: BTreeMap<PathBuf, (Similarity, PathBuf)> = BTreeMap::new();
    // Any of the missing directories may be the one that moved; the longest path below it is the most specific.
    for root in missing_ancestors(gone) {
        let rest = gone.strip_prefix(root).unwrap_or(Path::new(""));
        let worktrees = existing.iter().flat_map(|path| worktrees_named(path, root));
        let worktrees = worktrees.map(|path| (path, Similarity::Worktree));
        let alike = candidates.iter().filter_map(|path| Some((path.clone(), similarity(path, root, identity)?)));
        for (path, similarity) in worktrees.chain(alike) {
            // Joining an empty path would add a slash.
            let inner = if rest.as_os_str().is_empty() { path.clone() } else { path.join(rest) };
            if path != root && inner.is_dir() {
                let best = found.entry(path).or_insert((similarity, inner));
                best.0 = similarity.max(best.0);
            }
        }
    }
    let mut ranked: Vec<_> = found.into_values().collect();
    ranked.sort_by_key(|(similarity, path)| (Reverse(*similarity), path.as_os_str().len()));
    ranked.into_iter().map(|(_, path)| path).take(MAX_PROPOSALS).collect()
}

/// Returns the missing directories of a path, the one nearest to the root first.
fn missing_ancestors(gone: &Path) -> Vec<&Path> {
    let mut missing: Vec<_> = gone.ancestors().take_while(|path| !path.is_dir()).collect();
    missing.reverse();
    missing
}

/// Returns the directories that may be the moved one: those of other sessions, what is beside them, what is beside the
/// missing ones, and what is in the folders of the home directory, or of another one in which the project was.
fn candidates(gone: &Path, existing: &[&PathBuf]) -> BTreeSet<PathBuf> {
    let parents = existing.iter().filter_map(|path| path.parent()).chain(gone.ancestors().skip(1));
    let folders: BTreeSet<PathBuf> = parents.filter(|path| path.is_dir()).map(Path::to_owned).collect();
    let nearest = gone.ancestors().skip(1).find(|path| path.is_dir());
    let nearest = nearest.filter(|path| path.components().count() >= MIN_DEPTH);
    let is_hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let others = nearest.into_iter().flat_map(directories).filter(|path| !is_hidden(path) && !folders.contains(path));
    let others: Vec<_> = others.collect();
    let beside = folders.iter().chain(&others).take(MAX_FOLDERS).flat_map(|folder| directories(folder));
    existing.iter().map(|path| (*path).clone()).chain(beside).collect()
}

/// Compares a directory with a missing one, and its repository with the identity of the missing one.
fn similarity(path: &Path, root: &Path, wanted: Option<&RepositoryIdentity>) -> Option<Similarity> {
    let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
    let repository = wanted.zip(wanted.and_then(|_| repository_identity(path)));
    match repository {
        Some((wanted, found)) if same(&found.first_commit, &wanted.first_commit) => Some(Similarity::SameFirstCommit),
        Some((wanted, found)) if same(&found.remote, &wanted.remote) => Some(Similarity::SameRemote),
        _ => (path.file_name() == root.file_name()).then_some(Similarity::SameName),
    }
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
