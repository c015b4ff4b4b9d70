//! Messages about runs, applied to open chats.

use super::Chat;
use crate::app::layer::Layer;
use crate::app::msg::RequestTicket;
use crate::app::runs::RunMsg;
use crate::app::{App, Effect, split};
use crate::domain::run::{Conversation, Phase, Refusal, Replay, RingCursor, RunId, RunInfo, RunStart, TurnNumber};

impl App {
    /// Applies a message about a chat's run.
    pub(in crate::app) fn apply_run_message(&mut self, msg: RunMsg) -> Vec<Effect> {
        match msg {
            RunMsg::Events(run, replay) => self.apply_events(&run, replay),
            RunMsg::Started { ticket, result } => self.run_started(ticket, result),
            RunMsg::Submitted { run, text, refused } => self.submitted(&run, &text, refused),
            RunMsg::Checked { key, check } => self.continue_checked(&key, check),
            RunMsg::Paths { query, found } => {
                if let Some(completion) = self.chat_mut().and_then(|chat| chat.composer.completion.as_mut()) {
                    completion.set_files(&query, found);
                }
                Vec::new()
            }
            RunMsg::Draft { key, text } => {
                let chats = split::all(&mut self.layers, &mut self.pinned).filter_map(Layer::chat_mut);
                for chat in chats.filter(|chat| chat.draft == key && !chat.touched && chat.composer.is_empty()) {
                    chat.composer.set(&text);
                }
                Vec::new()
            }
            RunMsg::Edited(text) => {
                let Some(chat) = self.chat_mut() else { return Vec::new() };
                chat.composer.set(&text);
                vec![chat.save_draft()]
            }
            RunMsg::Changed(_)
            | RunMsg::Recorded(_)
            | RunMsg::Gone(_)
            | RunMsg::Queued(..)
            | RunMsg::Models(..)
            | RunMsg::Agents(_) => Vec::new(),
        }
    }

    /// Updates the chats after runs changed.
    pub(in crate::app) fn sync_chats(&mut self) -> Vec<Effect> {
        let (runs, sessions, tickets) = (&self.runs, &self.sessions, &mut self.tickets);
        let mut effects = Vec::new();
        for chat in split::all(&mut self.layers, &mut self.pinned).filter_map(Layer::chat_mut) {
            let Some(info) = chat.run.as_ref().and_then(|run| runs.get(run)).cloned() else { continue };
            chat.queue_changed(runs.queue(&info.id));
            chat.phase_changed(&info);
            let ended = if is_open(&info) { TurnNumber(info.turn.0.saturating_sub(1)) } else { info.turn };
            effects.extend(chat.reader.end_turns(ended));
            // The transcript is opened as soon as it exists.
            let stored = info.session.clone().filter(|key| sessions.catalog.get(key).is_some());
            if let Some(key) = stored.filter(|key| chat.reader.key != *key) {
                effects.extend(chat.reader.reopen(tickets.issue(), key));
                effects.extend(chat.rename_draft());
            }
        }
        effects
    }

    /// Detaches chats from a removed run; their next prompt starts another run.
    pub(in crate::app) fn run_gone(&mut self, before: &RunInfo) {
        let chats = split::all(&mut self.layers, &mut self.pinned).filter_map(Layer::chat_mut);
        for chat in chats.filter(|chat| chat.run.as_ref() == Some(&before.id)) {
            let conversation = match &before.session {
                Some(key) => Conversation::Resume(key.id.clone()),
                None => Conversation::New { id: None },
            };
            (chat.run, chat.cursor, chat.starting) = (None, RingCursor::default(), None);
            chat.start = Some(RunStart::new(conversation, before.cwd.clone()));
        }
    }

    /// Records the time for chats that are starting.
    pub(in crate::app) fn record_start_times(&mut self) {
        let (runs, now) = (&self.runs, self.now);
        for chat in split::all(&mut self.layers, &mut self.pinned).filter_map(Layer::chat_mut) {
            let info = chat.run.as_ref().and_then(|run| runs.get(run));
            if info.is_some_and(|info| info.phase == Phase::Starting) {
                chat.starting.get_or_insert(now);
            }
        }
    }

    fn apply_events(&mut self, run: &RunId, replay: Replay) -> Vec<Effect> {
        let of_run = |chat: &&mut Chat| chat.run.as_ref() == Some(run);
        let Some(chat) = split::all(&mut self.layers, &mut self.pinned).rev().filter_map(Layer::chat_mut).find(of_run)
        else {
            return Vec::new();
        };
        let mut effects = chat.apply_events(replay, || self.tickets.issue());
        effects.extend(self.sync_chats());
        effects
    }

    fn run_started(&mut self, ticket: RequestTicket, result: Result<RunId, Refusal>) -> Vec<Effect> {
        let is_target = |chat: &&mut Chat| chat.pending_start.as_ref().is_some_and(|(pending, _)| *pending == ticket);
        let Some(chat) = split::all(&mut self.layers, &mut self.pinned).filter_map(Layer::chat_mut).find(is_target)
        else {
            return Vec::new();
        };
        let prompt = chat.pending_start.take().and_then(|(_, prompt)| prompt);
        match result {
            Ok(run) => {
                chat.run = Some(run.clone());
                chat.start = None;
                let mut effects = vec![Effect::WatchRun(run, RingCursor::default())];
                effects.extend(chat.rename_draft());
                if prompt.is_some() {
                    effects.push(chat.save_draft());
                }
                effects.extend(self.sync_chats());
                effects
            }
            Err(refusal) => {
                if let Some(prompt) = prompt {
                    chat.composer.put_back(&prompt);
                }
                if let Refusal::LeasedBy { pid } = &refusal {
                    chat.mark_owned_by(*pid);
                }
                let message = refusal.to_string();
                let keep = chat.save_draft();
                self.notices.error(message);
                vec![keep]
            }
        }
    }

    fn submitted(&mut self, run: &RunId, text: &str, refused: Option<Refusal>) -> Vec<Effect> {
        let of_run = |chat: &&mut Chat| chat.run.as_ref() == Some(run);
        let Some(chat) = split::all(&mut self.layers, &mut self.pinned).filter_map(Layer::chat_mut).find(of_run) else {
            if let Some(refusal) = refused {
                self.notices.error(format!("Prompt not accepted: {refusal}"));
            }
            return Vec::new();
        };
        let message = refused.map(|refusal| {
            chat.composer.put_back(text);
            refusal.to_string()
        });
        let keep = chat.save_draft();
        if let Some(message) = message {
            self.notices.error(message);
        }
        vec![keep]
    }
}

impl Chat {
    fn apply_events(&mut self, replay: Replay, ticket: impl FnOnce() -> RequestTicket) -> Vec<Effect> {
        let resubscribed = self.cursor != RingCursor::default();
        let ring_replaced = resubscribed && self.cursor.epoch != replay.cursor.epoch;
        let mut effects = Vec::new();
        if ring_replaced {
            // The run's event ring was replaced: the disk has the earlier events.
            self.reader.clear_live();
        }
        self.cursor = replay.cursor;
        // On the first subscription the transcript is being opened anyway.
        if replay.missed > 0 && resubscribed && self.reader.is_stored() {
            let key = self.reader.key.clone();
            effects.extend(self.reader.reopen(ticket(), key));
        }
        let events = replay.events.into_iter().map(|item| item.value);
        effects.extend(self.reader.apply_events(replay.missed, events));
        effects
    }

    fn phase_changed(&mut self, info: &RunInfo) {
        if info.phase != Phase::Starting {
            self.starting = None;
        }
        if !is_open(info) {
            self.armed = false;
        }
    }
}

/// Returns true if a turn is open.
pub(super) fn is_open(info: &RunInfo) -> bool {
    match info.phase {
        Phase::Working { .. } | Phase::Interrupting { .. } => true,
        Phase::Starting | Phase::Idle | Phase::Stopped(_) => false,
    }
}
