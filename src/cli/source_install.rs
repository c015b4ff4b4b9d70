//! `salon source install`: copies this program to another machine, and checks the copy.

use std::io::{self, Read};
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

/// Copies this program. Returns the version that the copy reports.
pub(super) fn install(source: &RemoteSource) -> Result<String, CliError> {
    check_platform(source)?;
    let failed = |error: io::Error| CliError::new(CliErrorCode::Failed, error.to_string());
    let program = env::current_exe().map_err(failed)?;
    let expected = hash(&program).map_err(failed)?;
    let upload = format!(
        "umask 077; {DIRECTORY}; mkdir -p \"$d\" && cat >\"$d/salon.part\" && chmod 700 \"$d/salon.part\" && \
         {{ sha256sum \"$d/salon.part\" 2>/dev/null || shasum -a 256 \"$d/salon.part\"; }}"
    );
    let reported = run(source, &upload, Stdio::from(files::open(&program).map_err(failed)?))?;
    if !last_line(&reported).starts_with(&expected) {
        run(source, &format!("{DIRECTORY}; rm -f \"$d/salon.part\""), Stdio::null())?;
        return Err(refused(source, "the copy differs from this program; it was removed"));
    }
    // A copy that cannot run there, for example because of its C library, replaces nothing.
    let replace = format!(
        "{DIRECTORY}; if \"$d/salon.part\" --version; then mv \"$d/salon.part\" \"$d/salon\"; \
         else rm -f \"$d/salon.part\"; exit 1; fi"
    );
    let version = run(source, &replace, Stdio::null())?;
    Ok(last_line(&version).to_owned())
}

/// Returns an error unless the other machine has the same system and processor.
fn check_platform(source: &RemoteSource) -> Result<(), CliError> {
    let reported = run(source, "uname -s -m", Stdio::null())?;
    let reported = last_line(&reported);
    let (system, processor) = reported.split_once(' ').unwrap_or_default();
    let system = if system == "Darwin" { "macos".to_owned() } else { system.to_lowercase() };
    let processor = if processor == "arm64" { "aarch64" } else { processor };
    let own = (std::env::consts::OS, std::env::consts::ARCH);
    if (system.as_str(), processor) == own {
        return Ok(());
    }
    let text = format!(
        "this program is for {} {}, and there is {}; install salon there yourself",
        own.0,
        own.1,
        one_line(reported)
    );
    Err(refused(source, &text))
}

/// Runs a script there. Returns its output; the messages of a failure are the error.
fn run(source: &RemoteSource, script: &str, stdin: Stdio) -> Result<String, CliError> {
    let argv =
        command::script(source, script).ok_or_else(|| refused(source, "it is reached by a command of its own"))?;
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
fn hash(file: &std::path::Path) -> io::Result<String> {
    let mut reader = files::open(file)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => hasher.update(&buffer[..count]),
        }
    }
}
