//! `salon` alone: the screen.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::CommandFactory;

use super::args::Cli;
use super::context::Context;
use super::failure::Failure;
use crate::runtime::{self, Start};

/// Opens the screen; without a terminal, says how salon is used.
pub fn run(context: Context) -> Result<ExitCode, Failure> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        use io::Write;
        let help = Cli::command().render_help();
        write!(io::stderr().lock(), "salon: there is no terminal to open the screen on\n\n{help}")?;
        return Ok(ExitCode::from(2));
    }
    let Context { settings, issues, environment, paths, clock, style, .. } = context;
    runtime::run(Start { settings, issues, environment, paths, coloured: style.on, clock })?;
    Ok(ExitCode::SUCCESS)
}
