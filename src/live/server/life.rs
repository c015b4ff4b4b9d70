//! How a server comes and goes: started or found, listened to, ended, gone.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::events::{self, Heard};
use super::host::{Host, Running};
use super::http::{self, Endpoint, Reply, Request};
use super::{ChildNews, Phase, Source};
use crate::domain::run::Failure;
use crate::live::link::Arrival;
use crate::live::process::{Exit, Output, Patience, Process};

impl Host {
    pub(super) fn start(&mut self) -> Result<(), Failure> {
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
                self.become_phase(Phase::Failed(failure.to_string()));
            }
        }
        started
    }

    /// The address is known: waits until the server answers there, then listens.
    pub(super) fn connect(&mut self, address: std::net::SocketAddr) -> Result<(), String> {
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

    pub(super) fn output(&mut self, output: Option<Output>) {
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

    pub(super) fn exited(&mut self, mut exit: Exit) {
        if let Some((mut process, _)) = self.running.process.take() {
            process.reaped();
            self.record(ChildNews::Reaped { pid: process.pid() });
        }
        let failure = self.running.failure.take();
        let asked = self.phase == Phase::Stopping && failure.is_none();
        if let Some(failure) = &failure {
            // What is said last is what is shown first.
            exit.stderr = format!("{}\n{failure}", exit.stderr).trim().to_owned();
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
                self.dismiss(&Exit { code: None, stderr: failure.to_string() });
            }
        } else {
            self.dismiss(&exit);
        }
        if self.closed {
            self.say_goodbye();
        }
    }

    /// Tells everybody that the server is gone.
    pub(super) fn dismiss(&mut self, exit: &Exit) {
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
    pub(super) fn over(&mut self) {
        if let Some((task, _)) = self.running.stream.take() {
            task.abort();
        }
        self.running = Running::default();
    }

    /// It does not answer. Ours is ended, for nobody else will; another's is left alone.
    pub(super) fn lost(&mut self, reason: String) {
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

    /// Ends the server if it is ours; `failure` says why if that is not for want of use.
    pub(super) fn stop(&mut self, failure: Option<String>) {
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
    pub(super) fn detach(&mut self, failure: Option<String>) {
        let exit = Exit { code: None, stderr: failure.clone().unwrap_or_default() };
        if self.phase.may_become(&Phase::Stopping) {
            self.become_phase(Phase::Stopping);
            self.become_phase(failure.map_or(Phase::Stopped, Phase::Failed));
        }
        self.over();
        self.dismiss(&exit);
    }

    pub(super) fn record(&self, news: ChildNews) {
        if let Some(children) = &self.hosting.children {
            // An error means that salon is ending.
            children.send(news).ok();
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
