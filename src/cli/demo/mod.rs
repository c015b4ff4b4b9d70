//! `salon demo`: opens the screen on a bundled history of all agents.
//!
//! Everything lies in a temporary home that is removed at the end. Nothing in the user's home is read or written, and no
//! agent is started: the demo has no `PATH`.

mod bundle;
mod holder;
mod home;

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::args::{Cli, DemoArgs};
use super::context;
use super::error::{CliError, CliErrorCode};
use super::tui;
use crate::agent::Environment;
use crate::config::settings::{self, Settings};
use crate::runtime::env::{self, Clock};
use crate::runtime::{self, StartOptions, StartupAction};

pub use home::DemoHome;

/// Message at the start of the demo.
const NOTICE: &str = "Demo: all sessions are invented, none of yours is read. ? all keys, q quits";

/// Variables that describe the terminal. The demo gets no others.
const TERMINAL_VARIABLES: [&str; 5] = ["TERM", "COLORTERM", "COLORFGBG", "NO_COLOR", "LANG"];

/// Opens the demo; prints usage if there is no terminal.
pub fn run(cli: &Cli, args: &DemoArgs) -> Result<ExitCode, CliError> {
    if args.hold {
        return Ok(holder::hold());
    }
    if !tui::has_terminal() && args.json {
        return Err(CliError::new(CliErrorCode::Usage, "the screen needs a terminal"));
    }
    if !tui::has_terminal() {
        return tui::refuse();
    }
    let clock = Clock::new(context::fixed_time()?);
    let failed = |error: std::io::Error| CliError::new(CliErrorCode::Failed, format!("demo: {error}"));
    let home = DemoHome::create(&home::parent(env::var), clock.now()).map_err(failed)?;
    // The scope "here" is a workspace of the demo, not the directory in which the user started it.
    std::env::set_current_dir(home.start_dir()).map_err(failed)?;
    let ended = runtime::run(options(cli, &home, clock));
    home.remove().map_err(failed)?;
    ended?;
    Ok(ExitCode::SUCCESS)
}

fn options(cli: &Cli, home: &DemoHome, clock: Clock) -> StartOptions {
    let mut vars: BTreeMap<String, String> =
        TERMINAL_VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), env::var(name)?))).collect();
    // An empty directory rather than none, because a child without `PATH` searches the system's directories.
    vars.insert("PATH".into(), home.empty_dir().to_string_lossy().into_owned());
    StartOptions {
        settings: Settings::read(settings::DEFAULT).0,
        issues: Vec::new(),
        environment: Environment { home: home.path().to_owned(), vars, ..Environment::default() },
        config_file: home.paths().config_file(),
        paths: home.paths(),
        coloured: context::coloured(cli.color),
        clock,
        startup_action: Some(StartupAction::Notice(NOTICE.into())),
    }
}
