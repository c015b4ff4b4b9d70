//! Sessions, and sub-agents, in several files: one id in more than one project folder.
//!
//! Claude Code moves to another project folder when a session enters or leaves a worktree, or moves to another directory,
//! and goes on there in a file of the same name. Either file may go on later, and a file may begin with records that
//! another one has too. The session is the text of all its files, by time, each record once.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::agent::jsonl::scan::scan;
use crate::agent::jsonl::walk::{self, SESSION, SUBAGENT};
use crate::agent::jsonl::{Dialect, JsonStr, RecordLink, TextFile};
use crate::agent::{FileStamp, Source};
use crate::domain::Time;
use crate::stdx::{files, temp};

/// Kind of a source: one of several files of a session.
pub(super) const PART: u8 = 3;
/// Kind of a source: one of several files of a sub-agent.
const SUBAGENT_PART: u8 = 4;

/// True for one of several files.
pub(super) fn is_part(kind: u8) -> bool {
    matches!(kind, PART | SUBAGENT_PART)
}

/// True for a file of a sub-agent.
pub(super) fn is_subagent(kind: u8) -> bool {
    matches!(kind, SUBAGENT | SUBAGENT_PART)
}

/// Marks the sources below the folder of projects that are parts of a session, with the stamp of all parts.
pub(super) fn mark(projects: &Path, sources: &mut [Source]) {
    let mut seen = HashSet::with_capacity(sources.len());
    let is_whole = |source: &&Source| matches!(source.kind, SESSION | SUBAGENT);
    let repeated: HashSet<OsString> = { sources.iter() }
        .filter(is_whole)
        .filter_map(|source| in_project(projects, &source.path))
        .filter(|name| !seen.insert(*name))
        .map(OsStr::to_owned)
        .collect();
    if repeated.is_empty() {
        return;
    }
    let repeated = |path: &Path| repeated.get(in_project(projects, path)?).cloned();
    let mut stamps: HashMap<OsString, Vec<FileStamp>> = HashMap::new();
    for source in sources.iter().filter(is_whole) {
        if let Some(name) = repeated(&source.path) {
            stamps.entry(name).or_default().push(source.stamp);
        }
    }
    for source in sources.iter_mut().filter(|source| matches!(source.kind, SESSION | SUBAGENT)) {
        if let Some(stamps) = repeated(&source.path).and_then(|name| stamps.get(&name)) {
            source.kind = if source.kind == SUBAGENT { SUBAGENT_PART } else { PART };
            source.stamp = combined(stamps);
        }
    }
}

/// Path of a transcript inside its project's folder.
fn in_project<'a>(projects: &Path, path: &'a Path) -> Option<&'a OsStr> {
    // Paths of all sources are compared, so their bytes are.
    let below = path.as_os_str().as_bytes().strip_prefix(projects.as_os_str().as_bytes())?.strip_prefix(b"/")?;
    Some(OsStr::from_bytes(&below[memchr::memchr(b'/', below)? + 1..]))
}

/// The sources of a session whose file changed: the file, and the other parts, whose stamps change with it.
pub(super) fn affected(projects: &Path, path: &Path, source: Option<&Source>) -> Vec<(PathBuf, Option<Source>)> {
    let parts = files_of(path);
    let others = parts.iter().filter(|part| *part != path);
    let walk = walk::Walk::of(crate::domain::Agent::Claude);
    let mut sources: Vec<Source> = others.filter_map(|part| walk.source(part)).chain(source.cloned()).collect();
    mark(projects, &mut sources);
    let mut rows: Vec<_> = sources.into_iter().map(|source| (source.path.clone(), Some(source))).collect();
    if source.is_none() {
        rows.push((path.to_owned(), None));
    }
    rows
}

/// Files of the session, or of the sub-agent, whose file is at `path`, by path: those of its name in all project folders.
pub(super) fn files_of(path: &Path) -> Vec<PathBuf> {
    let subagents = path.ancestors().find(|folder| folder.ends_with("subagents"));
    let project = subagents.map_or_else(|| path.parent(), |folder| folder.parent()?.parent());
    let name = project.and_then(|project| path.strip_prefix(project).ok());
    let (Some(projects), Some(name)) = (project.and_then(Path::parent), name) else {
        return vec![path.to_owned()];
    };
    let folders = walk::subdirectories(projects, &mut Vec::new()).into_iter();
    let mut parts: Vec<PathBuf> = folders.map(|folder| folder.join(name)).filter(|part| part.is_file()).collect();
    parts.sort();
    parts
}

/// Stamp of all parts of a session.
pub(super) fn stamp(path: &Path) -> io::Result<FileStamp> {
    let stamps: io::Result<Vec<_>> =
        files_of(path).iter().map(|part| Ok(FileStamp::of(&std::fs::metadata(part)?))).collect();
    match &stamps?[..] {
        [] => Err(io::ErrorKind::NotFound.into()),
        [only] => Ok(*only),
        several => Ok(combined(several)),
    }
}

fn combined(stamps: &[FileStamp]) -> FileStamp {
    FileStamp {
        inode: stamps.iter().fold(0, |inodes, stamp| inodes ^ stamp.inode),
        size: stamps.iter().map(|stamp| stamp.size).sum(),
        mtime_ns: stamps.iter().map(|stamp| stamp.mtime_ns).max().unwrap_or_default(),
    }
}

/// Opens the text of all parts of a session.
pub(super) fn open(dialect: &dyn Dialect, path: &Path) -> io::Result<TextFile> {
    let paths = files_of(path);
    if paths.len() < 2 {
        return TextFile::open(path);
    }
    let parts: io::Result<Vec<Part>> = paths.iter().map(|path| Part::read(dialect, path)).collect();
    let parts = parts?;
    let stamp = combined(&parts.iter().map(|part| part.stamp).collect::<Vec<_>>());
    let mut copy = BufWriter::new(temp::unnamed()?);
    // A record that is in two parts belongs to the first of them.
    let mut written: HashMap<u64, usize> = HashMap::new();
    let mut next = vec![0; parts.len()];
    while let Some(at) = earliest(&parts, &next) {
        let part = &parts[at];
        let line = &part.lines[next[at]];
        next[at] += 1;
        if line.id.is_none_or(|id| *written.entry(id).or_insert(at) == at) {
            let mut bytes = vec![b'\n'; usize::try_from(line.len).unwrap_or_default() + 1];
            let end = bytes.len() - 1;
            part.file.read_exact_at(&mut bytes[..end], line.offset)?;
            copy.write_all(&bytes)?;
        }
    }
    let file = copy.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(TextFile { file, stamp, is_copy: true, damage: None })
}

/// The part that a session continues in, and the directory in which that part runs.
pub(super) fn newest(dialect: &dyn Dialect, path: &Path) -> Option<(PathBuf, Option<String>)> {
    let parts = files_of(path).into_iter().filter_map(|path| Some((Part::read(dialect, &path).ok()?, path)));
    let mut parts: Vec<(Part, PathBuf)> = parts.collect();
    parts.sort_by_key(|(part, _)| part.lines.iter().map(|line| line.time).max());
    let (newest, path) = parts.pop()?;
    let copied: HashSet<u64> = parts.iter().flat_map(|(part, _)| &part.lines).filter_map(|line| line.id).collect();
    Some((path, newest.directory(&copied)))
}

/// The part whose next line is the earliest; of equal ones the first.
fn earliest(parts: &[Part], next: &[usize]) -> Option<usize> {
    let time = |at: usize| parts[at].lines.get(next[at]).map(|line| line.time);
    (0..parts.len()).filter(|&at| time(at).is_some()).min_by_key(|&at| time(at))
}

/// A line of a part.
struct PartLine {
    offset: u64,
    len: u64,
    /// Time of the record, or of the one before it; of the first one at the beginning.
    time: Option<Time>,
    /// Id hash of the record, if it has one.
    id: Option<u64>,
}

/// One file of a session.
struct Part {
    file: File,
    stamp: FileStamp,
    lines: Vec<PartLine>,
    /// Working directories, each with the number of the line from which on it is recorded.
    directories: Vec<(usize, String)>,
    /// Directory that the session moved to last.
    relocated: Option<String>,
}

impl Part {
    fn read(dialect: &dyn Dialect, path: &Path) -> io::Result<Self> {
        let file = files::open(path)?;
        let stamp = FileStamp::of(&file.metadata()?);
        let (mut lines, mut last) = (Vec::<PartLine>::new(), None);
        let (mut directories, mut relocated) = (Vec::<(usize, String)>::new(), None);
        scan(dialect, &file, (0, 0), None, |line| {
            let mut id = None;
            if let Ok(metadata) = &line.metadata {
                if last.is_none() {
                    lines.iter_mut().for_each(|line: &mut PartLine| line.time = metadata.time);
                }
                last = metadata.time.or(last);
                if let RecordLink::Node { id: of_record, .. } = metadata.link {
                    id = Some(of_record);
                }
                let moved = metadata.rare.as_ref().and_then(|rare| rare.relocated);
                relocated = moved.map(|moved| moved.decode().into_owned()).or(relocated.take());
                if let Some(cwd) = metadata.cwd.map(JsonStr::decode)
                    && directories.last().is_none_or(|(_, last)| *last != cwd)
                {
                    directories.push((lines.len(), cwd.into_owned()));
                }
            }
            lines.push(PartLine { offset: line.offset, len: line.len, time: last, id });
        })?;
        Ok(Self { file, stamp, lines, directories, relocated })
    }

    /// The directory in which the part runs: where it moved to, or where it began, after the `copied` records.
    fn directory(self, copied: &HashSet<u64>) -> Option<String> {
        let is_own = |line: &PartLine| line.id.is_some_and(|id| !copied.contains(&id));
        let begin = self.lines.iter().position(is_own).unwrap_or_default();
        let after = self.directories.partition_point(|(line, _)| *line <= begin);
        let at_begin = self.directories.get(after.saturating_sub(1)).map(|(_, directory)| directory.clone());
        self.relocated.or(at_begin)
    }
}
