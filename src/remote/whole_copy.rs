//! Whole copy of a session of a machine without salon, for a command that reads it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::file_copies::HOME;
use super::{RemoteEvent, RemoteOptions, Remotes};
use crate::domain::remote::{RemoteFailure, RemoteSource, RemoteState};
use crate::domain::{Session, SessionKey};
use crate::serve::index_message::IndexCall;

/// Ticket of the transcript, by whose opening the whole file is copied.
const TICKET: u64 = 1;

/// Copy of a session. It may be temporary: it exists until [`finish`](Self::finish).
#[derive(Debug)]
pub struct WholeCopy {
    /// The session, with the path over there.
    pub session: Arc<Session>,
    /// Path of the copy.
    pub path: PathBuf,
    /// False if the file is too long, or did not arrive in time: the copy contains its ends.
    pub is_whole: bool,
    remotes: Remotes,
    events: mpsc::Receiver<RemoteEvent>,
}

/// Reason why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError<E> {
    /// There is no connection.
    #[error("{0}")]
    Offline(RemoteFailure),
    /// The machine has salon, which reads its sessions itself.
    #[error("there is a salon, which reads the session itself")]
    HasSalon,
    /// The list did not arrive in time.
    #[error("it did not answer in time")]
    TimedOut,
    /// The session was not found.
    #[error("the session was not found")]
    NotFound(E),
}

/// Copies the session that `find` selects from the listed ones.
pub async fn copy<E>(
    source: &RemoteSource,
    options: &RemoteOptions,
    find: impl FnOnce(&[Arc<Session>]) -> Result<Arc<Session>, E>,
    limit: Duration,
) -> Result<WholeCopy, CopyError<E>> {
    let (mut remotes, mut events) = Remotes::start(std::slice::from_ref(source), options);
    let deadline = Instant::now() + limit;
    let mut sessions: HashMap<SessionKey, Arc<Session>> = HashMap::new();
    let (mut find, mut wanted, mut home) = (Some(find), None::<SessionKey>, PathBuf::new());
    let copied = loop {
        let Ok(Some(event)) = timeout_at(deadline, events.recv()).await else {
            break wanted.as_ref().and_then(|key| sessions.get(key).cloned()).ok_or(CopyError::TimedOut);
        };
        match event {
            RemoteEvent::State(status) => match status.state {
                RemoteState::Offline { failure, .. } => break Err(CopyError::Offline(failure)),
                RemoteState::Connected => break Err(CopyError::HasSalon),
                RemoteState::Connecting | RemoteState::Limited => {}
            },
            RemoteEvent::Copies(copies) => home = copies,
            RemoteEvent::Sessions { change, complete, .. } => {
                change.removed.iter().for_each(|key| drop(sessions.remove(key)));
                sessions.extend(change.sessions.into_iter().map(|session| (session.key.clone(), session)));
                // Cached sessions come before the connection.
                if complete && let Some(find) = find.take() {
                    match find(&sessions.values().cloned().collect::<Vec<_>>()) {
                        Ok(session) => {
                            remotes.open(TICKET, session.key.clone());
                            wanted = Some(session.key.clone());
                        }
                        Err(error) => break Err(CopyError::NotFound(error)),
                    }
                }
            }
            _ => {}
        }
        if let Some(session) = wanted.as_ref().and_then(|key| sessions.get(key)).filter(|session| session.complete) {
            break Ok(session.clone());
        }
    };
    match copied {
        Ok(session) => {
            let path = home.join(session.path.strip_prefix(Path::new(HOME)).unwrap_or(&session.path));
            let is_whole = session.complete;
            Ok(WholeCopy { session, path, is_whole, remotes, events })
        }
        Err(error) => {
            drop(events);
            remotes.stop();
            Err(error)
        }
    }
}

impl WholeCopy {
    /// Closes the connection.
    pub fn finish(mut self) {
        self.remotes.transcript(TICKET, IndexCall::Close { ticket: TICKET });
        drop(self.events);
        self.remotes.stop();
    }
}
