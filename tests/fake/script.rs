//! Script of the agent: one step per line of the prompt. A line that is no step is echoed.

use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `say TEXT`: answers, word by word.
    Say(String),
    /// `think TEXT`: emits reasoning.
    Think(String),
    /// `flood N`: answers with N chunks of text as fast as possible.
    Flood(usize),
    /// `run COMMAND`: calls a tool without a permission request, with an output.
    Run(String),
    /// `ask COMMAND`: requests permission for a command, then runs it if allowed.
    Ask(String),
    /// `question TEXT | OPTION | OPTION`: asks the user to choose, and repeats the choice.
    Question(String, Vec<String>),
    /// `plan A | B`: sets its plan.
    Plan(Vec<String>),
    /// `wait MS`: waits; an interrupt ends the turn.
    Wait(Duration),
    /// `hang`: waits until an interrupt.
    Hang,
    /// `deaf`: from now on ignores interrupts, SIGTERM and the end of stdin.
    Deaf,
    /// `crash CODE`: writes to stderr and exits with that code.
    Crash(i32),
    /// `garbage`: prints invalid messages: half a line, escape sequences, invalid UTF-8, an unknown message.
    Garbage,
    /// `long BYTES`: answers with one text of that many bytes, without streaming.
    Long(usize),
    /// `close`: closes stdout and keeps running.
    Close,
    /// `grandchild`: starts a process that outlives it unless its process group is killed.
    Grandchild,
    /// `stubborn`: starts a process that ignores SIGTERM, holds no pipe, and outlives it unless its group is killed.
    Stubborn,
    /// `background TEXT`: begins a task that runs until it is stopped.
    Background(String),
    /// `delegate COMMAND`: starts a sub-agent that runs a command, and waits until an interrupt.
    Delegate(String),
    /// `twice`: ends the turn twice.
    Twice,
    /// `fail STATUS TEXT`: fails with an API error (401, 404, 429, 500).
    Fail(u16, String),
    /// `retry`: retries a failed API request; then the turn continues.
    Retry,
    /// `compact`: compacts its context.
    Compact,
    /// `fs-read PATH`: reads a file through the client, and repeats it.
    ReadFile(String),
    /// `fs-write PATH TEXT`: writes a file through the client.
    WriteFile(String, String),
    /// `terminal COMMAND LINE`: runs a command through the client, waits for its end, and repeats its output.
    Terminal(String),
    /// `terminal-in DIR`: runs a command through the client in a directory.
    TerminalIn(String),
    /// `terminal-left`: runs a command through the client that does not end, and goes on.
    TerminalLeft,
    /// `stray`: responds to a request that was never sent, and cancels an approval that does not exist.
    Stray,
}

/// Parses a script.
pub fn parse(script: &str) -> Vec<Step> {
    script.lines().map(str::trim).filter(|line| !line.is_empty()).map(step).collect()
}

fn step(line: &str) -> Step {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let number = || rest.split(' ').next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(1);
    let mut parts = rest.split('|').map(|part| part.trim().to_owned());
    match word {
        "say" => Step::Say(rest.to_owned()),
        "think" => Step::Think(rest.to_owned()),
        "flood" => Step::Flood(usize::try_from(number()).unwrap_or(1)),
        "run" => Step::Run(rest.to_owned()),
        "ask" => Step::Ask(rest.to_owned()),
        "question" => Step::Question(parts.next().unwrap_or_default(), parts.collect()),
        "plan" => Step::Plan(parts.collect()),
        "wait" => Step::Wait(Duration::from_millis(number())),
        "hang" => Step::Hang,
        "deaf" => Step::Deaf,
        "crash" => Step::Crash(i32::try_from(number()).unwrap_or(1)),
        "garbage" => Step::Garbage,
        "long" => Step::Long(usize::try_from(number()).unwrap_or(1)),
        "close" => Step::Close,
        "grandchild" => Step::Grandchild,
        "stubborn" => Step::Stubborn,
        "background" => Step::Background(rest.to_owned()),
        "delegate" => Step::Delegate(rest.to_owned()),
        "twice" => Step::Twice,
        "fail" => {
            let text = rest.split_once(' ').map_or("", |(_, text)| text);
            Step::Fail(u16::try_from(number()).unwrap_or(500), text.to_owned())
        }
        "retry" => Step::Retry,
        "compact" => Step::Compact,
        "fs-read" => Step::ReadFile(rest.to_owned()),
        "fs-write" => {
            let (path, text) = rest.split_once(' ').unwrap_or((rest, ""));
            Step::WriteFile(path.to_owned(), text.to_owned())
        }
        "terminal" => Step::Terminal(rest.to_owned()),
        "terminal-in" => Step::TerminalIn(rest.to_owned()),
        "terminal-left" => Step::TerminalLeft,
        "stray" => Step::Stray,
        _ => Step::Say(format!("you said: {line}")),
    }
}

/// Executes a step that is the same for every agent; returns false for other steps.
pub fn run_common_step(step: &Step) -> bool {
    match step {
        Step::Deaf => ignore_term(),
        Step::Crash(code) => {
            eprintln!("fatal: told to crash with {code}");
            std::process::exit(*code);
        }
        Step::Garbage => garbage(),
        Step::Grandchild => grandchild(),
        Step::Stubborn => stubborn(),
        Step::Wait(time) => std::thread::sleep(*time),
        _ => return false,
    }
    true
}

/// Waits for at most `time`. `poll` serves the client for at most the given time, and ends the wait with an error.
pub fn wait<E>(time: Duration, mut poll: impl FnMut(Duration) -> Result<(), E>) -> Result<(), E> {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        poll(left.min(Duration::from_hours(1)))?;
    }
    Ok(())
}

/// Ignores SIGTERM with a thread that receives it and does nothing, because the standard library cannot ignore signals.
fn ignore_term() {
    let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM]).expect("signals");
    std::thread::spawn(move || for _ in signals.forever() {});
}

fn garbage() {
    let mut stdout = std::io::stdout().lock();
    for line in [
        &b"not json at all"[..],
        b"{\"half\":",
        b"\x1b[2J\x1b]0;owned\x07",
        b"\xff\xfe\xc3(",
        b"{\"type\":\"who-knows\",\"x\":1}",
    ] {
        stdout.write_all(line).and_then(|()| stdout.write_all(b"\n")).expect("stdout");
    }
    stdout.flush().expect("stdout");
}

#[expect(clippy::zombie_processes, reason = "it is to be left behind")]
fn grandchild() {
    // The `PATH` of a test may contain only agents.
    let sleep = ["/usr/bin/sleep", "/bin/sleep"].into_iter().find(|path| std::path::Path::new(path).exists());
    let child = Command::new(sleep.unwrap_or("sleep")).arg("600").spawn().expect("sleep");
    crate::log::write(&serde_json::json!({"grandchild": child.id()}));
}

#[expect(clippy::zombie_processes, reason = "it is to be left behind")]
fn stubborn() {
    use std::io::{BufRead, BufReader};
    // The signal stays ignored across `exec`. The line says that it is.
    let script = "trap '' TERM; echo ready; exec sleep 600 >/dev/null 2>&1 </dev/null";
    let shell = Command::new("/bin/sh").args(["-c", script]).stdout(std::process::Stdio::piped()).spawn();
    let mut shell = shell.expect("sh");
    let mut line = String::new();
    BufReader::new(shell.stdout.take().expect("stdout")).read_line(&mut line).expect("ready");
    crate::log::write(&serde_json::json!({"grandchild": shell.id()}));
}
