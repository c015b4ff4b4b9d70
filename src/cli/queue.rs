//! `salon queue`: lists accepted prompts that are not delivered yet.
#![expect(clippy::disallowed_methods, reason = "a command has no event loop to delay")]

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode, refusal_error};
use super::json::SCHEMA_VERSION;
use super::run_args::QueueArgs;
use super::{output, run_host, state};
use crate::domain::Time;
use crate::domain::prompt::{Prompt, PromptId, PromptState};
use crate::domain::run::RunId;
use crate::domain::run_request::RunRequest;
use crate::serve::RunHost;
use crate::stdx::text::{ellipsis, one_line};
use crate::store::{self, Connection, Store, outbox, registry};

#[derive(Serialize)]
struct Queue {
    schema_version: u32,
    prompts: Vec<Row>,
}

/// JSON shape of a prompt.
#[derive(Serialize)]
struct Row {
    id: i64,
    run: String,
    agent: Option<&'static str>,
    session: Option<String>,
    /// `failed`, `held`, `sending` or `pending`.
    state: &'static str,
    reason: Option<String>,
    text: String,
    submitted_at: String,
    age_ms: i64,
    attempts: u32,
}

/// Cancels or releases a prompt if requested, then lists queued prompts.
pub(super) fn run(context: &CliContext, args: &QueueArgs) -> Result<ExitCode, CliError> {
    let changes = args.cancel.is_some() || args.release.is_some();
    let store = if changes { state::open(context)? } else { state::open_to_read(context)? };
    if let Some(id) = args.cancel {
        set_state(context, &store, id, PromptState::Cancelled)?;
    }
    if let Some(id) = args.release {
        set_state(context, &store, id, PromptState::Pending)?;
    }
    let only = args.id.as_deref().map(|name| state::run_of(context, &store, name)).transpose()?;
    let prompts = store.with(|db| outbox::all_queued(db)).map_err(|error| state::db_error(&error))?;
    let prompts = prompts.into_iter().filter(|prompt| only.as_ref().is_none_or(|run| run.id == prompt.run));
    let now = context.clock.now();
    let rows = prompts.map(|prompt| row(&store, prompt, now)).collect::<Result<Vec<_>, _>>()?;
    let mut out = output::stdout();
    if args.json {
        output::json(&mut out, &Queue { schema_version: SCHEMA_VERSION, prompts: rows })?;
    } else {
        rows.iter().try_for_each(|row| line(&mut out, row))?;
        out.flush()?;
        if rows.is_empty() {
            output::note("no prompt is queued")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Changes the state of a prompt, through the server that has its run. A prompt that is being sent is excluded: the agent
/// may already have it.
fn set_state(context: &CliContext, store: &Store, id: i64, to: PromptState) -> Result<(), CliError> {
    let from = match to {
        PromptState::Cancelled => &[PromptState::Pending, PromptState::Held, PromptState::Failed][..],
        _ => &[PromptState::Held, PromptState::Failed][..],
    };
    let prompt = state::prompt(store, PromptId(id))?;
    if let Some(prompt) = prompt.filter(|prompt| from.contains(&prompt.state)) {
        if in_server(context, store, &prompt, to)? {
            return Ok(());
        }
        if store.with(|db| change(db, prompt.id, from, to)).map_err(|error| state::db_error(&error))? {
            return Ok(());
        }
    }
    // Read again: another process may have just changed it.
    let message = match state::prompt(store, PromptId(id))?.map(|prompt| prompt.state) {
        None => format!("prompt {id} is not in a queue"),
        Some(PromptState::Pending) => {
            format!("prompt {id} waits to be sent; only held and failed prompts are released")
        }
        Some(state) => format!("prompt {id} {}", state.predicate()),
    };
    Err(CliError::new(CliErrorCode::NotFound, message))
}

/// Changes a prompt of a run that a server has, so that the run and its windows know it at once. Returns false if no server
/// has it.
fn in_server(context: &CliContext, store: &Store, prompt: &Prompt, to: PromptState) -> Result<bool, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let changed = runtime.block_on(async {
        let Some((client, _)) = run_host::server_of(context, store, &prompt.run).await? else { return Ok(false) };
        let request = match to {
            PromptState::Cancelled => RunRequest::CancelPrompt(prompt.run.clone(), prompt.id),
            _ => RunRequest::ReleasePrompt(prompt.run.clone(), prompt.id),
        };
        RunHost::Served(client).execute(request).await.map_err(|refusal| refusal_error(&refusal))?;
        Ok(true)
    });
    runtime.shutdown_background();
    changed
}

fn change(db: &mut Connection, id: PromptId, from: &[PromptState], to: PromptState) -> store::Result<bool> {
    match to {
        PromptState::Pending => outbox::release(db, id, from, Some(outbox::RELEASED)),
        _ => outbox::advance(db, id, from, to, None),
    }
}

fn row(store: &Store, prompt: Prompt, now: Time) -> Result<Row, CliError> {
    let record = store.with(|db| registry::find(db, &prompt.run)).map_err(|error| state::db_error(&error))?;
    let RunId(run) = &prompt.run;
    Ok(Row {
        id: prompt.id.0,
        run: run.to_string(),
        agent: record.as_ref().map(|record| record.agent.name()),
        session: record.and_then(|record| record.session).map(|key| key.id.to_string()),
        state: prompt.state.name(),
        reason: prompt.reason,
        text: prompt.text,
        submitted_at: prompt.submitted.rfc3339(),
        age_ms: now.since(prompt.submitted).max(0),
        attempts: prompt.attempts,
    })
}

/// Writes id, state, submission time, session or run, reason and text, separated by tabs.
fn line(out: &mut impl Write, row: &Row) -> io::Result<()> {
    let place = match (row.agent, &row.session) {
        (Some(agent), Some(session)) => format!("{agent}:{session}"),
        _ => row.run.clone(),
    };
    let reason = one_line(row.reason.as_deref().unwrap_or_default());
    let text = ellipsis(&one_line(&row.text), 200);
    output::row(
        out,
        &format!("{}\t{}\t{}\t{}\t{reason}\t{text}", row.id, row.state, row.submitted_at, one_line(&place)),
    )
}
