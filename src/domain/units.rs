//! Units of ages, sizes and token counts: the same on the screen and on the command line.

use super::Time;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
const YEAR: i64 = 365 * DAY;

/// Formats an age: `now`, `5m`, `3h`, `2d`, `6w`, `1y`.
pub fn age(now: Time, then: Time) -> String {
    let age = now.since(then);
    match unit_of_age(age) {
        None => "now".to_owned(),
        Some((length, letter)) => format!("{}{letter}", age / length),
    }
}

/// Returns the time at which [`age`] changes next.
pub fn age_changes_at(now: Time, then: Time) -> Time {
    let age = now.since(then);
    let length = unit_of_age(age).map_or(MINUTE, |(length, _)| length);
    let next = age / length + 1;
    // A time in the future counts as now until a minute after it.
    Time::from_millis(then.millis().saturating_add(next.saturating_mul(length)))
}

fn unit_of_age(age: i64) -> Option<(i64, char)> {
    match age {
        ..MINUTE => None,
        MINUTE..HOUR => Some((MINUTE, 'm')),
        HOUR..DAY => Some((HOUR, 'h')),
        DAY..WEEK => Some((DAY, 'd')),
        WEEK..YEAR => Some((WEEK, 'w')),
        YEAR.. => Some((YEAR, 'y')),
    }
}

/// Formats a size: `950 B`, `12 kB`, `3.4 MB`, `1.4 GB`.
pub fn bytes(count: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", count / unit, count % unit * 10 / unit);
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{} kB", count / 1_000),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

/// Formats an amount of dollars: `$0.004`, `$1.23`, `$12,345`.
pub fn usd(amount: f64) -> String {
    if amount >= 1000.0 {
        let whole = format!("{amount:.0}");
        let (head, tail) = whole.split_at(whole.len() - 3);
        return format!("${head},{tail}");
    }
    if amount > 0.0 && amount < 0.01 { format!("${amount:.3}") } else { format!("${amount:.2}") }
}

/// Formats a token count: `950`, `12k`, `3.4M`, `1.2G`; empty for none.
pub fn tokens(count: u64) -> String {
    match count {
        0 => String::new(),
        1..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{}k", count / 1_000),
        1_000_000..10_000_000 => format!("{}.{}M", count / 1_000_000, count / 100_000 % 10),
        10_000_000..1_000_000_000 => format!("{}M", count / 1_000_000),
        1_000_000_000..10_000_000_000 => format!("{}.{}G", count / 1_000_000_000, count / 100_000_000 % 10),
        _ => format!("{}G", count / 1_000_000_000),
    }
}

/// Formats a number with separators: `2,001`.
pub fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Formats a count with its unit: `1 session`, `2,001 sessions`.
pub fn count(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { many })
}
