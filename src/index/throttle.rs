//! Throttles repeated events: the first passes at once, the next ones after pauses that double up to a limit.
//!
//! A debounce would wait forever for an agent that streams. The first pause is short: a record is often written in two
//! pieces, and the first check may fall between them. Pure: the caller passes the time.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Throttle over keys, with the time of each key's last event.
#[derive(Debug)]
pub struct Throttle<K> {
    every: Duration,
    slots: HashMap<K, Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Time of the last event that passed.
    last: Instant,
    /// Pause after that event.
    pause: Duration,
    waiting: bool,
}

impl Slot {
    fn until(self) -> Instant {
        self.last + self.pause
    }

    /// Returns the slot after another event, with a longer pause.
    fn followed(self, now: Instant, every: Duration) -> Self {
        Self { last: now, pause: (self.pause * 2).min(every), waiting: false }
    }
}

impl<K: Clone + Eq + Hash> Throttle<K> {
    /// Creates a throttle with pauses from an eighth of `every` up to `every`.
    pub fn new(every: Duration) -> Self {
        Self { every, slots: HashMap::new() }
    }

    /// Returns true if an event of `key` passes at once; else [`due`](Self::due) returns the key later.
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

    /// Schedules `key` after a whole pause, with or without a further event.
    pub fn again(&mut self, key: &K, now: Instant) {
        self.slots.insert(key.clone(), Slot { last: now, pause: self.every, waiting: true });
    }

    /// Returns the keys whose pause has ended. Keys without recent events are removed.
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

    /// Returns the time of the next due key; `None` while no key waits.
    pub fn next(&self) -> Option<Instant> {
        self.slots.values().filter(|slot| slot.waiting).map(|slot| slot.until()).min()
    }
}
