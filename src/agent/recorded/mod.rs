//! Sessions that salon records itself, because it cannot read the files of their agents: those of agents from the
//! configuration. One file of JSON lines per session, in a folder per agent.
//!
//! [`record`] encodes the lines that `live` appends, `dialect` reads them, and [`paths`] names the files. Writes
//! nothing.

mod decode;
mod dialect;
pub mod paths;
pub mod record;

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::jsonl::walk::Walk;
use super::jsonl::{JsonlAgent, JsonlFormat, SourceIdentity};
use super::texts::{RecordLayout, SourceDecoder, StoredRecord, Texts};
use super::{Discovery, Environment, Format, Source, SourceRoot, SourceSummary, SummaryProgress, TranscriptReader};
use crate::domain::launch::Launch;
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, Entry, Session, SessionKey};
use dialect::RecordedDialect;

/// Format of the sessions that salon records, of every configured agent.
#[derive(Debug)]
pub(super) struct RecordedSessions;

/// Recorded sessions of one agent.
#[derive(Clone, Copy, Debug)]
struct Recorded(Agent);

const fn lines(agent: Agent) -> JsonlFormat<Recorded> {
    JsonlFormat(Recorded(agent))
}

impl JsonlAgent for Recorded {
    type Dialect = RecordedDialect;
    type Head = ();

    fn agent(&self) -> Agent {
        self.0
    }

    fn home(&self, environment: &Environment) -> PathBuf {
        environment.recorded.clone().unwrap_or_default().join(self.0.name())
    }

    fn watched(&self) -> &'static [&'static str] {
        &[""]
    }

    fn discover(&self, root: &Path, discovery: &mut Discovery) {
        Walk::of(self.0).files(root, 0, discovery);
    }

    fn affected(&self, root: &Path, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
        let transcript = (path.parent() == Some(root) && paths::is_record(path)).then(|| path.to_owned());
        Walk::of(self.0).affected(path, transcript, |discovery| self.discover(root, discovery))
    }

    fn identity(&self, source: &Source, (): &()) -> SourceIdentity {
        let key = SessionKey::new(self.0, paths::session_id(&source.path));
        SourceIdentity { key, subagent: false, parent: None, title: None }
    }

    fn dialect(&self, _source: &Source, (): &()) -> RecordedDialect {
        RecordedDialect
    }

    fn reader_dialect(&self, _session: &Session, (): &()) -> io::Result<RecordedDialect> {
        Ok(RecordedDialect)
    }

    fn copies_records(&self) -> bool {
        false
    }

    fn live(&self, _root: &SourceRoot) -> Vec<LiveStatus> {
        Vec::new()
    }
}

impl Format for RecordedSessions {
    fn reads(&self, agent: Agent) -> bool {
        matches!(agent, Agent::Configured(_))
    }

    /// A folder per agent that the configuration defines, or that has recorded sessions.
    fn roots(&self, environment: &Environment) -> Vec<SourceRoot> {
        let Some(folder) = &environment.recorded else { return Vec::new() };
        let recorded = paths::agents(folder);
        let defined = Agent::all().into_iter().filter(|agent| self.reads(*agent) && !recorded.contains(agent));
        let agents = recorded.iter().copied().chain(defined);
        agents.flat_map(|agent| lines(agent).roots(environment)).collect()
    }

    fn discover(&self, root: &SourceRoot) -> Discovery {
        lines(root.agent).discover(root)
    }

    fn affected(&self, root: &SourceRoot, path: &Path) -> Vec<(PathBuf, Option<Source>)> {
        Format::affected(&lines(root.agent), root, path)
    }

    fn peek(&self, source: &Source) -> Vec<Session> {
        lines(source.agent).peek(source)
    }

    fn summarise(&self, source: &Source, progress: Option<&SummaryProgress>) -> SourceSummary {
        lines(source.agent).summarise(source, progress)
    }

    fn open(&self, session: &Session) -> io::Result<Box<dyn TranscriptReader>> {
        lines(session.key.agent).open(session)
    }

    fn tail(&self, session: &Session, count: usize) -> io::Result<Vec<Entry>> {
        lines(session.key.agent).tail(session, count)
    }

    fn live(&self, _root: &SourceRoot) -> Vec<LiveStatus> {
        Vec::new()
    }

    /// The agent's program without arguments, because its own way to resume a session is unknown.
    fn resume(&self, session: &Session, extra: &[String]) -> Launch {
        let program = session.key.agent.program().to_owned();
        Launch { program, args: extra.to_vec(), cwd: PathBuf::from(&*session.cwd) }
    }

    fn own_files(&self, session: &Session) -> Option<Vec<PathBuf>> {
        lines(session.key.agent).own_files(session)
    }

    fn only_appends(&self, _session: &Session) -> bool {
        true
    }

    fn open_refusal(&self, session: &Session) -> Option<String> {
        let label = session.key.agent.label();
        Some(format!("salon does not know how {label} opens a session in its own program; continue it here"))
    }

    fn texts(&self) -> Option<&dyn Texts> {
        Some(self)
    }
}

impl Texts for RecordedSessions {
    fn layout(&self, source: &Source) -> RecordLayout {
        lines(source.agent).layout(source)
    }

    fn decoder(&self, source: &Source) -> io::Result<SourceDecoder> {
        lines(source.agent).decoder(source)
    }

    fn records(
        &self,
        source: &Source,
        since: u64,
        visit: &mut dyn FnMut(&StoredRecord<'_>) -> ControlFlow<()>,
    ) -> io::Result<u64> {
        lines(source.agent).records(source, since, visit)
    }
}
