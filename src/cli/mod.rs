//! The command line, one file a command. Data goes to stdout, all else to stderr.
//!
//! Flags, shapes and exit codes are a contract with scripts: they grow, and none is renamed or removed without a new
//! `schema_version`. 0: done; 1: failed or refused; 2: wrong usage or ambiguous; 130: interrupted (by the signal).

pub mod args;
pub mod json;

mod approve;
mod attach;
mod completions;
mod config;
mod context;
mod doctor;
mod events;
mod failure;
mod find;
mod history;
mod list;
mod man;
mod markdown;
mod new;
mod output;
mod query;
mod queue;
mod resume;
mod scope;
mod search;
mod send;
mod show;
mod state;
mod stop;
mod table;
mod tui;
mod turn;
mod when;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use context::Context;
use failure::Failure;

/// Runs one command line, the program's name in front, and tells how it ended.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return failure::usage(&error, &args),
    };
    let json = cli.json();
    dispatch(cli).unwrap_or_else(|failure| failure.report(json))
}

fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    // These two say what the program is, whatever its surroundings are.
    match &cli.command {
        Some(Command::Completions(args)) => return completions::run(args),
        Some(Command::Man) => return man::run(),
        _ => {}
    }
    let context = Context::new(&cli)?;
    match cli.command {
        None => tui::run(context),
        Some(Command::List(args)) => list::run(&context, &args),
        Some(Command::Search(args)) => search::run(&context, &args),
        Some(Command::Show(args)) => show::run(&context, &args),
        Some(Command::Resume(args)) => resume::run(context, &args),
        Some(Command::Queue(args)) => queue::run(&context, &args),
        Some(Command::Stop(args)) => stop::run(&context, &args),
        Some(Command::Approve(args)) => approve::run(&context, &args),
        Some(Command::Attach(args)) => attach::run(context, &args),
        Some(Command::New(args)) => new::run(context, &args),
        Some(Command::Send(args)) => send::run(context, &args),
        Some(Command::Doctor(args)) => doctor::run(&context, &args),
        Some(Command::Config(args)) => config::run(&context, &args),
        Some(Command::Completions(_) | Command::Man) => unreachable!("answered above"),
    }
}
