//! One turn without a terminal: the answer goes to stdout as it comes, everything else to stderr, and no process is
//! left behind.

use std::collections::HashSet;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::args::{Approve, TurnArgs};
use super::context::Context;
use super::events::Event;
use super::failure::{Code, Failure};
use super::{output, state};
use crate::domain::Agent;
use crate::domain::approval::{Answer, Approval, ChoiceKind};
use crate::domain::event::{Body, Level, Piece};
use crate::domain::prompt::PromptId;
use crate::domain::run::{Cursor, Happening, Opening, Outcome, Phase, Refusal, RunId, RunInfo, Stopped, What};
use crate::domain::transcript::ToolStatus;
use crate::domain::{self, Key};
use crate::live::{self, Live, Viewer};
use crate::runtime::lives;
use crate::stdx::ring::Item;
use crate::stdx::text::{one_line, sanitise};

/// What is asked.
#[derive(Debug)]
pub struct Turn<'a> {
    /// Whose program.
    pub agent: Agent,
    /// How its run begins.
    pub opening: Opening,
    /// The prompt.
    pub prompt: String,
    /// How it goes.
    pub args: &'a TurnArgs,
}

/// What runs tell, and where their questions are told to other processes.
type Told<'a> = (&'a mut UnboundedReceiver<live::Event>, &'a UnboundedSender<Arc<RunInfo>>);

/// How a turn without a terminal ended.
#[derive(Debug)]
enum End {
    Turn(Outcome),
    /// The agent is gone, or could not be started.
    Gone(Stopped),
    /// The user stopped it.
    Signal,
}

/// Takes the turn and ends with it.
pub fn run(context: &Context, turn: Turn<'_>) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let taken = runtime.block_on(take(context, turn));
    runtime.shutdown_background();
    taken
}

async fn take(context: &Context, turn: Turn<'_>) -> Result<ExitCode, Failure> {
    let store = state::open(context)?;
    let (live, mut told) = Live::start(lives::options(
        store.clone(),
        &context.environment,
        &context.paths.cache,
        &context.settings.server,
    ));
    let (asked, questions) = tokio::sync::mpsc::unbounded_channel();
    if turn.args.approve == Approve::Wait {
        tokio::spawn(live::questions::relay(live.clone(), store, questions));
    }
    let ended = answer(context, &live, (&mut told, &asked), turn).await;
    live.shutdown().await;
    ended
}

async fn answer(context: &Context, live: &Live, told: Told<'_>, turn: Turn<'_>) -> Result<ExitCode, Failure> {
    let run = live.begin(turn.agent, turn.opening, None).await.map_err(|refusal| refused(&refusal))?;
    let waiting = live.queue(&run).await.map_err(|refusal| refused(&refusal))?;
    if let Some(first) = waiting.first() {
        let waiting = waiting.len();
        let message = format!("{waiting} prompts wait before it; see `salon queue`, cancel or release {}", first.id.0);
        return Err(Failure::new(Code::Busy, message));
    }
    let mut viewer = live.watch(&run).ok_or_else(|| Failure::new(Code::Failed, "the run is gone"))?;
    let prompt = live.submit(&run, turn.prompt).await.map_err(|refusal| refused(&refusal))?;
    let mut teller = Teller {
        out: output::stdout(),
        json: turn.args.json,
        context,
        printed: None,
        calls: Calls::default(),
        epoch: 0,
        info: None,
    };
    let end = watch(live, told, &run, &mut viewer, &mut teller, turn.args.approve).await?;
    teller.finish()?;
    settle(live, prompt, end).await
}

/// Follows the run until the turn is over.
async fn watch(
    live: &Live,
    (told, asked): Told<'_>,
    run: &RunId,
    viewer: &mut Viewer,
    teller: &mut Teller<'_>,
    approve: Approve,
) -> Result<End, Failure> {
    let (mut cursor, mut asked_to_end) = (Cursor::default(), false);
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    loop {
        tokio::select! {
            biased;
            () = either(&mut interrupt, &mut terminate) => {
                if std::mem::replace(&mut asked_to_end, true) {
                    return Ok(End::Signal);
                }
                live.interrupt(run).map_err(|refusal| refused(&refusal))?;
            }
            Some(event) = told.recv() => {
                match event {
                    live::Event::Notice { text, .. } => aside(&text)?,
                    // Nobody relays questions that are answered at once.
                    live::Event::Run(info) => drop(asked.send(info)),
                    live::Event::Gone(_) | live::Event::Queued(..) => {}
                }
            }
            alive = viewer.changed() => {
                let Some(replay) = viewer.since(cursor).await else { return Ok(End::Signal) };
                cursor = replay.cursor;
                teller.epoch = cursor.epoch;
                let info = viewer.info();
                teller.state(&info)?;
                let mut end = None;
                for item in &replay.happenings {
                    teller.tell(item)?;
                    match &item.value.what {
                        What::Approval(approval) => decide(live, run, approval, approve)?,
                        What::TurnEnded(outcome) => end = Some(outcome.clone()),
                        What::Event(_) | What::ApprovalGone(_) => {}
                    }
                }
                teller.out.flush()?;
                match (end, &info.phase) {
                    (Some(_), _) if asked_to_end => return Ok(End::Signal),
                    (Some(outcome), _) => return Ok(End::Turn(outcome)),
                    (None, Phase::Stopped(stopped)) if *stopped != Stopped::NotStarted => return Ok(End::Gone(stopped.clone())),
                    (None, _) if !alive => return Ok(End::Signal),
                    (None, _) => {}
                }
            }
        }
    }
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Answers an agent that asks, as the caller wants it.
fn decide(live: &Live, run: &RunId, approval: &Approval, approve: Approve) -> Result<(), Failure> {
    let kind = match approve {
        Approve::Wait => {
            return aside(&format!("waits for `salon approve {run}`: {}", approval.line()));
        }
        Approve::Once if approval.questions.is_empty() => ChoiceKind::AllowOnce,
        Approve::Once | Approve::Deny => ChoiceKind::Deny,
    };
    let word = if kind == ChoiceKind::AllowOnce { "allowed" } else { "denied" };
    aside(&format!("{word}: {}", approval.line()))?;
    let choice = approval.choices.iter().find(|choice| choice.kind == kind).or(approval.choices.last());
    let Some(choice) = choice else { return Ok(()) };
    let reason = (kind == ChoiceKind::Deny).then(|| "Nobody is there to answer.".to_owned());
    let answer = Answer::Choice { token: choice.token.clone(), reason };
    live.answer(run, &approval.id, answer).map_err(|refusal| refused(&refusal))
}

/// The exit code. A prompt that did not reach its agent is taken back: the caller knows, and may try again.
async fn settle(live: &Live, prompt: PromptId, end: End) -> Result<ExitCode, Failure> {
    let failure = match end {
        End::Turn(Outcome::Done) => return Ok(ExitCode::SUCCESS),
        End::Turn(Outcome::Interrupted) | End::Signal => return Ok(ExitCode::from(130)),
        End::Turn(Outcome::Failed(failure)) | End::Gone(Stopped::Failed(failure)) => failure.to_string(),
        End::Gone(Stopped::NotStarted | Stopped::OnRequest | Stopped::Evicted) => "the run was ended".to_owned(),
    };
    let undelivered = live.cancel_prompt(prompt).await.is_ok();
    let message = if undelivered { format!("{failure}; the prompt was not delivered") } else { failure };
    Err(Failure::new(Code::Failed, message))
}

fn refused(refusal: &Refusal) -> Failure {
    let code = match refusal {
        Refusal::HeldBy { .. } | Refusal::OpenElsewhere(_) => Code::Busy,
        Refusal::UnknownRun => Code::NotFound,
        Refusal::Failed(domain::run::Failure::Other(_)) | Refusal::NotKept(_) => Code::Failed,
        Refusal::Failed(_) => Code::Unavailable,
    };
    Failure::new(code, refusal.to_string())
}

/// Something for the person at the terminal, beside the answer.
fn aside(text: &str) -> Result<(), Failure> {
    Ok(writeln!(io::stderr().lock(), "salon: {}", one_line(&sanitise(text)))?)
}

/// The agent's calls, each told once. It is told again and again while its input comes; what is to be seen is known
/// once something else happens.
#[derive(Default)]
struct Calls {
    /// Those that are to be told.
    waiting: Vec<(Arc<str>, String)>,
    told: HashSet<Arc<str>>,
}

impl Calls {
    fn called(&mut self, id: &Arc<str>, line: String) {
        match self.waiting.iter_mut().find(|(waiting, _)| waiting == id) {
            Some((_, before)) => *before = line,
            None if self.told.contains(id) => {}
            None => self.waiting.push((id.clone(), line)),
        }
    }

    fn tell(&mut self) -> Result<(), Failure> {
        for (id, line) in self.waiting.drain(..) {
            aside(&line)?;
            self.told.insert(id);
        }
        Ok(())
    }
}

/// Prints what happens.
struct Teller<'a> {
    out: BufWriter<StdoutLock<'static>>,
    json: bool,
    context: &'a Context,
    /// The text that is being printed, and how much of it was.
    printed: Option<(Key, String)>,
    calls: Calls,
    epoch: u64,
    info: Option<Arc<RunInfo>>,
}

impl Teller<'_> {
    fn tell(&mut self, item: &Item<Happening>) -> Result<(), Failure> {
        if self.json {
            return match Event::happened(self.epoch, item) {
                Some(event) => self.line(&event),
                None => Ok(()),
            };
        }
        let event = match &item.value.what {
            What::Event(event) => event,
            What::Approval(_) | What::TurnEnded(_) => return self.calls.tell(),
            What::ApprovalGone(_) => return Ok(()),
        };
        match &event.body {
            Body::Text(piece) => {
                self.calls.tell()?;
                Ok(self.text(event.key, piece)?)
            }
            Body::ToolCall { id, name, action, .. } => {
                let what = action.headline();
                self.calls.called(id, if what.is_empty() { name.to_string() } else { format!("{name}: {what}") });
                Ok(())
            }
            // It is not yet known what the call will do.
            Body::ToolUpdate { status: Some(ToolStatus::Pending), .. } => Ok(()),
            Body::ToolUpdate { status, .. } => {
                self.calls.tell()?;
                if *status == Some(ToolStatus::Failed) { aside("the call failed") } else { Ok(()) }
            }
            Body::Notice { level: Level::Error | Level::Warning, text } => {
                self.calls.tell()?;
                aside(text)
            }
            _ => Ok(()),
        }
    }

    /// Prints what of a text was not printed yet.
    fn text(&mut self, key: Key, piece: &Piece) -> io::Result<()> {
        if self.printed.as_ref().is_some_and(|(printing, _)| *printing != key) {
            self.end_text()?;
        }
        let (_, printed) = self.printed.get_or_insert((key, String::new()));
        let new = match piece {
            Piece::Delta(text) => text,
            // It differs only where something was lost on the way: then all of it is worth more than a part.
            Piece::Whole(text) => text.strip_prefix(printed.as_str()).unwrap_or(text),
        };
        printed.push_str(new);
        self.out.write_all(if output::to_terminal() { sanitise(new).into_owned() } else { new.to_owned() }.as_bytes())
    }

    fn end_text(&mut self) -> io::Result<()> {
        match self.printed.take() {
            Some((_, text)) if !text.ends_with('\n') => self.out.write_all(b"\n"),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.end_text()?;
        self.out.flush()
    }

    /// Tells how the run stands, where that changed in a way that a script may care for.
    fn state(&mut self, info: &Arc<RunInfo>) -> Result<(), Failure> {
        let before = self.info.replace(info.clone());
        if !self.json {
            return Ok(());
        }
        let now = self.context.clock.now();
        let told = |info: &RunInfo| (info.phase.clone(), info.session.clone(), info.model.clone(), info.mode.clone());
        if before.as_deref().map(told) != Some(told(info)) {
            self.line(&Event::state(self.epoch, info, now))?;
        }
        let used = |info: &RunInfo| (info.tokens, info.context);
        if before.as_deref().is_some_and(|before| used(before) != used(info)) {
            self.line(&Event::usage(self.epoch, info, now))?;
        }
        Ok(())
    }

    fn line(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.out, event)?;
        Ok(self.out.write_all(b"\n")?)
    }
}
