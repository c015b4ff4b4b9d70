//! `salon approve`: answers an agent's open approval, also for a run of another salon process.
#![expect(clippy::disallowed_methods, reason = "a command has no event loop to delay")]

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::json::SCHEMA_VERSION;
use super::run_args::ApproveArgs;
use super::{output, state};
use crate::domain::approval::ApprovalAnswer;
use crate::stdx::exact;
use crate::stdx::text::one_line;
use crate::store::approvals::{self, StoredApproval};

#[derive(Serialize)]
struct Listing<'a> {
    schema_version: u32,
    approvals: Vec<Row<'a>>,
    /// Label of the chosen answer; `null` if approvals were only listed.
    answered: Option<&'a str>,
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    text: &'a str,
    choices: Vec<ChoiceRow<'a>>,
}

#[derive(Serialize)]
struct ChoiceRow<'a> {
    kind: &'a str,
    label: &'a str,
}

/// Answers the oldest open approval of a run, or lists all of them.
pub(super) fn run(context: &CliContext, args: &ApproveArgs) -> Result<ExitCode, CliError> {
    let store = state::open(context)?;
    let run = state::run_of(context, &store, &args.id)?.id;
    let alive = state::living_holder(&store, &run)?.is_some();
    let all = store.with(|db| approvals::of_run(db, &run)).map_err(|error| state::db_error(&error))?;
    // Approvals left behind by a killed salon cannot be answered any more.
    let open: Vec<_> = all.iter().filter(|approval| alive && !approval.answered).collect();
    if args.list {
        print(args.json, &open, None)?;
        if open.is_empty() && !args.json {
            output::note("no approval is open for this session")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let Some(approval) = open.first() else {
        return Err(CliError::new(CliErrorCode::NotFound, "no approval is open for this session"));
    };
    let (label, answer) = choose(approval, args)?;
    if !store.with(|db| approvals::answer(db, &run, &approval.id, &answer)).map_err(|error| state::db_error(&error))? {
        return Err(CliError::new(CliErrorCode::Failed, "the approval was answered elsewhere in the meantime"));
    }
    print(args.json, &[approval], Some(&label))?;
    Ok(ExitCode::SUCCESS)
}

fn choose(approval: &StoredApproval, args: &ApproveArgs) -> Result<(String, ApprovalAnswer), CliError> {
    let kind = match (&args.deny, args.always) {
        (Some(_), _) => "deny",
        (None, true) => "always",
        (None, false) => "once",
    };
    let choice = approval.choices.iter().find(|(of, ..)| of == kind);
    let (_, label, token) = choice.ok_or_else(|| {
        let offered: Vec<_> = approval.choices.iter().map(|(_, label, _)| label.clone()).collect();
        let message = format!("the agent does not offer this answer for: {}", one_line(&approval.text));
        CliError::Reported { code: CliErrorCode::Unavailable, message, candidates: offered }
    })?;
    let reason = args.deny.clone().filter(|reason| !reason.is_empty());
    Ok((label.clone(), ApprovalAnswer::Choice { token: token.as_str().into(), reason }))
}

fn print(json: bool, approvals: &[&StoredApproval], answered: Option<&str>) -> std::io::Result<()> {
    let mut out = output::stdout();
    if json {
        let approvals = approvals.iter().map(|approval| row(approval)).collect();
        return output::json(&mut out, &Listing { schema_version: SCHEMA_VERSION, approvals, answered });
    }
    for approval in approvals {
        writeln!(
            out,
            "{}\t{}",
            exact::visible_line(&exact::original(&approval.text)),
            one_line(answered.unwrap_or("waiting"))
        )?;
    }
    out.flush()
}

fn row(approval: &StoredApproval) -> Row<'_> {
    let choices = approval.choices.iter().map(|(kind, label, _)| ChoiceRow { kind, label });
    Row { id: &approval.id, text: &approval.text, choices: choices.collect() }
}
