//! Budgets of a run: before each prompt, what the session and the day cost so far is compared with the user's budgets.
//! A budget that is used up pauses the queue, and resuming the queue allows as much again.

use jiff::tz::TimeZone;

use super::Run;
use crate::domain::Time;
use crate::domain::budget::{Allowance, Budget, BudgetStop};
use crate::domain::event::NoticeLevel;
use crate::domain::price::PriceTable;
use crate::domain::run::RunInfo;

/// Budgets of the user, and what is needed to apply them.
#[derive(Clone, Debug)]
pub struct BudgetOptions {
    /// The budgets.
    pub budget: Budget,
    /// Prices by which the cost of agents that report none is estimated.
    pub prices: PriceTable,
    /// Time zone in which a day begins.
    pub zone: TimeZone,
}

impl Default for BudgetOptions {
    fn default() -> Self {
        Self { budget: Budget::default(), prices: PriceTable::default(), zone: TimeZone::UTC }
    }
}

impl BudgetOptions {
    /// Returns the cost of a run so far: as its agent reports it, else estimated. `None` without any price.
    fn cost(&self, info: &RunInfo) -> Option<f64> {
        let estimate = || Some(self.prices.of(info.model.as_deref()?)?.cost(info.tokens));
        info.cost_usd.or_else(estimate)
    }

    /// Returns the local date of a time.
    fn day(&self, time: Time) -> String {
        time.timestamp().to_zoned_datetime(self.zone.clone()).date().to_string()
    }
}

/// State of a run's budgets.
#[derive(Debug, Default)]
pub(super) struct BudgetState {
    allowed: Allowance,
    /// Cost of the run when the open turn began.
    at_turn: f64,
    /// True if the user was told that the cost is unknown.
    reported_unknown: bool,
}

impl Run {
    /// Returns true if a budget forbids the next prompt: the queue then waits for the user.
    pub(super) async fn stops_for_budget(&mut self) -> bool {
        if !self.budgets.budget.is_set() {
            return false;
        }
        let cost = self.budgets.cost(&self.info);
        if cost.is_none() && self.info.tokens.total() > 0 && !self.budget.reported_unknown {
            self.budget.reported_unknown = true;
            let label = self.agent.label();
            self.notice(
                &format!(
                    "{label} reports no cost, and its model has no price: the budget does not count this session."
                ),
                NoticeLevel::Warning,
            );
        }
        let day = self.budgets.day(self.store.now());
        let day_usd = match self.store.spent_on(day).await {
            Ok(usd) => usd,
            // The session's budget still applies.
            Err(failure) => {
                tracing::warn!("the cost of the day cannot be read: {failure}");
                0.0
            }
        };
        let Some(stop) = self.budgets.budget.exceeded(cost.unwrap_or_default(), day_usd, self.budget.allowed) else {
            self.info.over_budget = None;
            return false;
        };
        self.pause_for_budget(stop);
        true
    }

    fn pause_for_budget(&mut self, stop: BudgetStop) {
        self.info.paused = true;
        if self.info.over_budget != Some(stop) {
            self.info.over_budget = Some(stop);
            let text = format!("Not sent: {stop}. Resume the queue to continue.");
            self.notice(&text, NoticeLevel::Warning);
        }
    }

    /// Allows a budget again that is used up.
    pub(super) fn allow_budget(&mut self) {
        if let Some(stop) = self.info.over_budget.take() {
            self.budgets.budget.allow(stop, &mut self.budget.allowed);
        }
    }

    /// Records the cost of the run at the start of a turn.
    pub(super) fn budget_turn_opened(&mut self) {
        self.budget.at_turn = self.budgets.cost(&self.info).unwrap_or_default();
    }

    /// Adds the cost of the turn that ends to the day.
    pub(super) async fn budget_turn_ended(&mut self) {
        let cost = self.budgets.cost(&self.info).unwrap_or_default() - self.budget.at_turn;
        if cost <= 0.0 {
            return;
        }
        let day = self.budgets.day(self.store.now());
        if let Err(failure) = self.store.add_spending(day, cost).await {
            tracing::warn!("the cost of a turn was not recorded: {failure}");
        }
    }
}
