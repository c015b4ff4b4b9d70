//! Keeping sessions that their agent deletes after some time.

use super::App;
use super::ctx::Ctx;
use super::effect::Effect;
use super::msg::KeepResult;
use super::refused::{self, short};
use crate::config::settings::Keep;
use crate::domain::{Session, SessionKey};

/// Keeps sessions, or releases them if all are kept.
pub fn toggle(keys: Vec<SessionKey>, ctx: &mut Ctx) {
    let kept = |key: &SessionKey| ctx.sessions.catalog.get(key).is_some_and(|session| session.is_kept());
    let all = keys.iter().all(kept);
    if !keys.is_empty() {
        ctx.effects.push(Effect::Keep { keys, kept: !all, silent: false });
    }
}

/// Age of a warning: days before its agent deletes a session.
const WARNING_DAYS: i64 = 7;

/// Returns the days until its agent deletes a session that is not kept, and true if they are few.
pub fn days_left(session: &Session, app: &App) -> Option<(i64, bool)> {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let purged = app.sessions.purge_time(session).filter(|_| !session.is_kept() && !session.flags.subagent)?;
    let days = purged.millis().saturating_sub(app.now.millis()).div_euclid(DAY).max(0);
    Some((days, days <= WARNING_DAYS))
}

/// Applies the result of keeping sessions.
pub fn finished(result: &KeepResult, ctx: &mut Ctx) {
    if result.silent {
        return;
    }
    let verbs =
        if result.kept { ("is not kept", "are not kept") } else { ("stays in the archive", "stay in the archive") };
    refused::report(&result.refused, verbs, ctx);
    match (result.done.as_slice(), result.kept) {
        ([], _) => {}
        ([title], true) => ctx.notices.info(format!("Kept even if its agent deletes it: {}", short(title))),
        ([title], false) => ctx.notices.info(format!("No longer kept: {}", short(title))),
        (several, true) => ctx.notices.info(format!("{} sessions are kept", several.len())),
        (several, false) => ctx.notices.info(format!("{} sessions are no longer kept", several.len())),
    }
}

/// Does what waits until all sessions are known. Projects are remembered by their repositories. Links of kept sessions are made again where a session was
/// replaced, and others are kept if the settings say so.
pub fn keep_due(ctx: &mut Ctx) {
    if ctx.sessions.kept_due || !ctx.sessions.is_complete() {
        return;
    }
    ctx.sessions.kept_due = true;
    ctx.effects.push(Effect::RememberProjects);
    let all = ctx.settings.keep == Keep::All;
    let is_due = |session: &Session| {
        let purged = !session.flags.subagent && ctx.sessions.purge_time(session).is_some();
        purged && (session.is_kept() || all)
    };
    let keys: Vec<_> =
        ctx.sessions.catalog.iter().filter(|session| is_due(session)).map(|session| session.key.clone()).collect();
    if !keys.is_empty() {
        ctx.effects.push(Effect::Keep { keys, kept: true, silent: true });
    }
}
