//! Families of sessions: each session with its sub-agents, and the costs of their usage.

use std::collections::HashMap;
use std::sync::Arc;

use super::UsageCost;
use crate::domain::price::{ModelPrice, PriceTable};
use crate::domain::usage::UsageRow;
use crate::domain::{Agent, Session};

/// Maximum depth of sub-agents, because damaged records may name each other as parents.
const MAX_DEPTH: usize = 16;

/// All sessions by family.
pub(super) struct Families<'a> {
    sessions: Vec<&'a Arc<Session>>,
    /// Indices of the root and of the member, sorted, so that the members of a family follow each other.
    members: Vec<(usize, usize)>,
    /// Index of the session whose reported cost includes that of each session.
    payers: Vec<Option<usize>>,
}

/// A session with its sub-agents.
pub(super) struct Family<'a, 'f> {
    /// The session that is no sub-agent, or whose parent is not known.
    pub root: &'a Arc<Session>,
    /// Indices and sessions of all members.
    members: &'f [(usize, usize)],
    all: &'f [&'a Arc<Session>],
}

impl<'a> Family<'a, '_> {
    /// Returns the indices of the selected members: all if the root is selected.
    pub(super) fn selected(&self, selected: &impl Fn(&Session) -> bool) -> Vec<usize> {
        let all = selected(self.root);
        let members = self.members.iter().map(|(_, at)| *at);
        members.filter(|at| all || selected(self.all[*at])).collect()
    }

    /// Iterates the usage of a member.
    pub(super) fn rows(&self, member: usize) -> impl Iterator<Item = &'a UsageRow> {
        self.all[member].usage.iter()
    }
}

impl<'a> Families<'a> {
    pub(super) fn new(sessions: Vec<&'a Arc<Session>>) -> Self {
        let by_id: HashMap<(Agent, &str), usize> =
            sessions.iter().enumerate().map(|(at, session)| ((session.key.agent, &*session.key.id), at)).collect();
        let parent = |at: usize| {
            let session = sessions[at];
            by_id.get(&(session.key.agent, session.parent.as_deref()?)).copied()
        };
        let (mut members, mut payers) = (Vec::with_capacity(sessions.len()), Vec::with_capacity(sessions.len()));
        for at in 0..sessions.len() {
            let line = || std::iter::successors(Some(at), |at| parent(*at)).take(MAX_DEPTH);
            members.push((line().last().unwrap_or(at), at));
            payers.push(line().find(|at| reports_cost(sessions[*at])));
        }
        members.sort_unstable();
        Self { sessions, members, payers }
    }

    /// Iterates the families.
    pub(super) fn iter(&self) -> impl Iterator<Item = Family<'a, '_>> {
        let families = self.members.chunk_by(|(a, _), (b, _)| a == b);
        families.filter_map(|members| {
            let root = self.sessions[members.first()?.0];
            Some(Family { root, members, all: &self.sessions })
        })
    }
}

/// Returns true if the session's cost is that of its own usage. A fork of Claude Code may continue the sum of its origin.
fn reports_cost(session: &Session) -> bool {
    let may_continue = session.flags.fork && session.key.agent == Agent::Claude;
    session.cost_usd.is_some_and(|usd| usd > 0.0) && !may_continue
}

/// Usage that one reported cost covers.
#[derive(Clone, Copy, Debug, Default)]
struct CoveredUsage {
    usd: f64,
    estimate: f64,
    tokens: u64,
    has_unpriced: bool,
}

/// Costs of all usage.
pub(super) struct UsageCosts<'a> {
    prices: HashMap<&'a str, Option<&'a ModelPrice>>,
    covered: HashMap<usize, CoveredUsage>,
    payers: &'a [Option<usize>],
}

impl<'a> UsageCosts<'a> {
    pub(super) fn new(families: &'a Families<'a>, table: &'a PriceTable) -> Self {
        let mut costs = Self { prices: HashMap::new(), covered: HashMap::new(), payers: &families.payers };
        for (at, session) in families.sessions.iter().enumerate() {
            for row in session.usage.iter() {
                if let Some(model) = row.model.as_deref() {
                    costs.prices.entry(model).or_insert_with(|| table.of(model));
                }
                let Some(payer) = costs.payers[at] else { continue };
                let estimate = costs.estimate(row);
                let covered = costs.covered.entry(payer).or_default();
                covered.usd = families.sessions[payer].cost_usd.unwrap_or_default();
                covered.estimate += estimate.unwrap_or_default();
                covered.tokens += row.tokens.total();
                covered.has_unpriced |= estimate.is_none();
            }
        }
        costs
    }

    /// Returns the cost of a row of the session with this index.
    pub(super) fn of(&self, at: usize, row: &UsageRow) -> UsageCost {
        let estimate = self.estimate(row);
        let covered = self.payers[at].and_then(|payer| self.covered.get(&payer));
        match (covered, estimate) {
            (Some(covered), estimate) => UsageCost::Known(covered.share(row, estimate)),
            (None, Some(usd)) => UsageCost::Estimated(usd),
            (None, None) => UsageCost::Unpriced,
        }
    }

    fn estimate(&self, row: &UsageRow) -> Option<f64> {
        let price = self.prices.get(row.model.as_deref()?).copied().flatten()?;
        Some(price.cost(row.tokens))
    }
}

impl CoveredUsage {
    /// Returns the part of the cost that belongs to a row.
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
    fn share(&self, row: &UsageRow, estimate: Option<f64>) -> f64 {
        match estimate {
            Some(estimate) if !self.has_unpriced && self.estimate > 0.0 => self.usd * estimate / self.estimate,
            _ => self.usd * row.tokens.total() as f64 / self.tokens.max(1) as f64,
        }
    }
}
