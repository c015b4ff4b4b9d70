//! Restoring the files of a work tree from a snapshot. Files that are equal in both snapshots are not touched. A file
//! whose present content is in no snapshot is never overwritten or deleted: an ignored or very large one, one that git
//! was told to ignore the changes of, and one that changed after the snapshot.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::error::GitError;
use super::own_repository::OwnRepository;
use super::quoted_name::quoted;
use super::snapshot_notes;

/// Maximum paths in the arguments of a command.
const PATHS_PER_COMMAND: usize = 500;

/// A file that differs between the current state and a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRestoration {
    /// Path relative to the root of the work tree.
    pub path: PathBuf,
    /// True if the snapshot has the file; false if it is deleted.
    pub exists: bool,
    /// Object of the file in the current state; `None` where it is absent.
    current: Option<String>,
    /// Object of the file in the snapshot; `None` where it is absent.
    target: Option<String>,
    /// Object with the bytes of the present file, if they are known and it is a regular one.
    current_raw: Option<String>,
    /// Object with the bytes that the file had in the snapshot, if they are known and it was a regular one.
    target_raw: Option<String>,
    /// Mode that the file had in the snapshot, if it was not a usual one.
    mode: Option<u32>,
}

/// Files that can be restored without a loss, and those that cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckedRestorations {
    /// Files whose present content is in the current snapshot.
    pub safe: Vec<FileRestoration>,
    /// Other files, which are left as they are.
    pub left: Vec<PathBuf>,
}

/// Content of a path in the work tree.
enum PathState {
    Absent,
    /// Something that is no directory is above it.
    Blocked(PathBuf),
    Directory,
    File,
    /// Target of a symbolic link.
    Link(Vec<u8>),
    /// A device or the like.
    Other,
}

impl OwnRepository {
    /// Returns the files that differ between two snapshots, as changes from the current one to the target.
    pub fn restorations(&self, current_commit: &str, target_commit: &str) -> Result<Vec<FileRestoration>, GitError> {
        let options = ["-r", "--no-renames", "--no-ext-diff", "--full-index", "--raw", "-z"];
        let options = options.into_iter().chain([current_commit, target_commit]);
        let listed = self.command("diff-tree").args(options).run()?;
        let mut fields = listed.split(|byte| *byte == 0).filter(|field| !field.is_empty());
        let (mut found, mut submodules) = (Vec::new(), HashSet::new());
        while let (Some(state), Some(name)) = (fields.next(), fields.next()) {
            let state = String::from_utf8_lossy(state);
            let words: Vec<&str> = state.split(' ').collect();
            let [old_mode, new_mode, old, new, _] = words[..] else { return Err(GitError::Unreadable("diff-tree")) };
            let path = PathBuf::from(OsStr::from_bytes(name));
            // The record of a submodule is a commit, not a file.
            if old_mode == ":160000" || new_mode == "160000" {
                submodules.insert(path);
                continue;
            }
            let object = |id: &str| Some(id.to_owned()).filter(|id| id.bytes().any(|digit| digit != b'0'));
            let (current, target) = (object(old), object(new));
            let current_raw = current.clone().filter(|_| is_regular(old_mode.trim_start_matches(':')));
            let target_raw = target.clone().filter(|_| is_regular(new_mode));
            let exists = target.is_some();
            found.push(FileRestoration { path, exists, current, target, current_raw, target_raw, mode: None });
        }
        self.add_raw((current_commit, target_commit), &submodules, &mut found)?;
        Ok(found)
    }

    /// Replaces the objects of regular files by those of their bytes, and adds files of which only the bytes differ.
    /// Those of a file that has no entry may be unknown, so that it is not added.
    fn add_raw(
        &self,
        (current_commit, target_commit): (&str, &str),
        submodules: &HashSet<PathBuf>,
        found: &mut Vec<FileRestoration>,
    ) -> Result<(), GitError> {
        let (current, target) = (self.raw_files(current_commit)?, self.raw_files(target_commit)?);
        for file in found.iter_mut() {
            file.current_raw = file.current_raw.take().and_then(|object| current.bytes(&file.path, &object));
            file.mode = file.target_raw.as_ref().and_then(|_| target.mode(&file.path));
            file.target_raw = file.target_raw.take().and_then(|object| target.bytes(&file.path, &object));
        }
        let listed: HashSet<PathBuf> = found.iter().map(|file| file.path.clone()).collect();
        let differing: BTreeSet<&PathBuf> = current
            .objects
            .keys()
            .chain(target.objects.keys())
            .filter(|path| !listed.contains(*path) && !submodules.contains(*path))
            .filter(|path| current.objects.get(*path) != target.objects.get(*path))
            .collect();
        for (path, object) in self.objects_in(target_commit, &differing)? {
            let (current_raw, target_raw) = (current.bytes(&path, &object), target.bytes(&path, &object));
            if current_raw.is_some() && target_raw.is_some() && current_raw != target_raw {
                let mode = target.mode(&path);
                let (current, target) = (Some(object.clone()), Some(object));
                found.push(FileRestoration { path, exists: true, current, target, current_raw, target_raw, mode });
            }
        }
        Ok(())
    }

    /// Returns the objects of regular files in a commit.
    pub(super) fn objects_in(
        &self,
        commit: &str,
        paths: &BTreeSet<&PathBuf>,
    ) -> Result<Vec<(PathBuf, String)>, GitError> {
        let paths: Vec<&PathBuf> = paths.iter().copied().collect();
        let mut found = Vec::new();
        for some in paths.chunks(PATHS_PER_COMMAND) {
            let command = self.command("ls-tree").args(["-z", "--full-tree", commit, "--"]).args(some);
            for entry in command.run()?.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
                let tab = memchr::memchr(b'\t', entry).ok_or(GitError::Unreadable("ls-tree"))?;
                let head = String::from_utf8_lossy(&entry[..tab]);
                let mut words = head.split(' ');
                if let (Some(mode), Some(id)) = (words.next(), words.next_back())
                    && is_regular(mode)
                {
                    found.push((PathBuf::from(OsStr::from_bytes(&entry[tab + 1..])), id.to_owned()));
                }
            }
        }
        Ok(found)
    }

    /// Returns true if a snapshot has the present content of a path, or if there is nothing.
    pub fn has_present(&self, root: &Path, commit: &str, path: &Path) -> Result<bool, GitError> {
        let path = path.to_owned();
        let current = self.objects_in(commit, &BTreeSet::from([&path]))?.pop().map(|(_, object)| object);
        let raw = self.raw_files(commit)?;
        let current_raw = current.as_ref().and_then(|object| raw.bytes(&path, object));
        let (target, target_raw, mode) = (None, None, None);
        let file = FileRestoration { path, exists: true, current, target, current_raw, target_raw, mode };
        Ok(self.check(root, vec![file])?.left.is_empty())
    }

    /// Separates the files that are as the current snapshot has them from those that are not.
    pub fn check(&self, root: &Path, files: Vec<FileRestoration>) -> Result<CheckedRestorations, GitError> {
        let deleted: HashSet<PathBuf> =
            files.iter().filter(|file| !file.exists).map(|file| file.path.clone()).collect();
        let states: Vec<PathState> = files.iter().map(|file| state(root, &file.path)).collect();
        let contents = files.iter().zip(&states).filter(|(file, _)| file.current.is_some());
        let regular = contents.filter(|(_, state)| matches!(state, PathState::File)).map(|(file, _)| file);
        let (raw, converted): (Vec<_>, Vec<_>) = regular.partition(|file| file.current_raw.is_some());
        let mut raw = self.objects_of(root, &raw, &["--no-filters"])?.into_iter();
        let mut objects = self.objects_of(root, &converted, &[])?.into_iter();
        let mut checked = CheckedRestorations::default();
        for (file, state) in files.into_iter().zip(states) {
            let is_safe = match (file.current_raw.as_ref().or(file.current.as_ref()), state) {
                (_, PathState::Absent) => true,
                (None, PathState::Blocked(by)) => deleted.contains(&by),
                (None, PathState::Directory) => contains_only(root, &file.path, &deleted),
                (Some(current), PathState::File) => {
                    let objects = if file.current_raw.is_some() { &mut raw } else { &mut objects };
                    objects.next().as_ref() == Some(current)
                }
                (Some(current), PathState::Link(to)) => self.object_of(root, to)? == *current,
                (None, PathState::File | PathState::Link(_))
                | (Some(_), PathState::Blocked(_) | PathState::Directory)
                | (_, PathState::Other) => false,
            };
            if is_safe {
                checked.safe.push(file);
            } else {
                checked.left.push(file.path);
            }
        }
        Ok(checked)
    }

    /// Changes files, which were just checked, to the snapshot `target`. An error in the first result means that nothing
    /// was changed, one in the second that some files may have been.
    pub fn restore(
        &self,
        root: &Path,
        target: &str,
        files: &[FileRestoration],
    ) -> Result<Result<(), GitError>, GitError> {
        self.require_objects(files)?;
        let folder = tempfile::Builder::new()
            .prefix("index-")
            .tempdir_in(&self.path)
            .map_err(|error| GitError::io(&self.path, error))?;
        let index = folder.path().join("index");
        self.on_files("read-tree", root, &index).args([target]).run()?;
        Ok(self.write_files(root, &index, files))
    }

    fn write_files(&self, root: &Path, index: &Path, files: &[FileRestoration]) -> Result<(), GitError> {
        let mut result = Ok(());
        for file in files.iter().filter(|file| !file.exists) {
            result = result.and(delete(root, &file.path));
        }
        let (mut names, mut private) = (Vec::new(), Vec::new());
        for file in files.iter().filter(|file| file.exists) {
            match state(root, &file.path) {
                // Git would remove what is in the way.
                PathState::Blocked(_) | PathState::Directory | PathState::Other => {
                    let error = io::Error::from(io::ErrorKind::AlreadyExists);
                    result = result.and(Err(GitError::io(&root.join(&file.path), error)));
                    continue;
                }
                PathState::File => private.extend(Some(root.join(&file.path)).filter(|path| is_private(path))),
                PathState::Absent | PathState::Link(_) => {}
            }
            names.extend_from_slice(file.path.as_os_str().as_bytes());
            names.push(0);
        }
        let checkout = self.on_files("checkout-index", root, index);
        let written = checkout.args(["--force", "--quiet", "-z", "--stdin"]).input(names).run().map(drop);
        let written = written.and(self.write_known_bytes(root, files));
        // Git knows no mode but that of programs.
        for path in private {
            result = result.and(make_private(&path));
        }
        for (file, mode) in files.iter().filter(|file| file.exists).filter_map(|file| Some((file, file.mode?))) {
            let path = root.join(&file.path);
            if matches!(state(root, &file.path), PathState::File) {
                result = result.and(snapshot_notes::set_mode(&path, mode).map_err(|error| GitError::io(&path, error)));
            }
        }
        result.and(written)
    }

    /// Gives the files, which were just written, the bytes that are known of them, if git has converted those.
    fn write_known_bytes(&self, root: &Path, files: &[FileRestoration]) -> Result<(), GitError> {
        let written = |file: &&FileRestoration| {
            file.exists && file.target_raw.is_some() && matches!(state(root, &file.path), PathState::File)
        };
        let known: Vec<&FileRestoration> = files.iter().filter(written).collect();
        let present = self.objects_of(root, &known, &["--no-filters"])?;
        let differing: Vec<_> = known
            .into_iter()
            .zip(present)
            .filter_map(|(file, present)| Some((file.path.as_path(), file.target_raw.as_deref()?, present)))
            .filter(|(_, wanted, present)| wanted != present)
            .map(|(path, wanted, _)| (path, wanted))
            .collect();
        self.write_raw(root, &differing)
    }

    /// Fails if the snapshot lacks an object, as one whose repository was cleaned up does.
    fn require_objects(&self, files: &[FileRestoration]) -> Result<(), GitError> {
        let wanted: Vec<u8> = files
            .iter()
            .flat_map(|file| [&file.target, &file.target_raw])
            .flatten()
            .flat_map(|id| [id.as_bytes(), b"\n"].concat())
            .collect();
        let listed = self.command("cat-file").args(["--batch-check"]).input(wanted).run()?;
        let is_missing = listed.split(|byte| *byte == b'\n').any(|line| line.ends_with(b" missing"));
        if is_missing { Err(GitError::Unreadable("cat-file")) } else { Ok(()) }
    }

    /// Returns the objects that the contents of regular files would be.
    fn objects_of(&self, root: &Path, files: &[&FileRestoration], options: &[&str]) -> Result<Vec<String>, GitError> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let names = files.iter().flat_map(|file| [quoted(file.path.as_os_str().as_bytes()).as_bytes(), b"\n"].concat());
        let command = self.on_files("hash-object", root, &self.path.join("no-index"));
        let command = command.args(options).args(["--stdin-paths"]);
        let listed = String::from_utf8(command.input(names.collect()).run()?);
        let listed = listed.map_err(|_| GitError::Unreadable("hash-object"))?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    /// Returns the object that a content would be.
    fn object_of(&self, root: &Path, content: Vec<u8>) -> Result<String, GitError> {
        let command = self.on_files("hash-object", root, &self.path.join("no-index"));
        let id = command.args(["--stdin", "--no-filters"]).input(content).line()?;
        String::from_utf8(id).map_err(|_| GitError::Unreadable("hash-object"))
    }
}

/// Returns true for the mode of a regular file.
fn is_regular(mode: &str) -> bool {
    matches!(mode, "100644" | "100755")
}

fn state(root: &Path, path: &Path) -> PathState {
    let mut above: Vec<&Path> = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()).collect();
    above.reverse();
    for folder in above {
        match fs::symlink_metadata(root.join(folder)) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return PathState::Blocked(folder.to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return PathState::Absent,
            Err(_) => return PathState::Other,
        }
    }
    let full = root.join(path);
    match fs::symlink_metadata(&full) {
        Ok(metadata) if metadata.is_dir() => PathState::Directory,
        Ok(metadata) if metadata.is_file() => PathState::File,
        Ok(metadata) if metadata.is_symlink() => {
            fs::read_link(&full).map_or(PathState::Other, |to| PathState::Link(to.into_os_string().into_vec()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => PathState::Absent,
        Ok(_) | Err(_) => PathState::Other,
    }
}

/// Returns true if all files in a directory are among those that will be deleted.
fn contains_only(root: &Path, directory: &Path, deleted: &HashSet<PathBuf>) -> bool {
    let Ok(entries) = fs::read_dir(root.join(directory)) else { return false };
    entries.into_iter().all(|entry| {
        let Ok(entry) = entry else { return false };
        let path = directory.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => contains_only(root, &path, deleted),
            Ok(_) => deleted.contains(&path),
            Err(_) => false,
        }
    })
}

/// Permissions of a file for others than its owner.
const OTHERS: u32 = 0o077;

/// Returns true for a file that only its owner may read.
fn is_private(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & OTHERS == 0)
}

/// Lets only the owner read a file, as before it was written.
fn make_private(path: &Path) -> Result<(), GitError> {
    let changed = fs::symlink_metadata(path).and_then(|metadata| {
        let mode = metadata.permissions().mode() & !OTHERS;
        if metadata.is_file() { fs::set_permissions(path, fs::Permissions::from_mode(mode)) } else { Ok(()) }
    });
    changed.map_err(|error| GitError::io(path, error))
}

/// Deletes a file, if it is there, and the directories above it that are empty then.
fn delete(root: &Path, path: &Path) -> Result<(), GitError> {
    if !matches!(state(root, path), PathState::File | PathState::Link(_)) {
        return Ok(());
    }
    let full = root.join(path);
    fs::remove_file(&full).map_err(|error| GitError::io(&full, error))?;
    let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    for folder in folders {
        // A directory that is not empty stays.
        if fs::remove_dir(root.join(folder)).is_err() {
            break;
        }
    }
    Ok(())
}
