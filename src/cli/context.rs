//! Environment of a command: paths, configuration, clock and colours, resolved once at start.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use crate::agent::Environment;
use crate::cli::args::{Cli, ColorMode};
use crate::cli::error::{CliError, CliErrorCode};
use crate::cli::output::OutputStyle;
use crate::config::paths::Paths;
use crate::config::problem::ConfigProblem;
use crate::config::settings::Settings;
use crate::domain::configured_agent::ConfiguredAgent;
use crate::domain::{Issue, Time};
use crate::runtime::env::{self, Clock};
use crate::runtime::log;
use crate::stdx::files::{self, SizeLimit};
use crate::stdx::{program, temp};

/// Environment of a command.
#[derive(Debug)]
pub(super) struct CliContext {
    /// Directories of salon's own files.
    pub paths: Paths,
    /// Path of the configuration file.
    pub config_file: PathBuf,
    /// Text of the configuration file; empty if it does not exist.
    pub config_text: String,
    /// Effective configuration.
    pub settings: Settings,
    /// Errors in the configuration file.
    pub issues: Vec<Issue>,
    /// Home directory, variables and roots for locating agents' files.
    pub environment: Environment,
    /// Clock, fixed by `SALON_NOW`.
    pub clock: Clock,
    /// Colours of the output.
    pub style: OutputStyle,
}

impl CliContext {
    /// Resolves paths, starts the log and reads the configuration.
    pub(super) fn new(cli: &Cli) -> Result<Self, CliError> {
        let clock = Clock::new(fixed_time()?);
        let no_home = || CliError::new(CliErrorCode::Unavailable, "no home directory; set HOME");
        let paths = Paths::resolve(env::var).ok_or_else(no_home)?;
        temp::set_dirs(vec![paths.runtime.clone(), paths.cache.clone()]);
        let home = env::home().ok_or_else(no_home)?;
        log::start(&paths.data, env::var("SALON_LOG").as_deref())
            .map_err(|reason| CliError::new(CliErrorCode::Usage, format!("SALON_LOG: {reason}")))?;
        let config_file = cli.config.clone().unwrap_or_else(|| paths.config_file());
        let (config_text, unreadable) = read_config(&config_file, cli.config.is_some())?;
        let (mut settings, problems) = Settings::read(&config_text);
        settings.server.address = cli.opencode_server.or(settings.server.address);
        for source in &mut settings.sources {
            source.control_socket = Some(paths.runtime.join(format!("ssh-{}", source.name)));
        }
        let issue = |problem: ConfigProblem| Issue { line: problem.line, ..Issue::new(&config_file, problem) };
        let issues = unreadable.into_iter().chain(problems.into_iter().map(issue)).collect();
        let environment = Environment {
            home,
            vars: env::vars().collect(),
            roots: settings.roots.clone(),
            recorded: Some(paths.recorded_sessions()),
            archive: Some(paths.archive()),
        };
        let style = OutputStyle { on: coloured(cli.color) };
        Ok(Self { paths, config_file, config_text, settings, issues, environment, clock, style })
    }
}

/// Defines the agents of the configuration, whose names the arguments may contain, and those that need none. Problems are
/// reported with the rest of the configuration.
pub(super) fn define_agents(args: &[OsString]) {
    let file = named_config(args).or_else(|| Some(Paths::resolve(env::var)?.config_file()));
    let text = file.and_then(|file| files::read_text(&file, SizeLimit::CONFIG).ok());
    drop(text.map(|text| Settings::read(&text)));
    let path = env::var("PATH");
    ConfiguredAgent::define_presets(|name| program::find(name, path.as_deref()).is_some());
}

/// Returns the configuration file that the arguments name.
fn named_config(args: &[OsString]) -> Option<PathBuf> {
    let mut options = args.iter().take_while(|arg| *arg != "--");
    while let Some(option) = options.next() {
        if option == "--config" {
            return options.next().map(PathBuf::from);
        }
        if let Some(file) = option.to_str().and_then(|option| option.strip_prefix("--config=")) {
            return Some(PathBuf::from(file));
        }
    }
    None
}

/// Returns the time that `SALON_NOW` fixes.
pub(super) fn fixed_time() -> Result<Option<Time>, CliError> {
    let Some(text) = env::var("SALON_NOW") else { return Ok(None) };
    let wrong = || {
        CliError::new(CliErrorCode::Usage, format!("SALON_NOW: \"{text}\" is not a time such as 2026-11-21T09:25:55Z"))
    };
    Time::parse(&text).map(Some).ok_or_else(wrong)
}

/// Reads the configuration file. One that is missing or unreadable is an error only if `--config` named it; else it has the
/// defaults, and a problem is reported, as for one with a mistake.
fn read_config(file: &Path, named: bool) -> Result<(String, Option<Issue>), CliError> {
    match files::read_text(file, SizeLimit::CONFIG) {
        Ok(text) => Ok((text, None)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if !named {
                return Ok((String::new(), None));
            }
            let message = format!(
                "--config {}: there is no such file; salon config prints one that can be saved there",
                file.display()
            );
            Err(CliError::new(CliErrorCode::Usage, message))
        }
        Err(error) if !named => Ok((String::new(), Some(Issue::new(file, format!("not read: {error}"))))),
        Err(error) => Err(CliError::new(CliErrorCode::Failed, format!("{}: {error}", file.display()))),
    }
}

/// Returns true if the output is coloured.
pub(super) fn coloured(wanted: ColorMode) -> bool {
    match wanted {
        ColorMode::Always => true,
        ColorMode::Never => false,
        ColorMode::Auto => io::stdout().is_terminal() && env::var("NO_COLOR").is_none(),
    }
}
