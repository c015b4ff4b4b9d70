//! Undo of what moved or changed files: of the trash and of rewinds, the last one first.

use super::action::Action;
use super::ctx::Ctx;
use super::effect::Effect;
use super::sessions::Undo;
use crate::domain::SessionKey;
use crate::domain::rewind::{ConversationRevert, RewindTarget};

/// Undoes what was done last.
pub(super) fn undo(ctx: &mut Ctx) {
    match ctx.sessions.undo.pop() {
        Some(Undo::Trash(keys)) => ctx.effects.push(Effect::Restore(keys)),
        Some(Undo::Rewind { key, snapshot }) => {
            ctx.effects.push(Effect::RewindFiles { key, target: RewindTarget::Snapshot(snapshot) });
        }
        Some(Undo::Conversation { key, snapshot }) => {
            let revert = ConversationRevert::Undo { snapshot };
            ctx.effects.push(Effect::RevertConversation { key, revert, prompt: String::new() });
        }
        None => ctx.notices.info("Nothing to undo: salon restore brings back older sessions"),
    }
}

/// Drops sessions that are no longer in the trash from what can be undone.
pub(super) fn drop_trashed(gone: &[(SessionKey, String)], ctx: &mut Ctx) {
    ctx.sessions.undo.retain_mut(|undo| match undo {
        Undo::Trash(keys) => {
            keys.retain(|key| !gone.iter().any(|(gone, _)| gone == key));
            !keys.is_empty()
        }
        Undo::Rewind { .. } | Undo::Conversation { .. } => true,
    });
}

/// Returns the key that undoes, for notices: ` · u undoes`.
pub(super) fn hint(ctx: &Ctx) -> String {
    ctx.keymap.hint(Action::Undo).map(|key| format!(" · {key} undoes")).unwrap_or_default()
}
