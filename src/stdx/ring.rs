//! A bounded history of a stream that many readers follow at their own pace.
//!
//! Every item pushed gets an id, rising by one, never reused while the ring lives. Items that belong together (the
//! pieces of one text) are merged, but keep their ids: a reader whose cursor lies inside a merged item gets only the
//! part it has not seen. The ring holds a bounded number of items and bytes; the oldest go first, except those that
//! are pinned, and what went is counted.

use std::collections::VecDeque;

/// What a ring can hold.
pub trait Held: Clone {
    /// Bytes it takes, roughly.
    fn bytes(&self) -> usize;

    /// Takes `next` in behind itself, if the two belong together: the offset at which it begins, or `next` back. Only
    /// whole items are dropped, so what merges must itself be bounded.
    fn merge(&mut self, next: Self) -> Result<usize, Self>;

    /// What lies behind an offset that [`merge`](Self::merge) returned.
    #[must_use]
    fn rest(&self, offset: usize) -> Self;
}

/// An item with the ids it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<T> {
    /// Id of its first piece.
    pub first: u64,
    /// Id of its last piece.
    pub last: u64,
    /// What it is.
    pub value: T,
}

/// How much a ring holds at most.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Merged items.
    pub items: usize,
    /// Bytes.
    pub bytes: usize,
}

/// What a reader has missed, and what is held for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since<T> {
    /// Ids between the cursor and what is held that are gone.
    pub missed: u64,
    /// What is held, in order.
    pub items: Vec<Item<T>>,
}

#[derive(Debug)]
struct Slot<T> {
    item: Item<T>,
    /// Where the pieces after the first begin, in order. Small, for there may be one for every few bytes of text.
    offsets: Vec<u32>,
}

/// See the module.
#[derive(Debug)]
pub struct Ring<T> {
    slots: VecDeque<Slot<T>>,
    bounds: Bounds,
    bytes: usize,
    next: u64,
    dropped: u64,
}

impl<T: Held> Ring<T> {
    /// An empty ring whose first id is 0.
    pub fn new(bounds: Bounds) -> Self {
        Self { slots: VecDeque::new(), bounds, bytes: 0, next: 0, dropped: 0 }
    }

    /// The id that the next item will get.
    pub fn next_id(&self) -> u64 {
        self.next
    }

    /// Pieces that were dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Merged items held.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Nothing is held.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Adds an item and returns its id. Then drops the oldest that are not pinned until the bounds are met, the
    /// newest always stays.
    pub fn push(&mut self, value: T, pinned: impl Fn(&T) -> bool) -> u64 {
        let id = self.next;
        self.next += 1;
        if let Some(value) = self.merge(id, value) {
            let slot = Slot { item: Item { first: id, last: id, value }, offsets: Vec::new() };
            self.bytes += slot.bytes();
            self.slots.push_back(slot);
        }
        self.shrink(pinned);
        id
    }

    /// Everything from the id `from` on (inclusive: the id that the reader expects next).
    pub fn since(&self, from: u64) -> Since<T> {
        let mut missed = 0;
        let mut expected = from;
        let mut items = Vec::new();
        for slot in self.slots.iter().filter(|slot| slot.item.last >= from) {
            missed += slot.item.first.saturating_sub(expected);
            expected = slot.item.last + 1;
            items.push(slot.from(from));
        }
        missed += self.next.saturating_sub(expected.max(from));
        Since { missed, items }
    }

    /// Forgets what is held; ids go on.
    pub fn clear(&mut self) {
        self.dropped += self.slots.iter().map(Slot::pieces).sum::<u64>();
        self.slots.clear();
        self.bytes = 0;
    }

    /// Adds a value to the newest item, or gives it back where it does not belong there.
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
                self.dropped += slot.pieces();
                self.bytes -= slot.bytes();
            }
        }
    }
}

impl<T: Held> Slot<T> {
    fn pieces(&self) -> u64 {
        self.item.last - self.item.first + 1
    }

    fn bytes(&self) -> usize {
        self.item.value.bytes() + size_of_val(&*self.offsets)
    }

    /// The item without the pieces before `id`.
    fn from(&self, id: u64) -> Item<T> {
        let skip = id.saturating_sub(self.item.first);
        let value = match usize::try_from(skip) {
            Ok(skip @ 1..) => self.item.value.rest(self.offsets[skip - 1] as usize),
            _ => self.item.value.clone(),
        };
        Item { first: self.item.first.max(id), last: self.item.last, value }
    }
}
