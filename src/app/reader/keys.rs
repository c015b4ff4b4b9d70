//! Keys, actions and the mouse in a transcript on the whole screen.

use super::Reader;
use super::diff_view::{DiffView, SIDE_BY_SIDE_WIDTH};
use crate::app::action::{Action, KeyContext};
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::msg::Target;
use crate::config::key::Key;
use crate::domain::live_status::LiveStatus;

/// Key contexts of a transcript, nearest first.
pub const KEY_CONTEXTS: &[KeyContext] =
    &[KeyContext::Reader, KeyContext::Move, KeyContext::List, KeyContext::Everywhere];

impl Reader {
    /// Handles a key.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        if self.is_typing() {
            self.find_key(key, ctx);
            return Flow::Stay;
        }
        if self.outline.focused {
            return self.key_in_outline(key, ctx);
        }
        ctx.keymap.action(key, KEY_CONTEXTS).map_or(Flow::Stay, Flow::Act)
    }

    /// Pastes into the find line.
    pub fn paste(&mut self, text: &str, ctx: &mut Ctx) -> Flow {
        if self.is_typing() {
            ctx.effects.extend(self.paste_in_find(text));
        } else if self.outline.typing {
            self.paste_in_outline(text);
        }
        Flow::Stay
    }

    /// Performs an action. `None` if it is not an action of a transcript. A sub-agent's session opens as a layer of its
    /// own.
    pub fn act(&mut self, action: Action, ctx: &mut Ctx) -> Option<Flow> {
        match action {
            // Left leads back to the screen below.
            Action::Left => Some(Flow::Pop),
            Action::Outline => {
                self.toggle_outline(ctx);
                Some(Flow::Stay)
            }
            action => self.perform(action, ctx),
        }
    }

    /// Performs an action of a transcript that may be a part of a screen.
    pub(in crate::app) fn perform(&mut self, action: Action, ctx: &mut Ctx) -> Option<Flow> {
        let subagent = self.subagent().filter(|_| action == Action::Expand);
        if let Some(key) = subagent.filter(|key| ctx.sessions.catalog.get(key).is_some()) {
            return Some(Flow::Open(key));
        }
        match action {
            Action::NextBranch | Action::PreviousBranch if !self.has_branches() => {
                ctx.notices.info("This session has no branches");
                return Some(Flow::Stay);
            }
            Action::NextError | Action::PreviousError | Action::NextPrompt | Action::PreviousPrompt => {
                if !self.mark(action) {
                    ctx.notices.info(match action {
                        Action::NextError => "No further error",
                        Action::PreviousError => "No earlier error",
                        Action::NextPrompt => "No further prompt",
                        _ => "No earlier prompt",
                    });
                }
                return Some(Flow::Stay);
            }
            Action::SideBySide => {
                self.switch_diff_view(ctx);
                return Some(Flow::Stay);
            }
            Action::FileVersion => return Some(self.choose_file_view(ctx)),
            Action::CopyEntry => return Some(self.copy_entry(ctx)),
            Action::CopyCode => return Some(self.copy_code(ctx)),
            Action::Expand => return Some(self.expand(ctx)),
            _ => {}
        }
        let effects = self.navigate(action)?;
        ctx.effects.extend(effects);
        Some(Flow::Stay)
    }

    /// Switches to the other arrangement of diffs, also for the next start.
    fn switch_diff_view(&mut self, ctx: &mut Ctx) {
        switch_diff_view(ctx);
        // The heights of entries change, but not the position of the current one.
        self.refold(|_| {});
    }

    /// Handles a click. A click on the selected entry unfolds it.
    pub fn click(&mut self, target: &Target) -> Flow {
        match *target {
            Target::Entry(index) if self.is_selected(index) => Flow::Act(Action::Expand),
            Target::Entry(index) => {
                self.select(index);
                Flow::Stay
            }
            Target::Jump(index) => {
                self.go_to(index);
                Flow::Stay
            }
            Target::Pinned => Flow::Act(Action::OtherPane),
            Target::Workspace(_)
            | Target::Row(_)
            | Target::Preview
            | Target::Border
            | Target::Composer
            | Target::Choice(_)
            | Target::Answer(_)
            | Target::Hint(_)
            | Target::Request
            | Target::Subagent(_)
            | Target::Nothing => Flow::Stay,
        }
    }

    /// Updates the description of who writes a watched transcript. `live` is its live process.
    pub fn describe_writer(&mut self, live: Option<&LiveStatus>) {
        self.watched_by = Some(match live {
            Some(status) => {
                let pid = status.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
                format!("open in {}{pid}", self.key.agent.label())
            }
            None => "not open in any program".to_owned(),
        });
    }
}

/// Switches to the other arrangement of diffs, also for the next start.
pub fn switch_diff_view(ctx: &mut Ctx) {
    *ctx.diff_view = ctx.diff_view.other();
    let value = ctx.diff_view.value().to_owned();
    ctx.effects.push(Effect::SaveState { name: DiffView::NAME, value });
    if ctx.size.0 < SIDE_BY_SIDE_WIDTH {
        ctx.notices.info(format!("Diffs can be side by side from {SIDE_BY_SIDE_WIDTH} columns"));
    }
}
