//! Commands that an agent runs through salon, in the directory of its session. Each has a process group of its own, which
//! ends with the agent's process.

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::process::ChildEnvironment;
use super::store_handle::StoreHandle;
use super::terminal_output::TerminalOutput;
use super::transport_event::TransportEvent;
use super::{files, group, identity};
use crate::agent::protocol::FileError;
use crate::agent::terminal_request::{TerminalCommand, TerminalExit, TerminalId, TerminalRequest, TerminalResult};

/// Maximum terminals per agent, because each has two pipes and a buffer.
const MAX_TERMINALS: usize = 64;

/// Maximum bytes of output that are kept per terminal.
const MAX_OUTPUT: usize = 4 << 20;

/// Maximum wait for the rest of the output, because a descendant may keep the pipe open.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(200);

type TerminalAnswer = Result<TerminalResult, FileError>;

/// Commands of one agent's process. Dropping it ends them.
#[derive(Debug)]
pub(super) struct Terminals {
    environment: ChildEnvironment,
    store: StoreHandle,
    running: HashMap<TerminalId, Terminal>,
    count: u64,
    results: mpsc::UnboundedSender<TransportEvent>,
}

/// A command. Dropping it kills its group.
#[derive(Debug)]
struct Terminal {
    pid: u32,
    output: Arc<Mutex<TerminalOutput>>,
    exit: watch::Receiver<Option<TerminalExit>>,
    /// True once the leader of the group was reaped: the system may reuse its id.
    reaped: Arc<AtomicBool>,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Terminal {
    fn kill(&self) {
        if !self.reaped.load(Ordering::Acquire) {
            group::signal(self.pid, Signal::KILL);
        }
    }
}

impl Terminals {
    /// Creates the table of an agent's process, whose commands get `environment`. Results are sent to `results`.
    pub(super) fn new(
        environment: ChildEnvironment,
        store: StoreHandle,
        results: mpsc::UnboundedSender<TransportEvent>,
    ) -> Self {
        Self { environment, store, running: HashMap::new(), count: 0, results }
    }

    /// Executes a request; its result is sent later.
    pub(super) fn execute(&mut self, id: u64, request: TerminalRequest) {
        let answer = match request {
            TerminalRequest::Create(command) => self.create(&command).map(TerminalResult::Created),
            TerminalRequest::Output(terminal) => self.output(&terminal),
            TerminalRequest::WaitForExit(terminal) => match self.get(&terminal) {
                Ok(terminal) => return self.answer_after(id, terminal.exit.clone()),
                Err(error) => Err(error),
            },
            TerminalRequest::Kill(terminal) => self.get(&terminal).map(|terminal| {
                terminal.kill();
                TerminalResult::Done
            }),
            TerminalRequest::Release(terminal) => {
                self.running.remove(&terminal).map(|_| TerminalResult::Done).ok_or_else(|| unknown(&terminal))
            }
        };
        self.send(id, answer);
    }

    /// Ends all commands.
    pub(super) fn end_all(&mut self) {
        self.running.clear();
    }

    fn create(&mut self, command: &TerminalCommand) -> Result<TerminalId, FileError> {
        if self.running.len() >= MAX_TERMINALS {
            let text = format!("{MAX_TERMINALS} terminals are open; release one first");
            return Err(FileError::Refused(text));
        }
        let cwd = command.cwd.as_ref().unwrap_or(&command.root);
        let cwd = files::resolve(&command.root, cwd)?;
        let mut child = Command::new(program(command));
        child
            .args(arguments(command))
            .env_clear()
            .envs(self.environment.vars.iter().map(|(name, value)| (name, value)))
            .env("PWD", &cwd)
            .envs(
                command
                    .env
                    .iter()
                    .filter(|(name, _)| name != identity::OWNER_VARIABLE)
                    .map(|(name, value)| (name, value)),
            )
            .current_dir(&cwd)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let child = child.spawn().map_err(|error| FileError::Failed(format!("{}: {error}", command.command)))?;
        let limit = command
            .limit
            .and_then(|limit| usize::try_from(limit).ok())
            .map_or(MAX_OUTPUT, |limit| limit.min(MAX_OUTPUT));
        let terminal = watch_child(child, program(command).to_owned(), limit, self.store.clone())
            .ok_or_else(|| FileError::Failed(format!("{} exited at once", command.command)))?;
        self.count += 1;
        let id: TerminalId = format!("terminal-{}", self.count).into();
        self.running.insert(id.clone(), terminal);
        Ok(id)
    }

    fn output(&self, id: &TerminalId) -> TerminalAnswer {
        let terminal = self.get(id)?;
        let exit = terminal.exit.borrow().clone();
        let output = terminal.output.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(TerminalResult::Output { id: id.clone(), text: output.text(), truncated: output.is_truncated(), exit })
    }

    fn get(&self, id: &TerminalId) -> Result<&Terminal, FileError> {
        self.running.get(id).ok_or_else(|| unknown(id))
    }

    fn send(&self, id: u64, result: TerminalAnswer) {
        // An error means that the run has ended.
        self.results.send(TransportEvent::Terminal { id, result }).ok();
    }

    fn answer_after(&self, id: u64, mut exit: watch::Receiver<Option<TerminalExit>>) {
        let results = self.results.clone();
        tokio::spawn(async move {
            let ended = exit.wait_for(Option::is_some).await.ok().and_then(|exit| exit.clone());
            let result =
                ended.map(TerminalResult::Exited).ok_or_else(|| FileError::Failed("the command is lost".into()));
            results.send(TransportEvent::Terminal { id, result }).ok();
        });
    }
}

fn unknown(id: &TerminalId) -> FileError {
    FileError::NotFound(format!("there is no terminal {id}"))
}

/// Some agents pass a whole command line, which only a shell can split.
fn is_command_line(command: &TerminalCommand) -> bool {
    command.args.is_empty() && command.command.contains(|c: char| c.is_whitespace() || "|&;<>()$`\"'*?~#".contains(c))
}

fn program(command: &TerminalCommand) -> &str {
    if is_command_line(command) { "/bin/sh" } else { &command.command }
}

fn arguments(command: &TerminalCommand) -> Vec<String> {
    if is_command_line(command) { vec!["-c".to_owned(), command.command.clone()] } else { command.args.clone() }
}

/// Starts the tasks that read a command's output and wait for its end.
fn watch_child(mut child: Child, program: String, limit: usize, store: StoreHandle) -> Option<Terminal> {
    let pid = child.id()?;
    let output = Arc::new(Mutex::new(TerminalOutput::new(limit)));
    let pipes: Vec<JoinHandle<()>> = [
        child.stdout.take().map(|pipe| tokio::spawn(read(pipe, output.clone()))),
        child.stderr.take().map(|pipe| tokio::spawn(read(pipe, output.clone()))),
    ]
    .into_iter()
    .flatten()
    .collect();
    let (ended, exit) = watch::channel(None);
    let reaped = Arc::new(AtomicBool::new(false));
    let is_reaped = reaped.clone();
    tokio::spawn(async move {
        let recorded = identity::identify(pid);
        if let Some(recorded) = recorded
            && let Err(failure) = store.record_child(recorded, program).await
        {
            // Without a record the command still ends with this process, except after `kill -9`.
            tracing::warn!("a command of an agent was not recorded: {failure}");
        }
        let status = child.wait().await;
        is_reaped.store(true, Ordering::Release);
        group::end_rest(pid).await;
        for pipe in pipes {
            drop(tokio::time::timeout(DRAIN_TIMEOUT, pipe).await);
        }
        // The output is complete once the end is known.
        ended.send_replace(Some(exit_of(status.ok())));
        if let Some(recorded) = recorded {
            drop(store.remove_child(recorded).await);
        }
    });
    Some(Terminal { pid, output, exit, reaped })
}

fn exit_of(status: Option<ExitStatus>) -> TerminalExit {
    TerminalExit { code: status.and_then(|status| status.code()), signal: status.and_then(|status| status.signal()) }
}

async fn read(mut pipe: impl AsyncRead + Unpin, output: Arc<Mutex<TerminalOutput>>) {
    let mut chunk = vec![0; 16 << 10];
    while let Ok(count @ 1..) = pipe.read(&mut chunk).await {
        output.lock().unwrap_or_else(PoisonError::into_inner).push(&chunk[..count]);
    }
}
