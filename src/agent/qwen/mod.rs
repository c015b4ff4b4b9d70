//! Qwen Code: transcripts in JSON lines.
//!
//! Records with one id and different messages are fragments of one answer; the program itself joins them. The first
//! message of a compaction's `compressedHistory` is the summary. Of a deleted session the prompts are left in
//! `tmp/<hash of the directory>/logs.json`.

mod acp;
mod decode;
mod dialect;
mod display;
mod fields;
mod format;
mod outputs;
mod parts;
mod paths;
mod runtime_dirs;
mod shape;

pub(super) use acp::ACP;
pub(super) use format::QwenCode;

use std::io;
use std::path::{Path, PathBuf};

use super::jsonl::{self, JsonlAgent, SourceIdentity};
use super::{Discovery, Environment, Source, SourceRoot};
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, Session};
use dialect::QwenDialect;
use outputs::QwenOutputs;

/// Qwen Code's files and lines.
#[derive(Clone, Copy, Debug)]
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
        let (subagent, parts) = (parts::KINDS.is_subagent(source.kind), parts::KINDS.is_part(source.kind));
        QwenDialect { subagent, parts, ..QwenDialect::default() }
    }

    fn is_part(&self, source: &Source) -> bool {
        parts::KINDS.is_part(source.kind)
    }

    fn files_of(&self, path: &Path) -> Vec<PathBuf> {
        parts::files_of(path)
    }

    fn reader_dialect(&self, session: &Session, (): &()) -> io::Result<QwenDialect> {
        let projects = session.path.ancestors().find(|folder| folder.ends_with("projects"));
        let outputs = projects.and_then(Path::parent).map(|root| QwenOutputs::new(root.join("tmp"), &session.cwd));
        let files = parts::files_of(&session.path);
        let links = files.iter().flat_map(|file| paths::links(file)).collect();
        Ok(QwenDialect { subagent: session.flags.subagent, parts: files.len() > 1, links, outputs })
    }

    fn complete(&self, session: &mut Session, source: &Source, (): &()) {
        if source.kind == parts::KINDS.session_part
            && let Some((path, directory)) =
                jsonl::parts::newest(&QwenDialect::default(), parts::files_of(&source.path))
        {
            session.path = path;
            session.cwd = directory.map_or_else(|| session.cwd.clone(), Into::into);
        }
    }

    fn live(&self, root: &SourceRoot) -> Vec<LiveStatus> {
        paths::live(&root.path)
    }
}
