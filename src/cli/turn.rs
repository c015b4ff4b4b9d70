//! One turn without a terminal. Streams the answer to stdout and everything else to stderr; leaves no process behind.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::context::CliContext;
use super::error::{CliError, CliErrorCode, refusal_error};
use super::run_args::{ApprovalPolicy, TurnArgs};
use super::turn_printer::{TurnEnd, TurnPrinter};
use super::turn_signals::{TurnSignal, TurnSignals};
use super::{earlier_prompts, output, run_host, state};
use crate::domain::approval::{Approval, ApprovalAnswer, ChoiceKind};
use crate::domain::prompt::{Prompt, PromptId, PromptState};
use crate::domain::run::{
    Conversation, Phase, Refusal, RingCursor, RunEventKind, RunFailure, RunId, RunInfo, RunStart, StopReason,
    TurnOutcome,
};
use crate::domain::run_request::RunRequest;
use crate::domain::{Agent, SessionKey};
use crate::git::Git;
use crate::live::{self, Live};
use crate::runtime::turn_snapshots::TurnSnapshots;
use crate::runtime::{env, live_options};
use crate::serve::{Client, RunHost, RunViewer};
use crate::store::Store;

/// Message if there is nothing to send.
pub(super) const NO_PROMPT: &str = "no prompt; pass one, or `-` to read it from stdin";

/// Turn to run.
#[derive(Debug)]
pub(super) struct TurnRequest<'a> {
    /// Conversation of the turn.
    pub target: TurnTarget,
    /// Prompt of the turn. `None` delivers only the prompts that are queued already.
    pub prompt: Option<String>,
    /// Options of the turn.
    pub args: &'a TurnArgs,
}

/// Conversation of a turn.
#[derive(Debug)]
pub(super) enum TurnTarget {
    /// A new or resumed session.
    Session(Agent, Box<RunStart>),
    /// A recorded run.
    Recorded(RunId),
}

/// Receiver of live events, and those who follow the states of runs.
type RunEvents<'a> = (&'a mut UnboundedReceiver<live::LiveEvent>, &'a mut RunFollowers);

/// Services that follow the states of runs. A server has its own.
#[derive(Default)]
struct RunFollowers {
    /// Relay of approvals. Without `--approve wait` the channel has no receiver.
    approvals: Option<UnboundedSender<Arc<RunInfo>>>,
    snapshots: Option<TurnSnapshots>,
}

impl RunFollowers {
    fn run_changed(&mut self, info: Arc<RunInfo>) {
        if let Some(snapshots) = &mut self.snapshots {
            snapshots.run_changed(&info);
        }
        if let Some(approvals) = &self.approvals {
            drop(approvals.send(info));
        }
    }
}

/// Runs one turn and returns its exit code.
pub(super) fn run(context: &CliContext, turn: TurnRequest<'_>) -> Result<ExitCode, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let exit_code = runtime.block_on(run_turn(context, turn));
    runtime.shutdown_background();
    exit_code
}

async fn run_turn(context: &CliContext, turn: TurnRequest<'_>) -> Result<ExitCode, CliError> {
    let store = state::open(context)?;
    if let Some((client, mut run_events)) = server_of(context, &store, &turn.target).await? {
        let events = (&mut run_events, &mut RunFollowers::default());
        return answer(context, &RunHost::Served(client), events, turn).await;
    }
    let (live, mut run_events) = Live::start(live_options::options(
        store.clone(),
        &context.environment,
        &context.paths.cache,
        &context.settings,
    ));
    let (run_infos, approvals) = tokio::sync::mpsc::unbounded_channel();
    if turn.args.approve == ApprovalPolicy::Wait {
        tokio::spawn(live::approvals::relay(live.clone(), store.clone(), approvals));
    }
    let snapshots = TurnSnapshots::start(Git::new(env::vars()), context.paths.repositories(), store);
    let mut followers = RunFollowers { approvals: Some(run_infos), snapshots: Some(snapshots) };
    let result = answer(context, &RunHost::Here(live.clone()), (&mut run_events, &mut followers), turn).await;
    live.shutdown().await;
    // The end of the turn may not be processed yet.
    while let Ok(event) = run_events.try_recv() {
        if let live::LiveEvent::Run(info) = event {
            followers.run_changed(info);
        }
    }
    if let Some(snapshots) = followers.snapshots {
        snapshots.finish();
    }
    result
}

/// Connects to the server that has the run of a conversation, if one has it.
async fn server_of(
    context: &CliContext,
    store: &Store,
    target: &TurnTarget,
) -> Result<Option<(Client, UnboundedReceiver<live::LiveEvent>)>, CliError> {
    let run = match target {
        TurnTarget::Recorded(run) => Some(run.clone()),
        TurnTarget::Session(agent, start) => match &start.conversation {
            Conversation::Resume(id) => {
                let key = SessionKey::new(*agent, id.clone());
                state::record_of(store, &key)?.map(|record| record.id)
            }
            Conversation::New { .. } | Conversation::Fork(_) => None,
        },
    };
    match run {
        Some(run) => run_host::server_of(context, store, &run).await,
        None => Ok(None),
    }
}

async fn answer(
    context: &CliContext,
    host: &RunHost,
    run_events: RunEvents<'_>,
    turn: TurnRequest<'_>,
) -> Result<ExitCode, CliError> {
    let run = match turn.target {
        TurnTarget::Session(agent, start) => {
            let is_new = matches!(start.conversation, Conversation::New { .. });
            host.open_run(agent, *start, None).await.map_err(|refusal| start_error(agent, is_new, &refusal))
        }
        TurnTarget::Recorded(run) => {
            host.open_recorded(&run).await.map(|()| run).map_err(|refusal| refusal_error(&refusal))
        }
    };
    let run = run?;
    let waiting = host.queue(&run).await.map_err(|refusal| refusal_error(&refusal))?;
    earlier_prompts::check(&waiting, turn.prompt.is_some())?;
    if waiting.is_empty() && turn.prompt.is_none() {
        return Err(CliError::new(CliErrorCode::Usage, NO_PROMPT));
    }
    // Before the agent starts: a signal must not end this process without its agent.
    let signals = TurnSignals::new()?;
    let mut viewer = host.view(&run).await.ok_or_else(|| CliError::new(CliErrorCode::Failed, "the run has ended"))?;
    earlier_prompts::release(host, &waiting).await?;
    let prompt = match turn.prompt {
        Some(text) => Some(host.submit(&run, text).await.map_err(|refusal| refusal_error(&refusal))?),
        None => None,
    };
    let mut printer = TurnPrinter::new(context, turn.args.json);
    let end = watch(host, (run_events, signals), &run, &mut viewer, &mut printer, turn.args.approve).await?;
    printer.finish()?;
    if let RunViewer::Here(viewer) = &viewer {
        for task in &viewer.info().tasks {
            output::note(&format!("stopping a background task: {}", task.description))?;
        }
    }
    if matches!(end, TurnEnd::Turn(TurnOutcome::Done)) {
        check_delivered(host, &run, prompt).await?;
    }
    printer.print_error(&end)?;
    exit_code(host, &run, prompt, end).await
}

/// Converts the refusal to start an agent. Names the program that is missing.
fn start_error(agent: Agent, is_new: bool, refusal: &Refusal) -> CliError {
    if !matches!(refusal, Refusal::Failed(RunFailure::NotInstalled)) {
        return refusal_error(refusal);
    }
    let (label, program) = (agent.label(), agent.program());
    let remedy = if is_new { "; --agent selects another one" } else { "" };
    let message = format!("{label} is not installed: \"{program}\" was not found on PATH{remedy}");
    CliError::new(CliErrorCode::Unavailable, message)
}

/// Processes events of the run until the turn ends.
async fn watch(
    host: &RunHost,
    ((run_events, followers), mut signals): (RunEvents<'_>, TurnSignals),
    run: &RunId,
    viewer: &mut RunViewer,
    printer: &mut TurnPrinter<'_>,
    approve: ApprovalPolicy,
) -> Result<TurnEnd, CliError> {
    let (mut cursor, mut interrupted) = (viewer.start(), false);
    // Outcome of the latest turn that ended.
    let mut end = None;
    loop {
        tokio::select! {
            biased;
            request = signals.next() => {
                if request == TurnSignal::End || std::mem::replace(&mut interrupted, true) {
                    return Ok(TurnEnd::Signal);
                }
                host.execute(RunRequest::Interrupt(run.clone())).await.map_err(|refusal| refusal_error(&refusal))?;
            }
            Some(event) = run_events.recv() => {
                match event {
                    live::LiveEvent::Notice { text, .. } => output::note(&text)?,
                    live::LiveEvent::Run(info) => followers.run_changed(info),
                    live::LiveEvent::Gone(_) | live::LiveEvent::Queued(..) | live::LiveEvent::Recorded(_) => {}
                }
            }
            alive = viewer.changed() => {
                let Some(replay) = viewer.since(cursor).await else { return gone(viewer) };
                cursor = replay.cursor;
                printer.epoch = cursor.epoch;
                let info = viewer.info();
                printer.state(&info)?;
                for item in &replay.events {
                    printer.print(item)?;
                    match &item.value.kind {
                        RunEventKind::Approval(approval) => answer_approval(host, run, approval, approve).await?,
                        RunEventKind::TurnEnded { outcome, .. } => end = Some(outcome.clone()),
                        RunEventKind::Event(_) | RunEventKind::ApprovalGone(_) => {}
                    }
                }
                printer.out.flush()?;
                match (end.clone(), &info.phase) {
                    (Some(_), _) if interrupted => return Ok(TurnEnd::Signal),
                    (Some(TurnOutcome::Done), _) if has_more(host, run, viewer, cursor).await? => {}
                    (Some(outcome), _) => return Ok(TurnEnd::Turn(outcome)),
                    (None, Phase::Stopped(stopped)) if *stopped != StopReason::NotStarted => return Ok(TurnEnd::Gone(stopped.clone())),
                    (None, _) if !alive => return gone(viewer),
                    (None, _) if info.paused && info.over_budget.is_some() => return Err(over_budget(&info)),
                    (None, _) => {}
                }
            }
        }
    }
}

/// Reports that a budget keeps the prompt in the queue.
fn over_budget(info: &RunInfo) -> CliError {
    let stop = info.over_budget.map(|stop| stop.to_string()).unwrap_or_default();
    let remedy = "raise it in config.toml, or resume the queue in salon's window";
    CliError::new(CliErrorCode::Failed, format!("{stop}; the prompt waits in the queue: {remedy}"))
}

/// Result of a run that is gone. A lost server is an error; a run of this process was ended by a signal.
fn gone(viewer: &RunViewer) -> Result<TurnEnd, CliError> {
    match viewer {
        RunViewer::Here(_) => Ok(TurnEnd::Signal),
        RunViewer::Served(_) => {
            Err(CliError::new(CliErrorCode::Failed, "the connection to salon serve is lost; see `salon queue`"))
        }
    }
}

/// Fails if the run stopped before it delivered the prompt, although an earlier turn was successful.
async fn check_delivered(host: &RunHost, run: &RunId, prompt: Option<PromptId>) -> Result<(), CliError> {
    let queue = host.queue(run).await.map_err(|refusal| refusal_error(&refusal))?;
    let left = queue.into_iter().find(|left| Some(left.id) == prompt && left.state != PromptState::Sending);
    let Some(left) = left else { return Ok(()) };
    let reason = left.reason.unwrap_or_else(|| "the run was stopped".to_owned());
    Err(CliError::new(CliErrorCode::Failed, format!("{reason}; the prompt was not delivered")))
}

/// Returns true if another turn is open, or follows for a queued prompt.
async fn has_more(host: &RunHost, run: &RunId, viewer: &RunViewer, cursor: RingCursor) -> Result<bool, CliError> {
    let queue = host.queue(run).await.map_err(|refusal| refusal_error(&refusal))?;
    // A prompt that is being sent waits for its turn, or for its record in the transcript.
    let undelivered = |prompt: &Prompt| matches!(prompt.state, PromptState::Pending | PromptState::Sending);
    if !viewer.info().paused && queue.iter().any(undelivered) {
        return Ok(true);
    }
    // A delivered prompt has opened its turn, or ended it, once the run answers.
    let Some(replay) = viewer.since(cursor).await else { return Ok(false) };
    let working = matches!(viewer.info().phase, Phase::Working { .. } | Phase::Interrupting { .. });
    Ok(working || replay.cursor != cursor)
}

/// Answers an approval as `--approve` specifies.
async fn answer_approval(
    host: &RunHost,
    run: &RunId,
    approval: &Approval,
    approve: ApprovalPolicy,
) -> Result<(), CliError> {
    let kind = match approve {
        ApprovalPolicy::Wait => {
            return Ok(output::note(&format!("waiting for `salon approve {run}`: {}", approval.headline()))?);
        }
        ApprovalPolicy::Once if approval.questions.is_empty() => ChoiceKind::AllowOnce,
        ApprovalPolicy::Once | ApprovalPolicy::Deny => ChoiceKind::Deny,
    };
    let word = if kind == ChoiceKind::AllowOnce { "allowed" } else { "denied" };
    output::note(&format!("{word}: {}", approval.headline()))?;
    let choice = approval.choices.iter().find(|choice| choice.kind == kind).or(approval.choices.last());
    let Some(choice) = choice else { return Ok(()) };
    // A reason would become a message of the user where the agent has no field for it.
    let answer = ApprovalAnswer::Choice { token: choice.token.clone(), reason: None };
    let request = RunRequest::Answer { run: run.clone(), id: approval.id.as_ref().into(), answer };
    host.execute(request).await.map_err(|refusal| refusal_error(&refusal))
}

/// Converts the result to an exit code. Cancels an undelivered prompt, because the caller may retry.
async fn exit_code(host: &RunHost, run: &RunId, prompt: Option<PromptId>, end: TurnEnd) -> Result<ExitCode, CliError> {
    let failure = match end {
        TurnEnd::Turn(TurnOutcome::Done) => return Ok(ExitCode::SUCCESS),
        TurnEnd::Turn(TurnOutcome::Interrupted) | TurnEnd::Signal => return Ok(ExitCode::from(130)),
        TurnEnd::Turn(TurnOutcome::Failed(failure)) | TurnEnd::Gone(StopReason::Failed(failure)) => failure.to_string(),
        TurnEnd::Gone(StopReason::NotStarted | StopReason::OnRequest | StopReason::Evicted) => {
            "the run was stopped".to_owned()
        }
    };
    let undelivered = match prompt {
        Some(prompt) => host.execute(RunRequest::CancelPrompt(run.clone(), prompt)).await.is_ok(),
        None => false,
    };
    let message = if undelivered { format!("{failure}; the prompt was not delivered") } else { failure };
    Err(CliError::new(CliErrorCode::Failed, message))
}
