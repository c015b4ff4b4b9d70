//! Changes that an agent makes to its own sessions on request: its program is run for one command, or for one exchange of
//! JSON-RPC messages. Blocks: not for the event loop.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{children, resume};
use crate::agent::RpcExchange;
use crate::domain::launch::Launch;
use crate::stdx::text::one_line;

/// Maximum time of a command, because some programs take seconds for a cold start.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum bytes of output that are read.
const OUTPUT_BYTES: u64 = 64 << 10;

/// Interval at which the end of a command is checked.
const POLL: Duration = Duration::from_millis(20);

/// Runs a command without input. The error is the reason why it failed.
pub(super) fn run(launch: &Launch) -> Result<(), String> {
    let mut command = command(launch);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(launch, &mut command)?;
    let output = read_in_background(child.stderr.take());
    let _ignored_output = read_in_background(child.stdout.take());
    let begun = super::instant();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if begun.elapsed() < TIMEOUT => thread::sleep(POLL),
            Ok(None) => {
                children::end(&mut child);
                return Err(format!("{} did not end within {} s", launch.program, TIMEOUT.as_secs()));
            }
            Err(error) => return Err(format!("{}: {error}", launch.program)),
        }
    };
    if status.success() {
        return Ok(());
    }
    let output = output.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
    let line = output.lines().map(one_line).rfind(|line| !line.is_empty());
    Err(format!("{}: {}", launch.program, line.unwrap_or_else(|| status.to_string())))
}

/// Sends the requests of an exchange one after the other, and waits for the response to each that has an id.
pub(super) fn exchange(exchange: &RpcExchange) -> Result<(), String> {
    let launch = &exchange.launch;
    let mut command = command(launch);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = spawn(launch, &mut command)?;
    let done = send_all(&mut child, exchange);
    children::end(&mut child);
    done.map_err(|reason| format!("{}: {reason}", launch.program))
}

fn send_all(child: &mut Child, exchange: &RpcExchange) -> Result<(), String> {
    let (mut input, output) = child.stdin.take().zip(child.stdout.take()).ok_or("it has no pipes")?;
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // An error means that the exchange is over.
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let until = super::instant() + TIMEOUT;
    for message in &exchange.messages {
        writeln!(input, "{message}").and_then(|()| input.flush()).map_err(|error| error.to_string())?;
        if let Some(id) = message.get("id") {
            response(&lines, id, until)?;
        }
    }
    Ok(())
}

/// Waits for the response to a request. The error is that of the response, or the reason why there is none.
fn response(lines: &Receiver<String>, id: &Value, until: Instant) -> Result<(), String> {
    loop {
        let rest = until.saturating_duration_since(super::instant());
        let line = lines.recv_timeout(rest).map_err(|_| "no response".to_owned())?;
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        // A request of the agent has a method, and may have the same id.
        if message.get("id") != Some(id) || message.get("method").is_some() {
            continue;
        }
        return match message.get("error") {
            Some(error) => Err(one_line(error["message"].as_str().unwrap_or("it refused"))),
            None => Ok(()),
        };
    }
}

fn command(launch: &Launch) -> Command {
    let mut command = resume::command(launch);
    // The directory of an old session may be gone; the agent finds the session by its id.
    if !launch.cwd.is_dir() {
        command = resume::command(&Launch { cwd: std::path::PathBuf::new(), ..launch.clone() });
    }
    children::prepare(&mut command);
    command
}

fn spawn(launch: &Launch, command: &mut Command) -> Result<Child, String> {
    command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("{} is not installed", launch.program),
        _ => format!("{}: {error}", launch.program),
    })
}

/// Reads a pipe on a thread, because a grandchild may keep it open.
fn read_in_background(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, text) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // What was read before an error is still useful.
            drop(pipe.take(OUTPUT_BYTES).read_to_end(&mut bytes));
        }
        // An error means that the output is not needed.
        drop(sender.send(String::from_utf8_lossy(&bytes).into_owned()));
    });
    text
}
