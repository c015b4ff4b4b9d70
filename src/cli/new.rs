//! `salon new`: a session begins.

use std::process::ExitCode;

use super::args::NewArgs;
use super::context::Context;
use super::failure::{Code, Failure};
use super::turn::{self, Turn};
use super::{query, tui};
use crate::domain::run::{Conversation, Opening};
use crate::runtime::First;
use crate::runtime::surroundings;

/// Begins a session: in salon's chat where there is a terminal, else for one turn.
pub fn run(context: Context, args: &NewArgs) -> Result<ExitCode, Failure> {
    let words: Vec<String> = args.prompt.iter().cloned().collect();
    let prompt = query::needed(&words)?.filter(|prompt| !prompt.trim().is_empty());
    let here = surroundings::current_dir().unwrap_or_default();
    let cwd = args.dir.as_ref().map_or_else(|| here.clone(), |dir| here.join(dir));
    if !cwd.is_dir() {
        return Err(Failure::new(Code::Unavailable, format!("there is no directory {}", cwd.display())));
    }
    let opening = Opening {
        model: args.model.clone(),
        mode: args.mode.clone(),
        effort: args.effort.clone(),
        extra: args.extra.clone(),
        ..Opening::new(Conversation::New { id: None }, cwd)
    };
    if tui::has_terminal() && !args.turn.json {
        return tui::open(context, Some(First::New { agent: args.agent, opening, prompt }));
    }
    let prompt = prompt
        .ok_or_else(|| Failure::new(Code::Usage, "there is no prompt; give one, or `-` to read it from stdin"))?;
    turn::run(&context, Turn { agent: args.agent, opening, prompt, args: &args.turn })
}
