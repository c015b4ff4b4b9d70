//! Time specifications in queries: `2d`, `yesterday`, `2026-11-01`. Resolved against a clock later.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};

use super::filter_context::FilterContext;
use crate::domain::Time;

/// A point in time or a span of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeSpec {
    /// Duration before now.
    Ago {
        /// Number of units.
        count: u32,
        /// Unit: `h`, `d`, `w`, `m` (months), `y`, or `min`.
        unit: TimeUnit,
    },
    /// Number of days before today; 0 is today.
    DaysAgo(u32),
    /// Calendar day.
    Day(Date),
    /// Calendar month, by its first day.
    Month(Date),
    /// Calendar year, by its first day.
    Year(Date),
    /// Exact time.
    Moment(Time),
}

/// Units of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the unit of that name")]
pub enum TimeUnit {
    Minutes,
    Hours,
    Days,
    Weeks,
    Months,
    Years,
}

impl TimeUnit {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Minutes, "min"),
        (Self::Hours, "h"),
        (Self::Days, "d"),
        (Self::Weeks, "w"),
        (Self::Months, "m"),
        (Self::Years, "y"),
    ];
}

impl TimeSpec {
    /// Parses a time specification.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "today" => return Some(Self::DaysAgo(0)),
            "yesterday" => return Some(Self::DaysAgo(1)),
            _ => {}
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at(digits);
        if let Some((unit, _)) = TimeUnit::ALL.into_iter().find(|(_, name)| *name == rest) {
            return number.parse().ok().map(|count| Self::Ago { count, unit });
        }
        match text.len() {
            4 => format!("{text}-01-01").parse().ok().map(Self::Year),
            7 => format!("{text}-01").parse().ok().map(Self::Month),
            10 => text.parse().ok().map(Self::Day),
            _ => Time::parse(text).map(Self::Moment),
        }
    }

    /// Resolves to a range: inclusive start, exclusive end.
    pub fn range(self, facts: &FilterContext<'_>) -> (Time, Time) {
        let zone = facts.zone.cloned().unwrap_or(TimeZone::UTC);
        let now = facts.now.timestamp().to_zoned_datetime(zone.clone());
        let days = |from: Date, span: Span| {
            let start = |date: Date| {
                zone.to_zoned_datetime(DateTime::from(date))
                    .map_or(facts.now, |then| Time::from_millis(then.timestamp().as_millisecond()))
            };
            (start(from), from.checked_add(span).map_or(Time::from_millis(i64::MAX), start))
        };
        match self {
            Self::Moment(time) => (time, Time::from_millis(time.millis().saturating_add(1))),
            Self::Day(date) => days(date, 1.day()),
            Self::Month(date) => days(date, 1.month()),
            Self::Year(date) => days(date, 1.year()),
            Self::DaysAgo(count) => days(now.date().checked_sub(i64::from(count).days()).unwrap_or(Date::MIN), 1.day()),
            Self::Ago { count, unit } => (ago(&now, count, unit), facts.now),
        }
    }
}

fn ago(now: &jiff::ZonedDateTime, count: u32, unit: TimeUnit) -> Time {
    // The calendar ends beyond this; earlier times equal its beginning.
    let count = i64::from(count.min(9_000));
    let span = match unit {
        TimeUnit::Minutes => count.minutes(),
        TimeUnit::Hours => count.hours(),
        TimeUnit::Days => count.days(),
        TimeUnit::Weeks => count.weeks(),
        TimeUnit::Months => count.months(),
        TimeUnit::Years => count.years(),
    };
    now.checked_sub(span)
        .map_or(Time::from_millis(i64::MIN), |then| Time::from_millis(then.timestamp().as_millisecond()))
}

impl std::fmt::Display for TimeSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ago { count, unit } => {
                let (_, name) = TimeUnit::ALL[*unit as usize];
                write!(f, "{count}{name}")
            }
            Self::DaysAgo(0) => f.write_str("today"),
            Self::DaysAgo(1) => f.write_str("yesterday"),
            Self::DaysAgo(count) => write!(f, "{count}d"),
            Self::Day(date) => write!(f, "{date}"),
            Self::Month(date) => f.write_str(date.to_string().get(..7).unwrap_or_default()),
            Self::Year(date) => f.write_str(date.to_string().get(..4).unwrap_or_default()),
            Self::Moment(time) => f.write_str(&time.rfc3339()),
        }
    }
}
