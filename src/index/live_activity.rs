//! Activities of open turns, read from the ends of transcripts. Transcripts that did not change are not read again.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::agent::FileStamp;
use crate::domain::live_status::{LiveActivity, LiveStatus};
use crate::domain::{Session, SessionKey};

/// Number of newest entries that are searched for an activity: more than the calls of one reply.
pub(super) const SEARCHED_ENTRIES: usize = 20;

/// Stamps of a transcript: of its file, and of a database's journal beside it.
type Stamps = [FileStamp; 2];

/// Activities of open turns, with the stamps of their transcripts.
#[derive(Debug, Default)]
pub(super) struct LiveActivities {
    known: HashMap<SessionKey, (Stamps, Option<LiveActivity>)>,
}

impl LiveActivities {
    /// Adds the activities of sessions with an open turn, as far as the sessions are known.
    pub(super) fn update(
        &mut self,
        statuses: &mut [LiveStatus],
        sessions: &[Arc<Session>],
        read: impl Fn(&Session) -> Option<LiveActivity>,
    ) {
        let mut next = HashMap::new();
        for status in statuses.iter_mut().filter(|status| status.is_busy()) {
            let Some(session) = sessions.iter().find(|session| session.key == status.key) else { continue };
            let stamps = stamps(&session.path);
            let known = self.known.remove(&status.key).filter(|(known, _)| *known == stamps);
            let (_, activity) = known.unwrap_or_else(|| (stamps, read(session)));
            status.activity.clone_from(&activity);
            next.insert(status.key.clone(), (stamps, activity));
        }
        self.known = next;
    }
}

fn stamps(path: &Path) -> Stamps {
    let mut journal = path.as_os_str().to_owned();
    journal.push("-wal");
    let stamp = |path: &Path| std::fs::metadata(path).map(|meta| FileStamp::of(&meta)).unwrap_or_default();
    [stamp(path), stamp(Path::new(&journal))]
}
