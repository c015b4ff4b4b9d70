//! `salon approve`: answers what an agent waits for, in whichever salon its run is.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::args::ApproveArgs;
use super::context::Context;
use super::failure::{Code, Failure};
use super::json::SCHEMA_VERSION;
use super::{output, state};
use crate::domain::approval::Answer;
use crate::stdx::text::one_line;
use crate::store::questions::{self, Question};

#[derive(Serialize)]
struct Listing<'a> {
    schema_version: u32,
    approvals: Vec<Row<'a>>,
    /// The label of the answer that was given.
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

/// Answers the oldest question of a run, or lists what waits.
pub fn run(context: &Context, args: &ApproveArgs) -> Result<ExitCode, Failure> {
    let store = state::open(context)?;
    let run = state::run_of(context, &store, &args.id)?.id;
    let alive = state::living_holder(&store, &run)?.is_some();
    let all = store.with(|db| questions::of_run(db, &run)).map_err(|error| state::broken(&error))?;
    // What a salon left behind that was killed waits for nobody.
    let open: Vec<_> = all.iter().filter(|question| alive && !question.answered).collect();
    if args.list {
        tell(args.json, &open, None)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(question) = open.first() else {
        return Err(Failure::new(Code::NotFound, "nothing waits for an answer there"));
    };
    let (label, answer) = choose(question, args)?;
    if !store.with(|db| questions::answer(db, &run, &question.id, &answer)).map_err(|error| state::broken(&error))? {
        return Err(Failure::new(Code::Failed, "it was answered elsewhere in the meantime"));
    }
    tell(args.json, &[question], Some(&label))?;
    Ok(ExitCode::SUCCESS)
}

fn choose(question: &Question, args: &ApproveArgs) -> Result<(String, Answer), Failure> {
    let kind = match (&args.deny, args.always) {
        (Some(_), _) => "deny",
        (None, true) => "always",
        (None, false) => "once",
    };
    let choice = question.choices.iter().find(|(of, ..)| of == kind);
    let (_, label, token) = choice.ok_or_else(|| {
        let offered: Vec<_> = question.choices.iter().map(|(_, label, _)| label.clone()).collect();
        let message = format!("the agent does not offer that for: {}", one_line(&question.text));
        Failure::Told { code: Code::Unavailable, message, candidates: offered }
    })?;
    let reason = args.deny.clone().filter(|reason| !reason.is_empty());
    Ok((label.clone(), Answer::Choice { token: token.as_str().into(), reason }))
}

fn tell(json: bool, questions: &[&Question], answered: Option<&str>) -> std::io::Result<()> {
    let mut out = output::stdout();
    if json {
        let approvals = questions.iter().map(|question| row(question)).collect();
        return output::json(&mut out, &Listing { schema_version: SCHEMA_VERSION, approvals, answered });
    }
    for question in questions {
        writeln!(out, "{}\t{}", one_line(&question.text), one_line(answered.unwrap_or("waits")))?;
    }
    out.flush()
}

fn row(question: &Question) -> Row<'_> {
    let choices = question.choices.iter().map(|(kind, label, _)| ChoiceRow { kind, label });
    Row { id: &question.id, text: &question.text, choices: choices.collect() }
}
