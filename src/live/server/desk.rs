//! Requests on their way to the server and answers on their way back.

use tokio::time::Instant;

use super::Phase;
use super::host::{Asker, Host, Order, Waiting};
use super::http::{Endpoint, Request};
use super::shared::{Fetched, Freshness, Ticket};
use crate::live::link::Arrival;

impl Host {
    pub(super) fn ask(&mut self, seat: u64, id: u64, request: Request) {
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

    pub(super) fn ready_endpoint(&self) -> Option<Endpoint> {
        match self.phase {
            Phase::Ready | Phase::Degraded => self.running.endpoint.clone(),
            Phase::NotStarted | Phase::Starting | Phase::Stopping | Phase::Stopped | Phase::Failed(_) => None,
        }
    }

    pub(super) fn send(&self, endpoint: Endpoint, seat: u64, id: u64, request: Request) {
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

    pub(super) fn share(&mut self, request: Request, freshness: Freshness, asker: Asker) {
        match self.shelf.ask(&request, freshness, asker, Instant::now()) {
            Ticket::Here(asker, fetched) => self.hand_out(asker, &fetched),
            Ticket::Wait => {}
            Ticket::Send => match self.ready_endpoint() {
                Some(endpoint) => self.send_shared(endpoint, request),
                None => self.waiting.push(Waiting::Shared(request)),
            },
        }
    }

    pub(super) fn send_shared(&self, endpoint: Endpoint, request: Request) {
        let Some(orders) = self.orders.upgrade() else { return };
        let limit = self.hosting.shared;
        tokio::spawn(async move {
            let exchange = tokio::time::timeout(limit, endpoint.exchange(request.clone())).await;
            let result = exchange.unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs_f32())));
            // An error means that the host is gone, and those who asked with it.
            orders.send(Order::Answered(request, result)).ok();
        });
    }

    pub(super) fn hand_out(&self, asker: Asker, fetched: &Fetched) {
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

    pub(super) fn send_what_waited(&mut self) {
        let Some(endpoint) = self.ready_endpoint() else { return };
        for waiting in std::mem::take(&mut self.waiting) {
            match waiting {
                Waiting::Own { seat, id, request } => self.send(endpoint.clone(), seat, id, request),
                Waiting::Shared(request) => self.send_shared(endpoint.clone(), request),
            }
        }
    }
}
