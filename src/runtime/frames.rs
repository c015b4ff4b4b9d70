//! Frame scheduling. A key is answered at once, and so are the first changes after it, which are mostly its results.
//!
//! All other changes are drawn at most once per [`MIN_INTERVAL`], and nothing is drawn without a change.

use std::time::{Duration, Instant};

/// Minimum interval between frames that no key requested.
pub const MIN_INTERVAL: Duration = Duration::from_millis(16);

/// Minimum time between frames that no key requested, as a multiple of the time that the last one took: keys are handled
/// in between.
pub const MIN_REST: u32 = 3;

/// Number of undelayed frames after the frame of a key: its results and changes in between.
pub const FRAMES_AFTER_KEY: u8 = 2;

/// Computes when the next frame is due. Pure: the time is a parameter.
#[derive(Clone, Copy, Debug, Default)]
pub struct FrameScheduler {
    requested: Option<FrameRequest>,
    last: Option<Instant>,
    /// Duration of the last frame.
    cost: Duration,
    /// Number of frames that need not wait.
    undelayed: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FrameRequest {
    Soon,
    Now,
}

impl FrameScheduler {
    /// Requests a frame for a change that no key caused.
    pub fn request(&mut self) {
        self.requested.get_or_insert(FrameRequest::Soon);
    }

    /// Requests a frame at once, as the answer to a key.
    pub fn request_now(&mut self) {
        self.requested = Some(FrameRequest::Now);
    }

    /// Returns the time of the next frame; `None` without a request. A past time means at once.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        match self.requested? {
            FrameRequest::Now => Some(now),
            FrameRequest::Soon if self.undelayed > 0 && self.cost < MIN_INTERVAL => Some(now),
            FrameRequest::Soon => Some(self.last.map_or(now, |last| last + MIN_INTERVAL.max(self.cost * MIN_REST))),
        }
    }

    /// Returns true if the requested frame answers a key.
    pub fn answers_key(&self) -> bool {
        self.requested == Some(FrameRequest::Now)
    }

    /// Records that a frame was drawn, which took since `started`.
    pub fn drawn(&mut self, started: Instant, now: Instant) {
        self.cost = now.duration_since(started);
        self.undelayed = match self.requested.take() {
            Some(FrameRequest::Now) => FRAMES_AFTER_KEY,
            Some(FrameRequest::Soon) | None => self.undelayed.saturating_sub(1),
        };
        self.last = Some(now);
    }
}
