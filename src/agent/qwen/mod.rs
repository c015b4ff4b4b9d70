//! Qwen Code: transcripts in JSON lines.

mod decode;
mod dialect;
mod paths;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::jsonl::transcript_index::TranscriptIndex;
use super::jsonl::{Dialect, copies, summary, tail};
use super::{Discovery, Environment, Format, Source, SourceRoot, SourceSummary, SummaryProgress, TranscriptReader};
use crate::domain::launch::Launch;
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, Entry, Session};
use dialect::QwenDialect;

/// Qwen Code's session format.
#[derive(Debug)]
pub struct Qwen;

impl Format for Qwen {
    fn agent(&self) -> Agent {
        Agent::Qwen
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
        vec![tail::peek(&QwenDialect { subagent: identity.subagent, ..QwenDialect::default() }, source, &identity)]
    }

    fn summarise(&self, source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary {
        let identity = paths::identity(&source.path, source.kind);
        let dialect = QwenDialect { subagent: identity.subagent, ..QwenDialect::default() };
        summary::summarise(&dialect, source, &identity, progress)
    }

    fn find_copies(&self, sources: &[Source]) -> Vec<(usize, SourceSummary)> {
        let identified = sources.iter().map(|source| (source, paths::identity(&source.path, source.kind)));
        copies::find_copies(&QwenDialect::default(), &identified.collect::<Vec<_>>())
    }

    fn open(&self, session: &Session) -> io::Result<Box<dyn TranscriptReader>> {
        Ok(Box::new(TranscriptIndex::open(dialect(session), &session.path)?))
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        tail::tail(&dialect(session), &session.path, count)
    }

    fn live(&self, root: &SourceRoot) -> Vec<LiveStatus> {
        paths::live(&root.path)
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

fn dialect(session: &Session) -> Arc<dyn Dialect> {
    Arc::new(QwenDialect { subagent: session.flags.subagent, links: paths::links(&session.path) })
}
