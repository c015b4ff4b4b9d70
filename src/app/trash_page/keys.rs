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
use crate::domain::SessionKey;
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
                let keys: Vec<_> = self.chosen().iter().map(|item| item.key.clone()).collect();
                ctx.effects.extend((!keys.is_empty()).then_some(Effect::Restore(keys)));
                Flow::Stay
            }
            Some(Action::Trash) => match self.chosen().as_slice() {
                [] => Flow::Stay,
                [item] => Flow::Push(Layer::Dialog(before_deletion(item))),
                several => Flow::Push(Layer::Dialog(before_deletions(several))),
            },
            Some(Action::Mark) => {
                self.toggle_mark();
                Flow::Stay
            }
            Some(Action::MarkAll) => {
                self.toggle_all_marks();
                Flow::Stay
            }
            Some(Action::Back) if !self.marked.is_empty() => {
                self.marked.clear();
                Flow::Stay
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
    let is_possible = !matches!(item.content, TrashContent::Rows { command: None });
    question(vec![one_line(&item.title), what], if is_possible { vec![item.key.clone()] } else { Vec::new() })
}

/// Creates the question before the permanent deletion of several sessions.
fn before_deletions(items: &[&TrashItem]) -> Dialog {
    let (mut files, mut size, mut sessions, mut rows, mut keys) = (0, 0, 0, 0, Vec::new());
    for item in items {
        match &item.content {
            TrashContent::Files { count, bytes, .. } => {
                (files, size, sessions) = (files + count, size + bytes, sessions + 1);
            }
            TrashContent::Rows { command: Some(_) } => rows += 1,
            TrashContent::Rows { command: None } => continue,
        }
        keys.push(item.key.clone());
    }
    let mut text = vec![format!("{} sessions in the trash", items.len())];
    text.extend((sessions > 0).then(|| format!("{files} files of {sessions} of them, {}", units::bytes(size))));
    text.extend((rows > 0).then(|| format!("{rows} in agents' databases, by the agents' own programs")));
    let stay = items.len() - keys.len();
    text.extend((stay > 0).then(|| format!("{stay} stay hidden: their agents have no command that deletes a session")));
    question(text, keys)
}

/// Creates the question with the choices; without sessions that can be deleted, only that of keeping them.
fn question(mut text: Vec<String>, keys: Vec<SessionKey>) -> Dialog {
    text.push("This cannot be undone.".to_owned());
    let is_possible = !keys.is_empty();
    let keep = DialogChoice { label: "Keep in the trash".to_owned(), outcome: DialogOutcome::Cancel };
    let outcome = DialogOutcome::Open(Effect::DeleteTrashed(keys));
    let delete = DialogChoice { label: "Delete permanently".to_owned(), outcome };
    Dialog {
        title: "Delete permanently".to_owned(),
        text,
        choices: is_possible.then_some(delete).into_iter().chain([keep]).collect(),
        selected: usize::from(is_possible),
    }
}
