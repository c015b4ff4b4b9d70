//! Tables of usage: a name, sessions, tokens, costs and a bar per row.

use std::io::{self, Write};

use jiff::ToSpan;
use jiff::civil::Date;

use super::output::OutputStyle;
use super::stats_args::StatsGroup;
use crate::domain::units;
use crate::domain::usage_report::{UsageFigures, UsageReport};
use crate::stdx::text::{ellipsis, one_line, width};

/// Columns of sessions, tokens and costs.
const NUMBERS: usize = 10 + 9 + 14;

/// Maximum columns of a bar.
const BAR: usize = 24;

/// Maximum columns of a name.
const MAX_NAME: usize = 48;

/// Days that a report covers; `None` for no limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct StatsRange {
    /// First day.
    pub from: Option<Date>,
    /// Last day.
    pub until: Option<Date>,
}

/// Layout of the tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct StatsLayout {
    /// Width of the terminal in columns.
    pub columns: usize,
    /// Colours.
    pub style: OutputStyle,
    /// Maximum rows per table.
    pub limit: usize,
    /// Current day.
    pub today: Date,
}

/// Writes the covered days and the sum.
pub(super) fn summary(
    out: &mut impl Write,
    layout: StatsLayout,
    report: &UsageReport,
    range: StatsRange,
    prices: &str,
) -> io::Result<()> {
    let first = range.from.or_else(|| report.calendar.keys().next().copied()).unwrap_or(layout.today);
    let last = range.until.unwrap_or(layout.today);
    let UsageFigures { sessions, tokens, known_usd, estimated_usd, unpriced } = report.total;
    writeln!(out, "{}", layout.style.bold(&format!("Usage from {first} to {last}")))?;
    let parts = [
        ("input", tokens.input),
        ("output", tokens.output),
        ("cache read", tokens.cache_read),
        ("cache write", tokens.cache_write),
    ];
    let parts: Vec<_> =
        parts.iter().map(|(name, count)| format!("{name} {}", or_zero(units::tokens(*count)))).collect();
    let sessions = units::count(usize::try_from(sessions).unwrap_or(usize::MAX), "session", "sessions");
    writeln!(out, "{sessions} · {} tokens ({})", or_zero(units::tokens(tokens.total())), parts.join(", "))?;
    let known = format!("{} reported by agents", units::usd(known_usd));
    let estimated = format!("{} estimated by list prices of {prices}", units::usd(estimated_usd));
    let unpriced = (unpriced > 0).then(|| format!(" · {} tokens without a price", units::tokens(unpriced)));
    writeln!(out, "{known} · {estimated}{}", unpriced.unwrap_or_default())
}

/// Writes one table.
pub(super) fn write(
    out: &mut impl Write,
    layout: StatsLayout,
    report: &UsageReport,
    range: StatsRange,
    group: StatsGroup,
) -> io::Result<()> {
    let (heading, rows): (&str, Vec<(String, UsageFigures)>) = match group {
        StatsGroup::Day => ("Day", days(layout, report, range)),
        StatsGroup::Workspace => ("Workspace", named(&report.workspaces)),
        StatsGroup::Agent => ("Agent", named(&report.agents)),
        StatsGroup::Model => ("Model", named(&report.models)),
        StatsGroup::Session => {
            let title = |session: &crate::domain::Session| match one_line(&session.title.text) {
                title if title.is_empty() => "(no title)".to_owned(),
                title => title,
            };
            ("Session", report.sessions.iter().map(|(session, figures)| (title(session), *figures)).collect())
        }
    };
    let shown = &rows[..rows.len().min(layout.limit)];
    let name = shown.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let name = name.clamp(heading.len(), MAX_NAME).min(layout.columns.saturating_sub(NUMBERS + 2).max(12));
    let head = format!("{heading:<name$}{:>10}{:>9}{:>14}", "sessions", "tokens", "cost");
    writeln!(out, "\n{}", layout.style.dim(&head))?;
    let most = shown.iter().map(|(_, figures)| figures.tokens.total()).max().unwrap_or(0);
    for (text, figures) in shown {
        let cut = ellipsis(text, name);
        let padding = " ".repeat(name.saturating_sub(width(&cut)));
        let numbers = format!(
            "{:>10}{:>9}{:>14}",
            figures.sessions,
            or_zero(units::tokens(figures.tokens.total())),
            figures.cost_text()
        );
        let room = layout.columns.saturating_sub(name + NUMBERS + 2).min(BAR);
        let bar = bar(figures.tokens.total(), most, room);
        writeln!(out, "{cut}{padding}{numbers}  {}", layout.style.green(&bar))?;
    }
    let rest = rows.len() - shown.len();
    if rest > 0 {
        writeln!(out, "{}", layout.style.dim(&format!("{rest} more (--limit)")))?;
    }
    Ok(())
}

fn named(shares: &[(std::sync::Arc<str>, UsageFigures)]) -> Vec<(String, UsageFigures)> {
    let name = |name: &str| if name.is_empty() { "(no directory)".to_owned() } else { one_line(name) };
    shares.iter().map(|(text, figures)| (name(text), *figures)).collect()
}

/// Returns the newest days, also those without usage.
fn days(layout: StatsLayout, report: &UsageReport, range: StatsRange) -> Vec<(String, UsageFigures)> {
    let last = range.until.unwrap_or(layout.today).min(layout.today);
    let back = i64::try_from(layout.limit).unwrap_or(i64::MAX).clamp(1, 10_000) - 1;
    let first = last.checked_sub(back.days()).unwrap_or(last);
    let oldest = range.from.or_else(|| report.calendar.keys().next().copied()).unwrap_or(last);
    let mut days: Vec<_> = report.days(first.max(oldest), last).collect();
    days.reverse();
    days.into_iter().map(|(day, figures)| (day.to_string(), figures)).collect()
}

fn or_zero(text: String) -> String {
    if text.is_empty() { "0".to_owned() } else { text }
}

/// Draws a bar of a share of the largest value, in eighths of a column.
fn bar(value: u64, most: u64, room: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = u128::from(value) * 8 * room as u128 / u128::from(most.max(1));
    let eighths = usize::try_from(eighths).unwrap_or(0).max(usize::from(value > 0 && room > 0));
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}
