//! `salon man`: prints one manual page for all commands.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use clap_mangen::Man;

use super::args::Cli;
use super::error::CliError;
use super::output;

/// Prints the manual page.
pub(super) fn run() -> Result<ExitCode, CliError> {
    let mut out = output::stdout();
    page(&mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn page(out: &mut impl Write) -> io::Result<()> {
    let mut command = Cli::command();
    command.build();
    Man::new(command.clone()).render(out)?;
    // All commands share one page, so that there is only one file to install.
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set()) {
        writeln!(out, ".SH \"SALON {}\"", sub.get_name().to_uppercase())?;
        let man = Man::new(sub.clone());
        man.render_description_section(out)?;
        man.render_synopsis_section(out)?;
        man.render_options_section(out)?;
    }
    Ok(())
}
