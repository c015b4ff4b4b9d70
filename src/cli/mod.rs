//! Command line, one file per command. Data goes to stdout, everything else to stderr.
//!
//! Flags, JSON shapes and exit codes are a contract with scripts. New ones may be added; none is renamed or removed
//! without a new `schema_version`. Exit codes: 0 success, 1 failed or refused, 2 wrong usage or ambiguous, 130 interrupted.

pub mod args;
pub mod demo;

pub use crate::export::json;

mod annotate;
mod annotation_args;
mod annotations;
mod annotations_args;
mod approve;
mod attach;
mod backends;
mod changes;
mod changes_args;
mod completions;
mod config;
mod context;
mod diff;
mod doctor;
mod earlier_prompts;
mod error;
mod events;
mod export;
mod export_args;
mod file;
mod file_args;
mod find;
mod keep;
mod keep_args;
mod list;
mod man;
mod model_lists;
mod new;
mod open;
mod output;
mod query;
mod queue;
mod relocate;
mod relocate_args;
mod remote;
mod remote_worktree;
mod repair;
mod repair_args;
mod resume;
mod rewind;
mod rewind_args;
mod run_args;
mod run_host;
mod scope;
mod search;
mod selection;
mod send;
mod send_elsewhere;
mod sent_prompt;
mod serve;
mod serve_args;
mod session_args;
mod sessions;
mod show;
mod source;
mod source_args;
mod source_discover;
mod source_install;
mod state;
mod stats;
mod stats_args;
mod stats_table;
mod stop;
mod table;
mod time_arg;
mod trash;
mod trash_args;
mod tui;
mod turn;
mod turn_printer;
mod turn_signals;
mod worktree;
mod worktree_args;
mod worktree_json;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, CliCommand};
use context::CliContext;
use error::CliError;

/// Runs one command line, including the program's name, and returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    context::define_agents(&args);
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return error::usage(&error, &args),
    };
    let json = cli.json();
    dispatch(cli).unwrap_or_else(|failure| failure.report(json))
}

fn dispatch(cli: Cli) -> Result<ExitCode, CliError> {
    // These need no environment of the user.
    match &cli.command {
        Some(CliCommand::Completions(args)) => return completions::run(args),
        Some(CliCommand::Man) => return man::run(),
        Some(CliCommand::Demo(args)) => return demo::run(&cli, args),
        _ => {}
    }
    let context = CliContext::new(&cli)?;
    match cli.command {
        None => tui::run(context),
        Some(CliCommand::Open(words)) => open::run(context, &words),
        Some(CliCommand::List(args)) => list::run(&context, &args),
        Some(CliCommand::Search(args)) => search::run(&context, &args),
        Some(CliCommand::Show(args)) => show::run(&context, &args),
        Some(CliCommand::Resume(args)) => resume::run(context, &args),
        Some(CliCommand::Queue(args)) => queue::run(&context, &args),
        Some(CliCommand::Stop(args)) => stop::run(&context, &args),
        Some(CliCommand::Approve(args)) => approve::run(&context, &args),
        Some(CliCommand::Attach(args)) => attach::run(context, &args),
        Some(CliCommand::New(args)) => new::run(context, &args),
        Some(CliCommand::Send(args)) => send::run(context, &args),
        Some(CliCommand::Serve(args)) => serve::run(&context, &args),
        Some(CliCommand::Source(args)) => source::run(&context, &args),
        Some(CliCommand::Rename(args)) => annotate::rename(&context, &args),
        Some(CliCommand::Star(args)) => annotate::star(&context, &args),
        Some(CliCommand::Tag(args)) => annotate::tag(&context, &args),
        Some(CliCommand::Note(args)) => annotate::note(&context, &args),
        Some(CliCommand::Trash(args)) => trash::run(&context, &args),
        Some(CliCommand::Restore(args)) => trash::restore(&context, &args),
        Some(CliCommand::Relocate(args)) => relocate::run(&context, &args),
        Some(CliCommand::Annotations(args)) => annotations::run(&context, &args),
        Some(CliCommand::Keep(args)) => keep::run(&context, &args),
        Some(CliCommand::Stats(args)) => stats::run(&context, &args),
        Some(CliCommand::Diff(args)) => changes::run(&context, &args),
        Some(CliCommand::Rewind(args)) => rewind::run(&context, &args),
        Some(CliCommand::Worktree(args)) => worktree::run(&context, &args),
        Some(CliCommand::File(args)) => file::run(&context, &args),
        Some(CliCommand::Repair(args)) => repair::run(&context, &args),
        Some(CliCommand::Export(args)) => export::run(&context, &args),
        Some(CliCommand::Doctor(args)) => doctor::run(&context, &args),
        Some(CliCommand::Config(args)) => config::run(&context, &args),
        Some(CliCommand::SessionIds) => completions::session_ids(&context),
        Some(CliCommand::QueryWords(args)) => completions::query_words(&context, &args),
        Some(CliCommand::Completions(_) | CliCommand::Man | CliCommand::Demo(_)) => unreachable!("answered above"),
    }
}
