//! `salon send`: continues a session with a prompt.

use std::process::ExitCode;

use super::args::SendArgs;
use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::sessions::LoadedSessions;
use super::turn::{self, TurnRequest};
use super::{find, query, tui};
use crate::domain::run::{Conversation, RunStart};
use crate::runtime::StartupAction;
use crate::runtime::resume;

/// Sends a prompt: in salon's chat on a terminal, else for one turn.
pub fn run(context: CliContext, args: &SendArgs) -> Result<ExitCode, CliError> {
    let session = find::find(&LoadedSessions::read(&context).all, &args.id)?;
    let prompt = query::required(&args.prompt)?.filter(|prompt| !prompt.trim().is_empty());
    if tui::has_terminal() && !args.turn.json {
        return tui::open(context, Some(StartupAction::Chat { key: session.key.clone(), prompt }));
    }
    let prompt = prompt
        .ok_or_else(|| CliError::new(CliErrorCode::Usage, "no prompt; pass one, or `-` to read it from stdin"))?;
    let launch = resume::launch(&session, &[], None);
    let obstacles = resume::obstacles(&session, &launch, &context.environment);
    // Whether it is open elsewhere is checked when the run starts: leftover processes of a killed salon are stopped
    // by then, and must not count as another program.
    super::resume::check_obstacles(&session, &launch, &obstacles, true)?;
    let opening = RunStart::new(Conversation::Resume(session.key.id.clone()), launch.cwd);
    turn::run(&context, TurnRequest { agent: session.key.agent, opening, prompt, args: &args.turn })
}
