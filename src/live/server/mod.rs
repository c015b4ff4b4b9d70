//! The one server that all runs of an agent share: started when it is first needed, stopped when nobody needs it.
//!
//! Sessions are data, not processes: a run has a [`Seat`], which carries its requests to the server and all of the
//! server's events back. What they mean is the codec's business; here nothing is known of any agent.

mod desk;
pub mod events;
mod host;
pub mod http;
mod life;
pub mod shared;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use self::host::{Host, Order};
pub use self::http::{Reply, Request};
pub use self::shared::{Fetched, Freshness};
use super::link::Arrival;
use super::process::{ChildEnvironment, Exit};
use crate::agent::protocol::ServerSpec;
use crate::domain::launch::Launch;
use crate::domain::run::Failure;

/// Where the server comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// We start it, and we stop it.
    Own {
        /// How it is started.
        launch: Launch,
        /// Its environment, but for the password.
        environment: ChildEnvironment,
    },
    /// It runs already and is never stopped by us.
    Attached {
        /// Where it listens.
        address: SocketAddr,
        /// Its password.
        password: String,
    },
}

/// How a server is kept.
#[derive(Clone, Debug)]
pub struct Hosting {
    /// Where it comes from.
    pub source: Source,
    /// How it is spoken to.
    pub spec: ServerSpec,
    /// How long it may take to become ready.
    pub patience: Duration,
    /// How long it stays when nobody needs it.
    pub idle: Duration,
    /// How long what is shared may take to be answered.
    pub shared: Duration,
    /// Who is told of the process, if anybody is.
    pub children: Option<mpsc::UnboundedSender<ChildNews>>,
}

impl Hosting {
    /// With the usual limits.
    pub fn new(source: Source, spec: ServerSpec) -> Self {
        let (patience, idle) = (Duration::from_secs(30), Duration::from_secs(5 * 60));
        Self { source, spec, patience, idle, shared: shared::LIMIT, children: None }
    }
}

/// What happened to the server's process, for the registry of children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChildNews {
    /// It was started, as the leader of a group of its own.
    Started {
        /// Its process id.
        pid: u32,
        /// The program.
        program: String,
    },
    /// It is gone, and reaped.
    Reaped {
        /// Its process id.
        pid: u32,
    },
}

/// What the server is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nobody needed it yet.
    #[default]
    NotStarted,
    /// It was started, or is being looked for, and does not answer yet.
    Starting,
    /// It takes requests and tells events.
    Ready,
    /// It answers, but its stream of events broke and is being opened again.
    Degraded,
    /// It was told to end.
    Stopping,
    /// It ended because nobody needed it any more.
    Stopped,
    /// It ended on its own, or could not be started; why.
    Failed(String),
}

impl Phase {
    /// Whether the server may go from here to `next`. Whatever runs may fail; only what runs not may be started.
    pub fn may_become(&self, next: &Self) -> bool {
        use Phase::{Degraded, Failed, NotStarted, Ready, Starting, Stopped, Stopping};
        match next {
            NotStarted => false,
            Starting => matches!(self, NotStarted | Stopped | Failed(_)),
            Ready => matches!(self, Starting | Degraded),
            Degraded => matches!(self, Ready),
            Stopping => matches!(self, Starting | Ready | Degraded),
            Stopped => matches!(self, Stopping),
            Failed(_) => matches!(self, NotStarted | Starting | Ready | Degraded | Stopping | Stopped | Failed(_)),
        }
    }
}

/// The state of a server, for those who look at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// What it is doing.
    pub phase: Phase,
    /// Its process, where it is ours.
    pub pid: Option<u32>,
    /// Where it listens.
    pub address: Option<SocketAddr>,
    /// Runs that have a place.
    pub seats: usize,
    /// What it did last, oldest first, with the seconds since salon made this server's host; bounded.
    pub log: Vec<(u64, Phase)>,
}

/// The handle of a server. Cloning it makes another handle of the same server.
#[derive(Clone, Debug)]
pub struct Server {
    orders: mpsc::UnboundedSender<Order>,
    condition: watch::Receiver<Condition>,
}

impl Server {
    /// A server that is started as soon as somebody needs it, and not before.
    pub fn new(hosting: Hosting) -> Self {
        let (orders, receiver) = mpsc::unbounded_channel();
        let (sender, condition) = watch::channel(Condition::default());
        tokio::spawn(Host::new(hosting, orders.downgrade(), sender).work(receiver));
        Self { orders, condition }
    }

    /// A place at it. It may take some time until it is ready; what is asked before is kept. An error: it cannot be
    /// started at all.
    pub async fn seat(&self) -> Result<Seat, Failure> {
        let (sender, answer) = oneshot::channel();
        self.orders.send(Order::Sit(sender)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Asks for what is the same for all who ask: one request, however many want it, at most ten seconds long once
    /// the server is ready.
    pub async fn fetch(&self, request: Request, freshness: Freshness) -> Fetched {
        let (sender, answer) = oneshot::channel();
        let sent = self.orders.send(Order::Fetch(request, freshness, sender)).is_ok();
        let nothing = || Fetched { reply: None, at: None, problem: Some("salon is ending".into()) };
        if sent { answer.await.unwrap_or_else(|_| nothing()) } else { nothing() }
    }

    /// Its state now.
    pub fn condition(&self) -> Condition {
        self.condition.borrow().clone()
    }

    /// Its state, to be watched.
    pub fn watch(&self) -> watch::Receiver<Condition> {
        self.condition.clone()
    }

    /// Ends it if it is ours, and tells all who have a place. Returns when it is gone; nobody gets a place after.
    pub async fn shut_down(&self) {
        let (sender, done) = oneshot::channel();
        if self.orders.send(Order::ShutDown(sender)).is_ok() {
            // An error means that it is gone already.
            done.await.ok();
        }
    }
}

fn gone() -> Failure {
    Failure::Other("salon is ending".into())
}

/// A run's place at a server. Dropping it gives it up.
#[derive(Debug)]
pub struct Seat {
    number: u64,
    orders: mpsc::WeakUnboundedSender<Order>,
    /// Answers, and the end. As many as were asked for.
    answers: mpsc::UnboundedReceiver<Arrival>,
    /// What the server tells; bounded.
    events: mpsc::Receiver<Arrival>,
    /// An event was dropped, for the queue was full.
    missed: Arc<AtomicBool>,
    ended: Option<Exit>,
}

/// What of the host belongs to a seat.
#[derive(Debug)]
pub(super) struct Post {
    answers: mpsc::UnboundedSender<Arrival>,
    events: mpsc::Sender<Arrival>,
    missed: Arc<AtomicBool>,
}

/// Events that may wait for a run; what is more is dropped, and the run told to ask for it.
const WAITING: usize = 2048;

impl Seat {
    fn new(number: u64, orders: mpsc::WeakUnboundedSender<Order>) -> (Self, Post) {
        let (answers, answered) = mpsc::unbounded_channel();
        let (events, told) = mpsc::channel(WAITING);
        let missed = Arc::new(AtomicBool::new(false));
        let seat = Self { number, orders, answers: answered, events: told, missed: missed.clone(), ended: None };
        (seat, Post { answers, events, missed })
    }

    /// Sends a request, once the server is ready; its answer arrives under this id. `false`: the place is gone.
    pub fn request(&self, id: u64, request: Request) -> bool {
        let Some(orders) = self.orders.upgrade() else { return false };
        !self.answers.is_closed() && orders.send(Order::Ask { seat: self.number, id, request }).is_ok()
    }

    /// The next thing that comes; `None` once all came. The end comes last.
    pub async fn arrival(&mut self) -> Option<Arrival> {
        loop {
            if self.events.is_empty() {
                if self.missed.swap(false, Ordering::AcqRel) {
                    return Some(Arrival::Resumed);
                }
                if let Some(exit) = self.ended.take() {
                    self.answers.close();
                    return Some(Arrival::Exited(exit));
                }
            }
            tokio::select! {
                Some(event) = self.events.recv() => return Some(event),
                answer = self.answers.recv(), if self.ended.is_none() => match answer? {
                    Arrival::Exited(exit) => self.ended = Some(exit),
                    answer => return Some(answer),
                },
            }
        }
    }

    /// Gives the place up. [`Arrival::Exited`] tells when it is done.
    pub fn leave(&mut self) {
        if let Some(orders) = self.orders.upgrade() {
            // An error means that the host is gone, and the seat with it.
            orders.send(Order::Leave(self.number)).ok();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Post {
    fn answer(&self, arrival: Arrival) {
        // An error means that the seat was dropped; the host will hear of that.
        self.answers.send(arrival).ok();
    }

    /// Never waits for a run that is slow.
    fn tell(&self, event: Arrival) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            self.missed.store(true, Ordering::Release);
        }
    }
}
