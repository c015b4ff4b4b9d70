//! Sessions that begin with the same record: all but one of them are copies, and some do not say so.

use std::collections::{HashMap, HashSet};

use super::UnitId;
use crate::domain::Session;

/// The units whose sessions begin with a record and do not say where they come from: nearly always one.
type Group = (UnitId, Vec<UnitId>);

/// All sessions by their first records.
#[derive(Debug, Default)]
pub(super) struct Twins {
    groups: HashMap<u64, Group>,
    /// Groups that changed.
    changed: HashSet<u64>,
}

impl Twins {
    /// A unit holds a session. One that says what it was forked from leaves its group.
    pub fn meet(&mut self, unit: UnitId, session: &Session) {
        let Some(first) = session.first.filter(|_| session.complete && !session.flags.subagent) else { return };
        let traced = session.forked_from.is_some();
        let Some((one, others)) = self.groups.get_mut(&first) else {
            if !traced {
                self.groups.insert(first, (unit, Vec::new()));
            }
            return;
        };
        let there = *one == unit || others.contains(&unit);
        match (there, traced) {
            (true, false) | (false, true) => return,
            (false, false) => others.push(unit),
            (true, true) => {
                others.retain(|other| *other != unit);
                if *one == unit {
                    // A group without others goes with its only one.
                    match others.pop() {
                        Some(other) => *one = other,
                        None => _ = self.groups.remove(&first),
                    }
                }
            }
        }
        self.changed.insert(first);
    }

    /// The groups that changed and have several units that `exist`.
    pub fn take(&mut self, exist: impl Fn(UnitId) -> bool) -> Vec<Vec<UnitId>> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let alive = |first: u64| {
            let (one, others) = self.groups.get(&first)?;
            Some(std::iter::once(one).chain(others).copied().filter(|unit| exist(*unit)).collect::<Vec<_>>())
        };
        changed.filter_map(alive).filter(|group| group.len() > 1).collect()
    }
}
