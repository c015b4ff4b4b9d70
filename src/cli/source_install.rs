//! `salon source install`: copies a program of salon to another machine, and checks the copy. That is this program if
//! system and processor are the same, else one for that machine: a file that the user names, or one of the directory of
//! programs, which has the name of its release.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::error::{CliError, CliErrorCode};
use crate::domain::remote::RemoteSource;
use crate::remote::command;
use crate::runtime::env;
use crate::stdx::files;
use crate::stdx::text::one_line;

/// Directory of the copy, which salon searches before others.
const DIRECTORY: &str = "d=\"$HOME/.local/share/salon/bin\"";

/// Bytes per read of the program.
const CHUNK: usize = 64 << 10;

/// System and processor of a machine, in the words of Rust's targets.
#[derive(PartialEq, Eq)]
struct InstallPlatform {
    system: String,
    processor: String,
}

impl InstallPlatform {
    fn own() -> Self {
        Self { system: std::env::consts::OS.to_owned(), processor: std::env::consts::ARCH.to_owned() }
    }

    /// Asks another machine.
    fn of(source: &RemoteSource) -> Result<Self, CliError> {
        let reported = run(source, "uname -s -m", Stdio::null())?;
        let (system, processor) = last_line(&reported).split_once(' ').unwrap_or((last_line(&reported), ""));
        let system = if system == "Darwin" { "macos".to_owned() } else { system.to_lowercase() };
        let processor = if processor == "arm64" { "aarch64" } else { processor };
        Ok(Self { system, processor: processor.to_owned() })
    }

    /// Name of the released program, which needs no C library on Linux.
    fn program_name(&self) -> Option<String> {
        let system = match self.system.as_str() {
            "linux" => "unknown-linux-musl",
            "macos" => "apple-darwin",
            _ => return None,
        };
        let is_word = !self.processor.is_empty()
            && self.processor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_word.then(|| format!("salon-{}-{system}", self.processor))
    }
}

/// Copies a program: `chosen`, or this one where it can run, or the one for that machine in `programs`. Returns the
/// version that the copy reports.
pub(super) fn install(source: &RemoteSource, chosen: Option<&Path>, programs: &Path) -> Result<String, CliError> {
    if let Some(chosen) = chosen {
        return copy(source, chosen);
    }
    let there = InstallPlatform::of(source)?;
    let name = there.program_name();
    let prepared = name.as_ref().map(|name| programs.join(name)).filter(|program| program.is_file());
    if there != InstallPlatform::own() {
        return match prepared {
            Some(prepared) => copy(source, &prepared),
            None => Err(no_program(source, &there, name.map(|name| programs.join(name)).as_deref())),
        };
    }
    let failed = |error: io::Error| CliError::new(CliErrorCode::Failed, error.to_string());
    let own = env::current_exe().map_err(failed)?;
    match (copy(source, &own), prepared) {
        // The C library there may be another one.
        (Err(_), Some(prepared)) => copy(source, &prepared),
        (copied, _) => copied,
    }
}

fn no_program(source: &RemoteSource, there: &InstallPlatform, expected: Option<&Path>) -> CliError {
    let own = InstallPlatform::own();
    let remedy = match expected {
        Some(path) => format!("name a program for it with --program, or put the released one at {}", path.display()),
        None => "install salon there yourself".to_owned(),
    };
    let platform = one_line(format!("{} {}", there.system, there.processor).trim());
    refused(source, &format!("this program is for {} {}, and there is {platform}; {remedy}", own.system, own.processor))
}

/// Copies a program, which replaces the one there only if it runs.
fn copy(source: &RemoteSource, program: &Path) -> Result<String, CliError> {
    let unreadable = |error: io::Error| CliError::new(CliErrorCode::Failed, format!("{}: {error}", program.display()));
    let expected = hash(program).map_err(unreadable)?;
    let upload = format!(
        "umask 077; {DIRECTORY}; mkdir -p \"$d\" && cat >\"$d/salon.part\" && chmod 700 \"$d/salon.part\" && \
         {{ sha256sum \"$d/salon.part\" 2>/dev/null || shasum -a 256 \"$d/salon.part\"; }}"
    );
    let reported = run(source, &upload, Stdio::from(files::open(program).map_err(unreadable)?))?;
    if !last_line(&reported).starts_with(&expected) {
        run(source, &format!("{DIRECTORY}; rm -f \"$d/salon.part\""), Stdio::null())?;
        return Err(refused(source, "the copy differs from the program; it was removed"));
    }
    let replace = format!(
        "{DIRECTORY}; if \"$d/salon.part\" --version; then mv \"$d/salon.part\" \"$d/salon\"; \
         else rm -f \"$d/salon.part\"; exit 1; fi"
    );
    let version = run(source, &replace, Stdio::null())?;
    Ok(last_line(&version).to_owned())
}

/// Runs a script there. Returns its output; the messages of a failure are the error.
fn run(source: &RemoteSource, script: &str, stdin: Stdio) -> Result<String, CliError> {
    let argv = command::script(source, script).ok_or_else(|| refused(source, "it has its own command"))?;
    let output = Command::new(&argv[0]).args(&argv[1..]).stdin(stdin).output();
    let output = output.map_err(|error| refused(source, &format!("cannot start {}: {error}", argv[0])))?;
    if !output.status.success() {
        return Err(refused(source, &one_line(last_line(&String::from_utf8_lossy(&output.stderr)))));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn refused(source: &RemoteSource, reason: &str) -> CliError {
    CliError::new(CliErrorCode::Unavailable, format!("{}: {reason}", source.name))
}

/// Last line that is not empty: a login may print others before.
fn last_line(text: &str) -> &str {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

/// Returns the SHA-256 of a file in hexadecimal.
fn hash(file: &Path) -> io::Result<String> {
    let mut reader = files::open(file)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => hasher.update(&buffer[..count]),
        }
    }
}
