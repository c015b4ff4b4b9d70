//! Why the list is empty, where it is.

use super::{Home, Known};

/// A list without rows, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Emptiness {
    /// Nothing was found yet; the index is still looking.
    Reading,
    /// There is no session on this machine.
    NoSessions,
    /// None matches the quick filter.
    NoMatch(String),
    /// None in this workspace, but so many in others.
    NoneHere {
        /// Those in other workspaces.
        elsewhere: usize,
    },
    /// There are some, but all of them are hidden.
    AllHidden,
}

impl Home {
    /// Why the list is empty. `None`: it is not.
    pub fn emptiness(&self, known: &Known, index_began: bool) -> Option<Emptiness> {
        if !self.list.rows().is_empty() {
            return None;
        }
        let progress = known.catalog.progress;
        let reading = !index_began || progress.done < progress.total;
        Some(match () {
            () if self.filter.is_active() => Emptiness::NoMatch(self.filter.input.text().to_owned()),
            () if known.catalog.is_empty() && reading => Emptiness::Reading,
            () if known.catalog.is_empty() => Emptiness::NoSessions,
            () if self.hidden.total() == self.hidden.elsewhere => {
                Emptiness::NoneHere { elsewhere: self.hidden.elsewhere }
            }
            () => Emptiness::AllHidden,
        })
    }
}
