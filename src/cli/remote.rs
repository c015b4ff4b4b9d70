//! Sessions of other machines and containers for commands: lists, searches, and commands that run there.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::session_args::ScopeArgs;
use super::{find, output};
use crate::domain::remote::{LIMITED, RemoteSource, RemoteState};
use crate::domain::search::SearchRequest;
use crate::domain::{Issue, Session, SessionKey, Time};
use crate::remote::collect::{self, CollectedSource};
use crate::remote::{RemoteOptions, command};
use crate::runtime::remotes;
use crate::store::user_data::UserData;

/// Maximum wait for the sources, because a command must end.
const LIMIT: Duration = Duration::from_secs(20);

/// Options of the sources.
pub(super) fn options(context: &CliContext) -> RemoteOptions {
    let clock = context.clock;
    remotes::options(Some(context.paths.cache.clone()), Arc::new(move || clock.now()))
}

/// Answers of sources that are still collected, while this machine's sessions are read.
#[derive(Debug)]
pub(super) struct PendingSources {
    /// Thread that collects; `None` if there are no sources.
    thread: Option<JoinHandle<io::Result<Vec<CollectedSource>>>>,
    /// Database with the names, stars, tags and notes, which are those of this machine.
    state_db: PathBuf,
}

/// Begins to collect the sessions of sources, and the hits of a search.
pub(super) fn begin(
    context: &CliContext,
    sources: Vec<RemoteSource>,
    search: Option<SearchRequest>,
) -> Result<PendingSources, CliError> {
    let state_db = context.paths.state_db();
    if sources.is_empty() {
        return Ok(PendingSources { thread: None, state_db });
    }
    let (options, search) = (options(context), search.map(|request| (request, context.clock.now())));
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(collect::collect(&sources, &options, search, LIMIT)))
    };
    let thread = Some(std::thread::Builder::new().name("sources".to_owned()).spawn(work)?);
    Ok(PendingSources { thread, state_db })
}

/// Sources whose sessions a list or search covers: none where it is limited to directories of this machine.
pub(super) fn sources_of(context: &CliContext, scope: &ScopeArgs) -> Vec<RemoteSource> {
    if scope.here || scope.dir.is_some() { Vec::new() } else { context.settings.sources.clone() }
}

impl PendingSources {
    /// Waits for the answers.
    pub(super) fn wait(self) -> Result<Vec<CollectedSource>, CliError> {
        let Some(thread) = self.thread else { return Ok(Vec::new()) };
        let collected = thread.join().map_err(|_| CliError::new(CliErrorCode::Failed, "the sources were not read"))?;
        let mut collected = collected?;
        let annotations = UserData::load(&self.state_db).annotations;
        for source in &mut collected {
            let hits = source.results.hits.iter_mut().map(|hit| &mut hit.session);
            for session in source.sessions.values_mut().chain(hits) {
                if let Some(annotation) = annotations.get(&session.key) {
                    Arc::make_mut(session).annotate(annotation.clone());
                }
            }
        }
        Ok(collected)
    }
}

/// Finds the session of a source, which may be offline.
pub(super) fn session(context: &CliContext, source: &RemoteSource, id: &str) -> Result<Arc<Session>, CliError> {
    let collected = begin(context, vec![source.clone()], None)?.wait()?;
    let sessions: Vec<_> = collected.into_iter().flat_map(|source| source.sessions.into_values()).collect();
    find::find(&sessions, id)
}

/// Returns what is missing of the sources' sessions.
pub(super) fn issues(collected: &[CollectedSource]) -> Vec<Issue> {
    let issue = |source: &CollectedSource| {
        let name = &source.status.name;
        let as_of = match source.status.as_of {
            Some(time) => format!("its sessions are as of {}", time.rfc3339()),
            None => "its sessions are not known".to_owned(),
        };
        let reason = match &source.status.state {
            RemoteState::Offline { failure, .. } => format!("{name} is {}: {failure}; {as_of}", failure.label()),
            _ if !source.is_complete => format!("{name} did not answer in time; {as_of}"),
            RemoteState::Limited => format!("{name} is limited: {LIMITED}"),
            RemoteState::Connecting | RemoteState::Connected => return None,
        };
        Some(Issue::new(&**name, reason))
    };
    collected.iter().filter_map(issue).collect()
}

/// Splits an argument such as `box:claude:ID` into the source that it names and the rest.
pub(super) fn named<'a>(context: &'a CliContext, id: &'a str) -> Option<(&'a RemoteSource, &'a str)> {
    let (host, rest) = id.split_once(':')?;
    let source = context.settings.sources.iter().find(|source| *source.name == *host)?;
    Some((source, rest))
}

/// Runs a command of salon there and passes its output on. The session of a JSON object gets its host.
pub(super) fn run_there(source: &RemoteSource, args: &[String], json: bool) -> Result<ExitCode, CliError> {
    let argv = command::run(source, args).ok_or_else(|| no_commands(source))?;
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).stdin(Stdio::null());
    let failed =
        |error: io::Error| CliError::new(CliErrorCode::Unavailable, format!("cannot start {}: {error}", argv[0]));
    if !json {
        return Ok(exit_code(command.status().map_err(failed)?));
    }
    let output = command.stderr(Stdio::inherit()).output().map_err(failed)?;
    // A login may print a message of the day before.
    let object = output.stdout.split_inclusive(|byte| *byte == b'\n').find(|line| line.starts_with(b"{"));
    let Some(mut object) = object.and_then(|line| serde_json::from_slice::<Value>(line).ok()) else {
        let message = format!("{} did not answer; see: salon source test {}", source.name, source.name);
        return Err(CliError::new(CliErrorCode::Unavailable, message));
    };
    if let Some(session) = object.get_mut("session").and_then(Value::as_object_mut) {
        session.insert("host".to_owned(), Value::String(source.name.to_string()));
    }
    let mut out = output::stdout();
    output::json(&mut out, &object)?;
    out.flush()?;
    Ok(exit_code(output.status))
}

/// Returns the key of a session that an argument such as `box:claude:ID` names by its exact id.
pub(super) fn key(context: &CliContext, id: &str) -> Option<SessionKey> {
    named(context, id)?;
    SessionKey::from_line(id).filter(|key| key.host.is_some())
}

/// Runs a command of salon there that reads a text, and passes its output on as it comes. A text is never an argument.
pub(super) fn run_there_with(source: &RemoteSource, args: &[String], input: &str) -> Result<ExitCode, CliError> {
    let argv = command::run(source, args).ok_or_else(|| no_commands(source))?;
    let failed =
        |error: io::Error| CliError::new(CliErrorCode::Unavailable, format!("cannot start {}: {error}", argv[0]));
    let mut child = Command::new(&argv[0]).args(&argv[1..]).stdin(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // An error means that the program has ended, whose exit code says why.
        stdin.write_all(input.as_bytes()).ok();
    }
    Ok(exit_code(child.wait().map_err(failed)?))
}

/// Replaces this process by a command of salon there, which gets this terminal. Returns only on failure.
pub(super) fn become_there(source: &RemoteSource, args: &[String]) -> CliError {
    let Some(argv) = command::interactive(source, args) else { return no_commands(source) };
    let error = Command::new(&argv[0]).args(&argv[1..]).exec();
    CliError::new(CliErrorCode::Unavailable, format!("cannot start {}: {error}", argv[0]))
}

/// Error of an id that the screen cannot look up before the machine is connected.
pub(super) fn inexact(id: &str) -> CliError {
    CliError::new(CliErrorCode::NotFound, format!("\"{id}\" is no exact host:agent:id, which the screen needs"))
}

fn no_commands(source: &RemoteSource) -> CliError {
    let message = format!("{} is reached by a command of its own, which only lists and searches", source.name);
    CliError::new(CliErrorCode::Unavailable, message)
}

fn exit_code(status: ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Milliseconds between two times, for reports.
pub(super) fn millis(from: Time, to: Time) -> u64 {
    u64::try_from(to.since(from)).unwrap_or(0)
}
