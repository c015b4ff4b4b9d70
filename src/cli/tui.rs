//! `salon` alone: the screen.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::CommandFactory;

use super::args::Cli;
use super::context::Context;
use super::failure::Failure;
use crate::runtime::{self, First, Start};

/// Opens the screen; without a terminal, says how salon is used.
pub fn run(context: Context) -> Result<ExitCode, Failure> {
    if !has_terminal() {
        use io::Write;
        let help = Cli::command().render_help();
        write!(io::stderr().lock(), "salon: there is no terminal to open the screen on\n\n{help}")?;
        return Ok(ExitCode::from(2));
    }
    open(context, None)
}

/// Whether there is a terminal to open the screen on.
pub fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Opens the screen, and does something there first.
pub fn open(context: Context, first: Option<First>) -> Result<ExitCode, Failure> {
    let Context { settings, issues, environment, paths, clock, style, .. } = context;
    runtime::run(Start { settings, issues, environment, paths, coloured: style.on, clock, first })?;
    Ok(ExitCode::SUCCESS)
}
