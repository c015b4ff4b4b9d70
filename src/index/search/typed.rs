//! What the last query found where, so that the next one, typed from it, need not look where there was nothing.
//!
//! A needle that only asks for more (`mem`, then `memo`) can only be in texts that held the shorter one; one that is
//! the same as before is where it was.

use std::sync::{Arc, Mutex, PoisonError};

use super::corpus::Corpus;
use super::plan::{Plan, Test};
use super::run::is_valid;
use super::store::{Batch, Live, View};
use super::tally::Match;
use crate::domain::SessionKey;
use crate::domain::query::Matcher;

/// The last query's needles, with the texts that hold them.
#[derive(Debug, Default)]
pub struct Typed {
    last: Mutex<Option<Arc<Last>>>,
    /// Which batches count, as long as the same is stored and there is the same to search.
    batches: Mutex<Option<Arc<Batches>>>,
}

/// The batches that count, in a moment of the store and of the corpus.
#[derive(Debug)]
pub struct Batches {
    moment: (u64, u64),
    corpus: u64,
    /// They.
    pub all: Vec<Placed>,
}

/// A batch, and what the corpus knows of it.
#[derive(Debug)]
pub struct Placed {
    /// The batch.
    pub batch: Arc<Batch>,
    /// Its unit's number.
    pub unit: usize,
    /// The numbers of its sessions; none for those that lie elsewhere now, or were stored again.
    pub sessions: Vec<Option<usize>>,
}

impl Batches {
    fn new(view: &View, corpus: &Corpus) -> Self {
        let placed = |live: &Live| {
            let unit = corpus.unit_number(&live.batch.path)?;
            is_valid(view, &corpus.units()[unit]).then(|| Placed {
                batch: live.batch.clone(),
                unit,
                sessions: live.batch.sessions.iter().enumerate().map(|at| session(live, at, corpus)).collect(),
            })
        };
        Self { moment: view.moment(), corpus: corpus.id(), all: view.live().filter_map(placed).collect() }
    }
}

fn session(live: &Live, (at, id): (usize, &Arc<str>), corpus: &Corpus) -> Option<usize> {
    let key = SessionKey { agent: live.batch.agent, id: id.clone() };
    corpus.number_in(&key, &live.batch.path).filter(|_| !live.dead.contains(&at))
}

/// Where a needle was found in a batch: in which of its texts, first of all there. `None`: nobody looked.
pub type Spots = Option<Arc<[(u32, Match)]>>;

/// What was found, and under which circumstances.
#[derive(Debug)]
pub struct Last {
    moment: (u64, u64),
    open: Vec<u64>,
    /// Where the batches lie that were looked at.
    batches: Vec<u64>,
    /// Each needle, and for each batch where it is.
    needles: Vec<(Matcher, Vec<Spots>)>,
}

/// What is known of a needle's places from the last query.
#[derive(Debug)]
pub enum Known<'a> {
    /// These are they, in each batch.
    Same(&'a [Spots]),
    /// Elsewhere they cannot be.
    Within(&'a [Spots]),
    /// Nor before these.
    Behind(&'a [Spots]),
}

impl<'a> Known<'a> {
    /// The places that are told, in each batch.
    pub fn spots(&self) -> &'a [Spots] {
        match self {
            Self::Same(spots) | Self::Within(spots) | Self::Behind(spots) => spots,
        }
    }
}

impl Typed {
    /// What the last query found, if the same sessions were asked and the same was stored.
    pub fn last(&self, moment: (u64, u64), open: &[u64]) -> Option<Arc<Last>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        (last.moment == moment && last.open == open).then_some(last)
    }

    /// The batches that count now.
    pub fn batches(&self, view: &View, corpus: &Corpus) -> Arc<Batches> {
        let mut held = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some(batches) if batches.moment == view.moment() && batches.corpus == corpus.id() => batches.clone(),
            Some(_) | None => held.insert(Arc::new(Batches::new(view, corpus))).clone(),
        }
    }

    /// Forgets what it knows.
    pub fn forget(&self) {
        *self.batches.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Remembers what a query found: for each probe and each batch its places. Only simple queries are worth it; in
    /// others what is found depends on where a needle stands.
    pub fn remember(&self, plan: &Plan, moment: (u64, u64), open: Vec<u64>, batches: Vec<u64>, found: Vec<Vec<Spots>>) {
        if !is_simple(plan) {
            return;
        }
        let needles = plan.probes.iter().zip(found).filter_map(|(probe, spots)| match &probe.test {
            Test::Text { matcher, apart: false, .. } => Some((matcher.clone(), spots)),
            Test::Text { .. } | Test::Occurs(_) => None,
        });
        let last = Last { moment, open, batches, needles: needles.collect() };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(last));
    }
}

impl Last {
    /// What is known of a needle, if the same batches are looked at.
    pub fn known(&self, matcher: &Matcher, batches: &[u64]) -> Option<Known<'_>> {
        if self.batches != batches {
            return None;
        }
        let wider: Vec<_> = self.needles.iter().filter(|(other, _)| matcher.narrows(other)).collect();
        if let Some((_, same)) = wider.iter().find(|(other, _)| other.narrows(matcher)) {
            return Some(Known::Same(same));
        }
        let count = |spots: &[Spots]| spots.iter().flatten().map(|spots| spots.len()).sum::<usize>();
        let (other, spots) = wider.into_iter().min_by_key(|(_, spots)| count(spots))?;
        Some(if matcher.goes_on(other) { Known::Behind(spots) } else { Known::Within(spots) })
    }
}

/// Whether what a batch holds does not depend on the rest of the query.
pub fn is_simple(plan: &Plan) -> bool {
    plan.branches.len() == 1 && !plan.has_scope()
}
