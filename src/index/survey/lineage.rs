//! Units that begin alike: which of them are copies of another, asked when everything else is read.

use super::{Meanwhile, Survey};
use crate::agent::Unit;
use crate::index::pool::{Copied, Job};

impl Survey {
    /// Has units told apart that begin alike. A group of which one is just being read waits.
    pub(super) fn untangle(&mut self) {
        self.tangled.extend(self.shelf.take_twins());
        for group in std::mem::take(&mut self.tangled) {
            if group.iter().any(|unit| self.reading.contains_key(&unit.path)) {
                self.tangled.push(group);
                continue;
            }
            self.reading.extend(group.iter().map(|unit| (unit.path.clone(), Meanwhile::Nothing)));
            self.pool.later(Job::Untangle(group));
        }
    }

    /// Takes in what the copies hold of their own.
    pub(super) fn untangled(&mut self, copies: Vec<Copied>, units: Vec<Unit>) {
        for (copy, summary, record) in copies {
            self.summarised(&units[copy], summary, record);
        }
        for unit in units {
            if let Some(Meanwhile::Changed(unit)) = self.reading.remove(&unit.path) {
                self.changed(unit);
            }
        }
    }
}
