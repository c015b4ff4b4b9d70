//! Context of filters: time, home directory and marks.

use std::sync::Arc;

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
    /// True if the session is starred.
    pub starred: bool,
    /// Tags of the session.
    pub tags: &'a [Arc<str>],
}
