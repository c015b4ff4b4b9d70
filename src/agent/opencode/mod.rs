//! Format of OpenCode: one SQLite database since 1.2, a tree of JSON files before that.
//!
//! Read-only. Only [`record`] decides which parts make entries; [`summary`] and the transcript readers follow it.
//!
//! OpenCode 1.2 imported JSON files without deleting them, so both sources may contain a session. The index prefers the
//! newer one; of two equally new ones the database, because its kind is lower.

mod acp;
mod action;
mod both_tables;
mod database;
mod entries;
mod head;
mod legacy;
mod live;
mod normal;
mod oldest;
mod parts;
mod paths;
mod protocol;
mod record;
mod service;
mod shape;
mod side_texts;
mod summary;
mod texts;
mod totals;
mod trust;
mod unclaimed;
mod v2;

use std::io;
use std::path::{Path, PathBuf};

use self::database::OpenCodeSessionRows;
use self::legacy::SessionFiles;
use self::paths::{DATABASE, is_json};
pub(super) use self::protocol::Serve;
use super::pages::{self, PagedTranscript};
use super::texts::RecordVisitor;
use super::{
    Discovery, Environment, FileStamp, FolderStamps, ForkCut, Format, Source, SourceRoot, SourceSummary,
    SummaryProgress, Texts, TranscriptReader,
};
use crate::domain::launch::Launch;
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, Entry, Session};

/// Format of OpenCode's sessions.
#[derive(Debug)]
pub(super) struct OpenCode;

impl Format for OpenCode {
    fn reads(&self, agent: Agent) -> bool {
        agent == Agent::OpenCode
    }

    fn roots(&self, environment: &Environment) -> Vec<SourceRoot> {
        paths::roots(environment)
    }

    fn discover(&self, root: &SourceRoot) -> Discovery {
        paths::discover(root)
    }

    fn affected(&self, root: &SourceRoot, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
        paths::affected(root, path)
    }

    fn shows_text(&self, root: &SourceRoot, path: &Path) -> Option<PathBuf> {
        paths::shows_text(root, path)
    }

    /// Outputs of the database's sessions. Files of old sessions no longer get any.
    fn side_stamp(&self, source: &Source, _session: Option<&str>, folders: &mut FolderStamps) -> FileStamp {
        let outputs = || source.path.with_file_name(record::OUTPUTS);
        if source.kind == DATABASE { folders.of(&outputs(), &[], |_| true) } else { FileStamp::default() }
    }

    fn unclaimed_texts(&self, root: &SourceRoot, sources: &[Source]) -> Vec<PathBuf> {
        unclaimed::outputs(root, sources)
    }

    fn peek(&self, _source: &Source) -> Vec<Session> {
        Vec::new()
    }

    fn summarise(&self, source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary {
        if source.kind == DATABASE { summary::summarise(source, progress) } else { legacy::summarise(source) }
    }

    fn summarise_with_records(
        &self,
        source: &Source,
        visit: &mut RecordVisitor<'_>,
    ) -> Option<(SourceSummary, Option<Vec<u8>>)> {
        (source.kind != DATABASE).then(|| texts::summarise_with_records(source, visit))
    }

    fn can_rename(&self) -> bool {
        true
    }

    fn delete_command(&self, session: &Session) -> Option<Launch> {
        let args = vec!["session".to_owned(), "delete".to_owned(), session.key.id.to_string()];
        let cwd = PathBuf::from(&*session.cwd);
        (!is_json(&session.path)).then(|| Launch { program: "opencode".to_owned(), args, cwd })
    }

    fn fork_cut(&self) -> Option<ForkCut> {
        Some(ForkCut::BeforePrompt)
    }

    fn open(&self, session: &Session) -> io::Result<Box<dyn TranscriptReader>> {
        let path = session.path.clone();
        if is_json(&path) {
            return Ok(Box::new(PagedTranscript::open(SessionFiles::new(&path), path)?));
        }
        Ok(Box::new(PagedTranscript::open(OpenCodeSessionRows::open(&path, &session.key.id)?, path)?))
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        if is_json(&session.path) {
            return pages::tail(&mut SessionFiles::new(&session.path), count);
        }
        pages::tail(&mut OpenCodeSessionRows::open(&session.path, &session.key.id)?, count)
    }

    fn live(&self, root: &SourceRoot) -> Vec<LiveStatus> {
        live::live_statuses(root)
    }

    /// The background service of 2.x, to which OpenCode's programs attach.
    fn is_shared(&self, environment: &Environment, status: &LiveStatus) -> bool {
        let service = service::registered(|name| environment.var(name).map(str::to_owned));
        service.is_some_and(|service| Some(service.pid) == status.pid)
    }

    fn texts(&self) -> Option<&dyn Texts> {
        Some(self)
    }

    fn resume(&self, session: &Session, extra: &[String]) -> Launch {
        Launch::resume(Agent::OpenCode.name(), &["--session"], session, extra)
    }

    /// A database, and a tree of files in which messages and parts are keyed by their own ids.
    fn own_files(&self, _session: &Session) -> Option<Vec<PathBuf>> {
        None
    }

    fn resume_refusal(&self, session: &Session) -> Option<String> {
        is_json(&session.path).then(|| {
            "this session exists only in JSON files of OpenCode 1.1 or older, which newer versions do not read; read it \
             here, or import it by starting OpenCode 1.2 once"
                .to_owned()
        })
    }
}
