//! Files whose bytes git converts between the disk and its objects: ends of lines, `$Id$`, encodings, filters that only
//! the user's repository configures. Their bytes as they are on the disk are kept in a commit of their own, which is a
//! further parent of a snapshot.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use memchr::memmem;

use super::error::GitError;
use super::own_repository::OwnRepository;
use super::program::GitCommand;
use super::quoted_name::quoted;
use super::repository::{Repository, text};
use super::snapshot_notes::{self, SnapshotNotes};
use crate::stdx::files::{self, SizeLimit};

/// Maximum size of all files of a snapshot whose bytes are kept as they are, because git reads them each time.
const MAX_RAW_BYTES: u64 = 64 << 20;

/// Maximum size of an index that is looked at although nothing seems to convert files: that of about 20,000 files. A larger
/// look would take longer than all the rest of the snapshot.
const MAX_INDEX_BYTES: u64 = 2 << 20;

/// Beginning of the line in the message of a snapshot that names the commit of its raw files.
const RAW_FIELD: &str = "raw-files: ";

/// Line in the message of a snapshot whose other files had the bytes of their objects. Older snapshots lack it, and so do
/// those of large repositories that seem to convert nothing.
const COMPLETE: &str = "raw-files-are-complete";

/// Beginning of the lines after it, each with the quoted name of a file whose bytes are unknown all the same.
const OMITTED_FIELD: &str = "omitted-file: ";

/// File with attributes of the files in its folder and below.
const ATTRIBUTES: &str = ".gitattributes";

/// Line of a commit that salon made.
const AUTHOR: &str = "author salon <salon@localhost> ";

/// Raw files that were kept with a snapshot.
pub(super) struct KeptRawFiles {
    /// Commit of the files, if there are any.
    pub commit: Option<String>,
    /// Names of files whose bytes are not kept, and may not be those of their objects.
    omitted: Vec<Vec<u8>>,
    /// Modes of the files.
    pub modes: SnapshotNotes,
}

/// Bytes of the files of a snapshot, as far as they are known.
pub(super) struct RawFiles {
    /// Objects of files as they are on the disk, by path.
    pub objects: BTreeMap<PathBuf, String>,
    /// Quoted names of files whose bytes are unknown; `None` if those of all other files are.
    omitted: Option<HashSet<String>>,
    /// Modes that git does not record, by quoted name.
    modes: BTreeMap<String, u32>,
}

impl RawFiles {
    /// Returns the mode that a file had, if it was not a usual one.
    pub(super) fn mode(&self, path: &Path) -> Option<u32> {
        self.modes.get(&quoted(path.as_os_str().as_bytes())).copied()
    }

    /// Returns the object with the bytes that a regular file with this object had on the disk; `None` if it is unknown.
    pub(super) fn bytes(&self, path: &Path, object: &str) -> Option<String> {
        let is_known =
            || self.omitted.as_ref().is_some_and(|names| !names.contains(&quoted(path.as_os_str().as_bytes())));
        self.objects.get(path).cloned().or_else(|| is_known().then(|| object.to_owned()))
    }
}

/// An entry of an index whose file on the disk has another size than its object.
struct ConvertedFile {
    mode: String,
    name: Vec<u8>,
}

/// Files whose bytes are to be kept, the names of those that are omitted, and the modes of all.
type FilesToKeep = (Vec<ConvertedFile>, Vec<Vec<u8>>, SnapshotNotes);

impl OwnRepository {
    /// Keeps the bytes of the files of an index that git converts. `new` stores objects with the snapshot. Returns `None`
    /// if nothing was looked at.
    pub(super) fn keep_raw_files(
        &self,
        repository: &Repository,
        index: &Path,
        new: &impl Fn(GitCommand) -> GitCommand,
    ) -> Result<Option<KeptRawFiles>, GitError> {
        let is_large =
            indexes(index).filter_map(|path| fs::metadata(path).ok()).any(|file| file.len() > MAX_INDEX_BYTES);
        if is_large && !may_convert(repository, index) {
            return Ok(None);
        }
        let Some((files, mut omitted, modes)) = self.converted_files(repository, index, new)? else { return Ok(None) };
        let (files, ids) = self.hash_present(&repository.root, index, new, files, &mut omitted);
        if files.is_empty() {
            return Ok(Some(KeptRawFiles { commit: None, omitted, modes }));
        }
        let entries: Vec<u8> = files
            .iter()
            .zip(ids.lines())
            .flat_map(|(file, id)| [format!("{} {id}\t", file.mode).as_bytes(), &file.name, b"\0"].concat())
            .collect();
        let raw_index = index.with_file_name("raw");
        let add = self.on_files("update-index", &repository.root, &raw_index).args(["-z", "--index-info"]);
        new(add).input(entries).run()?;
        let tree = text(new(self.on_files("write-tree", &repository.root, &raw_index)).line()?, "write-tree")?;
        let commit = text(new(self.commit_tree(&tree, &[], "raw files")).line()?, "commit-tree")?;
        Ok(Some(KeptRawFiles { commit: Some(commit), omitted, modes }))
    }

    /// Stores the bytes of files. Those that are gone meanwhile, or cannot be read, are omitted. Returns the others and a
    /// line with the object of each.
    fn hash_present(
        &self,
        root: &Path,
        index: &Path,
        new: &impl Fn(GitCommand) -> GitCommand,
        mut files: Vec<ConvertedFile>,
        omitted: &mut Vec<Vec<u8>>,
    ) -> (Vec<ConvertedFile>, String) {
        // A file that is gone ends the command.
        for _ in 0..2 {
            if files.is_empty() {
                break;
            }
            let names = files.iter().flat_map(|file| [quoted(&file.name).as_bytes(), b"\n"].concat()).collect();
            let command = self.on_files("hash-object", root, index).args(["-w", "--no-filters", "--stdin-paths"]);
            let ids = new(command).input(names).run().and_then(|listed| text(listed, "hash-object"));
            if let Some(ids) = ids.ok().filter(|ids| ids.lines().count() == files.len()) {
                return (files, ids);
            }
            let (present, gone): (Vec<_>, Vec<_>) =
                files.into_iter().partition(|file| is_readable(&root.join(OsStr::from_bytes(&file.name))));
            omitted.extend(gone.into_iter().map(|file| file.name));
            files = present;
        }
        omitted.extend(files.into_iter().map(|file| file.name));
        (Vec::new(), String::new())
    }

    /// Returns the files of an index whose size on the disk is not that of their object; `None` if they are not known.
    fn converted_files(
        &self,
        repository: &Repository,
        index: &Path,
        new: &impl Fn(GitCommand) -> GitCommand,
    ) -> Result<Option<FilesToKeep>, GitError> {
        let root = repository.root.as_path();
        let listed = self.on_files("ls-files", root, index).args(["--stage", "--debug", "-z"]).run()?;
        let Some(entries) = entries(&listed) else { return Ok(None) };
        // A clone that is partial lacks the objects of files outside of a sparse checkout, and git would look for them each
        // time.
        let is_there = |entry: &&IndexEntry| {
            !entry.is_sparse || regular_length(&root.join(OsStr::from_bytes(entry.name))).is_some()
        };
        let sizes = self.object_sizes(entries.iter().filter(is_there).map(|entry| entry.id), new)?;
        let conversions = if names_filters(repository, &entries) {
            self.conversions(repository, index, new, &entries)?
        } else {
            vec![Conversion::LineEnds; entries.len()]
        };
        let (mut total, mut found, mut omitted) = (0, Vec::new(), Vec::new());
        for (entry, conversion) in entries.iter().zip(conversions) {
            let object = sizes.get(entry.id);
            // The size in the index is zero for a file that may have changed without a trace.
            let length = match object {
                Some(object) if object == entry.size => Some(object),
                _ => regular_length(&root.join(OsStr::from_bytes(entry.name))),
            };
            let differs = length.zip(object).map(|(length, object)| length != object);
            let has_changed = object != Some(entry.size) && entry.size != 0;
            match (differs, conversion) {
                (Some(false), Conversion::LineEnds) if !has_changed => {}
                (Some(true), Conversion::LineEnds | Conversion::Unknown)
                    if total + length.unwrap_or_default() <= MAX_RAW_BYTES =>
                {
                    total += length.unwrap_or_default();
                    found.push(ConvertedFile { mode: entry.mode.to_owned(), name: entry.name.to_owned() });
                }
                // A file outside of a sparse checkout has no bytes.
                _ if entry.is_sparse && length.is_none() => {}
                _ => omitted.push(entry.name.to_owned()),
            }
        }
        Ok(Some((found, omitted, snapshot_notes::modes_of(root, entries.iter().map(|entry| entry.name)))))
    }

    /// Returns the conversion of each entry of an index.
    fn conversions(
        &self,
        repository: &Repository,
        index: &Path,
        new: &impl Fn(GitCommand) -> GitCommand,
        entries: &[IndexEntry],
    ) -> Result<Vec<Conversion>, GitError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        // Attributes that no command in this repository sees.
        if repository.names_attributes || repository.common_dir.join("info/attributes").exists() {
            return Ok(vec![Conversion::Unknown; entries.len()]);
        }
        let (_, defined) = self.command("config").args(["--name-only", "--get-regexp", "^filter\\."]).answer()?;
        let defined = String::from_utf8_lossy(&defined);
        let names: BTreeSet<&str> =
            defined.lines().filter_map(|line| Some(line.strip_prefix("filter.")?.rsplit_once('.')?.0)).collect();
        let input = entries.iter().flat_map(|entry| [entry.name, b"\0"].concat()).collect();
        let options = ["-z", "--stdin", "filter", "working-tree-encoding"];
        let listed = new(self.on_files("check-attr", &repository.root, index).args(options)).input(input).run()?;
        let mut fields = listed.split(|byte| *byte == 0).skip(2).step_by(3);
        let mut found = Vec::with_capacity(entries.len());
        while let (Some(filter), Some(encoding)) = (fields.next(), fields.next()) {
            let filter = String::from_utf8_lossy(filter);
            let is_none = |value: &[u8]| matches!(value, b"unspecified" | b"unset");
            found.push(if names.contains(&*filter) {
                Conversion::Filter
            } else if is_none(filter.as_bytes()) && is_none(encoding) {
                Conversion::LineEnds
            } else {
                Conversion::Unknown
            });
        }
        if found.len() == entries.len() { Ok(found) } else { Err(GitError::Unreadable("check-attr")) }
    }

    /// Returns the raw files of a snapshot, or of the snapshot that a commit takes back.
    pub(super) fn raw_files(&self, commit: &str) -> Result<RawFiles, GitError> {
        let mut found = RawFiles { objects: BTreeMap::new(), omitted: None, modes: BTreeMap::new() };
        let Some(message) = self.snapshot_message(commit)? else { return Ok(found) };
        found.modes = snapshot_notes::modes(&message);
        if message.lines().any(|line| line == COMPLETE) {
            let names = message.lines().filter_map(|line| line.strip_prefix(OMITTED_FIELD));
            found.omitted = Some(names.map(str::to_owned).collect());
        }
        let Some(raw) = message.lines().find_map(|line| line.strip_prefix(RAW_FIELD)) else { return Ok(found) };
        let listed = self.command("ls-tree").args(["-r", "-z", "--full-tree", raw]).run()?;
        let entries = listed.split(|byte| *byte == 0).filter_map(|entry| {
            let tab = memchr::memchr(b'\t', entry)?;
            let id = std::str::from_utf8(&entry[..tab]).ok()?.rsplit(' ').next()?;
            Some((PathBuf::from(OsStr::from_bytes(&entry[tab + 1..])), id.to_owned()))
        });
        found.objects = entries.collect();
        Ok(found)
    }

    /// Returns the message of a snapshot, or of the snapshot that a commit takes back; `None` for any other commit.
    pub(super) fn snapshot_message(&self, commit: &str) -> Result<Option<String>, GitError> {
        let mut content = self.commit_text(commit)?;
        if let Some(parent) = snapshot_below(&content) {
            content = self.commit_text(&parent)?;
        }
        let Some((head, message)) = content.split_once("\n\n") else { return Ok(None) };
        // A commit of the user has no such lines, whatever it says.
        let is_own = head.lines().any(|line| line.starts_with(AUTHOR)) && message.lines().next() == Some("snapshot");
        Ok(is_own.then(|| message.to_owned()))
    }

    fn commit_text(&self, commit: &str) -> Result<String, GitError> {
        let content = self.command("cat-file").args(["commit", commit]).run()?;
        Ok(String::from_utf8_lossy(&content).into_owned())
    }

    /// Writes objects into regular files as they are. The files exist, and keep their modes.
    pub(super) fn write_raw(&self, root: &Path, raw: &[(&Path, &str)]) -> Result<(), GitError> {
        let mut result = Ok(());
        // The files have about the sizes of the objects, which are in memory together.
        let mut rest = raw;
        while !rest.is_empty() {
            let mut total = 0;
            let fits = |(path, _): &&(&Path, &str)| {
                let length = regular_length(&root.join(path)).unwrap_or_default();
                let is_first = total == 0;
                total += length.max(1);
                is_first || total <= MAX_RAW_BYTES
            };
            let (some, later) = rest.split_at(rest.iter().take_while(fits).count());
            rest = later;
            let ids = some.iter().flat_map(|(_, id)| [id.as_bytes(), b"\n"].concat()).collect();
            let listed = self.command("cat-file").args(["--batch"]).input(ids).run()?;
            let mut unread = &listed[..];
            for (path, _) in some {
                let (content, next) = first_object(unread).ok_or(GitError::Unreadable("cat-file"))?;
                unread = next;
                let full = root.join(path);
                result = result.and(write_over(&full, content).map_err(|error| GitError::io(&full, error)));
            }
        }
        result
    }
}

/// Splits the first object off those that `cat-file` writes: `ID TYPE SIZE`, and the content between line ends.
fn first_object(listed: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', listed)?;
    let size: usize = std::str::from_utf8(&listed[..end]).ok()?.rsplit(' ').next()?.parse().ok()?;
    let content = listed.get(end + 1..end + 1 + size)?;
    Some((content, listed.get(end + size + 2..)?))
}

/// Returns the message of a snapshot with what is known of its raw files.
pub(super) fn message(kept: Option<&KeptRawFiles>) -> String {
    let Some(kept) = kept else { return "snapshot\n\n".to_owned() };
    let raw = kept.commit.iter().map(|commit| format!("{RAW_FIELD}{commit}\n"));
    let omitted = kept.omitted.iter().map(|name| format!("{OMITTED_FIELD}{}\n", quoted(name)));
    ["snapshot\n\n".to_owned()].into_iter().chain(raw).chain([format!("{COMPLETE}\n")]).chain(omitted).collect()
}

/// Returns the parent of a commit that takes back a change.
fn snapshot_below(commit: &str) -> Option<String> {
    let (head, message) = commit.split_once("\n\n")?;
    let parent = head.lines().find_map(|line| line.strip_prefix("parent "))?;
    (message.lines().next() != Some("snapshot")).then(|| parent.to_owned())
}

/// Returns the size of a regular file.
fn regular_length(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len())
}

/// Returns true for a regular file that can be read.
fn is_readable(path: &Path) -> bool {
    regular_length(path).is_some() && files::open(path).is_ok()
}

/// Writes a file that exists.
fn write_over(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_file() {
        fs::write(path, content)
    } else {
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// Returns true if something says that git converts files. Reads no file of the work tree.
fn may_convert(repository: &Repository, index: &Path) -> bool {
    // One that git ignores is not in the index. Below the root, such a one is looked for in smaller repositories only.
    let own = [repository.common_dir.join("info/attributes"), repository.root.join(ATTRIBUTES)];
    let mut attributes = own.into_iter().chain(repository.git().common_attributes());
    repository.converts_files
        || attributes.any(|path| fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0))
        || indexes(index).any(|path| {
            // A version of the index leaves out the beginning that a name shares with the one before.
            files::read(&path, SizeLimit::DOCUMENT)
                .map_or_else(|_| path.exists(), |content| memmem::find(&content, b"attributes").is_some())
        })
}

/// Returns the files of an index, of which a split one has two.
fn indexes(index: &Path) -> impl Iterator<Item = PathBuf> {
    let folder = index.parent().unwrap_or(index);
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| {
        path.file_name().is_some_and(|name| name == "index" || name.as_bytes().starts_with(b"sharedindex."))
    })
}

/// Returns true if a file of attributes may name filters or encodings, or cannot be read.
fn names_filters(repository: &Repository, entries: &[IndexEntry]) -> bool {
    let own = [repository.common_dir.join("info/attributes")].into_iter().chain(repository.git().common_attributes());
    let of_files = entries.iter().filter(|entry| entry.name.ends_with(ATTRIBUTES.as_bytes()));
    let of_files = of_files.map(|entry| repository.root.join(OsStr::from_bytes(entry.name)));
    // Those that git ignores apply too.
    let folders: HashSet<&Path> =
        entries.iter().flat_map(|entry| Path::new(OsStr::from_bytes(entry.name)).ancestors().skip(1)).collect();
    let in_folders = folders.into_iter().map(|folder| repository.root.join(folder).join(ATTRIBUTES));
    let in_folders = in_folders.filter(|path| fs::symlink_metadata(path).is_ok());
    let names_any =
        |content: &[u8]| [&b"filter"[..], b"encoding"].iter().any(|word| memmem::find(content, word).is_some());
    let read = |path: &PathBuf| files::read(path, SizeLimit::TABLE);
    repository.converts_files
        || own
            .filter(|path| path.exists())
            .chain(of_files)
            .chain(in_folders)
            .any(|path| read(&path).map_or(true, |content| names_any(&content)))
}

/// Conversion of a file between the disk and its object.
#[derive(Clone, Copy)]
enum Conversion {
    /// At most one of the ends of lines or `$Id$`, which changes the size of a file that it changes.
    LineEnds,
    /// Filter that applies in this repository too, and restores the file.
    Filter,
    /// Encoding, or a filter that only the user's repository has: bytes may differ where sizes do not.
    Unknown,
}

/// An entry of an index.
struct IndexEntry<'l> {
    mode: &'l str,
    id: &'l str,
    name: &'l [u8],
    /// Size of the file when it was added.
    size: u64,
    /// True for a file that a sparse checkout may lack.
    is_sparse: bool,
}

/// Flag of such files in an index.
const SKIP_WORKTREE: u64 = 1 << 30;

/// Parses a list of regular files with their states: `MODE ID STAGE<tab>NAME<nul>` and lines of which the last one begins
/// with the size. Returns `None` for another form.
fn entries(listed: &[u8]) -> Option<Vec<IndexEntry<'_>>> {
    let mut parts = listed.split(|byte| *byte == 0);
    let mut head = parts.next().unwrap_or_default();
    let mut found = Vec::new();
    for part in parts {
        let size = memmem::find(part, b"size: ").map(|at| &part[at + 6..])?;
        let end = memchr::memchr(b'\n', size)?;
        let digits = size.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let size_text = std::str::from_utf8(&size[..digits]).unwrap_or_default();
        let (tab, length) = (memchr::memchr(b'\t', head)?, size_text.parse().ok()?);
        let words = std::str::from_utf8(&head[..tab]).ok()?;
        if let Some((mode @ ("100644" | "100755"), rest)) = words.split_once(' ')
            && let Some((id, "0")) = rest.split_once(' ')
        {
            let flags = size[..end].split(|byte| *byte == b' ').next_back()?;
            let flags = u64::from_str_radix(std::str::from_utf8(flags).ok()?, 16).ok()?;
            let is_sparse = flags & SKIP_WORKTREE != 0;
            found.push(IndexEntry { mode, id, name: &head[tab + 1..], size: length, is_sparse });
        }
        head = &size[end + 1..];
    }
    Some(found)
}
