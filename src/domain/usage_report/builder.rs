//! Sums of a report while families are added one after the other.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use jiff::civil::Date;

use super::families::{Family, UsageCosts};
use super::{ReportOptions, UNKNOWN_MODEL, UsageCost, UsageFigures, UsageReport, UsageShare, day_of};
use crate::domain::usage::UsageSlot;
use crate::domain::{Session, Time, Tokens};

/// Figures with the number of the family that was counted last.
#[derive(Clone, Copy, Debug, Default)]
struct CountedFigures {
    figures: UsageFigures,
    last: usize,
}

impl CountedFigures {
    fn add(&mut self, family: usize, (tokens, cost): (Tokens, UsageCost)) {
        if self.last != family {
            self.last = family;
            self.figures.sessions += 1;
        }
        self.figures.add(tokens, cost);
    }
}

/// Sums of a report.
pub(super) struct ReportBuilder<'a, 'o> {
    options: &'o ReportOptions<'o>,
    /// Number of the current family, from 1.
    family: usize,
    /// Days of slots.
    days: HashMap<UsageSlot, Date>,
    total: CountedFigures,
    calendar: HashMap<Date, CountedFigures>,
    workspaces: HashMap<&'a str, CountedFigures>,
    agents: HashMap<&'static str, CountedFigures>,
    models: HashMap<&'a str, CountedFigures>,
    sessions: Vec<UsageShare<Arc<Session>>>,
}

impl<'a, 'o> ReportBuilder<'a, 'o> {
    pub(super) fn new(options: &'o ReportOptions<'o>) -> Self {
        Self {
            options,
            family: 0,
            days: HashMap::new(),
            total: CountedFigures::default(),
            calendar: HashMap::new(),
            workspaces: HashMap::new(),
            agents: HashMap::new(),
            models: HashMap::new(),
            sessions: Vec::new(),
        }
    }

    /// Adds the usage of the selected members of a family. One without usage counts as a session on the day of its last activity.
    pub(super) fn add_family(
        &mut self,
        family: &Family<'a, '_>,
        costs: &UsageCosts<'_>,
        selected: &impl Fn(&Session) -> bool,
    ) {
        let members = family.selected(selected);
        if members.is_empty() {
            return;
        }
        self.family += 1;
        let mut own = CountedFigures::default();
        let mut any = false;
        for (at, row) in members.iter().flat_map(|at| family.rows(*at).map(move |row| (*at, row))) {
            any = true;
            let day = self.day(row.slot, family.root.last_activity);
            let usage = (row.tokens, costs.of(at, row));
            if self.add(family.root, day, usage) {
                own.add(self.family, usage);
                let model = row.model.as_deref().unwrap_or(UNKNOWN_MODEL);
                self.models.entry(model).or_default().add(self.family, usage);
            }
        }
        if !any {
            let day = self.day(UsageSlot::default(), family.root.last_activity);
            let usage = (Tokens::default(), UsageCost::Known(family.root.cost_usd.unwrap_or_default()));
            if self.add(family.root, day, usage) {
                own.add(self.family, usage);
            }
        }
        if own.figures.sessions > 0 {
            self.sessions.push((family.root.clone(), own.figures));
        }
    }

    /// Adds usage of a day to the groups of a session. Returns false if the day is outside of the options.
    fn add(&mut self, root: &'a Session, day: Date, usage: (Tokens, UsageCost)) -> bool {
        self.calendar.entry(day).or_default().add(self.family, usage);
        if !self.options.contains(day) {
            return false;
        }
        self.total.add(self.family, usage);
        self.workspaces.entry(&root.workspace).or_default().add(self.family, usage);
        self.agents.entry(root.key.agent.name()).or_default().add(self.family, usage);
        true
    }

    fn day(&mut self, slot: UsageSlot, otherwise: Option<Time>) -> Date {
        let zone = self.options.zone;
        match slot.time() {
            Some(time) => *self.days.entry(slot).or_insert_with(|| day_of(time, zone)),
            None => day_of(otherwise.unwrap_or_default(), zone),
        }
    }

    pub(super) fn finish(self) -> UsageReport {
        let mut sessions = self.sessions;
        sessions.sort_by(|(a, own), (b, other)| own.compare(other).then_with(|| a.key.cmp(&b.key)));
        UsageReport {
            total: self.total.figures,
            calendar: self.calendar.into_iter().map(|(day, counted)| (day, counted.figures)).collect(),
            workspaces: shares(self.workspaces),
            agents: shares(self.agents),
            models: shares(self.models),
            sessions,
        }
    }
}

/// Returns named groups, sorted.
fn shares<K: AsRef<str> + Eq + Hash>(groups: HashMap<K, CountedFigures>) -> Vec<UsageShare<Arc<str>>> {
    let mut shares: Vec<_> =
        groups.into_iter().map(|(name, counted)| (Arc::from(name.as_ref()), counted.figures)).collect();
    shares.sort_by(|(a, own): &UsageShare<Arc<str>>, (b, other)| own.compare(other).then_with(|| a.cmp(b)));
    shares
}
