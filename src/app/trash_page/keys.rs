//! Keys and the mouse on the page of the trash.

use super::TrashPage;
use crate::app::action::{Action, KeyContext};
use crate::app::ctx::Ctx;
use crate::app::dialog::{Dialog, DialogChoice, DialogOutcome};
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::layer::Layer;
use crate::app::msg::Target;
use crate::app::scroll::steps;
use crate::app::text_overlays::closes_outside;
use crate::config::key::Key;
use crate::domain::trash_item::{TrashContent, TrashItem};
use crate::domain::units;
use crate::stdx::text::one_line;

impl TrashPage {
    /// Opens the page and requests its sessions.
    pub fn open(ctx: &mut Ctx) -> Flow {
        ctx.effects.push(Effect::LoadTrash);
        Flow::Push(Layer::Trash(Self::default()))
    }

    /// Handles a key.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        match ctx.keymap.action(key, &[KeyContext::List, KeyContext::Move, KeyContext::Everywhere]) {
            Some(Action::Open | Action::Undo) => {
                let restored = self.rows().get(self.at).map(|item| Effect::Restore(vec![item.key.clone()]));
                ctx.effects.extend(restored);
                Flow::Stay
            }
            Some(Action::Trash) => {
                self.rows().get(self.at).map_or(Flow::Stay, |item| Flow::Push(Layer::Dialog(before_deletion(item))))
            }
            Some(Action::Rescan) => {
                ctx.effects.push(Effect::LoadTrash);
                Flow::Stay
            }
            Some(Action::Back | Action::Leave | Action::Quit | Action::Left | Action::ShowTrash) => Flow::Pop,
            Some(action @ (Action::Help | Action::Palette)) => Flow::Act(action),
            action => {
                if let Some(by) = action.and_then(|action| steps(action, self.height)) {
                    self.step(by);
                }
                Flow::Stay
            }
        }
    }

    /// Selects the clicked row.
    pub fn click(&mut self, target: &Target) -> Flow {
        if let Target::Choice(row) = *target {
            self.select(row);
            return Flow::Stay;
        }
        closes_outside(target)
    }
}

/// Creates the question before a permanent deletion. It says what goes.
fn before_deletion(item: &TrashItem) -> Dialog {
    let what = match &item.content {
        TrashContent::Files { count, bytes, .. } => {
            let files = if *count == 1 { "1 file".to_owned() } else { format!("{count} files") };
            format!("{files}, {}, with everything that belongs to the session.", units::bytes(*bytes))
        }
        TrashContent::Rows { command: Some(command) } => {
            format!("{} deletes it from its database: {command}", item.key.agent.label())
        }
        TrashContent::Rows { command: None } => {
            format!("{} has no command that deletes a session; it stays hidden.", item.key.agent.label())
        }
    };
    let keep = DialogChoice { label: "Keep it in the trash".to_owned(), outcome: DialogOutcome::Cancel };
    let delete = DialogChoice {
        label: "Delete permanently".to_owned(),
        outcome: DialogOutcome::Open(Effect::DeleteTrashed(item.key.clone())),
    };
    let is_possible = !matches!(item.content, TrashContent::Rows { command: None });
    Dialog {
        title: "Delete permanently".to_owned(),
        text: vec![one_line(&item.title), what, "This cannot be undone.".to_owned()],
        choices: is_possible.then_some(delete).into_iter().chain([keep]).collect(),
        selected: usize::from(is_possible),
    }
}
