//! When to draw: the answer to a key at once, and so the first news after it, among which most often are its results;
//! everything else at most once in [`PACE`], and nothing without a change.

use std::time::{Duration, Instant};

/// Least time between two frames that no key asked for.
pub const PACE: Duration = Duration::from_millis(16);

/// Frames after a key's that wait for nothing: its results, and what came between.
pub const AT_ONCE: u8 = 2;

/// When the next frame is due. Pure: it is told what time it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frames {
    wanted: Option<Wanted>,
    last: Option<Instant>,
    /// How many frames need not wait.
    free: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Soon,
    Now,
}

impl Frames {
    /// Something changed that a person did not ask for just now.
    pub fn changed(&mut self) {
        self.wanted.get_or_insert(Wanted::Soon);
    }

    /// A person waits for the answer.
    pub fn asked(&mut self) {
        self.wanted = Some(Wanted::Now);
    }

    /// When to draw next; `None`: there is nothing to draw. A moment in the past means at once.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        match self.wanted? {
            Wanted::Now => Some(now),
            Wanted::Soon if self.free > 0 => Some(now),
            Wanted::Soon => Some(self.last.map_or(now, |last| last + PACE)),
        }
    }

    /// A frame was drawn.
    pub fn drawn(&mut self, now: Instant) {
        self.free = match self.wanted.take() {
            Some(Wanted::Now) => AT_ONCE,
            Some(Wanted::Soon) | None => self.free.saturating_sub(1),
        };
        self.last = Some(now);
    }
}
