//! `salon resume`: replaces the process with the agent's own program, after safety checks.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::json::SCHEMA_VERSION;
use super::session_args::ResumeArgs;
use super::sessions::LoadedSessions;
use super::{find, output, remote, tui};
use crate::agent;
use crate::domain::Session;
use crate::domain::launch::Launch;
use crate::runtime::StartupAction;
use crate::runtime::env;
use crate::runtime::resume::{self, ResumeObstacles};

#[derive(Serialize)]
struct Printed<'a> {
    schema_version: u32,
    program: &'a str,
    args: &'a [String],
    cwd: Option<String>,
    command: String,
}

/// Resumes a session, or prints the command.
pub(super) fn run(context: CliContext, args: &ResumeArgs) -> Result<ExitCode, CliError> {
    if let Some((source, id)) = remote::named(&context, &args.id) {
        let there = words(args, id);
        return if args.print {
            remote::run_there(source, &there, args.json)
        } else {
            Err(remote::become_there(source, &there))
        };
    }
    let loaded = LoadedSessions::read(&context);
    let session = find::find(&loaded.all, &args.id)?;
    if args.chat {
        if !tui::has_terminal() {
            return Err(CliError::new(
                CliErrorCode::Unavailable,
                "the chat needs a terminal; use `salon send` without one",
            ));
        }
        return tui::open(context, Some(StartupAction::Chat { key: session.key.clone(), prompt: None }));
    }
    let cwd = args.cwd.as_ref().map(|dir| env::current_dir().unwrap_or_default().join(dir));
    let launch = resume::open(&session, &args.extra, cwd.as_deref(), &context.environment);
    if let Some(reason) = resume::id_refusal(&session.key) {
        return Err(CliError::new(CliErrorCode::Unavailable, reason));
    }
    if args.print {
        // Its agent has nothing that the command could open.
        if let Some(reason) = agent::format(session.key.agent).resume_refusal(&session).filter(|_| session.flags.purged)
        {
            return Err(CliError::new(CliErrorCode::Unavailable, reason));
        }
        print(&launch, args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let obstacles = resume::obstacles_to_open(&session, &launch, &context.environment);
    check_obstacles(&session, &launch, &obstacles, ResumeRemedies { directory: "use --cwd DIR", force: args.force })?;
    let restored = resume::restore_kept(&session, &context.environment).map_err(|error| {
        let message = format!("not started, because the session could not be restored from the archive: {error}");
        CliError::new(CliErrorCode::Failed, message)
    })?;
    if let Some(restored) = restored {
        output::note(&restored)?;
    }
    let warning = resume::back_up_at_risk_files(&session, &context.paths.backups()).map_err(|error| {
        CliError::new(CliErrorCode::Failed, format!("not started, because a safety copy could not be made: {error}"))
    })?;
    if let Some(warning) = warning {
        writeln!(io::stderr().lock(), "salon: {warning}")?;
    }
    let error = resume::become_agent(&launch);
    Err(CliError::new(CliErrorCode::Unavailable, format!("cannot start {}: {error}", launch.program)))
}

/// Arguments of the same command for another machine.
fn words(args: &ResumeArgs, id: &str) -> Vec<String> {
    let flags = [(args.force, "--force"), (args.chat, "--chat"), (args.print, "--print"), (args.json, "--json")];
    let mut words = vec!["resume".to_owned()];
    words.extend(remote::flags(&flags));
    words.extend(args.cwd.iter().map(|cwd| format!("--cwd={}", cwd.display())));
    words.push(id.to_owned());
    if !args.extra.is_empty() {
        words.push("--".to_owned());
        words.extend(args.extra.iter().cloned());
    }
    words
}

fn print(launch: &Launch, json: bool) -> io::Result<()> {
    let command = launch.shell_line();
    let mut out = output::stdout();
    if !json {
        writeln!(out, "{command}")?;
        return out.flush();
    }
    let cwd = Some(launch.cwd.to_string_lossy().into_owned()).filter(|cwd| !cwd.is_empty());
    let Launch { program, args, .. } = launch;
    output::json(&mut out, &Printed { schema_version: SCHEMA_VERSION, program, args, cwd, command })
}

/// Remedies for obstacles that a command has.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResumeRemedies<'a> {
    /// Advice if the directory is gone.
    pub directory: &'a str,
    /// True if the session is resumed although it is open elsewhere.
    pub force: bool,
}

/// Returns an error for the first obstacle to starting `launch`.
pub(super) fn check_obstacles(
    session: &Session,
    launch: &Launch,
    obstacles: &ResumeObstacles,
    remedies: ResumeRemedies<'_>,
) -> Result<(), CliError> {
    let agent = session.key.agent;
    if let Some(reason) = &obstacles.refused {
        return Err(CliError::new(CliErrorCode::Unavailable, reason.clone()));
    }
    if obstacles.directory_gone {
        let dir = launch.cwd.display();
        return Err(CliError::new(
            CliErrorCode::Unavailable,
            format!("the directory {dir} is gone; {}", remedies.directory),
        ));
    }
    if obstacles.not_installed {
        let message = format!("{} is not on PATH; install {} first", launch.program, agent.label());
        return Err(CliError::new(CliErrorCode::Unavailable, message));
    }
    match &obstacles.open_elsewhere {
        Some(program) if !remedies.force => Err(CliError::new(
            CliErrorCode::Busy,
            format!("the session is open in {program}; use --force to resume it anyway"),
        )),
        _ => Ok(()),
    }
}
