//! Keys of the screen of changes.

use super::{ChangesContent, ChangesScreen, WantedHunk};
use crate::app::action::{Action, KeyContext};
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::msg::Target;
use crate::app::reader::switch_diff_view;
use crate::app::scroll::{Scroll, steps};
use crate::config::key::Key;

/// Key contexts of the screen of changes, nearest first.
pub const KEY_CONTEXTS: &[KeyContext] =
    &[KeyContext::Changes, KeyContext::Reader, KeyContext::Move, KeyContext::List, KeyContext::Everywhere];

impl ChangesScreen {
    /// Handles a key. The keys of a transcript apply: entries are hunks here, and prompts are files.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        ctx.keymap.action(key, KEY_CONTEXTS).map_or(Flow::Stay, Flow::Act)
    }

    /// Performs an action. `None` if it is not an action of this screen.
    pub fn act(&mut self, action: Action, ctx: &mut Ctx) -> Option<Flow> {
        if let Some(by) = steps(action, self.scroll.height()) {
            self.scroll.by(by);
            return Some(Flow::Stay);
        }
        match action {
            Action::Changes => return Some(Flow::Pop),
            Action::NextEntry => self.step_hunk(true, ctx),
            Action::PreviousEntry => self.step_hunk(false, ctx),
            Action::NextPrompt | Action::Right => self.step_file(true, None, ctx),
            Action::PreviousPrompt | Action::Left => self.step_file(false, None, ctx),
            Action::Scope => self.request_next_scope(ctx),
            Action::SideBySide => switch_diff_view(ctx),
            Action::DiscardHunk => self.discard_hunk(ctx),
            Action::DiscardFile => self.discard_file(ctx),
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

    /// Selects the clicked file.
    pub fn click(&mut self, target: &Target) -> Flow {
        if let Target::Choice(at) = *target
            && at < self.files().len()
        {
            (self.selected, self.scroll) = (at, Scroll::default());
        }
        Flow::Stay
    }

    fn request_next_scope(&mut self, ctx: &mut Ctx) {
        self.scope = self.scope.next();
        (self.content, self.selected, self.scroll) = (ChangesContent::Loading, 0, Scroll::default());
        self.reload(ctx);
    }

    /// Requests the changes again. Until then, the shown ones stay.
    pub(super) fn reload(&mut self, ctx: &mut Ctx) {
        self.ticket = ctx.tickets.issue();
        let Self { ticket, key, scope, .. } = self;
        ctx.effects.push(Effect::LoadChanges { ticket: *ticket, key: key.clone(), scope: *scope });
    }

    /// Scrolls to the next or previous hunk, in the next or previous file if there is none in this one.
    fn step_hunk(&mut self, forward: bool, ctx: &mut Ctx) {
        let before = self.scroll.top;
        let rows = self.hunk_rows.iter().copied();
        let row =
            if forward { rows.clone().find(|row| *row > before) } else { rows.clone().rfind(|row| *row < before) };
        let Some(row) = row else {
            let wanted = if forward { WantedHunk::At(0) } else { WantedHunk::Last };
            return self.step_file(forward, Some(wanted), ctx);
        };
        self.show_row(row);
        // The last hunks may all be on the last page.
        if self.scroll.top == before {
            self.step_file(forward, Some(WantedHunk::At(0)), ctx);
        }
    }

    fn step_file(&mut self, forward: bool, wanted: Option<WantedHunk>, ctx: &mut Ctx) {
        let next = if forward { self.selected.checked_add(1) } else { self.selected.checked_sub(1) };
        match next.filter(|next| *next < self.files().len()) {
            Some(next) => (self.selected, self.scroll, self.wanted) = (next, Scroll::default(), wanted),
            None if self.files().is_empty() => {}
            None => ctx.notices.info(if forward { "No further file" } else { "No earlier file" }),
        }
    }

    /// Shows the entry from which the hunk at the top comes; of several, the last one.
    fn show_entry(&self, ctx: &mut Ctx) -> Flow {
        let Some(author) = self.hunk().and_then(|hunk| hunk.authors.last()) else {
            ctx.notices.info("Made by hand, by a command, or unknown");
            return Flow::Stay;
        };
        Flow::pop_then(Flow::ShowEntry(author.session.clone(), author.entry.saturating_sub(1)))
    }
}
