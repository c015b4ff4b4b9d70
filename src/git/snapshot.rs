//! Snapshots: the files of a work tree as a commit in salon's own repository. Tracked and untracked files are part of one,
//! ignored ones are not.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::error::GitError;
use super::own_repository::{self, OwnRepository};
use super::program::GitCommand;
use super::raw_files;
use super::repository::{Repository, text};
use super::snapshot_notes::SnapshotNotes;

/// Maximum size of all new and changed files of a snapshot, because untracked data would be copied each time it changes.
const MAX_TOTAL_BYTES: u64 = 1 << 30;

/// Maximum time for reading new and changed files.
const READ_LIMIT: Duration = Duration::from_mins(5);

/// Maximum size of a file that is new or changed in a snapshot, because videos and images of disks fill the disk.
pub const MAX_FILE_BYTES: u64 = 100 << 20;

/// Ref that keeps the latest snapshot of a directory outside of git.
pub(super) const LATEST: &str = "refs/salon/latest";

/// Names of changed files, each ended by a zero byte, and what is noted of them.
#[derive(Default)]
struct ChangedNames {
    present: Vec<u8>,
    gone: Vec<u8>,
    notes: SnapshotNotes,
}

/// Mode of a submodule in a list.
const SUBMODULE: &[u8] = b":160000 ";

impl OwnRepository {
    /// Takes a snapshot of a work tree and returns its commit, whose parent is the current commit of the work tree; the
    /// bytes of files that git converts are in another one. A failure, as on a full disk, leaves nothing behind.
    pub fn snapshot(&self, repository: &Repository) -> Result<String, GitError> {
        let folder = tempfile::Builder::new()
            .prefix("index-")
            .tempdir_in(&self.path)
            .map_err(|error| GitError::io(&self.path, error))?;
        let (index, objects) = (folder.path().join("index"), folder.path().join("objects"));
        own_repository::write(&objects.join("info/alternates"), &self.objects_line())?;
        let new = |command: GitCommand| command.var("GIT_OBJECT_DIRECTORY", &objects);
        self.prepare(repository, &index)?;
        let changed = self.changed_files(&repository.root, &index)?;
        let update = || new(self.on_files("update-index", &repository.root, &index).limit(READ_LIMIT));
        if !changed.gone.is_empty() {
            update().args(["--force-remove", "-z", "--stdin"]).input(changed.gone).run()?;
        }
        if !changed.present.is_empty() {
            update().args(["--add", "--remove", "--replace", "-z", "--stdin"]).input(changed.present).run()?;
        }
        // The objects of unchanged files are the user's; looking for each takes longer than all the rest.
        let tree = new(self.on_files("write-tree", &repository.root, &index).args(["--missing-ok"]));
        // The size of the index decides on the time of the tree and of the raw files.
        let (tree, raw, head) = thread::scope(|scope| {
            let tree = scope.spawn(|| tree.line());
            let head = scope.spawn(|| repository.commit("HEAD"));
            let raw = self.keep_raw_files(repository, &index, &new);
            let head = head.join().unwrap_or(Err(GitError::Unreadable("rev-parse")));
            (tree.join().unwrap_or(Err(GitError::Unreadable("write-tree"))), raw, head)
        });
        let (tree, raw) = (text(tree?, "write-tree")?, raw?);
        let head = match head {
            Ok(head) => Some(head),
            Err(GitError::NoCommits(_)) => None,
            Err(error) => return Err(error),
        };
        let raw_commit = raw.as_ref().and_then(|raw| raw.commit.clone());
        let parents: Vec<&str> = head.iter().chain(&raw_commit).map(String::as_str).collect();
        let mut notes = changed.notes;
        let mut message = raw_files::message(raw.as_ref());
        notes.extend_modes(raw.map(|raw| raw.modes).unwrap_or_default());
        message.push_str(&notes.lines(folder.path()).map_err(|error| GitError::io(folder.path(), error))?);
        let message = message.into_bytes();
        let commit = new(self.commit_object(&tree, &parents).input(message)).line()?;
        self.take_objects(&objects)?;
        let commit = text(commit, "commit-tree")?;
        if repository.plain.is_some() {
            // Its times spare reading unchanged files again, of which only this repository has the objects.
            self.set_ref(LATEST, &commit)?;
            let kept = repository.git_dir.join("index");
            fs::rename(&index, &kept).map_err(|error| GitError::io(&kept, error))?;
        }
        Ok(commit)
    }

    /// Moves new objects into the repository, each as a whole.
    fn take_objects(&self, objects: &Path) -> Result<(), GitError> {
        let failed = |error| GitError::io(objects, error);
        for folder in fs::read_dir(objects).map_err(failed)? {
            let folder = folder.map_err(failed)?;
            // The other folders contain no loose objects.
            if folder.file_name().len() != 2 {
                continue;
            }
            let target = self.path.join("objects").join(folder.file_name());
            fs::create_dir_all(&target).map_err(|error| GitError::io(&target, error))?;
            for object in fs::read_dir(folder.path()).map_err(failed)? {
                let object = object.map_err(failed)?;
                fs::rename(object.path(), target.join(object.file_name())).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Copies the index of the work tree, whose file times spare reading unchanged files, and the excluded patterns. A
    /// split index is in two files.
    fn prepare(&self, repository: &Repository, index: &Path) -> Result<(), GitError> {
        let own_index = repository.git_dir.join("index");
        match copy_with_time(&own_index, index) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(GitError::io(&own_index, error)),
            _ => {}
        }
        for entry in fs::read_dir(&repository.git_dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if name.as_bytes().starts_with(b"sharedindex.") {
                copy_with_time(&entry.path(), &index.with_file_name(&name))
                    .map_err(|error| GitError::io(&entry.path(), error))?;
            }
        }
        let exclude = repository.common_dir.join("info/exclude");
        let patterns = crate::stdx::files::read(&exclude, crate::stdx::files::SizeLimit::POINTER).unwrap_or_default();
        own_repository::write(&self.path.join("info/exclude"), &patterns)
    }

    /// Returns the new, changed and deleted files. Files that are too large are left out, and so are repositories within
    /// the work tree that are no submodules.
    fn changed_files(&self, root: &Path, index: &Path) -> Result<ChangedNames, GitError> {
        let others = self.on_files("ls-files", root, index).args(["--others", "--exclude-standard", "-z"]);
        let options = ["--raw", "-z", "--no-ext-diff", "--ignore-submodules=dirty"];
        let differing = self.on_files("diff-files", root, index).args(options);
        // Both look at every file, so that they take half the time beside each other.
        let (others, differing) = thread::scope(|scope| {
            let others = scope.spawn(|| others.run());
            let differing = differing.run();
            (others.join().unwrap_or(Err(GitError::Unreadable("ls-files"))), differing)
        });
        let (others, differing) = (others?, differing?);
        let fields = |listed| <[u8]>::split(listed, |byte| *byte == 0).filter(|field| !field.is_empty());
        let mut tracked = HashMap::new();
        let mut states = fields(&differing);
        while let (Some(state), Some(name)) = (states.next(), states.next()) {
            tracked.insert(name, state.starts_with(SUBMODULE));
        }
        let names: BTreeSet<&[u8]> = fields(&others).chain(tracked.keys().copied()).collect();
        let (mut changed, mut total) = (ChangedNames::default(), 0);
        for name in names {
            match metadata(root, Path::new(OsStr::from_bytes(name))) {
                Some(metadata) if metadata.is_dir() => match tracked.get(name) {
                    // The commit of a submodule is part of a snapshot, its files are not.
                    Some(true) => changed.present.extend([name, b"\0"].concat()),
                    Some(false) => changed.gone.extend([name, b"\0"].concat()),
                    // Another repository.
                    None => {}
                },
                Some(metadata) if metadata.len() > MAX_FILE_BYTES => changed.notes.add_large(name, &metadata),
                Some(metadata) => {
                    changed.notes.add_mode(name, &metadata);
                    total += metadata.len();
                    changed.present.extend([name, b"\0"].concat());
                }
                None => changed.gone.extend([name, b"\0"].concat()),
            }
        }
        if total > MAX_TOTAL_BYTES {
            let limit = usize::try_from(MAX_TOTAL_BYTES >> 20).unwrap_or(usize::MAX);
            return Err(GitError::TooLarge { command: "status".to_owned(), limit });
        }
        Ok(changed)
    }
}

/// Copies an index with its time. Git compares that with the times of files: one that is not older than the index may
/// have changed without a trace.
fn copy_with_time(from: &Path, to: &Path) -> io::Result<()> {
    let modified = fs::metadata(from)?.modified()?;
    fs::copy(from, to)?;
    fs::OpenOptions::new().write(true).open(to)?.set_modified(modified)
}

/// Returns the metadata of a file of a work tree; `None` if it is gone. A file behind a link belongs to another place.
fn metadata(root: &Path, path: &Path) -> Option<fs::Metadata> {
    let is_folder = |folder: &Path| fs::symlink_metadata(root.join(folder)).is_ok_and(|metadata| metadata.is_dir());
    let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    if folders.into_iter().all(is_folder) { fs::symlink_metadata(root.join(path)).ok() } else { None }
}
