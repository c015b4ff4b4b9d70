//! Runs of one remote source: their keys with the host, and the viewers that return after a loss.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::run::{RunId, RunInfo};
use crate::domain::run_event::{Replay, RingCursor};
use crate::live::LiveEvent;
use crate::serve::message::Call;
use crate::stdx::text::sanitise;

/// Runs of a source, by their ids there.
#[derive(Debug, Default)]
pub(super) struct RemoteRuns {
    known: HashSet<RunId>,
    /// Runs that were reported since the connection was made.
    reported: HashSet<RunId>,
    /// Watched runs with the position of the next event.
    watched: HashMap<RunId, RingCursor>,
}

impl RemoteRuns {
    /// Begins a connection. Returns the calls that watch the same runs again, without a gap.
    pub(super) fn begin(&mut self) -> Vec<Call> {
        self.reported.clear();
        let watch = |(run, cursor): (&RunId, &RingCursor)| Call::Watch { run: run.clone(), cursor: *cursor };
        self.watched.iter().map(watch).collect()
    }

    /// Returns the runs that no longer exist, once the state of all runs was reported.
    pub(super) fn take_missing(&mut self) -> Vec<RunId> {
        let missing: Vec<_> = self.known.difference(&self.reported).cloned().collect();
        self.known.clone_from(&self.reported);
        missing
    }

    /// Remembers which runs are watched.
    pub(super) fn remember(&mut self, call: &Call) {
        match call {
            Call::Watch { run, cursor } => drop(self.watched.insert(run.clone(), *cursor)),
            Call::Unwatch { run } => drop(self.watched.remove(run)),
            _ => {}
        }
    }

    /// Notes how far the events of a run were sent.
    pub(super) fn replayed(&mut self, run: &RunId, replay: &Replay) {
        if let Some(cursor) = self.watched.get_mut(run) {
            *cursor = replay.cursor;
        }
    }

    /// Sets the host of the run and the session of an event.
    pub(super) fn on_host(&mut self, event: LiveEvent, host: &Arc<str>) -> LiveEvent {
        match event {
            LiveEvent::Run(info) => {
                self.known.insert(info.id.clone());
                self.reported.insert(info.id.clone());
                let info = RunInfo {
                    id: info.id.on(host),
                    session: info.session.clone().map(|key| key.on(host)),
                    // Process ids of another machine have no meaning here.
                    pid: None,
                    service: None,
                    ..RunInfo::clone(&info)
                };
                LiveEvent::Run(Arc::new(info))
            }
            LiveEvent::Recorded(sessions) => {
                LiveEvent::Recorded(sessions.into_iter().map(|key| key.on(host)).collect())
            }
            LiveEvent::Gone(run) => {
                self.known.remove(&run);
                self.watched.remove(&run);
                LiveEvent::Gone(run.on(host))
            }
            LiveEvent::Queued(run, mut prompts) => {
                for prompt in &mut prompts {
                    prompt.run = prompt.run.on(host);
                }
                LiveEvent::Queued(run.on(host), prompts)
            }
            LiveEvent::Notice { run, text, error } => {
                let text = format!("{host}: {}", sanitise(&text));
                LiveEvent::Notice { run: run.map(|run| run.on(host)), text, error }
            }
        }
    }
}
