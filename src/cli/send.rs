//! `salon send`: a prompt for a session that goes on.

use std::process::ExitCode;

use super::args::SendArgs;
use super::context::Context;
use super::failure::{Code, Failure};
use super::history::History;
use super::turn::{self, Turn};
use super::{find, query, tui};
use crate::domain::run::{Conversation, Opening};
use crate::runtime::First;
use crate::runtime::resume;

/// Sends a prompt: in salon's chat where there is a terminal, else for one turn.
pub fn run(context: Context, args: &SendArgs) -> Result<ExitCode, Failure> {
    let session = find::find(&History::read(&context).all, &args.id)?;
    let prompt = query::needed(&args.prompt)?.filter(|prompt| !prompt.trim().is_empty());
    if tui::has_terminal() && !args.turn.json {
        return tui::open(context, Some(First::Chat { key: session.key.clone(), prompt }));
    }
    let prompt = prompt
        .ok_or_else(|| Failure::new(Code::Usage, "there is no prompt; give one, or `-` to read it from stdin"))?;
    let launch = resume::launch(&session, &[], None);
    let found = resume::obstacles(&session, &launch, &context.environment);
    // Who has it open is asked when the run begins: by then what a dead salon left running is ended, which is not
    // somebody else.
    super::resume::refuse(&session, &launch, &found, true)?;
    let opening = Opening::new(Conversation::Resume(session.key.id.clone()), launch.cwd);
    turn::run(&context, Turn { agent: session.key.agent, opening, prompt, args: &args.turn })
}
