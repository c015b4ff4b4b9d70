//! Context of filters: time and home directory.

use crate::domain::Time;

/// Context for evaluating filters, in addition to the session.
#[derive(Clone, Debug, Default)]
pub struct FilterContext<'a> {
    /// Current time.
    pub now: Time,
    /// Time zone in which days begin; `None` for UTC.
    pub zone: Option<&'a jiff::tz::TimeZone>,
    /// Home directory, for `dir:~/src`.
    pub home: &'a str,
    /// Name of the host of sessions without one; empty for this machine, which is also `local`.
    pub host: &'a str,
}
