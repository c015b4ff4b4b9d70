//! Time-dependent policies (eviction, restarts, retries, silence) as pure functions of durations and state.

use std::time::Duration;

use crate::domain::run::RunFailure;

/// Limits and timeouts of runs.
#[derive(Clone, Copy, Debug)]
pub struct LiveLimits {
    /// Idle time after which a run is evicted.
    pub idle: Duration,
    /// Maximum number of processes; above it the least recently used idle runs are evicted.
    pub runs: usize,
    /// Time that an interrupted turn gets to end before its process is stopped.
    pub interrupt: Duration,
    /// Time that an agent gets to become ready, or to start its answer, before the user is warned.
    pub first_response: Duration,
    /// Silence within a turn after which the user is warned.
    pub silence: Duration,
    /// Delay before the first retry; doubles with each further one.
    pub back_off: Duration,
}

impl Default for LiveLimits {
    fn default() -> Self {
        Self {
            idle: Duration::from_mins(15),
            runs: 8,
            interrupt: Duration::from_secs(5),
            first_response: Duration::from_mins(1),
            silence: Duration::from_mins(5),
            back_off: Duration::from_millis(250),
        }
    }
}

/// State of a run with a process, as far as eviction depends on it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct EvictionCandidate {
    /// Time since the last change.
    pub idle: Duration,
    /// A turn is open, a background task runs, or the process is starting.
    pub busy: bool,
    /// The process is ending already, so it takes no place and causes no other eviction.
    pub stopping: bool,
    /// A viewer is attached.
    pub watched: bool,
    /// The queue contains a prompt that is sent without the user.
    pub queued: bool,
    /// An approval is open.
    pub awaiting_approval: bool,
    /// The user has written a prompt and not sent it.
    pub drafted: bool,
}

impl EvictionCandidate {
    fn is_evictable(&self) -> bool {
        !(self.busy || self.stopping || self.watched || self.queued || self.awaiting_approval || self.drafted)
    }
}

/// Returns the indices of the runs to evict. Busy, stopping, watched, queued,
/// drafted and approval-waiting runs are never among them.
pub fn select_evictions(runs: &[EvictionCandidate], limits: LiveLimits) -> Vec<usize> {
    let mut candidates: Vec<usize> = (0..runs.len()).filter(|&at| runs[at].is_evictable()).collect();
    candidates.sort_by_key(|&at| std::cmp::Reverse(runs[at].idle));
    let staying = runs.iter().filter(|run| !run.stopping).count();
    let excess = staying.saturating_sub(limits.runs);
    candidates
        .into_iter()
        .enumerate()
        .filter(|&(rank, at)| rank < excess || runs[at].idle >= limits.idle)
        .map(|(_, at)| at)
        .collect()
}

/// Returns the time until the result of [`select_evictions`] can change without any event; `None` if only an event can
/// change it.
pub fn next_eviction(runs: &[EvictionCandidate], limits: LiveLimits) -> Option<Duration> {
    runs.iter().filter(|run| run.is_evictable()).map(|run| limits.idle.saturating_sub(run.idle)).min()
}

/// Maximum starts per run within [`START_WINDOW`], because more means that the agent crashes at once.
pub const MAX_STARTS: usize = 10;

/// Length of the window in which starts are counted.
pub const START_WINDOW: Duration = Duration::from_mins(1);

/// Returns true if a run may start again, given the ages of its earlier starts. A resume by the user resets the count.
pub fn may_start(starts_ago: &[Duration]) -> bool {
    starts_ago.iter().filter(|ago| **ago < START_WINDOW).count() < MAX_STARTS
}

/// Maximum delivery attempts per prompt of which no byte was written.
pub const MAX_ATTEMPTS: u32 = 3;

/// Returns the delay before the next retry after `failures` consecutive failures.
pub fn retry_delay(failures: u32, limits: LiveLimits) -> Duration {
    limits.back_off * 2u32.saturating_pow(failures.saturating_sub(1).min(6))
}

/// Handling of a prompt whose agent ended during delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsentAction {
    /// Send it again after the delay.
    Retry(Duration),
    /// Mark it as failed: all attempts are used up.
    Fail,
    /// Hold it: it may have arrived, so only the user can decide to resend it.
    Hold,
}

/// Decides about a prompt whose agent ended during delivery. `written` is true if at least one byte was written.
pub fn unsent_action(written: bool, attempts: u32, limits: LiveLimits) -> UnsentAction {
    match (written, attempts < MAX_ATTEMPTS) {
        (true, _) => UnsentAction::Hold,
        (false, true) => UnsentAction::Retry(retry_delay(attempts, limits)),
        (false, false) => UnsentAction::Fail,
    }
}

/// Time after the end of a turn until its prompt counts as delivered without a record, because some agents keep none.
pub const RECORD_TIMEOUT: Duration = Duration::from_secs(2);

/// Handling of an acknowledged prompt after a look into the agent's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordAction {
    /// Mark it as delivered.
    Delivered,
    /// Hold it: the agent may have discarded it, so only the user can decide to resend it.
    Hold,
    /// Look again after the delay.
    Check(Duration),
}

/// Decides about an acknowledged prompt after `checks` looks. `found` is `None` if there is no record to look into;
/// `ended` is the time since the end of its turn. `may_be_discarded` is true for a prompt that was sent into a turn that was
/// then interrupted.
pub fn record_action(
    found: Option<bool>,
    checks: u32,
    ended: Option<Duration>,
    may_be_discarded: bool,
) -> RecordAction {
    match found {
        Some(true) | None => RecordAction::Delivered,
        Some(false) if may_be_discarded && ended.is_some_and(|ended| ended >= RECORD_TIMEOUT) => RecordAction::Hold,
        Some(false) if ended.is_some_and(|ended| ended >= RECORD_TIMEOUT) => RecordAction::Delivered,
        Some(false) => {
            let wait = Duration::from_millis(50) * 2u32.saturating_pow(checks.saturating_sub(1).min(5));
            RecordAction::Check(if ended.is_some() { wait.min(Duration::from_millis(200)) } else { wait })
        }
    }
}

/// Handling of a process that ended before it was ready while a prompt is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartFailureAction {
    /// Start it again after the delay.
    Retry(Duration),
    /// Mark the next prompt as failed.
    Fail,
    /// Pause the queue: a retry would fail in the same way.
    Pause,
}

/// Decides about a process that ended before it was ready, `failures` consecutive times.
pub fn start_failure_action(failure: &RunFailure, failures: u32, limits: LiveLimits) -> StartFailureAction {
    match failure {
        RunFailure::Crashed { .. } if failures < MAX_ATTEMPTS => {
            StartFailureAction::Retry(retry_delay(failures, limits))
        }
        RunFailure::Crashed { .. } => StartFailureAction::Fail,
        RunFailure::NotInstalled
        | RunFailure::NotLoggedIn(_)
        | RunFailure::RateLimited { .. }
        | RunFailure::UnknownModel(_)
        | RunFailure::UnknownSession(_)
        | RunFailure::OpenElsewhere(_)
        | RunFailure::UnsupportedVersion(_)
        | RunFailure::Other(_) => StartFailureAction::Pause,
    }
}

/// Returns the time that an agent may stay silent; `None` for no limit. `waiting` is true while an approval is open or
/// a retry is scheduled.
pub fn silence_limit(answered: bool, waiting: bool, limits: LiveLimits) -> Option<Duration> {
    match (waiting, answered) {
        (true, _) => None,
        (false, true) => Some(limits.silence),
        (false, false) => Some(limits.first_response),
    }
}
