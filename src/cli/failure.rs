//! How a command fails: a code for scripts, words for people, an exit code.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use serde::Serialize;

use super::json::SCHEMA_VERSION;
use super::output;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub enum Failure {
    /// Something to tell.
    Told {
        /// What kind it is.
        code: Code,
        /// In words.
        message: String,
        /// What the user may have meant.
        candidates: Vec<String>,
    },
    /// Whoever read our output has enough of it.
    BrokenPipe,
}

/// Kinds of failure, as the contract names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// No such session.
    NotFound,
    /// Several sessions are meant.
    Ambiguous,
    /// Open elsewhere.
    Busy,
    /// Something that is needed is not there.
    Unavailable,
    /// Wrong usage.
    Usage,
    /// Anything else.
    Failed,
}

#[derive(Serialize)]
struct Report<'a> {
    schema_version: u32,
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    code: Code,
    message: &'a str,
    candidates: &'a [String],
}

impl Failure {
    /// A failure without candidates.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self::Told { code, message: message.into(), candidates: Vec::new() }
    }

    /// Tells it, on stdout as JSON or on stderr in words, and gives the exit code.
    pub fn report(&self, json: bool) -> ExitCode {
        let Self::Told { code, message, candidates } = self else { return ExitCode::SUCCESS };
        // Where even telling fails, the exit code is all that is left to tell.
        let _told = if json { tell_json(*code, message, candidates) } else { tell_words(message, candidates) };
        code.exit()
    }
}

impl Code {
    fn exit(self) -> ExitCode {
        match self {
            Self::Usage | Self::Ambiguous => ExitCode::from(2),
            Self::NotFound | Self::Busy | Self::Unavailable | Self::Failed => ExitCode::FAILURE,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::BrokenPipe;
        }
        Self::new(Code::Failed, error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<io::Error>() {
            Ok(error) => error.into(),
            Err(error) => Self::new(Code::Failed, format!("{error:#}")),
        }
    }
}

/// Tells what the parser of the command line found, which may be a request for help.
pub fn usage(error: &clap::Error, args: &[OsString]) -> ExitCode {
    let told_as_json = args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json");
    if error.use_stderr() && told_as_json {
        let text = error.render().to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        return Failure::new(Code::Usage, message).report(true);
    }
    // Help that nobody reads to its end is no failure.
    let _told = error.print();
    if error.use_stderr() { Code::Usage.exit() } else { ExitCode::SUCCESS }
}

fn tell_json(code: Code, message: &str, candidates: &[String]) -> io::Result<()> {
    let report = Report { schema_version: SCHEMA_VERSION, error: Error { code, message, candidates } };
    let mut out = output::stdout();
    output::json(&mut out, &report)
}

fn tell_words(message: &str, candidates: &[String]) -> io::Result<()> {
    use io::Write;
    let mut err = io::stderr().lock();
    writeln!(err, "salon: {message}")?;
    for candidate in candidates {
        writeln!(err, "  {candidate}")?;
    }
    Ok(())
}
