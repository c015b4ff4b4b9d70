//! Points in time as a person types them: `2d`, `3h`, `2026-11-01`, or RFC 3339.

use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::domain::Time;

/// A point in time, perhaps relative to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So many ms before now.
    Ago(i64),
    /// A date or a moment of the local calendar.
    Local(DateTime),
    /// A moment.
    At(Time),
}

impl When {
    /// The moment, seen from `now`.
    pub fn time(self, now: Time) -> Time {
        match self {
            Self::Ago(millis) => Time::from_millis(now.millis().saturating_sub(millis)),
            Self::Local(date) => TimeZone::system()
                .to_zoned(date)
                .map_or(Time::default(), |zoned| Time::from_millis(zoned.timestamp().as_millisecond())),
            Self::At(time) => time,
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        ago(text)
            .or_else(|| Time::parse(text).map(Self::At))
            .or_else(|| text.parse::<DateTime>().ok().map(Self::Local))
            .ok_or_else(|| "neither a span (30m, 3h, 2d, 1w) nor a date (2026-11-01)".to_owned())
    }
}

/// A number and a unit.
fn ago(text: &str) -> Option<When> {
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
    number.checked_mul(seconds * 1000).map(When::Ago)
}
