//! Report on usage: tokens and costs per day, workspace, agent, model and session. Each usage counts once: a sub-agent's
//! belongs to the session that started it, and summaries exclude what a fork copied.
//!
//! A cost is *known* if the agent reported it, *estimated* by the prices of the models otherwise. Tokens of a model
//! without a price are *unpriced*. A known cost covers a whole session; days and models get shares of it, in proportion
//! to their estimates, or to their tokens where a model has no price.

mod builder;
mod families;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use self::builder::ReportBuilder;
use self::families::{Families, UsageCosts};
use super::price::PriceTable;
use super::{Session, Time, Tokens, units};

/// Name of models that no record names.
pub const UNKNOWN_MODEL: &str = "unknown";

/// Tokens and costs of some sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UsageFigures {
    /// Number of sessions; sub-agents are parts of theirs.
    pub sessions: u32,
    /// Tokens.
    pub tokens: Tokens,
    /// Costs that agents reported, in dollars.
    pub known_usd: f64,
    /// Costs by the prices of the models, in dollars.
    pub estimated_usd: f64,
    /// Tokens of models without a price.
    pub unpriced: u64,
}

impl UsageFigures {
    /// Returns known and estimated costs together.
    pub fn usd(&self) -> f64 {
        self.known_usd + self.estimated_usd
    }

    /// Formats the cost: `$1.20` if it is known, `~$1.20` if a part is estimated, `~$1.20 + ?` if a part has no price.
    pub fn cost_text(&self) -> String {
        let sign = if self.estimated_usd > 0.0 { "~" } else { "" };
        match (self.usd() > 0.0, self.unpriced > 0) {
            (true, false) => format!("{sign}{}", units::usd(self.usd())),
            (true, true) => format!("{sign}{} + ?", units::usd(self.usd())),
            (false, true) => "?".to_owned(),
            (false, false) => "–".to_owned(),
        }
    }

    /// Adds tokens with their cost.
    fn add(&mut self, tokens: Tokens, cost: UsageCost) {
        self.tokens += tokens;
        match cost {
            UsageCost::Known(usd) => self.known_usd += usd,
            UsageCost::Estimated(usd) => self.estimated_usd += usd,
            UsageCost::Unpriced => self.unpriced += tokens.total(),
        }
    }

    /// Orders by cost, then by tokens, largest first.
    fn compare(&self, other: &Self) -> Ordering {
        other.usd().total_cmp(&self.usd()).then(other.tokens.total().cmp(&self.tokens.total()))
    }
}

/// Cost of some tokens, in dollars.
#[derive(Clone, Copy, Debug, PartialEq)]
enum UsageCost {
    Known(f64),
    Estimated(f64),
    Unpriced,
}

/// Options of a report.
#[derive(Clone, Debug)]
pub struct ReportOptions<'a> {
    /// Prices of models.
    pub prices: &'a PriceTable,
    /// Time zone of days.
    pub zone: &'a TimeZone,
    /// First day; `None` for no limit.
    pub from: Option<Date>,
    /// Last day; `None` for no limit.
    pub until: Option<Date>,
}

impl ReportOptions<'_> {
    /// Returns true if the report covers the day.
    fn contains(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }
}

/// Group of a report with its figures.
pub type UsageShare<K> = (K, UsageFigures);

/// Report on usage. All parts except the calendar are limited to the days of the options. Groups are sorted by cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UsageReport {
    /// Sum.
    pub total: UsageFigures,
    /// Every day with usage, also outside of the options.
    pub calendar: BTreeMap<Date, UsageFigures>,
    /// By workspace.
    pub workspaces: Vec<UsageShare<Arc<str>>>,
    /// By agent, with its name.
    pub agents: Vec<UsageShare<Arc<str>>>,
    /// By model.
    pub models: Vec<UsageShare<Arc<str>>>,
    /// By session, without sub-agents.
    pub sessions: Vec<UsageShare<Arc<Session>>>,
}

impl UsageReport {
    /// Computes the report on the selected sessions, each with its sub-agents, which `all` must contain. A selected
    /// sub-agent of another session counts alone.
    pub fn new<'a>(
        all: impl Iterator<Item = &'a Arc<Session>>,
        selected: impl Fn(&Session) -> bool,
        options: &ReportOptions<'_>,
    ) -> Self {
        let families = Families::new(all.collect());
        let costs = UsageCosts::new(&families, options.prices);
        let mut builder = ReportBuilder::new(options);
        for family in families.iter() {
            builder.add_family(&family, &costs, &selected);
        }
        builder.finish()
    }

    /// Returns the days of a range with their figures, those without usage included.
    pub fn days(&self, from: Date, until: Date) -> impl Iterator<Item = UsageShare<Date>> {
        let days = from.series(1.day()).take_while(move |day| *day <= until);
        days.map(|day| (day, self.calendar.get(&day).copied().unwrap_or_default()))
    }
}

/// Returns the day of a time in a zone.
pub fn day_of(time: Time, zone: &TimeZone) -> Date {
    let time = time.timestamp();
    zone.to_offset(time).to_datetime(time).date()
}
