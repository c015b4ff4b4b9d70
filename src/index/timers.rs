//! Timers of the engine. Pure: the caller passes the time. Without a pending timer there is no next wake-up.

use std::time::{Duration, Instant};

use super::scanner::Scanner;

/// Maximum delay of the first rows.
const FIRST_ROWS: Duration = Duration::from_millis(40);
/// Interval of catalog changes while sources are being read, per started [`SESSIONS_PER_INTERVAL`] sessions. Lists are
/// recomputed after each change, which takes longer the more sessions there are.
const EMIT_INTERVAL: Duration = Duration::from_millis(50);
const SESSIONS_PER_INTERVAL: usize = 4_000;
/// Delay of the next attempt after the event channel was full.
const EMIT_RETRY: Duration = Duration::from_millis(5);
/// Minimum interval between checks for live sessions, and the interval while some are live.
const LIVE_INTERVAL: Duration = Duration::from_millis(250);
const LIVE_POLL: Duration = Duration::from_secs(2);
/// Delay from a result to its write to the cache.
const FLUSH_DELAY: Duration = Duration::from_secs(2);
/// Delay from a change to its update of the text index.
const INDEX_DELAY: Duration = Duration::from_secs(1);
/// Poll intervals without notifications: while files change, and after ten quiet minutes.
const POLL: Duration = Duration::from_secs(2);
const POLL_QUIET: Duration = Duration::from_secs(10);
const QUIET_AFTER: Duration = Duration::from_mins(10);

/// Interval of catalog changes with this number of sessions.
fn emit_interval(sessions: usize) -> Duration {
    let factor = u32::try_from(sessions / SESSIONS_PER_INTERVAL).unwrap_or(u32::MAX).saturating_add(1);
    EMIT_INTERVAL.saturating_mul(factor)
}

/// Due timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DueTimer {
    Poll,
    Live,
    Flush,
    Emit,
    Retry,
    Index,
}

/// Pending timers.
#[derive(Debug, Default)]
pub(super) struct Timers {
    started: Option<Instant>,
    emitted: Option<Instant>,
    emit: Option<Instant>,
    live: Option<Instant>,
    live_checked: Option<Instant>,
    flush: Option<Instant>,
    index: Option<Instant>,
    poll: Option<Instant>,
    retry: Option<Instant>,
    changed: Option<Instant>,
}

impl Timers {
    /// Sets the timers of a new index.
    pub(super) fn started(&mut self, now: Instant) {
        self.started = Some(now);
        self.changed = Some(now);
        self.emit = Some(now + FIRST_ROWS);
    }

    /// Records a change on disk.
    pub(super) fn changed(&mut self, now: Instant) {
        self.changed = Some(now);
    }

    /// Returns the time of the next due timer; `other` is a further timer of the caller.
    pub(super) fn next(&self, other: Option<Instant>) -> Option<Instant> {
        let own = [self.emit, self.live, self.flush, self.poll, self.index, self.retry];
        own.into_iter().chain([other]).flatten().min()
    }

    /// Returns the timers that are due, each once.
    pub(super) fn due(&mut self, now: Instant) -> Vec<DueTimer> {
        let mut due = Vec::new();
        let slots = [
            (&mut self.emit, DueTimer::Emit),
            (&mut self.live, DueTimer::Live),
            (&mut self.flush, DueTimer::Flush),
            (&mut self.poll, DueTimer::Poll),
            (&mut self.retry, DueTimer::Retry),
            (&mut self.index, DueTimer::Index),
        ];
        for (slot, timer) in slots {
            if slot.is_some_and(|at| at <= now) {
                *slot = None;
                due.push(timer);
            }
        }
        if due.contains(&DueTimer::Poll) {
            self.poll(now);
        }
        if due.contains(&DueTimer::Live) {
            self.live_checked = Some(now);
        }
        due
    }

    /// Returns true if catalog changes may be sent now; else sets a timer. The first change waits for a complete first
    /// screen; during a scan changes are spaced.
    pub(super) fn may_emit(&mut self, now: Instant, scanner: &Scanner, first_emitted: bool) -> bool {
        if first_emitted && scanner.loading() {
            return false;
        }
        let earliest = if !first_emitted {
            if scanner.first_screen_done() || scanner.has_cached_front() {
                Some(now)
            } else {
                self.started.map(|at| at + FIRST_ROWS)
            }
        } else if scanner.idle() {
            Some(now)
        } else {
            self.emitted.map(|at| at + emit_interval(scanner.table.len()))
        };
        let earliest = earliest.unwrap_or(now);
        if earliest > now {
            self.emit = Some(earliest);
        }
        earliest <= now
    }

    /// Records that catalog changes were sent.
    pub(super) fn emitted(&mut self, now: Instant) {
        self.emitted = Some(now);
        self.emit = None;
    }

    /// Sets a retry after the channel was full.
    pub(super) fn retry_emit(&mut self, now: Instant) {
        self.emit = Some(now + EMIT_RETRY);
    }

    /// Sets a check for live sessions, soon but at limited intervals.
    pub(super) fn check_live(&mut self, now: Instant) {
        let soonest = self.live_checked.map_or(now, |at| (at + LIVE_INTERVAL).max(now));
        self.live = Some(self.live.map_or(soonest, |at| at.min(soonest)));
    }

    /// Records a check for live sessions. While any session is live the check repeats, since a killed process leaves no
    /// event.
    pub(super) fn live_checked(&mut self, any: bool, now: Instant) {
        if any && self.live.is_none() {
            self.live = Some(now + LIVE_POLL);
        }
    }

    /// Sets a retry for sources that could not be read.
    pub(super) fn retry(&mut self, at: Instant) {
        self.retry = Some(self.retry.map_or(at, |before| before.min(at)));
    }

    /// Sets a flush of pending results to the cache.
    pub(super) fn flush(&mut self, now: Instant) {
        self.flush.get_or_insert(now + FLUSH_DELAY);
    }

    /// Sets an update of the text index. A delay collects the many changes of one streamed answer.
    pub(super) fn index(&mut self, now: Instant) {
        self.index.get_or_insert(now + INDEX_DELAY);
    }

    /// Sets the next poll, at the longer interval after a long time without changes.
    pub(super) fn poll(&mut self, now: Instant) {
        let quiet = self.changed.is_some_and(|at| now.saturating_duration_since(at) > QUIET_AFTER);
        self.poll = Some(now + if quiet { POLL_QUIET } else { POLL });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c21_quiet_roots_are_polled_less_often_until_something_changes() {
        let start = Instant::now();
        let mut timers = Timers::default();
        timers.started(start);
        let interval = |timers: &mut Timers, now: Instant| {
            timers.poll(now);
            timers.poll.map(|at| at - now)
        };
        assert_eq!(interval(&mut timers, start), Some(POLL));
        let quiet = start + QUIET_AFTER + Duration::from_secs(1);
        assert_eq!(interval(&mut timers, quiet), Some(POLL_QUIET));
        timers.changed(quiet);
        assert_eq!(interval(&mut timers, quiet), Some(POLL));
    }
}
