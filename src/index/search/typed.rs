//! What the last query found where, so that the next one, typed from it, need not look where there was nothing.
//!
//! A needle that only asks for more (`mem`, then `memo`) can only be in batches that held the shorter one.

use std::sync::{Arc, Mutex, PoisonError};

use super::plan::{Plan, Test};
use crate::domain::query::Matcher;

/// The last query's needles, with the batches that hold them.
#[derive(Debug, Default)]
pub struct Typed {
    last: Mutex<Option<Arc<Last>>>,
}

/// What was found, and under which circumstances.
#[derive(Debug)]
pub struct Last {
    moment: (u64, u64),
    open: Vec<u64>,
    /// Each needle, and for each batch whether it holds it.
    held: Vec<(Matcher, Vec<bool>)>,
}

impl Typed {
    /// What the last query found, if the same was stored and the same sessions were asked.
    pub fn last(&self, moment: (u64, u64), open: &[u64]) -> Option<Arc<Last>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        (last.moment == moment && last.open == open).then_some(last)
    }

    /// Remembers what a query found: for each batch the bits of the probes that it holds. Only simple queries are
    /// worth it; `None` of what they ask for depends on where a needle stands.
    pub fn remember(&self, plan: Plan, moment: (u64, u64), open: Vec<u64>, held: &[u64]) {
        if !is_simple(&plan) {
            return;
        }
        let held = plan.probes.into_iter().enumerate().filter_map(|(at, probe)| match probe.test {
            Test::Text { matcher, apart: false, .. } => {
                Some((matcher, held.iter().map(|bits| bits & (1 << at) != 0).collect()))
            }
            Test::Text { .. } | Test::Occurs(_) => None,
        });
        let last = Last { moment, open, held: held.collect() };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(last));
    }
}

impl Last {
    /// For each batch whether it may hold the needle; `None`: nothing is known.
    pub fn candidates(&self, matcher: &Matcher) -> Option<&[bool]> {
        let wider = self.held.iter().filter(|(other, _)| matcher.narrows(other));
        wider.map(|(_, held)| held.as_slice()).min_by_key(|held| held.iter().filter(|held| **held).count())
    }
}

/// Whether what a batch holds does not depend on the rest of the query.
pub fn is_simple(plan: &Plan) -> bool {
    plan.branches.len() == 1 && !plan.has_scope()
}
