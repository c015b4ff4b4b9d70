//! Format of Codex CLI: one rollout (a JSONL file) per thread.
//!
//! Verified with 0.39.0, 0.99.0 and 0.169.0; the bare lines of versions before 0.32 follow its source code. Codex's own
//! databases only repeat the rollouts and are not read.

mod calls;
mod decode;
mod dialect;
mod fields;
mod head;
mod items;
mod line;
mod live;
mod meta;
mod names;
mod patch;
mod paths;
mod protocol;
mod summary;
mod texts;
mod thread;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::head::RolloutHead;
pub use self::protocol::AppServer;
use super::jsonl::{self, Dialect};
use super::{
    Discovery, Environment, Format, Source, SourceRoot, SourceSummary, SummaryProgress, TextLimit, Texts,
    TranscriptReader,
};
use crate::domain::launch::Launch;
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, Entry, Session};

/// Format of Codex CLI's sessions.
#[derive(Debug)]
pub struct Codex;

impl Format for Codex {
    fn agent(&self) -> Agent {
        Agent::Codex
    }

    fn roots(&self, environment: &Environment) -> Vec<SourceRoot> {
        let home = environment.dir("CODEX_HOME", ".codex");
        let mut roots: Vec<SourceRoot> = Vec::new();
        for path in std::iter::once(home).chain(environment.extra_roots(Agent::Codex)) {
            if !roots.iter().any(|root| root.path == path) {
                roots.push(paths::root(path));
            }
        }
        roots
    }

    fn discover(&self, root: &SourceRoot) -> Discovery {
        paths::discover(root)
    }

    fn affected(&self, root: &SourceRoot, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
        paths::affected(root, path)
    }

    fn peek(&self, source: &Source) -> Vec<Session> {
        if source.kind == paths::NAMES { Vec::new() } else { summary::peek(source) }
    }

    fn summarise(&self, source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary {
        if source.kind == paths::NAMES { names::summarise(source) } else { summary::summarise(source, progress) }
    }

    fn open(&self, session: &Session) -> io::Result<Box<dyn TranscriptReader>> {
        thread::open(&session.path)
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        let head = RolloutHead::read(&session.path)?;
        let dialect: Arc<dyn Dialect> = Arc::new(head.dialect());
        let entries = jsonl::tail::tail(&dialect, &session.path, count)?;
        if entries.len() >= count || head.base.is_none() {
            return Ok(entries);
        }
        let mut whole = thread::open(&session.path)?;
        let len = whole.len();
        Ok(whole.read(len.saturating_sub(count)..len, TextLimit::SCREEN))
    }

    fn live(&self, root: &SourceRoot) -> Vec<LiveStatus> {
        live::live_statuses(root)
    }

    fn texts(&self) -> Option<&dyn Texts> {
        Some(self)
    }

    fn resume(&self, session: &Session, extra: &[String]) -> Launch {
        let mut args = vec!["resume".to_owned(), session.key.id.to_string()];
        args.extend_from_slice(extra);
        Launch { program: self.agent().name().into(), args, cwd: PathBuf::from(&*session.cwd) }
    }

    fn resume_refusal(&self, session: &Session) -> Option<String> {
        session
            .flags
            .archived
            .then(|| format!("Codex does not resume an archived thread. Run: codex unarchive {}", session.key.id))
    }
}
