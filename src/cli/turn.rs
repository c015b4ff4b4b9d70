//! One turn without a terminal. Streams the answer to stdout and everything else to stderr; leaves no process behind.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::context::CliContext;
use super::error::{CliError, CliErrorCode, refusal_error};
use super::run_args::{ApprovalPolicy, TurnArgs};
use super::sent_prompt::{PromptDelivery, SentPrompt};
use super::turn_printer::{TurnEnd, TurnPrinter};
use super::turn_signals::{TurnSignal, TurnSignals};
use super::{earlier_prompts, output, run_host, state};
use crate::domain::approval::{Approval, ApprovalAnswer, ChoiceKind};
use crate::domain::event::{Event, EventBody};
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::run::{
    Conversation, Phase, Refusal, RunFailure, RunId, RunInfo, RunStart, StopReason, TurnNumber, TurnOutcome,
};
use crate::domain::run_event::{Replay, RingCursor, RunEventKind};
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
        return answer(context, (&RunHost::Served(client), &store), events, turn).await;
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
    let snapshots = TurnSnapshots::start(Git::new(env::vars()), context.paths.repositories(), store.clone());
    let mut followers = RunFollowers { approvals: Some(run_infos), snapshots: Some(snapshots) };
    let host = RunHost::Here(live.clone());
    let result = answer(context, (&host, &store), (&mut run_events, &mut followers), turn).await;
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
    (host, store): (&RunHost, &Arc<Store>),
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
    let before = viewer.info();
    let resumes = earlier_prompts::release(host, &waiting, &before).await?;
    let prompt = match turn.prompt {
        Some(text) => {
            let id = host.submit(&run, text.clone()).await.map_err(|refusal| refusal_error(&refusal))?;
            Some(SentPrompt::new(store.clone(), id, text))
        }
        None => None,
    };
    let is_changed = resumes || prompt.is_some();
    let previous = before.turn;
    let before = Some(before).filter(|_| is_changed && matches!(host, RunHost::Served(_)));
    let mut printer = TurnPrinter::new(context, turn.args.json);
    let mut watched =
        WatchedTurn { host, run: &run, prompt, previous, waits: false, before, approve: turn.args.approve };
    let mut end = watch(&mut watched, (run_events, signals), &mut viewer, &mut printer).await;
    if end.is_ok()
        && let Err(error) = printer.finish()
    {
        end = Err(error.into());
    }
    if end.is_err() && viewer.info().over_budget.is_none() {
        // Nothing is sent later, when nobody expects it. An error means that the server is gone, which holds its queue.
        watched.withdraw().await.ok();
    }
    let end = end?;
    if let RunViewer::Here(viewer) = &viewer {
        for task in &viewer.info().tasks {
            output::note(&format!("stopping a background task: {}", task.description))?;
        }
    }
    printer.print_error(&end)?;
    exit_code(&watched, end).await
}

/// Turn that is being watched.
struct WatchedTurn<'a> {
    host: &'a RunHost,
    run: &'a RunId,
    prompt: Option<SentPrompt>,
    /// Latest known turn before that of the prompt.
    previous: TurnNumber,
    /// True if the prompt was in the queue of a server's run when this was last asked.
    waits: bool,
    /// State of a server's run before it was asked for anything. While it is the latest one, it says nothing about this turn.
    before: Option<Arc<RunInfo>>,
    approve: ApprovalPolicy,
}

impl WatchedTurn<'_> {
    /// Returns true if the prompt is in the queue of a server's run. The turn that is open belongs to another client.
    fn is_behind_another(&self) -> Result<bool, CliError> {
        match (self.host, &self.prompt) {
            (RunHost::Served(_), Some(prompt)) => prompt.is_waiting(),
            (RunHost::Served(_) | RunHost::Here(_), _) => Ok(false),
        }
    }

    /// Returns true if another process cancelled the prompt in the queue.
    fn is_cancelled(&self) -> Result<bool, CliError> {
        self.prompt.as_ref().map_or(Ok(false), |prompt| Ok(prompt.state()? == PromptState::Cancelled))
    }

    /// Records if the prompt is still in the queue of a server's run. Then all turns up to `info`, which was read before, belong
    /// to other clients.
    fn observe(&mut self, info: &RunInfo) -> Result<(), CliError> {
        self.waits = self.is_behind_another()?;
        if self.waits {
            self.previous = self.previous.max(info.turn);
        }
        Ok(())
    }

    /// Finds the turn that the prompt begins. Returns true if it is among these events.
    fn begins(&mut self, replay: &Replay) -> bool {
        let (Some(prompt), previous) = (&mut self.prompt, self.previous) else { return false };
        replay.events.iter().map(|item| &item.value).any(|event| match &event.kind {
            RunEventKind::Event(Event { body: EventBody::Prompt(text), .. }) => {
                event.turn > previous && prompt.begins(text, event.turn)
            }
            _ => false,
        })
    }

    /// Returns true if a turn is that of the prompt. On a server, others belong to other clients: their text is not printed,
    /// and their approvals are not answered here.
    fn is_own(&self, turn: TurnNumber) -> bool {
        match (self.host, self.prompt.as_ref().and_then(SentPrompt::turn)) {
            (RunHost::Here(_), _) => true,
            (RunHost::Served(_), Some(own)) => turn == own,
            (RunHost::Served(_), None) => turn > self.previous && !self.waits,
        }
    }

    /// Cancels the prompt if no agent can have received it. Returns its delivery, and the reason why it waited.
    async fn withdraw(&self) -> Result<(PromptDelivery, Option<String>), CliError> {
        let Some(prompt) = &self.prompt else { return Ok((PromptDelivery::Delivered, None)) };
        let (delivery, reason) = prompt.delivery()?;
        if delivery != PromptDelivery::Waiting {
            return Ok((delivery, None));
        }
        let cancelled = self.host.execute(RunRequest::CancelPrompt(self.run.clone(), prompt.id())).await;
        Ok(if cancelled.is_ok() { (PromptDelivery::Waiting, reason) } else { (PromptDelivery::Delivered, None) })
    }

    async fn execute(&self, request: RunRequest) -> Result<(), CliError> {
        self.host.execute(request).await.map_err(|refusal| refusal_error(&refusal))
    }
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
    watched: &mut WatchedTurn<'_>,
    ((run_events, followers), mut signals): (RunEvents<'_>, TurnSignals),
    viewer: &mut RunViewer,
    printer: &mut TurnPrinter<'_>,
) -> Result<TurnEnd, CliError> {
    let (mut cursor, mut interrupted) = (viewer.start(), false);
    // The latest turn that ended.
    let mut end = None;
    loop {
        tokio::select! {
            biased;
            request = signals.next() => {
                // The turn of the other client may have just ended, so that the prompt is sent now.
                if watched.is_behind_another()? && watched.withdraw().await?.0 != PromptDelivery::Delivered {
                    return Ok(TurnEnd::Signal);
                }
                let ends = request == TurnSignal::End || std::mem::replace(&mut interrupted, true);
                // The end of this process ends only its own agents.
                if !ends || matches!(watched.host, RunHost::Served(_)) {
                    watched.execute(RunRequest::Interrupt(watched.run.clone())).await?;
                }
                if ends {
                    return Ok(TurnEnd::Signal);
                }
            }
            Some(event) = run_events.recv() => {
                match event {
                    live::LiveEvent::Notice { text, .. } => output::note(&text)?,
                    live::LiveEvent::Run(info) => followers.run_changed(info),
                    live::LiveEvent::Gone(_) | live::LiveEvent::Queued(..) | live::LiveEvent::Recorded(_) => {}
                }
            }
            alive = viewer.changed() => {
                watched.observe(&viewer.info())?;
                let Some(replay) = viewer.since(cursor).await else { return gone(viewer) };
                cursor = replay.cursor;
                printer.epoch = cursor.epoch;
                let info = viewer.info();
                printer.state(&info)?;
                if watched.begins(&replay) {
                    end = None;
                }
                for item in replay.events.iter().filter(|item| watched.is_own(item.value.turn)) {
                    printer.print(item)?;
                    match &item.value.kind {
                        RunEventKind::Approval(approval) => answer_approval(watched, approval).await?,
                        RunEventKind::TurnEnded { outcome, .. } => end = Some((item.value.turn, outcome.clone())),
                        RunEventKind::Event(_) | RunEventKind::ApprovalGone(_) => {}
                    }
                }
                printer.out.flush()?;
                if let Some(end) = outcome(watched, viewer, (&info, alive, interrupted), (cursor, end.as_ref())).await? {
                    return Ok(end);
                }
            }
        }
    }
}

/// Returns the end of the turn, if the state of the run and the latest end of a turn mean one.
async fn outcome(
    watched: &WatchedTurn<'_>,
    viewer: &RunViewer,
    (info, alive, interrupted): (&Arc<RunInfo>, bool, bool),
    (cursor, end): (RingCursor, Option<&(TurnNumber, TurnOutcome)>),
) -> Result<Option<TurnEnd>, CliError> {
    if interrupted && (end.is_some() || matches!(info.phase, Phase::Stopped(_))) {
        return Ok(Some(TurnEnd::Signal));
    }
    if let Some((turn, outcome)) = end {
        let goes_on = *outcome == TurnOutcome::Done && has_more(watched, *turn, viewer, cursor).await?;
        return Ok((!goes_on).then(|| TurnEnd::Turn(outcome.clone())));
    }
    if !alive {
        return gone(viewer).map(Some);
    }
    if watched.before.as_ref().is_some_and(|before| before == info) {
        return Ok(None);
    }
    if info.paused && info.over_budget.is_some() {
        return Err(over_budget(info));
    }
    if watched.is_cancelled()? {
        return Ok(Some(TurnEnd::Turn(TurnOutcome::Done)));
    }
    match &info.phase {
        Phase::Stopped(stopped) if *stopped != StopReason::NotStarted => Ok(Some(TurnEnd::Gone(stopped.clone()))),
        Phase::Idle if info.paused && watched.is_behind_another()? => Ok(Some(TurnEnd::Turn(TurnOutcome::Done))),
        Phase::Idle | Phase::Starting | Phase::Working { .. } | Phase::Interrupting { .. } | Phase::Stopped(_) => {
            Ok(None)
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

/// Returns true if the turn of the prompt, or of a queued one, is open or follows.
async fn has_more(
    watched: &WatchedTurn<'_>,
    ended: TurnNumber,
    viewer: &RunViewer,
    cursor: RingCursor,
) -> Result<bool, CliError> {
    let paused = viewer.info().paused;
    if let Some(prompt) = &watched.prompt {
        match prompt.state()? {
            PromptState::Pending => return Ok(!paused),
            // It waits for its turn, or for its record in the transcript.
            PromptState::Sending => return Ok(true),
            PromptState::Held | PromptState::Failed | PromptState::Cancelled => return Ok(false),
            PromptState::Delivered => {}
        }
        if let Some(turn) = prompt.turn() {
            return Ok(turn > ended);
        }
    }
    let queue = watched.host.queue(watched.run).await.map_err(|refusal| refusal_error(&refusal))?;
    let undelivered = |prompt: &Prompt| matches!(prompt.state, PromptState::Pending | PromptState::Sending);
    if watched.prompt.is_none() && !paused && queue.iter().any(undelivered) {
        return Ok(true);
    }
    // A delivered prompt has opened its turn, or ended it, once the run answers.
    let Some(replay) = viewer.since(cursor).await else { return Ok(false) };
    let working = matches!(viewer.info().phase, Phase::Working { .. } | Phase::Interrupting { .. });
    Ok(working || replay.cursor != cursor)
}

/// Answers an approval as `--approve` specifies.
async fn answer_approval(watched: &WatchedTurn<'_>, approval: &Approval) -> Result<(), CliError> {
    let kind = match watched.approve {
        ApprovalPolicy::Wait => {
            let text = format!("waiting for `salon approve {}`: {}", watched.run, approval.headline());
            return Ok(output::note(&text)?);
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
    watched.execute(RunRequest::Answer { run: watched.run.clone(), id: approval.id.as_ref().into(), answer }).await
}

/// Converts the result to an exit code. Cancels an undelivered prompt, because the caller may retry.
async fn exit_code(watched: &WatchedTurn<'_>, end: TurnEnd) -> Result<ExitCode, CliError> {
    let (delivery, reason) = watched.withdraw().await?;
    let failure = match (end, delivery) {
        (TurnEnd::Turn(TurnOutcome::Done), PromptDelivery::Delivered) => return Ok(ExitCode::SUCCESS),
        (TurnEnd::Turn(TurnOutcome::Interrupted) | TurnEnd::Signal, PromptDelivery::Delivered) => {
            return Ok(ExitCode::from(130));
        }
        (TurnEnd::Signal, delivery) => {
            // The signal itself may have cancelled it.
            let is_cancelled = delivery == PromptDelivery::Cancelled;
            output::note(if is_cancelled { PromptDelivery::Waiting.label() } else { delivery.label() })?;
            return Ok(ExitCode::from(130));
        }
        (TurnEnd::Turn(TurnOutcome::Done), PromptDelivery::Waiting) => {
            Some(reason.unwrap_or_else(|| "the queue of the session is paused".to_owned()))
        }
        (TurnEnd::Turn(TurnOutcome::Done), _) => None,
        (TurnEnd::Turn(TurnOutcome::Interrupted), _) => Some("the turn before it was interrupted".to_owned()),
        (TurnEnd::Turn(TurnOutcome::Failed(failure)) | TurnEnd::Gone(StopReason::Failed(failure)), _) => {
            Some(failure.to_string())
        }
        (TurnEnd::Gone(StopReason::NotStarted | StopReason::OnRequest | StopReason::Evicted), _) => {
            Some("the run was stopped".to_owned())
        }
    };
    let delivery = Some(delivery.label()).filter(|_| delivery != PromptDelivery::Delivered);
    let message: Vec<_> = failure.as_deref().into_iter().chain(delivery).collect();
    Err(CliError::new(CliErrorCode::Failed, message.join("; ")))
}
