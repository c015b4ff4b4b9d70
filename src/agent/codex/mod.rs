//! Format of Codex CLI: one rollout (a JSONL file) per thread, see [`text`] for its forms.
//!
//! Verified with 0.39.0, 0.99.0 and 0.169.0; the bare lines of versions before 0.32 follow its source code. Codex's own
//! databases only repeat the rollouts and are not read.
//!
//! Records that Codex writes twice are searched once, except for a command's output, because the model's copy may be
//! truncated.

mod calls;
mod copied;
mod decode;
mod dialect;
mod fields;
mod head;
mod history;
mod injected;
mod items;
mod line;
mod live;
mod meta;
mod names;
mod parts;
mod patch;
mod paths;
mod protocol;
mod recorded_calls;
mod shape;
mod text;
mod thread;
mod trust;

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use self::dialect::Rollout;
use self::head::RolloutHead;
pub(super) use self::protocol::AppServer;
use self::recorded_calls::RecordedCalls;
use super::jsonl::agent::all_named_alike;
use super::jsonl::concatenated::History;
use super::jsonl::{JsonlAgent, SourceIdentity};
use super::prompt_history::ReadPrompts;
use super::texts::{SourceDecoder, StoredRecord};
use super::{Discovery, Environment, ForkCut, RpcExchange, Source, SourceRoot, SourceSummary, prompt_history};
use crate::domain::launch::Launch;
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, Session, SessionKey};

/// Sets the place of a thread with several rollouts: where the newest one is.
fn continue_in_newest(session: &mut Session, path: &Path) {
    let files = paths::files_of(path);
    let Some(newest) = parts::newest(&files) else { return };
    let head = RolloutHead::current(newest, None);
    newest.clone_into(&mut session.path);
    session.cwd = head.cwd.into();
    session.branch = head.branch.map(Arc::from);
    session.flags.archived = newest.ancestors().any(|folder| folder.ends_with("archived_sessions"));
}

/// Codex CLI's files and lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Codex;

impl JsonlAgent for Codex {
    type Dialect = Rollout;
    type Head = RolloutHead;

    fn fork_cut(&self) -> Option<ForkCut> {
        Some(ForkCut::AfterTurn)
    }

    fn opaque_fields(&self) -> &'static [&'static str] {
        &["encrypted_content"]
    }

    fn agent(&self) -> Agent {
        Agent::Codex
    }

    fn home(&self, environment: &Environment) -> PathBuf {
        environment.dir("CODEX_HOME", ".codex")
    }

    fn watched(&self) -> &'static [&'static str] {
        &paths::WATCHED
    }

    fn discover(&self, root: &Path, discovery: &mut Discovery) {
        paths::discover(root, discovery);
    }

    fn affected(&self, root: &Path, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
        paths::affected(root, path)
    }

    fn is_transcript(&self, source: &Source) -> bool {
        !matches!(source.kind, paths::NAMES | paths::HISTORY)
    }

    fn has_other_records(&self, source: &Source) -> bool {
        source.kind == paths::HISTORY
    }

    fn other_records(
        &self,
        source: &Source,
        visit: &mut dyn FnMut(&StoredRecord<'_>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        prompt_history::records(&source.path, history::read, visit)
    }

    fn other_decoder(&self, source: &Source) -> Option<SourceDecoder> {
        (source.kind == paths::HISTORY).then(prompt_history::decoder)
    }

    fn purged_prompts(&self, session: &Session) -> Option<ReadPrompts> {
        session.flags.purged.then_some(history::read as ReadPrompts)
    }

    /// A deleted session only has lines in the file of all prompts.
    fn own_files(&self, session: &Session) -> Vec<PathBuf> {
        let files = || all_named_alike(self.transcript_files(session), &session.path);
        if session.flags.purged { Vec::new() } else { files() }
    }

    fn is_part(&self, source: &Source) -> bool {
        paths::is_part(source.kind)
    }

    fn files_of(&self, path: &Path) -> Vec<PathBuf> {
        paths::files_of(path)
    }

    fn is_plain_text(&self, source: &Source) -> bool {
        text::is_plain(&source.path) && !self.is_part(source)
    }

    fn summarise_other(&self, source: &Source) -> SourceSummary {
        match source.kind {
            paths::HISTORY => prompt_history::summarise(source, history::read, ""),
            _ => names::summarise(source),
        }
    }

    fn head(&self, path: &Path, known: Option<&RolloutHead>) -> RolloutHead {
        let mut head = RolloutHead::current(path, known);
        let files = paths::files_of(path);
        if files.len() > 1 {
            parts::complete(&mut head, &files);
        }
        head
    }

    fn identity(&self, _source: &Source, head: &RolloutHead) -> SourceIdentity {
        SourceIdentity {
            key: SessionKey::new(Agent::Codex, head.thread.as_str()),
            subagent: head.subagent,
            parent: head.parent.as_deref().map(Arc::from),
            title: None,
        }
    }

    fn dialect(&self, source: &Source, head: &RolloutHead) -> Rollout {
        let files = if paths::is_part(source.kind) { paths::files_of(&source.path) } else { Vec::new() };
        Rollout { parts: parts::of(&files).into(), ..head.dialect() }
    }

    fn search_dialect(&self, source: &Source, head: &RolloutHead) -> Rollout {
        Rollout { recorded_calls: Some(RecordedCalls::of(source.path.clone())), ..self.dialect(source, head) }
    }

    fn reader_dialect(&self, session: &Session, head: &RolloutHead) -> io::Result<Rollout> {
        let parts = parts::of(&paths::files_of(&session.path));
        Ok(Rollout { parts: parts.into(), ..head.dialect() })
    }

    fn has_history(&self, head: &RolloutHead) -> bool {
        head.base.is_some()
    }

    fn history(&self, path: &Path, head: &RolloutHead) -> History<Rollout> {
        thread::history(path, head)
    }

    /// Fills in the fields that the lines do not have.
    fn complete(&self, session: &mut Session, source: &Source, head: &RolloutHead) {
        session.cwd = head.cwd.as_str().into();
        session.branch = head.branch.as_deref().map(Arc::from);
        session.forked_from = head.forked_from.as_deref().map(Arc::from);
        session.flags.fork = head.forked_from.is_some();
        session.flags.headless = head.headless;
        session.flags.app = head.app;
        session.flags.archived = paths::is_archived(source.kind);
        if paths::is_part(source.kind) {
            continue_in_newest(session, &source.path);
        }
        if session.started_at.is_none() {
            // Without a message, the thread's start time is more accurate than the file's change time.
            session.started_at = head.started;
            session.last_activity = head.started.or(session.last_activity);
        }
    }

    fn keeps_empty_files(&self) -> bool {
        false
    }

    fn copies_records(&self) -> bool {
        false
    }

    fn live(&self, root: &SourceRoot) -> Vec<LiveStatus> {
        live::live_statuses(&root.path)
    }

    fn resume_args(&self) -> &'static [&'static str] {
        &["resume"]
    }

    fn can_rename(&self) -> bool {
        true
    }

    /// Codex names a thread that is open, and one that is only on disk.
    fn rename_exchange(&self, session: &Session, title: &str) -> Option<RpcExchange> {
        if session.flags.purged {
            return None;
        }
        let client = json!({"name": "salon", "title": "salon", "version": env!("CARGO_PKG_VERSION")});
        let launch = Launch {
            program: "codex".to_owned(),
            args: vec!["app-server".to_owned()],
            cwd: PathBuf::from(&*session.cwd),
        };
        let messages = vec![
            json!({"id": 1, "method": "initialize", "params": {"clientInfo": client}}),
            json!({"method": "initialized"}),
            json!({"id": 2, "method": "thread/name/set", "params": {"threadId": &*session.key.id, "name": title}}),
        ];
        Some(RpcExchange { launch, messages })
    }

    fn resume_refusal(&self, session: &Session) -> Option<String> {
        if session.flags.purged {
            return Some(prompt_history::refusal(Agent::Codex));
        }
        if text::is_document(&session.path) {
            let reason = "Codex no longer resumes threads of its first versions, which are JSON documents";
            return Some(reason.to_owned());
        }
        session
            .flags
            .archived
            .then(|| format!("Codex does not resume an archived thread. Run: codex unarchive {}", session.key.id))
    }
}
