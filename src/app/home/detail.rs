//! Second line of a row: the request that waits for the user, or the work in progress, and since when.

use crate::app::failure;
use crate::app::runs::RunTable;
use crate::app::sessions::Sessions;
use crate::domain::live_status::{LiveActivity, LiveStatus};
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::run::{Activity, Phase, RunInfo, StopReason};
use crate::domain::{SessionKey, SessionState, Time};
use crate::stdx::text::one_line;

/// Second line of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowDetail {
    /// The request or the work. Not cut.
    pub text: String,
    /// Time since which it waits or works.
    pub since: Option<Time>,
}

/// Returns the second line of a session that needs the user, in the words of the inbox, or works. `None` if nothing is
/// known.
pub fn of(key: &SessionKey, runs: &RunTable, sessions: &Sessions) -> Option<RowDetail> {
    if let Some(info) = runs.of_session(key).filter(|info| runs.state(info).is_some()) {
        return of_run(info, runs);
    }
    of_process(sessions.live.get(key)?)
}

/// Returns the second line of a session that another program has open.
fn of_process(status: &LiveStatus) -> Option<RowDetail> {
    match (status.state, &status.activity) {
        (SessionState::NeedsYou, _) => {
            let text = status.reason().unwrap_or_else(|| "asks in another program".to_owned());
            Some(RowDetail { text, since: status.since })
        }
        (SessionState::Working, Some(LiveActivity { text, since, .. })) => {
            Some(RowDetail { text: text.clone(), since: since.or(status.since) })
        }
        (SessionState::Working, None) => Some(RowDetail { text: "answering".to_owned(), since: status.since }),
        (SessionState::Idle | SessionState::Past, _) => None,
    }
}

fn of_run(info: &RunInfo, runs: &RunTable) -> Option<RowDetail> {
    if let Some(approval) = info.approvals.first() {
        return Some(RowDetail { text: approval.headline(), since: approval.since });
    }
    let is_blocked = |prompt: &&Prompt| matches!(prompt.state, PromptState::Held | PromptState::Failed);
    if let Some(prompt) = runs.queue(&info.id).iter().find(is_blocked) {
        return Some(RowDetail {
            text: format!("not sent: {}", one_line(&prompt.text)),
            since: Some(prompt.submitted),
        });
    }
    match &info.phase {
        Phase::Starting => Some(RowDetail { text: "starting".to_owned(), since: None }),
        Phase::Working { since, activity } => {
            let text = match activity {
                Activity::Answering => match info.calls.last() {
                    Some(call) => return Some(RowDetail { text: call.text.clone(), since: Some(call.since) }),
                    None => "answering".to_owned(),
                },
                Activity::Compacting => "compacting the context".to_owned(),
                Activity::Retrying { reason, .. } => format!("retrying: {}", one_line(reason)),
            };
            Some(RowDetail { text, since: Some(*since) })
        }
        Phase::Interrupting { since } => Some(RowDetail { text: "interrupting".to_owned(), since: Some(*since) }),
        Phase::Stopped(StopReason::Failed(failure)) => {
            Some(RowDetail { text: failure::describe(failure, info.agent), since: info.last_event })
        }
        Phase::Idle | Phase::Stopped(StopReason::NotStarted | StopReason::OnRequest | StopReason::Evicted) => None,
    }
}
