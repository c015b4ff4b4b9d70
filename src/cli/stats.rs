//! `salon stats`: tokens and costs per day, workspace, agent, model and session.

use std::collections::HashSet;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::context::CliContext;
use super::error::CliError;
use super::json::{IssueJson, SCHEMA_VERSION, TokensJson};
use super::query::{self, QueryOptions, QuerySearch};
use super::session_args::ScopeArgs;
use super::sessions::LoadedSessions;
use super::stats_args::{StatsArgs, StatsGroup};
use super::stats_table::StatsRange;
use super::{output, scope, stats_table};
use crate::domain::search::SearchOrder;
use crate::domain::usage_report::{ReportOptions, UsageFigures, UsageReport, UsageShare, day_of};
use crate::domain::{Issue, Session, SessionKey, Time};
use crate::index::search::SnippetContext;

#[derive(Serialize)]
struct Report<'a> {
    schema_version: u32,
    since: Option<String>,
    until: Option<String>,
    /// Date of the built-in prices.
    prices: &'a str,
    total: Figures,
    days: Vec<Day>,
    workspaces: Vec<Named<'a>>,
    agents: Vec<Named<'a>>,
    models: Vec<Named<'a>>,
    sessions: Vec<SessionShare<'a>>,
    /// Mistakes of the query, and unreadable files.
    issues: Vec<IssueJson<'a>>,
}

/// JSON shape of tokens and costs.
#[derive(Serialize)]
struct Figures {
    sessions: u32,
    tokens: TokensJson,
    cost_usd: Cost,
    unpriced_tokens: u64,
}

#[derive(Serialize)]
struct Cost {
    known: f64,
    estimated: f64,
}

#[derive(Serialize)]
struct Day {
    day: String,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Serialize)]
struct SessionShare<'a> {
    id: &'a str,
    agent: &'static str,
    title: &'a str,
    #[serde(flatten)]
    figures: Figures,
}

impl From<&UsageFigures> for Figures {
    fn from(figures: &UsageFigures) -> Self {
        // Rounded to a hundredth of a cent: sums of shares have no more meaning.
        let round = |usd: f64| (usd * 1e4).round() / 1e4;
        let cost_usd = Cost { known: round(figures.known_usd), estimated: round(figures.estimated_usd) };
        Self { sessions: figures.sessions, tokens: figures.tokens.into(), cost_usd, unpriced_tokens: figures.unpriced }
    }
}

/// Prints the report.
pub(super) fn run(context: &CliContext, args: &StatsArgs) -> Result<ExitCode, CliError> {
    let zone = TimeZone::system();
    let range = range(context, &args.scope, &zone);
    let (loaded, found) = match args
        .query_option
        .clone()
        .map_or_else(|| query::from_args(&args.query), |query| Ok(Some(query)))?
    {
        None => (LoadedSessions::with_usage(context), None),
        Some(source) => {
            let (mut loaded, search) = query::load_with(context, LoadedSessions::with_usage);
            let search = QuerySearch::new(search, &mut loaded, |_| true, source);
            let options =
                QueryOptions { order: SearchOrder::Time, limit: None, detailed: 0, around: SnippetContext::Line(0) };
            let results = search.run(context, options);
            loaded.issues.extend(search.issues(&results));
            let keys: HashSet<SessionKey> = results.hits.iter().map(|hit| hit.session.key.clone()).collect();
            (loaded, Some((keys, search)))
        }
    };
    let filter = scope::filter(context, &ScopeArgs { since: None, until: None, ..args.scope.clone() }, true);
    let selected = |session: &Session| {
        let matches = found.as_ref().is_none_or(|(keys, _)| keys.contains(&session.key));
        matches && filter.admits(session) && filter.hides(session).is_none()
    };
    let options = ReportOptions { prices: &context.settings.prices, zone: &zone, from: range.from, until: range.until };
    let report = UsageReport::new(loaded.all.iter(), selected, &options);
    if args.json {
        print_json(context, &report, range, (args.limit, &loaded.issues))?;
    } else {
        print(context, &report, range, args)?;
    }
    loaded
        .issues
        .iter()
        .filter(|issue| issue.path.as_os_str().is_empty())
        .try_for_each(|issue| output::note(&issue.reason))?;
    match found {
        Some((_, search)) => search.store(context, loaded),
        None => loaded.finish(),
    }
    Ok(ExitCode::SUCCESS)
}

/// Converts the times of the options to days.
fn range(context: &CliContext, scope: &ScopeArgs, zone: &TimeZone) -> StatsRange {
    let now = context.clock.now();
    // The upper bound is exclusive.
    let last = |time: Time| Time::from_millis(time.millis().saturating_sub(1));
    StatsRange {
        from: scope.since.map(|since| day_of(since.time(now), zone)),
        until: scope.until.map(|until| day_of(last(until.time(now)), zone)),
    }
}

fn print_json(
    context: &CliContext,
    report: &UsageReport,
    range: StatsRange,
    (limit, issues): (usize, &[Issue]),
) -> io::Result<()> {
    let in_range =
        |day: &Date| range.from.is_none_or(|from| from <= *day) && range.until.is_none_or(|last| *day <= last);
    let days = report.calendar.iter().filter(|(day, _)| in_range(day));
    let shape = Report {
        schema_version: SCHEMA_VERSION,
        since: range.from.map(|day| day.to_string()),
        until: range.until.map(|day| day.to_string()),
        prices: &context.settings.prices.date,
        total: (&report.total).into(),
        days: days.map(|(day, figures)| Day { day: day.to_string(), figures: figures.into() }).collect(),
        workspaces: named(&report.workspaces),
        agents: named(&report.agents),
        models: named(&report.models),
        sessions: report
            .sessions
            .iter()
            .take(limit)
            .map(|(session, figures)| SessionShare {
                id: &session.key.id,
                agent: session.key.agent.name(),
                title: &session.title.text,
                figures: figures.into(),
            })
            .collect(),
        issues: issues.iter().map(IssueJson::from).collect(),
    };
    output::json(&mut output::stdout(), &shape)
}

fn named(shares: &[UsageShare<Arc<str>>]) -> Vec<Named<'_>> {
    shares.iter().map(|(name, figures)| Named { name, figures: figures.into() }).collect()
}

fn print(context: &CliContext, report: &UsageReport, range: StatsRange, args: &StatsArgs) -> io::Result<()> {
    let mut out = output::stdout();
    let layout = stats_table::StatsLayout {
        columns: if output::to_terminal() { output::columns() } else { 120 },
        style: context.style,
        limit: args.limit,
        today: day_of(context.clock.now(), &TimeZone::system()),
    };
    if args.by.is_none() {
        stats_table::summary(&mut out, layout, report, range, &context.settings.prices.date)?;
    }
    if report.total.sessions == 0 {
        writeln!(out, "No usage in this time.")?;
        return out.flush();
    }
    for group in [StatsGroup::Day, StatsGroup::Workspace, StatsGroup::Agent, StatsGroup::Model, StatsGroup::Session] {
        if args.by.is_none_or(|by| by == group) {
            stats_table::write(&mut out, layout, report, range, group)?;
        }
    }
    out.flush()
}
