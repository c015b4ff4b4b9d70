//! Live entries: the events of a run that are not on disk yet, folded into entries turn by turn.
//!
//! Independent of the screen; the `merge` module combines live entries with the disk.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::Time;
use crate::domain::event::{Delta, EntryKey, Event, EventBody, NoticeLevel};
use crate::domain::run::{TurnNumber, TurnOutcome};
use crate::domain::run_event::{RunEvent, RunEventKind};
use crate::domain::transcript::{Entry, EntryKind, ToolStatus, Transcript};

/// First revision of live entries, above all revisions of disk entries, because the layout cache of both is keyed by
/// revision.
const REVISIONS: u64 = 1 << 63;

/// A disk or live entry with its revision.
#[derive(Clone, Copy, Debug)]
pub struct EntryRef<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// Unique revision of the entry, by which its layout can be cached.
    pub revision: u64,
    /// Identifies an entry that only grows. As long as the value stays, the previous text is unchanged.
    pub growing: Option<u64>,
    /// State of a tool call without a result.
    pub stage: CallStage,
}

/// State of a tool call without a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CallStage {
    /// The turn is over: no result will follow.
    #[default]
    Ended,
    /// The turn is open.
    Running,
    /// The call waits for an approval.
    AwaitingApproval,
}

/// Live entries of a transcript.
#[derive(Debug, Default)]
pub struct Tail {
    pub(super) transcript: Transcript,
    /// Metadata of each entry.
    pub(super) meta: Vec<LiveMeta>,
    /// Turns that are not completely on disk, oldest first.
    pub(super) turns: Vec<LiveTurn>,
    /// The newest turn that is completely on disk; its further entries are there too.
    pub(super) last_merged: Option<TurnNumber>,
    /// Prompts on disk before this index belong to merged turns.
    pub(super) merged_prompts: usize,
    /// True once the first merge succeeded. Never reset, so that no entry disappears.
    pub(super) shown: bool,
    /// Calls that wait for an approval, by approval id.
    waiting: HashMap<Arc<str>, (TurnNumber, Arc<str>)>,
    /// Ends of the waits of calls, by their ids.
    resumed: HashMap<Arc<str>, Time>,
    /// Durations of calls as reported, in ms, by their ids. Files may have others, with the waits for approvals.
    durations: HashMap<Arc<str>, u64>,
    counter: u64,
}

/// Metadata of a live entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct LiveMeta {
    pub turn: TurnNumber,
    revision: u64,
    growing: u64,
}

/// A turn with live entries.
#[derive(Clone, Debug)]
pub(super) struct LiveTurn {
    pub turn: TurnNumber,
    pub prompt: Option<TurnPrompt>,
    pub ended: bool,
    /// Number of disk entries when the turn began, if known: its prompt is not among them.
    pub disk_len: Option<usize>,
    /// True if events of the turn were dropped and must be read from disk.
    pub gap: bool,
    /// Index of its prompt on disk, once it is found.
    pub at: Option<usize>,
    /// Number of entries, from the prompt on, that were replaced by disk entries.
    pub taken: usize,
}

/// First prompt of a turn, by which the turn is found on disk.
#[derive(Clone, Debug)]
pub(super) struct TurnPrompt {
    pub key: EntryKey,
    pub text: String,
    pub time: Option<Time>,
}

impl Tail {
    /// Returns the number of visible entries.
    pub fn len(&self) -> usize {
        if self.shown { self.meta.len() } else { 0 }
    }

    /// Returns true if there are no entries.
    pub fn is_empty(&self) -> bool {
        self.meta.is_empty()
    }

    /// Returns a visible entry.
    pub fn get(&self, at: usize) -> Option<EntryRef<'_>> {
        let (entry, meta) = (self.transcript.entries().get(at)?, self.meta.get(at)?);
        let grows = matches!(entry.kind, EntryKind::Text | EntryKind::Thinking) && at + 1 == self.meta.len();
        let open = self.is_open(meta.turn);
        let growing = (grows && open).then_some(meta.growing);
        self.shown.then_some(EntryRef { entry, revision: meta.revision, growing, stage: self.stage(entry, open) })
    }

    /// Returns the newest call of the open turn that has no result yet.
    pub fn running_call(&self) -> Option<&Entry> {
        let entries = self.transcript.entries().iter().zip(&self.meta).rev();
        let mut open = entries.take_while(|(_, meta)| self.is_open(meta.turn)).map(|(entry, _)| entry);
        open.find(|entry| {
            let status = entry.tool.as_ref().map(|tool| tool.status);
            matches!(status, Some(ToolStatus::Pending | ToolStatus::Running))
        })
    }

    /// Returns the time since which a call runs: its start, or the end of its last wait for an approval.
    pub fn running_since(&self, entry: &Entry) -> Option<Time> {
        let resumed = entry.tool.as_ref().and_then(|tool| self.resumed.get(&tool.id)).copied();
        resumed.max(entry.time)
    }

    /// Records that calls go on, because approvals that they waited for are answered by new events.
    pub fn approvals_answered(&mut self, events: &[RunEvent], now: Time) {
        let answered = events.iter().filter_map(|event| match &event.kind {
            RunEventKind::ApprovalGone(id) => self.waiting.get(id),
            RunEventKind::Approval(_) | RunEventKind::Event(_) | RunEventKind::TurnEnded { .. } => None,
        });
        self.resumed.extend(answered.map(|(_, call)| (call.clone(), now)));
    }

    /// Removes the waits for approvals from the durations of calls on disk, where they are known.
    pub fn correct_durations(&self, entries: &mut [Arc<Entry>]) {
        for entry in entries {
            let known = entry.tool.as_ref().and_then(|tool| Some((tool.duration_ms?, *self.durations.get(&tool.id)?)));
            if let Some((_, live)) = known.filter(|(stored, live)| live < stored)
                && let Some(tool) = &mut Arc::make_mut(entry).tool
            {
                tool.duration_ms = Some(live);
            }
        }
    }

    /// Returns the index of a visible entry.
    pub fn position(&self, key: EntryKey) -> Option<usize> {
        self.transcript.entries().iter().position(|entry| entry.key == key).filter(|_| self.shown)
    }

    /// Returns the visible entries.
    pub fn entries(&self) -> &[Entry] {
        if self.shown { self.transcript.entries() } else { &[] }
    }

    /// Applies an event, while the disk had `disk` entries. Returns true if a turn began or ended, so that a merge is
    /// necessary.
    pub fn apply_event(&mut self, event: RunEvent, disk: Option<usize>) -> bool {
        let RunEvent { turn, kind } = event;
        let notice = matches!(kind, RunEventKind::Event(Event { body: EventBody::Notice { .. }, .. }));
        if self.last_merged.is_some_and(|last_merged| turn <= last_merged) && !notice {
            return false;
        }
        match kind {
            RunEventKind::Approval(approval) => {
                if let Some(call) = approval.tool_id {
                    self.approval_requested(turn, call, approval.id);
                }
                false
            }
            RunEventKind::ApprovalGone(id) => {
                self.approval_resolved(&id);
                false
            }
            RunEventKind::TurnEnded { outcome, .. } => {
                let stopped = if outcome == TurnOutcome::Done { ToolStatus::Pending } else { ToolStatus::Interrupted };
                self.end(turn, stopped);
                true
            }
            RunEventKind::Event(event) => {
                let is_new = self.turn(turn, &event, disk);
                self.add(turn, event);
                is_new
            }
        }
    }

    /// Records a gap of `count` events before the next event of a turn.
    pub fn add_gap(&mut self, count: u64, turn: TurnNumber) {
        let text = format!("{count} earlier messages were dropped; they are loaded from the transcript");
        let event = Event { key: gap_key(), time: None, body: EventBody::Notice { level: NoticeLevel::Info, text } };
        self.turn(turn, &event, None);
        self.add(turn, event);
        if let Some(live) = self.turns.iter_mut().find(|live| live.turn == turn) {
            live.gap = true;
        }
    }

    /// Drops all entries; new entries stay visible.
    pub fn clear(&mut self) {
        let durations = std::mem::take(&mut self.durations);
        *self = Self { shown: self.shown, counter: self.counter, durations, ..Self::default() };
    }

    /// Ends all turns up to `last`. Returns true if one was open.
    pub fn end_turns(&mut self, last: TurnNumber) -> bool {
        let open = self.turns.iter().any(|live| live.turn <= last && !live.ended);
        if open {
            self.end(last, ToolStatus::Interrupted);
        }
        open
    }

    /// Ends all turns up to `last`; running calls get the status `stopped`.
    fn end(&mut self, last: TurnNumber, stopped: ToolStatus) {
        let mut ended = Vec::new();
        for live in self.turns.iter_mut().filter(|live| live.turn <= last && !live.ended) {
            live.ended = true;
            ended.push(live.turn);
        }
        let of_ended = self.transcript.entries().iter().zip(&self.meta).filter(|(_, meta)| ended.contains(&meta.turn));
        let running = |(entry, meta): (&Entry, &LiveMeta)| {
            let tool = entry.tool.as_ref()?;
            let running = matches!(tool.status, ToolStatus::Pending | ToolStatus::Running);
            running.then(|| (meta.turn, tool.id.clone()))
        };
        let running: Vec<_> = of_ended.filter_map(running).collect();
        self.waiting.retain(|_, (turn, _)| !ended.contains(turn));
        for (turn, id) in running {
            self.update(turn, id, Some(stopped));
        }
    }

    /// Records that a call waits for an approval.
    fn approval_requested(&mut self, turn: TurnNumber, call: Arc<str>, approval: Arc<str>) {
        self.update(turn, call.clone(), None);
        self.waiting.insert(approval, (turn, call));
    }

    /// Records that an approval is gone; the agent reports the call's result.
    fn approval_resolved(&mut self, approval: &str) {
        if let Some((turn, call)) = self.waiting.remove(approval) {
            self.update(turn, call, None);
        }
    }

    /// Changes a call's status, or only its revision.
    fn update(&mut self, turn: TurnNumber, id: Arc<str>, status: Option<ToolStatus>) {
        // The update is matched by the call's id, so that the key does not matter.
        let key = EntryKey::new(&id, 0);
        let body = EventBody::ToolUpdate { id, status, output: None, duration_ms: None, subagent: None, action: None };
        self.add(turn, Event { key, time: None, body });
    }

    fn stage(&self, entry: &Entry, open: bool) -> CallStage {
        let is_waiting = |id: &Arc<str>| self.waiting.values().any(|(_, call)| call == id);
        match &entry.tool {
            Some(tool) if open && is_waiting(&tool.id) => CallStage::AwaitingApproval,
            Some(_) if open => CallStage::Running,
            Some(_) | None => CallStage::Ended,
        }
    }

    fn is_open(&self, turn: TurnNumber) -> bool {
        self.turns.last().is_some_and(|live| live.turn == turn && !live.ended)
    }

    /// Keeps the entries that `wanted` accepts.
    pub(super) fn retain(&mut self, wanted: impl Fn(usize, &LiveMeta, &Entry) -> bool) {
        let entries = self.transcript.entries().iter().zip(&self.meta).enumerate();
        let keep: Vec<_> = entries.map(|(at, (entry, meta))| wanted(at, meta, entry)).collect();
        if keep.iter().all(|keep| *keep) {
            return;
        }
        self.transcript.retain(&keep);
        let mut keep = keep.iter();
        self.meta.retain(|_| keep.next().copied().unwrap_or(true));
    }

    /// Records the turn of an event. Returns true if it is a new one.
    fn turn(&mut self, turn: TurnNumber, event: &Event, disk_len: Option<usize>) -> bool {
        let is_new = self.turns.last().is_none_or(|live| live.turn < turn);
        if is_new {
            self.end(TurnNumber(turn.0.saturating_sub(1)), ToolStatus::Interrupted);
            self.turns.push(LiveTurn { turn, prompt: None, ended: false, disk_len, gap: false, at: None, taken: 0 });
        }
        let live = self.turns.iter_mut().find(|live| live.turn == turn);
        if let (Some(live), EventBody::Prompt(text)) = (live, &event.body)
            && live.prompt.is_none()
        {
            live.prompt = Some(TurnPrompt { key: event.key, text: text.clone(), time: event.time });
        }
        is_new
    }

    fn add(&mut self, turn: TurnNumber, event: Event) {
        if let EventBody::ToolUpdate { id, duration_ms: Some(duration), .. } = &event.body {
            self.durations.insert(id.clone(), *duration);
        }
        let appends = self.only_appends(&event);
        let Some(at) = self.transcript.apply(event) else { return };
        self.counter += 2;
        let revision = REVISIONS + self.counter;
        match self.meta.get_mut(at) {
            Some(meta) => {
                meta.revision = revision;
                if !appends {
                    meta.growing = revision + 1;
                }
            }
            None => self.meta.push(LiveMeta { turn, revision, growing: revision + 1 }),
        }
    }

    /// Returns true if an event only appends to the entry's text.
    fn only_appends(&self, event: &Event) -> bool {
        match &event.body {
            EventBody::Text(Delta::Replace(all)) | EventBody::Thinking(Delta::Replace(all)) => {
                let before = self.transcript.entries().iter().rev().find(|entry| entry.key == event.key);
                before.is_none_or(|before| all.starts_with(&before.text))
            }
            EventBody::Text(Delta::Append(_)) | EventBody::Thinking(Delta::Append(_)) | EventBody::Usage(_) => true,
            _ => false,
        }
    }
}

/// Key of the notice about dropped events.
pub(super) fn gap_key() -> EntryKey {
    EntryKey::new("salon: not held", 0)
}
