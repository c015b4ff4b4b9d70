//! `salon stop`: stops leftover processes of a session. Refuses if another running salon owns the run.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode, refusal_error};
use super::json::SCHEMA_VERSION;
use super::run_args::IdArgs;
use super::{output, run_host, state};
use crate::domain::run::RunId;
use crate::domain::run_request::RunRequest;
use crate::live::{self, recover};
use crate::runtime::live_options;
use crate::serve::RunHost;
use crate::store::Store;

#[derive(Serialize)]
struct Stopped<'a> {
    schema_version: u32,
    run: &'a str,
    /// Pids of leftover processes that were stopped.
    ended: &'a [u32],
}

/// Stops leftover processes of a run.
pub(super) fn run(context: &CliContext, args: &IdArgs) -> Result<ExitCode, CliError> {
    let store = state::open(context)?;
    let run = state::run_of(context, &store, &args.id)?.id;
    if stop_in_server(context, &store, &run)? {
        return report(args.json, &run, &[]);
    }
    if let Some(holder) = state::living_holder(&store, &run)? {
        let message = format!("the session is running in another salon (pid {}); stop it there", holder.pid);
        return Err(CliError::new(CliErrorCode::Busy, message));
    }
    let options = live_options::options(store.clone(), &context.environment, &context.paths.cache, &context.settings);
    let recovered = recover::recover(&store, live::this_process(), &options.is_delivered)
        .map_err(|error| state::db_error(&error))?;
    let ended: Vec<_> = recovered.ended.iter().map(|child| child.child.pid).collect();
    report(args.json, &run, &ended)
}

/// Stops the agent of a run of a server, which keeps the run. Returns false if no server has it.
fn stop_in_server(context: &CliContext, store: &Store, run: &RunId) -> Result<bool, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stopped = runtime.block_on(async {
        let Some((client, _)) = run_host::server_of(context, store, run).await? else { return Ok(false) };
        let request = RunRequest::Stop(run.clone());
        RunHost::Served(client).execute(request).await.map_err(|refusal| refusal_error(&refusal))?;
        Ok(true)
    });
    runtime.shutdown_background();
    stopped
}

fn report(json: bool, run: &RunId, ended: &[u32]) -> Result<ExitCode, CliError> {
    let mut out = output::stdout();
    if json {
        output::json(&mut out, &Stopped { schema_version: SCHEMA_VERSION, run: &run.0, ended })?;
    } else {
        match ended.len() {
            0 => writeln!(out, "{run}: not running")?,
            1 => writeln!(out, "{run}: stopped 1 leftover process")?,
            count => writeln!(out, "{run}: stopped {count} leftover processes")?,
        }
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}
