//! How a conversation comes onto the screen: for a run, for a past session, for a new one; and how it goes.

use std::path::PathBuf;

use super::{Chat, Focus};
use crate::app::dialog::{Choice, Dialog, Outcome};
use crate::app::layer::Layer;
use crate::app::msg::ResumeCheck;
use crate::app::reader::Reader;
use crate::app::runs::RunEffect;
use crate::app::{Action, App, Effect};
use crate::domain::run::{Conversation, Cursor, Opening, RunId};
use crate::domain::{Agent, SessionKey};

impl App {
    /// Opens the conversation of a run, or goes back to it where it is open already.
    pub fn open_chat(&mut self, run: &RunId) -> Vec<Effect> {
        let open = |layer: &Layer| layer.chat().is_some_and(|chat| chat.run.as_ref() == Some(run));
        if let Some(at) = self.layers.iter().rposition(open) {
            return self.close_above(at);
        }
        if self.go_to_pinned(|chat| chat.run.as_ref() == Some(run)) {
            return Vec::new();
        }
        let Some(info) = self.runs.get(run).cloned() else {
            self.notices.fail("there is no such run any more");
            return Vec::new();
        };
        let stored = info.session.clone().filter(|key| self.known.catalog.get(key).is_some());
        let (reader, effects) = self.reader_for(stored, info.agent);
        let chat = Chat::new(reader, info.agent, Some(run.clone()), None);
        self.show_chat(chat, effects)
    }

    /// Opens a conversation that begins: at once where there is a prompt, else with the first one that is sent.
    pub fn begin(&mut self, agent: Agent, opening: Opening, prompt: Option<String>) -> Vec<Effect> {
        let past = match &opening.conversation {
            Conversation::New { .. } => None,
            Conversation::Resume(id) | Conversation::Fork(id) => Some(SessionKey::new(agent, id.clone())),
        };
        let (reader, effects) = self.reader_for(past, agent);
        let chat = Chat::new(reader, agent, None, Some(opening));
        let mut effects = self.show_chat(chat, effects);
        if prompt.is_some() {
            effects.extend(self.begin_run(prompt));
        }
        effects
    }

    /// Goes on with the session here: in its run, else once it is known that nothing stands in the way.
    pub(in crate::app) fn resume_here(&mut self) -> Vec<Effect> {
        if let Some(chat) = self.chat_mut().filter(|chat| chat.followed.is_none()) {
            chat.focus = Focus::Composer;
            return Vec::new();
        }
        let Some(key) = self.session().cloned() else {
            self.notices.tell("no session is selected");
            return Vec::new();
        };
        if !self.drives(key.agent) {
            return Vec::new();
        }
        match self.runs.of_session(&key).map(|info| info.id.clone()) {
            Some(run) => self.open_chat(&run),
            None => vec![Effect::Run(RunEffect::Check(key))],
        }
    }

    /// Goes on with a copy of the session.
    pub(in crate::app) fn fork_here(&mut self) -> Vec<Effect> {
        let Some(key) = self.session().cloned() else {
            self.notices.tell("no session is selected");
            return Vec::new();
        };
        if !self.drives(key.agent) {
            return Vec::new();
        }
        self.go_on(&key, None, true)
    }

    /// Whether salon can run an agent; where it cannot, what can be done is said.
    fn drives(&mut self, agent: Agent) -> bool {
        if self.runs.agents().iter().any(|(driven, _)| *driven == agent) {
            return true;
        }
        let own = self.keymap.hint(Action::Resume);
        let own = own.map(|key| format!(": {key} resumes it in its own program")).unwrap_or_default();
        self.notices.tell(format!("{} cannot be run in salon{own}", agent.label()));
        false
    }

    /// It is known what stands in the way of going on with a session here.
    pub(in crate::app) fn checked_here(&mut self, key: &SessionKey, check: ResumeCheck) -> Vec<Effect> {
        // The answer comes late: another question, or another session, may be on the screen by now.
        if self.session() != Some(key) || matches!(self.layers.last(), Some(Layer::Dialog(_))) {
            return Vec::new();
        }
        if let Some(pid) = check.held {
            return self.follow_other(key, pid);
        }
        if check == ResumeCheck::default() {
            return self.go_on(key, None, false);
        }
        let dialog = self.obstacle_here(key, check);
        self.push(Layer::Dialog(dialog))
    }

    /// Opens the conversation that another salon runs, to be read.
    fn follow_other(&mut self, key: &SessionKey, pid: u32) -> Vec<Effect> {
        let effects = self.go_on(key, None, false);
        if let Some(chat) = self.chat_mut().filter(|chat| chat.run.is_none()) {
            chat.held_by(pid);
        }
        effects
    }

    /// Opens the conversation of a past session; its run begins with the first prompt.
    pub(in crate::app) fn go_on(&mut self, key: &SessionKey, cwd: Option<String>, fork: bool) -> Vec<Effect> {
        let Some(session) = self.known.catalog.get(key) else {
            self.notices.fail("the session is gone");
            return Vec::new();
        };
        let cwd = PathBuf::from(cwd.unwrap_or_else(|| session.cwd.to_string()));
        let conversation = if fork { Conversation::Fork(key.id.clone()) } else { Conversation::Resume(key.id.clone()) };
        let goes_on = |chat: &Chat| chat.run.is_none() && chat.reader.key == *key;
        if !fork && !self.chat_mut().is_some_and(|chat| goes_on(chat)) {
            self.go_to_pinned(|chat| goes_on(chat) && !chat.is_fork());
        }
        if let Some(chat) = self.chat_mut().filter(|chat| goes_on(chat)) {
            (chat.followed, chat.focus) = (None, Focus::Composer);
            chat.opening = Some(Opening::new(conversation, cwd));
            return chat.rename_draft();
        }
        self.begin(key.agent, Opening::new(conversation, cwd), None)
    }

    /// Opens the conversation of a past session and sends a prompt there, where there is one.
    pub fn send_to(&mut self, key: &SessionKey, prompt: Option<String>) -> Vec<Effect> {
        let mut effects = self.go_on(key, None, false);
        if prompt.is_some() && self.chat_mut().is_some_and(|chat| chat.reader.key == *key) {
            effects.extend(self.begin_run(prompt));
        }
        effects
    }

    /// Begins the run of the conversation on the screen.
    pub(super) fn begin_run(&mut self, prompt: Option<String>) -> Vec<Effect> {
        let ticket = self.tickets.give();
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        let Some(opening) = chat.opening.clone() else { return Vec::new() };
        chat.beginning = Some((ticket, prompt.clone()));
        vec![Effect::Run(RunEffect::Begin { ticket, agent: chat.agent, opening, prompt })]
    }

    /// A conversation was left: its run lives on.
    pub(in crate::app) fn leave_chat(&mut self, mut chat: Chat) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Some(run) = chat.run.take() {
            // Where it is open elsewhere too, that one is told from now on.
            let mut others = self.beside.iter().chain(&self.layers).rev().filter_map(Layer::chat);
            let below = others.find(|chat| chat.run.as_ref() == Some(&run));
            effects.push(Effect::Run(match below {
                Some(below) => RunEffect::Watch(run, below.cursor),
                None => RunEffect::Unwatch(run),
            }));
        }
        if chat.reader.is_stored() {
            chat.reader.forget_live();
            effects.extend(self.leave(chat.reader));
        } else if self.layers.is_empty() {
            effects.extend(self.selection_moved());
        }
        effects
    }

    /// The transcript of the session, taken over from where it is being read, or one that does not exist yet.
    fn reader_for(&mut self, key: Option<SessionKey>, agent: Agent) -> (Reader, Vec<Effect>) {
        let Some(key) = key else { return (Reader::unstored(self.tickets.give(), agent), Vec::new()) };
        let reads_it = matches!(self.layers.last(), Some(Layer::Reader(reader)) if reader.key == key);
        if reads_it && let Some(Layer::Reader(reader)) = self.layers.pop() {
            return (*reader, Vec::new());
        }
        let previewed = if self.layers.is_empty() { self.home.preview.give(&key) } else { None };
        match previewed {
            Some(reader) => (reader, Vec::new()),
            None => Reader::open(self.tickets.give(), key),
        }
    }

    fn show_chat(&mut self, chat: Chat, mut effects: Vec<Effect>) -> Vec<Effect> {
        effects.extend(chat.run.clone().map(|run| Effect::Run(RunEffect::Watch(run, Cursor::default()))));
        effects.push(Effect::Run(RunEffect::RecallDraft { key: chat.draft.clone() }));
        effects.extend(self.push(Layer::Chat(Box::new(chat))));
        effects
    }

    /// Closes what lies over a layer.
    fn close_above(&mut self, at: usize) -> Vec<Effect> {
        let mut effects = Vec::new();
        while self.layers.len() > at + 1 {
            effects.extend(self.layers.pop().map(Layer::closed).unwrap_or_default());
        }
        effects
    }

    /// The question to ask: all that is the matter at once, and the safest answer first.
    fn obstacle_here(&self, key: &SessionKey, check: ResumeCheck) -> Dialog {
        let agent = key.agent.label();
        let here = |label: &str, cwd: Option<String>, fork| Choice {
            label: label.to_owned(),
            outcome: Outcome::GoOn { key: key.clone(), cwd, fork },
        };
        let (mut text, mut choices) = (Vec::new(), Vec::new());
        let anyway = if check.open_elsewhere.is_some() { "take it over: go on" } else { "go on" };
        if let Some(holder) = &check.open_elsewhere {
            text.push(format!("Open elsewhere: {holder}. Two writers can lose messages."));
            choices.push(Choice { label: "follow it".to_owned(), outcome: Outcome::Follow(key.clone()) });
        }
        if check.not_installed {
            text.push(format!("{agent} is not installed: there is no program \"{}\" on PATH.", key.agent.name()));
        } else if let Some(reason) = check.refused {
            text.push(reason);
        } else if check.directory_gone {
            let cwd = self.known.catalog.get(key).map(|session| session.cwd.to_string()).unwrap_or_default();
            text.push(format!("Its directory is gone: {cwd}"));
            let in_here = self.home.here.as_ref().map(ToString::to_string);
            choices.extend(in_here.map(|dir| here(&format!("{anyway} in {dir}"), Some(dir.clone()), false)));
        } else {
            if check.open_elsewhere.is_some() {
                choices.push(here("fork it: go on with a copy", None, true));
            }
            choices.push(here(anyway, None, false));
        }
        text.extend(check.warning);
        choices.push(Choice { label: "cancel".to_owned(), outcome: Outcome::Cancel });
        Dialog { title: format!("Go on with {agent} here"), text, choices, selected: 0 }
    }
}

impl Chat {
    /// Another salon has it: it is only followed.
    pub(super) fn held_by(&mut self, pid: u32) {
        self.followed = Some(format!("owned by pid {pid}"));
        self.focus = Focus::Transcript;
    }

    /// What is to be done when it is no longer looked at.
    pub(in crate::app) fn closed(self) -> Vec<Effect> {
        let unwatch = self.run.map(|run| Effect::Run(RunEffect::Unwatch(run)));
        let close = self.reader.is_stored().then_some(Effect::CloseTranscript(self.reader.ticket));
        unwatch.into_iter().chain(close).collect()
    }
}
