//! Claude Code: transcripts in JSON lines, and its stream-json protocol.

mod backups;
mod block;
mod content;
mod decode;
mod dialect;
mod fields;
mod fork;
mod history;
mod indexed;
mod inline;
mod live;
mod output_owners;
mod outputs;
mod parts;
mod paths;
mod preview;
mod protocol;
mod queue;
mod raw_outputs;
mod record;
mod rename;
mod replay;
mod retention;
mod shape;
mod task_list;
mod teams;
mod texts;
mod tools;
mod trust;
mod usage;
mod user_markup;

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::jsonl::agent::{all_named_alike, subagent_refusal};
use super::jsonl::{JsonlAgent, SourceIdentity, walk};
use super::prompt_history::ReadPrompts;
use super::texts::{RecordDecoder, SourceDecoder, StoredRecord};
use super::{Discovery, Environment, FileBackup, ForkCut, Source, SourceRoot, SourceSummary, prompt_history};
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, Session};
use dialect::ClaudeDialect;
use inline::Sidechains;
pub(super) use protocol::Stream;
use replay::ReplayedHistory;

/// Claude Code's files and lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claude;

impl JsonlAgent for Claude {
    type Dialect = ClaudeDialect;
    type Head = ReplayedHistory;

    fn agent(&self) -> Agent {
        Agent::Claude
    }

    fn home(&self, environment: &Environment) -> PathBuf {
        let mut named = named_homes(environment).into_iter();
        named.next().unwrap_or_else(|| environment.home.join(".claude"))
    }

    /// Some versions, and some installations, follow the XDG directories. Users of several homes list them in the variable, as
    /// other programs for Claude's files read it.
    fn other_homes(&self, environment: &Environment) -> Vec<PathBuf> {
        let named = named_homes(environment);
        if named.len() > 1 {
            return named.into_iter().skip(1).collect();
        }
        let home = environment.dir("XDG_CONFIG_HOME", ".config").join("claude");
        let is_used = environment.var("CLAUDE_CONFIG_DIR").is_none() && home.join("projects").is_dir();
        is_used.then_some(home).into_iter().collect()
    }

    fn watched(&self) -> &'static [&'static str] {
        &["projects", "sessions"]
    }

    fn discover(&self, root: &Path, discovery: &mut Discovery) {
        paths::discover(root, discovery);
    }

    fn affected(&self, root: &Path, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
        paths::affected(root, path)
    }

    fn is_transcript(&self, source: &Source) -> bool {
        source.kind != history::HISTORY
    }

    fn summarise_other(&self, source: &Source) -> SourceSummary {
        history::summarise(source)
    }

    fn has_other_records(&self, source: &Source) -> bool {
        source.kind == history::HISTORY
    }

    fn other_records(
        &self,
        source: &Source,
        visit: &mut dyn FnMut(&StoredRecord<'_>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        history::visit_records(&source.path, visit)
    }

    fn other_decoder(&self, source: &Source) -> Option<SourceDecoder> {
        (source.kind == history::HISTORY).then(history::decoder)
    }

    fn purged_prompts(&self, session: &Session) -> Option<ReadPrompts> {
        session.flags.purged.then_some(history::read as ReadPrompts)
    }

    fn is_side_text(&self, source: &Source) -> bool {
        source.kind == paths::OUTPUT
    }

    fn side_session(&self, source: &Source) -> Option<Arc<str>> {
        if source.kind == paths::OUTPUT { paths::output_session(&source.path) } else { None }
    }

    fn side_call(&self, source: &Source) -> io::Result<String> {
        Ok(output_owners::call(&source.path))
    }

    fn head(&self, path: &Path, known: Option<&ReplayedHistory>) -> ReplayedHistory {
        ReplayedHistory::of(path, known)
    }

    fn identity(&self, source: &Source, _head: &ReplayedHistory) -> SourceIdentity {
        paths::identity(&source.path, parts::KINDS.is_subagent(source.kind))
    }

    fn dialect(&self, source: &Source, head: &ReplayedHistory) -> ClaudeDialect {
        let parts = parts::KINDS.is_part(source.kind);
        let replayed = if parts { 0 } else { head.end };
        ClaudeDialect { parts, replayed, ..ClaudeDialect::of(parts::KINDS.is_subagent(source.kind)) }
    }

    fn is_part(&self, source: &Source) -> bool {
        parts::KINDS.is_part(source.kind)
    }

    fn files_of(&self, path: &Path) -> Vec<PathBuf> {
        parts::files_of(path)
    }

    /// A deleted session, or a sub-agent in the file of its parent, has no file of its own.
    fn transcript_files(&self, session: &Session) -> Vec<PathBuf> {
        let has_own = !session.flags.purged && walk::stem(&session.path) == *session.key.id;
        if has_own { self.files_of(&session.path) } else { vec![session.path.clone()] }
    }

    fn reader_dialect(&self, session: &Session, head: &ReplayedHistory) -> io::Result<ClaudeDialect> {
        let mut dialect = ClaudeDialect::of(session.flags.subagent);
        if dialect.subagent && walk::stem(&session.path) != *session.key.id {
            dialect.parts = parts::files_of(&session.path).len() > 1;
            let sidechains = Sidechains::read(&ClaudeDialect::aside(dialect.parts), &session.path)?;
            dialect.only = Some(sidechains.into_lines_of(&session.key.id).ok_or(io::ErrorKind::NotFound)?);
        } else {
            dialect.links = paths::links(&session.path);
            dialect.parts = parts::files_of(&session.path).len() > 1;
            dialect.replayed = if dialect.parts { 0 } else { head.end };
        }
        dialect.file = Some(session.path.clone());
        Ok(dialect)
    }

    /// Search includes sidechains, whichever file they are in.
    fn search_dialect(&self, source: &Source, head: &ReplayedHistory) -> ClaudeDialect {
        let dialect = self.dialect(source, head);
        let (with_sidechains, file) = (!dialect.subagent, Some(source.path.clone()));
        ClaudeDialect { subagent: true, with_sidechains, file, ..dialect }
    }

    fn text_decoder(&self, dialect: ClaudeDialect) -> Box<dyn RecordDecoder> {
        let with_sidechains = dialect.with_sidechains;
        texts::decoder(dialect, with_sidechains)
    }

    fn opaque_fields(&self) -> &'static [&'static str] {
        &["data", "signature"]
    }

    fn complete(&self, session: &mut Session, source: &Source, head: &ReplayedHistory) {
        fork::set_origin(session);
        if source.kind == parts::KINDS.session_part && !session.flags.subagent {
            let newest = parts::newest(&self.dialect(source, head), &source.path);
            if let Some((path, directory)) = newest {
                session.path = path;
                session.cwd = directory.map_or_else(|| session.cwd.clone(), Into::into);
            }
        }
    }

    fn own_files(&self, session: &Session) -> Vec<PathBuf> {
        // A deleted session only has lines in the file of all prompts.
        let files = || all_named_alike(self.transcript_files(session), &session.path);
        if session.flags.purged { Vec::new() } else { files() }
    }

    fn can_rename(&self) -> bool {
        true
    }

    fn write_title(&self, session: &Session, title: &str) -> Option<io::Result<()>> {
        (!session.flags.purged).then(|| rename::append_title(session, title))
    }

    fn file_backups(&self, session: &Session, path: &Path) -> Vec<FileBackup> {
        backups::of_file(session, path).unwrap_or_default()
    }

    fn fork_cut(&self) -> Option<ForkCut> {
        Some(ForkCut::AfterReply)
    }

    fn retention_days(&self, root: &Path) -> Option<u32> {
        Some(retention::days(root))
    }

    fn live(&self, root: &SourceRoot) -> Vec<LiveStatus> {
        live::open_sessions(&root.path)
    }

    /// A teammate belongs to the lead of its team, but can be resumed.
    fn resume_refusal(&self, session: &Session) -> Option<String> {
        let purged = || prompt_history::refusal(Agent::Claude);
        let refusal = subagent_refusal(session).filter(|_| session.key.id.starts_with("agent-"));
        refusal.or_else(|| session.flags.purged.then(purged))
    }

    fn attach_args(&self, root: &SourceRoot, id: &str) -> Option<&'static [&'static str]> {
        live::is_in_background(&root.path, id).then_some(&["attach"])
    }
}

/// Homes that the variable names: one, or several with commas between them if no directory has that name.
fn named_homes(environment: &Environment) -> Vec<PathBuf> {
    let Some(value) = environment.var("CLAUDE_CONFIG_DIR") else { return Vec::new() };
    let whole = environment.expand(Path::new(value));
    if !value.contains(',') || whole.is_dir() {
        return vec![whole];
    }
    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| environment.expand(Path::new(name))).collect()
}
