//! Spaces repeated events: the first is let through at once, the next ones after pauses that double up to a limit.
//!
//! An agent that streams never falls quiet, so waiting for quiet would wait for ever. The first pause is short, because
//! a record is often written in two pieces, and the first look may come between them. Pure: the clock is the caller's.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Which keys were let through when, and which wait.
#[derive(Debug)]
pub struct Throttle<K> {
    every: Duration,
    slots: HashMap<K, Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// When the key was let through last.
    last: Instant,
    /// The pause after that.
    pause: Duration,
    waiting: bool,
}

impl Slot {
    fn until(self) -> Instant {
        self.last + self.pause
    }

    /// Let through again: the next pause is longer.
    fn followed(self, now: Instant, every: Duration) -> Self {
        Self { last: now, pause: (self.pause * 2).min(every), waiting: false }
    }
}

impl<K: Clone + Eq + Hash> Throttle<K> {
    /// Pauses of an eighth of `every` at first, and of `every` in a stream.
    pub fn new(every: Duration) -> Self {
        Self { every, slots: HashMap::new() }
    }

    /// Whether an event of `key` goes through at once. If not, [`due`](Self::due) gives it in time.
    pub fn admit(&mut self, key: &K, now: Instant) -> bool {
        match self.slots.get_mut(key) {
            Some(slot) if now < slot.until() => {
                slot.waiting = true;
                false
            }
            Some(slot) if now < slot.last + self.every => {
                *slot = slot.followed(now, self.every);
                true
            }
            _ => {
                self.slots.insert(key.clone(), Slot { last: now, pause: self.every / 8, waiting: false });
                true
            }
        }
    }

    /// Lets `key` through once more after a whole pause, whether or not an event comes.
    pub fn again(&mut self, key: &K, now: Instant) {
        self.slots.insert(key.clone(), Slot { last: now, pause: self.every, waiting: true });
    }

    /// Keys that waited long enough. Those that were quiet for long are forgotten.
    pub fn due(&mut self, now: Instant) -> Vec<K> {
        let mut keys = Vec::new();
        let every = self.every;
        self.slots.retain(|key, slot| {
            if slot.waiting && slot.until() <= now {
                *slot = slot.followed(now, every);
                keys.push(key.clone());
            }
            slot.waiting || now < slot.last + every
        });
        keys
    }

    /// When [`due`](Self::due) has something next; `None` while nothing waits.
    pub fn next(&self) -> Option<Instant> {
        self.slots.values().filter(|slot| slot.waiting).map(|slot| slot.until()).min()
    }
}
