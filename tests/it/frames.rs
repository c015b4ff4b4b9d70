//! Frame scheduling.

use std::time::{Duration, Instant};

use salon::runtime::frames::{FRAMES_AFTER_KEY, FrameScheduler, MIN_INTERVAL, MIN_REST};

/// Draws until no frame is due at a moment, with a change after each frame. Returns the number of frames.
fn drawn_at(frames: &mut FrameScheduler, now: Instant) -> u8 {
    let mut count = 0;
    while frames.due(now).is_some_and(|due| due <= now) {
        frames.drawn(now, now);
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

#[test]
fn a_frame_that_takes_long_leaves_time_for_keys() {
    let mut frames = FrameScheduler::default();
    let (start, cost) = (Instant::now(), Duration::from_millis(800));
    frames.request_now();
    assert!(frames.answers_key());
    frames.drawn(start, start + cost);
    frames.request();
    assert!(!frames.answers_key());
    assert_eq!(frames.due(start + cost), Some(start + cost * (1 + MIN_REST)));
    frames.request_now();
    assert_eq!(frames.due(start + cost), Some(start + cost), "a key does not wait");
}
