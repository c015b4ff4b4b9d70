//! Reads sessions of OpenCode from 0.6 to 1.1: one JSON file each for the session, its messages and their parts.
//!
//! Verified with 1.1.65. OpenCode rewrites files in place, so a reader may see a truncated one; it counts as unreadable
//! until the next change. Parts are read only to summarise or open a session, never during discovery.

use std::ffi::{CStr, CString};
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use super::database::{Revert, SessionRow, mark_reverted};
use super::oldest;
use super::record::{self, OpenCodeMessage, OpenCodePart};
use super::summary::first_prompt;
use super::totals::{self, OpenCodeTotals};
use crate::agent::folder::Folder;
use crate::agent::pages::{MessageStore, MessageVersion};
use crate::agent::side_text::OutputFolder;
use crate::agent::sqlite::DatabaseError;
use crate::agent::tolerant_json::{self, Repairs};
use crate::agent::{FileStamp, Source, SourceSessions, SourceSummary, SummaryCursor, SummaryProgress};
use crate::domain::{Agent, Issue, Session, SessionKey, Time};
use crate::stdx::files::{self, SizeLimit};

/// Row of a session from its own file, whose fields may be missing.
fn row(file: &Value) -> SessionRow {
    let text = |name: &str| file[name].as_str().unwrap_or_default().to_owned();
    let time = |name: &str| record::moment(file["time"][name].as_f64()).map(Time::millis);
    SessionRow {
        id: text("id"),
        parent: file["parentID"].as_str().map(str::to_owned),
        directory: text("directory"),
        title: text("title"),
        created: time("created").unwrap_or(0),
        updated: time("updated").unwrap_or(0),
        archived: time("archived"),
        revert: Revert::parse(&file["revert"]),
        ..SessionRow::default()
    }
}

/// Messages and parts of one session, below `storage/`.
#[derive(Debug)]
pub(super) struct SessionFiles {
    session: PathBuf,
    messages: PathBuf,
    /// Folder of a folder of parts per message.
    parts: PathBuf,
    outputs: OutputFolder,
    id: String,
    is_oldest: bool,
    revert: Option<Revert>,
}

impl SessionFiles {
    /// Files of the session whose own file is `storage/session/<project>/<id>.json`, or `storage/session/info/<id>.json`
    /// of a version before 0.6.
    pub(super) fn new(session: &Path) -> Self {
        let id = session.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_oldest = oldest::is_session_file(session);
        let base = session.ancestors().nth(if is_oldest { 2 } else { 3 }).unwrap_or(Path::new("")).to_owned();
        let parts = if is_oldest { base.join("part").join(&id) } else { base.join("part") };
        let revert = None;
        let (messages, outputs) = (base.join("message").join(&id), record::outputs_beside(&base));
        Self { session: session.to_owned(), messages, parts, outputs, id, is_oldest, revert }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// True for files of a version before 0.6, whose messages may contain their parts.
    pub(super) fn is_oldest(&self) -> bool {
        self.is_oldest
    }

    /// Folder of outputs in files of their own.
    pub(super) fn outputs(&self) -> &OutputFolder {
        &self.outputs
    }

    fn messages(&self) -> &Path {
        &self.messages
    }

    /// True if there are messages, which may be all that is left of a session.
    fn has_messages(&self) -> bool {
        fs::read_dir(&self.messages).is_ok_and(|mut entries| entries.next().is_some())
    }

    fn message(&self, id: &str) -> PathBuf {
        self.messages.join(id).with_extension("json")
    }

    fn parts(&self, message: &str) -> PathBuf {
        self.parts.join(message)
    }

    /// Ids of the messages, oldest first.
    pub(super) fn ids(&self) -> io::Result<Vec<String>> {
        names(self.messages())
    }

    /// A message with its parts.
    pub(super) fn load(&self, id: &str) -> io::Result<OpenCodeMessage> {
        let data = text(files::read(&self.message(id), SizeLimit::DOCUMENT)?);
        let parts = Folder::open(&self.parts(id))?.map_or_else(|| Ok(Vec::new()), |folder| read_parts(&folder))?;
        let message = match self.is_oldest.then(|| oldest::convert(id, &data)).flatten() {
            Some(converted) if parts.is_empty() => converted,
            _ => OpenCodeMessage::stored(id, data, parts),
        };
        let reverted = self.revert.as_ref().and_then(|revert| revert.point(id));
        Ok(OpenCodeMessage { reverted, outputs: self.outputs.clone(), ..message })
    }

    /// Visits each message and each of its parts as bytes: the message's id, the part's id, and the stored JSON. Files
    /// that cannot be read are skipped, because a file that is being rewritten is read again after its change.
    pub(super) fn each(&self, visit: &mut dyn FnMut(&str, Option<&str>, &[u8]) -> ControlFlow<()>) -> io::Result<()> {
        let Some(messages) = Folder::open(self.messages())? else { return Ok(()) };
        let parts = Folder::open(&self.parts)?;
        let (mut buffer, mut part_buffer) = (Vec::new(), Vec::new());
        let read = messages.read_each(EXTENSION, &mut buffer, |name, bytes| {
            let Some(message) = stem(name) else { return ControlFlow::Continue(()) };
            if let Ok(bytes) = bytes {
                visit(message, None, bytes)?;
            }
            let folder = CString::new(message).ok().and_then(|name| parts.as_ref()?.folder(&name).ok()?);
            let Some(folder) = folder else { return ControlFlow::Continue(()) };
            let read = folder.read_each(EXTENSION, &mut part_buffer, |name, bytes| match (stem(name), bytes) {
                (Some(part), Ok(bytes)) => visit(message, Some(part), bytes),
                _ => ControlFlow::Continue(()),
            });
            read.unwrap_or(ControlFlow::Continue(()))
        });
        read.map(drop)
    }

    fn version(&self, id: &str) -> io::Result<MessageVersion> {
        let own = FileStamp::of(&fs::metadata(self.message(id))?);
        let folder = self.parts(id);
        let (mut count, mut bytes, mut newest) = (0, 0, 0);
        for part in names(&folder)? {
            let part = FileStamp::of(&fs::metadata(folder.join(part).with_extension("json"))?);
            count += 1;
            bytes += signed(part.size);
            newest = newest.max(part.mtime_ns);
        }
        Ok([own.mtime_ns, signed(own.size), count, bytes, newest])
    }
}

const EXTENSION: &[u8] = b".json";

fn stem(name: &CStr) -> Option<&str> {
    name.to_str().ok()?.strip_suffix(".json")
}

fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// Stems of a folder's JSON files in order; none if the folder does not exist.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = Vec::new();
    for entry in listed {
        let name = entry?.file_name();
        names.extend(name.to_string_lossy().strip_suffix(".json").map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

/// Reads the parts of a message.
fn read_parts(folder: &Folder) -> io::Result<Vec<OpenCodePart>> {
    let (mut parts, mut failed) = (Vec::new(), Ok(()));
    let listed = folder.read_each(EXTENSION, &mut Vec::new(), |name, bytes| match bytes {
        Ok(bytes) => {
            let id = name.to_string_lossy().strip_suffix(".json").unwrap_or_default().to_owned();
            parts.push(OpenCodePart { id, data: text(bytes.to_vec()) });
            ControlFlow::Continue(())
        }
        Err(error) => {
            failed = Err(error);
            ControlFlow::Break(())
        }
    });
    listed.and(failed).map(|()| parts)
}

/// Text of a file; what is not UTF-8 becomes U+FFFD.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into())
}

impl MessageStore for SessionFiles {
    type Message = OpenCodeMessage;

    fn may_have_changed(&mut self) -> bool {
        true
    }

    fn versions(&mut self) -> Result<Option<Vec<(String, MessageVersion)>>, DatabaseError> {
        let own = match files::read(&self.session, SizeLimit::SIDECAR) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.has_messages() => Vec::new(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            own => own?,
        };
        self.revert = tolerant_json::value(&own).and_then(|(file, _)| Revert::parse(&file["revert"]));
        let ids = self.ids()?;
        let versions = ids.into_iter().map(|id| self.version(&id).map(|version| (id, version)));
        let mut versions = versions.collect::<io::Result<Vec<_>>>()?;
        mark_reverted(self.revert.as_ref(), &mut versions);
        Ok(Some(versions))
    }

    fn newest(&mut self, skip: u32, count: u32) -> Result<Vec<String>, DatabaseError> {
        Ok(self.ids()?.into_iter().rev().skip(skip as usize).take(count as usize).collect())
    }

    fn message(&mut self, id: &str) -> Result<OpenCodeMessage, DatabaseError> {
        Ok(self.load(id)?)
    }
}

/// Stamp of a session's file and of its message folder: a new title changes the one, a new message the other.
pub(super) fn stamp(session: &Path) -> io::Result<FileStamp> {
    let files = SessionFiles::new(session);
    let messages = fs::metadata(files.messages());
    let mut stamp = match (fs::metadata(session), &messages) {
        // Only the messages are left.
        (Err(error), Ok(folder)) if error.kind() == io::ErrorKind::NotFound && files.has_messages() => {
            FileStamp::of(folder)
        }
        (own, _) => FileStamp::of(&own?),
    };
    match messages {
        Ok(folder) => stamp.mtime_ns = stamp.mtime_ns.max(FileStamp::of(&folder).mtime_ns),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(stamp)
}

/// Path at which the file of a session would be, of which only the messages are left.
pub(super) fn lost_file(storage: &Path, id: &str) -> PathBuf {
    storage.join("session/global").join(format!("{id}.json"))
}

/// Session file to which a message's or a part's file belongs.
pub(super) fn owner(root: &Path, path: &Path) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct PartFile {
        #[serde(rename = "sessionID")]
        session: String,
    }
    let storage = root.join("storage");
    let Ok(below) = path.strip_prefix(&storage) else { return oldest::owner(root, path) };
    let mut components = below.components().map(|step| step.as_os_str().to_string_lossy());
    let session = match &*components.next()? {
        "message" => components.next()?.into_owned(),
        "part" => serde_json::from_slice::<PartFile>(&files::read(path, SizeLimit::DOCUMENT).ok()?).ok()?.session,
        _ => return None,
    };
    let name = format!("{session}.json");
    let projects = fs::read_dir(storage.join("session")).into_iter().flatten().flatten();
    let lost = || storage.join("message").join(&session).is_dir().then(|| lost_file(&storage, &session));
    projects.map(|project| project.path().join(&name)).find(|file| file.is_file()).or_else(lost)
}

/// Summarises one session.
pub(super) fn summarise(source: &Source) -> SourceSummary {
    summary(
        source,
        build_session(&source.path, |files, ids, fork| {
            ids.into_par_iter().map(|id| Ok(count(files.load(&id)?, fork))).collect()
        }),
    )
}

/// Summarises one session, and visits each message in order: `None` for one that cannot be read.
pub(super) fn summarise_visiting(
    source: &Source,
    visit: &mut dyn FnMut(&SessionFiles, Option<&OpenCodeMessage>),
) -> SourceSummary {
    summary(
        source,
        build_session(&source.path, |files, ids, fork| {
            let load = |id: String| {
                let loaded = files.load(&id);
                visit(files, loaded.as_ref().ok());
                Ok(count(loaded?, fork))
            };
            ids.into_iter().map(load).collect()
        }),
    )
}

fn summary(source: &Source, built: io::Result<(Session, Vec<Issue>)>) -> SourceSummary {
    let (sessions, issues, bytes_read) = match built {
        Ok((session, issues)) => {
            let bytes = session.bytes;
            (vec![session], issues, bytes)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), Vec::new(), 0),
        Err(error) => (vec![unreadable(source)], vec![Issue::new(&source.path, error)], 0),
    };
    SourceSummary {
        sessions: SourceSessions::All(sessions),
        notes: Vec::new(),
        progress: SummaryProgress { cursor: SummaryCursor { stamp: source.stamp, offset: 0 }, state: Vec::new() },
        bytes_read,
        issues,
    }
}

/// Row for a session whose file cannot be read; only its id is known.
fn unreadable(source: &Source) -> Session {
    let id = source.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut session = Session::new(SessionKey::new(Agent::OpenCode, id), source.path.clone());
    session.flags.unreadable = true;
    session.unreadable = 1;
    session.last_activity = Some(Time::from_millis(source.stamp.mtime_millis()));
    session.complete = true;
    session
}

/// A message with its totals. Only one with a prompt still has its texts.
type CountedMessage = (OpenCodeMessage, OpenCodeTotals);

fn build_session(
    path: &Path,
    count: impl FnOnce(&SessionFiles, Vec<String>, Option<Time>) -> Vec<io::Result<CountedMessage>>,
) -> io::Result<(Session, Vec<Issue>)> {
    let files = SessionFiles::new(path);
    let own = match files::read(path, SizeLimit::SIDECAR) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && files.has_messages() => None,
        own => Some(own?),
    };
    let mut issues = Vec::new();
    let read = own.as_deref().and_then(tolerant_json::value);
    let (file, repairs) = read.filter(|(file, _)| file.is_object()).unwrap_or_else(|| {
        let state = if own.is_some() { "not a session file" } else { "the file of the session is missing" };
        issues.push(Issue::new(path, format!("{state}; its messages are shown")));
        (Value::Null, Repairs::default())
    });
    let mut row = row(&file);
    // The file's name is the name of the message folder.
    row.id.clone_from(&files.id);
    let fork = totals::fork_time(&row);
    let records = count(&files, files.ids()?, fork);
    let mut totals = OpenCodeTotals::new(fork);
    totals.bytes = own.map_or(0, |own| own.len() as u64);
    totals.unreadable = u32::from(file.is_null() || repairs.is_lossy());
    totals.repairs = repairs;
    let mut first = None;
    for counted in records {
        match counted {
            Ok((record, counted)) => {
                if first.is_none() && counted.first_prompt.is_some() {
                    first = Some(first_prompt(&record));
                }
                totals.add(counted);
            }
            Err(error) => {
                totals.unreadable += 1;
                issues.push(Issue::new(path, format!("message: {error}")));
            }
        }
    }
    issues.extend(totals.issue().filter(|_| issues.is_empty()).map(|issue| Issue::new(path, issue)));
    let mut session = totals.session(&row, path);
    if session.title.text.is_empty() {
        session.title = first.unwrap_or_default();
    }
    Ok((session, issues))
}

/// Counts one message. Drops the texts of messages without a prompt at once.
fn count(message: OpenCodeMessage, fork: Option<Time>) -> CountedMessage {
    let mut totals = OpenCodeTotals::new(fork);
    totals.record(&message);
    let keep = if totals.first_prompt.is_some() { message } else { OpenCodeMessage::default() };
    (keep, totals)
}
