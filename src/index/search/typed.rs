//! What the last query found where, so that the next one, typed from it, need not look where there was nothing.
//!
//! A needle that only asks for more (`mem`, then `memo`) can only be in texts that held the shorter one; one that is
//! the same as before is where it was.

use std::sync::{Arc, Mutex, PoisonError};

use super::corpus::Corpus;
use super::plan::{Plan, Test};
use super::standing::Standing;
use super::store::View;
use super::tally::Match;
use crate::domain::query::Matcher;

/// The last query's needles, with the texts that hold them.
#[derive(Debug, Default)]
pub struct Typed {
    last: Mutex<Option<Arc<Last>>>,
    /// Everything that there is, and some sessions only, as long as they and what is stored are the same.
    standing: Mutex<[Option<Arc<Standing>>; 2]>,
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

    /// How the store stands to what there is to search now.
    pub fn standing(&self, view: &View, corpus: &Corpus) -> Arc<Standing> {
        let mut held = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let known = held.iter().flatten().find(|standing| standing.is_of(view, corpus)).cloned();
        known.unwrap_or_else(|| {
            held.rotate_right(1);
            held[0].insert(Arc::new(Standing::new(view, corpus))).clone()
        })
    }

    /// Forgets what it knows.
    pub fn forget(&self) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = Default::default();
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
