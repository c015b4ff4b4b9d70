//! One run: the task that owns an agent's connection, its clocks, its queue and its history.
//!
//! Everything that happens to a run passes through this task, one thing at a time, so that it needs no lock and no
//! order can be wrong. A run outlives its process: after a crash, or when it was idle for long, the next prompt starts
//! another that resumes the session. A new one is started only when the old one is gone, so that nothing late can touch
//! it. Viewers are told by a watch that there is news and fetch what they have not seen, at their own pace; a viewer
//! that sleeps delays nobody.

mod life;
mod signals;
mod turn;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::life::{Life, Next};
use self::turn::Open;
use super::connect::Connector;
use super::decide::Limits;
use super::history::History;
use super::options::Event;
use super::post::Post;
use crate::agent::Protocol;
use crate::agent::protocol::{Command, Conversation, Opening};
use crate::domain::approval::Answer;
use crate::domain::event::{Body, Level};
use crate::domain::prompt::{PromptId, PromptState};
use crate::domain::run::{Cursor, Phase, Replay, RunId, RunInfo, Setting, Stopped, What};
use crate::domain::{self, Agent, Key, SessionKey};

/// What a run is told to do.
#[derive(Debug)]
pub enum Order {
    /// The outbox has something new at its end.
    Submitted,
    /// The queue was changed.
    Wake,
    /// The queue goes on, whatever it was stopped for.
    GoOn,
    /// Stop the open turn; asked again, end the process.
    Interrupt,
    /// End the process.
    Stop(Stopped),
    /// End the process and the run.
    End,
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
    /// When the state changed last, by a clock that is never set.
    pub at: Instant,
}

/// A run, as the supervisor holds it.
#[derive(Clone, Debug)]
pub struct RunHandle {
    orders: mpsc::UnboundedSender<Order>,
    news: watch::Receiver<News>,
    viewers: Arc<AtomicUsize>,
    stir: Arc<Notify>,
}

impl RunHandle {
    /// Tells the run to do something. `false`: the run is over.
    pub fn order(&self, order: Order) -> bool {
        self.orders.send(order).is_ok()
    }

    /// The state now.
    pub fn news(&self) -> News {
        self.news.borrow().clone()
    }

    /// How many look at the run.
    pub fn viewers(&self) -> usize {
        self.viewers.load(Ordering::Relaxed)
    }

    /// Looks at the run.
    pub fn view(&self) -> Viewer {
        self.viewers.fetch_add(1, Ordering::Relaxed);
        Viewer { handle: self.clone() }
    }
}

/// Somebody who looks at a run. While there is one, the run's process is not taken away for being idle.
#[derive(Debug)]
pub struct Viewer {
    handle: RunHandle,
}

impl Viewer {
    /// The state now.
    pub fn info(&self) -> Arc<RunInfo> {
        self.handle.news.borrow().info.clone()
    }

    /// The place after all that happened.
    pub fn cursor(&self) -> Cursor {
        self.handle.news.borrow().cursor
    }

    /// Waits until something changed since the last look, in the state or in the conversation. `false`: the run is over.
    pub async fn changed(&mut self) -> bool {
        self.handle.news.changed().await.is_ok()
    }

    /// What is held since a cursor; nothing where the run is over. Where something is missed, or the cursor is of
    /// another epoch than the answer's, the transcript has it.
    pub async fn since(&self, cursor: Cursor) -> Option<Replay> {
        let (sender, answer) = oneshot::channel();
        self.handle.orders.send(Order::Since(cursor, sender)).ok()?;
        answer.await.ok()
    }
}

impl Clone for Viewer {
    fn clone(&self) -> Self {
        self.handle.view()
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.handle.viewers.fetch_sub(1, Ordering::Relaxed);
        self.handle.stir.notify_one();
    }
}

/// Where a run tells what changed.
#[derive(Clone, Debug)]
pub struct Told {
    /// The loop.
    pub events: mpsc::UnboundedSender<Event>,
    /// Whoever decides which idle process goes.
    pub stir: Arc<Notify>,
}

impl Told {
    /// Tells the loop. Where it has ended, nobody needs to know.
    pub fn event(&self, event: Event) {
        self.events.send(event).ok();
    }
}

/// What a run is made of.
pub struct Parts {
    /// salon's id of it.
    pub id: RunId,
    /// Whose program runs.
    pub agent: Agent,
    /// How it is driven.
    pub protocol: &'static dyn Protocol,
    /// How it begins.
    pub opening: Opening,
    /// What makes connections.
    pub connector: Arc<Connector>,
    /// The outbox and the registry.
    pub post: Post,
    /// How long what may take.
    pub limits: Limits,
    /// Differs from that of every earlier history of the run.
    pub epoch: u64,
    /// Where it tells what changed.
    pub told: Told,
}

/// Starts the task of a run. A process it has only once there is a prompt for it.
pub fn start(parts: Parts) -> (RunHandle, JoinHandle<()>) {
    let (orders, receiver) = mpsc::unbounded_channel();
    let info = at_first(parts.id, parts.agent, &parts.opening);
    let history = History::new(parts.epoch);
    let now = Instant::now();
    let (sender, news) = watch::channel(News { cursor: history.cursor(), info: Arc::new(info.clone()), at: now });
    let handle = RunHandle { orders, news, viewers: Arc::default(), stir: parts.told.stir.clone() };
    let run = Run {
        agent: parts.agent,
        protocol: parts.protocol,
        opening: parts.opening,
        connector: parts.connector,
        post: parts.post,
        limits: parts.limits,
        told: parts.told,
        info,
        history,
        news: sender,
        life: Life::Down,
        generation: 0,
        open: Open::new(now),
        expecting: true,
        requeue: true,
        failures: 0,
        starts: VecDeque::new(),
        retry: None,
        owed: Vec::new(),
        notices: 0,
        ending: false,
    };
    (handle, tokio::spawn(run.work(receiver)))
}

/// What is known of a run before its agent says anything.
fn at_first(id: RunId, agent: Agent, opening: &Opening) -> RunInfo {
    let mut info = RunInfo::starting(id, agent, opening.cwd.clone());
    info.phase = Phase::Stopped(Stopped::NotStarted);
    info.model = opening.model.as_deref().map(Arc::from);
    info.mode = opening.mode.as_deref().map(Arc::from);
    info.effort = opening.effort.as_deref().map(Arc::from);
    if let Conversation::Resume(id) = &opening.conversation {
        info.session = Some(SessionKey::new(agent, id.clone()));
    }
    info
}

struct Run {
    agent: Agent,
    protocol: &'static dyn Protocol,
    /// How the next process begins.
    opening: Opening,
    connector: Arc<Connector>,
    post: Post,
    limits: Limits,
    told: Told,
    info: RunInfo,
    history: History,
    news: watch::Sender<News>,
    life: Life,
    /// Counts the processes.
    generation: u64,
    open: Open,
    /// The outbox may hold something to be delivered.
    expecting: bool,
    /// The queue is to be read and told.
    requeue: bool,
    /// Processes in a row that ended before they were ready.
    failures: u32,
    /// When processes were started in the last minute.
    starts: VecDeque<Instant>,
    /// When the next try is due, after a failure.
    retry: Option<Instant>,
    /// What the store could not take yet: as long as a prompt counts as being sent, none follows it.
    owed: Vec<(PromptId, PromptState, Option<String>)>,
    notices: u64,
    /// The run ends when its process has.
    ending: bool,
}

impl Run {
    async fn work(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        self.deliver().await;
        self.read_queue().await;
        self.tell();
        while !(self.ending && matches!(self.life, Life::Down)) {
            let deadline = self.deadline();
            tokio::select! {
                biased;
                order = orders.recv(), if !self.ending => match order {
                    Some(order) => self.obey(order).await,
                    // Nobody can look at it, prompt it or stop it any more.
                    None => self.end(),
                },
                next = self.life.next() => self.happened(next).await,
                () = until(deadline) => {}
            }
            self.due().await;
            self.deliver().await;
            self.read_queue().await;
            self.tell();
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Submitted => self.submitted(),
            Order::Wake => (self.expecting, self.requeue) = (true, true),
            Order::GoOn => self.go_on(),
            Order::Since(cursor, sender) => {
                // The viewer may have left in the meantime.
                sender.send(self.history.since(cursor)).ok();
            }
            Order::Stop(Stopped::Evicted) if self.is_wanted() => {}
            Order::Stop(reason) => self.stop(reason),
            Order::End => self.end(),
            Order::Interrupt => self.interrupt().await,
            Order::Answer { id, answer } => self.answer(&id, answer).await,
            Order::Set(setting) => self.set(setting).await,
        }
    }

    /// Something came since it was decided that the process may go.
    fn is_wanted(&self) -> bool {
        self.info.phase != Phase::Idle || self.expecting || self.info.queued > 0 || !self.info.approvals.is_empty()
    }

    fn end(&mut self) {
        self.ending = true;
        self.stop(Stopped::OnRequest);
    }

    async fn happened(&mut self, next: Next) {
        match next {
            Next::Connected(connected) => self.connected(connected).await,
            Next::Arrived(arrival) => self.receive(arrival).await,
        }
    }

    async fn answer(&mut self, id: &str, answer: Answer) {
        // An answer to a question of an older process, or to one that was answered already, is too late.
        if !self.info.approvals.iter().any(|approval| &*approval.id == id) {
            return;
        }
        let Some(raw) = self.untagged(id) else { return };
        self.command(Command::Answer { id: raw, answer }).await;
        self.approval_gone(id);
    }

    async fn set(&mut self, setting: Setting) {
        match &setting {
            Setting::Model(model) => self.opening.model = Some(model.clone()),
            Setting::Mode(mode) => self.opening.mode = Some(mode.clone()),
            Setting::Effort(effort) => self.opening.effort = Some(effort.clone()),
        }
        if let Err(fault) = self.post.choose(&self.info.id, setting.clone()).await {
            self.notice(&format!("The choice is not kept for the next time: {fault}"), Level::Warning);
        }
        self.command(Command::Set(setting)).await;
    }

    /// Says something to those who look at the run now or later, and to the user wherever they are.
    fn notice(&mut self, text: &str, level: Level) {
        let now = self.post.now();
        self.notices += 1;
        let key = Key::new(&format!("salon-{}-{}", self.history.cursor().epoch, self.notices), 0);
        let body = Body::Notice { level, text: text.to_owned() };
        self.history.push(self.info.turn, What::Event(domain::Event { key, time: Some(now), body }));
        let error = matches!(level, Level::Error);
        self.told.event(Event::Notice { run: Some(self.info.id.clone()), text: text.to_owned(), error });
    }

    /// Tells the viewers and the loop that something changed, if something did.
    fn tell(&mut self) {
        let cursor = self.history.cursor();
        self.info.pid = self.life.pid();
        let mut changed = None;
        self.news.send_if_modified(|news| {
            let said = news.cursor != cursor;
            news.cursor = cursor;
            if *news.info != self.info {
                self.info.active = Some(self.post.now());
                news.info = Arc::new(self.info.clone());
                news.at = Instant::now();
                changed = Some(news.info.clone());
            }
            said || changed.is_some()
        });
        if let Some(info) = changed {
            self.told.event(Event::Run(info));
            self.told.stir.notify_one();
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
