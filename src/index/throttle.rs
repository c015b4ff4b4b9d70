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
    fn until(&self) -> Instant {
        self.last + self.pause
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
            _ => {
                self.let_through(key, now);
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
        let ripe = self.slots.iter().filter(|(_, slot)| slot.waiting && slot.until() <= now);
        let keys: Vec<K> = ripe.map(|(key, _)| key.clone()).collect();
        for key in &keys {
            self.let_through(key, now);
        }
        let every = self.every;
        self.slots.retain(|_, slot| slot.waiting || slot.last + 2 * every > now);
        keys
    }

    /// When [`due`](Self::due) has something next; `None` while nothing waits.
    pub fn next(&self) -> Option<Instant> {
        self.slots.values().filter(|slot| slot.waiting).map(Slot::until).min()
    }

    fn let_through(&mut self, key: &K, now: Instant) {
        let before = self.slots.get(key).filter(|slot| now < slot.until() + self.every);
        let pause = before.map_or(self.every / 8, |slot| (slot.pause * 2).min(self.every));
        self.slots.insert(key.clone(), Slot { last: now, pause, waiting: false });
    }
}
