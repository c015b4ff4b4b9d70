//! Rows that are sent again although they did not change, because the interface dropped them before the index did.

use std::collections::HashSet;
use std::path::PathBuf;

use super::SessionTable;
use crate::domain::SessionKey;

impl SessionTable {
    /// Sends the rows of sessions again with the next change, as far as they exist.
    pub fn resend(&mut self, keys: &[SessionKey]) {
        self.dirty.extend(keys.iter().cloned());
        self.resent.extend(keys.iter().cloned());
    }

    /// Returns the paths of the sources that contain sessions of this machine.
    pub fn paths_of(&self, keys: &[SessionKey]) -> Vec<PathBuf> {
        let rows = keys.iter().filter_map(|key| self.sessions.get(key));
        let ids: HashSet<_> = rows.flat_map(|row| &row.candidates).map(|(id, _)| *id).collect();
        let contain = self.by_path.iter().filter(|(_, id)| ids.contains(*id));
        contain.map(|(path, _)| path.to_path_buf()).collect()
    }
}
