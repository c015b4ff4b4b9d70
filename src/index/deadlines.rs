//! What is due when. Pure: the clock is the caller's. While nothing is due, there is no next moment to wake up at.

use std::time::{Duration, Instant};

use super::survey::Survey;

/// The first rows are told by then, whatever is found.
const FIRST: Duration = Duration::from_millis(40);
/// Between two changes of the catalog while everything is being read.
const BATCH: Duration = Duration::from_millis(50);
/// Between two tries to tell something that there was no room for.
const RETRY: Duration = Duration::from_millis(5);
/// Between two looks for living processes after changes, and while any lives.
const LIFE: Duration = Duration::from_millis(250);
const LIFE_TICK: Duration = Duration::from_secs(2);
/// From a result to its place in the cache.
const FLUSH: Duration = Duration::from_secs(2);
/// From a change to its place among what is stored for searching.
const STORE: Duration = Duration::from_secs(1);
/// Between two polls where nothing notifies, and after ten quiet minutes.
const POLL: Duration = Duration::from_secs(2);
const POLL_QUIET: Duration = Duration::from_secs(10);
const QUIET: Duration = Duration::from_mins(10);

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Poll,
    Life,
    Flush,
    Tell,
    Retry,
    Store,
}

/// The moments to come.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    started: Option<Instant>,
    told: Option<Instant>,
    tell: Option<Instant>,
    life: Option<Instant>,
    looked_for_life: Option<Instant>,
    flush: Option<Instant>,
    store: Option<Instant>,
    poll: Option<Instant>,
    retry: Option<Instant>,
    changed: Option<Instant>,
}

impl Deadlines {
    /// The index started.
    pub fn started(&mut self, now: Instant) {
        self.started = Some(now);
        self.changed = Some(now);
        self.tell = Some(now + FIRST);
    }

    /// Something changed on disk.
    pub fn changed(&mut self, now: Instant) {
        self.changed = Some(now);
    }

    /// The next moment at which something is due; `other` is one that the caller knows of.
    pub fn next(&self, other: Option<Instant>) -> Option<Instant> {
        let own = [self.tell, self.life, self.flush, self.poll, self.store, self.retry];
        own.into_iter().chain([other]).flatten().min()
    }

    /// What is due by now. Each is told once.
    pub fn due(&mut self, now: Instant) -> Vec<Due> {
        let mut due = Vec::new();
        let slots = [
            (&mut self.tell, Due::Tell),
            (&mut self.life, Due::Life),
            (&mut self.flush, Due::Flush),
            (&mut self.poll, Due::Poll),
            (&mut self.retry, Due::Retry),
            (&mut self.store, Due::Store),
        ];
        for (slot, what) in slots {
            if slot.is_some_and(|at| at <= now) {
                *slot = None;
                due.push(what);
            }
        }
        if due.contains(&Due::Poll) {
            self.poll(now);
        }
        if due.contains(&Due::Life) {
            self.looked_for_life = Some(now);
        }
        due
    }

    /// Whether the catalog's changes may be told now: the first ones when the first screen is complete, and while
    /// everything is being read only now and then. If not, it will be due.
    pub fn may_tell(&mut self, now: Instant, survey: &Survey, first_told: bool) -> bool {
        if first_told && survey.loading() {
            return false;
        }
        let earliest = if !first_told {
            if survey.front_done() || survey.has_front() { Some(now) } else { self.started.map(|at| at + FIRST) }
        } else if survey.idle() {
            Some(now)
        } else {
            self.told.map(|at| at + BATCH)
        };
        let earliest = earliest.unwrap_or(now);
        if earliest > now {
            self.tell = Some(earliest);
        }
        earliest <= now
    }

    /// The catalog's changes were told.
    pub fn told(&mut self, now: Instant) {
        self.told = Some(now);
        self.tell = None;
    }

    /// There was no room.
    pub fn tell_again(&mut self, now: Instant) {
        self.tell = Some(now + RETRY);
    }

    /// Something happened that may have been done by a living process: look soon, but not all the time.
    pub fn look_for_life(&mut self, now: Instant) {
        let soonest = self.looked_for_life.map_or(now, |at| (at + LIFE).max(now));
        self.life = Some(self.life.map_or(soonest, |at| at.min(soonest)));
    }

    /// Living processes were looked for. While there are any, they are looked at again: one that is killed leaves no sign.
    pub fn lived(&mut self, any: bool, now: Instant) {
        if any && self.life.is_none() {
            self.life = Some(now + LIFE_TICK);
        }
    }

    /// Something could not be read, and is to be tried again.
    pub fn retry(&mut self, at: Instant) {
        self.retry = Some(self.retry.map_or(at, |before| before.min(at)));
    }

    /// Results wait to be written.
    pub fn flush(&mut self, now: Instant) {
        self.flush.get_or_insert(now + FLUSH);
    }

    /// Something waits to be stored for searching. Not at each change: who writes an answer changes much.
    pub fn store(&mut self, now: Instant) {
        self.store.get_or_insert(now + STORE);
    }

    /// Changes are polled for from now on: less often when nothing has changed for long.
    pub fn poll(&mut self, now: Instant) {
        let quiet = self.changed.is_some_and(|at| now.saturating_duration_since(at) > QUIET);
        self.poll = Some(now + if quiet { POLL_QUIET } else { POLL });
    }
}
