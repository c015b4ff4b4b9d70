//! The session format of agents that write one file of JSON lines per session.
//!
//! An agent implements [`JsonlAgent`]: where its files are, and how their lines are read. [`JsonlFormat`] does the rest.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::agent::{FileHead, JsonlAgent};
use super::inherited::InheritedHistory;
use super::repaired::ScannedLine;
use super::transcript_index::{DialectRenewal, TranscriptIndex};
use super::{Dialect, TextFile, concatenated, copies, summary, tail};
use crate::agent::purged_transcript::PurgedTranscript;
use crate::agent::side_text::{self, SideTextDecoder};
use crate::agent::texts::{
    LineDecoder, RecordDecoder, RecordLayout, SearchText, SourceDecoder, StoredRecord, TextScope, TextSink, Texts,
};
use crate::agent::{
    Discovery, Environment, FileBackup, ForkCut, Format, RpcExchange, Source, SourceRoot, SourceSessions,
    SourceSummary, SummaryNote, SummaryProgress, TextLimit, TranscriptReader,
};
use crate::domain::launch::Launch;
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, Entry, Issue, Session};
use crate::stdx::lines::LineReader;

/// State stored before the state of the lines.
#[derive(Debug, Serialize, Deserialize)]
struct HeadState<H> {
    head: H,
    inherited: Option<InheritedHistory>,
}

/// The format of an agent that writes JSON lines.
#[derive(Debug)]
pub(crate) struct JsonlFormat<A>(pub A);

impl<A: JsonlAgent> JsonlFormat<A> {
    fn inherit(&self, source: &Source, head: &A::Head) -> Option<InheritedHistory> {
        let history = self.0.has_history(head).then(|| self.0.history(&source.path, head))?;
        Some(InheritedHistory::of(history, source, &self.0.identity(source, head)))
    }

    /// Creates a function that returns another dialect for a session when it has other files than before.
    fn renewal(&self, session: &Session) -> DialectRenewal {
        let (agent, session) = (self.0, session.clone());
        let mut files = agent.transcript_files(&session);
        Box::new(move || {
            let now = agent.transcript_files(&session);
            if now == files {
                return None;
            }
            let dialect = agent.reader_dialect(&session, &agent.head(&session.path, None));
            // After a failure the next refresh tries again.
            if dialect.is_ok() {
                files = now;
            }
            Some(dialect.map(|dialect| Arc::new(dialect) as Arc<dyn Dialect>))
        })
    }

    /// Opens the transcript of a session, with the files that precede its own.
    fn reader(&self, session: &Session, head: &A::Head) -> io::Result<Box<dyn TranscriptReader>> {
        let own = TranscriptIndex::open(Arc::new(self.0.reader_dialect(session, head)?), &session.path)?;
        let own = own.with_renewal(self.renewal(session));
        if !self.0.has_history(head) {
            return Ok(Box::new(own));
        }
        concatenated::open(self.0.history(&session.path, head), &session.path, own)
    }

    /// Summarises a transcript, and visits its scanned lines if there is no progress. `visitor` creates the visitor from the
    /// head and the session's id.
    fn summarise_visiting<V: FnMut(&ScannedLine<'_>)>(
        &self,
        source: &Source,
        progress: Option<&SummaryProgress>,
        visitor: impl FnOnce(&A::Head, &Arc<str>) -> V,
    ) -> SourceSummary {
        let (known, lines) = progress.and_then(decode_state::<A::Head>).unzip();
        let head = self.0.head(&source.path, known.as_ref().map(|known| &known.head));
        let lines = lines.filter(|_| known.as_ref().is_some_and(|known| head.continues(&known.head)));
        let inherited = known.and_then(|known| known.inherited).or_else(|| self.inherit(source, &head));
        let dialect = self.0.dialect(source, &head);
        let identity = self.0.identity(source, &head);
        let mut visit = visitor(&head, &identity.key.id);
        let mut summary = summary::summarise(&dialect, source, &identity, lines.as_ref(), &mut visit);
        summary.bytes_read += head.bytes_read() + inherited.as_ref().map_or(0, InheritedHistory::bytes_read);
        if !self.0.reports_usage(source) {
            summary.notes.retain(|note| !matches!(note, SummaryNote::Usage { .. }));
        }
        if let Some(missing) = inherited.as_ref().and_then(InheritedHistory::missing) {
            summary.issues.push(Issue::new(&source.path, missing));
        }
        if let SourceSessions::All(sessions) = &mut summary.sessions {
            let is_empty =
                source.stamp.size == 0 || (summary.progress.cursor.offset == 0 && !self.0.is_plain_text(source));
            if is_empty && summary.issues.is_empty() && !self.0.keeps_empty_files() {
                sessions.clear();
            }
            for session in sessions {
                self.0.complete(session, source, &head);
                if let Some(inherited) = &inherited {
                    inherited.add_to(session);
                }
            }
        }
        // A missing part may be available next time.
        let inherited = inherited.filter(|inherited| inherited.missing().is_none());
        encode_state(&mut summary.progress, &HeadState { head, inherited });
        summary
    }
}

impl<A: JsonlAgent> Format for JsonlFormat<A> {
    fn reads(&self, agent: Agent) -> bool {
        agent == self.0.agent()
    }

    fn roots(&self, environment: &Environment) -> Vec<SourceRoot> {
        let own = std::iter::once(self.0.home(environment)).chain(self.0.other_homes(environment)).collect();
        SourceRoot::several(environment, self.0.agent(), own, self.0.watched())
    }

    fn discover(&self, root: &SourceRoot) -> Discovery {
        let mut discovery = Discovery::default();
        self.0.discover(&root.path, &mut discovery);
        discovery
    }

    fn affected(&self, root: &SourceRoot, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
        self.0.affected(&root.path, path)
    }

    fn has_sessions(&self, source: &Source) -> bool {
        self.0.is_transcript(source) && !self.0.is_side_text(source)
    }

    fn is_unclaimed(&self, source: &Source) -> bool {
        self.0.is_side_text(source) && self.0.side_call(source).is_ok_and(|call| call.is_empty())
    }

    fn peek(&self, source: &Source) -> Vec<Session> {
        let empty = source.stamp.size == 0 && !self.0.keeps_empty_files();
        if empty || !self.has_sessions(source) {
            return Vec::new();
        }
        let head = self.0.head(&source.path, None);
        let mut session = tail::peek(&self.0.dialect(source, &head), source, &self.0.identity(source, &head));
        self.0.complete(&mut session, source, &head);
        session.flags.empty &= !self.0.has_history(&head);
        vec![session]
    }

    fn summarise(&self, source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary {
        if let Some(session) = self.0.side_session(source) {
            return side_text::summary(source, session);
        }
        if !self.0.is_transcript(source) {
            return self.0.summarise_other(source);
        }
        self.summarise_visiting(source, progress, |_, _| |_: &ScannedLine<'_>| {})
    }

    fn summarise_with_texts(&self, source: &Source, sink: &mut TextSink<'_>) -> Option<SourceSummary> {
        let is_plain = self.layout(source) == RecordLayout::Lines && !self.must_convert(source);
        is_plain.then(|| {
            self.summarise_visiting(source, None, |head, session| {
                let decoder = LineDecoder(self.0.search_dialect(source, head));
                let session = session.clone();
                move |line: &ScannedLine<'_>| {
                    let mut emit = |text: &SearchText<'_>| sink(text.session_or(&session), line.offset, text);
                    // The dialect of the summary leaves these lines to the sub-agent's session.
                    if line.metadata.as_ref().is_ok_and(|metadata| metadata.rare.as_ref().is_some_and(|rare| rare.side))
                    {
                        let ScannedLine { offset, bytes, .. } = *line;
                        let record = StoredRecord { session: &session, id: "", hint: "", offset, bytes };
                        decoder.texts(&record, TextScope::Indexed, &mut emit);
                    } else {
                        decoder.scanned_texts(&session, line, TextScope::Indexed, &mut emit);
                    }
                }
            })
        })
    }

    fn find_copies(&self, sources: &[Source]) -> Vec<(usize, SourceSummary)> {
        let Some(first) = sources.first().filter(|_| self.0.copies_records()) else { return Vec::new() };
        let heads = sources.iter().map(|source| self.0.head(&source.path, None));
        let identified: Vec<_> =
            sources.iter().zip(heads).map(|(source, head)| (source, self.0.identity(source, &head))).collect();
        // Files of one session are no copies of each other.
        let is_one = identified.windows(2).all(|pair| pair[0].1.key == pair[1].1.key);
        if is_one {
            return Vec::new();
        }
        copies::find_copies(&self.0.dialect(first, &self.0.head(&first.path, None)), &identified)
    }

    fn open(&self, session: &Session) -> io::Result<Box<dyn TranscriptReader>> {
        if let Some(read) = self.0.purged_prompts(session) {
            return Ok(Box::new(PurgedTranscript::open(session, read)?));
        }
        self.reader(session, &self.0.head(&session.path, None))
    }

    fn open_each(&self, sessions: &[&Session], visit: &mut dyn FnMut(&Session, io::Result<Box<dyn TranscriptReader>>)) {
        let prompts_of = |session: &Session| self.0.purged_prompts(session);
        PurgedTranscript::open_each(sessions, prompts_of, |session| self.open(session), visit);
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        if let Some(read) = self.0.purged_prompts(session) {
            return PurgedTranscript::tail(session, read, count);
        }
        let head = self.0.head(&session.path, None);
        let dialect: Arc<dyn Dialect> = Arc::new(self.0.reader_dialect(session, &head)?);
        let entries = tail::tail(&dialect, &session.path, count)?;
        if entries.len() >= count || !self.0.has_history(&head) {
            return Ok(entries);
        }
        let mut whole = self.reader(session, &head)?;
        let len = whole.len();
        Ok(whole.read(len.saturating_sub(count)..len, TextLimit::SCREEN))
    }

    fn live(&self, root: &SourceRoot) -> Vec<LiveStatus> {
        self.0.live(root)
    }

    fn texts(&self) -> Option<&dyn Texts> {
        Some(self)
    }

    fn resume(&self, session: &Session, extra: &[String]) -> Launch {
        Launch::resume(self.0.agent().name(), self.0.resume_args(), session, extra)
    }

    fn own_files(&self, session: &Session) -> Option<Vec<PathBuf>> {
        Some(self.0.own_files(session))
    }

    fn only_appends(&self, _session: &Session) -> bool {
        true
    }

    fn can_rename(&self) -> bool {
        self.0.can_rename()
    }

    fn write_title(&self, session: &Session, title: &str) -> Option<io::Result<()>> {
        self.0.write_title(session, title)
    }

    fn rename_exchange(&self, session: &Session, title: &str) -> Option<RpcExchange> {
        self.0.rename_exchange(session, title)
    }

    fn file_backups(&self, session: &Session, path: &Path) -> Vec<FileBackup> {
        self.0.file_backups(session, path)
    }

    fn fork_cut(&self) -> Option<ForkCut> {
        self.0.fork_cut()
    }

    fn retention_days(&self, root: &SourceRoot) -> Option<u32> {
        self.0.retention_days(&root.path)
    }

    fn attach(&self, session: &Session, environment: &Environment) -> Option<Launch> {
        let roots = self.roots(environment);
        let args = roots.iter().find_map(|root| self.0.attach_args(root, &session.key.id))?;
        Some(Launch::resume(self.0.agent().name(), args, session, &[]))
    }

    fn resume_refusal(&self, session: &Session) -> Option<String> {
        self.0.resume_refusal(session)
    }
}

impl<A: JsonlAgent> Texts for JsonlFormat<A> {
    fn layout(&self, source: &Source) -> RecordLayout {
        if self.0.is_side_text(source) {
            RecordLayout::SideText
        } else if !self.0.is_transcript(source) {
            if self.0.has_other_records(source) { RecordLayout::Records } else { RecordLayout::Nothing }
        } else if self.0.is_plain_text(source) {
            RecordLayout::Lines
        } else {
            RecordLayout::Records
        }
    }

    fn must_convert(&self, source: &Source) -> bool {
        TextFile::must_convert(&source.path)
    }

    fn side_session(&self, source: &Source) -> Option<Arc<str>> {
        self.0.side_session(source)
    }

    fn opaque_fields(&self) -> &'static [&'static str] {
        self.0.opaque_fields()
    }

    fn decoder(&self, source: &Source) -> io::Result<SourceDecoder> {
        if let Some(session) = self.0.side_session(source) {
            let decode = Box::new(SideTextDecoder { call: self.0.side_call(source)? });
            return Ok(SourceDecoder { session, decode });
        }
        if let Some(decoder) = self.0.other_decoder(source) {
            return Ok(decoder);
        }
        let head = self.0.head(&source.path, None);
        let session = self.0.identity(source, &head).key.id;
        let decode = self.0.text_decoder(self.0.search_dialect(source, &head));
        Ok(SourceDecoder { session, decode })
    }

    /// Visits the lines of a source whose text must be restored.
    fn records(
        &self,
        source: &Source,
        _since: u64,
        visit: &mut dyn FnMut(&StoredRecord<'_>) -> ControlFlow<()>,
    ) -> io::Result<u64> {
        if let Some(session) = self.0.side_session(source) {
            return side_text::converted_lines(&source.path, &session, visit).map(|()| 0);
        }
        if !self.0.is_transcript(source) {
            return self.0.other_records(source, visit).map(|()| 0);
        }
        let head = self.0.head(&source.path, None);
        let session = self.0.identity(source, &head).key.id;
        let text = self.0.search_dialect(source, &head).open_text(&source.path, None)?;
        let mut lines = LineReader::from_offset(text.file, 0)?;
        let mut record = |offset, bytes: &[u8]| {
            bytes.is_empty()
                || visit(&StoredRecord { session: &session, id: "", hint: "", offset, bytes }).is_continue()
        };
        while let Some(line) = lines.next_line()? {
            if !record(line.offset, line.bytes) {
                return Ok(0);
            }
        }
        record(lines.offset(), lines.remainder());
        // The text is restored as a whole each time.
        Ok(0)
    }
}

/// Prepends the state as one line of JSON to the state of the lines.
fn encode_state<H: FileHead>(progress: &mut SummaryProgress, state: &HeadState<H>) {
    let mut bytes = serde_json::to_vec(state).unwrap_or_default();
    bytes.push(b'\n');
    bytes.append(&mut progress.state);
    progress.state = bytes;
}

fn decode_state<H: FileHead>(progress: &SummaryProgress) -> Option<(HeadState<H>, SummaryProgress)> {
    let end = memchr::memchr(b'\n', &progress.state)?;
    let state = serde_json::from_slice(&progress.state[..end]).ok()?;
    let lines = SummaryProgress { cursor: progress.cursor, state: progress.state[end + 1..].to_vec() };
    Some((state, lines))
}
