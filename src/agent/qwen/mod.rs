//! Qwen Code: transcripts in JSON lines.
//!
//! Records with one id and different messages are fragments of one answer; the program itself joins them. The first
//! message of a compaction's `compressedHistory` is the summary.

mod acp;
mod decode;
mod dialect;
mod format;
mod outputs;
mod paths;

pub(super) use acp::ACP;
pub(super) use format::QwenCode;

use std::io;
use std::path::{Path, PathBuf};

use super::jsonl::{JsonlAgent, SourceIdentity, walk};
use super::{Discovery, Environment, Source, SourceRoot};
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, Session};
use dialect::QwenDialect;

/// Qwen Code's files and lines.
#[derive(Debug)]
pub(super) struct Qwen;

impl JsonlAgent for Qwen {
    type Dialect = QwenDialect;
    type Head = ();

    fn agent(&self) -> Agent {
        Agent::Qwen
    }

    fn home(&self, environment: &Environment) -> PathBuf {
        environment.dir("QWEN_HOME", ".qwen")
    }

    fn watched(&self) -> &'static [&'static str] {
        &["projects", "sessions", "tmp"]
    }

    fn discover(&self, root: &Path, discovery: &mut Discovery) {
        paths::discover(root, discovery);
    }

    fn affected(&self, root: &Path, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
        paths::affected(root, path)
    }

    fn identity(&self, source: &Source, (): &()) -> SourceIdentity {
        paths::identity(&source.path, source.kind)
    }

    fn dialect(&self, source: &Source, (): &()) -> QwenDialect {
        QwenDialect { subagent: source.kind == walk::SUBAGENT, ..QwenDialect::default() }
    }

    fn reader_dialect(&self, session: &Session, (): &()) -> io::Result<QwenDialect> {
        let projects = session.path.ancestors().find(|folder| folder.ends_with("projects"));
        let outputs = projects.and_then(Path::parent).map(|root| root.join("tmp"));
        Ok(QwenDialect { subagent: session.flags.subagent, links: paths::links(&session.path), outputs })
    }

    fn live(&self, root: &SourceRoot) -> Vec<LiveStatus> {
        paths::live(&root.path)
    }
}
