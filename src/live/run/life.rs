//! A run's process: how it comes, what comes from it, how it goes.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Run;
use crate::agent::protocol::{Codec, Command, Conversation, Step};
use crate::domain::event::Level;
use crate::domain::run::{Failure, Outcome, Phase, Stopped};
use crate::live::decide::{self, NotReady};
use crate::live::link::{Arrival, Link, Sent};
use crate::live::process::{Exit, Patience};

/// Arrivals that are taken in before anybody is told: a flood is told in portions.
const PORTION: usize = 256;

/// How the process is.
pub(super) enum Life {
    /// There is none.
    Down,
    /// It is being started.
    Connecting(JoinHandle<Result<Link, Failure>>),
    /// It lives, or has not been seen to be gone.
    Up(Box<Up>),
}

/// A process.
pub(super) struct Up {
    link: Link,
    codec: Box<dyn Codec>,
    /// It closed its stdout.
    closed: bool,
}

/// What happens to a process.
pub(super) enum Next {
    /// It was started, or could not be.
    Connected(Result<Link, Failure>),
    /// Something came from it.
    Arrived(Arrival),
}

impl Life {
    /// Waits for what happens next; for ever where there is no process.
    pub(super) async fn next(&mut self) -> Next {
        match self {
            Self::Down => std::future::pending().await,
            Self::Connecting(task) => Next::Connected(match task.await {
                Ok(connected) => connected,
                Err(error) => Err(Failure::Other(error.to_string())),
            }),
            Self::Up(up) => Next::Arrived(up.link.arrival().await),
        }
    }

    /// Its id, where the run has one of its own.
    pub(super) fn pid(&self) -> Option<u32> {
        match self {
            Self::Up(up) => up.link.pid(),
            Self::Down | Self::Connecting(_) => None,
        }
    }

    /// Whether any byte of what was sent went out.
    pub(super) fn wrote(&self, sent: Sent) -> bool {
        match self {
            Self::Up(up) => up.link.wrote(sent),
            Self::Down | Self::Connecting(_) => false,
        }
    }
}

impl Run {
    /// Starts a process, unless there is one, or there were too many.
    pub(super) fn start(&mut self) {
        if !matches!(self.life, Life::Down) || self.ending {
            return;
        }
        self.retry = None;
        let now = Instant::now();
        let ago: Vec<_> = self.starts.iter().map(|start| now.duration_since(*start)).collect();
        if !decide::may_start(&ago) {
            self.give_up_starting();
            return;
        }
        self.starts.push_back(now);
        while self.starts.len() > decide::STARTS {
            self.starts.pop_front();
        }
        self.generation += 1;
        self.open.heard(now);
        self.info.phase = Phase::Starting;
        self.info.stopping = None;
        let (connector, agent, protocol) = (self.connector.clone(), self.agent, self.protocol);
        let opening = self.opening.clone();
        let connect = async move { connector.connect(agent, protocol, &opening).await };
        self.life = Life::Connecting(tokio::spawn(connect));
    }

    fn give_up_starting(&mut self) {
        self.info.paused = true;
        let failure = self.info.failure.clone().unwrap_or(Failure::Crashed { code: None, stderr: String::new() });
        self.info.failure = Some(failure.clone());
        self.info.phase = Phase::Stopped(Stopped::Failed(failure));
        let label = self.agent.label();
        self.notice(&format!("{label} was started {} times in a minute: it crashes.", decide::STARTS), Level::Error);
    }

    pub(super) async fn connected(&mut self, connected: Result<Link, Failure>) {
        match connected {
            Err(failure) => {
                self.life = Life::Down;
                self.gone(failure).await;
            }
            Ok(link) => {
                self.life = Life::Up(Box::new(Up { link, codec: self.protocol.codec(), closed: false }));
                self.command(Command::Open(self.opening.clone())).await;
            }
        }
    }

    /// Takes in what came, and what came behind it already.
    pub(super) async fn receive(&mut self, first: Arrival) {
        self.open.heard(Instant::now());
        self.info.silent = None;
        let mut next = Some(first);
        for _ in 0..PORTION {
            let Some(arrival) = next.take() else { return };
            self.arrived(arrival).await;
            if let Life::Up(up) = &mut self.life {
                next = up.link.ready().await;
            }
        }
        if let Some(arrival) = next {
            self.arrived(arrival).await;
        }
    }

    async fn arrived(&mut self, arrival: Arrival) {
        let now = self.post.now();
        let Life::Up(up) = &mut self.life else { return };
        match &arrival {
            Arrival::Exited(exit) => {
                let exit = exit.clone();
                self.exited(exit).await;
            }
            Arrival::Closed => {
                // It cannot tell us anything any more: a turn that it might still be at would spin for ever.
                up.closed = true;
                up.link.stop(Patience::default());
            }
            Arrival::Line(_) | Arrival::Response { .. } | Arrival::ServerEvent(_) | Arrival::Resumed => {
                if let Some(incoming) = arrival.incoming() {
                    let step = up.codec.decode(incoming, now);
                    self.take(step).await;
                }
            }
        }
    }

    /// Passes a command to the agent, where there is one.
    pub(super) async fn command(&mut self, command: Command) -> Option<Sent> {
        let now = self.post.now();
        let Life::Up(up) = &mut self.life else { return None };
        let step = up.codec.command(command, now);
        self.take(step).await
    }

    /// Sends what is to be sent and hears what is told; how the last of it went out.
    pub(super) async fn take(&mut self, step: Step) -> Option<Sent> {
        let mut last = None;
        for outgoing in step.outgoing {
            let Life::Up(up) = &mut self.life else { break };
            match up.link.send(outgoing) {
                Ok(sent) => last = Some(sent),
                // It is about to be seen that it is gone, and then why.
                Err(failure) => tracing::debug!(run = %self.info.id, ?failure, "nothing was sent"),
            }
        }
        for signal in step.signals {
            self.hear(signal).await;
        }
        last
    }

    /// Ends the process, patiently.
    pub(super) fn stop(&mut self, reason: Stopped) {
        match &mut self.life {
            Life::Down => {
                self.retry = None;
                self.info.phase = Phase::Stopped(reason);
            }
            Life::Connecting(task) => {
                // What it may have started is ended when it is dropped.
                task.abort();
                self.life = Life::Down;
                self.info.phase = Phase::Stopped(reason);
            }
            Life::Up(up) => {
                self.info.stopping = Some(reason);
                up.link.stop(Patience::default());
            }
        }
    }

    /// Ends the process without waiting for it to end in good order; asked again, at once.
    pub(super) fn force(&mut self) {
        let Life::Up(up) = &mut self.life else { return };
        if self.info.stopping.is_some() {
            up.link.kill();
            return;
        }
        self.info.stopping = Some(Stopped::OnRequest);
        up.link.stop(Patience { close: Duration::ZERO, ..Patience::default() });
    }

    async fn exited(&mut self, exit: Exit) {
        self.settle_unsent().await;
        let Life::Up(up) = std::mem::replace(&mut self.life, Life::Down) else { return };
        if let Some(child) = up.link.child()
            && let Err(fault) = self.post.forget_child(child).await
        {
            tracing::warn!("a child stays on record: {fault}");
        }
        if exit.code.is_none() && up.closed && self.info.stopping.is_none() {
            self.gone(Failure::Other("the agent closed its output and went on without us; it was ended".into())).await;
        } else {
            self.gone(self.protocol.ended(exit.code, &exit.stderr)).await;
        }
    }

    /// There is no process any more; `failure` says why, unless it was told to go.
    async fn gone(&mut self, failure: Failure) {
        let was_starting = self.info.phase == Phase::Starting;
        let stopped = self.info.stopping.take().unwrap_or(Stopped::Failed(failure));
        let outcome = match &stopped {
            Stopped::Failed(failure) => Outcome::Failed(failure.clone()),
            Stopped::NotStarted | Stopped::OnRequest | Stopped::Evicted => Outcome::Interrupted,
        };
        self.close_turn(outcome).await;
        self.drop_approvals();
        self.info.phase = Phase::Stopped(stopped.clone());
        self.info.silent = None;
        match stopped {
            Stopped::Failed(failure) => {
                self.info.failure = Some(failure.clone());
                self.notice(&format!("{}: {failure}", self.agent.label()), Level::Error);
                if was_starting {
                    self.not_ready(&failure).await;
                }
            }
            // The conversation stands in its transcript: an evicted run holds nothing.
            Stopped::Evicted => self.history.clear(),
            Stopped::NotStarted | Stopped::OnRequest => {}
        }
        self.resume_next_time();
    }

    /// It ended before it could take a prompt.
    async fn not_ready(&mut self, failure: &Failure) {
        self.failures += 1;
        if !self.expecting || !self.post.is_next(&self.info.id).await.unwrap_or(false) {
            return;
        }
        match decide::not_ready(failure, self.failures, self.limits) {
            NotReady::Retry(wait) => self.retry = Some(Instant::now() + wait),
            NotReady::Pause => self.info.paused = true,
            NotReady::Fail => {
                self.info.paused = true;
                let reason = format!("{} ended {} times before it was ready", self.agent.label(), self.failures);
                if let Err(fault) = self.post.fail_next(&self.info.id, reason).await {
                    tracing::error!("a prompt that failed is not marked: {fault}");
                }
                self.requeue = true;
            }
        }
    }

    /// Another process goes on with the conversation; a new one begins only where there is nothing to go on with.
    fn resume_next_time(&mut self) {
        if let Some(session) = &self.info.session {
            self.opening.conversation = Conversation::Resume(session.id.clone());
        }
    }
}
