//! The task that owns a server: its process, its stream of events, and the places of the runs.

use std::collections::{HashMap, VecDeque};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::events::Heard;
use super::http::{Endpoint, Reply, Request};
use super::shared::{Fetched, Freshness, Shelf};
use super::{Condition, Hosting, Phase, Post, Seat, Source};
use crate::domain::run::Failure;
use crate::live::link::Arrival;
use crate::live::process::{Exit, Output, Process};

/// Transitions that are kept to be looked at.
const LOG: usize = 50;

/// What the host is told to do.
#[derive(Debug)]
pub enum Order {
    /// Somebody needs a place.
    Sit(oneshot::Sender<Result<Seat, Failure>>),
    /// Somebody gives a place up.
    Leave(u64),
    /// A run asks the server.
    Ask {
        /// Its place.
        seat: u64,
        /// Names the answer.
        id: u64,
        /// What is asked.
        request: Request,
    },
    /// Somebody asks what is the same for all.
    Fetch(Request, Freshness, oneshot::Sender<Fetched>),
    /// A shared request was answered, or not.
    Answered(Request, Result<Reply, String>),
    /// Ends everything.
    ShutDown(oneshot::Sender<()>),
}

/// Who waits for a shared answer.
#[derive(Debug)]
pub(super) enum Asker {
    Seat(u64, u64),
    Caller(oneshot::Sender<Fetched>),
}

/// What waits until the server is ready.
#[derive(Debug)]
pub(super) enum Waiting {
    Own { seat: u64, id: u64, request: Request },
    Shared(Request),
}

/// A started server's parts; all gone when it is.
#[derive(Debug, Default)]
pub(super) struct Running {
    pub(super) process: Option<(Process, mpsc::Receiver<Output>)>,
    pub(super) endpoint: Option<Endpoint>,
    pub(super) stream: Option<(JoinHandle<()>, mpsc::Receiver<Heard>)>,
    pub(super) password: String,
    /// When it must be ready.
    pub(super) deadline: Option<Instant>,
    /// Why it is being stopped, if that is a failure.
    pub(super) failure: Option<String>,
}

/// The task's state.
pub struct Host {
    pub(super) hosting: Hosting,
    /// Weak: the host ends when no handle is left.
    pub(super) orders: mpsc::WeakUnboundedSender<Order>,
    pub(super) condition: watch::Sender<Condition>,
    pub(super) since: Instant,
    pub(super) phase: Phase,
    pub(super) log: VecDeque<(u64, Phase)>,
    pub(super) running: Running,
    pub(super) seats: HashMap<u64, Post>,
    pub(super) last_seat: u64,
    pub(super) waiting: Vec<Waiting>,
    pub(super) shelf: Shelf<Asker>,
    /// When it is stopped for want of use.
    pub(super) idle: Option<Instant>,
    pub(super) leaving: Vec<oneshot::Sender<()>>,
    /// No more places.
    pub(super) closed: bool,
}

/// What happened, out of all that may.
enum Happened {
    Order(Option<Order>),
    Output(Option<Output>),
    Heard(Option<Heard>),
    Late,
    Idle,
}

impl Host {
    /// A host that has started nothing.
    pub fn new(
        hosting: Hosting,
        orders: mpsc::WeakUnboundedSender<Order>,
        condition: watch::Sender<Condition>,
    ) -> Self {
        Self {
            hosting,
            orders,
            condition,
            since: Instant::now(),
            phase: Phase::NotStarted,
            log: VecDeque::new(),
            running: Running::default(),
            seats: HashMap::new(),
            last_seat: 0,
            waiting: Vec::new(),
            shelf: Shelf::default(),
            idle: None,
            leaving: Vec::new(),
            closed: false,
        }
    }

    /// Works until no handle is left and the server is gone.
    pub async fn work(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut open = true;
        while open || self.running.process.is_some() {
            match self.next(&mut orders, open).await {
                Happened::Order(Some(order)) => self.obey(order),
                Happened::Order(None) => {
                    open = false;
                    self.closed = true;
                    self.stop(None);
                }
                Happened::Output(output) => self.output(output),
                Happened::Heard(heard) => self.heard(heard),
                Happened::Late => {
                    let limit = self.hosting.patience.as_secs();
                    self.stop(Some(format!("{} did not become ready within {limit} s", self.name())));
                }
                Happened::Idle => self.stop(None),
            }
            self.mind_idleness();
            self.tell();
        }
    }

    async fn next(&mut self, orders: &mut mpsc::UnboundedReceiver<Order>, open: bool) -> Happened {
        let (late, idle) = (self.running.deadline, self.idle);
        let outputs = async {
            match &mut self.running.process {
                Some((_, outputs)) => outputs.recv().await,
                None => std::future::pending().await,
            }
        };
        let stream = async {
            match &mut self.running.stream {
                Some((_, heard)) => heard.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            order = orders.recv(), if open => Happened::Order(order),
            output = outputs => Happened::Output(output),
            heard = stream => Happened::Heard(heard),
            () = until(late) => Happened::Late,
            () = until(idle) => Happened::Idle,
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Sit(answer) => {
                let seat = self.need().map(|()| self.sit());
                // An error means that nobody waits for it any more; dropping the seat gives it up.
                answer.send(seat).ok();
            }
            Order::Leave(number) => {
                if let Some(post) = self.seats.remove(&number) {
                    post.answer(Arrival::Exited(Exit { code: Some(0), stderr: String::new() }));
                }
                self.waiting.retain(|waiting| !matches!(waiting, Waiting::Own { seat, .. } if *seat == number));
            }
            Order::Ask { seat, id, request } => self.ask(seat, id, request),
            Order::Fetch(request, freshness, answer) => match self.need() {
                Ok(()) => self.share(request, freshness, Asker::Caller(answer)),
                Err(failure) => {
                    let (_, fetched) = self.shelf.arrived(&request, Err(failure.to_string()), Instant::now());
                    answer.send(fetched).ok();
                }
            },
            Order::Answered(request, result) => {
                let (askers, fetched) = self.shelf.arrived(&request, result, Instant::now());
                for asker in askers {
                    self.hand_out(asker, &fetched);
                }
            }
            Order::ShutDown(done) => {
                self.closed = true;
                self.leaving.push(done);
                self.stop(None);
                self.say_goodbye();
            }
        }
    }

    fn sit(&mut self) -> Seat {
        self.last_seat += 1;
        let (seat, post) = Seat::new(self.last_seat, self.orders.clone());
        self.seats.insert(self.last_seat, post);
        seat
    }

    /// Makes sure that the server runs or is on its way.
    pub(super) fn need(&mut self) -> Result<(), Failure> {
        if self.closed {
            return Err(super::gone());
        }
        match self.phase {
            Phase::Starting | Phase::Ready | Phase::Degraded => Ok(()),
            // It starts again as soon as the old one is gone.
            Phase::Stopping => Ok(()),
            Phase::NotStarted | Phase::Stopped | Phase::Failed(_) => self.start(),
        }
    }

    fn heard(&mut self, heard: Option<Heard>) {
        match heard {
            Some(Heard::Open) => {
                self.running.deadline = None;
                if self.phase == Phase::Starting {
                    self.become_phase(Phase::Ready);
                    self.send_what_waited();
                } else {
                    self.become_phase(Phase::Ready);
                    self.fan_out(|| Arrival::Resumed);
                }
            }
            Some(Heard::Broken) => {
                if self.phase == Phase::Ready {
                    self.become_phase(Phase::Degraded);
                }
            }
            Some(Heard::Event(data)) => self.fan_out(|| Arrival::ServerEvent(data.clone())),
            Some(Heard::Lost(reason)) => self.lost(reason),
            None => self.lost("its events ended".into()),
        }
    }

    fn fan_out(&self, event: impl Fn() -> Arrival) {
        for post in self.seats.values() {
            post.tell(event());
        }
    }

    pub(super) fn say_goodbye(&mut self) {
        if self.running.process.is_none() {
            for done in self.leaving.drain(..) {
                // An error means that nobody waits for the end.
                done.send(()).ok();
            }
        }
    }

    /// The clock of idleness runs while nobody has a place or waits for anything.
    fn mind_idleness(&mut self) {
        let up = matches!(self.phase, Phase::Ready | Phase::Degraded);
        let unused = self.seats.is_empty() && self.waiting.is_empty();
        if !(up && unused) {
            self.idle = None;
        } else if self.idle.is_none() {
            self.idle = Some(Instant::now() + self.hosting.idle);
        }
    }

    pub(super) fn become_phase(&mut self, next: Phase) {
        if self.phase == next {
            return;
        }
        if !self.phase.may_become(&next) {
            tracing::error!("{}: refused to go from {:?} to {next:?}", self.name(), self.phase);
            return;
        }
        tracing::info!("{}: {next:?}", self.name());
        if self.log.len() == LOG {
            self.log.pop_front();
        }
        self.log.push_back((self.since.elapsed().as_secs(), next.clone()));
        self.phase = next;
    }

    fn tell(&self) {
        let condition = Condition {
            phase: self.phase.clone(),
            pid: self.running.process.as_ref().map(|(process, _)| process.pid()),
            address: self.running.endpoint.as_ref().map(|endpoint| endpoint.address),
            seats: self.seats.len(),
            log: self.log.iter().cloned().collect(),
        };
        self.condition.send_if_modified(|present| {
            let changed = *present != condition;
            *present = condition;
            changed
        });
    }

    pub(super) fn name(&self) -> String {
        match &self.hosting.source {
            Source::Own { launch, .. } => format!("{} {}", launch.program, launch.args.first().map_or("", |arg| arg)),
            Source::Attached { address, .. } => format!("the server at {address}"),
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
