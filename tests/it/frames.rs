//! Frame scheduling.

use std::time::{Duration, Instant};

use salon::runtime::frames::{FRAMES_AFTER_KEY, FrameScheduler, MIN_INTERVAL};

/// Draws until no frame is due at a moment, with a change after each frame. Returns the number of frames.
fn drawn_at(frames: &mut FrameScheduler, now: Instant) -> u8 {
    let mut count = 0;
    while frames.due(now).is_some_and(|due| due <= now) {
        frames.drawn(now);
        frames.request();
        count += 1;
    }
    count
}

#[test]
fn a_key_and_the_first_changes_after_it_are_drawn_at_once() {
    let mut frames = FrameScheduler::default();
    let start = Instant::now();
    assert_eq!(frames.due(start), None, "nothing changed");
    frames.request();
    assert_eq!(drawn_at(&mut frames, start), 1, "news come at a pace");
    assert_eq!(frames.due(start), Some(start + MIN_INTERVAL));
    frames.request_now();
    assert_eq!(drawn_at(&mut frames, start), 1 + FRAMES_AFTER_KEY);
    assert_eq!(frames.due(start), Some(start + MIN_INTERVAL));
    let later = start + MIN_INTERVAL + Duration::from_millis(1);
    assert_eq!(drawn_at(&mut frames, later), 1);
}
