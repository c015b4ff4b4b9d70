//! Keys of the overlays that only scroll a text: the problems, the backends.

use super::action::{Action, KeyContext};
use super::backends::BackendsView;
use super::ctx::Ctx;
use super::effect::Effect;
use super::flow::Flow;
use super::issues::IssuesView;
use super::msg::Target;
use super::scroll::{Scroll, steps};
use crate::config::key::Key;

impl IssuesView {
    /// Handles a key.
    pub fn key(&mut self, key: Key, ctx: &Ctx) -> Flow {
        scroll_by_key(&mut self.scroll, key, ctx)
    }

    /// Handles a click.
    pub fn click(&self, target: &Target) -> Flow {
        closes_outside(target)
    }
}

impl BackendsView {
    /// Handles a key.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        match ctx.keymap.action(key, &[KeyContext::Move, KeyContext::Everywhere]) {
            Some(Action::Rescan) => {
                ctx.effects.push(Effect::LoadBackends);
                Flow::Stay
            }
            Some(Action::Backends) => Flow::Pop,
            _ => scroll_by_key(&mut self.scroll, key, ctx),
        }
    }
}

/// Scrolls with the navigation keys. Keys that lead away close the overlay.
fn scroll_by_key(scroll: &mut Scroll, key: Key, ctx: &Ctx) -> Flow {
    let Some(action) = ctx.keymap.action(key, &[KeyContext::Move, KeyContext::Everywhere]) else { return Flow::Stay };
    match action {
        Action::Back | Action::Leave | Action::Quit | Action::Help | Action::Issues | Action::Left => Flow::Pop,
        action => match steps(action, scroll.height()) {
            Some(by) => {
                scroll.by(by);
                Flow::Stay
            }
            None => Flow::Act(action),
        },
    }
}

/// Closes an overlay with a click outside of it.
pub(super) fn closes_outside(target: &Target) -> Flow {
    match target {
        Target::Nothing | Target::Pinned => Flow::Pop,
        Target::Workspace(_)
        | Target::Row(_)
        | Target::Preview
        | Target::Border
        | Target::Entry(_)
        | Target::Jump(_)
        | Target::Hint(_)
        | Target::Composer
        | Target::Choice(_)
        | Target::Answer(_)
        | Target::Request
        | Target::Subagent(_) => Flow::Stay,
    }
}
