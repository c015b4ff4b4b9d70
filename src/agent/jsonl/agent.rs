//! The interface of an agent that writes one file of JSON lines per session: where its files are, and what is in them.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::concatenated::History;
use super::{Dialect, SourceIdentity};
use crate::agent::prompt_history::ReadPrompts;
use crate::agent::session_files::named_alike;
use crate::agent::texts::{LineDecoder, RecordDecoder, SourceDecoder, StoredRecord};
use crate::agent::{Discovery, Environment, FileBackup, ForkCut, RpcExchange, Source, SourceRoot, SourceSummary};
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, Session};

/// Facts from the beginning of a file that its dialect needs; stored with the state of a summary. `()` contains none.
pub(crate) trait FileHead: Clone + Default + Serialize + DeserializeOwned {
    /// True if the lines that were summarised with an `older` head need not be read again.
    fn continues(&self, _older: &Self) -> bool {
        true
    }

    /// Bytes read from disk for it.
    fn bytes_read(&self) -> u64 {
        0
    }
}

impl FileHead for () {}

/// An agent whose sessions are files of JSON lines.
pub(crate) trait JsonlAgent: Copy + Send + Sync + 'static {
    /// Dialect of its lines.
    type Dialect: Dialect + 'static;
    /// Head of its files.
    type Head: FileHead;

    /// The agent.
    fn agent(&self) -> Agent;

    /// Its configuration directory, the first of its roots.
    fn home(&self, environment: &Environment) -> PathBuf;

    /// Other directories in which the agent may keep its sessions.
    fn other_homes(&self, _environment: &Environment) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Names below a root to watch.
    fn watched(&self) -> &'static [&'static str];

    /// Finds all sources below a root.
    fn discover(&self, root: &Path, discovery: &mut Discovery);

    /// Returns the sources below a root that a change of `path` affects; `None` for a removed one.
    fn affected(&self, root: &Path, path: &Path) -> Vec<(PathBuf, Option<Source>)>;

    /// True for a session's file. Any other source is summarised by [`summarise_other`](Self::summarise_other).
    fn is_transcript(&self, _source: &Source) -> bool {
        true
    }

    /// True for one of several files of a session.
    fn is_part(&self, _source: &Source) -> bool {
        false
    }

    /// Files of the session, or of the sub-agent, whose file is at a path.
    fn files_of(&self, path: &Path) -> Vec<PathBuf> {
        vec![path.to_owned()]
    }

    /// Files with the transcript of a session.
    fn transcript_files(&self, session: &Session) -> Vec<PathBuf> {
        self.files_of(&session.path)
    }

    /// True if a session's file is its text; else [`Dialect::open_text`] restores the text from it.
    fn is_plain_text(&self, source: &Source) -> bool {
        !self.is_part(source)
    }

    /// Summarises a source that is no transcript.
    fn summarise_other(&self, _source: &Source) -> SourceSummary {
        SourceSummary::none()
    }

    /// True if search reads the records of a source that is no transcript, by [`other_records`](Self::other_records).
    fn has_other_records(&self, _source: &Source) -> bool {
        false
    }

    /// Visits the records of a source that is no transcript, session by session, until `visit` breaks.
    fn other_records(
        &self,
        _source: &Source,
        _visit: &mut dyn FnMut(&StoredRecord<'_>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        Ok(())
    }

    /// Decoder of the records of a source that is no transcript, if they are not lines of the agent's dialect.
    fn other_decoder(&self, _source: &Source) -> Option<SourceDecoder> {
        None
    }

    /// Parser of the file of all prompts, if what is left of a deleted session is read by it.
    fn purged_prompts(&self, _session: &Session) -> Option<ReadPrompts> {
        None
    }

    /// True for a source with a tool's output alone, see [`side_text`](crate::agent::side_text).
    fn is_side_text(&self, _source: &Source) -> bool {
        false
    }

    /// Session whose tool output is in a source of its own; may read transcripts.
    fn side_session(&self, _source: &Source) -> Option<Arc<str>> {
        None
    }

    /// Id of the tool call whose output is in a source of its own; may read the session's transcript.
    fn side_call(&self, _source: &Source) -> io::Result<String> {
        Ok(String::new())
    }

    /// Reads the head of a file; returns the `known` one if it is still valid.
    fn head(&self, _path: &Path, _known: Option<&Self::Head>) -> Self::Head {
        Self::Head::default()
    }

    /// Derives the identity of a source's session.
    fn identity(&self, source: &Source, head: &Self::Head) -> SourceIdentity;

    /// Creates the dialect for the summary of a source.
    fn dialect(&self, source: &Source, head: &Self::Head) -> Self::Dialect;

    /// Creates the dialect for the reader of a session.
    fn reader_dialect(&self, session: &Session, head: &Self::Head) -> io::Result<Self::Dialect>;

    /// Creates the dialect for a search in a source.
    fn search_dialect(&self, source: &Source, head: &Self::Head) -> Self::Dialect {
        self.dialect(source, head)
    }

    /// Creates the decoder of a source's texts.
    fn text_decoder(&self, dialect: Self::Dialect) -> Box<dyn RecordDecoder> {
        Box::new(LineDecoder(dialect))
    }

    /// Names of JSON fields with base64 data; see [`Texts::opaque_fields`](crate::agent::Texts::opaque_fields).
    fn opaque_fields(&self) -> &'static [&'static str] {
        &["data"]
    }

    /// True if the beginning of the conversation is in other files, which [`history`](Self::history) finds.
    fn has_history(&self, _head: &Self::Head) -> bool {
        false
    }

    /// Finds the files that precede the one at `path`.
    fn history(&self, _path: &Path, _head: &Self::Head) -> History<Self::Dialect> {
        History { parts: Vec::new(), missing: None }
    }

    /// Completes a session with facts from outside its lines.
    fn complete(&self, _session: &mut Session, _source: &Source, _head: &Self::Head) {}

    /// True if an empty file is a session without entries, false if it is no session yet.
    fn keeps_empty_files(&self) -> bool {
        true
    }

    /// True if a fork repeats its origin's records, with their ids.
    fn copies_records(&self) -> bool {
        true
    }

    /// True if a source reports the usage of its session to the session's parent: one of the files of a session does.
    fn reports_usage(&self, source: &Source) -> bool {
        !self.is_part(source) || self.files_of(&source.path).first() == Some(&source.path)
    }

    /// Sessions of a root that are open in a running process.
    fn live(&self, root: &SourceRoot) -> Vec<LiveStatus>;

    /// Arguments of its program before the id of the session to resume.
    fn resume_args(&self) -> &'static [&'static str] {
        &["--resume"]
    }

    /// Files that belong to a session alone.
    fn own_files(&self, session: &Session) -> Vec<PathBuf> {
        all_named_alike(self.transcript_files(session), &session.path)
    }

    /// True if [`write_title`](Self::write_title) can rename sessions.
    fn can_rename(&self) -> bool {
        false
    }

    /// Renames a session in its file. `None` if there is no way.
    fn write_title(&self, _session: &Session, _title: &str) -> Option<io::Result<()>> {
        None
    }

    /// Requests by which the agent's program renames a session itself.
    fn rename_exchange(&self, _session: &Session, _title: &str) -> Option<RpcExchange> {
        None
    }

    /// Returns the agent's own backups of a file that a session changed.
    fn file_backups(&self, _session: &Session, _path: &Path) -> Vec<FileBackup> {
        Vec::new()
    }

    /// Record by which the agent forks a session before a prompt.
    fn fork_cut(&self) -> Option<ForkCut> {
        None
    }

    /// Days after the last change of a session's file at which the agent deletes it.
    fn retention_days(&self, _root: &Path) -> Option<u32> {
        None
    }

    /// Arguments that precede the id of a session to which the terminal is attached, if it runs in the background.
    fn attach_args(&self, _root: &SourceRoot, _id: &str) -> Option<&'static [&'static str]> {
        None
    }

    /// Reason why its program cannot resume a session.
    fn resume_refusal(&self, session: &Session) -> Option<String> {
        subagent_refusal(session)
    }
}

/// Reason why a sub-agent cannot be resumed; `None` for any other session.
pub(crate) fn subagent_refusal(session: &Session) -> Option<String> {
    let parent = session.parent.as_deref().filter(|_| session.flags.subagent)?;
    Some(format!("a sub-agent's conversation cannot be resumed; resume its parent, {parent}"))
}

/// Returns the files and directories that are named like one of the `files`, or like the one at `path`.
pub(crate) fn all_named_alike(files: Vec<PathBuf>, path: &Path) -> Vec<PathBuf> {
    let files = files.into_iter().chain([path.to_owned()]);
    let mut found: Vec<_> = files.flat_map(|file| named_alike(&file)).collect();
    found.sort();
    found.dedup();
    found
}
