//! Reader of a chat: replays the log, and reads messages from the file on request.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::chat_message::ChatMessage;
use super::log::{ChatLog, LogChange};
use super::message::{self, MessagePart};
use super::named_outputs::NamedOutputs;
use super::other_files::{OtherFiles, ReplayedLog};
use super::{paths, shape, tools};
use crate::agent::json::repair;
use crate::agent::jsonl::TextFile;
use crate::agent::side_text::OutputFolder;
use crate::agent::{
    BranchPosition, FileStamp, Fork, MarkKind, RefreshOutcome, TextLimit, TranscriptBranch, TranscriptReader,
};
use crate::domain::transcript::{Tool, Transcript};
use crate::domain::{Entry, EntryKey, Event, EventBody, Issue, Time};
use crate::stdx::files::{self, SizeLimit};
use crate::stdx::lines::LineReader;

/// A replayed log with its file.
#[derive(Debug)]
pub(super) struct ChatReader {
    path: PathBuf,
    /// Copy of the file in UTF-8, if the agent's own is in another encoding.
    copy: Option<File>,
    /// The replayed log.
    pub log: ChatLog,
    /// State of the file when it was read.
    pub stamp: FileStamp,
    /// Offset after the last complete line that was applied.
    pub offset: u64,
    /// Bytes read from the file.
    pub bytes_read: u64,
    issues: Vec<Issue>,
    /// Explanation of what is at the end of the file and has no end.
    pub open_end: Option<&'static str>,
    outputs: OutputFolder,
    /// Outputs that no record names, once a call without another file was read.
    named: OnceCell<NamedOutputs>,
    /// Other files of the session that have messages of their own.
    others: OtherFiles,
    /// The branch that was chosen; `None`: the one that is shown first.
    chosen: Option<usize>,
}

impl ChatReader {
    /// Replays a whole file, and reads the other files of its session.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::open_with(path, paths::files_of_session(path))
    }

    /// Replays a whole file, and reads the other ones of the `files` of its session.
    pub(super) fn open_with(path: &Path, files: Vec<PathBuf>) -> io::Result<Self> {
        let mut reader = Self::open_alone(path)?;
        reader.others = OtherFiles::of((path, files), &reader.log, &[], replayed);
        Ok(reader)
    }

    /// Replays a whole file, without the other files of its session.
    pub(super) fn open_alone(path: &Path) -> io::Result<Self> {
        Self::resume(path, ChatLog::default(), 0)
    }

    /// Continues a log that was replayed up to `offset`.
    pub(super) fn resume(path: &Path, log: ChatLog, offset: u64) -> io::Result<Self> {
        let (stamp, outputs) = (FileStamp::default(), paths::outputs(path));
        let (path, issues) = (path.to_owned(), Vec::new());
        let others = OtherFiles::default();
        let (copy, bytes_read, open_end, named, chosen) = (None, 0, None, OnceCell::new(), None);
        let mut reader =
            Self { path, copy, log, stamp, offset, bytes_read, issues, open_end, outputs, named, others, chosen };
        reader.apply_new()?;
        Ok(reader)
    }

    /// Reads the other files of the session, unless one of them is to be shown in place of this one. Returns false then.
    pub(super) fn read_others_if_shown(&mut self, known: &[ReplayedLog]) -> bool {
        let files = (&*self.path, paths::known_files_of_session(&self.path));
        let others = OtherFiles::of_shown(files, &self.log, known, replayed);
        let is_shown = others.is_some();
        self.others = others.unwrap_or_default();
        is_shown
    }

    /// Logs of the other files that are worth storing.
    pub(super) fn logs_to_store(&self) -> &[ReplayedLog] {
        self.others.to_store()
    }

    /// Applies the lines after `offset`; replays a document completely.
    fn apply_new(&mut self) -> io::Result<LogChange> {
        let TextFile { mut file, stamp, is_copy, .. } = TextFile::open(&self.path)?;
        self.stamp = stamp;
        if is_copy {
            // Offsets are those of the copy, which is made anew.
            (self.log, self.offset) = (ChatLog::default(), 0);
        }
        self.copy = is_copy.then(|| file.try_clone()).transpose()?;
        file.seek(SeekFrom::Start(0))?;
        let effect = if paths::kind(&self.path) == Some(paths::DOCUMENT) {
            let bytes = files::read_open(&file, SizeLimit::DOCUMENT)?;
            self.bytes_read += bytes.len() as u64;
            self.log = ChatLog::default();
            if !self.log.document(&bytes) && !bytes.is_empty() {
                self.log.bad.push(1);
            }
            LogChange::Replaced
        } else {
            self.lines(file)?
        };
        let effect = if self.log.find_lost_calls() { LogChange::Replaced } else { effect };
        let is_repaired = |line: &u64| self.log.repaired.iter().any(|(repaired, _)| repaired == line);
        let lost = self.log.bad.iter().filter(|line| !is_repaired(line)).map(|line| (*line, "unreadable record"));
        let repaired = self.log.repaired.iter().map(|(line, repairs)| (*line, repairs.as_str()));
        let issue = |(line, reason)| Issue { line: Some(line), ..Issue::new(&self.path, reason) };
        let open = self.open_end.map(|reason| (self.log.lines + 1, reason));
        self.issues = lost.chain(repaired).chain(open).map(issue).collect();
        self.issues.sort_by_key(|issue| issue.line);
        Ok(if is_copy { LogChange::Replaced } else { effect })
    }

    fn lines(&mut self, file: File) -> io::Result<LogChange> {
        let mut lines = LineReader::from_offset(file, self.offset)?;
        let mut all = LogChange::None;
        while let Some(line) = lines.next_line_or_rest(repair::is_whole)? {
            let further = line.lines - 1;
            all = all.and(self.log.line(line.bytes, line.offset));
            self.log.lines += further;
        }
        self.offset = lines.offset();
        self.bytes_read += lines.bytes_read();
        self.open_end = repair::open_end(&lines);
        Ok(all)
    }

    /// Messages of the shown branch, and of the other files of the session.
    pub(super) fn messages(&self) -> impl DoubleEndedIterator<Item = &ChatMessage> + Clone {
        self.on_branch(self.shown_branch())
    }

    fn on_branch(&self, branch: usize) -> impl DoubleEndedIterator<Item = &ChatMessage> + Clone {
        self.others.among(self.log.branch(branch)).into_iter()
    }

    /// Messages of all branches and files, each once.
    pub(super) fn all(&self) -> impl Iterator<Item = &ChatMessage> {
        self.log.all().into_iter().chain(&self.others.messages)
    }

    /// Messages of all branches and files that have texts: entries, or results of calls in other messages.
    pub(super) fn with_texts(&self) -> Vec<ChatMessage> {
        self.log.with_texts().into_iter().chain(self.others.messages.iter().cloned()).collect()
    }

    /// Finds the messages with entries in a range, each with the index of its first entry.
    fn messages_in(&self, range: &Range<usize>) -> Vec<(usize, ChatMessage)> {
        let mut first = 0;
        let mut wanted = Vec::new();
        for message in self.messages() {
            let next = first + message.entries as usize;
            if next > range.start && first < range.end && message.entries > 0 {
                wanted.push((first, message.clone()));
            }
            first = next;
        }
        wanted
    }

    /// Reads the output of a tool from a file of its own: one that the record of the call names, or its preview, or else
    /// one that has the id of the call. Only a file with more text than the record. True if there is more.
    fn whole_output(&self, tool: &Tool, call: &Value, limit: TextLimit) -> Option<(String, bool)> {
        let recorded = tools::output_file(call).or_else(|| tools::named_file(&tool.output));
        let recorded = recorded.filter(|file| self.outputs.size(&file.path) > file.shown);
        recorded.and_then(|file| self.outputs.read(&file.path, limit)).or_else(|| {
            let named = || NamedOutputs::of(&self.path, &self.log.session_id(&self.path));
            let path = self.named.get_or_init(named).file(&tool.id)?;
            let size = path.metadata().ok()?.len();
            if size > tool.output.len() as u64 { self.outputs.read(path.to_str()?, limit) } else { None }
        })
    }

    /// Decodes the results of a message's calls that are in other messages.
    fn results_of(&mut self, message: &ChatMessage) -> Vec<EventBody> {
        let has_result = |other: &&ChatMessage| other.results.iter().any(|id| message.open_calls.contains(id));
        let others: Vec<ChatMessage> = if message.open_calls.is_empty() {
            Vec::new()
        } else {
            self.messages().filter(has_result).cloned().collect()
        };
        let mut results = Vec::new();
        for other in others {
            let value = shape::message(&self.json(&other)).map(|(value, _)| value).unwrap_or_default();
            results.extend(message::results(&value).map(|(_, body)| body));
        }
        results
    }

    /// Reads the JSON of a message; empty if it can no longer be read.
    pub(super) fn json(&mut self, message: &ChatMessage) -> Vec<u8> {
        let mut bytes = Vec::new();
        let number = (message.file as usize).checked_sub(1);
        let other = number.and_then(|number| self.others.paths.get(number));
        let file = match (&self.copy, other) {
            (Some(copy), None) => copy.try_clone(),
            (_, path) => TextFile::open(path.unwrap_or(&self.path)).map(|text| text.file),
        };
        let read = file.and_then(|mut file| {
            file.seek(SeekFrom::Start(message.offset))?;
            file.take(u64::from(message.len)).read_to_end(&mut bytes)
        });
        match read {
            Ok(count) => self.bytes_read += count as u64,
            Err(error) => {
                bytes.clear();
                self.issues.push(Issue::new(&self.path, error));
            }
        }
        bytes
    }
}

impl TranscriptReader for ChatReader {
    fn len(&self) -> usize {
        self.messages().map(|message| message.entries as usize).sum()
    }

    fn read(&mut self, range: Range<usize>, limit: TextLimit) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (first, message) in self.messages_in(&range) {
            let value = shape::message(&self.json(&message)).map(|(value, _)| value).unwrap_or_default();
            let results = self.results_of(&message);
            for (index, part) in (first..).zip(padded(&value, &message)) {
                if range.contains(&index) {
                    let events = message::events(&value, &message.key_id(), part);
                    let results = results.iter().map(|body| Event { body: body.clone(), ..events[0].clone() });
                    let events = events.iter().cloned().chain(results);
                    entries.extend(entry(
                        &value,
                        part,
                        events,
                        |tool, call| self.whole_output(tool, call, limit),
                        limit,
                    ));
                }
            }
        }
        entries
    }

    fn raw(&mut self, index: usize) -> Vec<u8> {
        let wanted = self.messages_in(&(index..index.saturating_add(1)));
        wanted.into_iter().next().map(|(_, message)| self.json(&message)).unwrap_or_default()
    }

    fn branches(&self) -> usize {
        self.log.branches()
    }

    fn shown_branch(&self) -> usize {
        self.chosen.unwrap_or_else(|| self.log.first_shown())
    }

    fn branch_list(&mut self) -> Vec<TranscriptBranch> {
        let mut seen: HashSet<(u32, u64, u32)> = HashSet::new();
        let branches = (0..self.branches()).map(|branch| {
            let messages = self.on_branch(branch).filter(|message| message.entries > 0);
            let new = messages.clone().filter(|message| seen.insert((message.file, message.offset, message.len)));
            let own: Vec<ChatMessage> = new.cloned().collect();
            let last = messages.clone().filter_map(|message| message.time).max();
            (messages.map(|message| message.entries as usize).sum(), last, own.into_iter().next())
        });
        let branches: Vec<(usize, Option<Time>, Option<ChatMessage>)> = branches.collect();
        let list = branches.into_iter().map(|(entries, last, first)| {
            let value = first.and_then(|first| shape::message(&self.json(&first)));
            let text = value.map(|(value, _)| message::text(&value)).unwrap_or_default();
            TranscriptBranch { entries, last, head: text.lines().next().unwrap_or_default().to_owned() }
        });
        list.collect()
    }

    fn show_branch(&mut self, branch: usize) -> bool {
        let exists = branch < self.branches();
        if exists {
            self.chosen = Some(branch);
        }
        exists
    }

    fn forks(&mut self) -> Vec<Fork> {
        let mut forks: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
        let place = |message: &ChatMessage| (message.file, message.offset, message.len);
        for branch in (0..self.branches()).filter(|branch| *branch != self.shown_branch()) {
            let pairs = self.messages().zip(self.on_branch(branch));
            let shared = pairs.take_while(|(shown, other)| place(shown) == place(other));
            let entries: usize = shared.map(|(shown, _)| shown.entries as usize).sum();
            forks.entry(entries.checked_sub(1)).or_default().push(branch);
        }
        forks
            .into_iter()
            .map(|(entry, branches)| Fork { entry, heads: vec![String::new(); branches.len()], branches })
            .collect()
    }

    fn locate(&mut self, wanted: &[(EntryKey, &str)]) -> Vec<Option<BranchPosition>> {
        let (chosen, shown) = (self.chosen, self.shown_branch());
        let others = (0..self.branches()).rev().filter(|branch| *branch != shown);
        let mut found = vec![None; wanted.len()];
        for branch in [shown].into_iter().chain(others) {
            if found.iter().all(Option::is_some) {
                break;
            }
            self.chosen = Some(branch);
            for (found, index) in found.iter_mut().zip(self.positions(wanted)) {
                *found = found.or(index.map(|index| BranchPosition { branch, index }));
            }
        }
        self.chosen = chosen;
        found
    }

    /// Messages of a document may share an id.
    fn namesakes(&mut self, (key, call): (EntryKey, &str), branch: usize) -> Vec<usize> {
        const PAGE: usize = 256;
        let chosen = self.chosen.replace(branch);
        let mut alike = Vec::new();
        for from in (0..self.len()).step_by(PAGE) {
            let entries = self.read(from..from + PAGE, TextLimit(0));
            let is_alike = |entry: &Entry| entry.key == key || (!call.is_empty() && entry.matches(key, call));
            alike.extend(entries.iter().enumerate().filter(|(_, entry)| is_alike(entry)).map(|(at, _)| from + at));
        }
        self.chosen = chosen;
        if alike.len() > 1 { alike } else { Vec::new() }
    }

    fn marks(&mut self, which: MarkKind) -> Vec<usize> {
        let mut first = 0;
        let mut found = Vec::new();
        for message in self.messages() {
            match which {
                MarkKind::Prompts if message.prompt.is_some() => found.push(first),
                MarkKind::Prompts => {}
                MarkKind::Errors => found.extend(message.errors.iter().map(|at| first + *at as usize)),
            }
            first += message.entries as usize;
        }
        found
    }

    fn refresh(&mut self) -> RefreshOutcome {
        let stamp = match std::fs::metadata(&self.path) {
            Ok(metadata) => FileStamp::of(&metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return RefreshOutcome::Gone,
            Err(_) => return RefreshOutcome::Same,
        };
        let others_changed = self.others.have_changed(&self.path);
        if stamp == self.stamp && !others_changed {
            return RefreshOutcome::Same;
        }
        let is_replaced = stamp.inode != self.stamp.inode || stamp.size < self.offset;
        if is_replaced {
            self.log = ChatLog::default();
            (self.offset, self.chosen) = (0, None);
        }
        let shown = self.shown_branch();
        let change = self.apply_new();
        if is_replaced && change.is_err() {
            return RefreshOutcome::Gone;
        }
        // A message may be in another file as well by now.
        let has_moved = if others_changed || is_replaced {
            let known = std::mem::take(&mut self.others).into_logs();
            let files = (&*self.path, paths::files_of_session(&self.path));
            self.others = OtherFiles::of(files, &self.log, &known, replayed);
            true
        } else {
            self.others.select(&self.log)
        };
        match change {
            _ if has_moved => {
                self.chosen = None;
                RefreshOutcome::Reset
            }
            Ok(LogChange::None) | Err(_) => RefreshOutcome::Same,
            Ok(LogChange::Replaced) => RefreshOutcome::Reset,
            Ok(LogChange::From(_)) if shown != self.shown_branch() => RefreshOutcome::Reset,
            Ok(LogChange::From(_)) if shown < self.log.abandoned.len() => RefreshOutcome::Same,
            Ok(LogChange::From(message)) => {
                let offset = self.log.messages.get(message).map(|message| (0, message.offset));
                let before = self.messages().take_while(|other| Some((other.file, other.offset)) != offset);
                RefreshOutcome::Grown { from: before.map(|message| message.entries as usize).sum() }
            }
        }
    }

    fn issues(&self) -> &[Issue] {
        &self.issues
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}

/// Replays a file, or what was appended to a known log of it.
fn replayed(path: &Path, known: Option<&ReplayedLog>) -> Option<ReplayedLog> {
    let stamp = FileStamp::of(&std::fs::metadata(path).ok()?);
    if let Some(known) = known.filter(|known| known.stamp == stamp) {
        return Some(known.clone());
    }
    let is_grown = |known: &&ReplayedLog| {
        let is_log = paths::kind(path) == Some(paths::LOG) && known.offset > 0;
        is_log && known.stamp.inode == stamp.inode && stamp.size >= known.offset && ends_a_line(path, known.offset)
    };
    let chat = match known.filter(is_grown) {
        Some(known) => ChatReader::resume(path, known.log.clone(), known.offset),
        None => ChatReader::open_alone(path),
    };
    let ChatReader { path, log, stamp, offset, .. } = chat.ok()?;
    Some(ReplayedLog { path, stamp, offset, log })
}

/// True if a line ends before `offset`; a rewritten file nearly never has a newline at the old position.
pub(super) fn ends_a_line(path: &Path, offset: u64) -> bool {
    use std::os::unix::fs::FileExt;
    let mut last = [0];
    let read = files::open(path).and_then(|file| file.read_exact_at(&mut last, offset.saturating_sub(1)));
    read.is_ok() && last == *b"\n"
}

/// Returns the parts of a message, padded to the counted number, because the file may have changed since.
fn padded(value: &Value, stored: &ChatMessage) -> Vec<MessagePart> {
    let mut parts = message::parts(value);
    parts.extend(message::lost(value, &stored.lost));
    parts.resize(stored.entries as usize, MessagePart::Other);
    parts
}

fn entry(
    value: &Value,
    part: MessagePart,
    events: impl Iterator<Item = Event>,
    whole_output: impl Fn(&Tool, &Value) -> Option<(String, bool)>,
    limit: TextLimit,
) -> Option<Entry> {
    let mut transcript = Transcript::default();
    for event in events {
        transcript.apply(event);
    }
    let mut entry = transcript.into_entries().into_iter().next()?;
    let mut is_cut = false;
    if let Some(tool) = &mut entry.tool {
        let call = if let MessagePart::Tool(at) = part { tools::listed_at(value, at) } else { &Value::Null };
        if let Some((text, cut)) = whole_output(tool, call) {
            (tool.output, is_cut) = (tools::saved_text(text), cut);
        }
    }
    let truncate = |text: &mut String| {
        let end = (0..=limit.0.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        let long = text.len() > end;
        text.truncate(end);
        long
    };
    entry.truncated =
        is_cut | truncate(&mut entry.text) | entry.tool.as_mut().is_some_and(|tool| truncate(&mut tool.output));
    Some(entry)
}
