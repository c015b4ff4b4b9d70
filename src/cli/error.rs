//! Errors of commands: code, message, candidates, exit code.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use serde::Serialize;

use super::json::SCHEMA_VERSION;
use super::output;
use crate::domain::run::{Refusal, RunFailure};

/// Error of a command.
#[derive(Debug)]
pub enum CliError {
    /// Error that is printed.
    Reported {
        /// Error code.
        code: CliErrorCode,
        /// Message for the user.
        message: String,
        /// Possible meanings of an ambiguous argument.
        candidates: Vec<String>,
    },
    /// The reader of stdout closed the pipe; not an error for the exit code.
    BrokenPipe,
}

/// Error codes of the JSON contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CliErrorCode {
    /// No session or approval matches.
    NotFound,
    /// Several sessions match.
    Ambiguous,
    /// The session is open elsewhere.
    Busy,
    /// A required program, directory or terminal is missing.
    Unavailable,
    /// Invalid arguments.
    Usage,
    /// Any other error.
    Failed,
}

#[derive(Serialize)]
struct Report<'a> {
    schema_version: u32,
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    code: CliErrorCode,
    message: &'a str,
    candidates: &'a [String],
}

impl CliError {
    /// Creates an error without candidates.
    pub fn new(code: CliErrorCode, message: impl Into<String>) -> Self {
        Self::Reported { code, message: message.into(), candidates: Vec::new() }
    }

    /// Prints the error, as JSON on stdout or as text on stderr, and returns the exit code.
    pub fn report(&self, json: bool) -> ExitCode {
        let Self::Reported { code, message, candidates } = self else { return ExitCode::SUCCESS };
        // If printing fails too, only the exit code is left.
        let _printed = if json { print_json(*code, message, candidates) } else { print_text(message, candidates) };
        code.exit()
    }
}

impl CliErrorCode {
    fn exit(self) -> ExitCode {
        match self {
            Self::Usage | Self::Ambiguous => ExitCode::from(2),
            Self::NotFound | Self::Busy | Self::Unavailable | Self::Failed => ExitCode::FAILURE,
        }
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::BrokenPipe;
        }
        Self::new(CliErrorCode::Failed, error.to_string())
    }
}

impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

impl From<anyhow::Error> for CliError {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<io::Error>() {
            Ok(error) => error.into(),
            Err(error) => Self::new(CliErrorCode::Failed, format!("{error:#}")),
        }
    }
}

/// Prints the result of a failed parse, which may be a request for help, and returns the exit code.
pub(super) fn usage(error: &clap::Error, args: &[OsString]) -> ExitCode {
    let as_json = args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json");
    if error.use_stderr() && as_json {
        let text = error.render().to_string();
        return CliError::new(CliErrorCode::Usage, usage_message(&text)).report(true);
    }
    // Help that is not read to its end is not an error.
    let _printed = error.print();
    if error.use_stderr() { CliErrorCode::Usage.exit() } else { ExitCode::SUCCESS }
}

/// Returns the message of a rendered error on one line: the first one, and the names that are indented below it.
fn usage_message(text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default().trim_start_matches("error: ");
    let names: Vec<_> = lines.take_while(|line| line.starts_with(' ')).map(str::trim).collect();
    if names.is_empty() { first.to_owned() } else { format!("{first} {}", names.join(", ")) }
}

fn print_json(code: CliErrorCode, message: &str, candidates: &[String]) -> io::Result<()> {
    let report = Report { schema_version: SCHEMA_VERSION, error: Error { code, message, candidates } };
    let mut out = output::stdout();
    output::json(&mut out, &report)
}

fn print_text(message: &str, candidates: &[String]) -> io::Result<()> {
    use io::Write;
    let mut err = io::stderr().lock();
    writeln!(err, "salon: {message}")?;
    for candidate in candidates {
        writeln!(err, "  {candidate}")?;
    }
    Ok(())
}

/// Converts the refusal of a run.
pub(super) fn refusal_error(refusal: &Refusal) -> CliError {
    let code = match refusal {
        Refusal::LeasedBy { .. } | Refusal::OpenElsewhere(_) => CliErrorCode::Busy,
        Refusal::UnknownRun => CliErrorCode::NotFound,
        Refusal::Offline(_) => CliErrorCode::Unavailable,
        Refusal::Failed(RunFailure::Other(_)) | Refusal::NotSaved(_) | Refusal::Untrusted(_) => CliErrorCode::Failed,
        Refusal::Failed(_) => CliErrorCode::Unavailable,
    };
    CliError::new(code, refusal.to_string())
}
