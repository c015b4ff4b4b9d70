//! Commands that the user runs from a chat: each in a process group of its own, with its output sent to the chat.
//!
//! A command ends with its shell, with Ctrl-C in its chat, and with salon.

use std::collections::HashMap;
use std::io::{self, PipeReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::children;
use super::task_message::TaskMessage;
use crate::app::msg::RequestTicket;
use crate::app::runs::RunMsg;
use crate::live::group;

/// Maximum bytes per message, because the event loop must stay responsive.
const MAX_CHUNK_BYTES: usize = 32 << 10;

/// Pause between two reads. A command that floods its output waits for its pipe meanwhile.
const READ_INTERVAL: Duration = Duration::from_millis(20);

/// Grace period of an interrupted command before it is killed.
const INTERRUPT_GRACE: Duration = Duration::from_secs(2);

/// Longest wait for the rest of the output after the end of a command, because a process that left the group keeps the pipe open.
const OUTPUT_GRACE: Duration = Duration::from_secs(1);

/// Running commands of the user, by their process groups.
#[derive(Clone, Debug, Default)]
pub(super) struct UserCommands {
    groups: Arc<Mutex<HashMap<RequestTicket, u32>>>,
}

impl UserCommands {
    /// Runs a command line with the user's shell.
    pub(super) fn run(
        &self,
        (ticket, line, cwd): (RequestTicket, &str, &Path),
        shell: Option<&str>,
        messages: &mpsc::UnboundedSender<TaskMessage>,
    ) {
        match spawn(line, cwd, shell.filter(|shell| !shell.is_empty()).unwrap_or("/bin/sh")) {
            Ok((child, output)) => {
                self.set(ticket, Some(child.id()));
                let (to_loop, commands) = (messages.clone(), self.clone());
                let output = tokio::task::spawn_blocking(move || forward(output, ticket, &to_loop));
                tokio::spawn(commands.wait(ticket, (child, output), messages.clone()));
            }
            Err(error) => ended(ticket, format!("could not be started: {error}"), messages),
        }
    }

    /// Interrupts a command, and kills it if it goes on.
    pub(super) fn end(&self, ticket: RequestTicket) {
        let Some(group) = self.group(ticket) else { return };
        group::signal(group, Signal::INT);
        let commands = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(INTERRUPT_GRACE).await;
            // A group that has ended is no longer listed, so that no other process is signalled.
            if let Some(group) = commands.group(ticket) {
                group::signal(group, Signal::KILL);
            }
        });
    }

    /// Kills all commands.
    pub(super) fn end_all(&self) {
        for group in self.groups.lock().unwrap_or_else(PoisonError::into_inner).drain().map(|(_, group)| group) {
            group::signal(group, Signal::KILL);
        }
    }

    /// Waits for the end of a command and of its output, and ends what it left running.
    async fn wait(
        self,
        ticket: RequestTicket,
        (mut child, output): (Child, JoinHandle<()>),
        messages: mpsc::UnboundedSender<TaskMessage>,
    ) {
        let group = child.id();
        let status = tokio::task::spawn_blocking(move || child.wait()).await;
        self.set(ticket, None);
        group::end_rest(group).await;
        // The end is shown after the last line of output. An error means that the output is still open.
        tokio::time::timeout(OUTPUT_GRACE, output).await.ok();
        let text = match status {
            Ok(Ok(status)) => describe(status),
            Ok(Err(error)) => format!("its end is unknown: {error}"),
            Err(error) => format!("its end is unknown: {error}"),
        };
        ended(ticket, text, &messages);
    }

    fn group(&self, ticket: RequestTicket) -> Option<u32> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).get(&ticket).copied()
    }

    fn set(&self, ticket: RequestTicket, group: Option<u32>) {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        match group {
            Some(group) => groups.insert(ticket, group),
            None => groups.remove(&ticket),
        };
    }
}

impl Drop for UserCommands {
    fn drop(&mut self) {
        // The last handle is that of the event loop or of a task that waits.
        if Arc::strong_count(&self.groups) == 1 {
            self.end_all();
        }
    }
}

/// Spawns a command line; both of its outputs are one pipe.
fn spawn(line: &str, cwd: &Path, shell: &str) -> io::Result<(Child, PipeReader)> {
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new(shell);
    command.arg("-c").arg(line).stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    if !cwd.as_os_str().is_empty() {
        command.current_dir(cwd).env("PWD", cwd);
    }
    children::prepare(&mut command);
    Ok((command.spawn()?, reader))
}

/// Forwards output until the pipe is closed.
fn forward(mut output: PipeReader, ticket: RequestTicket, messages: &mpsc::UnboundedSender<TaskMessage>) {
    let mut chunk = vec![0; MAX_CHUNK_BYTES];
    // Bytes of a character that is not complete.
    let mut pending = Vec::new();
    loop {
        match output.read(&mut chunk) {
            Ok(0) => return,
            Ok(count) => pending.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        }
        let text = take_text(&mut pending);
        // An error means that salon is shutting down.
        if messages.send(TaskMessage::of_run(RunMsg::CommandOutput(ticket, text))).is_err() {
            return;
        }
        std::thread::sleep(READ_INTERVAL);
    }
}

/// Takes the complete characters; invalid ones are replaced.
fn take_text(pending: &mut Vec<u8>) -> String {
    let incomplete = pending.utf8_chunks().last().map_or(0, |last| {
        let tail = last.invalid();
        let starts = tail.first().is_some_and(|byte| *byte >= 0xc2) && tail.len() < 4;
        if starts && pending.ends_with(tail) { tail.len() } else { 0 }
    });
    let rest = pending.split_off(pending.len() - incomplete);
    let text = String::from_utf8_lossy(pending).into_owned();
    *pending = rest;
    text
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

fn ended(ticket: RequestTicket, text: String, messages: &mpsc::UnboundedSender<TaskMessage>) {
    // An error means that salon is shutting down.
    messages.send(TaskMessage::of_run(RunMsg::CommandEnded(ticket, text))).ok();
}
