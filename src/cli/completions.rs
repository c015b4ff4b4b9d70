//! `salon completions`: prints a completion script.

use std::process::ExitCode;

use clap::CommandFactory;

use super::args::{Cli, CompletionsArgs};
use super::error::CliError;
use super::output;

/// Prints the completion script of a shell.
pub(super) fn run(args: &CompletionsArgs) -> Result<ExitCode, CliError> {
    use std::io::Write;
    // Written to memory first: the generator panics if its writer fails.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "salon", &mut script);
    let mut out = output::stdout();
    out.write_all(&script)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
