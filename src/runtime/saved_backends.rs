//! Snapshot of the backends of this process in `state.db`, by which other processes see them.

use std::collections::HashMap;

use super::store_writer::StoreWriter;
use crate::domain::backend::Backend;
use crate::domain::run::{RunId, RunInfo};
use crate::live::{self, Live};
use crate::store::registry::ProcessId;

/// Beginning of the names of the snapshots; the process follows.
const PREFIX: &str = "backends.";

/// Number of changes of each run that the last snapshot contains.
#[derive(Debug, Default)]
pub struct SavedBackends {
    saved: HashMap<RunId, (usize, u64)>,
}

impl SavedBackends {
    /// Saves a snapshot if the state of a run's backend has changed.
    pub fn changed(&mut self, info: &RunInfo, live: &Live, writer: &StoreWriter) {
        let last = info.changes.last().map_or(0, |change| change.time.millis().unsigned_abs());
        let known = (info.changes.len(), last);
        if self.saved.insert(info.id.clone(), known) == Some(known) {
            return;
        }
        if let Ok(text) = serde_json::to_string(&live.backends()) {
            writer.save_choice(name(live::this_process()), text);
        }
    }

    /// Removes the snapshot of this process, which ends.
    pub fn remove(writer: &StoreWriter) {
        writer.save_choice(name(live::this_process()), String::new());
    }
}

fn name(process: ProcessId) -> String {
    format!("{PREFIX}{}-{}", process.pid, process.start)
}

/// Returns the backends in the saved choices, each with the pid of its salon. Those of a salon that has ended are left
/// out.
pub fn of_choices(choices: &[(String, String)]) -> Vec<(u32, Backend)> {
    let mut found = Vec::new();
    for (name, text) in choices {
        let process = name.strip_prefix(PREFIX).and_then(|process| {
            let (pid, start) = process.split_once('-')?;
            Some(ProcessId { pid: pid.parse().ok()?, start: start.parse().ok()? })
        });
        let Some(process) = process.filter(|process| !live::identity::is_dead(*process)) else { continue };
        let backends: Vec<Backend> = serde_json::from_str(text).unwrap_or_default();
        found.extend(backends.into_iter().map(|backend| (process.pid, backend)));
    }
    found
}
