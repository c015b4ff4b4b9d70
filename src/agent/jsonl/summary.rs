//! Summary of a file: reads all of it once, and from then on only the appended lines.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};

use super::branch::{self, BranchTip, ChainRecord};
use super::prompt_queue::PromptQueue;
use super::repaired::{Repair, ScannedLine};
use super::scan::{ScanEnd, check, scan};
use super::summary_state::SummaryState;
use super::{Dialect, EntryMark, RecordLink, SourceIdentity, TextFile, repaired};
use crate::agent::json::cursor::hash;
use crate::agent::json::repair;
use crate::agent::{FileStamp, Source, SourceSessions, SourceSummary, SummaryCursor, SummaryNote, SummaryProgress};
use crate::domain::{Issue, Session, Time};

/// Version of [`ResumeState`]; a state of another version is discarded, and the file is read again.
const VERSION: u8 = 9;

/// `ResumeState` from which to continue after an append; about a kilobyte.
#[derive(Debug, Default, Serialize, Deserialize)]
struct ResumeState {
    version: u8,
    /// Hash of the bytes before the cursor.
    check: u64,
    /// Number of lines before the cursor.
    lines: u64,
    #[serde(rename = "facts")]
    summary: SummaryState,
    tip: BranchTip,
    #[serde(default, skip_serializing_if = "PromptQueue::is_empty")]
    queue: PromptQueue<QueuedLine>,
}

/// Line of a queued prompt: its offset and length, and the number of entries that it yields.
type QueuedLine = (u64, u64, u32);

/// Summarises a source, continuing from `progress` if possible. `identity` contains the facts from the file's path.
/// Visits the scanned lines if there is no progress.
pub(crate) fn summarise(
    dialect: &dyn Dialect,
    source: &Source,
    identity: &SourceIdentity,
    progress: Option<&SummaryProgress>,
    visit: &mut dyn FnMut(&ScannedLine<'_>),
) -> SourceSummary {
    if source.stamp.size == 0 {
        let state = ResumeState { version: VERSION, ..ResumeState::default() };
        return finish(dialect, source, identity, &state, (SummaryCursor { stamp: source.stamp, offset: 0 }, 0));
    }
    match read(dialect, source, progress, visit) {
        Ok(FileRead { state, cursor, bytes, open_record, damage, unread }) => {
            // The row shows the size that was read, which may be larger than at discovery.
            let source = Source { stamp: cursor.stamp, ..source.clone() };
            let mut summary = finish(dialect, &source, identity, &state, (cursor, bytes));
            let damage = damage.map(|reason| (state.lines + 1, reason));
            let issue = |(line, reason)| Issue { line: Some(line), ..Issue::new(&source.path, reason) };
            match open_record {
                // It may be being written.
                Some((line, repair::OPEN_LINE)) => summary.issues.push(issue((line, repair::OPEN_LINE.to_owned()))),
                Some((line, reason)) => add_damage(&mut summary, issue((line, reason.to_owned()))),
                None => {}
            }
            damage.into_iter().for_each(|damage| add_damage(&mut summary, issue(damage)));
            unread.into_iter().for_each(|issue| add_damage(&mut summary, issue));
            summary
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => SourceSummary::none(),
        Err(error) => unreadable(source, identity, &error),
    }
}

/// Result of reading a file.
struct FileRead {
    state: ResumeState,
    cursor: SummaryCursor,
    bytes: u64,
    /// Line number and explanation of a record that has no end yet.
    open_record: Option<(u64, &'static str)>,
    /// Explanation if the end of the text is lost.
    damage: Option<String>,
    /// Files of the session whose lines are missing.
    unread: Vec<Issue>,
}

fn read(
    dialect: &dyn Dialect,
    source: &Source,
    progress: Option<&SummaryProgress>,
    visit: &mut dyn FnMut(&ScannedLine<'_>),
) -> io::Result<FileRead> {
    let TextFile { file, stamp, is_copy, damage, unread } = dialect.open_text(&source.path, None)?;
    // A copy was made of the whole file, which is the expensive part.
    let progress = progress.filter(|_| !is_copy);
    let read = |state, scanned: ScanEnd| {
        Ok(FileRead {
            state,
            cursor: SummaryCursor { stamp, offset: scanned.offset },
            bytes: scanned.bytes_read,
            open_record: scanned.open_record(),
            damage,
            unread,
        })
    };
    if let Some((state, offset)) = progress.and_then(|progress| resume(&file, stamp, progress)) {
        let titles = state.summary.titles.len();
        let mut pass = Pass { summary: state.summary, tip: state.tip, queue: state.queue, ..Pass::default() };
        let scanned = scan(dialect, &file, (offset, state.lines), None, |line| pass.line(&line, false))?;
        // A title for a record id may be this session's own, which only a pass over all records can decide.
        if !pass.left_branch && pass.summary.titles.len() == titles {
            return read(pass.end(&file, scanned)?, scanned);
        }
    }
    let mut pass = Pass::default();
    let scanned = scan(dialect, &file, (0, 0), None, |line| {
        pass.line(&line, true);
        visit(&line);
    })?;
    pass.complete(dialect, &file)?;
    read(pass.end(&file, scanned)?, scanned)
}

/// Adds the loss of a part of the text.
fn add_damage(summary: &mut SourceSummary, issue: Issue) {
    summary.issues.push(issue);
    let (SourceSessions::All(sessions) | SourceSessions::Changed { sessions, .. }) = &mut summary.sessions;
    for session in sessions {
        session.unreadable += 1;
        session.flags.unreadable = true;
    }
}

/// Summarises some lines of a file (offset and length, ascending), as if they were a file of their own.
pub(crate) fn summarise_lines(dialect: &dyn Dialect, file: &File, lines: &[(u64, u64)]) -> io::Result<SummaryState> {
    let mut pass = Pass::default();
    for (number, &(offset, len)) in (1..).zip(lines) {
        let mut line = vec![0; usize::try_from(len).unwrap_or(0)];
        file.read_exact_at(&mut line, offset)?;
        repaired::checked_records(dialect, &line, offset, number, &mut |line| pass.line(&line, true));
    }
    pass.complete(dialect, file)?;
    Ok(pass.summary)
}

/// Summarises a file that was copied from the session `origin`, without the usage of the `copied` records.
pub(crate) fn summarise_copy(
    dialect: &dyn Dialect,
    source: &Source,
    identity: &SourceIdentity,
    (origin, copied): (&str, &HashSet<u64>),
) -> io::Result<SourceSummary> {
    let TextFile { file, stamp, .. } = dialect.open_text(&source.path, None)?;
    let mut pass = Pass::default();
    pass.summary.fork_of(origin);
    let scanned = scan(dialect, &file, (0, 0), None, |mut line| {
        if let Ok(metadata) = &mut line.metadata
            && matches!(metadata.link, RecordLink::Node { id, .. } if copied.contains(&id))
        {
            metadata.rare().is_copy = true;
        }
        pass.line(&line, true);
    })?;
    pass.complete(dialect, &file)?;
    let cursor = SummaryCursor { stamp, offset: scanned.offset };
    let state = pass.end(&file, scanned)?;
    Ok(finish(dialect, &Source { stamp, ..source.clone() }, identity, &state, (cursor, scanned.bytes_read)))
}

/// Restores the state and the offset to continue from, if the file is the same and has only grown.
fn resume(file: &File, stamp: FileStamp, progress: &SummaryProgress) -> Option<(ResumeState, u64)> {
    let SummaryCursor { stamp: before, offset } = progress.cursor;
    if before.inode != stamp.inode || stamp.size < before.size || offset > stamp.size {
        return None;
    }
    let state: ResumeState = serde_json::from_slice(&progress.state).ok()?;
    let same = state.version == VERSION && offset > 0 && check(file, offset).ok()? == state.check;
    same.then_some((state, offset))
}

/// One pass over lines.
#[derive(Debug, Default)]
struct Pass {
    summary: SummaryState,
    tip: BranchTip,
    queue: PromptQueue<QueuedLine>,
    /// True if a record left the shown branch, or may have: then the counts of entries and turns are invalid.
    left_branch: bool,
    /// All records of the conversation tree, with their lines' offsets, lengths and numbers, if reading from the start.
    records: Vec<ChainRecord>,
    lines: Vec<(u64, u64, u64)>,
    /// Calls, and results with the record of each, if reading from the start.
    calls: HashSet<u64>,
    results: Vec<(u64, Option<usize>)>,
}

impl Pass {
    fn line(&mut self, line: &ScannedLine<'_>, all: bool) {
        let Ok(metadata) = &line.metadata else {
            return match line.repair {
                Some(instead) => self.summary.add_repair(line.number, instead),
                None => self.summary.add_unreadable(line.number),
            };
        };
        if let Some(repair) = line.repair.filter(|repair| *repair != Repair::Notation) {
            self.summary.add_repair(line.number, repair);
        }
        self.summary.add(metadata);
        let queued = |marks: &[EntryMark]| (line.offset, line.len, u32::try_from(marks.len()).unwrap_or(u32::MAX));
        if let Some((offset, len, entries)) = self.queue.apply(metadata, queued) {
            self.record(ChainRecord::inserted(entries, metadata.time), (offset, len, line.number), all);
        }
        let record = ChainRecord::of(metadata);
        if let Some(record) = record {
            self.record(record, (line.offset, line.len, line.number), all);
        }
        if all {
            self.calls.extend(metadata.marks.iter().map(|mark| mark.tool).filter(|tool| *tool != 0));
            let record = record.map(|_| self.records.len() - 1);
            self.results.extend(metadata.results.iter().map(|result| (result.tool, record)));
        }
    }

    /// Counts the results whose calls are lost, which make entries of their own.
    fn add_results_without_call(&mut self) {
        let results = std::mem::take(&mut self.results);
        for (_, record) in results.into_iter().filter(|(call, _)| self.calls.insert(*call)) {
            self.summary.messages += 1;
            if let Some(record) = record {
                self.records[record].entries += 1;
            }
        }
    }

    /// Notes the records whose parents are lost.
    fn note_missing_parents(&mut self, dialect: &dyn Dialect) {
        let may_miss = self.left_branch || branch::begins_with_child(&self.records);
        if may_miss && dialect.has_whole_conversation() {
            for record in branch::missing_parents(&self.records) {
                self.summary.add_repair(self.lines[record].2, Repair::MissingParent);
            }
        }
    }

    fn record(&mut self, record: ChainRecord, line: (u64, u64, u64), all: bool) {
        self.left_branch = self.left_branch || !self.tip.extend(&record);
        self.summary.messages += record.entries;
        self.summary.turns += record.turns;
        if all {
            self.records.push(record);
            self.lines.push(line);
        }
    }

    /// Completes the summary after all lines: finds the session's own titles, and the shown branch if it is not linear.
    fn complete(&mut self, dialect: &dyn Dialect, file: &File) -> io::Result<()> {
        let titles = std::mem::take(&mut self.summary.titles);
        let (own, elsewhere): (Vec<_>, Vec<_>) = titles.into_iter().partition(|(id, _)| {
            let hash = hash(id.as_bytes());
            self.records.iter().any(|record| matches!(record.link, RecordLink::Node { id, .. } if id == hash))
        });
        self.summary.titles = elsewhere;
        if let Some((_, title)) = own.into_iter().next_back() {
            self.summary.adopt_title(title);
        }
        self.add_results_without_call();
        self.note_missing_parents(dialect);
        if !self.left_branch {
            return Ok(());
        }
        let chosen = branch::choose(&self.records, None);
        let shown = || self.records.iter().zip(&chosen.records).filter(|(_, shown)| **shown).map(|(record, _)| record);
        self.summary.messages = shown().map(|record| record.entries).sum();
        self.summary.turns = shown().map(|record| record.turns).sum();
        self.tip = chosen.tip;
        if let Some(newest) = chosen.newest {
            let (offset, len, _) = self.lines[newest];
            let mut line = vec![0; usize::try_from(len).unwrap_or(0)];
            file.read_exact_at(&mut line, offset)?;
            if let Some(id) = dialect.scan_line(&line, offset).ok().and_then(|metadata| metadata.id) {
                self.summary.tip = id.decode().into_owned();
            }
        }
        Ok(())
    }

    fn end(self, file: &File, scanned: ScanEnd) -> io::Result<ResumeState> {
        let check = check(file, scanned.offset)?;
        let Self { summary, tip, queue, .. } = self;
        Ok(ResumeState { version: VERSION, check, lines: scanned.lines, summary, tip, queue })
    }
}

fn finish(
    dialect: &dyn Dialect,
    source: &Source,
    identity: &SourceIdentity,
    state: &ResumeState,
    (cursor, bytes_read): (SummaryCursor, u64),
) -> SourceSummary {
    let mut session = state.summary.session(source, identity);
    session.complete = true;
    session.messages += state.queue.unsent().map(|((_, _, entries), _)| entries).sum::<u32>();
    session.turns += state.queue.unsent().map(|(_, is_sent)| u32::from(is_sent)).sum::<u32>();
    session.flags.empty = session.messages == 0;
    let lead = state.summary.team.as_deref().and_then(|team| dialect.team_lead(&source.path, team));
    if let Some(lead) = lead.filter(|lead| session.parent.is_none() && *lead != session.key.id) {
        session.parent = Some(lead);
        session.flags.subagent = true;
    }
    let notes = notes(&session, &state.summary);
    let mut issues: Vec<Issue> = Vec::new();
    for (line, reason) in state.summary.damages() {
        issues.push(Issue { line: Some(line), ..Issue::new(&source.path, reason) });
    }
    let unlisted = state.summary.unlisted_damages();
    if unlisted > 0 {
        // With a line, because an issue about the file as a whole would exclude it from the cache.
        let line = issues.last().and_then(|last| last.line);
        issues.push(Issue { line, ..Issue::new(&source.path, format!("{unlisted} more damaged records after it")) });
    }
    let mut sessions = vec![session];
    if state.summary.side {
        sessions.extend(dialect.side_sessions(source, &sessions[0]));
    }
    // Without a stored state the next summary starts from the beginning.
    let state = serde_json::to_vec(state).unwrap_or_default();
    SourceSummary {
        sessions: SourceSessions::All(sessions),
        notes,
        progress: SummaryProgress { cursor, state },
        bytes_read,
        issues,
    }
}

fn notes(session: &Session, summary: &SummaryState) -> Vec<SummaryNote> {
    let mut notes: Vec<SummaryNote> = summary
        .titles
        .iter()
        .map(|(tip, title)| SummaryNote::TitleOfTip { tip: tip.as_str().into(), title: title.clone() })
        .collect();
    if let Some(parent) = session.parent.clone().filter(|_| session.tokens.total() > 0) {
        notes.push(SummaryNote::Usage { id: parent, tokens: session.tokens });
    }
    notes
}

/// Row for a file that exists but cannot be read, so that the session stays visible.
fn unreadable(source: &Source, identity: &SourceIdentity, error: &io::Error) -> SourceSummary {
    let mut session = Session::new(identity.key.clone(), source.path.clone());
    session.last_activity = Some(Time::from_millis(source.stamp.mtime_millis()));
    session.bytes = source.stamp.size;
    session.parent.clone_from(&identity.parent);
    session.flags.subagent = identity.subagent;
    session.flags.empty = true;
    session.flags.unreadable = true;
    session.complete = true;
    let progress = SummaryProgress { cursor: SummaryCursor { stamp: source.stamp, offset: 0 }, state: Vec::new() };
    let issues = vec![Issue::new(&source.path, error)];
    SourceSummary { sessions: SourceSessions::All(vec![session]), notes: Vec::new(), progress, bytes_read: 0, issues }
}
