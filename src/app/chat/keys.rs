//! Where a key goes in a conversation: to the question, to what is being written, to the queue, to the transcript.

use super::composer::{Completion, Kind};
use super::queue::Wanted;
use super::told::is_open;
use super::{Chat, Focus};
use crate::app::action::Place;
use crate::app::layer::Layer;
use crate::app::reader::Reader;
use crate::app::runs::RunEffect;
use crate::app::{Action, App, Effect};
use crate::config::key::{Key, KeyCode};
use crate::domain::run::Phase;

impl App {
    /// A key in the conversation on the screen.
    pub(in crate::app) fn key_in_chat(&mut self, key: Key) -> Vec<Effect> {
        if let Some(effects) = self.key_for_question(key) {
            return effects;
        }
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        let armed = std::mem::take(&mut chat.armed);
        if key.code == KeyCode::Esc {
            return self.escape(armed);
        }
        match chat.focus {
            Focus::Composer => self.key_in_composer(key),
            Focus::Queue(id) => self.do_in_queue(Wanted::of(key, id), key),
            Focus::Transcript => {
                let action = self.keymap.action(key, &self.places());
                action.map_or_else(Vec::new, |action| self.act(action))
            }
        }
    }

    /// Text was pasted into the conversation on the screen.
    pub(in crate::app) fn paste_in_chat(&mut self, text: &str) -> Vec<Effect> {
        if self.desk.paste(text) {
            return Vec::new();
        }
        let Some(chat) = self.chat_mut().filter(|chat| chat.followed.is_none()) else { return Vec::new() };
        chat.focus = Focus::Composer;
        chat.composer.text.paste(text);
        self.written()
    }

    /// Does what a conversation's keys ask for. `None`: it is no matter of a conversation.
    pub(in crate::app) fn act_in_chat(&mut self, action: Action) -> Option<Vec<Effect>> {
        let chat = self.chat_mut()?;
        let writing = chat.focus == Focus::Composer;
        Some(match action {
            Action::Send => self.send(),
            Action::Newline => {
                chat.composer.text.insert("\n");
                self.written()
            }
            Action::CompleteWord => self.complete(),
            Action::EditDraft => vec![Effect::Run(RunEffect::EditText(chat.composer.text.whole()))],
            Action::Interrupt => self.interrupt(),
            Action::ChatPageUp => chat.reader.act(Action::PageUp)?,
            Action::ChatPageDown => chat.reader.act(Action::PageDown)?,
            Action::GoOn => self.let_go_on(),
            Action::ReadChat => {
                chat.focus = if writing || chat.followed.is_some() { Focus::Transcript } else { Focus::Composer };
                Vec::new()
            }
            Action::ResumeHere if chat.followed.is_none() => {
                chat.focus = Focus::Composer;
                Vec::new()
            }
            _ => return None,
        })
    }

    /// The questions of the run come first, as far as they take a key.
    fn key_for_question(&mut self, key: Key) -> Option<Vec<Effect>> {
        let Some(Layer::Chat(chat)) = self.layers.last() else { return None };
        let nothing_written = chat.focus != Focus::Composer || chat.composer.is_empty();
        let run = chat.run.clone()?;
        self.desk.key_beside(key, &self.runs, &run, nothing_written)
    }

    fn key_in_composer(&mut self, key: Key) -> Vec<Effect> {
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        if chat.key_in_completion(key) {
            return Vec::new();
        }
        if key.typed().is_some() {
            chat.composer.text.key(key);
            return self.written();
        }
        if let Some(action) = self.keymap.action(key, &[Place::Chat]) {
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
            return if moved { self.look_for_completion() } else { self.written() };
        }
        let action = self.keymap.action(key, &[Place::Everywhere]);
        action.map_or_else(Vec::new, |action| self.act(action))
    }

    /// Up a row; at the first one to the queue, or to what was written before.
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
            chat.focus = Focus::Queue(last);
            return Vec::new();
        }
        let Chat { composer, reader, .. } = chat;
        if composer.older(|| Reader::prompts(reader)) { vec![chat.keep_draft()] } else { Vec::new() }
    }

    fn down(&mut self) -> Vec<Effect> {
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        let width = chat.composer.width;
        if !chat.composer.text.step(true, width) && chat.composer.newer() {
            return vec![chat.keep_draft()];
        }
        Vec::new()
    }

    /// The text was changed.
    fn written(&mut self) -> Vec<Effect> {
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        chat.composer.changed();
        let keep = chat.keep_draft();
        let mut effects = vec![keep];
        effects.extend(self.look_for_completion());
        effects
    }

    /// What can be completed where the cursor is now.
    fn look_for_completion(&mut self) -> Vec<Effect> {
        let Some(Layer::Chat(chat)) = self.layers.last_mut() else { return Vec::new() };
        let info = chat.run.as_ref().and_then(|run| self.runs.get(run));
        let before = chat.composer.completion.take();
        let Some(mut completion) = Completion::at(&chat.composer.text, before) else { return Vec::new() };
        let effects = match completion.kind {
            Kind::Command => {
                completion.search(info.map_or(&[], |info| &info.offers.commands));
                Vec::new()
            }
            Kind::File => {
                let below = chat.directory(info.map(|info| &**info));
                vec![Effect::Run(RunEffect::FindFiles { below, query: completion.query.clone() })]
            }
        };
        chat.composer.completion = Some(completion);
        effects
    }

    fn complete(&mut self) -> Vec<Effect> {
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        let Some(completion) = chat.composer.completion.take() else { return Vec::new() };
        let goes_on = completion.complete(&mut chat.composer.text);
        let keep = chat.keep_draft();
        let mut effects = vec![keep];
        if goes_on {
            effects.extend(self.look_for_completion());
        }
        effects
    }

    fn send(&mut self) -> Vec<Effect> {
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        if let Some(why) = &chat.followed {
            let words = format!("it is only followed ({why}): r asks again, f goes on with a copy");
            self.notices.tell(words);
            return Vec::new();
        }
        if let Some((id, _)) = chat.composer.editing {
            let text = chat.composer.text.whole();
            chat.composer.end_edit();
            let Some(run) = chat.run.clone() else { return Vec::new() };
            let effect = if text.trim().is_empty() {
                RunEffect::CancelPrompt(run, id)
            } else {
                RunEffect::EditPrompt(run, id, text)
            };
            return vec![Effect::Run(effect)];
        }
        if chat.composer.text.whole().trim().is_empty() {
            return self.let_go_on();
        }
        if chat.is_beginning() {
            self.notices.tell("it is just beginning: enter again sends this too");
            return Vec::new();
        }
        let text = chat.composer.take();
        chat.reader.act(Action::Last);
        match chat.run.clone() {
            Some(run) => vec![Effect::Run(RunEffect::Submit { run, text })],
            None => self.begin_run(Some(text)),
        }
    }

    /// A queue that waits for the user goes on.
    fn let_go_on(&mut self) -> Vec<Effect> {
        let run = self.layers.last().and_then(Layer::chat).and_then(|chat| chat.run.clone());
        let Some(info) = run.and_then(|run| self.runs.get(&run)) else { return Vec::new() };
        let waits = info.paused && !self.runs.queue(&info.id).is_empty();
        if waits { vec![Effect::Run(RunEffect::GoOn(info.id.clone()))] } else { Vec::new() }
    }

    /// Clears what is being written; else stops the turn; else asks whether to end the run.
    fn interrupt(&mut self) -> Vec<Effect> {
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        if chat.focus == Focus::Composer && !chat.composer.is_empty() {
            chat.composer.clear();
            return vec![chat.keep_draft()];
        }
        self.stop_turn()
    }

    fn stop_turn(&mut self) -> Vec<Effect> {
        let run = self.layers.last().and_then(Layer::chat).and_then(|chat| chat.run.clone());
        let Some(info) = run.and_then(|run| self.runs.get(&run)) else {
            self.notices.tell("nothing runs here");
            return Vec::new();
        };
        match info.phase {
            Phase::Working { .. } => vec![Effect::Run(RunEffect::Interrupt(info.id.clone()))],
            Phase::Starting | Phase::Interrupting { .. } | Phase::Idle => self.act(Action::StopRun),
            Phase::Stopped(_) => {
                self.notices.tell("nothing runs here");
                Vec::new()
            }
        }
    }

    /// Clears first, then leaves what is written for the transcript, then goes back. While a turn is open two of them
    /// in a row interrupt it, two more ask whether to end the run, and one goes on writing.
    fn escape(&mut self, armed: bool) -> Vec<Effect> {
        let info = self.layers.last().and_then(Layer::chat).and_then(|chat| self.info(chat));
        let open = info.is_some_and(is_open);
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        if chat.composer.completion.take().is_some_and(|completion| !completion.found.is_empty()) {
            return Vec::new();
        }
        if chat.focus == Focus::Composer && chat.composer.end_edit().is_some() {
            return Vec::new();
        }
        if armed && open {
            chat.focus = Focus::Composer;
            return self.stop_turn();
        }
        match chat.focus {
            Focus::Queue(_) => chat.focus = Focus::Composer,
            Focus::Composer => {
                chat.focus = Focus::Transcript;
                chat.armed = open;
            }
            Focus::Transcript => return self.act(Action::Back),
        }
        Vec::new()
    }

    fn do_in_queue(&mut self, wanted: Wanted, key: Key) -> Vec<Effect> {
        let run = self.layers.last().and_then(Layer::chat).and_then(|chat| chat.run.clone());
        let Some(run) = run else { return Vec::new() };
        let queue = self.runs.queue(&run).to_vec();
        let Some(chat) = self.chat_mut() else { return Vec::new() };
        let effect = match wanted {
            Wanted::Nothing => return Vec::new(),
            Wanted::Move { down } => {
                chat.step_in_queue(&queue, down);
                return Vec::new();
            }
            Wanted::Edit(id) => {
                let Some(prompt) = queue.iter().find(|prompt| prompt.id == id) else { return Vec::new() };
                if prompt.state == crate::domain::prompt::PromptState::Sending {
                    self.notices.tell("it is just being sent: it can no longer be changed");
                    return Vec::new();
                }
                chat.composer.edit(id, &prompt.text);
                chat.focus = Focus::Composer;
                return Vec::new();
            }
            Wanted::Up(id) => RunEffect::MovePromptUp(run, id),
            Wanted::Cancel(id) => RunEffect::CancelPrompt(run, id),
            Wanted::Release(id) => RunEffect::ReleasePrompt(run, id),
            Wanted::Else => {
                let action = self.keymap.action(key, &[Place::Chat, Place::Everywhere]);
                return action.map_or_else(Vec::new, |action| self.act(action));
            }
        };
        vec![Effect::Run(effect)]
    }
}

impl Chat {
    /// A key while something can be completed. Whether it was for that.
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
