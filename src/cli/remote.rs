//! Sessions of other machines and containers for commands: lists, searches, and commands that run there.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::session_args::ScopeArgs;
use super::{find, output};
use crate::domain::remote::{LIMITED, RemoteFailure, RemoteSource, RemoteState};
use crate::domain::search::SearchRequest;
use crate::domain::{Issue, Session, SessionKey, Time};
use crate::remote::collect::{self, CollectedSearch, CollectedSource};
use crate::remote::whole_copy::{self, CopyError, WholeCopy};
use crate::remote::{RemoteOptions, command};
use crate::runtime::remotes;
use crate::store::user_data::UserData;

/// Maximum wait for the sources, because a command must end.
const LIMIT: Duration = Duration::from_secs(20);

/// Line before the output of a command there.
const OUTPUT_MARK: &str = "salon:output";

/// Maximum bytes of a line that a login prints before.
const MAX_LOGIN_LINE: u64 = 64 << 10;

/// Options of the sources.
pub(super) fn options(context: &CliContext) -> RemoteOptions {
    let clock = context.clock;
    remotes::options(&context.paths, Arc::new(move || clock.now()))
}

/// Answers of sources that are still collected, while this machine's sessions are read.
#[derive(Debug)]
pub(super) struct PendingSources {
    /// Thread that collects; `None` if there are no sources.
    thread: Option<JoinHandle<io::Result<Vec<CollectedSource>>>>,
    /// Database with the names, stars, tags and notes, which are those of this machine.
    state_db: PathBuf,
}

/// Begins to collect the sessions of sources, and the hits of a search, of which at most this many will be shown with
/// snippets.
pub(super) fn begin(
    context: &CliContext,
    sources: Vec<RemoteSource>,
    search: Option<(SearchRequest, usize)>,
) -> Result<PendingSources, CliError> {
    let state_db = context.paths.state_db();
    if sources.is_empty() {
        return Ok(PendingSources { thread: None, state_db });
    }
    let (options, now) = (options(context), context.clock.now());
    let search = search.map(|(request, shown)| CollectedSearch { request, now, shown });
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
        // The list of this machine's sessions reports an error.
        let annotations = UserData::load(&self.state_db).unwrap_or_default().annotations;
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

/// Copies the file of a session of a machine without salon.
pub(super) fn copy(context: &CliContext, source: &RemoteSource, id: &str) -> Result<WholeCopy, CliError> {
    let options = options(context);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let find = |sessions: &[Arc<Session>]| find::find(sessions, id);
    runtime.block_on(whole_copy::copy(source, &options, find, LIMIT)).map_err(|error| match error {
        CopyError::NotFound(error) => error,
        CopyError::Offline(RemoteFailure::Missing) => CliError::new(CliErrorCode::Unavailable, missing_text(source)),
        error => CliError::new(CliErrorCode::Unavailable, format!("{}: {error}", source.name)),
    })
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

/// Splits a directory such as `box:/src/shop` into the source that it names and the directory there.
pub(super) fn place<'a>(context: &'a CliContext, dir: &'a Path) -> Option<(&'a RemoteSource, PathBuf)> {
    // A directory here may have such a name too.
    let (source, rest) = named(context, dir.to_str()?).filter(|_| !dir.exists())?;
    Some((source, PathBuf::from(rest)))
}

/// Returns the machine of sessions and their ids there; `None` if they are of this machine.
pub(super) fn all_named<'a>(
    context: &'a CliContext,
    ids: &'a [String],
) -> Result<Option<(&'a RemoteSource, Vec<String>)>, CliError> {
    let named: Vec<_> = ids.iter().filter_map(|id| named(context, id)).collect();
    let Some((source, _)) = named.first() else { return Ok(None) };
    let is_same = |(other, _): &(&RemoteSource, &str)| other.name == source.name;
    if named.len() < ids.len() || !named.iter().all(is_same) {
        return Err(CliError::new(CliErrorCode::Usage, "name sessions of one machine at a time"));
    }
    Ok(Some((source, named.iter().map(|(_, id)| (*id).to_owned()).collect())))
}

/// Refuses a command for a session of another machine that works only with the files there.
pub(super) fn only_there(context: &CliContext, id: &str) -> Result<(), CliError> {
    let Some((source, _)) = named(context, id) else { return Ok(()) };
    let message = format!("the session is on {}; this works only in salon there", source.name);
    Err(CliError::new(CliErrorCode::Unavailable, message))
}

/// Flags that are set, as words of a command.
pub(super) fn flags(all: &[(bool, &str)]) -> Vec<String> {
    all.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| (*flag).to_owned()).collect()
}

/// Words of a command with flags and the ids of sessions there.
pub(super) fn words_of_ids(command: &str, all: &[(bool, &str)], ids: Vec<String>) -> Vec<String> {
    [command.to_owned()].into_iter().chain(flags(all)).chain(["--".to_owned()]).chain(ids).collect()
}

/// Runs a command of salon there and passes its output on. The session of a JSON object gets its host.
pub(super) fn run_there(source: &RemoteSource, args: &[String], json: bool) -> Result<ExitCode, CliError> {
    try_there(source, args, json)?.ok_or_else(|| CliError::new(CliErrorCode::Unavailable, missing_text(source)))
}

/// Runs a command like [`run_there`]. Returns `None` if there is no salon.
pub(super) fn try_there(source: &RemoteSource, args: &[String], json: bool) -> Result<Option<ExitCode>, CliError> {
    if !json {
        let argv = command::run_marked(source, OUTPUT_MARK, args).ok_or_else(|| no_commands(source))?;
        let mut command = Command::new(&argv[0]);
        command.args(&argv[1..]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| cannot_start(&command, &error))?;
        let mut out = output::stdout();
        let began = copy_marked(&mut child, &mut out)?;
        out.flush()?;
        let status = child.wait()?;
        // A forced command over there may end well without having run salon.
        if !began && status.success() {
            return Err(no_answer(source));
        }
        return Ok(Some(status).filter(|status| !is_missing(*status)).map(exit_code));
    }
    let Some((mut object, status)) = object_there(source, args)? else { return Ok(None) };
    let host = || Value::String(source.name.to_string());
    for name in ["session", "worktree"] {
        if let Some(item) = object.get_mut(name).and_then(Value::as_object_mut) {
            item.insert("host".to_owned(), host());
        }
    }
    let items = object.get_mut("worktrees").and_then(Value::as_array_mut).into_iter().flatten();
    for item in items.filter_map(Value::as_object_mut) {
        item.insert("host".to_owned(), host());
    }
    let mut out = output::stdout();
    output::json(&mut out, &object)?;
    out.flush()?;
    Ok(Some(exit_code(status)))
}

/// Returns the JSON object that a command of salon there prints, which may describe an error.
pub(super) fn json_there(source: &RemoteSource, args: &[String]) -> Result<Value, CliError> {
    let answer = object_there(source, args)?.map(|(object, _)| object);
    answer.ok_or_else(|| CliError::new(CliErrorCode::Unavailable, missing_text(source)))
}

fn object_there(source: &RemoteSource, args: &[String]) -> Result<Option<(Value, ExitStatus)>, CliError> {
    let mut command = command_there(source, args)?;
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| cannot_start(&command, &error))?;
    if is_missing(output.status) {
        return Ok(None);
    }
    // A login may print a message of the day before.
    let object = output.stdout.split_inclusive(|byte| *byte == b'\n').find(|line| line.starts_with(b"{"));
    let Some(object) = object.and_then(|line| serde_json::from_slice::<Value>(line).ok()) else {
        return Err(no_answer(source));
    };
    Ok(Some((object, output.status)))
}

fn command_there(source: &RemoteSource, args: &[String]) -> Result<Command, CliError> {
    let argv = command::run(source, args).ok_or_else(|| no_commands(source))?;
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).stdin(Stdio::null());
    Ok(command)
}

fn no_answer(source: &RemoteSource) -> CliError {
    let message = format!("{} did not answer; see: salon source test {}", source.name, source.name);
    CliError::new(CliErrorCode::Unavailable, message)
}

fn cannot_start(command: &Command, error: &io::Error) -> CliError {
    let program = command.get_program().to_string_lossy();
    CliError::new(CliErrorCode::Unavailable, format!("cannot start {program}: {error}"))
}

/// Runs a command of salon there and copies its output. An error means that it did not end well.
pub(super) fn copy_output(source: &RemoteSource, args: &[String], out: &mut dyn Write) -> io::Result<()> {
    let argv =
        command::run_marked(source, OUTPUT_MARK, args).ok_or_else(|| io::Error::other(no_commands_text(source)))?;
    let mut child = Command::new(&argv[0]).args(&argv[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let began = copy_marked(&mut child, out)?;
    let status = child.wait()?;
    if is_missing(status) {
        return Err(io::Error::other(missing_text(source)));
    }
    let failed = || format!("{} did not write it (exit code {})", source.name, status.code().unwrap_or(-1));
    // A forced command over there may end well without having run salon.
    if began && status.success() { Ok(()) } else { Err(io::Error::other(failed())) }
}

/// Copies the output of a command after its mark. Returns false if the mark did not come.
fn copy_marked(child: &mut Child, out: &mut dyn Write) -> io::Result<bool> {
    let mut stdout = BufReader::new(child.stdout.take().ok_or_else(|| io::Error::other("it has no output"))?);
    let (mut line, mut began) = (Vec::new(), false);
    while stdout.by_ref().take(MAX_LOGIN_LINE).read_until(b'\n', &mut line)? > 0 {
        if line.trim_ascii() == OUTPUT_MARK.as_bytes() {
            began = true;
            io::copy(&mut stdout, out)?;
        }
        line.clear();
    }
    Ok(began)
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
    ended(source, child.wait().map_err(failed)?)
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
    CliError::new(CliErrorCode::Unavailable, no_commands_text(source))
}

fn no_commands_text(source: &RemoteSource) -> String {
    format!("{} has its own command, which only lists and searches", source.name)
}

/// Returns the exit code of a command there. Without salon there, the shell's message says too little.
fn ended(source: &RemoteSource, status: ExitStatus) -> Result<ExitCode, CliError> {
    if is_missing(status) {
        return Err(CliError::new(CliErrorCode::Unavailable, missing_text(source)));
    }
    Ok(exit_code(status))
}

/// Returns true if the shell there found no salon.
fn is_missing(status: ExitStatus) -> bool {
    status.code() == Some(command::MISSING)
}

fn missing_text(source: &RemoteSource) -> String {
    let name = &source.name;
    format!("salon is not installed on {name}; install it there, or copy this one with: salon source install {name}")
}

fn exit_code(status: ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Milliseconds between two times, for reports.
pub(super) fn millis(from: Time, to: Time) -> u64 {
    u64::try_from(to.since(from)).unwrap_or(0)
}
