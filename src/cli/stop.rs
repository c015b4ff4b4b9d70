//! `salon stop`: stops the agent of a session that `salon serve` runs, or leftover processes. Refuses if another salon owns
//! the run.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode, refusal_error};
use super::json::SCHEMA_VERSION;
use super::run_args::IdArgs;
use super::{output, run_host, state};
use crate::domain::run::{Phase, RunId};
use crate::domain::run_request::RunRequest;
use crate::live::{self, recover};
use crate::runtime::live_options;
use crate::serve::RunHost;
use crate::store::Store;

/// Maximum wait for the end of an agent: its longest graceful stop, and some more.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Serialize)]
struct Stopped<'a> {
    schema_version: u32,
    run: &'a str,
    /// Pids of processes that were stopped.
    ended: &'a [u32],
}

/// Stops leftover processes of a run.
pub(super) fn run(context: &CliContext, args: &IdArgs) -> Result<ExitCode, CliError> {
    let store = state::open(context)?;
    let run = state::run_of(context, &store, &args.id)?.id;
    match stop_in_server(context, &store, &run)? {
        ServerStop::NoServer => {}
        ServerStop::NotRunning => return report(args.json, &run, (&[], "not running")),
        ServerStop::Stopped(pid) => return report(args.json, &run, (pid.as_slice(), "stopped its agent")),
    }
    if let Some(holder) = state::living_holder(&store, &run)? {
        let message = format!("the session is running in another salon (pid {}); stop it there", holder.pid);
        return Err(CliError::new(CliErrorCode::Busy, message));
    }
    let options = live_options::options(store.clone(), &context.environment, &context.paths.cache, &context.settings);
    let recovered = recover::recover(&store, live::this_process(), &options.is_delivered)
        .map_err(|error| state::db_error(&error))?;
    let ended: Vec<_> = recovered.ended.iter().map(|child| child.child.pid).collect();
    let text = match ended.len() {
        0 => "not running".to_owned(),
        1 => "stopped 1 leftover process".to_owned(),
        count => format!("stopped {count} leftover processes"),
    };
    report(args.json, &run, (&ended, &text))
}

/// Result of stopping a run of a server.
enum ServerStop {
    /// No server has the run.
    NoServer,
    /// Its agent was not running.
    NotRunning,
    /// Its agent was stopped; the pid, unless a process of several runs is shared.
    Stopped(Option<u32>),
}

/// Stops the agent of a run of a server, which keeps the run, and waits for its end.
fn stop_in_server(context: &CliContext, store: &Store, run: &RunId) -> Result<ServerStop, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stopped = runtime.block_on(async {
        let Some((client, _)) = run_host::server_of(context, store, run).await? else {
            return Ok(ServerStop::NoServer);
        };
        let host = RunHost::Served(client);
        let Some(mut viewer) = host.view(run).await else { return Ok(ServerStop::NotRunning) };
        let before = viewer.info();
        // An agent that failed may be about to start again.
        host.execute(RunRequest::Stop(run.clone())).await.map_err(|refusal| refusal_error(&refusal))?;
        if matches!(before.phase, Phase::Stopped(_)) {
            return Ok(ServerStop::NotRunning);
        }
        let ended = async {
            while !matches!(viewer.info().phase, Phase::Stopped(_)) {
                if !viewer.changed().await {
                    return;
                }
            }
        };
        let in_time = tokio::time::timeout(STOP_TIMEOUT, ended).await;
        in_time.map_err(|_| CliError::new(CliErrorCode::Failed, format!("the agent of {run} does not end")))?;
        Ok(ServerStop::Stopped(before.pid))
    });
    runtime.shutdown_background();
    stopped
}

fn report(json: bool, run: &RunId, (ended, text): (&[u32], &str)) -> Result<ExitCode, CliError> {
    let mut out = output::stdout();
    if json {
        output::json(&mut out, &Stopped { schema_version: SCHEMA_VERSION, run: &run.0, ended })?;
    } else {
        writeln!(out, "{run}: {text}")?;
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}
