//! Keys, actions and the mouse in the chat: for the approval, the composer, the queue or the transcript.

use super::composer::{CompletionKind, ComposerCompletion};
use super::queue::QueueCommand;
use super::{Chat, ChatFocus};
use crate::app::action::{Action, KeyContext};
use crate::app::approvals::ApprovalScope;
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::line_editor::list_step;
use crate::app::msg::Target;
use crate::app::reader::Reader;
use crate::app::runs::is_open;
use crate::config::key::{Key, KeyCode};
use crate::domain::prompt::PromptState;
use crate::domain::run_request::RunRequest;

impl Chat {
    /// Returns the active key contexts, nearest first.
    pub fn key_contexts(&self) -> &'static [KeyContext] {
        use KeyContext::{Chat, Everywhere, List, Move, Reader};
        match self.focus {
            ChatFocus::Transcript => &[Reader, Move, List, Chat, Everywhere],
            ChatFocus::Composer | ChatFocus::Queue(_) => &[Chat, Reader, Move, List, Everywhere],
        }
    }

    /// Handles a key.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        if self.reader.is_typing() {
            self.reader.find_key(key, ctx);
            return Flow::Stay;
        }
        let in_outline = self.focus == ChatFocus::Transcript && self.reader.outline.focused;
        if in_outline && self.reader.outline.typing {
            return self.reader.key_in_outline(key, ctx);
        }
        if let Some(effects) = self.key_for_approval(key, ctx) {
            ctx.effects.extend(effects);
            return Flow::Stay;
        }
        let armed = std::mem::take(&mut self.armed);
        if in_outline {
            return self.reader.key_in_outline(key, ctx);
        }
        if key.code == KeyCode::Esc {
            return self.escape(armed, ctx);
        }
        match self.focus {
            ChatFocus::Composer => self.key_in_composer(key, ctx),
            ChatFocus::Queue(id) => self.perform_in_queue(QueueCommand::of(key, id), key, ctx),
            ChatFocus::Transcript => ctx.keymap.action(key, self.key_contexts()).map_or(Flow::Stay, Flow::Act),
        }
    }

    /// Pastes into the find line, into the answer to an approval or into the composer.
    pub fn paste(&mut self, text: &str, ctx: &mut Ctx) -> Flow {
        if self.reader.is_typing() {
            ctx.effects.extend(self.reader.paste_in_find(text));
        } else if self.reader.outline.typing {
            self.reader.paste_in_outline(text);
        } else if !ctx.approvals.paste(text) && self.read_only.is_none() {
            self.focus = ChatFocus::Composer;
            self.composer.text.paste(text);
            self.text_edited(ctx);
        }
        Flow::Stay
    }

    /// Performs an action. `None` if it is not an action of the chat.
    pub fn act(&mut self, action: Action, ctx: &mut Ctx) -> Option<Flow> {
        match action {
            Action::Send => self.send(ctx),
            Action::Newline => {
                self.composer.text.insert("\n");
                self.text_edited(ctx);
            }
            Action::CompleteWord => self.complete(ctx),
            Action::EditDraft => ctx.effects.push(Effect::EditText(self.composer.text.whole())),
            Action::Interrupt => return Some(self.interrupt(ctx)),
            Action::ChatPageUp => ctx.effects.extend(self.reader.navigate(Action::PageUp)?),
            Action::ChatPageDown => ctx.effects.extend(self.reader.navigate(Action::PageDown)?),
            Action::ResumeQueue => self.send_first(ctx),
            Action::ReadChat => {
                let reads = self.focus == ChatFocus::Composer || self.read_only.is_some();
                self.focus = if reads { ChatFocus::Transcript } else { ChatFocus::Composer };
            }
            Action::Outline => {
                self.focus = ChatFocus::Transcript;
                self.reader.toggle_outline(ctx);
            }
            Action::ResumeHere if self.read_only.is_none() => self.focus = ChatFocus::Composer,
            // Left leads back to the screen below.
            Action::Left => return Some(Flow::Pop),
            action => return self.reader.perform(action, ctx),
        }
        Some(Flow::Stay)
    }

    /// Handles a click.
    pub fn click(&mut self, target: &Target, ctx: &mut Ctx) -> Flow {
        match *target {
            Target::Answer(row) => {
                let scope = self.run.clone().map(ApprovalScope::Run);
                let effects = scope.map(|scope| ctx.approvals.click(row, ctx.runs, &scope));
                ctx.effects.extend(effects.unwrap_or_default());
            }
            Target::Composer => self.focus = ChatFocus::Composer,
            Target::Entry(index) if self.reader.is_selected(index) => return Flow::Act(Action::Expand),
            Target::Entry(index) => self.reader.select(index),
            Target::Jump(index) => self.reader.go_to(index),
            Target::Pinned => return Flow::Act(Action::OtherPane),
            Target::Workspace(_)
            | Target::Row(_)
            | Target::Preview
            | Target::Choice(_)
            | Target::Hint(_)
            | Target::Nothing => {}
        }
        Flow::Stay
    }

    /// Handles a key for the run's approvals. `None` if they do not take it.
    fn key_for_approval(&self, key: Key, ctx: &mut Ctx) -> Option<Vec<Effect>> {
        let composer_empty = self.focus != ChatFocus::Composer || self.composer.is_empty();
        let run = self.run.clone()?;
        ctx.approvals.key_beside(key, ctx.runs, &run, composer_empty)
    }

    fn key_in_composer(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        if self.key_in_completion(key) {
            return Flow::Stay;
        }
        if key.typed().is_some() {
            self.composer.text.key(key);
            self.text_edited(ctx);
            return Flow::Stay;
        }
        if let Some(action) = ctx.keymap.action(key, &[KeyContext::Chat]) {
            return Flow::Act(action);
        }
        match key.code {
            KeyCode::Up if !key.ctrl && !key.alt => {
                self.up(ctx);
                return Flow::Stay;
            }
            KeyCode::Down if !key.ctrl && !key.alt => {
                self.down(ctx);
                return Flow::Stay;
            }
            _ => {}
        }
        let before = self.composer.text.shown().len();
        if self.composer.text.key(key) {
            if self.composer.text.shown().len() == before {
                self.update_completion(ctx);
            } else {
                self.text_edited(ctx);
            }
            return Flow::Stay;
        }
        ctx.keymap.action(key, &[KeyContext::Everywhere]).map_or(Flow::Stay, Flow::Act)
    }

    /// Handles a key in the completion list. Returns false if the key is not for it.
    fn key_in_completion(&mut self, key: Key) -> bool {
        let Some(completion) = self.composer.completion.as_mut().filter(|known| !known.found.is_empty()) else {
            return false;
        };
        let Some(by) = list_step(key) else { return false };
        completion.step(by > 0);
        true
    }

    /// Moves up a row; from the first row, to the queue or to earlier prompts.
    fn up(&mut self, ctx: &mut Ctx) {
        let width = self.composer.width;
        if self.composer.text.step(false, width) {
            return;
        }
        let last = self.run.as_ref().and_then(|run| ctx.runs.queue(run).last()).map(|prompt| prompt.id);
        if let Some(last) = last.filter(|_| self.composer.is_empty() && !self.composer.has_cleared()) {
            self.focus = ChatFocus::Queue(last);
            return;
        }
        let Self { composer, reader, .. } = self;
        if composer.older(|| Reader::prompts(reader)) {
            ctx.effects.push(self.save_draft());
        }
    }

    fn down(&mut self, ctx: &mut Ctx) {
        let width = self.composer.width;
        if !self.composer.text.step(true, width) && self.composer.newer() {
            ctx.effects.push(self.save_draft());
        }
    }

    /// Handles an edit of the text.
    fn text_edited(&mut self, ctx: &mut Ctx) {
        self.composer.changed();
        ctx.effects.push(self.save_draft());
        self.update_completion(ctx);
    }

    /// Updates the completion at the cursor.
    fn update_completion(&mut self, ctx: &mut Ctx) {
        let info = self.info(ctx.runs);
        let before = self.composer.completion.take();
        let Some(mut completion) = ComposerCompletion::at(&self.composer.text, before) else { return };
        match completion.kind {
            CompletionKind::Command => completion.search(info.map_or(&[], |info| &info.capabilities.commands)),
            CompletionKind::File => {
                let below = self.directory(info);
                ctx.effects.push(Effect::FindFiles { below, query: completion.query.clone() });
            }
        }
        self.composer.completion = Some(completion);
    }

    fn complete(&mut self, ctx: &mut Ctx) {
        let Some(completion) = self.composer.completion.take() else { return };
        let is_directory = completion.complete(&mut self.composer.text);
        ctx.effects.push(self.save_draft());
        if is_directory {
            self.update_completion(ctx);
        }
    }

    /// Handles Esc: clears first, then moves the focus to the transcript, then closes the chat. While a turn is open, a
    /// second Esc interrupts it, and further ones ask whether to stop the run.
    fn escape(&mut self, armed: bool, ctx: &mut Ctx) -> Flow {
        let open = self.info(ctx.runs).is_some_and(|info| is_open(&info.phase));
        if self.composer.completion.take().is_some_and(|completion| !completion.found.is_empty()) {
            return Flow::Stay;
        }
        if self.focus == ChatFocus::Composer && self.composer.end_edit().is_some() {
            return Flow::Stay;
        }
        if armed && open {
            self.focus = ChatFocus::Composer;
            return self.interrupt_turn(ctx);
        }
        match self.focus {
            ChatFocus::Queue(_) => self.focus = ChatFocus::Composer,
            ChatFocus::Composer => {
                self.focus = ChatFocus::Transcript;
                self.armed = open;
            }
            ChatFocus::Transcript => return Flow::Act(Action::Back),
        }
        Flow::Stay
    }

    fn perform_in_queue(&mut self, command: QueueCommand, key: Key, ctx: &mut Ctx) -> Flow {
        let Some(run) = self.run.clone() else { return Flow::Stay };
        let queue = ctx.runs.queue(&run);
        let request = match command {
            QueueCommand::Nothing => return Flow::Stay,
            QueueCommand::Move { down } => {
                self.step_in_queue(queue, down);
                return Flow::Stay;
            }
            QueueCommand::Edit(id) => {
                let Some(prompt) = queue.iter().find(|prompt| prompt.id == id) else { return Flow::Stay };
                if prompt.state == PromptState::Sending {
                    ctx.notices.info("Already being sent: it can no longer be changed");
                } else {
                    self.composer.edit(id, &prompt.text);
                    self.focus = ChatFocus::Composer;
                }
                return Flow::Stay;
            }
            QueueCommand::Up(id) => RunRequest::MovePromptUp(run, id),
            QueueCommand::Cancel(id) => RunRequest::CancelPrompt(run, id),
            QueueCommand::Release(id) => RunRequest::ReleasePrompt(run, id),
            QueueCommand::NotQueue => {
                return match ctx.keymap.action(key, &[KeyContext::Chat, KeyContext::Everywhere]) {
                    Some(Action::Leave) => self.escape(false, ctx),
                    action => action.map_or(Flow::Stay, Flow::Act),
                };
            }
        };
        ctx.effects.push(Effect::Run(request));
        Flow::Stay
    }
}
