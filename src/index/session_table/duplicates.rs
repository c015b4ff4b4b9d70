//! Groups sessions that begin with the same record: all but one are copies, and some of them are unmarked.

use std::collections::{HashMap, HashSet};

use super::SourceId;
use crate::domain::{Agent, Session};

/// Sources whose sessions begin with the same record and have no known origin; nearly always one.
type Group = (SourceId, Vec<SourceId>);

/// Agent and hash of a session's first record. Equal records of two agents are no copies.
type FirstRecord = (Agent, u64);

/// Duplicate groups by the hash of their first record.
#[derive(Debug, Default)]
pub(super) struct DuplicateGroups {
    groups: HashMap<FirstRecord, Group>,
    /// Groups that changed since the last call of [`take`](Self::take).
    changed: HashSet<FirstRecord>,
}

impl DuplicateGroups {
    /// Adds a source's session to its group; a session with a known origin is removed from the group.
    pub(super) fn add(&mut self, source: SourceId, session: &Session) {
        let Some(first) = session.first.filter(|_| session.complete && !session.flags.subagent) else { return };
        let first = (session.key.agent, first);
        let has_origin = session.forked_from.is_some();
        let Some((only, others)) = self.groups.get_mut(&first) else {
            if !has_origin {
                self.groups.insert(first, (source, Vec::new()));
            }
            return;
        };
        let is_member = *only == source || others.contains(&source);
        match (is_member, has_origin) {
            (true, false) | (false, true) => return,
            (false, false) => others.push(source),
            (true, true) => {
                others.retain(|other| *other != source);
                if *only == source {
                    // A group without a second member is removed with its only one.
                    match others.pop() {
                        Some(other) => *only = other,
                        None => _ = self.groups.remove(&first),
                    }
                }
            }
        }
        self.changed.insert(first);
    }

    /// Takes the changed groups with more than one source for which `exist` returns true.
    pub(super) fn take(&mut self, exists: impl Fn(SourceId) -> bool) -> Vec<Vec<SourceId>> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let existing = |first: FirstRecord| {
            let (only, others) = self.groups.get(&first)?;
            Some(std::iter::once(only).chain(others).copied().filter(|source| exists(*source)).collect::<Vec<_>>())
        };
        changed.filter_map(existing).filter(|group| group.len() > 1).collect()
    }
}
