//! Notifications: a run needs the user or is finished, and is not being looked at.

use super::layer::Layer;
use super::runs;
use super::{App, Effect, failure};
use crate::config::settings::Notify;
use crate::domain::run::{Phase, RunInfo, StopReason, TurnOutcome};
use crate::stdx::text;

/// Minimum duration of a turn in ms before its end is notified while its chat is on the screen, because shorter turns
/// are waited for.
const SHORT_MS: i64 = 3_000;

impl App {
    /// Returns the notifications for a change of a run. `before` is its previous state, if known.
    pub(super) fn notify(&self, before: Option<&RunInfo>, now: &RunInfo) -> Vec<Effect> {
        if self.muted.contains(&now.id) {
            return Vec::new();
        }
        let notification = match self.settings.notify {
            Notify::Off => None,
            Notify::NeedsYou => self.needs_you(before, now),
            Notify::All => self.needs_you(before, now).or_else(|| self.done(before?, now)),
        };
        notification.into_iter().collect()
    }

    /// Notifies about a new approval.
    fn needs_you(&self, before: Option<&RunInfo>, now: &RunInfo) -> Option<Effect> {
        let known = |id: &std::sync::Arc<str>| {
            before.is_some_and(|before| before.approvals.iter().any(|approval| approval.id == *id))
        };
        let new = now.approvals.iter().find(|approval| !known(&approval.id))?;
        if self.focused && self.shows_questions_of(now) {
            return None;
        }
        let what = match new.questions.first() {
            Some(_) => new.summary(),
            None => format!("{} {}", text::one_line(&new.tool), new.summary()),
        };
        Some(Effect::Notify {
            title: format!("{} needs you", now.agent.label()),
            body: format!("{}: {what}", self.run_name(now)),
            needs_you: true,
        })
    }

    /// Notifies about the end of a turn that no other turn follows.
    fn done(&self, before: &RunInfo, now: &RunInfo) -> Option<Effect> {
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
        let took = now.last_event.unwrap_or(self.now).since(since);
        if self.shows(now) && (self.focused || took < SHORT_MS) {
            return None;
        }
        let agent = now.agent;
        let failed = match (&now.phase, &now.last_outcome) {
            (Phase::Stopped(StopReason::Failed(failure)), _) | (_, Some(TurnOutcome::Failed(failure))) => Some(failure),
            _ => None,
        };
        let name = self.run_name(now);
        Some(Effect::Notify {
            title: format!("{} {}", agent.label(), if failed.is_some() { "failed" } else { "finished" }),
            body: failed.map_or_else(|| name.clone(), |failed| format!("{name}: {}", failure::describe(failed, agent))),
            needs_you: false,
        })
    }

    fn shows(&self, info: &RunInfo) -> bool {
        self.on_screen().filter_map(Layer::chat).any(|chat| chat.run.as_ref() == Some(&info.id))
    }

    fn shows_questions_of(&self, info: &RunInfo) -> bool {
        self.shows(info) || matches!(self.layers.last(), Some(Layer::Inbox(_)))
    }

    /// Returns the name of a run: its session's title, else its directory.
    fn run_name(&self, info: &RunInfo) -> String {
        let session = info.session.as_ref().and_then(|key| self.sessions.catalog.get(key));
        let title = session.map(|session| text::one_line(&session.title.text)).filter(|title| !title.is_empty());
        title.unwrap_or_else(|| info.cwd.to_string_lossy().into_owned())
    }
}
