//! One unit's results on their way into the cache: made into bytes by the thread that read the unit.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::agent::{Note, Progress, Sessions, Summarised, Unit};
use crate::domain::{Issue, Session, State};

/// What is written of a unit.
#[derive(Debug)]
pub struct Record {
    pub unit: Unit,
    pub progress: Progress,
    /// Notes and issues, as bytes of a [`Held`].
    pub held: Vec<u8>,
    pub rows: Rows,
}

/// Sessions as bytes.
#[derive(Debug)]
pub enum Rows {
    /// These and no others.
    All(Vec<(Arc<str>, Vec<u8>)>),
    /// These are new or changed, those are gone.
    Changed { sessions: Vec<(Arc<str>, Vec<u8>)>, removed: Vec<Arc<str>> },
    /// The unit itself is gone.
    Gone,
}

/// What a unit holds beside sessions.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Held {
    pub notes: Vec<Note>,
    pub issues: Vec<Issue>,
}

impl Record {
    /// Of a summary. `None` where it is not to be kept, so that the unit is read at each start: its path is no text,
    /// or it could not be read as a whole, which may end without leaving a trace in its stamp.
    pub fn new(unit: &Unit, summary: &Summarised) -> Option<Self> {
        if unit.path.to_str().is_none() || summary.issues.iter().any(|issue| issue.line.is_none()) {
            return None;
        }
        let held = Held { notes: summary.notes.clone(), issues: summary.issues.clone() };
        let rows = match &summary.sessions {
            Sessions::All(sessions) => Rows::All(bytes(sessions)?),
            Sessions::Changed { sessions, removed } => {
                Rows::Changed { sessions: bytes(sessions)?, removed: removed.clone() }
            }
        };
        let held = sonic_rs::to_vec(&held).ok()?;
        Some(Self { unit: unit.clone(), progress: summary.progress.clone(), held, rows })
    }

    /// Of a unit that is gone.
    pub fn gone(unit: Unit) -> Self {
        Self { unit, progress: Progress::default(), held: Vec::new(), rows: Rows::Gone }
    }
}

fn bytes(sessions: &[Session]) -> Option<Vec<(Arc<str>, Vec<u8>)>> {
    sessions.iter().map(|session| Some((session.key.id.clone(), sonic_rs::to_vec(session).ok()?))).collect()
}

/// A session as it is when nobody has it open: what is true at the next start until signs tell otherwise.
pub(super) fn at_rest(session: &Session) -> Session {
    Session { state: State::Past, ..session.clone() }
}
