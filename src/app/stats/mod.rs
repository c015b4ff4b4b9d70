//! Page of usage: tokens and costs of a period, per day, and by workspace, agent, model or session.

mod keys;

pub use keys::KEY_CONTEXTS;

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};

use super::ctx::Ctx;
use super::scroll;
use crate::domain::usage_report::{ReportOptions, UsageFigures, UsageReport, day_of};
use crate::domain::{Session, SessionKey};
use crate::stdx::text::one_line;

/// Period of the page, up to today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatsPeriod {
    /// Seven days.
    Week,
    /// Thirty days.
    #[default]
    Month,
    /// Ninety days.
    Quarter,
    /// A year.
    Year,
    /// From the first usage on.
    All,
}

impl StatsPeriod {
    /// All periods, shortest first.
    pub const ALL: [Self; 5] = [Self::Week, Self::Month, Self::Quarter, Self::Year, Self::All];

    /// Returns the label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Week => "7 days",
            Self::Month => "30 days",
            Self::Quarter => "90 days",
            Self::Year => "a year",
            Self::All => "all time",
        }
    }

    fn days_back(self) -> Option<Span> {
        match self {
            Self::Week => Some(6.days()),
            Self::Month => Some(29.days()),
            Self::Quarter => Some(89.days()),
            Self::Year => Some(364.days()),
            Self::All => None,
        }
    }
}

/// Group by which usage is listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsageGroup {
    /// Workspaces.
    #[default]
    Workspaces,
    /// Agents.
    Agents,
    /// Models.
    Models,
    /// Sessions.
    Sessions,
}

impl UsageGroup {
    /// All groups, from left to right.
    pub const ALL: [Self; 4] = [Self::Workspaces, Self::Agents, Self::Models, Self::Sessions];

    /// Returns the label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Workspaces => "Workspaces",
            Self::Agents => "Agents",
            Self::Models => "Models",
            Self::Sessions => "Sessions",
        }
    }
}

/// Row of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct StatsRow {
    /// Name of the group, as one line.
    pub name: String,
    /// Workspace, if the group is one.
    pub workspace: Option<Arc<str>>,
    /// Tokens and costs.
    pub figures: UsageFigures,
}

/// The page.
#[derive(Debug)]
pub struct StatsPage {
    /// Report on the period and the scope.
    pub report: UsageReport,
    /// Period.
    pub period: StatsPeriod,
    /// Group of the list.
    pub group: UsageGroup,
    /// Workspace to which the page is limited; `None` for all.
    pub scope: Option<Arc<str>>,
    /// Current day.
    pub today: Date,
    /// First listed row on the screen.
    pub top: usize,
    /// Workspace that the scope key selects.
    workspace: Option<Arc<str>>,
    zone: TimeZone,
    selected: usize,
    height: usize,
}

impl StatsPage {
    /// Creates the page on all workspaces or one. `workspace` is the one that the scope key selects.
    pub fn open(scope: Option<Arc<str>>, workspace: Option<Arc<str>>, zone: TimeZone, ctx: &Ctx) -> Self {
        let mut page = Self {
            report: UsageReport::default(),
            period: StatsPeriod::default(),
            group: UsageGroup::default(),
            scope,
            today: day_of(ctx.now, &zone),
            top: 0,
            workspace,
            zone,
            selected: 0,
            height: 0,
        };
        page.refresh(ctx);
        page
    }

    /// Computes the report again, after a change of sessions or of the options.
    pub fn refresh(&mut self, ctx: &Ctx) {
        self.today = day_of(ctx.now, &self.zone);
        let options = ReportOptions {
            prices: &ctx.settings.prices,
            zone: &self.zone,
            from: self.period.days_back().map(|back| self.today.checked_sub(back).unwrap_or(self.today)),
            until: None,
        };
        let selected = |session: &Session| self.scope.as_ref().is_none_or(|scope| *scope == session.workspace);
        self.report = UsageReport::new(ctx.sessions.catalog.iter(), selected, &options);
        self.select(self.selected);
    }

    /// Returns the first day of the period.
    pub fn first_day(&self) -> Date {
        match self.period.days_back() {
            Some(back) => self.today.checked_sub(back).unwrap_or(self.today),
            None => self.report.calendar.keys().next().copied().unwrap_or(self.today).min(self.today),
        }
    }

    /// Returns the number of rows of the list.
    pub fn len(&self) -> usize {
        match self.group {
            UsageGroup::Workspaces => self.report.workspaces.len(),
            UsageGroup::Agents => self.report.agents.len(),
            UsageGroup::Models => self.report.models.len(),
            UsageGroup::Sessions => self.report.sessions.len(),
        }
    }

    /// Returns true if the list has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a row of the list.
    pub fn row(&self, at: usize) -> Option<StatsRow> {
        let row =
            |name: &str, figures: &UsageFigures| StatsRow { name: one_line(name), workspace: None, figures: *figures };
        let named = |(name, figures): &(Arc<str>, UsageFigures)| row(name, figures);
        match self.group {
            UsageGroup::Workspaces => self.report.workspaces.get(at).map(|(path, figures)| {
                let name = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or("(no directory)");
                StatsRow { workspace: Some(path.clone()), ..row(name, figures) }
            }),
            UsageGroup::Agents => self.report.agents.get(at).map(named),
            UsageGroup::Models => self.report.models.get(at).map(named),
            UsageGroup::Sessions => self.report.sessions.get(at).map(|(session, figures)| {
                let title = &*session.title.text;
                row(if title.trim().is_empty() { "(no title)" } else { title }, figures)
            }),
        }
    }

    /// Returns the selected row.
    pub fn selected(&self) -> usize {
        self.selected
    }

    /// Returns the selected session in the list of sessions.
    pub fn session(&self) -> Option<&SessionKey> {
        let is_listed = self.group == UsageGroup::Sessions;
        self.report.sessions.get(self.selected).filter(|_| is_listed).map(|(session, _)| &session.key)
    }

    /// Sets the number of rows that fit on the screen.
    pub fn fit(&mut self, height: usize) {
        self.height = height;
        self.select(self.selected);
    }

    fn select(&mut self, row: usize) {
        self.selected = row.min(self.len().saturating_sub(1));
        self.top = scroll::reveal(self.top, self.selected, self.height, self.len());
    }
}
