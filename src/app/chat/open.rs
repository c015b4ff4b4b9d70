//! Opening and closing chats: for a run, a past session or a new one.

use std::path::PathBuf;

use super::{Chat, ChatFocus};
use crate::app::dialog::{Dialog, DialogChoice, DialogOutcome};
use crate::app::layer::Layer;
use crate::app::msg::ResumeCheck;
use crate::app::reader::Reader;
use crate::app::{Action, App, Effect};
use crate::domain::run::{Conversation, RingCursor, RunId, RunStart};
use crate::domain::{Agent, SessionKey};

impl App {
    /// Opens the chat of a run, or returns to it if it is open already.
    pub fn open_chat(&mut self, run: &RunId) -> Vec<Effect> {
        let open = |layer: &Layer| layer.chat().is_some_and(|chat| chat.run.as_ref() == Some(run));
        if let Some(at) = self.layers.iter().rposition(open) {
            return self.close_above(at);
        }
        if self.go_to_pinned(|chat| chat.run.as_ref() == Some(run)) {
            return Vec::new();
        }
        let Some(info) = self.runs.get(run).cloned() else {
            self.notices.error("The run no longer exists");
            return Vec::new();
        };
        let stored = info.session.clone().filter(|key| self.sessions.catalog.get(key).is_some());
        let (reader, effects) = self.reader_for(stored, info.agent);
        let chat = Chat::new(reader, info.agent, Some(run.clone()), None);
        self.show_chat(chat, effects)
    }

    /// Opens a chat that starts a run: at once if there is a prompt, else with the first sent prompt.
    pub fn start_chat(&mut self, agent: Agent, start: RunStart, prompt: Option<String>) -> Vec<Effect> {
        let past = match &start.conversation {
            Conversation::New { .. } => None,
            Conversation::Resume(id) | Conversation::Fork(id) => Some(SessionKey::new(agent, id.clone())),
        };
        let (reader, effects) = self.reader_for(past, agent);
        let chat = Chat::new(reader, agent, None, Some(start));
        let mut effects = self.show_chat(chat, effects);
        if prompt.is_some() {
            effects.extend(self.start_run(prompt));
        }
        effects
    }

    /// Continues the session here: in its run, else after checking for obstacles.
    pub(in crate::app) fn resume_here(&mut self) -> Vec<Effect> {
        if let Some(chat) = self.chat_mut().filter(|chat| chat.read_only.is_none()) {
            chat.focus = ChatFocus::Composer;
            return Vec::new();
        }
        let Some(key) = self.session().cloned() else {
            self.notices.info("No session selected");
            return Vec::new();
        };
        if !self.can_run(key.agent) {
            return Vec::new();
        }
        match self.runs.of_session(&key).map(|info| info.id.clone()) {
            Some(run) => self.open_chat(&run),
            None => vec![Effect::CheckContinue(key)],
        }
    }

    /// Forks the session.
    pub(in crate::app) fn fork_here(&mut self) -> Vec<Effect> {
        let Some(key) = self.session().cloned() else {
            self.notices.info("No session selected");
            return Vec::new();
        };
        if !self.can_run(key.agent) {
            return Vec::new();
        }
        self.continue_here(&key, None, true)
    }

    /// Returns true if salon can run an agent; otherwise shows a hint.
    fn can_run(&mut self, agent: Agent) -> bool {
        if self.runs.agents().iter().any(|(known, _)| *known == agent) {
            return true;
        }
        let own = self.keymap.hint(Action::Resume);
        let own = own.map(|key| format!(": press {key} to open it in the agent")).unwrap_or_default();
        self.notices.info(format!("Salon cannot run {}{own}", agent.label()));
        false
    }

    /// Continues a checked session, or asks about its obstacles.
    pub(in crate::app) fn continue_checked(&mut self, key: &SessionKey, check: ResumeCheck) -> Vec<Effect> {
        // The response can be late: a dialog or another session may be on the screen by now.
        if self.session() != Some(key) || matches!(self.layers.last(), Some(Layer::Dialog(_))) {
            return Vec::new();
        }
        if let Some(pid) = check.owner_pid {
            return self.watch_other(key, pid);
        }
        if check == ResumeCheck::default() {
            return self.continue_here(key, None, false);
        }
        let dialog = self.continue_dialog(key, check);
        self.push(Layer::Dialog(dialog))
    }

    /// Opens a read-only chat of a session that another salon runs.
    fn watch_other(&mut self, key: &SessionKey, pid: u32) -> Vec<Effect> {
        let effects = self.continue_here(key, None, false);
        if let Some(chat) = self.chat_mut().filter(|chat| chat.run.is_none()) {
            chat.mark_owned_by(pid);
        }
        effects
    }

    /// Opens the chat of a past session; its run starts with the first prompt.
    pub(in crate::app) fn continue_here(&mut self, key: &SessionKey, cwd: Option<String>, fork: bool) -> Vec<Effect> {
        let Some(session) = self.sessions.catalog.get(key) else {
            self.notices.error("The session no longer exists");
            return Vec::new();
        };
        let cwd = PathBuf::from(cwd.unwrap_or_else(|| session.cwd.to_string()));
        let conversation = if fork { Conversation::Fork(key.id.clone()) } else { Conversation::Resume(key.id.clone()) };
        let is_continuation = |chat: &Chat| chat.run.is_none() && chat.reader.key == *key;
        if !fork && !self.chat_mut().is_some_and(|chat| is_continuation(chat)) {
            self.go_to_pinned(|chat| is_continuation(chat) && !chat.is_fork());
        }
        if let Some(chat) = self.chat_mut().filter(|chat| is_continuation(chat)) {
            (chat.read_only, chat.focus) = (None, ChatFocus::Composer);
            chat.start = Some(RunStart::new(conversation, cwd));
            return chat.rename_draft();
        }
        self.start_chat(key.agent, RunStart::new(conversation, cwd), None)
    }

    /// Opens the chat of a past session and sends a prompt, if given.
    pub fn send_to(&mut self, key: &SessionKey, prompt: Option<String>) -> Vec<Effect> {
        let mut effects = self.continue_here(key, None, false);
        if prompt.is_some() && self.chat_mut().is_some_and(|chat| chat.reader.key == *key) {
            effects.extend(self.start_run(prompt));
        }
        effects
    }

    /// Starts the run of the topmost chat.
    pub(super) fn start_run(&mut self, prompt: Option<String>) -> Vec<Effect> {
        let ticket = self.tickets.issue();
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        let Some(start) = chat.start.clone() else { return Vec::new() };
        chat.pending_start = Some((ticket, prompt.clone()));
        vec![Effect::StartRun { ticket, agent: chat.agent, start, prompt }]
    }

    /// Closes a chat; its run continues.
    pub(in crate::app) fn leave_chat(&mut self, mut chat: Chat) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Some(run) = chat.run.take() {
            // If another chat of the run is open, it receives the events from now on.
            let mut others = self.pinned.iter().chain(&self.layers).rev().filter_map(Layer::chat);
            let below = others.find(|chat| chat.run.as_ref() == Some(&run));
            effects.push(match below {
                Some(below) => Effect::WatchRun(run, below.cursor),
                None => Effect::UnwatchRun(run),
            });
        }
        if chat.reader.is_stored() {
            chat.reader.clear_live();
            effects.extend(self.leave(chat.reader));
        } else if self.layers.is_empty() {
            effects.extend(self.selection_moved());
        }
        effects
    }

    /// Returns the reader for a chat: taken over from an open transcript, opened, or without a transcript on disk.
    fn reader_for(&mut self, key: Option<SessionKey>, agent: Agent) -> (Reader, Vec<Effect>) {
        let Some(key) = key else { return (Reader::unstored(self.tickets.issue(), agent), Vec::new()) };
        let is_open = matches!(self.layers.last(), Some(Layer::Reader(reader)) if reader.key == key);
        if is_open && let Some(Layer::Reader(reader)) = self.layers.pop() {
            return (*reader, Vec::new());
        }
        let previewed = if self.layers.is_empty() { self.home.preview.take_reader(&key) } else { None };
        match previewed {
            Some(reader) => (reader, Vec::new()),
            None => Reader::open(self.tickets.issue(), key),
        }
    }

    fn show_chat(&mut self, chat: Chat, mut effects: Vec<Effect>) -> Vec<Effect> {
        effects.extend(chat.run.clone().map(|run| Effect::WatchRun(run, RingCursor::default())));
        effects.push(Effect::LoadDraft { key: chat.draft.clone() });
        effects.extend(self.push(Layer::Chat(Box::new(chat))));
        effects
    }

    /// Closes the layers above an index.
    fn close_above(&mut self, at: usize) -> Vec<Effect> {
        let mut effects = Vec::new();
        while self.layers.len() > at + 1 {
            effects.extend(self.layers.pop().map(Layer::closed).unwrap_or_default());
        }
        effects
    }

    /// Builds the dialog about all obstacles, with the safest choice first.
    fn continue_dialog(&self, key: &SessionKey, check: ResumeCheck) -> Dialog {
        let agent = key.agent.label();
        let here = |label: &str, cwd: Option<String>, fork| DialogChoice {
            label: label.to_owned(),
            outcome: DialogOutcome::ContinueHere { key: key.clone(), cwd, fork },
        };
        let (mut text, mut choices) = (Vec::new(), Vec::new());
        if let Some(owner) = &check.open_elsewhere {
            text.push(format!(
                "Open elsewhere: {owner}. Two writers can lose messages: end it there to continue here, or fork."
            ));
            choices.push(DialogChoice { label: "Watch".to_owned(), outcome: DialogOutcome::Watch(key.clone()) });
        }
        if check.not_installed {
            text.push(format!("{agent} is not installed: \"{}\" was not found on PATH.", key.agent.name()));
        } else if let Some(reason) = check.refused {
            text.push(reason);
        } else if check.directory_gone {
            let cwd = self.sessions.catalog.get(key).map(|session| session.cwd.to_string()).unwrap_or_default();
            text.push(format!("Directory not found: {cwd}"));
            let in_here = self.home.here.as_ref().map(ToString::to_string);
            // The session is not taken from a program that still has it open.
            let in_here = in_here.filter(|_| check.open_elsewhere.is_none());
            choices.extend(in_here.map(|dir| here(&format!("Continue in {dir}"), Some(dir.clone()), false)));
        } else {
            let fork = check.open_elsewhere.is_some();
            choices.push(here(if fork { "Fork" } else { "Continue" }, None, fork));
        }
        text.extend(check.warning);
        choices.push(DialogChoice { label: "Cancel".to_owned(), outcome: DialogOutcome::Cancel });
        Dialog { title: format!("Continue with {agent} here"), text, choices, selected: 0 }
    }
}

impl Chat {
    /// Makes the chat read-only, because another salon owns the session.
    pub(super) fn mark_owned_by(&mut self, pid: u32) {
        self.read_only = Some(format!("open in another salon, pid {pid}"));
        self.focus = ChatFocus::Transcript;
    }

    /// Returns the effects that close the chat.
    pub(in crate::app) fn closed(self) -> Vec<Effect> {
        let unwatch = self.run.map(Effect::UnwatchRun);
        let close = self.reader.is_stored().then_some(Effect::CloseTranscript(self.reader.ticket));
        unwatch.into_iter().chain(close).collect()
    }
}
