//! When frames are due.

use std::time::{Duration, Instant};

use salon::runtime::frames::{AT_ONCE, Frames, PACE};

/// Draws until nothing is due at a moment, with news coming as fast as they are drawn; gives how many frames.
fn drawn_at(frames: &mut Frames, now: Instant) -> u8 {
    let mut count = 0;
    while frames.due(now).is_some_and(|due| due <= now) {
        frames.drawn(now);
        frames.changed();
        count += 1;
    }
    count
}

#[test]
fn a_key_is_answered_at_once_and_so_are_the_first_news_after_it() {
    let mut frames = Frames::default();
    let start = Instant::now();
    assert_eq!(frames.due(start), None, "nothing changed");
    frames.changed();
    assert_eq!(drawn_at(&mut frames, start), 1, "news come at a pace");
    assert_eq!(frames.due(start), Some(start + PACE));
    frames.asked();
    assert_eq!(drawn_at(&mut frames, start), 1 + AT_ONCE);
    assert_eq!(frames.due(start), Some(start + PACE));
    let later = start + PACE + Duration::from_millis(1);
    assert_eq!(drawn_at(&mut frames, later), 1);
}
