//! Handle of a run: commands to its task, its published state, and viewers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::domain::approval::ApprovalAnswer;
use crate::domain::prompt::PromptId;
use crate::domain::run::{RunInfo, RunSetting, StopReason};
use crate::domain::run_event::{Replay, RingCursor};

/// A command to a run's task.
#[derive(Debug)]
pub enum RunCommand {
    /// A prompt was appended to the outbox.
    Submitted,
    /// Send a queued prompt into the open turn.
    Steer(PromptId),
    /// Send no further prompt, because another process takes the queue over; with false, go on.
    Drain(bool),
    /// The queue was changed.
    QueueChanged,
    /// Resume the paused queue.
    ResumeQueue,
    /// Continue the turn that a rate limit ended, once the limit is over.
    ContinueAtReset,
    /// Interrupt the open turn; a second time, stop the process.
    Interrupt,
    /// Stop the process.
    Stop(StopReason),
    /// Stop the process and end the run.
    End,
    /// Answer an approval.
    Answer {
        /// Approval id.
        id: Arc<str>,
        /// The answer.
        answer: ApprovalAnswer,
    },
    /// Stop a background task.
    StopTask(Arc<str>),
    /// Set model, mode or effort for the next turns.
    Set(RunSetting),
    /// Return the events after a cursor.
    Since(RingCursor, oneshot::Sender<Replay>),
}

/// Latest published state of a run.
#[derive(Clone, Debug)]
pub struct RunSnapshot {
    /// Cursor after the newest event.
    pub cursor: RingCursor,
    /// State of the run.
    pub info: Arc<RunInfo>,
    /// Monotonic time of the last change of state.
    pub at: Instant,
}

/// Handle of a run's task.
#[derive(Clone, Debug)]
pub struct RunHandle {
    pub(super) commands: mpsc::UnboundedSender<RunCommand>,
    pub(super) snapshot: watch::Receiver<RunSnapshot>,
    pub(super) viewers: Arc<AtomicUsize>,
    pub(super) drafted: Arc<AtomicBool>,
    pub(super) eviction_wake: Arc<Notify>,
}

impl RunHandle {
    /// Sends a command. Returns false if the run has ended.
    pub fn send(&self, command: RunCommand) -> bool {
        self.commands.send(command).is_ok()
    }

    /// Returns the latest published state.
    pub fn snapshot(&self) -> RunSnapshot {
        self.snapshot.borrow().clone()
    }

    /// Records whether there is an unsent draft.
    pub fn set_drafted(&self, drafted: bool) {
        self.drafted.store(drafted, Ordering::Relaxed);
        self.eviction_wake.notify_one();
    }

    /// Returns true if there is an unsent draft.
    pub fn is_drafted(&self) -> bool {
        self.drafted.load(Ordering::Relaxed)
    }

    /// Returns the number of attached viewers.
    pub fn viewers(&self) -> usize {
        self.viewers.load(Ordering::Relaxed)
    }

    /// Attaches a viewer.
    pub fn view(&self) -> Viewer {
        self.viewers.fetch_add(1, Ordering::Relaxed);
        Viewer { handle: self.clone() }
    }
}

/// A viewer of a run. A run with a viewer is not evicted.
#[derive(Debug)]
pub struct Viewer {
    handle: RunHandle,
}

impl Viewer {
    /// Returns the latest published state.
    pub fn info(&self) -> Arc<RunInfo> {
        self.handle.snapshot.borrow().info.clone()
    }

    /// Returns the cursor after the newest event.
    pub fn cursor(&self) -> RingCursor {
        self.handle.snapshot.borrow().cursor
    }

    /// Waits for a change of state or a new event. Returns false if the run has ended.
    pub async fn changed(&mut self) -> bool {
        self.handle.snapshot.changed().await.is_ok()
    }

    /// Returns the events after a cursor; `None` if the run has ended. If events are missing or the epoch differs, the
    /// transcript contains the rest.
    pub async fn since(&self, cursor: RingCursor) -> Option<Replay> {
        let (sender, answer) = oneshot::channel();
        self.handle.commands.send(RunCommand::Since(cursor, sender)).ok()?;
        answer.await.ok()
    }
}

impl Clone for Viewer {
    fn clone(&self) -> Self {
        self.handle.view()
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.handle.viewers.fetch_sub(1, Ordering::Relaxed);
        self.handle.eviction_wake.notify_one();
    }
}
