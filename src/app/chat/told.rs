//! What is told of runs, for the conversations on the screen.

use super::Chat;
use crate::app::layer::Layer;
use crate::app::msg::Ticket;
use crate::app::runs::{RunEffect, RunMsg};
use crate::app::{App, Effect, split};
use crate::domain::run::{Conversation, Cursor, Opening, Phase, Refusal, Replay, RunId, RunInfo, Turn};

impl App {
    /// Takes in what concerns a conversation.
    pub(in crate::app) fn told(&mut self, msg: RunMsg) -> Vec<Effect> {
        match msg {
            RunMsg::Happened(run, replay) => self.happened(&run, replay),
            RunMsg::Begun { ticket, result } => self.begun(ticket, result),
            RunMsg::Submitted { run, text, refused } => self.submitted(&run, &text, refused),
            RunMsg::Checked { key, check } => self.checked_here(&key, check),
            RunMsg::Paths { query, found } => {
                if let Some(completion) = self.chat_mut().and_then(|chat| chat.composer.completion.as_mut()) {
                    completion.take(&query, found);
                }
                Vec::new()
            }
            RunMsg::Draft { key, text } => {
                let chats = split::all(&mut self.layers, &mut self.beside).filter_map(Layer::chat_mut);
                for chat in chats.filter(|chat| chat.draft == key && !chat.touched && chat.composer.is_empty()) {
                    chat.composer.set(&text);
                }
                Vec::new()
            }
            RunMsg::Edited(text) => {
                let Some(chat) = self.chat_mut() else { return Vec::new() };
                chat.composer.set(&text);
                vec![chat.keep_draft()]
            }
            RunMsg::Changed(_) | RunMsg::Gone(_) | RunMsg::Queued(..) | RunMsg::Models(..) | RunMsg::Agents(_) => {
                Vec::new()
            }
        }
    }

    /// A run changed: the conversations about it follow.
    pub(in crate::app) fn chats_follow(&mut self) -> Vec<Effect> {
        let (runs, known, tickets) = (&self.runs, &self.known, &mut self.tickets);
        let mut effects = Vec::new();
        for chat in split::all(&mut self.layers, &mut self.beside).filter_map(Layer::chat_mut) {
            let Some(info) = chat.run.as_ref().and_then(|run| runs.get(run)).cloned() else { continue };
            chat.queue_changed(runs.queue(&info.id));
            chat.phase_changed(&info);
            let ended = if is_open(&info) { Turn(info.turn.0.saturating_sub(1)) } else { info.turn };
            effects.extend(chat.reader.end_turns(ended));
            // The transcript is opened as soon as there is one.
            let stored = info.session.clone().filter(|key| known.catalog.get(key).is_some());
            if let Some(key) = stored.filter(|key| chat.reader.key != *key) {
                effects.extend(chat.reader.reopen(tickets.give(), key));
                effects.extend(chat.rename_draft());
            }
        }
        effects
    }

    /// A run is known no more: its conversation goes on with the next prompt, in another one.
    pub(in crate::app) fn run_gone(&mut self, before: &RunInfo) {
        let chats = split::all(&mut self.layers, &mut self.beside).filter_map(Layer::chat_mut);
        for chat in chats.filter(|chat| chat.run.as_ref() == Some(&before.id)) {
            let conversation = match &before.session {
                Some(key) => Conversation::Resume(key.id.clone()),
                None => Conversation::New { id: None },
            };
            (chat.run, chat.cursor, chat.starting) = (None, Cursor::default(), None);
            chat.opening = Some(Opening::new(conversation, before.cwd.clone()));
        }
    }

    /// The clock was looked at: what has been starting is timed from then on.
    pub(in crate::app) fn chats_timed(&mut self) {
        let (runs, now) = (&self.runs, self.now);
        for chat in split::all(&mut self.layers, &mut self.beside).filter_map(Layer::chat_mut) {
            let info = chat.run.as_ref().and_then(|run| runs.get(run));
            if info.is_some_and(|info| info.phase == Phase::Starting) {
                chat.starting.get_or_insert(now);
            }
        }
    }

    fn happened(&mut self, run: &RunId, replay: Replay) -> Vec<Effect> {
        let of_run = |chat: &&mut Chat| chat.run.as_ref() == Some(run);
        let Some(chat) = split::all(&mut self.layers, &mut self.beside).rev().filter_map(Layer::chat_mut).find(of_run)
        else {
            return Vec::new();
        };
        let mut effects = chat.happened(replay, || self.tickets.give());
        effects.extend(self.chats_follow());
        effects
    }

    fn begun(&mut self, ticket: Ticket, result: Result<RunId, Refusal>) -> Vec<Effect> {
        let asked = |chat: &&mut Chat| chat.beginning.as_ref().is_some_and(|(asked, _)| *asked == ticket);
        let Some(chat) = split::all(&mut self.layers, &mut self.beside).filter_map(Layer::chat_mut).find(asked) else {
            return Vec::new();
        };
        let prompt = chat.beginning.take().and_then(|(_, prompt)| prompt);
        match result {
            Ok(run) => {
                chat.run = Some(run.clone());
                chat.opening = None;
                let mut effects = vec![Effect::Run(RunEffect::Watch(run, Cursor::default()))];
                effects.extend(chat.rename_draft());
                if prompt.is_some() {
                    effects.push(chat.keep_draft());
                }
                effects.extend(self.chats_follow());
                effects
            }
            Err(refusal) => {
                if let Some(prompt) = prompt {
                    chat.composer.put_back(&prompt);
                }
                if let Refusal::HeldBy { pid } = &refusal {
                    chat.held_by(*pid);
                }
                let words = refusal.to_string();
                let keep = chat.keep_draft();
                self.notices.fail(words);
                vec![keep]
            }
        }
    }

    fn submitted(&mut self, run: &RunId, text: &str, refused: Option<Refusal>) -> Vec<Effect> {
        let of_run = |chat: &&mut Chat| chat.run.as_ref() == Some(run);
        let Some(chat) = split::all(&mut self.layers, &mut self.beside).filter_map(Layer::chat_mut).find(of_run) else {
            if let Some(refusal) = refused {
                self.notices.fail(format!("a prompt was not accepted: {refusal}"));
            }
            return Vec::new();
        };
        let words = refused.map(|refusal| {
            chat.composer.put_back(text);
            refusal.to_string()
        });
        let keep = chat.keep_draft();
        if let Some(words) = words {
            self.notices.fail(words);
        }
        vec![keep]
    }
}

impl Chat {
    fn happened(&mut self, replay: Replay, ticket: impl FnOnce() -> Ticket) -> Vec<Effect> {
        let again = self.cursor != Cursor::default();
        let another = again && self.cursor.epoch != replay.cursor.epoch;
        let mut effects = Vec::new();
        if another {
            // The history that the live part came from is gone: the disk tells what there was.
            self.reader.forget_live();
        }
        self.cursor = replay.cursor;
        // At the first look it is being opened anyway.
        if replay.missed > 0 && again && self.reader.is_stored() {
            let key = self.reader.key.clone();
            effects.extend(self.reader.reopen(ticket(), key));
        }
        let happenings = replay.happenings.into_iter().map(|item| item.value);
        effects.extend(self.reader.happened(replay.missed, happenings));
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

/// Whether a turn is open.
pub(super) fn is_open(info: &RunInfo) -> bool {
    match info.phase {
        Phase::Working { .. } | Phase::Interrupting { .. } => true,
        Phase::Starting | Phase::Idle | Phase::Stopped(_) => false,
    }
}
