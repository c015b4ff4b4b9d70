//! Times between attempts to connect: pure functions of the number of attempts and a random number.

use std::time::Duration;

use crate::domain::remote::RemoteFailure;

/// Pause after the first failure.
const FIRST: Duration = Duration::from_secs(1);

/// Maximum pause, so that a machine that wakes up is found soon.
const LONGEST: Duration = Duration::from_mins(1);

/// Pause while only the user can change the reason.
const FOR_USER: Duration = Duration::from_mins(5);

/// Returns the pause before the next attempt: doubled with each failure, and shortened by up to half, so that several
/// sources are not tried at the same moments.
pub fn pause(failures: u32, failure: &RemoteFailure, random: u64) -> Duration {
    let whole = if failure.needs_user() {
        FOR_USER
    } else {
        FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST)
    };
    let millis = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX).max(2);
    Duration::from_millis(millis - random % (millis / 2))
}
