//! `salon stop`: ends what runs on a session. A run that another salon holds is that one's to end.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::args::IdArgs;
use super::context::Context;
use super::failure::{Code, Failure};
use super::json::SCHEMA_VERSION;
use super::{output, state};

#[derive(Serialize)]
struct Stopped<'a> {
    schema_version: u32,
    run: &'a str,
    /// Processes that a killed salon left behind, and that were ended.
    ended: &'a [u32],
}

/// Ends a run.
pub fn run(context: &Context, args: &IdArgs) -> Result<ExitCode, Failure> {
    let store = state::open(context)?;
    let run = state::run_of(context, &store, &args.id)?.id;
    if let Some(holder) = state::living_holder(&store, &run)? {
        let message = format!("it runs in another salon, process {}; stop it there", holder.pid);
        return Err(Failure::new(Code::Busy, message));
    }
    let ended = Vec::new();
    let mut out = output::stdout();
    if args.json {
        output::json(&mut out, &Stopped { schema_version: SCHEMA_VERSION, run: &run.0, ended: &ended })?;
    } else {
        writeln!(out, "{run}: nothing runs there")?;
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}
