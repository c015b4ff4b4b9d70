//! One run: the task that owns an agent's connection, its clocks, its queue and its history.
//!
//! Everything that happens to a run passes through this task, one thing at a time, so that it needs no lock and no
//! order can be wrong. Viewers hold a [`RunHandle`]: they are told by a watch that there is news and fetch what they
//! have not seen, at their own pace; a viewer that sleeps delays nobody.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::decide;
use super::history::History;
use super::link::{Arrival, Link};
use super::post::Post;
use super::process::{Exit, Patience};
use crate::agent::protocol::{Codec, Command, Opening, Signal, Step};
use crate::domain::approval::Answer;
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::run::{Activity, Cursor, Failure, Outcome, Phase, Replay, RunId, RunInfo, Setting, Stopped, What};
use crate::domain::{Agent, SessionKey, Time};

/// What a run is told to do.
#[derive(Debug)]
pub enum Order {
    /// The outbox has something for it, or its queue may go on.
    Wake,
    /// Stop the open turn; asked again, end the process.
    Interrupt,
    /// End the process.
    Stop(Stopped),
    /// Answer an approval.
    Answer {
        /// The approval.
        id: Arc<str>,
        /// The answer.
        answer: Answer,
    },
    /// Another model, mode or effort for the next turns.
    Set(Setting),
    /// What a viewer has not seen.
    Since(Cursor, oneshot::Sender<Replay>),
}

/// What changed last in a run.
#[derive(Clone, Debug)]
pub struct News {
    /// The place after all that is held.
    pub cursor: Cursor,
    /// The state.
    pub info: Arc<RunInfo>,
}

/// A run, as others see it. Cloning it makes another viewer.
#[derive(Clone, Debug)]
pub struct RunHandle {
    orders: mpsc::Sender<Order>,
    news: watch::Receiver<News>,
}

impl RunHandle {
    /// Tells the run to do something. `false`: the run is over.
    pub async fn order(&self, order: Order) -> bool {
        self.orders.send(order).await.is_ok()
    }

    /// The state now.
    pub fn news(&self) -> News {
        self.news.borrow().clone()
    }

    /// Waits until something changed since the last look. `false`: the run is over.
    pub async fn changed(&mut self) -> bool {
        self.news.changed().await.is_ok()
    }

    /// What is held since a cursor; nothing where the run is over.
    pub async fn since(&self, cursor: Cursor) -> Option<Replay> {
        let (sender, answer) = oneshot::channel();
        self.orders.send(Order::Since(cursor, sender)).await.ok()?;
        answer.await.ok()
    }

    /// How many hold the run, the task's own watch not counted.
    pub fn viewers(&self) -> usize {
        self.orders.strong_count()
    }
}

/// What a run is made of.
pub struct Parts {
    /// salon's id of it.
    pub id: RunId,
    /// Whose program runs.
    pub agent: Agent,
    /// How it begins.
    pub opening: Opening,
    /// What speaks the agent's language.
    pub codec: Box<dyn Codec>,
    /// The connection.
    pub link: Link,
    /// The outbox and the registry.
    pub post: Post,
    /// Differs from that of every earlier history of the run.
    pub epoch: u64,
}

/// Starts the task of a run.
pub fn start(parts: Parts) -> RunHandle {
    let (orders, receiver) = mpsc::channel(64);
    let info = RunInfo::starting(parts.id.clone(), parts.agent, parts.opening.cwd.clone());
    let history = History::new(parts.epoch);
    let (sender, news) = watch::channel(News { cursor: history.cursor(), info: Arc::new(info.clone()) });
    let run = Run {
        agent: parts.agent,
        codec: parts.codec,
        link: parts.link,
        post: parts.post,
        info,
        history,
        news: sender,
        sending: None,
        paused: false,
        force: None,
    };
    tokio::spawn(run.work(parts.opening, receiver));
    RunHandle { orders, news }
}

struct Run {
    agent: Agent,
    codec: Box<dyn Codec>,
    link: Link,
    post: Post,
    info: RunInfo,
    history: History,
    news: watch::Sender<News>,
    /// The prompt that was given to the agent and is not acknowledged.
    sending: Option<Prompt>,
    /// The queue waits for the user: after an interrupt, or a failure that sending more would only repeat.
    paused: bool,
    /// When an interrupted turn is ended by force.
    force: Option<Instant>,
}

impl Run {
    async fn work(mut self, opening: Opening, mut orders: mpsc::Receiver<Order>) {
        let step = self.codec.command(Command::Open(opening), self.post.now());
        self.take(step).await;
        self.tell();
        let mut abandoned = false;
        loop {
            let force = self.force;
            tokio::select! {
                biased;
                order = orders.recv(), if !abandoned => match order {
                    Some(order) => self.obey(order).await,
                    // Nobody can look at it, prompt it or stop it any more.
                    None => {
                        abandoned = true;
                        self.link.stop(Patience::default());
                    }
                },
                () = until(force) => {
                    self.force = None;
                    self.link.stop(Patience { close: Duration::ZERO, ..Patience::default() });
                }
                arrival = self.link.arrival() => {
                    if self.receive(arrival).await {
                        break;
                    }
                }
            }
            self.deliver().await;
            self.tell();
        }
        self.tell();
        self.answer_viewers(orders).await;
    }

    /// The process is gone, the history stays until nobody holds the run.
    async fn answer_viewers(self, mut orders: mpsc::Receiver<Order>) {
        while let Some(order) = orders.recv().await {
            if let Order::Since(cursor, sender) = order {
                // The viewer left in the meantime.
                sender.send(self.history.since(cursor)).ok();
            }
        }
    }

    async fn obey(&mut self, order: Order) {
        let now = self.post.now();
        match order {
            Order::Wake => self.paused = false,
            Order::Since(cursor, sender) => {
                sender.send(self.history.since(cursor)).ok();
            }
            Order::Stop(reason) => {
                self.info.stopping = Some(reason);
                self.link.stop(Patience::default());
            }
            Order::Interrupt => self.interrupt(now).await,
            Order::Answer { id, answer } => {
                self.info.approvals.retain(|approval| approval.id != id);
                let step = self.codec.command(Command::Answer { id, answer }, now);
                self.take(step).await;
            }
            Order::Set(setting) => {
                let step = self.codec.command(Command::Set(setting), now);
                self.take(step).await;
            }
        }
    }

    async fn interrupt(&mut self, now: Time) {
        match self.info.phase {
            Phase::Working { .. } => {
                self.info.phase = Phase::Interrupting { since: now };
                self.force = Some(Instant::now() + decide::INTERRUPT_PATIENCE);
                let step = self.codec.command(Command::Interrupt, now);
                self.take(step).await;
            }
            Phase::Interrupting { .. } | Phase::Starting => {
                self.info.stopping = Some(Stopped::OnRequest);
                self.link.stop(Patience { close: Duration::ZERO, ..Patience::default() });
            }
            Phase::Idle | Phase::Stopped(_) => {}
        }
    }

    /// Takes in what came from the agent. `true`: it is gone.
    async fn receive(&mut self, arrival: Arrival) -> bool {
        match &arrival {
            Arrival::Exited(exit) => {
                let exit = exit.clone();
                self.ended(exit).await;
                return true;
            }
            // It cannot tell us anything any more: a turn that it might still be at would spin for ever.
            Arrival::Closed => self.link.stop(Patience::default()),
            _ => {}
        }
        if let Some(incoming) = arrival.incoming() {
            let step = self.codec.decode(incoming, self.post.now());
            self.take(step).await;
        }
        false
    }

    async fn take(&mut self, step: Step) {
        for outgoing in step.outgoing {
            if let Err(failure) = self.link.send(outgoing) {
                self.info.failure = Some(failure);
            }
        }
        for signal in step.signals {
            self.hear(signal).await;
        }
    }

    async fn hear(&mut self, signal: Signal) {
        let now = self.post.now();
        match signal {
            Signal::Event(event) => self.history.push(self.info.turn, What::Event(event)),
            Signal::Session(id) => self.learn_session(id).await,
            Signal::Ready(offers) => {
                self.info.offers = Arc::new(offers);
                if self.info.phase == Phase::Starting {
                    self.info.phase = Phase::Idle;
                }
            }
            Signal::PromptAccepted { id } => {
                if self.sending.as_ref().is_some_and(|prompt| prompt.id == id) {
                    self.sending = None;
                    self.post.settle(id, PromptState::Delivered, None).await;
                }
            }
            Signal::TurnStarted => {
                if !matches!(self.info.phase, Phase::Working { .. } | Phase::Interrupting { .. }) {
                    self.open_turn(now);
                }
            }
            Signal::Activity(activity) => {
                if let Phase::Working { activity: present, .. } = &mut self.info.phase {
                    *present = activity;
                }
            }
            Signal::TurnEnded(outcome) => self.close_turn(outcome),
            Signal::Approval(approval) => {
                self.info.approvals.retain(|other| other.id != approval.id);
                self.info.approvals.push(approval);
            }
            Signal::ApprovalGone(id) => self.info.approvals.retain(|approval| approval.id != id),
            Signal::Settings { model, mode, effort } => {
                self.info.model = model.or(self.info.model.take());
                self.info.mode = mode.or(self.info.mode.take());
                self.info.effort = effort.or(self.info.effort.take());
            }
            Signal::Usage { tokens, cost_usd, context } => {
                self.info.tokens = tokens.unwrap_or(self.info.tokens);
                self.info.cost_usd = cost_usd.or(self.info.cost_usd);
                self.info.context = context.or(self.info.context);
            }
            Signal::Fatal(failure) => {
                self.info.stopping = Some(Stopped::Failed(failure));
                self.link.stop(Patience::default());
            }
        }
    }

    /// The same id again changes nothing; another one is a session of its own only once its transcript exists, which
    /// the agent's codec knows.
    async fn learn_session(&mut self, id: Arc<str>) {
        let key = SessionKey { agent: self.agent, id };
        if self.info.session.as_ref() != Some(&key) {
            self.post.link(&self.info.id, &key).await;
            self.info.session = Some(key);
        }
    }

    fn open_turn(&mut self, now: Time) {
        self.info.turn.0 += 1;
        self.info.failure = None;
        self.info.phase = Phase::Working { since: now, activity: Activity::Answering };
    }

    fn close_turn(&mut self, outcome: Outcome) {
        if !matches!(self.info.phase, Phase::Working { .. } | Phase::Interrupting { .. }) {
            return;
        }
        self.force = None;
        // Whatever was asked in this turn needs no answer now.
        self.info.approvals.clear();
        self.info.phase = Phase::Idle;
        self.paused = outcome != Outcome::Done;
        if let Outcome::Failed(failure) = &outcome {
            self.info.failure = Some(failure.clone());
        }
        self.history.push(self.info.turn, What::TurnEnded(outcome));
    }

    /// Gives the agent the next prompt, if it can take one.
    async fn deliver(&mut self) {
        if self.info.phase != Phase::Idle || self.paused || self.sending.is_some() || self.info.stopping.is_some() {
            return;
        }
        let Some(prompt) = self.post.claim(&self.info.id).await else { return };
        let now = self.post.now();
        self.open_turn(now);
        let command = Command::Prompt { id: prompt.id, text: prompt.text.clone() };
        self.sending = Some(prompt);
        let step = self.codec.command(command, now);
        self.take(step).await;
    }

    async fn ended(&mut self, exit: Exit) {
        if let Some(prompt) = self.sending.take() {
            self.post.settle(prompt.id, PromptState::Held, Some("may not have been delivered")).await;
        }
        let crashed = Failure::Crashed { code: exit.code, stderr: exit.stderr };
        let stopped = self.info.stopping.take().unwrap_or(Stopped::Failed(crashed.clone()));
        let outcome = match &stopped {
            Stopped::Failed(failure) => Outcome::Failed(failure.clone()),
            Stopped::NotStarted | Stopped::OnRequest | Stopped::Evicted => Outcome::Interrupted,
        };
        self.close_turn(outcome);
        if let Stopped::Failed(failure) = &stopped {
            self.info.failure = Some(failure.clone());
        }
        self.info.approvals.clear();
        self.info.phase = Phase::Stopped(stopped);
    }

    /// Tells the viewers that something changed, if something did.
    fn tell(&mut self) {
        let cursor = self.history.cursor();
        self.info.paused = self.paused;
        self.info.pid = self.link.pid();
        self.news.send_if_modified(|news| {
            let changed = news.cursor != cursor || *news.info != self.info;
            if changed {
                *news = News { cursor, info: Arc::new(self.info.clone()) };
            }
            changed
        });
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
