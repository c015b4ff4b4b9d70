//! Budgets: dollars that sessions may cost before salon asks the user about the next prompt.

use serde::{Deserialize, Serialize};

use super::units;

/// Budgets of the user.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Dollars per session; `None` for no limit.
    pub session_usd: Option<f64>,
    /// Dollars per day, for all sessions that salon runs; `None` for no limit.
    pub day_usd: Option<f64>,
}

/// Period of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetPeriod {
    /// One session.
    Session,
    /// One day.
    Day,
}

/// A budget that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BudgetStop {
    /// Its period.
    pub period: BudgetPeriod,
    /// Dollars spent.
    pub spent_usd: f64,
    /// Dollars allowed, with what the user allowed since.
    pub limit_usd: f64,
}

impl Budget {
    /// Returns true if there is any budget.
    pub fn is_set(self) -> bool {
        self.session_usd.is_some() || self.day_usd.is_some()
    }

    /// Returns the budget that is used up, if any. Each use of `allowed` beyond a budget grants as much again.
    pub fn exceeded(self, session_usd: f64, day_usd: f64, allowed: Allowance) -> Option<BudgetStop> {
        let stop = |period, spent_usd: f64, budget: Option<f64>, times: u32| {
            let limit_usd = budget? * f64::from(times + 1);
            (spent_usd >= limit_usd).then_some(BudgetStop { period, spent_usd, limit_usd })
        };
        stop(BudgetPeriod::Session, session_usd, self.session_usd, allowed.session)
            .or_else(|| stop(BudgetPeriod::Day, day_usd, self.day_usd, allowed.day))
    }

    /// Allows as much again as a budget is, so often that what was spent is below it.
    pub fn allow(self, stop: BudgetStop, allowed: &mut Allowance) {
        let (budget, times) = match stop.period {
            BudgetPeriod::Session => (self.session_usd, &mut allowed.session),
            BudgetPeriod::Day => (self.day_usd, &mut allowed.day),
        };
        let Some(budget) = budget.filter(|budget| *budget > 0.0) else { return };
        while stop.spent_usd >= budget * f64::from(*times + 1) && *times < u32::MAX - 1 {
            *times += 1;
        }
    }
}

/// Number of times that the user allowed a budget again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Budget of the session.
    pub session: u32,
    /// Budget of the day.
    pub day: u32,
}

impl std::fmt::Display for BudgetStop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let period = match self.period {
            BudgetPeriod::Session => "this session",
            BudgetPeriod::Day => "today",
        };
        let (spent, limit) = (units::usd(self.spent_usd), units::usd(self.limit_usd));
        write!(f, "the budget for {period} is used ({spent} of {limit})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Budget = Budget { session_usd: Some(2.0), day_usd: Some(5.0) };

    #[test]
    fn a_budget_stops_when_it_is_used_and_again_when_as_much_is_used_again() {
        let mut allowed = Allowance::default();
        assert_eq!(BUDGET.exceeded(1.99, 4.99, allowed), None);
        let stop = BUDGET.exceeded(4.5, 4.5, allowed).expect("used up");
        assert_eq!((stop.period, stop.limit_usd), (BudgetPeriod::Session, 2.0));
        BUDGET.allow(stop, &mut allowed);
        assert_eq!(allowed, Allowance { session: 2, day: 0 });
        assert_eq!(BUDGET.exceeded(5.9, 4.9, allowed), None);
        let stop = BUDGET.exceeded(5.9, 5.0, allowed).expect("the day");
        assert_eq!(stop.to_string(), "the budget for today is used ($5.00 of $5.00)");
    }

    #[test]
    fn without_a_budget_nothing_stops() {
        assert_eq!(Budget::default().exceeded(1e9, 1e9, Allowance::default()), None);
        assert!(!Budget::default().is_set());
    }
}
