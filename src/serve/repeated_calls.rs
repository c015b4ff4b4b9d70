//! Calls that a client repeats after a lost connection, because it does not know whether they were executed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::message::Reply;

/// Maximum kept replies: a client repeats only the calls that were open when its connection was lost.
const MAX_REPLIES: usize = 256;

/// Replies to the latest calls with a token.
#[derive(Debug, Default)]
pub(super) struct RepeatedCalls {
    replies: Mutex<VecDeque<(u64, Arc<OnceCell<Reply>>)>>,
}

impl RepeatedCalls {
    /// Executes a call, or returns the reply that it had before. A repetition waits for an execution that is not finished.
    pub(super) async fn execute(&self, token: Option<u64>, execution: impl Future<Output = Reply>) -> Reply {
        let Some(token) = token else { return execution.await };
        let cell = self.cell(token);
        cell.get_or_init(|| execution).await.clone()
    }

    fn cell(&self, token: u64) -> Arc<OnceCell<Reply>> {
        // No holder of the lock leaves the list inconsistent.
        let mut replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cell)) = replies.iter().find(|(known, _)| *known == token) {
            return cell.clone();
        }
        let cell = Arc::default();
        replies.push_back((token, Arc::clone(&cell)));
        if replies.len() > MAX_REPLIES {
            replies.pop_front();
        }
        cell
    }
}
