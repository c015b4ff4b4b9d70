//! `salon stop`: ends what runs on a session. A run that another salon holds is that one's to end.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::args::IdArgs;
use super::context::Context;
use super::failure::{Code, Failure};
use super::json::SCHEMA_VERSION;
use super::{output, state};
use crate::live::{self, recover};
use crate::runtime::lives;

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
    let options = lives::options(store.clone(), &context.environment, &context.paths.cache, &context.settings.server);
    let recovered =
        recover::recover(&store, live::this_process(), &options.arrived).map_err(|error| state::broken(&error))?;
    let ended: Vec<_> = recovered.ended.iter().map(|child| child.child.pid).collect();
    let mut out = output::stdout();
    if args.json {
        output::json(&mut out, &Stopped { schema_version: SCHEMA_VERSION, run: &run.0, ended: &ended })?;
    } else {
        match ended.len() {
            0 => writeln!(out, "{run}: nothing runs there")?,
            count => writeln!(out, "{run}: {count} agents that a killed salon left behind were ended")?,
        }
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}
