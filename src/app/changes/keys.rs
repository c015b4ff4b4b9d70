//! Keys of the screen of changes.

use super::{ChangesContent, ChangesScreen};
use crate::app::action::{Action, KeyContext};
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::msg::Target;
use crate::app::reader::switch_diff_view;
use crate::app::scroll::steps;
use crate::config::key::Key;

/// Key contexts of the screen of changes, nearest first.
pub const KEY_CONTEXTS: &[KeyContext] =
    &[KeyContext::Changes, KeyContext::Reader, KeyContext::Move, KeyContext::List, KeyContext::Everywhere];

impl ChangesScreen {
    /// Handles a key. The keys of a transcript apply: entries are hunks here, prompts are files, and matches remarks.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        if self.input.is_some() {
            self.key_in_remark(key, ctx);
            return Flow::Stay;
        }
        ctx.keymap.action(key, KEY_CONTEXTS).map_or(Flow::Stay, Flow::Act)
    }

    /// Performs an action. `None` if it is not an action of this screen.
    pub fn act(&mut self, action: Action, ctx: &mut Ctx) -> Option<Flow> {
        if self.review.is_some() {
            return self.act_on_review(action, ctx);
        }
        if let Some(by) = steps(action, self.scroll.height()) {
            self.move_cursor(by);
            return Some(Flow::Stay);
        }
        match action {
            Action::Back if self.mark.is_some() => self.mark = None,
            Action::Git => {
                let file = self.place().map(|(path, _)| path);
                ctx.effects.push(Effect::LoadGitMenu { key: self.key.clone(), file });
            }
            Action::Remark => self.write_remark(ctx),
            Action::RemarkFile => self.write_file_remark(ctx),
            Action::RemoveRemark => self.remove_remark(ctx),
            Action::MarkLines => self.toggle_mark(),
            Action::SendRemarks => self.preview_review(ctx),
            Action::NextHit => self.step_remark(true, ctx),
            Action::PreviousHit => self.step_remark(false, ctx),
            Action::Changes => return Some(Flow::Pop),
            Action::NextEntry => self.step_hunk(true, ctx),
            Action::PreviousEntry => self.step_hunk(false, ctx),
            Action::NextPrompt | Action::Right => self.step_file(true, None, ctx),
            Action::PreviousPrompt | Action::Left => self.step_file(false, None, ctx),
            Action::Scope => self.request_next_scope(ctx),
            Action::SideBySide => switch_diff_view(ctx),
            Action::DiscardHunk => self.discard_hunk(ctx),
            Action::DiscardFile => self.discard_whole_file(ctx),
            Action::UndoDiscard => self.undo_discard(ctx),
            Action::Expand | Action::Open => return Some(self.show_entry(ctx)),
            Action::EditEntry | Action::EditTranscript => {
                if let Some((path, line)) = self.place() {
                    ctx.effects.push(Effect::EditFile { path, line });
                }
            }
            _ => return None,
        }
        Some(Flow::Stay)
    }

    /// Performs an action while the prompt with the remarks is shown. `None` if it is not one of the preview.
    fn act_on_review(&mut self, action: Action, ctx: &mut Ctx) -> Option<Flow> {
        let review = self.review.as_mut()?;
        if let Some(by) = steps(action, review.scroll.height()) {
            review.scroll.by(by);
            return Some(Flow::Stay);
        }
        match action {
            Action::Expand | Action::Open => return Some(self.send_review(ctx)),
            Action::EditEntry | Action::EditTranscript => ctx.effects.push(Effect::EditText(review.text.clone())),
            Action::Back | Action::SendRemarks => self.review = None,
            Action::Help | Action::Palette | Action::Quit | Action::Suspend | Action::Redraw | Action::Reveal => {
                return None;
            }
            _ => {}
        }
        Some(Flow::Stay)
    }

    /// Selects the clicked file.
    pub fn click(&mut self, target: &Target) -> Flow {
        if let Target::Choice(at) = *target
            && at < self.files().len()
        {
            self.select(at, None);
        }
        Flow::Stay
    }

    fn request_next_scope(&mut self, ctx: &mut Ctx) {
        self.scope = self.scope.next();
        self.content = ChangesContent::Loading;
        self.select(0, None);
        self.reload(ctx);
    }

    /// Requests the changes again. Until then, the shown ones stay.
    pub fn reload(&mut self, ctx: &mut Ctx) {
        self.ticket = ctx.tickets.issue();
        let (ticket, key) = (self.ticket, self.key.clone());
        ctx.effects.push(Effect::LoadChanges { ticket, key, scope: self.scope, branch: self.branch });
    }

    /// Shows the entry from which the hunk of the cursor comes; of several, the last one.
    fn show_entry(&self, ctx: &mut Ctx) -> Flow {
        let Some(author) = self.hunk().and_then(|hunk| hunk.authors.last()) else {
            ctx.notices.info("Made by hand, by a command, or unknown");
            return Flow::Stay;
        };
        Flow::pop_then(Flow::ShowEntry(author.session.clone(), author.entry.saturating_sub(1)))
    }
}
