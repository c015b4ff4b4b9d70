//! Answers that are the same for all who ask (lists of models, agents, commands): asked once, kept for a while.
//!
//! No clock and no server here: what is to be asked is told, what came back is put in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::http::{Reply, Request};

/// How long an answer counts as fresh.
pub const TTL: Duration = Duration::from_secs(5 * 60);

/// How long such a request may take.
pub const LIMIT: Duration = Duration::from_secs(10);

/// Whether an answer that is kept will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// One that is not older than [`TTL`].
    Kept,
    /// It must be asked for now.
    New,
}

/// What is known of a shared request.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The newest answer that was one.
    pub reply: Option<Arc<Reply>>,
    /// When it came.
    pub at: Option<Instant>,
    /// Why there is no newer one, where asking failed.
    pub problem: Option<String>,
}

#[derive(Debug)]
struct Slot<W> {
    kept: Option<(Arc<Reply>, Instant)>,
    waiting: Vec<W>,
}

/// What becomes of somebody who asks.
#[derive(Debug)]
pub enum Ticket<W> {
    /// The answer is here.
    Here(W, Fetched),
    /// It waits; the request is to be sent.
    Send,
    /// It waits for one that is under way.
    Wait,
}

/// Answers and those who wait for them.
#[derive(Debug)]
pub struct Shelf<W> {
    slots: HashMap<Request, Slot<W>>,
}

impl<W> Default for Shelf<W> {
    fn default() -> Self {
        Self { slots: HashMap::new() }
    }
}

impl<W> Shelf<W> {
    /// Somebody asks.
    pub fn ask(&mut self, request: &Request, freshness: Freshness, asker: W, now: Instant) -> Ticket<W> {
        let slot = self.slots.entry(request.clone()).or_insert_with(|| Slot { kept: None, waiting: Vec::new() });
        if let (Some((reply, at)), Freshness::Kept) = (&slot.kept, freshness)
            && now.duration_since(*at) < TTL
        {
            let fetched = Fetched { reply: Some(reply.clone()), at: Some(*at), problem: None };
            return Ticket::Here(asker, fetched);
        }
        slot.waiting.push(asker);
        if slot.waiting.len() == 1 { Ticket::Send } else { Ticket::Wait }
    }

    /// The answer came, or did not: who waits for it, and what they get. A failure keeps the old answer.
    pub fn arrived(&mut self, request: &Request, result: Result<Reply, String>, now: Instant) -> (Vec<W>, Fetched) {
        let Some(slot) = self.slots.get_mut(request) else {
            return (Vec::new(), Fetched { reply: None, at: None, problem: result.err() });
        };
        let problem = match result {
            Ok(reply) if reply.status == 200 => {
                slot.kept = Some((Arc::new(reply), now));
                None
            }
            Ok(reply) => Some(format!("the server answered {}", reply.status)),
            Err(problem) => Some(problem),
        };
        let (reply, at) = slot.kept.clone().unzip();
        (std::mem::take(&mut slot.waiting), Fetched { reply, at, problem })
    }

    /// The server is gone: nobody who waits will get a new answer.
    pub fn give_up(&mut self, problem: &str) -> Vec<(Vec<W>, Fetched)> {
        let given_up = self.slots.values_mut().map(|slot| {
            let (reply, at) = slot.kept.clone().unzip();
            (std::mem::take(&mut slot.waiting), Fetched { reply, at, problem: Some(problem.to_owned()) })
        });
        given_up.collect()
    }
}
