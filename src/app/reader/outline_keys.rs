//! Keys in the outline of a transcript.

use super::outline::GraphTarget;
use super::{KEY_CONTEXTS, Reader};
use crate::app::action::Action;
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::layout::OutlineSetting;
use crate::app::line_editor::LineEditor;
use crate::app::msg::{OutlinePlace, Target};
use crate::app::scroll::steps;
use crate::config::key::{Key, KeyCode};
use crate::domain::outline::OutlineKind;

impl Reader {
    /// Gives the keys to the outline; if it has them already, closes it, also beside the text.
    pub fn toggle_outline(&mut self, ctx: &mut Ctx) {
        if !self.outline.focused {
            self.outline.focus(self.cursor());
            set_outline(OutlineSetting::Shown, ctx);
            return;
        }
        self.outline.blur();
        if self.outline_is_beside() {
            set_outline(OutlineSetting::Hidden, ctx);
        }
    }

    /// Returns true if the outline is beside the text.
    pub fn outline_is_beside(&self) -> bool {
        self.layout.outline == OutlinePlace::Beside
    }

    /// Handles a key in the outline.
    pub fn key_in_outline(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        if self.outline.typing {
            return self.key_in_filter(key, ctx);
        }
        let Some(action) = ctx.keymap.action(key, KEY_CONTEXTS) else { return Flow::Stay };
        match action {
            Action::Expand | Action::Open | Action::Right => return self.go_to_selected(ctx),
            Action::Find | Action::Filter => self.outline.typing = true,
            Action::Outline => self.toggle_outline(ctx),
            Action::NextPrompt => self.outline.step_to(OutlineKind::Prompt, true),
            Action::PreviousPrompt => self.outline.step_to(OutlineKind::Prompt, false),
            Action::NextError => self.outline.step_to(OutlineKind::Error, true),
            Action::PreviousError => self.outline.step_to(OutlineKind::Error, false),
            Action::Back | Action::Leave if !self.outline.filter.is_empty() => {
                self.outline.edit_filter(LineEditor::clear);
                self.outline.follow(self.cursor());
            }
            Action::Back | Action::Leave | Action::Left => self.outline.blur(),
            action => match steps(action, self.layout.outline_rows) {
                Some(rows) => self.outline.step(rows),
                None => return Flow::Act(action),
            },
        }
        Flow::Stay
    }

    /// Scrolls the text; the outline if it has the keys and is under the mouse.
    pub fn wheel(&mut self, target: &Target, lines: i32) {
        match target {
            Target::Jump(_) if self.outline.focused => self.outline.step(isize::try_from(lines).unwrap_or_default()),
            _ => self.scroll(lines),
        }
    }

    /// Pastes into the filter of the outline.
    pub fn paste_in_outline(&mut self, text: &str) {
        self.outline.edit_filter(|line| line.insert(text));
    }

    /// Handles a key in the filter of the outline.
    fn key_in_filter(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        match key.code {
            KeyCode::Enter => return self.go_to_selected(ctx),
            KeyCode::Esc => {
                self.outline.typing = false;
                self.outline.edit_filter(LineEditor::clear);
                self.outline.follow(self.cursor());
            }
            KeyCode::Down => self.outline.step(1),
            KeyCode::Up => self.outline.step(-1),
            KeyCode::Char('j' | 'n') if key.ctrl => self.outline.step(1),
            KeyCode::Char('k' | 'p') if key.ctrl => self.outline.step(-1),
            KeyCode::Backspace if self.outline.filter.is_empty() => self.outline.typing = false,
            _ => self.outline.edit_filter(|line| {
                let _other_keys_do_nothing = line.key(key);
            }),
        }
        Flow::Stay
    }

    /// Goes to the entry, the branch or the session of the selected row, and returns the keys to the text.
    fn go_to_selected(&mut self, ctx: &mut Ctx) -> Flow {
        let selected = self.outline.row(self.outline.selected());
        let selected = selected.map(|row| (row.entry, row.kind, row.target.cloned()));
        self.outline.blur();
        match selected {
            Some((_, _, Some(GraphTarget::Session(key)))) => return Flow::Open(key),
            Some((entry, _, Some(GraphTarget::Branch(branch)))) => {
                ctx.effects.extend(self.show_branch_at(branch, entry));
            }
            Some((entry, OutlineKind::Error, None)) => self.go_to_error(entry),
            Some((entry, _, None)) => {
                self.folds.revealed = None;
                self.go_to(entry);
            }
            None => {}
        }
        self.outline.follow(self.cursor());
        Flow::Stay
    }
}

/// Shows or hides the outline beside the text, also for the next start.
fn set_outline(setting: OutlineSetting, ctx: &mut Ctx) {
    if std::mem::replace(ctx.outline, setting) != setting {
        ctx.effects.push(Effect::SaveState { name: OutlineSetting::NAME, value: setting.name().to_owned() });
    }
}
