//! Record of one source for the cache, encoded by the thread that read the source.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::agent::{Source, SourceSessions, SourceSummary, SummaryNote, SummaryProgress};
use crate::domain::{Issue, Session, SessionState};
use crate::index::encoding;

/// Record of a source.
#[derive(Debug)]
pub(crate) struct CacheRecord {
    pub source: Source,
    pub progress: SummaryProgress,
    /// Encoded [`SourceExtras`].
    pub extras: Vec<u8>,
    pub rows: SessionRows,
}

/// Encoded sessions.
#[derive(Debug)]
pub(crate) enum SessionRows {
    /// Complete list of sessions.
    All(Vec<(Arc<str>, Vec<u8>)>),
    /// Sessions that are new, changed or removed since the progress `since`.
    Changed { sessions: Vec<(Arc<str>, Vec<u8>)>, removed: Vec<Arc<str>>, since: SummaryProgress },
    /// The source was removed.
    Gone,
}

/// Contents of a source beside its sessions.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct SourceExtras {
    pub notes: Vec<SummaryNote>,
    pub issues: Vec<Issue>,
}

impl CacheRecord {
    /// Encodes a summary. `None` where it must not be cached, so that each start reads the source again: for a path that
    /// is not UTF-8, and for an unreadable source, which may become readable without a changed stamp. `since` is the
    /// progress from which the summary went on.
    pub(crate) fn new(source: &Source, summary: &SourceSummary, since: Option<SummaryProgress>) -> Option<Self> {
        if source.path.to_str().is_none() || summary.issues.iter().any(|issue| issue.line.is_none()) {
            return None;
        }
        let extras = SourceExtras { notes: summary.notes.clone(), issues: summary.issues.clone() };
        let rows = match &summary.sessions {
            SourceSessions::All(sessions) => SessionRows::All(bytes(sessions)?),
            SourceSessions::Changed { sessions, removed } => {
                SessionRows::Changed { sessions: bytes(sessions)?, removed: removed.clone(), since: since? }
            }
        };
        let extras = encoding::encode(&extras)?;
        Some(Self { source: source.clone(), progress: summary.progress.clone(), extras, rows })
    }

    /// Record of a removed source.
    pub(crate) fn removed(source: Source) -> Self {
        Self { source, progress: SummaryProgress::default(), extras: Vec::new(), rows: SessionRows::Gone }
    }
}

fn bytes(sessions: &[Session]) -> Option<Vec<(Arc<str>, Vec<u8>)>> {
    sessions.iter().map(|session| Some((session.key.id.clone(), encoding::encode(session)?))).collect()
}

/// Returns a session without its live state, which the next start detects again.
pub(super) fn without_state(session: &Session) -> Session {
    let mut stored = Session { state: SessionState::Past, ..session.clone() };
    stored.remove_annotation();
    stored
}
