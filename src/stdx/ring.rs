//! Bounded event history with independent readers.
//!
//! Each pushed item gets an ascending id, which is never reused while the ring exists. Adjacent items (the deltas of
//! one text) are merged, but keep their ids. A reader whose cursor is inside a merged item gets only the rest of it.
//! The ring is bounded in items and bytes. It drops the oldest unpinned items first, and counts them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Value that a ring can store.
pub trait RingValue: Clone {
    /// Approximate size in bytes.
    fn bytes(&self) -> usize;

    /// Appends `next` if it continues this value. Returns the offset of `next`, or `next` itself. The ring drops whole
    /// items only, so merged values must be bounded.
    fn merge(&mut self, next: Self) -> Result<usize, Self>;

    /// Returns the part after an offset that [`merge`](Self::merge) returned.
    #[must_use]
    fn tail(&self, offset: usize) -> Self;
}

/// A value with the ids that it covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingItem<T> {
    /// Id of its first delta.
    pub first: u64,
    /// Id of its last delta.
    pub last: u64,
    /// Merged value.
    pub value: T,
}

/// Maximum size of a ring.
#[derive(Clone, Copy, Debug)]
pub struct RingBounds {
    /// Maximum merged items.
    pub items: usize,
    /// Maximum bytes.
    pub bytes: usize,
}

/// Items for a reader, and the number of dropped ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingRead<T> {
    /// Number of ids after the cursor that were dropped.
    pub missed: u64,
    /// Items in order.
    pub items: Vec<RingItem<T>>,
}

#[derive(Debug)]
struct Slot<T> {
    item: RingItem<T>,
    /// Start offsets of the deltas after the first, in order. 32 bits, because there can be one per few bytes of text.
    offsets: Vec<u32>,
}

/// Ring buffer of merged items; see the module.
#[derive(Debug)]
pub struct Ring<T> {
    slots: VecDeque<Slot<T>>,
    bounds: RingBounds,
    bytes: usize,
    next: u64,
    dropped: u64,
}

impl<T: RingValue> Ring<T> {
    /// Creates an empty ring whose first id is 0.
    pub fn new(bounds: RingBounds) -> Self {
        Self { slots: VecDeque::new(), bounds, bytes: 0, next: 0, dropped: 0 }
    }

    /// Id of the next item.
    pub fn next_id(&self) -> u64 {
        self.next
    }

    /// Number of dropped deltas.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Size of the items in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of merged items.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Returns true if the ring is empty.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Appends an item and returns its id. Then drops the oldest unpinned items until the bounds are met; the newest
    /// item always stays.
    pub fn push(&mut self, value: T, pinned: impl Fn(&T) -> bool) -> u64 {
        let id = self.next;
        self.next += 1;
        if let Some(value) = self.merge(id, value) {
            let slot = Slot { item: RingItem { first: id, last: id, value }, offsets: Vec::new() };
            self.bytes += slot.bytes();
            self.slots.push_back(slot);
        }
        self.shrink(pinned);
        id
    }

    /// Returns the items from the id `from` on, which is the id that the reader expects next.
    pub fn since(&self, from: u64) -> RingRead<T> {
        let mut missed = 0;
        let mut expected = from;
        let mut items = Vec::new();
        for slot in self.slots.iter().filter(|slot| slot.item.last >= from) {
            missed += slot.item.first.saturating_sub(expected);
            expected = slot.item.last + 1;
            items.push(slot.from(from));
        }
        missed += self.next.saturating_sub(expected.max(from));
        RingRead { missed, items }
    }

    /// Drops all items; ids continue.
    pub fn clear(&mut self) {
        self.dropped += self.slots.iter().map(Slot::deltas).sum::<u64>();
        self.slots.clear();
        self.bytes = 0;
    }

    /// Merges a value into the newest item, or returns the value if it does not belong there.
    fn merge(&mut self, id: u64, value: T) -> Option<T> {
        let Some(slot) = self.slots.back_mut().filter(|slot| slot.item.last + 1 == id) else { return Some(value) };
        let before = slot.bytes();
        let offset = match slot.item.value.merge(value) {
            Ok(offset) => offset,
            Err(value) => return Some(value),
        };
        slot.offsets.push(u32::try_from(offset).unwrap_or(u32::MAX));
        slot.item.last = id;
        self.bytes = self.bytes - before + slot.bytes();
        None
    }

    fn shrink(&mut self, pinned: impl Fn(&T) -> bool) {
        while self.slots.len() > self.bounds.items || self.bytes > self.bounds.bytes {
            let newest = self.slots.len() - 1;
            let Some(oldest) = self.slots.iter().take(newest).position(|slot| !pinned(&slot.item.value)) else {
                return;
            };
            if let Some(slot) = self.slots.remove(oldest) {
                self.dropped += slot.deltas();
                self.bytes -= slot.bytes();
            }
        }
    }
}

impl<T: RingValue> Slot<T> {
    fn deltas(&self) -> u64 {
        self.item.last - self.item.first + 1
    }

    fn bytes(&self) -> usize {
        self.item.value.bytes() + size_of_val(&*self.offsets)
    }

    /// Returns the item without the deltas before `id`.
    fn from(&self, id: u64) -> RingItem<T> {
        let skip = id.saturating_sub(self.item.first);
        let value = match usize::try_from(skip) {
            Ok(skip @ 1..) => self.item.value.tail(self.offsets[skip - 1] as usize),
            _ => self.item.value.clone(),
        };
        RingItem { first: self.item.first.max(id), last: self.item.last, value }
    }
}
