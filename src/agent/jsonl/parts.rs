//! Sessions in several files: one id in more than one folder, or in more than one file of a folder.
//!
//! Any of the files may go on later, and a file may begin with records that another one has too. The session is the text of
//! all its files, by time, each record once.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::repaired::ScannedLine;
use super::scan::scan;
use super::walk::{SESSION, SUBAGENT, Walk};
use super::{Dialect, JsonStr, RecordLink, TextFile};
use crate::agent::{FileStamp, Source};
use crate::domain::{Agent, Issue, Time};
use crate::stdx::temp;

/// Kinds of the sources of an agent that writes one session into the folders of several projects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartKinds {
    /// The agent.
    pub agent: Agent,
    /// Kind of one of several files of a session.
    pub session_part: u8,
    /// Kind of one of several files of a sub-agent.
    pub subagent_part: u8,
    /// Files of the session, or of the sub-agent, whose file is at a path.
    pub files_of: fn(&Path) -> Vec<PathBuf>,
}

impl PartKinds {
    /// True for one of several files.
    pub(crate) fn is_part(self, kind: u8) -> bool {
        kind == self.session_part || kind == self.subagent_part
    }

    /// True for a file of a sub-agent.
    pub(crate) fn is_subagent(self, kind: u8) -> bool {
        kind == SUBAGENT || kind == self.subagent_part
    }

    /// Marks the sources below the folder of projects that are parts of a session, with the stamp of all parts.
    pub(crate) fn mark(self, projects: &Path, sources: &mut [Source]) {
        let part_kind = |kind| match kind {
            SESSION => Some(self.session_part),
            SUBAGENT => Some(self.subagent_part),
            _ => None,
        };
        mark(sources, |path| in_project(projects, path), part_kind);
    }

    /// The sources of a session whose file changed: the file, and the other parts, whose stamps change with it.
    pub(crate) fn affected(
        self,
        projects: &Path,
        path: &Path,
        source: Option<&Source>,
    ) -> Vec<(PathBuf, Option<Source>)> {
        let others = (self.files_of)(path).into_iter().filter(|part| part != path);
        let walk = Walk::of(self.agent);
        let mut sources: Vec<Source> = others.filter_map(|part| walk.source(&part)).chain(source.cloned()).collect();
        self.mark(projects, &mut sources);
        let mut rows: Vec<_> = sources.into_iter().map(|source| (source.path.clone(), Some(source))).collect();
        if source.is_none() {
            rows.push((path.to_owned(), None));
        }
        rows
    }
}

/// Marks the sources that are parts of a session, with the stamp of all parts. `name` is equal for the parts of a session,
/// and `part_kind` returns the kind of a part for the kind of a whole file.
pub(crate) fn mark(
    sources: &mut [Source],
    name: impl Fn(&Path) -> Option<&OsStr>,
    part_kind: impl Fn(u8) -> Option<u8>,
) {
    let mut seen = HashSet::with_capacity(sources.len());
    let is_whole = |source: &&Source| part_kind(source.kind).is_some();
    let repeated: HashSet<OsString> = { sources.iter() }
        .filter(is_whole)
        .filter_map(|source| name(&source.path))
        .filter(|name| !seen.insert(*name))
        .map(OsStr::to_owned)
        .collect();
    if repeated.is_empty() {
        return;
    }
    let repeated = |path: &Path| repeated.get(name(path)?).cloned();
    let mut stamps: HashMap<OsString, Vec<FileStamp>> = HashMap::new();
    for source in sources.iter().filter(is_whole) {
        if let Some(name) = repeated(&source.path) {
            stamps.entry(name).or_default().push(source.stamp);
        }
    }
    for source in sources {
        let Some(kind) = part_kind(source.kind) else { continue };
        if let Some(stamps) = repeated(&source.path).and_then(|name| stamps.get(&name)) {
            (source.kind, source.stamp) = (kind, FileStamp::combined(stamps));
        }
    }
}

/// Stamp of all parts of a session.
pub(crate) fn stamp(paths: &[PathBuf]) -> io::Result<FileStamp> {
    let stamps: io::Result<Vec<_>> = paths.iter().map(|part| Ok(FileStamp::of(&std::fs::metadata(part)?))).collect();
    match &stamps?[..] {
        [] => Err(io::ErrorKind::NotFound.into()),
        [only] => Ok(*only),
        several => Ok(FileStamp::combined(several)),
    }
}

/// Opens the text of all parts of a session, whose records have ids: of one part, its own file.
pub(crate) fn open(dialect: &dyn Dialect, paths: &[PathBuf]) -> io::Result<TextFile> {
    if let [only] = paths {
        return TextFile::open(only);
    }
    let read = paths.iter().map(|path| (&**path, Part::read(dialect, path)));
    Ok(merge_readable(read)?.text)
}

/// Text of several parts.
pub(crate) struct MergedText {
    /// The lines of all parts.
    pub text: TextFile,
    /// Number of the part that lines are from, each with the offset of the first of these lines.
    pub runs: Vec<(u64, u32)>,
}

/// Merges the parts that could be read; the others are issues of the text. A part that no longer exists is none.
pub(crate) fn merge_readable<'a>(read: impl Iterator<Item = (&'a Path, io::Result<Part>)>) -> io::Result<MergedText> {
    let (mut parts, mut stamps, mut unread, mut first_error) = (Vec::new(), Vec::new(), Vec::new(), None);
    for (path, part) in read {
        match part {
            Ok(part) => {
                stamps.push(part.stamp);
                parts.push(part);
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    unread.push(Issue::new(path, format!("a part of the session cannot be read: {error}")));
                }
                stamps.extend(std::fs::metadata(path).ok().map(|metadata| FileStamp::of(&metadata)));
                first_error.get_or_insert(error);
            }
        }
    }
    if parts.is_empty() {
        return Err(first_error.unwrap_or_else(|| io::ErrorKind::NotFound.into()));
    }
    let (file, runs) = merge(&parts)?;
    let damage = parts.iter().find_map(|part| part.damage.clone());
    let text = TextFile { damage, unread, ..TextFile::copy(file, FileStamp::combined(&stamps)) };
    Ok(MergedText { text, runs })
}

/// Merges the lines of the parts by time. A record whose id is in two parts belongs to the first of them.
fn merge(parts: &[Part]) -> io::Result<(File, Vec<(u64, u32)>)> {
    let (mut runs, mut len) = (Vec::<(u64, u32)>::new(), 0);
    let mut copy = BufWriter::new(temp::unnamed()?);
    let mut written: HashMap<u64, usize> = HashMap::new();
    let mut next = vec![0; parts.len()];
    while let Some(at) = earliest(parts, &next) {
        let part = &parts[at];
        let line = &part.lines[next[at]];
        next[at] += 1;
        if line.id.is_none_or(|id| *written.entry(id).or_insert(at) == at) {
            let mut bytes = vec![b'\n'; usize::try_from(line.len).unwrap_or_default() + 1];
            let end = bytes.len() - 1;
            part.file.read_exact_at(&mut bytes[..end], line.offset)?;
            copy.write_all(&bytes)?;
            let number = u32::try_from(at).unwrap_or(u32::MAX);
            if runs.last().is_none_or(|(_, last)| *last != number) {
                runs.push((len, number));
            }
            len += bytes.len() as u64;
        }
    }
    Ok((copy.into_inner().map_err(io::IntoInnerError::into_error)?, runs))
}

/// The part that a session continues in, and the directory in which that part runs.
pub(crate) fn newest(dialect: &dyn Dialect, paths: Vec<PathBuf>) -> Option<(PathBuf, Option<String>)> {
    let read = |path: PathBuf| Some((Part::read(dialect, &path).ok()?, path));
    let mut parts: Vec<(Part, PathBuf)> = paths.into_iter().filter_map(read).collect();
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
pub(crate) struct Part {
    file: File,
    stamp: FileStamp,
    damage: Option<String>,
    lines: Vec<PartLine>,
    /// Working directories, each with the number of the line from which on it is recorded.
    directories: Vec<(usize, String)>,
    /// Directory that the session moved to last.
    relocated: Option<String>,
}

impl Part {
    /// Reads the lines of a file.
    fn read(dialect: &dyn Dialect, path: &Path) -> io::Result<Self> {
        Self::read_some(dialect, TextFile::open(path)?, |_| true)
    }

    /// Reads those lines of a file that are wanted.
    pub(crate) fn read_some(
        dialect: &dyn Dialect,
        TextFile { file, stamp, damage, .. }: TextFile,
        is_wanted: impl Fn(&ScannedLine<'_>) -> bool,
    ) -> io::Result<Self> {
        let (mut lines, mut last) = (Vec::<PartLine>::new(), None);
        let (mut directories, mut relocated) = (Vec::<(usize, String)>::new(), None);
        scan(dialect, &file, (0, 0), None, |line| {
            let mut id = None;
            if let Ok(metadata) = &line.metadata {
                if last.is_none() && metadata.time.is_some() {
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
            if is_wanted(&line) {
                lines.push(PartLine { offset: line.offset, len: line.len, time: last, id });
            }
        })?;
        Ok(Self { file, stamp, damage, lines, directories, relocated })
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

/// Path of a transcript inside its project's folder, which is in the folder of all projects.
pub(crate) fn in_project<'a>(projects: &Path, path: &'a Path) -> Option<&'a OsStr> {
    use std::os::unix::ffi::OsStrExt;
    // Paths of all sources are compared, so their bytes are.
    let below = path.as_os_str().as_bytes().strip_prefix(projects.as_os_str().as_bytes())?.strip_prefix(b"/")?;
    Some(OsStr::from_bytes(&below[memchr::memchr(b'/', below)? + 1..]))
}

/// Files of this name in the folders of all projects, by path. The given path, if there is no such folder.
pub(crate) fn in_all_projects(project: Option<&Path>, path: &Path) -> Vec<PathBuf> {
    let name = project.and_then(|project| path.strip_prefix(project).ok());
    let (Some(projects), Some(name)) = (project.and_then(Path::parent), name) else {
        return vec![path.to_owned()];
    };
    let folders = super::walk::subdirectories(projects, &mut Vec::new()).into_iter();
    let mut parts: Vec<PathBuf> = folders.map(|folder| folder.join(name)).filter(|part| part.is_file()).collect();
    parts.sort();
    parts
}
