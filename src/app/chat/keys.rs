//! Key dispatch in the chat: to the approval, the composer, the queue or the transcript.

use super::composer::{CompletionKind, ComposerCompletion};
use super::queue::QueueCommand;
use super::run_messages::is_open;
use super::{Chat, ChatFocus};
use crate::app::action::KeyContext;
use crate::app::layer::Layer;
use crate::app::reader::Reader;
use crate::app::{Action, App, Effect};
use crate::config::key::{Key, KeyCode};
use crate::domain::prompt::PromptState;
use crate::domain::run::Phase;
use crate::domain::run_request::RunRequest;

impl App {
    /// Handles a key in the chat.
    pub(in crate::app) fn key_in_chat(&mut self, key: Key) -> Vec<Effect> {
        if let Some(effects) = self.key_for_approval(key) {
            return effects;
        }
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        let armed = std::mem::take(&mut chat.armed);
        if key.code == KeyCode::Esc {
            return self.escape(armed);
        }
        match chat.focus {
            ChatFocus::Composer => self.key_in_composer(key),
            ChatFocus::Queue(id) => self.perform_in_queue(QueueCommand::of(key, id), key),
            ChatFocus::Transcript => {
                let action = self.keymap.action(key, &self.key_contexts());
                action.map_or_else(Vec::new, |action| self.act(action))
            }
        }
    }

    /// Pastes into the chat.
    pub(in crate::app) fn paste_in_chat(&mut self, text: &str) -> Vec<Effect> {
        if self.approvals.paste(text) {
            return Vec::new();
        }
        let Some(chat) = self.chat_mut().filter(|chat| chat.read_only.is_none()) else { return Vec::new() };
        chat.focus = ChatFocus::Composer;
        chat.composer.text.paste(text);
        self.text_edited()
    }

    /// Performs an action in the chat. `None` if it is not an action of the chat.
    pub(in crate::app) fn act_in_chat(&mut self, action: Action) -> Option<Vec<Effect>> {
        let chat = self.chat_mut()?;
        let in_composer = chat.focus == ChatFocus::Composer;
        Some(match action {
            Action::Send => self.send(),
            Action::Newline => {
                chat.composer.text.insert("\n");
                self.text_edited()
            }
            Action::CompleteWord => self.complete(),
            Action::EditDraft => vec![Effect::EditText(chat.composer.text.whole())],
            Action::Interrupt => self.interrupt(),
            Action::ChatPageUp => chat.reader.act(Action::PageUp)?,
            Action::ChatPageDown => chat.reader.act(Action::PageDown)?,
            Action::ResumeQueue => self.send_first(),
            Action::ReadChat => {
                chat.focus =
                    if in_composer || chat.read_only.is_some() { ChatFocus::Transcript } else { ChatFocus::Composer };
                Vec::new()
            }
            Action::ResumeHere if chat.read_only.is_none() => {
                chat.focus = ChatFocus::Composer;
                Vec::new()
            }
            _ => return None,
        })
    }

    /// Handles a key for the run's approvals. `None` if they do not take it.
    fn key_for_approval(&mut self, key: Key) -> Option<Vec<Effect>> {
        let Some(Layer::Chat(chat)) = self.layers.last() else { return None };
        let composer_empty = chat.focus != ChatFocus::Composer || chat.composer.is_empty();
        let run = chat.run.clone()?;
        self.approvals.key_beside(key, &self.runs, &run, composer_empty)
    }

    fn key_in_composer(&mut self, key: Key) -> Vec<Effect> {
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        if chat.key_in_completion(key) {
            return Vec::new();
        }
        if key.typed().is_some() {
            chat.composer.text.key(key);
            return self.text_edited();
        }
        if let Some(action) = self.keymap.action(key, &[KeyContext::Chat]) {
            return self.act(action);
        }
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        match key.code {
            KeyCode::Up if !key.ctrl && !key.alt => return self.up(),
            KeyCode::Down if !key.ctrl && !key.alt => return self.down(),
            _ => {}
        }
        let before = chat.composer.text.shown().len();
        if chat.composer.text.key(key) {
            let moved = chat.composer.text.shown().len() == before;
            return if moved { self.update_completion() } else { self.text_edited() };
        }
        let action = self.keymap.action(key, &[KeyContext::Everywhere]);
        action.map_or_else(Vec::new, |action| self.act(action))
    }

    /// Moves up a row; from the first row, to the queue or to earlier prompts.
    fn up(&mut self) -> Vec<Effect> {
        let last = self.layers.last().and_then(Layer::chat).and_then(|chat| {
            let queue = self.runs.queue(chat.run.as_ref()?);
            queue.last().map(|prompt| prompt.id)
        });
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        let width = chat.composer.width;
        if chat.composer.text.step(false, width) {
            return Vec::new();
        }
        if let Some(last) = last.filter(|_| chat.composer.is_empty() && !chat.composer.has_cleared()) {
            chat.focus = ChatFocus::Queue(last);
            return Vec::new();
        }
        let Chat { composer, reader, .. } = chat;
        if composer.older(|| Reader::prompts(reader)) { vec![chat.save_draft()] } else { Vec::new() }
    }

    fn down(&mut self) -> Vec<Effect> {
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        let width = chat.composer.width;
        if !chat.composer.text.step(true, width) && chat.composer.newer() {
            return vec![chat.save_draft()];
        }
        Vec::new()
    }

    /// Handles an edit of the text.
    fn text_edited(&mut self) -> Vec<Effect> {
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        chat.composer.changed();
        let keep = chat.save_draft();
        let mut effects = vec![keep];
        effects.extend(self.update_completion());
        effects
    }

    /// Updates the completion at the cursor.
    fn update_completion(&mut self) -> Vec<Effect> {
        let Some(Layer::Chat(chat)) = self.layers.last_mut() else { return Vec::new() };
        let info = chat.run.as_ref().and_then(|run| self.runs.get(run));
        let before = chat.composer.completion.take();
        let Some(mut completion) = ComposerCompletion::at(&chat.composer.text, before) else { return Vec::new() };
        let effects = match completion.kind {
            CompletionKind::Command => {
                completion.search(info.map_or(&[], |info| &info.capabilities.commands));
                Vec::new()
            }
            CompletionKind::File => {
                let below = chat.directory(info.map(|info| &**info));
                vec![Effect::FindFiles { below, query: completion.query.clone() }]
            }
        };
        chat.composer.completion = Some(completion);
        effects
    }

    fn complete(&mut self) -> Vec<Effect> {
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        let Some(completion) = chat.composer.completion.take() else { return Vec::new() };
        let is_directory = completion.complete(&mut chat.composer.text);
        let keep = chat.save_draft();
        let mut effects = vec![keep];
        if is_directory {
            effects.extend(self.update_completion());
        }
        effects
    }

    fn send(&mut self) -> Vec<Effect> {
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        if let Some(why) = &chat.read_only {
            let text = format!("Read-only ({why}): r retries, f forks");
            self.notices.info(text);
            return Vec::new();
        }
        if let Some((id, _)) = chat.composer.editing {
            let text = chat.composer.text.whole();
            chat.composer.end_edit();
            let Some(run) = chat.run.clone() else { return Vec::new() };
            let effect = if text.trim().is_empty() {
                RunRequest::CancelPrompt(run, id)
            } else {
                RunRequest::EditPrompt(run, id, text)
            };
            return vec![Effect::Run(effect)];
        }
        if chat.composer.text.whole().trim().is_empty() {
            return self.resume_queue();
        }
        if chat.is_starting() {
            self.notices.info("Still starting: press enter again to send this too");
            return Vec::new();
        }
        let text = chat.composer.take_text();
        chat.reader.act(Action::Last);
        match chat.run.clone() {
            Some(run) => vec![Effect::Run(RunRequest::Submit { run, text })],
            None => self.start_run(Some(text)),
        }
    }

    /// Resumes a paused queue.
    fn resume_queue(&mut self) -> Vec<Effect> {
        let run = self.layers.last().and_then(Layer::chat).and_then(|chat| chat.run.clone());
        let Some(info) = run.and_then(|run| self.runs.get(&run)) else { return Vec::new() };
        let waits = info.paused || matches!(info.phase, Phase::Stopped(_));
        let is_blocked = waits && !self.runs.queue(&info.id).is_empty();
        if is_blocked { vec![Effect::Run(RunRequest::ResumeQueue(info.id.clone()))] } else { Vec::new() }
    }

    /// Resumes the queue; if its first prompt is held or failed, releases it.
    fn send_first(&mut self) -> Vec<Effect> {
        let run = self.layers.last().and_then(Layer::chat).and_then(|chat| chat.run.clone());
        let first = run.as_ref().and_then(|run| self.runs.queue(run).first());
        match (&run, first) {
            (Some(run), Some(first)) if matches!(first.state, PromptState::Held | PromptState::Failed) => {
                vec![Effect::Run(RunRequest::ReleasePrompt(run.clone(), first.id))]
            }
            _ => self.resume_queue(),
        }
    }

    /// Clears the composer, else interrupts the turn, else asks whether to stop the run.
    fn interrupt(&mut self) -> Vec<Effect> {
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        if chat.focus == ChatFocus::Composer && !chat.composer.is_empty() {
            chat.composer.clear();
            return vec![chat.save_draft()];
        }
        self.interrupt_turn()
    }

    fn interrupt_turn(&mut self) -> Vec<Effect> {
        let run = self.layers.last().and_then(Layer::chat).and_then(|chat| chat.run.clone());
        let Some(info) = run.and_then(|run| self.runs.get(&run)) else {
            self.notices.info("Nothing is running here");
            return Vec::new();
        };
        match info.phase {
            Phase::Working { .. } => vec![Effect::Run(RunRequest::Interrupt(info.id.clone()))],
            Phase::Starting | Phase::Interrupting { .. } | Phase::Idle => self.act(Action::StopRun),
            Phase::Stopped(_) => {
                self.notices.info("Nothing is running here");
                Vec::new()
            }
        }
    }

    /// Handles Esc: clears first, then moves the focus to the transcript, then closes the chat. While a turn is open, a
    /// second Esc interrupts it, and further ones ask whether to stop the run.
    fn escape(&mut self, armed: bool) -> Vec<Effect> {
        let info = self.layers.last().and_then(Layer::chat).and_then(|chat| self.info(chat));
        let open = info.is_some_and(is_open);
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        if chat.composer.completion.take().is_some_and(|completion| !completion.found.is_empty()) {
            return Vec::new();
        }
        if chat.focus == ChatFocus::Composer && chat.composer.end_edit().is_some() {
            return Vec::new();
        }
        if armed && open {
            chat.focus = ChatFocus::Composer;
            return self.interrupt_turn();
        }
        match chat.focus {
            ChatFocus::Queue(_) => chat.focus = ChatFocus::Composer,
            ChatFocus::Composer => {
                chat.focus = ChatFocus::Transcript;
                chat.armed = open;
            }
            ChatFocus::Transcript => return self.act(Action::Back),
        }
        Vec::new()
    }

    fn perform_in_queue(&mut self, command: QueueCommand, key: Key) -> Vec<Effect> {
        let run = self.layers.last().and_then(Layer::chat).and_then(|chat| chat.run.clone());
        let Some(run) = run else { return Vec::new() };
        let queue = self.runs.queue(&run).to_vec();
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        let effect = match command {
            QueueCommand::Nothing => return Vec::new(),
            QueueCommand::Move { down } => {
                chat.step_in_queue(&queue, down);
                return Vec::new();
            }
            QueueCommand::Edit(id) => {
                let Some(prompt) = queue.iter().find(|prompt| prompt.id == id) else { return Vec::new() };
                if prompt.state == PromptState::Sending {
                    self.notices.info("Already being sent: it can no longer be changed");
                    return Vec::new();
                }
                chat.composer.edit(id, &prompt.text);
                chat.focus = ChatFocus::Composer;
                return Vec::new();
            }
            QueueCommand::Up(id) => RunRequest::MovePromptUp(run, id),
            QueueCommand::Cancel(id) => RunRequest::CancelPrompt(run, id),
            QueueCommand::Release(id) => RunRequest::ReleasePrompt(run, id),
            QueueCommand::NotQueue => {
                let action = self.keymap.action(key, &[KeyContext::Chat, KeyContext::Everywhere]);
                return action.map_or_else(Vec::new, |action| self.act(action));
            }
        };
        vec![Effect::Run(effect)]
    }
}

impl Chat {
    /// Handles a key in the completion list. Returns false if the key is not for it.
    fn key_in_completion(&mut self, key: Key) -> bool {
        let Some(completion) = self.composer.completion.as_mut().filter(|known| !known.found.is_empty()) else {
            return false;
        };
        match key.code {
            KeyCode::Down => completion.step(true),
            KeyCode::Up => completion.step(false),
            _ => return false,
        }
        true
    }
}
