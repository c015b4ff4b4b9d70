//! Opening, scrolling and keeping the place.

use salon::app::Action;

use super::sample::{Stand, long};

#[test]
fn opens_at_its_end() {
    let stand = Stand::new(long(100), (80, 24));
    assert!(stand.drawn.at_end, "{}", stand.screen());
    assert!(stand.screen().contains("answer 99"), "{}", stand.screen());
}

#[test]
fn a7_five_thousand_entries_scroll_to_the_first() {
    let mut stand = Stand::new(long(5_000), (80, 24));
    for _ in 0..100_000 {
        if stand.drawn.at_start {
            break;
        }
        stand.act(Action::PageUp);
    }
    assert_eq!(stand.drawn.entry, 0);
    assert!(stand.screen().contains("prompt 0: what of it?"), "{}", stand.screen());
}
