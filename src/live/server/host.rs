//! The task that owns a server: its process, its stream of events, and the places of the runs.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::events::{self, Heard};
use super::http::{self, Endpoint, Reply, Request};
use super::shared::{self, Fetched, Freshness, Shelf, Ticket};
use super::{ChildNews, Condition, Hosting, Phase, Post, Seat, Source};
use crate::domain::run::Failure;
use crate::live::link::Arrival;
use crate::live::process::{Exit, Output, Patience, Process};

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
enum Asker {
    Seat(u64, u64),
    Caller(oneshot::Sender<Fetched>),
}

/// What waits until the server is ready.
#[derive(Debug)]
enum Waiting {
    Own { seat: u64, id: u64, request: Request },
    Shared(Request),
}

/// A started server's parts; all gone when it is.
#[derive(Debug, Default)]
struct Running {
    process: Option<(Process, mpsc::Receiver<Output>)>,
    endpoint: Option<Endpoint>,
    stream: Option<(JoinHandle<()>, mpsc::Receiver<Heard>)>,
    password: String,
    /// When it must be ready.
    deadline: Option<Instant>,
    /// Why it is being stopped, if that is a failure.
    failure: Option<String>,
}

/// The task's state.
pub struct Host {
    hosting: Hosting,
    /// Weak: the host ends when no handle is left.
    orders: mpsc::WeakUnboundedSender<Order>,
    condition: watch::Sender<Condition>,
    since: Instant,
    phase: Phase,
    log: VecDeque<(u64, Phase)>,
    running: Running,
    seats: HashMap<u64, Post>,
    last_seat: u64,
    waiting: Vec<Waiting>,
    shelf: Shelf<Asker>,
    /// When it is stopped for want of use.
    idle: Option<Instant>,
    leaving: Vec<oneshot::Sender<()>>,
    /// No more places.
    closed: bool,
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
                    let (_, fetched) = self.shelf.arrived(&request, Err(in_words(&failure)), Instant::now());
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
    fn need(&mut self) -> Result<(), Failure> {
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

    fn start(&mut self) -> Result<(), Failure> {
        self.running = Running { deadline: Some(Instant::now() + self.hosting.patience), ..Running::default() };
        let started = match self.hosting.source.clone() {
            Source::Own { launch, mut environment } => http::password().map_err(Failure::Other).and_then(|password| {
                environment.vars.retain(|(name, _)| name != self.hosting.spec.password);
                environment.vars.push((self.hosting.spec.password.into(), password.clone()));
                let (process, outputs) = Process::spawn(&launch, &environment)?;
                self.record(ChildNews::Started { pid: process.pid(), program: launch.program });
                self.running.process = Some((process, outputs));
                self.running.password = password;
                Ok(())
            }),
            Source::Attached { address, password } => {
                self.running.password = password;
                self.connect(address).map_err(Failure::Other)
            }
        };
        match &started {
            Ok(()) => self.become_phase(Phase::Starting),
            Err(failure) => {
                self.running = Running::default();
                self.become_phase(Phase::Failed(in_words(failure)));
            }
        }
        started
    }

    /// The address is known: waits until the server answers there, then listens.
    fn connect(&mut self, address: std::net::SocketAddr) -> Result<(), String> {
        let spec = self.hosting.spec;
        let endpoint = Endpoint::new(address, spec.user, &self.running.password)?;
        let (heard, stream) = mpsc::channel(256);
        let listening = endpoint.clone();
        let task = tokio::spawn(async move {
            match healthy(&listening, spec.health).await {
                Ok(()) => events::listen(listening, spec.events, heard).await,
                // An error means that the host is gone.
                Err(reason) => drop(heard.send(Heard::Lost(reason)).await),
            }
        });
        self.running.endpoint = Some(endpoint);
        self.running.stream = Some((task, stream));
        Ok(())
    }

    fn output(&mut self, output: Option<Output>) {
        match output {
            Some(Output::Line(line)) => {
                let line = String::from_utf8_lossy(&line);
                if self.running.endpoint.is_none()
                    && let Some(address) = http::printed_address(&line)
                    && let Err(reason) = self.connect(address)
                {
                    self.stop(Some(reason));
                }
            }
            // It still serves; only its log is closed.
            Some(Output::Closed) => {}
            Some(Output::Exited(exit)) => self.exited(exit),
            None => self.exited(Exit { code: None, stderr: String::new() }),
        }
    }

    fn exited(&mut self, mut exit: Exit) {
        if let Some((mut process, _)) = self.running.process.take() {
            process.reaped();
            self.record(ChildNews::Reaped { pid: process.pid() });
        }
        let failure = self.running.failure.take();
        let asked = self.phase == Phase::Stopping && failure.is_none();
        if let Some(failure) = &failure {
            exit.stderr = format!("{failure}\n{}", exit.stderr).trim().to_owned();
        }
        let reason = failure.unwrap_or_else(|| match exit.code {
            Some(code) => format!("{} ended with code {code}", self.name()),
            None => format!("{} was ended by a signal", self.name()),
        });
        self.over();
        self.become_phase(if asked { Phase::Stopped } else { Phase::Failed(reason.clone()) });
        // Who sat down while it was stopping waits for the next one.
        if asked && !self.closed && !(self.seats.is_empty() && self.waiting.is_empty()) {
            if let Err(failure) = self.start() {
                self.dismiss(&Exit { code: None, stderr: in_words(&failure) });
            }
        } else {
            self.dismiss(&exit);
        }
        if self.closed {
            self.say_goodbye();
        }
    }

    /// Tells everybody that the server is gone.
    fn dismiss(&mut self, exit: &Exit) {
        for (_, post) in self.seats.drain() {
            post.answer(Arrival::Exited(exit.clone()));
        }
        self.waiting.clear();
        let problem = if exit.stderr.is_empty() { "the server ended" } else { &exit.stderr };
        for (askers, fetched) in self.shelf.give_up(problem) {
            for asker in askers {
                self.hand_out(asker, &fetched);
            }
        }
    }

    /// Forgets a server that is gone.
    fn over(&mut self) {
        if let Some((task, _)) = self.running.stream.take() {
            task.abort();
        }
        self.running = Running::default();
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

    /// It does not answer. Ours is ended, for nobody else will; another's is left alone.
    fn lost(&mut self, reason: String) {
        if let Some((task, _)) = self.running.stream.take() {
            task.abort();
        }
        if self.running.process.is_some() {
            self.stop(Some(format!("{}: {reason}", self.name())));
            return;
        }
        let reason = format!("{}: {reason}", self.name());
        self.over();
        self.become_phase(Phase::Failed(reason.clone()));
        self.dismiss(&Exit { code: None, stderr: reason });
    }

    fn fan_out(&self, event: impl Fn() -> Arrival) {
        for post in self.seats.values() {
            post.tell(event());
        }
    }

    fn ask(&mut self, seat: u64, id: u64, request: Request) {
        if !self.seats.contains_key(&seat) {
            return;
        }
        if request.shared {
            return self.share(request, Freshness::Kept, Asker::Seat(seat, id));
        }
        match self.ready_endpoint() {
            Some(endpoint) => self.send(endpoint, seat, id, request),
            None => self.waiting.push(Waiting::Own { seat, id, request }),
        }
    }

    fn ready_endpoint(&self) -> Option<Endpoint> {
        match self.phase {
            Phase::Ready | Phase::Degraded => self.running.endpoint.clone(),
            Phase::NotStarted | Phase::Starting | Phase::Stopping | Phase::Stopped | Phase::Failed(_) => None,
        }
    }

    fn send(&self, endpoint: Endpoint, seat: u64, id: u64, request: Request) {
        let Some(post) = self.seats.get(&seat) else { return };
        let answers = post.answers.clone();
        tokio::spawn(async move {
            let (status, body) = match endpoint.exchange(request).await {
                Ok(reply) => (reply.status, reply.body),
                Err(reason) => (0, reason.into_bytes()),
            };
            // An error means that the run is gone.
            answers.send(Arrival::Response { id, status, body }).ok();
        });
    }

    fn share(&mut self, request: Request, freshness: Freshness, asker: Asker) {
        match self.shelf.ask(&request, freshness, asker, Instant::now()) {
            Ticket::Here(asker, fetched) => self.hand_out(asker, &fetched),
            Ticket::Wait => {}
            Ticket::Send => match self.ready_endpoint() {
                Some(endpoint) => self.send_shared(endpoint, request),
                None => self.waiting.push(Waiting::Shared(request)),
            },
        }
    }

    fn send_shared(&self, endpoint: Endpoint, request: Request) {
        let Some(orders) = self.orders.upgrade() else { return };
        tokio::spawn(async move {
            let exchange = tokio::time::timeout(shared::LIMIT, endpoint.exchange(request.clone())).await;
            let result = exchange.unwrap_or_else(|_| Err(format!("no answer within {} s", shared::LIMIT.as_secs())));
            // An error means that the host is gone, and those who asked with it.
            orders.send(Order::Answered(request, result)).ok();
        });
    }

    fn hand_out(&self, asker: Asker, fetched: &Fetched) {
        match asker {
            // An error means that the caller went away.
            Asker::Caller(answer) => drop(answer.send(fetched.clone())),
            Asker::Seat(seat, id) => {
                let Some(post) = self.seats.get(&seat) else { return };
                let (status, body) = match (&fetched.reply, &fetched.problem) {
                    (Some(reply), _) => (reply.status, reply.body.clone()),
                    (None, problem) => (0, problem.clone().unwrap_or_default().into_bytes()),
                };
                post.answer(Arrival::Response { id, status, body });
            }
        }
    }

    fn send_what_waited(&mut self) {
        let Some(endpoint) = self.ready_endpoint() else { return };
        for waiting in std::mem::take(&mut self.waiting) {
            match waiting {
                Waiting::Own { seat, id, request } => self.send(endpoint.clone(), seat, id, request),
                Waiting::Shared(request) => self.send_shared(endpoint.clone(), request),
            }
        }
    }

    /// Ends the server if it is ours; `failure` says why if that is not for want of use.
    fn stop(&mut self, failure: Option<String>) {
        self.idle = None;
        self.running.deadline = None;
        if self.running.process.is_none() {
            return self.detach(failure);
        }
        if self.phase.may_become(&Phase::Stopping) {
            self.become_phase(Phase::Stopping);
        }
        self.running.failure = failure.or(self.running.failure.take());
        if let Some((process, _)) = &mut self.running.process {
            // It does not care about its stdin.
            process.stop(Patience { close: Duration::ZERO, ..Patience::default() });
        }
    }

    /// Leaves a server alone that is not ours.
    fn detach(&mut self, failure: Option<String>) {
        let exit = Exit { code: None, stderr: failure.clone().unwrap_or_default() };
        if self.phase.may_become(&Phase::Stopping) {
            self.become_phase(Phase::Stopping);
            self.become_phase(failure.map_or(Phase::Stopped, Phase::Failed));
        }
        self.over();
        self.dismiss(&exit);
    }

    fn say_goodbye(&mut self) {
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

    fn become_phase(&mut self, next: Phase) {
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

    fn record(&self, news: ChildNews) {
        if let Some(children) = &self.hosting.children {
            // An error means that salon is ending.
            children.send(news).ok();
        }
    }

    fn name(&self) -> String {
        match &self.hosting.source {
            Source::Own { launch, .. } => format!("{} {}", launch.program, launch.args.first().map_or("", |arg| arg)),
            Source::Attached { address, .. } => format!("the server at {address}"),
        }
    }
}

/// Waits until the server answers. An error: it never will, for it refuses us.
async fn healthy(endpoint: &Endpoint, path: &str) -> Result<(), String> {
    loop {
        match endpoint.exchange(Request::get(path)).await {
            Ok(Reply { status: 200, .. }) => return Ok(()),
            Ok(Reply { status: 401 | 403, .. }) => return Err("it refuses the password".into()),
            // The host has a clock on this.
            Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

fn in_words(failure: &Failure) -> String {
    match failure {
        Failure::NotInstalled => "it is not installed".into(),
        Failure::NotLoggedIn(text)
        | Failure::UnknownModel(text)
        | Failure::UnknownSession(text)
        | Failure::HeldElsewhere(text)
        | Failure::Other(text)
        | Failure::RateLimited { message: text, .. }
        | Failure::Crashed { stderr: text, .. } => text.clone(),
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
