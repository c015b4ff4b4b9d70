//! Files whose bytes git converts between the disk and its objects: ends of lines, `$Id$`, encodings, filters that only
//! the user's repository configures. Their bytes as they are on the disk are kept in a commit of their own, which is a
//! further parent of a snapshot.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use memchr::memmem;

use super::error::GitError;
use super::own_repository::OwnRepository;
use super::program::GitCommand;
use super::repository::{Repository, text};
use super::restore::quoted;
use crate::stdx::files::{self, SizeLimit};

/// Maximum size of all files of a snapshot whose bytes are kept as they are, because git reads them each time.
const MAX_RAW_BYTES: u64 = 64 << 20;

/// Beginning of the line in the message of a snapshot that names the commit of its raw files.
const RAW_FIELD: &str = "raw-files: ";

/// Objects of files as they are on the disk, by path.
pub(super) type RawFiles = BTreeMap<PathBuf, String>;

/// An entry of an index whose file on the disk has another size than its object.
struct ConvertedFile {
    mode: String,
    name: Vec<u8>,
}

impl OwnRepository {
    /// Keeps the bytes of the files of an index that git converts. `new` stores objects with the snapshot. Returns the
    /// commit; `None` if there are no such files.
    pub(super) fn keep_raw_files(
        &self,
        repository: &Repository,
        index: &Path,
        new: &impl Fn(GitCommand) -> GitCommand,
    ) -> Result<Option<String>, GitError> {
        if !may_convert(repository, index) {
            return Ok(None);
        }
        let files = self.converted_files(&repository.root, index, new)?;
        if files.is_empty() {
            return Ok(None);
        }
        let names = files.iter().flat_map(|file| [quoted(&file.name).as_bytes(), b"\n"].concat()).collect();
        let hashed =
            self.on_files("hash-object", &repository.root, index).args(["-w", "--no-filters", "--stdin-paths"]);
        let ids = text(new(hashed).input(names).run()?, "hash-object")?;
        let entries: Vec<u8> = files
            .iter()
            .zip(ids.lines())
            .flat_map(|(file, id)| [format!("{} {id}\t", file.mode).as_bytes(), &file.name, b"\0"].concat())
            .collect();
        let raw_index = index.with_file_name("raw");
        let add = self.on_files("update-index", &repository.root, &raw_index).args(["-z", "--index-info"]);
        new(add).input(entries).run()?;
        let tree = text(new(self.on_files("write-tree", &repository.root, &raw_index)).line()?, "write-tree")?;
        text(new(self.commit_tree(&tree, &[], "raw files")).line()?, "commit-tree").map(Some)
    }

    /// Returns the files of an index whose size on the disk is not that of their object.
    fn converted_files(
        &self,
        root: &Path,
        index: &Path,
        new: &impl Fn(GitCommand) -> GitCommand,
    ) -> Result<Vec<ConvertedFile>, GitError> {
        let listed = self.on_files("ls-files", root, index).args(["--stage", "--debug", "-z"]).run()?;
        let entries = entries(&listed);
        let ids: BTreeSet<&str> = entries.iter().map(|entry| entry.id).collect();
        let input = ids.iter().flat_map(|id| [id.as_bytes(), b"\n"].concat()).collect();
        let sizes = new(self.command("cat-file").args(["--batch-check=%(objectname) %(objectsize)"]));
        let sizes = text(sizes.input(input).run()?, "cat-file")?;
        let sizes: HashMap<&str, u64> = sizes
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter_map(|(id, n)| Some((id, n.parse().ok()?)))
            .collect();
        let mut total = 0;
        let mut found = Vec::new();
        for entry in entries {
            let Some(&object) = sizes.get(entry.id).filter(|object| **object != entry.size) else { continue };
            let Ok(metadata) = fs::symlink_metadata(root.join(OsStr::from_bytes(entry.name))) else { continue };
            // The size in the index is zero for a file that may have changed without a trace.
            if metadata.is_file() && metadata.len() != object && total + metadata.len() <= MAX_RAW_BYTES {
                total += metadata.len();
                found.push(ConvertedFile { mode: entry.mode.to_owned(), name: entry.name.to_owned() });
            }
        }
        self.without_filtered(root, index, found)
    }

    /// Leaves out files of a filter that applies in this repository too, because it restores them.
    fn without_filtered(
        &self,
        root: &Path,
        index: &Path,
        files: Vec<ConvertedFile>,
    ) -> Result<Vec<ConvertedFile>, GitError> {
        if files.is_empty() {
            return Ok(files);
        }
        let (_, defined) = self.command("config").args(["--name-only", "--get-regexp", "^filter\\."]).answer()?;
        let defined = String::from_utf8_lossy(&defined);
        let names: BTreeSet<&str> =
            defined.lines().filter_map(|line| Some(line.strip_prefix("filter.")?.rsplit_once('.')?.0)).collect();
        let input = files.iter().flat_map(|file| [&file.name[..], b"\0"].concat()).collect();
        let listed = self.on_files("check-attr", root, index).args(["-z", "--stdin", "filter"]).input(input).run()?;
        let mut fields = listed.split(|byte| *byte == 0);
        let mut filters = Vec::with_capacity(files.len());
        while let (Some(_), Some(_), Some(value)) = (fields.next(), fields.next(), fields.next()) {
            filters.push(String::from_utf8_lossy(value));
        }
        let kept = files.into_iter().zip(filters).filter(|(_, filter)| !names.contains(&**filter));
        Ok(kept.map(|(file, _)| file).collect())
    }

    /// Returns the raw files of a snapshot, or of the snapshot that a commit takes back.
    pub(super) fn raw_files(&self, commit: &str) -> Result<RawFiles, GitError> {
        let mut content = self.commit_text(commit)?;
        if let Some(parent) = snapshot_below(&content) {
            content = self.commit_text(&parent)?;
        }
        let Some(raw) = content.lines().find_map(|line| line.strip_prefix(RAW_FIELD)) else {
            return Ok(RawFiles::new());
        };
        let listed = self.command("ls-tree").args(["-r", "-z", "--full-tree", raw]).run()?;
        let entries = listed.split(|byte| *byte == 0).filter_map(|entry| {
            let tab = memchr::memchr(b'\t', entry)?;
            let id = std::str::from_utf8(&entry[..tab]).ok()?.rsplit(' ').next()?;
            Some((PathBuf::from(OsStr::from_bytes(&entry[tab + 1..])), id.to_owned()))
        });
        Ok(entries.collect())
    }

    fn commit_text(&self, commit: &str) -> Result<String, GitError> {
        let content = self.command("cat-file").args(["commit", commit]).run()?;
        Ok(String::from_utf8_lossy(&content).into_owned())
    }

    /// Writes objects into regular files as they are. The files exist, and keep their modes.
    pub(super) fn write_raw(&self, root: &Path, raw: &[(&Path, &str)]) -> Result<(), GitError> {
        if raw.is_empty() {
            return Ok(());
        }
        let ids = raw.iter().flat_map(|(_, id)| [id.as_bytes(), b"\n"].concat()).collect();
        let listed = self.command("cat-file").args(["--batch"]).input(ids).run()?;
        let (mut rest, mut result) = (&listed[..], Ok(()));
        for (path, _) in raw {
            let (content, next) = first_object(rest).ok_or(GitError::Unreadable("cat-file"))?;
            rest = next;
            let full = root.join(path);
            result = result.and(write_over(&full, content).map_err(|error| GitError::io(&full, error)));
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

/// Returns the message of a snapshot with the commit of its raw files.
pub(super) fn message(raw: Option<&str>) -> String {
    raw.map_or_else(|| "snapshot".to_owned(), |raw| format!("snapshot\n\n{RAW_FIELD}{raw}"))
}

/// Returns the parent of a commit that takes back a change.
fn snapshot_below(commit: &str) -> Option<String> {
    let (head, message) = commit.split_once("\n\n")?;
    let parent = head.lines().find_map(|line| line.strip_prefix("parent "))?;
    (message.lines().next() != Some("snapshot")).then(|| parent.to_owned())
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
    let own = Some(repository.common_dir.join("info/attributes"));
    let mut attributes = own.into_iter().chain(repository.git().user_attributes());
    repository.converts_files
        || attributes.any(|path| fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0))
        || indexes(index).any(|path| {
            // A version of the index leaves out the beginning that a name shares with the one before.
            let content = files::read(&path, SizeLimit::DOCUMENT).unwrap_or_default();
            memmem::find(&content, b"attributes").is_some()
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

/// An entry of an index.
struct IndexEntry<'l> {
    mode: &'l str,
    id: &'l str,
    name: &'l [u8],
    /// Size of the file when it was added.
    size: u64,
}

/// Parses a list of regular files with their states: `MODE ID STAGE<tab>NAME<nul>` and lines of which the last one begins
/// with the size.
fn entries(listed: &[u8]) -> Vec<IndexEntry<'_>> {
    let mut parts = listed.split(|byte| *byte == 0);
    let mut head = parts.next().unwrap_or_default();
    let mut found = Vec::new();
    for part in parts {
        let size = memmem::find(part, b"size: ").map(|at| &part[at + 6..]);
        let line = size.and_then(|size| Some((size, memchr::memchr(b'\n', size)?)));
        let Some((size, end)) = line else { break };
        let digits = size.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let size_text = std::str::from_utf8(&size[..digits]).unwrap_or_default();
        if let (Some(tab), Ok(length)) = (memchr::memchr(b'\t', head), size_text.parse()) {
            let words = std::str::from_utf8(&head[..tab]).unwrap_or_default();
            if let Some((mode @ ("100644" | "100755"), rest)) = words.split_once(' ')
                && let Some((id, "0")) = rest.split_once(' ')
            {
                found.push(IndexEntry { mode, id, name: &head[tab + 1..], size: length });
            }
        }
        head = &size[end + 1..];
    }
    found
}
