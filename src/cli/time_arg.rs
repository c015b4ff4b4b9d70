//! Times on the command line: `2d`, `3h`, `2026-11-01`, or RFC 3339.

use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::domain::Time;

/// Absolute or relative time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeArg {
    /// Milliseconds before now.
    Ago(i64),
    /// Date, or date and time, in the local time zone.
    Local(DateTime),
    /// Absolute time.
    At(Time),
}

impl TimeArg {
    /// Resolves the time relative to `now`.
    pub fn time(self, now: Time) -> Time {
        match self {
            Self::Ago(millis) => Time::from_millis(now.millis().saturating_sub(millis)),
            Self::Local(date) => TimeZone::system()
                .to_zoned_datetime(date)
                .map_or(Time::default(), |zoned| Time::from_millis(zoned.timestamp().as_millisecond())),
            Self::At(time) => time,
        }
    }
}

impl FromStr for TimeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        ago(text)
            .or_else(|| Time::parse(text).map(Self::At))
            .or_else(|| text.parse::<DateTime>().ok().map(Self::Local))
            .ok_or_else(|| "must be a duration (30m, 3h, 2d, 1w) or a date (2026-11-01)".to_owned())
    }
}

/// Parses a number and a unit.
fn ago(text: &str) -> Option<TimeArg> {
    let unit = text.chars().next_back()?;
    let number: i64 = text.strip_suffix(unit)?.parse().ok().filter(|number| *number >= 0)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    number.checked_mul(seconds * 1000).map(TimeArg::Ago)
}
