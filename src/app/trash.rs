//! Moving sessions to the trash, and back.

use super::ctx::Ctx;
use super::dialog::{Dialog, DialogChoice, DialogOutcome};
use super::effect::Effect;
use super::flow::Flow;
use super::layer::Layer;
use super::refused::{self, short};
use super::sessions::Undo;
use super::undo;
use crate::domain::SessionKey;
use crate::domain::catalog::CatalogChange;
use crate::domain::trash_result::TrashResult;

/// Applies the result of moving sessions to the trash.
pub fn trashed(result: TrashResult, ctx: &mut Ctx) -> Flow {
    let TrashResult { done, hidden, refused, queued } = result;
    refused::report(&refused, ("was not moved to the trash", "were not moved to the trash"), ctx);
    match done.as_slice() {
        [] => {}
        [(_, title)] if hidden > 0 => ctx.notices.info(format!("Hidden: {}{}", short(title), undo::hint(ctx))),
        [(_, title)] => ctx.notices.info(format!("Moved to the trash: {}{}", short(title), undo::hint(ctx))),
        several => {
            let only = if hidden > 0 { format!(" ({hidden} only hidden)") } else { String::new() };
            ctx.notices.info(format!("Moved {} sessions to the trash{only}{}", several.len(), undo::hint(ctx)));
        }
    }
    if !done.is_empty() {
        let keys: Vec<_> = done.into_iter().map(|(key, _)| key).collect();
        ctx.sessions.catalog.apply(CatalogChange { removed: keys.clone(), ..CatalogChange::default() });
        let recent = ctx.sessions.remove_recent(&keys);
        ctx.effects.extend(recent);
        // Another machine removes its sessions later; until then their rows must not come back.
        let own: Vec<_> = keys.iter().filter(|key| key.host.is_none()).cloned().collect();
        if !own.is_empty() {
            ctx.effects.push(Effect::CheckSessions(own));
        }
        ctx.sessions.undo.push(Undo::Trash(keys));
    }
    if queued.is_empty() { Flow::SessionsChanged } else { Flow::Push(Layer::Dialog(about_queued(queued))) }
}

/// Applies the result of restoring sessions.
pub fn restored(result: &TrashResult, ctx: &mut Ctx) {
    refused::report(&result.refused, ("stays in the trash", "stay in the trash"), ctx);
    match result.done.as_slice() {
        [] => {}
        [(_, title)] => ctx.notices.info(format!("Restored: {}", short(title))),
        several => ctx.notices.info(format!("Restored {} sessions", several.len())),
    }
    if !result.done.is_empty() {
        let keys = result.done.iter().map(|(key, _)| key.clone()).collect();
        ctx.effects.push(Effect::CheckSessions(keys));
    }
    undo::drop_trashed(&result.done, ctx);
}

/// Applies the result of deleting sessions permanently.
pub fn deleted(result: &TrashResult, ctx: &mut Ctx) {
    refused::report(&result.refused, ("was not deleted", "were not deleted"), ctx);
    match result.done.as_slice() {
        [] => {}
        [(_, title)] => ctx.notices.info(format!("Deleted permanently: {}", short(title))),
        several => ctx.notices.info(format!("Deleted {} sessions permanently", several.len())),
    }
    undo::drop_trashed(&result.done, ctx);
}

/// Creates the question about queued prompts, which no session in the trash can receive.
fn about_queued(queued: Vec<(SessionKey, usize)>) -> Dialog {
    let count: usize = queued.iter().map(|(_, count)| count).sum();
    let prompts = if count == 1 { "1 prompt is".to_owned() } else { format!("{count} prompts are") };
    let keys = queued.into_iter().map(|(key, _)| key).collect();
    let choice = |label: &str, outcome| DialogChoice { label: label.to_owned(), outcome };
    Dialog {
        title: "Move to the trash".to_owned(),
        text: vec![format!("{prompts} queued and would never be delivered.")],
        choices: vec![
            choice("Cancel the prompts and move to the trash", DialogOutcome::TrashWithQueue(keys)),
            choice("Keep the session", DialogOutcome::Cancel),
        ],
        selected: 1,
    }
}
