//! `salon resume`: becomes the agent's own program, after looking whether that would do harm.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

use super::args::ResumeArgs;
use super::context::Context;
use super::failure::{Code, Failure};
use super::history::History;
use super::json::SCHEMA_VERSION;
use super::{find, output, tui};
use crate::domain::Session;
use crate::domain::launch::Launch;
use crate::runtime::First;
use crate::runtime::resume::{self, Obstacles};
use crate::runtime::surroundings;

#[derive(Serialize)]
struct Printed<'a> {
    schema_version: u32,
    program: &'a str,
    args: &'a [String],
    cwd: Option<String>,
    command: String,
}

/// Resumes a session, or prints how.
pub fn run(context: Context, args: &ResumeArgs) -> Result<ExitCode, Failure> {
    let history = History::read(&context);
    let session = find::find(&history.all, &args.id)?;
    if args.chat {
        if !tui::has_terminal() {
            return Err(Failure::new(Code::Unavailable, "there is no terminal to open the chat on; see `salon send`"));
        }
        return tui::open(context, Some(First::Chat { key: session.key.clone(), prompt: None }));
    }
    let cwd = args.cwd.as_ref().map(|dir| surroundings::current_dir().unwrap_or_default().join(dir));
    let launch = resume::launch(&session, &args.extra, cwd.as_deref());
    if args.print {
        print(&launch, args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    refuse(&session, &launch, &resume::obstacles(&session, &launch, &context.environment), args.force)?;
    let kept = resume::keep_endangered(&session, &context.paths.kept())
        .map_err(|error| Failure::new(Code::Failed, format!("nothing was started: no copy could be kept: {error}")))?;
    if let Some(warning) = kept {
        writeln!(io::stderr().lock(), "salon: {warning}")?;
    }
    let error = resume::become_agent(&launch);
    Err(Failure::new(Code::Unavailable, format!("cannot start {}: {error}", launch.program)))
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

/// Says what stands in the way of starting `launch` on a session.
pub fn refuse(session: &Session, launch: &Launch, found: &Obstacles, force: bool) -> Result<(), Failure> {
    let agent = session.key.agent;
    if let Some(reason) = &found.refused {
        return Err(Failure::new(Code::Unavailable, reason.clone()));
    }
    if found.directory_gone {
        let dir = launch.cwd.display();
        return Err(Failure::new(
            Code::Unavailable,
            format!("the directory {dir} is gone; name another with --cwd DIR"),
        ));
    }
    if found.not_installed {
        let message = format!("{} is not on PATH; install {} first", launch.program, agent.label());
        return Err(Failure::new(Code::Unavailable, message));
    }
    match &found.open_elsewhere {
        Some(who) if !force => {
            Err(Failure::new(Code::Busy, format!("the session is open in {who}; --force resumes it all the same")))
        }
        _ => Ok(()),
    }
}
