//! How the store stands to a corpus: which batches count, and what is known of each unit. Worked out once for both as
//! they are, so that a key typed costs no look-up by path.

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::Cancel;
use super::build::threads;
use super::corpus::Corpus;
use super::settle;
use super::store::{Batch, Buffer, Live, View};
use crate::agent::texts::Layout;
use crate::agent::{Unit, format};

/// Bytes of talk that are held in memory at most while somebody searches; more is read again each time.
const HELD: usize = 48 << 20;

/// A store and a corpus, put beside each other.
#[derive(Debug)]
pub struct Standing {
    moment: (u64, u64),
    corpus: u64,
    /// The batches that count, those of the newest units first.
    pub batches: Vec<Placed>,
    /// For each unit of the corpus.
    units: Vec<Known>,
    letters: OnceLock<Letters>,
    /// Talk is stored of units that are not there any more.
    gone: bool,
}

/// A batch, and what the corpus knows of it.
#[derive(Debug)]
pub struct Placed {
    /// The batch.
    pub batch: Arc<Batch>,
    /// Its unit's number.
    pub unit: usize,
    /// The numbers of its sessions; none for those that lie elsewhere now, or were stored again.
    pub sessions: Vec<Option<usize>>,
    /// It may stay in memory, being among the newest.
    pub may_stay: bool,
}

/// What is stored of a unit.
#[derive(Debug, Default)]
pub struct Known {
    /// How far its talk is, being made of lines; 0 where nothing is, or it was written anew since.
    pub stored: u64,
    /// The talk is stored as the unit is now.
    pub is_stored: bool,
    /// And so are its letters, as far as they are worth it.
    is_settled: bool,
    /// What is known of its letters, and how far.
    letters: Option<(Arc<Batch>, u64)>,
}

/// What is known of the letters of all units, in one piece.
#[derive(Debug, Default)]
struct Letters {
    bytes: Vec<u8>,
    /// By the unit's number.
    of_units: Vec<(usize, Range<usize>)>,
}

impl Standing {
    /// Puts them beside each other.
    pub fn new(view: &View, corpus: &Corpus) -> Self {
        let units: Vec<Known> = corpus.units().iter().map(|unit| Known::of(view, unit)).collect();
        let mut gone = false;
        let placed = |live: &Live| {
            let unit = corpus.unit_number(live.batch.path());
            gone |= unit.is_none();
            let unit = unit?;
            units[unit].is_valid().then(|| Placed {
                batch: live.batch.clone(),
                unit,
                sessions: live
                    .batch
                    .sessions
                    .iter()
                    .enumerate()
                    .map(|(at, id)| corpus.number_in(unit, id).filter(|_| !live.dead.contains(&at)))
                    .collect(),
                may_stay: false,
            })
        };
        let mut batches: Vec<Placed> = view.live().filter_map(placed).collect();
        batches.sort_by_key(|placed| placed.unit);
        let mut bytes = 0;
        for placed in &mut batches {
            bytes += placed.batch.shape.bytes();
            placed.may_stay = bytes <= HELD;
        }
        Self { moment: view.moment(), corpus: corpus.id(), batches, units, letters: OnceLock::new(), gone }
    }

    /// Whether it is about these two, as they are.
    pub fn is_of(&self, view: &View, corpus: &Corpus) -> bool {
        self.moment == view.moment() && self.corpus == corpus.id()
    }

    /// Reads all that a search may need and holds it, until the view is released.
    pub fn hold(&self, view: &View, cancel: &Cancel) {
        self.letters.get_or_init(|| self.hold_letters(view));
        let next = AtomicUsize::new(0);
        let work = || {
            let mut buffer = Buffer::default();
            while let Some(placed) =
                self.batches.get(next.fetch_add(1, Ordering::Relaxed)).filter(|placed| placed.may_stay)
            {
                // What cannot be read is found out again by who needs it.
                if cancel.is_cancelled() || view.hold(&placed.batch, &mut buffer).is_err() {
                    break;
                }
            }
        };
        std::thread::scope(|scope| {
            (1..threads()).for_each(|_| drop(scope.spawn(work)));
            work();
        });
    }

    /// Whether all there is to store is stored, and nothing else.
    pub fn is_current(&self) -> bool {
        !self.gone && self.units.iter().all(|unit| unit.is_stored)
    }

    /// How many units' letters are not known as they are now.
    pub fn unsettled(&self) -> usize {
        self.units.iter().filter(|unit| !unit.is_settled).count()
    }

    /// What is stored of a unit, by its number.
    pub fn unit(&self, number: usize) -> &Known {
        &self.units[number]
    }

    /// Tells what is known of the letters of each unit of which anything is: its number, they, and how far; of what is
    /// not made of lines all or nothing. `hold`: to be in memory for the next time.
    pub fn each_letters(&self, view: &View, hold: bool, mut tell: impl FnMut(usize, &[u8], u64) -> ControlFlow<()>) {
        let how_far = |number: usize| self.units[number].letters.as_ref().map_or(0, |(_, known)| *known);
        if hold {
            let kept = self.letters.get_or_init(|| self.hold_letters(view));
            for (number, range) in &kept.of_units {
                if tell(*number, &kept.bytes[range.clone()], how_far(*number)).is_break() {
                    break;
                }
            }
            return;
        }
        let learnt = |(number, unit): (usize, &'_ Known)| Some((number, unit.letters.as_ref()?.0.clone()));
        let mut wanted: Vec<(usize, Arc<Batch>)> = self.units.iter().enumerate().filter_map(learnt).collect();
        wanted.sort_unstable_by_key(|(_, letters)| letters.at);
        let places: Vec<Range<u64>> = wanted.iter().map(|(_, letters)| letters.place()).collect();
        view.each_place(&places, |at, bytes| {
            let (number, letters) = &wanted[at];
            // What is damaged rules nothing out.
            if view.is_sound(letters, bytes) {
                tell(*number, bytes, how_far(*number))
            } else {
                ControlFlow::Continue(())
            }
        });
    }

    fn hold_letters(&self, view: &View) -> Letters {
        let mut letters = Letters::default();
        self.each_letters(view, false, |number, bytes, _| {
            let start = letters.bytes.len();
            letters.bytes.extend_from_slice(bytes);
            letters.of_units.push((number, start..letters.bytes.len()));
            ControlFlow::Continue(())
        });
        letters
    }
}

impl Known {
    fn of(view: &View, unit: &Unit) -> Self {
        let Some(last) = view.last(&unit.path) else { return Self::default() };
        let cursor = last.cursor;
        let is_stored = cursor.stamp == unit.stamp;
        let grown = cursor.stamp.inode == unit.stamp.inode && unit.stamp.size >= cursor.offset;
        let stored = if is_stored || grown { cursor.offset } else { 0 };
        let learnt = view.letters(&unit.path);
        let is_settled = is_stored && (settle::is_scattered(unit) || settle::is_enough(learnt, unit));
        Self { stored, is_stored, is_settled, letters: learnt.and_then(|learnt| letters(learnt, unit)) }
    }

    /// Whether what is stored still counts.
    fn is_valid(&self) -> bool {
        self.stored > 0 || self.is_stored
    }
}

/// What is known of the letters of a unit, and how far.
fn letters(letters: &Arc<Batch>, unit: &Unit) -> Option<(Arc<Batch>, u64)> {
    let cursor = letters.cursor;
    let lines = format(unit.agent).search().is_some_and(|texts| texts.layout(unit) == Layout::Lines);
    let known = if lines {
        let grown = cursor.stamp.inode == unit.stamp.inode && unit.stamp.size >= cursor.offset;
        grown.then_some(cursor.offset)
    } else {
        (cursor.stamp == unit.stamp).then_some(u64::MAX)
    };
    known.map(|known| (letters.clone(), known))
}
