//! The ring: ids, merging, replay from any cursor, bounds.

use proptest::prelude::*;
use salon::stdx::ring::{Ring, RingBounds, RingValue};

/// A text delta of one source; deltas of the same source merge.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    source: u8,
    text: String,
}

impl RingValue for Piece {
    fn bytes(&self) -> usize {
        self.text.len()
    }

    fn merge(&mut self, next: Self) -> Result<usize, Self> {
        if next.source != self.source {
            return Err(next);
        }
        let offset = self.text.len();
        self.text.push_str(&next.text);
        Ok(offset)
    }

    fn tail(&self, offset: usize) -> Self {
        Self { source: self.source, text: self.text[offset..].to_owned() }
    }
}

fn delta(source: u8, text: &str) -> Piece {
    Piece { source, text: text.to_owned() }
}

const WIDE: RingBounds = RingBounds { items: 1000, bytes: 1 << 20 };

fn free(_: &Piece) -> bool {
    false
}

#[test]
fn b3_ids_rise_by_one_and_outlive_clear() {
    let mut ring = Ring::new(WIDE);
    assert_eq!(ring.next_id(), 0);
    assert_eq!(ring.push(delta(1, "a"), free), 0);
    assert_eq!(ring.push(delta(2, "b"), free), 1);
    ring.clear();
    assert!(ring.is_empty());
    assert_eq!(ring.push(delta(1, "c"), free), 2);
    assert_eq!(ring.dropped(), 2);
}

#[test]
fn b3_since_is_inclusive() {
    let mut ring = Ring::new(WIDE);
    for source in 0..4 {
        ring.push(delta(source, "x"), free);
    }
    let firsts = |from| ring.since(from).items.iter().map(|item| item.first).collect::<Vec<_>>();
    assert_eq!(firsts(0), [0, 1, 2, 3]);
    assert_eq!(firsts(2), [2, 3]);
    assert!(firsts(4).is_empty());
    assert!(firsts(9).is_empty());
}

#[test]
fn a_cursor_inside_a_merged_item_gets_the_unseen_rest() {
    let mut ring = Ring::new(WIDE);
    for text in ["Hel", "lo ", "you"] {
        ring.push(delta(7, text), free);
    }
    assert_eq!(ring.len(), 1);
    let held = ring.since(1);
    assert_eq!((held.missed, held.items.len()), (0, 1));
    assert_eq!((held.items[0].first, held.items[0].last, held.items[0].value.text.as_str()), (1, 2, "lo you"));
}

#[test]
fn h21_pinned_items_stay_and_dropped_ones_are_counted() {
    let mut ring = Ring::new(RingBounds { items: 3, bytes: 1 << 20 });
    for source in 0..6 {
        ring.push(delta(source, "x"), |held| held.source == 1);
    }
    let held = ring.since(0);
    assert_eq!(held.items.iter().map(|item| item.first).collect::<Vec<_>>(), [1, 4, 5]);
    assert_eq!((held.missed, ring.dropped()), (3, 3));
}

#[test]
fn b3_bytes_are_bounded_too() {
    let mut ring = Ring::new(RingBounds { items: 1000, bytes: 10 });
    for source in 0..5 {
        ring.push(delta(source, "1234"), free);
    }
    assert!(ring.bytes() <= 10, "{}", ring.bytes());
    assert_eq!(ring.since(0).missed, 3);
}

proptest! {
    /// For any cursors, a reader sees every byte exactly once and in order, unless items were dropped.
    #[test]
    fn b4_b5_replay_and_stream_together_have_no_gap_and_no_duplicate(
        pieces in prop::collection::vec((0u8..3, "[a-z]{0,4}"), 1..60),
        stops in prop::collection::vec(0usize..60, 0..8),
    ) {
        let mut ring = Ring::new(WIDE);
        let mut stops = stops;
        stops.sort_unstable();
        let (mut cursor, mut seen) = (0, String::new());
        let mut look = |ring: &Ring<Piece>| {
            for item in ring.since(cursor).items {
                assert_eq!(item.first, cursor);
                cursor = item.last + 1;
                seen.push_str(&item.value.text);
            }
        };
        for (at, (source, text)) in pieces.iter().enumerate() {
            if stops.contains(&at) {
                look(&ring);
            }
            ring.push(delta(*source, text), free);
        }
        look(&ring);
        prop_assert_eq!(seen, pieces.iter().map(|(_, text)| text.as_str()).collect::<String>());
    }

    /// Compared with a plain list: kept and missed items together are complete, for every cursor and bound.
    #[test]
    fn b3_kept_and_missed_items_are_complete(
        sources in prop::collection::vec(0u8..3, 0..80), items in 1usize..20, bytes in 1usize..40, from in 0u64..90,
    ) {
        let mut ring = Ring::new(RingBounds { items, bytes });
        for source in &sources {
            ring.push(delta(*source, "ab"), |held| held.source == 2);
        }
        let held = ring.since(from);
        let covered: u64 = held.items.iter().map(|item| item.last - item.first + 1).sum();
        prop_assert_eq!(held.missed + covered, (sources.len() as u64).saturating_sub(from));
        for item in &held.items {
            prop_assert!(item.first >= from);
            prop_assert_eq!(item.value.text.len() as u64, 2 * (item.last - item.first + 1));
        }
    }

    /// The byte count is that of the kept items, after any merges and drops.
    #[test]
    fn b3_byte_counts_are_exact(sources in prop::collection::vec(0u8..3, 0..80), items in 1usize..20) {
        let mut ring = Ring::new(RingBounds { items, bytes: 60 });
        for source in &sources {
            ring.push(delta(*source, "ab"), free);
        }
        let text: u64 = ring.since(0).items.iter().map(|item| item.value.text.len() as u64).sum();
        // Each delta after an item's first costs four bytes for its offset.
        let found: u64 = ring.since(0).items.iter().map(|item| 4 * (item.last - item.first)).sum();
        prop_assert_eq!(ring.bytes() as u64, text + found);
    }
}
