//! Moments and days in a query: `2d`, `yesterday`, `2026-11-01`. Kept as written, resolved against a clock later.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};

use super::Facts;
use crate::domain::Time;

/// A moment or a span of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// That long ago.
    Ago {
        /// How many.
        count: u32,
        /// Of what: `h`, `d`, `w`, `m` (months), `y`, or `min`.
        unit: Unit,
    },
    /// Whole days before today; 0 is today.
    DaysAgo(u32),
    /// A calendar day.
    Day(Date),
    /// A calendar month, by its first day.
    Month(Date),
    /// A calendar year, by its first day.
    Year(Date),
    /// Exactly then.
    Moment(Time),
}

/// Units of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the unit of that name")]
pub enum Unit {
    Minutes,
    Hours,
    Days,
    Weeks,
    Months,
    Years,
}

impl Unit {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Minutes, "min"),
        (Self::Hours, "h"),
        (Self::Days, "d"),
        (Self::Weeks, "w"),
        (Self::Months, "m"),
        (Self::Years, "y"),
    ];
}

impl When {
    /// Reads it; `None` where it is none of the known forms.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "today" => return Some(Self::DaysAgo(0)),
            "yesterday" => return Some(Self::DaysAgo(1)),
            _ => {}
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at(digits);
        if let Some((unit, _)) = Unit::ALL.into_iter().find(|(_, name)| *name == rest) {
            return number.parse().ok().map(|count| Self::Ago { count, unit });
        }
        match text.len() {
            4 => format!("{text}-01-01").parse().ok().map(Self::Year),
            7 => format!("{text}-01").parse().ok().map(Self::Month),
            10 => text.parse().ok().map(Self::Day),
            _ => Time::parse(text).map(Self::Moment),
        }
    }

    /// The span it stands for: from its first moment to the first one after it.
    pub fn range(self, facts: &Facts<'_>) -> (Time, Time) {
        let zone = facts.zone.cloned().unwrap_or(TimeZone::UTC);
        let now = facts.now.timestamp().to_zoned(zone.clone());
        let days = |from: Date, span: Span| {
            let start = |date: Date| {
                zone.to_zoned(DateTime::from(date))
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

fn ago(now: &jiff::Zoned, count: u32, unit: Unit) -> Time {
    // Beyond these the calendar ends; a thousand centuries ago is as good as the beginning.
    let count = i64::from(count.min(9_000));
    let span = match unit {
        Unit::Minutes => count.minutes(),
        Unit::Hours => count.hours(),
        Unit::Days => count.days(),
        Unit::Weeks => count.weeks(),
        Unit::Months => count.months(),
        Unit::Years => count.years(),
    };
    now.checked_sub(span)
        .map_or(Time::from_millis(i64::MIN), |then| Time::from_millis(then.timestamp().as_millisecond()))
}

impl std::fmt::Display for When {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ago { count, unit } => {
                let (_, name) = Unit::ALL[*unit as usize];
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
