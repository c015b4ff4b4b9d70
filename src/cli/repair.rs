//! `salon repair`: writes a repaired copy of a damaged session. The original stays as it is.

use std::process::ExitCode;

use serde::Serialize;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::json::SCHEMA_VERSION;
use super::repair_args::RepairArgs;
use super::sessions::LoadedSessions;
use super::{find, output, remote};
use crate::agent::line_repair::{self, LineRepairs};
use crate::export;

/// JSON shape of a repaired copy.
#[derive(Serialize)]
struct Report<'a> {
    schema_version: u32,
    id: &'a str,
    agent: &'static str,
    path: String,
    records: u64,
    /// Lines that contained several records.
    split: u64,
    joined: u64,
    /// Torn records that were closed.
    closed: u64,
    /// Bytes that were left out.
    left_out: u64,
}

/// Writes the copy.
pub(super) fn run(context: &CliContext, args: &RepairArgs) -> Result<ExitCode, CliError> {
    remote::only_there(context, &args.id)?;
    let session = find::find(&LoadedSessions::read(context).all, &args.id)?;
    if session.flags.purged {
        let label = session.key.agent.label();
        let reason = format!("{label} deleted it; only its prompts are left, in a file that all sessions share");
        return Err(CliError::new(CliErrorCode::Failed, reason));
    }
    if let Some(reason) = line_repair::refusal(&session.path) {
        return Err(CliError::new(CliErrorCode::Failed, reason));
    }
    let written = export::create_file(&args.output, false, |out| line_repair::write_repaired(&session.path, out));
    let repairs =
        written.map_err(|error| CliError::new(CliErrorCode::Failed, format!("{}: {error}", args.output.display())))?;
    let LineRepairs { records, split, joined, closed, left_out } = repairs;
    if args.json {
        let path = args.output.to_string_lossy().into_owned();
        let (id, agent) = (&*session.key.id, session.key.agent.name());
        let report =
            Report { schema_version: SCHEMA_VERSION, id, agent, path, records, split, joined, closed, left_out };
        output::json(&mut output::stdout(), &report)?;
    } else {
        output::note(&format!("{}: {repairs}; {records} records", args.output.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
