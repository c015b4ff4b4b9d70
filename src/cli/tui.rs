//! `salon` alone: the screen.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::CommandFactory;

use super::args::Cli;
use super::context::Context;
use super::failure::Failure;

/// Opens the screen; without a terminal, says how salon is used.
pub fn run(_context: Context) -> Result<ExitCode, Failure> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        use io::Write;
        let help = Cli::command().render_help();
        write!(io::stderr().lock(), "salon: there is no terminal to open the screen on\n\n{help}")?;
        return Ok(ExitCode::from(2));
    }
    Ok(ExitCode::SUCCESS)
}
