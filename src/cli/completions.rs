//! `salon completions SHELL`.

use std::process::ExitCode;

use clap::CommandFactory;

use super::args::{Cli, CompletionsArgs};
use super::failure::Failure;
use super::output;

/// Prints the completions of a shell.
pub fn run(args: &CompletionsArgs) -> Result<ExitCode, Failure> {
    use std::io::Write;
    // Made in memory first: the generator itself panics where its writer fails.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "salon", &mut script);
    let mut out = output::stdout();
    out.write_all(&script)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
