//! Copies of files of another machine, in the cache: the ends of long ones, and the whole of those that were opened.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::shell::{FileFacts, FilePart};
use crate::stdx::files::{self, SizeLimit};

/// Bytes at the beginning of a file that are copied for the list: the prompt that is the title.
const HEAD: u64 = 32 << 10;

/// Bytes at the end of a file that are copied for the list: its latest state.
const TAIL: u64 = 16 << 10;

/// Bytes copied of each end of a file that is larger than the maximum, if its lines are longer than the usual ends.
const LONG_END: u64 = 4 << 20;

/// Maximum bytes of the copy of a file; a larger file is copied by its ends.
const MAX_WHOLE: u64 = 64 << 20;

/// Maximum bytes that are appended to a copy at once, because an answer is in memory.
const MAX_APPENDED: u64 = 16 << 20;

/// Maximum bytes of all copies when a connection is made.
const MAX_COPIES: u64 = 512 << 20;

/// Name of the file with the states of the copies.
const STATES: &str = "copies.json";

/// Name of the file that one salon at a time locks.
const LOCK: &str = "lock";

/// State of a copy.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct FileCopy {
    /// Facts about the original when it was read.
    facts: FileFacts,
    /// Offsets between which the original was not read; `None` if the copy is whole.
    gap: Option<Range<u64>>,
}

impl FileCopy {
    /// Size of the copy.
    fn bytes(&self) -> u64 {
        self.facts.size.saturating_sub(self.gap.as_ref().map_or(0, |gap| gap.end.saturating_sub(gap.start)))
    }
}

/// Paths below the home directory whose copies lack the middle. Shared with the source, which marks their sessions.
#[derive(Clone, Debug, Default)]
pub(in crate::remote) struct PartialCopies(Arc<Mutex<HashSet<PathBuf>>>);

impl PartialCopies {
    /// Returns true if the copy of a file lacks its middle.
    pub(in crate::remote) fn contains(&self, path: &Path) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(path)
    }

    fn set(&self, path: &Path, is_partial: bool) {
        let mut paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_partial {
            paths.insert(path.to_owned());
        } else {
            paths.remove(path);
        }
    }
}

/// Change of a copy that needs bytes of the original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CopyPlan {
    /// Replace the copy by the whole.
    Whole(FilePart),
    /// Replace the copy by the first and the last lines.
    Ends(FilePart, FilePart),
    /// Append what is new.
    Append(FilePart),
}

impl CopyPlan {
    /// Returns the parts of the original that it needs.
    pub(super) fn parts(&self) -> Vec<FilePart> {
        match self {
            Self::Whole(part) | Self::Append(part) => vec![part.clone()],
            Self::Ends(head, tail) => vec![head.clone(), tail.clone()],
        }
    }

    /// Number of bytes that it needs.
    pub(super) fn bytes(&self) -> u64 {
        self.parts().iter().map(|part| part.to - part.from).sum()
    }
}

/// Directory of copies.
#[derive(Debug)]
pub(super) struct Mirror {
    dir: PathBuf,
    /// Lock of the directory; `None` if the directory is temporary.
    _lock: Option<std::fs::File>,
    /// Directory for this connection only, if another salon uses the one in the cache.
    temporary: Option<tempfile::TempDir>,
    copies: BTreeMap<PathBuf, FileCopy>,
    /// True if the file with the states is outdated.
    is_unsaved: bool,
    pub partial: PartialCopies,
}

impl Mirror {
    /// Opens the copies of a source in a cache directory. Without a directory, or while another salon uses it, there are
    /// none, and new ones are temporary.
    pub(super) fn open(dir: Option<PathBuf>) -> io::Result<Self> {
        let locked = dir.and_then(|dir| Some((lock(&dir)?, dir)));
        let (lock, dir, temporary) = if let Some((lock, dir)) = locked {
            (Some(lock), dir, None)
        } else {
            let temporary = tempfile::Builder::new().prefix("salon-copies-").tempdir()?;
            (None, temporary.path().to_owned(), Some(temporary))
        };
        let states = files::read(&dir.join(STATES), SizeLimit::DOCUMENT);
        let copies = states.ok().and_then(|states| serde_json::from_slice(&states).ok()).unwrap_or_default();
        let partial = PartialCopies::default();
        let mut mirror = Self { dir, _lock: lock, temporary, copies, is_unsaved: false, partial };
        create_private(&mirror.home())?;
        mirror.check();
        mirror.remove_unknown();
        mirror.shrink();
        for (path, copy) in &mirror.copies {
            mirror.partial.set(path, copy.gap.is_some());
        }
        Ok(mirror)
    }

    /// Leaves out copies that differ from their states, because salon ended between the two.
    fn check(&mut self) {
        let home = self.home();
        self.copies.retain(|path, copy| {
            std::fs::metadata(home.join(path)).is_ok_and(|metadata| metadata.len() == copy.bytes())
        });
    }

    /// Removes files without a state: nothing is known about their originals, which may be gone.
    fn remove_unknown(&self) {
        let home = self.home();
        let mut folders = vec![home.clone()];
        while let Some(folder) = folders.pop() {
            for item in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = item.path();
                let is_known = || path.strip_prefix(&home).is_ok_and(|path| self.copies.contains_key(path));
                if item.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(path);
                } else if !is_known()
                    && let Err(error) = std::fs::remove_file(&path)
                {
                    tracing::warn!(%error, ?path, "a copy without a state was not removed");
                }
            }
        }
    }

    /// Directory that stands for the home directory.
    pub(super) fn home(&self) -> PathBuf {
        self.dir.join("home")
    }

    /// Directory of the cache of the copies' index.
    pub(super) fn index(&self) -> PathBuf {
        self.dir.join("index")
    }

    /// Removes the oldest whole copies that exceed the limit.
    fn shrink(&mut self) {
        let mut total: u64 = self.copies.values().map(FileCopy::bytes).sum();
        let mut long: Vec<_> = self.copies.iter().filter(|(_, copy)| copy.bytes() > HEAD + TAIL).collect();
        long.sort_by_key(|(_, copy)| copy.facts.modified);
        let mut removed = Vec::new();
        for (path, copy) in long {
            if total <= MAX_COPIES {
                break;
            }
            total -= copy.bytes();
            removed.push(path.clone());
        }
        removed.iter().for_each(|path| self.remove(path));
    }

    /// Removes the copies of files that no longer exist.
    pub(super) fn keep_only(&mut self, listed: &[(PathBuf, FileFacts)]) {
        let exists: HashSet<_> = listed.iter().map(|(path, _)| path).collect();
        let gone: Vec<_> = self.copies.keys().filter(|path| !exists.contains(path)).cloned().collect();
        gone.iter().for_each(|path| self.remove(path));
    }

    fn remove(&mut self, path: &Path) {
        self.copies.remove(path);
        self.is_unsaved = true;
        self.partial.set(path, false);
        if let Err(error) = std::fs::remove_file(self.home().join(path)) {
            tracing::debug!(%error, ?path, "a copy was not removed");
        }
    }

    /// Returns what must be read so that the copy of a file is up to date; `None` if it is, or if the file is too large. The
    /// whole of a followed file is copied, unless it is too large.
    pub(super) fn plan(&self, path: &Path, facts: FileFacts, is_followed: bool) -> Option<CopyPlan> {
        let part = |from: u64, to: u64| FilePart { path: path.to_owned(), from, to };
        let has_lines = path.extension().is_some_and(|ending| ending == "jsonl");
        let whole = is_followed && facts.size <= MAX_WHOLE;
        let max_appended = if is_followed { MAX_APPENDED } else { HEAD + TAIL };
        let known = self.copies.get(path).filter(|copy| copy.facts.inode == facts.inode);
        if let Some(copy) = known
            && (copy.gap.is_none() || !whole)
        {
            let fits = |new: u64| new <= max_appended && copy.bytes() + new <= MAX_WHOLE;
            match facts.size.checked_sub(copy.facts.size) {
                Some(0) if copy.facts == facts => return None,
                Some(new) if new > 0 && has_lines && fits(new) => {
                    return Some(CopyPlan::Append(part(copy.facts.size, facts.size)));
                }
                _ => {}
            }
        }
        if has_lines && !whole && facts.size > HEAD + TAIL {
            return Some(CopyPlan::Ends(part(0, HEAD), part(facts.size - TAIL, facts.size)));
        }
        (facts.size <= MAX_WHOLE).then(|| CopyPlan::Whole(part(0, facts.size)))
    }

    /// Returns what must be read of a file with a line that is longer than an end.
    pub(super) fn plan_of_long_lines(path: &Path, facts: FileFacts) -> CopyPlan {
        let part = |from: u64, to: u64| FilePart { path: path.to_owned(), from, to };
        if facts.size <= MAX_WHOLE {
            CopyPlan::Whole(part(0, facts.size))
        } else {
            CopyPlan::Ends(part(0, LONG_END), part(facts.size - LONG_END, facts.size))
        }
    }

    /// Applies a plan with the bytes that were read. Returns false if they are of no use: a line is longer than an end.
    pub(super) fn apply(&mut self, plan: &CopyPlan, facts: FileFacts, read: &[Vec<u8>]) -> io::Result<bool> {
        match (plan, read) {
            (CopyPlan::Whole(part), [bytes]) => {
                self.write(&part.path, bytes, facts)?;
                self.set(&part.path, FileCopy { facts: FileFacts { size: bytes.len() as u64, ..facts }, gap: None });
            }
            (CopyPlan::Append(part), [bytes]) => {
                // The plan is outdated if the copy was changed since.
                let known = self.copies.get(&part.path).filter(|copy| copy.facts.size == part.from);
                let Some((gap, written)) = known.map(|copy| (copy.gap.clone(), copy.bytes())) else { return Ok(true) };
                let mut file = std::fs::OpenOptions::new().write(true).open(self.home().join(&part.path))?;
                // An earlier attempt may have failed after a part was written.
                file.set_len(written)?;
                file.seek(SeekFrom::End(0))?;
                file.write_all(bytes)?;
                set_time(&file, facts)?;
                let size = part.from + bytes.len() as u64;
                self.set(&part.path, FileCopy { facts: FileFacts { size, ..facts }, gap });
            }
            (CopyPlan::Ends(_, tail_part), [head, tail]) => {
                let head_end = memchr::memrchr(b'\n', head).map(|at| at + 1);
                let tail_start = memchr::memchr(b'\n', tail).map(|at| at + 1);
                let Some((head_end, tail_start)) = head_end.zip(tail_start) else { return Ok(false) };
                self.write(&tail_part.path, &[&head[..head_end], &tail[tail_start..]].concat(), facts)?;
                let gap = Some(head_end as u64..tail_part.from + tail_start as u64);
                let size = tail_part.from + tail.len() as u64;
                self.set(&tail_part.path, FileCopy { facts: FileFacts { size, ..facts }, gap });
            }
            _ => {}
        }
        Ok(true)
    }

    fn set(&mut self, path: &Path, copy: FileCopy) {
        self.partial.set(path, copy.gap.is_some());
        self.copies.insert(path.to_owned(), copy);
        self.is_unsaved = true;
    }

    /// Replaces a copy.
    fn write(&self, path: &Path, bytes: &[u8], facts: FileFacts) -> io::Result<()> {
        let path = self.home().join(path);
        let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        create_private(dir)?;
        let mut temporary = tempfile::NamedTempFile::new_in(dir)?;
        temporary.write_all(bytes)?;
        set_time(temporary.as_file(), facts)?;
        temporary.persist(&path).map(drop).map_err(|error| error.error)
    }

    /// Writes the states of the copies, if they changed.
    pub(super) fn save(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.is_unsaved) || self.temporary.is_some() {
            return Ok(());
        }
        create_private(&self.dir)?;
        let mut temporary = tempfile::NamedTempFile::new_in(&self.dir)?;
        temporary.write_all(&serde_json::to_vec(&self.copies)?)?;
        temporary.persist(self.dir.join(STATES)).map(drop).map_err(|error| error.error)
    }
}

impl Drop for Mirror {
    /// Writes the states, however the connection ends: a copy without its state is copied again.
    fn drop(&mut self) {
        if let Err(error) = self.save() {
            tracing::warn!(%error, "the states of copies were not written");
        }
    }
}

/// Locks a directory; `None` if another salon has locked it, or if it cannot be used.
fn lock(dir: &Path) -> Option<std::fs::File> {
    create_private(dir).ok()?;
    let file = std::fs::File::create(dir.join(LOCK)).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

fn set_time(file: &std::fs::File, facts: FileFacts) -> io::Result<()> {
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(facts.modified.min(1 << 40)))
}

fn create_private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}
