//! Timestamps in milliseconds since 1970 UTC, the common resolution of all agents.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(i64);

impl Time {
    /// Converts milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Converts seconds since 1970.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Returns milliseconds since 1970.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Returns the milliseconds from `earlier` to this time; 0 if `earlier` is later, because clocks differ.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).max(0)
    }

    /// Parses RFC 3339. A fast path handles the form that agents write (`2026-11-21T09:25:55.799Z`). Also accepts a time
    /// without a zone, as UTC, and a number since 1970, see [`Time::from_number`].
    pub fn parse(text: &str) -> Option<Self> {
        parse_utc(text.as_bytes()).or_else(|| parse_lenient(text.trim()))
    }

    /// Converts a number since 1970, in the unit that its size suggests: seconds, milliseconds, microseconds or
    /// nanoseconds. `None` for numbers that are no time after 1973.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    pub fn from_number(number: f64) -> Option<Self> {
        let millis = match number {
            1e8..1e11 => number * 1e3,
            1e11..1e14 => number,
            1e14..1e17 => number / 1e3,
            1e17..1e20 => number / 1e6,
            _ => return None,
        };
        Some(Self(millis.round() as i64))
    }

    /// Formats RFC 3339 in UTC with milliseconds: `2026-11-21T09:25:55.799Z`. Clamps to the calendar's range.
    pub fn rfc3339(self) -> String {
        format!("{:.3}", self.timestamp())
    }

    /// Converts to a calendar timestamp, clamped to its range.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX })
    }
}

/// Parses a time with an offset, without a zone, or a number.
#[cold]
fn parse_lenient(text: &str) -> Option<Time> {
    let millis = |stamp: Timestamp| Time(stamp.as_millisecond());
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Some(millis(stamp));
    }
    if let Ok(number) = text.parse::<f64>() {
        return Time::from_number(number);
    }
    parse_local(text).or_else(|| parse_spelled(text).map(millis))
}

/// Parses a time without an offset, or with the name of the zone of UTC.
fn parse_local(text: &str) -> Option<Time> {
    let text = ["UTC", "GMT", "Z"].iter().find_map(|zone| text.strip_suffix(zone)).unwrap_or(text);
    let local = text.trim_end().parse::<jiff::civil::DateTime>().ok()?;
    local.to_zoned_datetime(jiff::tz::TimeZone::UTC).ok().map(|zoned| Time(zoned.timestamp().as_millisecond()))
}

/// Parses a time with names of days and months, as mails and scripts in JavaScript write it.
fn parse_spelled(text: &str) -> Option<Timestamp> {
    let text = text.split(" (").next().unwrap_or(text);
    let of_mail = || jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp());
    let of_script = || jiff::fmt::strtime::parse("%a %b %d %Y %H:%M:%S GMT%z", text).ok()?.to_timestamp().ok();
    of_mail().or_else(of_script)
}

/// Parses exactly `YYYY-MM-DDTHH:MM:SS[.fff…]Z`.
fn parse_utc(text: &[u8]) -> Option<Time> {
    let (head, tail) = text.split_at_checked(19)?;
    let number = |from: usize, to: usize| {
        head[from..to]
            .iter()
            .try_fold(0i64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    };
    if [head[4], head[7], head[10], head[13], head[16]] != *b"--T::" {
        return None;
    }
    let millis = match tail {
        b"Z" => 0,
        [b'.', digits @ .., b'Z'] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            (0..3).fold(0, |sum, at| sum * 10 + digits.get(at).map_or(0, |digit| i64::from(digit - b'0')))
        }
        _ => return None,
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(Time(seconds * 1000 + millis))
}

/// Returns the days since 1970-01-01 in the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_every_form_are_the_same_moment() {
        let expected = Time::from_millis(1_789_034_400_500);
        for text in [
            "2026-09-10T10:00:00.500Z",
            "2026-09-10T12:00:00.5+02:00",
            "2026-09-10T10:00:00.500",
            "2026-09-10 10:00:00.5",
            "1789034400.5",
            "1789034400500",
            "1789034400500000",
            " 1789034400500000000 ",
            "2026-09-10 10:00:00.500 UTC",
            "2026-09-10T10:00:00.500 GMT",
        ] {
            assert_eq!(Time::parse(text), Some(expected), "{text}");
        }
        let whole = Time::from_millis(1_789_034_400_000);
        for text in [
            "Thu, 10 Sep 2026 10:00:00 GMT",
            "Thu, 10 Sep 2026 12:00:00 +0200",
            "Thu Sep 10 2026 12:00:00 GMT+0200 (Central European Summer Time)",
        ] {
            assert_eq!(Time::parse(text), Some(whole), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "yesterday", "0", "-5", "NaN", "1e300", "2026-13-45T00:00:00Z", "inf"] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }
}
