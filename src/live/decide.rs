//! Decisions that depend on time, as pure functions of a clock and a state.

use std::time::Duration;

use crate::domain::run::Failure;

/// How long what may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A run idle for longer may go.
    pub idle: Duration,
    /// More processes than this: the least recently used idle ones go.
    pub runs: usize,
    /// An interrupted turn that does not end within this is ended by force.
    pub interrupt: Duration,
    /// How long an agent may take to be ready, or to say the first word of a turn, before that is worth a look.
    pub first_response: Duration,
    /// How long it may be silent within a turn.
    pub silence: Duration,
    /// The wait before the second try; it doubles with each further one.
    pub back_off: Duration,
}

impl Default for Limits {
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

/// What is known of a run with a process when it is asked whether it may go.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Idleness {
    /// How long nothing happened.
    pub idle: Duration,
    /// A turn is open, or it is starting or ending.
    pub busy: bool,
    /// Somebody looks at it.
    pub watched: bool,
    /// A prompt waits in its queue.
    pub queued: bool,
    /// It waits for an answer.
    pub asking: bool,
}

impl Idleness {
    fn may_go(&self) -> bool {
        !(self.busy || self.watched || self.queued || self.asking)
    }
}

/// Which runs are to be evicted, by their index; never a busy, watched, queued or asking one.
pub fn evict(runs: &[Idleness], limits: Limits) -> Vec<usize> {
    let mut candidates: Vec<usize> = (0..runs.len()).filter(|&at| runs[at].may_go()).collect();
    candidates.sort_by_key(|&at| std::cmp::Reverse(runs[at].idle));
    let excess = runs.len().saturating_sub(limits.runs);
    candidates
        .into_iter()
        .enumerate()
        .filter(|&(rank, at)| rank < excess || runs[at].idle >= limits.idle)
        .map(|(_, at)| at)
        .collect()
}

/// How long until [`evict`] has a new answer if nothing else happens; `None`: only something that happens changes it.
pub fn next_eviction(runs: &[Idleness], limits: Limits) -> Option<Duration> {
    runs.iter().filter(|run| run.may_go()).map(|run| limits.idle.saturating_sub(run.idle)).min()
}

/// Starts of one run that are allowed within [`START_WINDOW`] before it counts as crashing.
pub const STARTS: usize = 10;

/// How long a start counts.
pub const START_WINDOW: Duration = Duration::from_mins(1);

/// Whether a run may be started again, given how long ago it was started before. `false`: it crashes at once, again
/// and again; a key resets that.
pub fn may_start(starts_ago: &[Duration]) -> bool {
    starts_ago.iter().filter(|ago| **ago < START_WINDOW).count() < STARTS
}

/// How often a prompt is tried that the agent did not see one byte of.
pub const ATTEMPTS: u32 = 3;

/// How long to wait before the next try after `failures` in a row.
pub fn back_off(failures: u32, limits: Limits) -> Duration {
    limits.back_off * 2u32.saturating_pow(failures.saturating_sub(1).min(6))
}

/// What becomes of a prompt whose agent ended while it was being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// It is tried again.
    Retry(Duration),
    /// It was tried often enough.
    Fail,
    /// It may have arrived: only the user can tell whether to send it again.
    Hold,
}

/// See [`Unsent`]. `written`: at least one byte of it went out.
pub fn unsent(written: bool, attempts: u32, limits: Limits) -> Unsent {
    match (written, attempts < ATTEMPTS) {
        (true, _) => Unsent::Hold,
        (false, true) => Unsent::Retry(back_off(attempts, limits)),
        (false, false) => Unsent::Fail,
    }
}

/// What to do when a process ended before it was ready, `failures` times in a row now, while a prompt waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// Start it again.
    Retry(Duration),
    /// The next prompt cannot be delivered.
    Fail,
    /// Trying again would only say the same: the queue waits for the user.
    Pause,
}

/// See [`NotReady`].
pub fn not_ready(failure: &Failure, failures: u32, limits: Limits) -> NotReady {
    match failure {
        Failure::Crashed { .. } if failures < ATTEMPTS => NotReady::Retry(back_off(failures, limits)),
        Failure::Crashed { .. } => NotReady::Fail,
        Failure::NotInstalled
        | Failure::NotLoggedIn(_)
        | Failure::RateLimited { .. }
        | Failure::UnknownModel(_)
        | Failure::UnknownSession(_)
        | Failure::HeldElsewhere(_)
        | Failure::Other(_) => NotReady::Pause,
    }
}

/// How long an agent may still be silent; `None`: it may be silent for as long as it likes.
/// `waits`: for the user's answer, or for the time at which it said it tries again.
pub fn patience(answered: bool, waits: bool, limits: Limits) -> Option<Duration> {
    match (waits, answered) {
        (true, _) => None,
        (false, true) => Some(limits.silence),
        (false, false) => Some(limits.first_response),
    }
}
