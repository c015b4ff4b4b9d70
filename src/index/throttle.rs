//! Spaces repeated events: the first is let through at once, and then at most one in a while for each key.
//!
//! An agent that streams never falls quiet, so waiting for quiet would wait for ever. Pure: the clock is the caller's.

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
    until: Instant,
    waiting: bool,
}

impl<K: Clone + Eq + Hash> Throttle<K> {
    /// Lets each key through at most once in `every`.
    pub fn new(every: Duration) -> Self {
        Self { every, slots: HashMap::new() }
    }

    /// Whether an event of `key` goes through at once. If not, [`due`](Self::due) gives it in time.
    pub fn admit(&mut self, key: &K, now: Instant) -> bool {
        match self.slots.get_mut(key) {
            Some(slot) if now < slot.until => {
                slot.waiting = true;
                false
            }
            _ => {
                self.slots.insert(key.clone(), Slot { until: now + self.every, waiting: false });
                true
            }
        }
    }

    /// Lets `key` through once more after the usual time, whether or not an event comes.
    pub fn again(&mut self, key: &K, now: Instant) {
        self.slots.insert(key.clone(), Slot { until: now + self.every, waiting: true });
    }

    /// Keys that waited long enough. Slots that nothing waits for are dropped.
    pub fn due(&mut self, now: Instant) -> Vec<K> {
        let ripe = self.slots.iter().filter(|(_, slot)| slot.waiting && slot.until <= now);
        let keys: Vec<K> = ripe.map(|(key, _)| key.clone()).collect();
        self.slots.retain(|_, slot| slot.until > now);
        for key in &keys {
            self.slots.insert(key.clone(), Slot { until: now + self.every, waiting: false });
        }
        keys
    }

    /// When [`due`](Self::due) has something next; `None` while nothing waits.
    pub fn next(&self) -> Option<Instant> {
        self.slots.values().filter(|slot| slot.waiting).map(|slot| slot.until).min()
    }
}
