//! Decisions that depend on time, as pure functions of a clock and a state.

use std::time::Duration;

/// When an interrupted turn that does not end is ended by force.
pub const INTERRUPT_PATIENCE: Duration = Duration::from_secs(5);

/// What is known of a run when it is asked whether it may go.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Idleness {
    /// How long nothing happened.
    pub idle: Duration,
    /// A turn is open.
    pub busy: bool,
    /// Somebody looks at it.
    pub watched: bool,
    /// A prompt waits in its queue.
    pub queued: bool,
    /// It waits for an answer.
    pub asking: bool,
}

/// Limits for idle runs.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A run idle for longer may go.
    pub idle: Duration,
    /// More runs than this: the least recently used idle ones go.
    pub runs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(15 * 60), runs: 8 }
    }
}

/// Which runs are to be evicted, by their index; never a busy, watched, queued or asking one.
pub fn evict(runs: &[Idleness], limits: Limits) -> Vec<usize> {
    let free = |run: &Idleness| !(run.busy || run.watched || run.queued || run.asking);
    let mut candidates: Vec<usize> = (0..runs.len()).filter(|&at| free(&runs[at])).collect();
    candidates.sort_by_key(|&at| std::cmp::Reverse(runs[at].idle));
    let excess = runs.len().saturating_sub(limits.runs);
    candidates
        .into_iter()
        .enumerate()
        .filter(|&(rank, at)| rank < excess || runs[at].idle > limits.idle)
        .map(|(_, at)| at)
        .collect()
}

/// Starts of one run that are allowed within a minute before it counts as crashing.
pub const STARTS_PER_MINUTE: usize = 10;

/// Whether a run may be started again, given how long ago it was started before. `false`: it crashes at once, again
/// and again; a key resets that, and so do five healthy minutes.
pub fn may_start(starts_ago: &[Duration]) -> bool {
    starts_ago.iter().filter(|ago| **ago < Duration::from_secs(60)).count() < STARTS_PER_MINUTE
}

/// How long to wait before the next start after `failures` in a row.
pub fn back_off(failures: u32) -> Duration {
    Duration::from_millis(250) * 2u32.saturating_pow(failures.min(6))
}
