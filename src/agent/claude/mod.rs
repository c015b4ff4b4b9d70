//! Claude Code: transcripts in JSON lines, and its stream-json protocol.

mod decode;
mod dialect;
mod fields;
mod fork;
mod inline;
mod live;
mod paths;
mod protocol;
mod texts;
mod tools;
mod user_markup;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::jsonl::transcript_index::TranscriptIndex;
use super::jsonl::{Dialect, copies, summary, tail, walk};
use super::{
    Discovery, Environment, Format, Source, SourceRoot, SourceSessions, SourceSummary, SummaryProgress, Texts,
    TranscriptReader,
};
use crate::domain::launch::Launch;
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, Entry, Session};
use dialect::ClaudeDialect;
pub use protocol::Stream;

/// Claude Code's session format.
#[derive(Debug)]
pub struct Claude;

impl Format for Claude {
    fn agent(&self) -> Agent {
        Agent::Claude
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

    fn peek(&self, source: &Source) -> Vec<Session> {
        let identity = paths::identity(&source.path, source.kind);
        vec![tail::peek(&ClaudeDialect { subagent: identity.subagent, ..ClaudeDialect::default() }, source, &identity)]
    }

    fn summarise(&self, source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary {
        let identity = paths::identity(&source.path, source.kind);
        let dialect = ClaudeDialect { subagent: identity.subagent, ..ClaudeDialect::default() };
        let mut summary = summary::summarise(&dialect, source, &identity, progress);
        if let SourceSessions::All(sessions) = &mut summary.sessions {
            sessions.iter_mut().for_each(fork::set_origin);
        }
        summary
    }

    fn find_copies(&self, sources: &[Source]) -> Vec<(usize, SourceSummary)> {
        let identified = sources.iter().map(|source| (source, paths::identity(&source.path, source.kind)));
        copies::find_copies(&ClaudeDialect::default(), &identified.collect::<Vec<_>>())
    }

    fn open(&self, session: &Session) -> io::Result<Box<dyn TranscriptReader>> {
        Ok(Box::new(TranscriptIndex::open(dialect(session)?, &session.path)?))
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        tail::tail(&dialect(session)?, &session.path, count)
    }

    fn live(&self, root: &SourceRoot) -> Vec<LiveStatus> {
        live::open_sessions(&root.path)
    }

    fn texts(&self) -> Option<&dyn Texts> {
        Some(self)
    }

    fn resume(&self, session: &Session, extra: &[String]) -> Launch {
        let mut args = vec!["--resume".to_owned(), session.key.id.to_string()];
        args.extend_from_slice(extra);
        Launch { program: self.agent().name().into(), args, cwd: PathBuf::from(&*session.cwd) }
    }

    fn resume_refusal(&self, session: &Session) -> Option<String> {
        let parent = session.parent.as_deref().filter(|_| session.flags.subagent)?;
        Some(format!("a sub-agent's conversation cannot be resumed; resume its parent, {parent}"))
    }
}

fn dialect(session: &Session) -> io::Result<Arc<dyn Dialect>> {
    let mut dialect = ClaudeDialect { subagent: session.flags.subagent, ..ClaudeDialect::default() };
    if dialect.subagent && walk::stem(&session.path) != *session.key.id {
        let chain = inline::sidechains(&session.path)?.into_iter().find(|chain| chain.id == session.key.id);
        dialect.only = Some(chain.ok_or(io::ErrorKind::NotFound)?.lines);
    } else {
        dialect.links = paths::links(&session.path);
        dialect.file = Some(session.path.clone());
    }
    Ok(Arc::new(dialect))
}
