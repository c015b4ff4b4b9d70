//! `salon` without a command: opens the screen.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::CommandFactory;

use super::args::Cli;
use super::context::CliContext;
use super::error::CliError;
use crate::runtime::{self, StartOptions, StartupAction};

/// Opens the screen; prints usage if there is no terminal.
pub(super) fn run(context: CliContext) -> Result<ExitCode, CliError> {
    if has_terminal() { open(context, None) } else { refuse() }
}

/// Reports that the screen needs a terminal, with usage.
pub(super) fn refuse() -> Result<ExitCode, CliError> {
    use io::Write;
    let help = Cli::command().render_help();
    write!(io::stderr().lock(), "salon: the screen needs a terminal\n\n{help}")?;
    Ok(ExitCode::from(2))
}

/// Returns true if stdin and stdout are terminals.
pub(super) fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Opens the screen with an optional startup action.
pub(super) fn open(context: CliContext, startup_action: Option<StartupAction>) -> Result<ExitCode, CliError> {
    let CliContext { settings, issues, environment, paths, config_file, clock, style, .. } = context;
    let coloured = style.on;
    runtime::run(StartOptions { settings, issues, environment, paths, config_file, coloured, clock, startup_action })?;
    Ok(ExitCode::SUCCESS)
}
