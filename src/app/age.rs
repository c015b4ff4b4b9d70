//! Ages as short texts for lists, and the time at which each text changes. The smallest unit is the minute, so that an
//! idle screen is redrawn at most once a minute.

use crate::domain::Time;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
const YEAR: i64 = 365 * DAY;

/// Formats an age: `now`, `5m`, `3h`, `2d`, `6w`, `1y`.
pub fn text(now: Time, then: Time) -> String {
    let age = now.since(then);
    match unit(age) {
        None => "now".to_owned(),
        Some((length, letter)) => format!("{}{letter}", age / length),
    }
}

/// Returns the time at which [`text`] changes next.
pub fn changes_at(now: Time, then: Time) -> Time {
    let age = now.since(then);
    let length = unit(age).map_or(MINUTE, |(length, _)| length);
    let next = age / length + 1;
    // A time in the future counts as now until a minute after it.
    Time::from_millis(then.millis().saturating_add(next.saturating_mul(length)))
}

fn unit(age: i64) -> Option<(i64, char)> {
    match age {
        ..MINUTE => None,
        MINUTE..HOUR => Some((MINUTE, 'm')),
        HOUR..DAY => Some((HOUR, 'h')),
        DAY..WEEK => Some((DAY, 'd')),
        WEEK..YEAR => Some((WEEK, 'w')),
        YEAR.. => Some((YEAR, 'y')),
    }
}
