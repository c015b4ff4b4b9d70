//! What every command needs to know of its surroundings, looked up once.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use crate::agent::Environment;
use crate::cli::args::{Cli, Colour};
use crate::cli::failure::{Code, Failure};
use crate::cli::output::Style;
use crate::config::paths::Paths;
use crate::config::settings::Settings;
use crate::domain::{Issue, Time};
use crate::runtime::log;
use crate::runtime::surroundings::{self, Clock};

/// The surroundings of a command.
#[derive(Debug)]
pub struct Context {
    /// Where salon's own files are.
    pub paths: Paths,
    /// The configuration file.
    pub config_file: PathBuf,
    /// Its text; empty where there is none.
    pub config_text: String,
    /// The configuration.
    pub settings: Settings,
    /// What is wrong with it.
    pub issues: Vec<Issue>,
    /// Where agents keep their files.
    pub environment: Environment,
    /// The clock.
    pub clock: Clock,
    /// How output is painted.
    pub style: Style,
}

impl Context {
    /// Looks around.
    pub fn new(cli: &Cli) -> Result<Self, Failure> {
        let clock = Clock::new(fixed_time()?);
        let no_home = || Failure::new(Code::Unavailable, "there is no home directory; set HOME");
        let paths = Paths::resolve(surroundings::var).ok_or_else(no_home)?;
        let home = surroundings::home().ok_or_else(no_home)?;
        log::start(&paths.data, surroundings::var("SALON_LOG").as_deref())
            .map_err(|reason| Failure::new(Code::Usage, format!("SALON_LOG: {reason}")))?;
        let config_file = cli.config.clone().unwrap_or_else(|| paths.config_file());
        let config_text = read_config(&config_file, cli.config.is_some())?;
        let (mut settings, problems) = Settings::read(&config_text);
        settings.server.address = cli.opencode_server.or(settings.server.address);
        let issues = problems.into_iter().map(|problem| Issue::new(&config_file, problem)).collect();
        let environment = Environment { home, vars: surroundings::vars().collect(), roots: settings.roots.clone() };
        let style = Style { on: coloured(cli.color) };
        Ok(Self { paths, config_file, config_text, settings, issues, environment, clock, style })
    }
}

fn fixed_time() -> Result<Option<Time>, Failure> {
    let Some(text) = surroundings::var("SALON_NOW") else { return Ok(None) };
    let wrong =
        || Failure::new(Code::Usage, format!("SALON_NOW: \"{text}\" is not a time such as 2026-11-21T09:25:55Z"));
    Time::parse(&text).map(Some).ok_or_else(wrong)
}

/// The text of the configuration. None is fine, unless it was asked for by name.
fn read_config(file: &Path, named: bool) -> Result<String, Failure> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !named => Ok(String::new()),
        Err(error) => Err(Failure::new(Code::Failed, format!("{}: {error}", file.display()))),
    }
}

fn coloured(wanted: Colour) -> bool {
    match wanted {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => io::stdout().is_terminal() && surroundings::var("NO_COLOR").is_none(),
    }
}
