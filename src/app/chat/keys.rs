//! Keys, actions and the mouse in the chat: for the approval, the composer, the queue or the transcript.

use super::composer::{CompletionKind, ComposerCompletion};
use super::queue::QueueCommand;
use super::{Chat, ChatFocus};
use crate::app::action::{Action, KeyContext};
use crate::app::approvals::{ApprovalScope, InputBeside};
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::line_editor::list_step;
use crate::app::msg::Target;
use crate::app::reader::Reader;
use crate::config::key::{Key, KeyCode};
use crate::config::settings::DuringTurn;
use crate::domain::prompt::PromptState;
use crate::domain::run::TurnNumber;
use crate::domain::run_request::RunRequest;

impl Chat {
    /// Returns the active key contexts, nearest first.
    pub fn key_contexts(&self) -> &'static [KeyContext] {
        use KeyContext::{Chat, Everywhere, List, Move, Reader};
        match self.focus {
            ChatFocus::Transcript => &[Reader, Move, List, Chat, Everywhere],
            ChatFocus::Composer | ChatFocus::Queue(_) | ChatFocus::Tasks(_) => &[Chat, Reader, Move, List, Everywhere],
        }
    }

    /// Handles a key.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        let armed = std::mem::take(&mut self.armed);
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
        if in_outline {
            return self.reader.key_in_outline(key, ctx);
        }
        if key.code == KeyCode::Esc {
            return self.escape(armed, ctx);
        }
        match self.focus {
            ChatFocus::Composer => self.key_in_composer(key, ctx),
            ChatFocus::Queue(id) => self.perform_in_queue(QueueCommand::of(key, id), key, ctx),
            ChatFocus::Tasks(_) => match self.key_in_tasks(key, ctx) {
                Some(flow) => flow,
                None => self.key_beside_composer(key, ctx),
            },
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
            Action::Send => self.send(ctx.settings.during_turn == DuringTurn::Steer, ctx),
            Action::Steer => self.send(true, ctx),
            Action::NextMode => self.next_mode(ctx),
            Action::Tasks => self.next_task_view(ctx.runs),
            Action::Expand if self.subagent(ctx).is_some() => return self.subagent(ctx).map(Flow::Open),
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
            Action::ContinueAtReset => self.continue_at_reset(ctx),
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
            Target::Request => {
                let scope = self.run.clone().map(ApprovalScope::Run);
                let effects = scope.map(|scope| ctx.approvals.click_request(ctx.runs, &scope));
                ctx.effects.extend(effects.unwrap_or_default());
            }
            Target::Composer => self.focus = ChatFocus::Composer,
            Target::Subagent(at) => {
                let subagent = self.info(ctx.runs).and_then(|info| self.session_of(info.subagents.get(at)?, ctx));
                return subagent.map_or(Flow::Stay, Flow::Open);
            }
            Target::Entry(index) if self.reader.is_selected(index) => return Flow::Act(Action::Expand),
            Target::Entry(index) => self.reader.select(index),
            Target::Jump(index) => self.reader.go_to(index),
            Target::Pinned => return Flow::Act(Action::OtherPane),
            Target::Workspace(_)
            | Target::Row(_)
            | Target::Preview
            | Target::Border
            | Target::Choice(_)
            | Target::Hint(_)
            | Target::Nothing => {}
        }
        Flow::Stay
    }

    /// Handles a key for the run's approvals. `None` if they do not take it.
    fn key_for_approval(&self, key: Key, ctx: &mut Ctx) -> Option<Vec<Effect>> {
        let input = match self.focus {
            ChatFocus::Composer if self.composer.is_empty() => InputBeside::Empty,
            ChatFocus::Composer => InputBeside::Text,
            ChatFocus::Transcript | ChatFocus::Queue(_) | ChatFocus::Tasks(_) => InputBeside::None,
        };
        let run = self.run.clone()?;
        ctx.approvals.key_beside(key, ctx.runs, &run, input)
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
                self.down();
                return Flow::Stay;
            }
            // Left leads back to the screen below; there is no text to move in.
            KeyCode::Left if key == Key::plain(KeyCode::Left) && self.composer.is_empty() => return self.leave(),
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

    /// Moves up a row; from the first row, restores a cleared text, then moves to the queue, then to earlier texts.
    fn up(&mut self, ctx: &mut Ctx) {
        let width = self.composer.width;
        if self.composer.text.step(false, width) {
            return;
        }
        if self.composer.was_cleared() && self.composer.restore() {
            ctx.effects.push(self.save_draft());
            return;
        }
        let last = self.queue(ctx.runs).last().map(|prompt| prompt.id);
        let is_draft = self.composer.editing.is_none() && !self.composer.shows_history();
        match last.filter(|_| is_draft) {
            Some(last) => self.focus = ChatFocus::Queue(last),
            None => {
                self.show_older();
            }
        }
    }

    /// Shows the next older text in the composer. Returns false if there is none.
    pub(super) fn show_older(&mut self) -> bool {
        let Self { composer, reader, .. } = self;
        composer.older(|| Reader::prompts(reader))
    }

    fn down(&mut self) {
        let width = self.composer.width;
        if !self.composer.text.step(true, width) {
            self.composer.newer();
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
                // Files of another machine are not known here.
                if self.host().is_none() {
                    let below = self.directory(info);
                    ctx.effects.push(Effect::FindFiles { below, query: completion.query.clone() });
                }
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

    /// Handles Esc. It leads from the completion, the queue and the transcript to the composer. There, it interrupts an
    /// open turn if pressed twice, else it closes the chat.
    fn escape(&mut self, armed: Option<TurnNumber>, ctx: &mut Ctx) -> Flow {
        if self.composer.completion.take().is_some_and(|completion| !completion.found.is_empty()) {
            return Flow::Stay;
        }
        match self.focus {
            ChatFocus::Queue(_) | ChatFocus::Tasks(_) => self.focus = ChatFocus::Composer,
            ChatFocus::Transcript => match self.reader.navigate(Action::Back) {
                Some(effects) => ctx.effects.extend(effects),
                None if self.read_only.is_some() => return Flow::Pop,
                None => self.focus = ChatFocus::Composer,
            },
            ChatFocus::Composer if self.composer.end_edit().is_some() => {}
            ChatFocus::Composer if self.command.is_some() => {
                self.end_command(ctx);
            }
            ChatFocus::Composer => match self.open_turn(ctx.runs) {
                None => return Flow::Pop,
                Some(turn) if armed == Some(turn) => return self.interrupt_turn(ctx),
                turn => self.armed = turn,
            },
        }
        Flow::Stay
    }

    /// Closes the chat from an empty composer; a queued prompt that is edited keeps it open.
    fn leave(&self) -> Flow {
        if self.composer.editing.is_some() { Flow::Stay } else { Flow::Pop }
    }

    /// Handles a key of the chat in a list beside the composer.
    fn key_beside_composer(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        match ctx.keymap.action(key, &[KeyContext::Chat, KeyContext::Everywhere]) {
            Some(Action::Leave) => self.escape(None, ctx),
            action => action.map_or(Flow::Stay, Flow::Act),
        }
    }

    fn perform_in_queue(&mut self, command: QueueCommand, key: Key, ctx: &mut Ctx) -> Flow {
        let Some(run) = self.run.clone() else { return Flow::Stay };
        let queue = self.queue(ctx.runs);
        let request = match command {
            QueueCommand::Nothing => return Flow::Stay,
            QueueCommand::Move { down } => {
                self.step_in_queue(&queue, down);
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
            QueueCommand::Cancel(id) => {
                let prompt = queue.iter().find(|prompt| prompt.id == id && prompt.state != PromptState::Sending);
                if let Some(prompt) = prompt {
                    self.composer.keep(&prompt.text);
                    ctx.notices.info("Prompt taken back: u, or ↑ in the composer, restores it");
                }
                RunRequest::CancelPrompt(run, id)
            }
            QueueCommand::Undo => {
                if self.composer.restore() {
                    self.focus = ChatFocus::Composer;
                    ctx.effects.push(self.save_draft());
                }
                return Flow::Stay;
            }
            QueueCommand::Release(id) => RunRequest::ReleasePrompt(run, id),
            QueueCommand::NotQueue => return self.key_beside_composer(key, ctx),
        };
        ctx.effects.push(Effect::Run(request));
        Flow::Stay
    }
}
