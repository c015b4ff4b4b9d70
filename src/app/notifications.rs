//! Notifications: a run needs the user or is finished, and is not being looked at.

use std::sync::Arc;

use super::ctx::Ctx;
use super::effect::Effect;
use super::{failure, runs};
use crate::config::settings::Notify;
use crate::domain::run::{Phase, RunInfo, StopReason, TurnOutcome};
use crate::stdx::text;

/// Minimum duration of a turn in ms before its end is notified while its chat is on the screen, because shorter turns
/// are waited for.
const SHORT_MS: i64 = 3_000;

/// Parts of a run that are on the screen.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunVisibility {
    /// True if its chat is.
    pub chat: bool,
    /// True if its approvals are: in the chat or in the inbox.
    pub approvals: bool,
}

/// Returns the notification for a change of a run. `before` is its previous state, if known.
pub(super) fn of_change(before: Option<&RunInfo>, now: &RunInfo, visible: RunVisibility, ctx: &Ctx) -> Option<Effect> {
    if ctx.muted.contains(&now.id) {
        return None;
    }
    match ctx.settings.notify {
        Notify::Off => None,
        Notify::NeedsYou => needs_you(before, now, visible, ctx),
        Notify::All => needs_you(before, now, visible, ctx).or_else(|| done(before?, now, visible, ctx)),
    }
}

/// Notifies about a new approval.
fn needs_you(before: Option<&RunInfo>, now: &RunInfo, visible: RunVisibility, ctx: &Ctx) -> Option<Effect> {
    let known = |id: &Arc<str>| before.is_some_and(|before| before.approvals.iter().any(|approval| approval.id == *id));
    let new = now.approvals.iter().find(|approval| !known(&approval.id))?;
    if ctx.focused && visible.approvals {
        return None;
    }
    Some(Effect::Notify {
        title: format!("{} needs you", now.agent.label()),
        body: format!("{}: {}", run_name(now, ctx), new.headline()),
        needs_you: true,
    })
}

/// Notifies about the end of a turn that no other turn follows.
fn done(before: &RunInfo, now: &RunInfo, visible: RunVisibility, ctx: &Ctx) -> Option<Effect> {
    let since = match before.phase {
        Phase::Working { since, .. } => since,
        Phase::Starting | Phase::Idle | Phase::Interrupting { .. } | Phase::Stopped(_) => return None,
    };
    let continues = runs::is_open(&now.phase) || (now.queued > 0 && !now.paused);
    if continues
        || now.last_outcome == Some(TurnOutcome::Interrupted)
        || now.phase == Phase::Stopped(StopReason::OnRequest)
    {
        return None;
    }
    let took = now.last_event.unwrap_or(ctx.now).since(since);
    if visible.chat && (ctx.focused || took < SHORT_MS) {
        return None;
    }
    let agent = now.agent;
    let failed = match (&now.phase, &now.last_outcome) {
        (Phase::Stopped(StopReason::Failed(failure)), _) | (_, Some(TurnOutcome::Failed(failure))) => Some(failure),
        _ => None,
    };
    let name = run_name(now, ctx);
    Some(Effect::Notify {
        title: format!("{} {}", agent.label(), if failed.is_some() { "failed" } else { "finished" }),
        body: failed.map_or_else(|| name.clone(), |failed| format!("{name}: {}", failure::describe(failed, agent))),
        needs_you: false,
    })
}

/// Returns the name of a run: its session's title, else its directory.
pub(super) fn run_name(info: &RunInfo, ctx: &Ctx) -> String {
    let session = info.session.as_ref().and_then(|key| ctx.sessions.catalog.get(key));
    let title = session.map(|session| text::one_line(&session.title.text)).filter(|title| !title.is_empty());
    title.unwrap_or_else(|| info.cwd.to_string_lossy().into_owned())
}
