//! How the store stands to a corpus: which batches count, and what is known of each unit. Worked out once for both as
//! they are, so that a key typed costs no look-up by path.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::Cancel;
use super::build::threads;
use super::corpus::Corpus;
use super::store::{Batch, Buffer, Live, View};
use crate::agent::texts::Layout;
use crate::agent::{Unit, format};
use crate::domain::SessionKey;

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
}

/// What is stored of a unit.
#[derive(Debug, Default)]
pub struct Known {
    /// How far its talk is, being made of lines; 0 where nothing is, or it was written anew since.
    pub stored: u64,
    /// The talk is stored as the unit is now.
    pub is_stored: bool,
    /// What is known of its letters, and how far.
    letters: Option<(Arc<Batch>, u64)>,
}

/// What is known of the letters of all units, in one piece.
#[derive(Debug, Default)]
struct Letters {
    bytes: Vec<u8>,
    of_units: Vec<Range<usize>>,
}

impl Standing {
    /// Puts them beside each other.
    pub fn new(view: &View, corpus: &Corpus) -> Self {
        let units: Vec<Known> = corpus.units().iter().map(|unit| Known::of(view, unit)).collect();
        let placed = |live: &Live| {
            let unit = corpus.unit_number(&live.batch.path)?;
            units[unit].is_valid().then(|| Placed {
                batch: live.batch.clone(),
                unit,
                sessions: live.batch.sessions.iter().enumerate().map(|at| session(live, at, corpus)).collect(),
            })
        };
        let mut batches: Vec<Placed> = view.live().filter_map(placed).collect();
        batches.sort_by_key(|placed| placed.unit);
        Self { moment: view.moment(), corpus: corpus.id(), batches, units, letters: OnceLock::new() }
    }

    /// Whether it is about these two, as they are.
    pub fn is_of(&self, view: &View, corpus: &Corpus) -> bool {
        self.moment == view.moment() && self.corpus == corpus.id()
    }

    /// Reads all that a search may need and holds it, until the view is released.
    pub fn hold(&self, view: &View, cancel: &Cancel) {
        self.letters(view, 0);
        let next = AtomicUsize::new(0);
        let work = || {
            let mut buffer = Buffer::default();
            while let Some(placed) = self.batches.get(next.fetch_add(1, Ordering::Relaxed)) {
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

    /// What is stored of a unit, by its number.
    pub fn unit(&self, number: usize) -> &Known {
        &self.units[number]
    }

    /// What is known of the letters of a unit, and how far: of what is not made of lines all or nothing. They are read
    /// when they are first asked for.
    pub fn letters(&self, view: &View, number: usize) -> Option<(&[u8], u64)> {
        let letters = self.letters.get_or_init(|| Letters::read(view, &self.units));
        let (_, known) = self.units.get(number)?.letters.as_ref()?;
        let bytes = letters.bytes.get(letters.of_units.get(number)?.clone())?;
        (!bytes.is_empty()).then_some((bytes, *known))
    }
}

impl Known {
    fn of(view: &View, unit: &Unit) -> Self {
        let Some(last) = view.last(&unit.path) else { return Self::default() };
        let cursor = last.cursor;
        let is_stored = cursor.stamp == unit.stamp;
        let grown = cursor.stamp.inode == unit.stamp.inode && unit.stamp.size >= cursor.offset;
        let stored = if is_stored || grown { cursor.offset } else { 0 };
        Self { stored, is_stored, letters: letters(view, unit) }
    }

    /// Whether what is stored still counts.
    fn is_valid(&self) -> bool {
        self.stored > 0 || self.is_stored
    }
}

/// What is known of the letters of a unit, and how far.
fn letters(view: &View, unit: &Unit) -> Option<(Arc<Batch>, u64)> {
    let letters = view.letters(&unit.path)?;
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

fn session(live: &Live, (at, id): (usize, &Arc<str>), corpus: &Corpus) -> Option<usize> {
    let key = SessionKey { agent: live.batch.agent, id: id.clone() };
    corpus.number_in(&key, &live.batch.path).filter(|_| !live.dead.contains(&at))
}

impl Letters {
    /// Reads those of all units, as far as they can be read.
    fn read(view: &View, units: &[Known]) -> Self {
        let known = |(number, unit): (usize, &'_ Known)| Some((number, unit.letters.as_ref()?.0.clone()));
        let mut wanted: Vec<(usize, Arc<Batch>)> = units.iter().enumerate().filter_map(known).collect();
        wanted.sort_unstable_by_key(|(_, letters)| letters.at);
        let mut letters = Self { bytes: Vec::new(), of_units: vec![0..0; units.len()] };
        let places: Vec<Range<u64>> = wanted.iter().map(|(_, letters)| letters.place()).collect();
        let read = view.read_places(&places, &mut letters.bytes);
        for ((number, _), range) in wanted.iter().zip(read) {
            letters.of_units[*number] = range;
        }
        letters
    }
}
