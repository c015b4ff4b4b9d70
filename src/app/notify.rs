//! When the user is called: a run needs them, or is done, and they are not looking at it.

use super::layer::Layer;
use super::runs::{self, RunEffect};
use super::{App, Effect, failure};
use crate::config::settings::Notify;
use crate::domain::run::{Outcome, Phase, RunInfo, Stopped};
use crate::stdx::text;

/// The end of a shorter turn is no news to somebody who has its chat on the screen, even in another window.
const SHORT_MS: i64 = 3_000;

impl App {
    /// What a change of a run is told about. `before`: what it was, if it was known.
    pub(super) fn notify(&self, before: Option<&RunInfo>, now: &RunInfo) -> Vec<Effect> {
        if self.muted.contains(&now.id) {
            return Vec::new();
        }
        let call = match self.settings.notify {
            Notify::Off => None,
            Notify::NeedsYou => self.needs_you(before, now),
            Notify::All => self.needs_you(before, now).or_else(|| self.done(before?, now)),
        };
        call.into_iter().map(Effect::Run).collect()
    }

    /// There is a question that was not there before.
    fn needs_you(&self, before: Option<&RunInfo>, now: &RunInfo) -> Option<RunEffect> {
        let known = |id: &std::sync::Arc<str>| {
            before.is_some_and(|before| before.approvals.iter().any(|approval| approval.id == *id))
        };
        let new = now.approvals.iter().find(|approval| !known(&approval.id))?;
        if self.focused && self.shows_questions_of(now) {
            return None;
        }
        let what = match new.questions.first() {
            Some(question) => text::one_line(&question.text),
            None => format!("{} {}", text::one_line(&new.tool), new.action.headline()),
        };
        Some(RunEffect::Notify {
            title: format!("{} needs you", now.agent.label()),
            body: format!("{}: {what}", self.run_name(now)),
            needs_you: true,
        })
    }

    /// Its turn ended, and no other follows at once.
    fn done(&self, before: &RunInfo, now: &RunInfo) -> Option<RunEffect> {
        let since = match before.phase {
            Phase::Working { since, .. } => since,
            Phase::Starting | Phase::Idle | Phase::Interrupting { .. } | Phase::Stopped(_) => return None,
        };
        let goes_on = runs::is_open(&now.phase) || (now.queued > 0 && !now.paused);
        if goes_on || now.last == Some(Outcome::Interrupted) || now.phase == Phase::Stopped(Stopped::OnRequest) {
            return None;
        }
        let took = now.active.unwrap_or(self.now).since(since);
        if self.shows(now) && (self.focused || took < SHORT_MS) {
            return None;
        }
        let agent = now.agent;
        let failed = match (&now.phase, &now.last) {
            (Phase::Stopped(Stopped::Failed(failure)), _) | (_, Some(Outcome::Failed(failure))) => Some(failure),
            _ => None,
        };
        let name = self.run_name(now);
        Some(RunEffect::Notify {
            title: format!("{} {}", agent.label(), if failed.is_some() { "failed" } else { "is done" }),
            body: failed.map_or_else(|| name.clone(), |failed| format!("{name}: {}", failure::words(failed, agent))),
            needs_you: false,
        })
    }

    fn shows(&self, info: &RunInfo) -> bool {
        self.on_screen().filter_map(Layer::chat).any(|chat| chat.run.as_ref() == Some(&info.id))
    }

    fn shows_questions_of(&self, info: &RunInfo) -> bool {
        self.shows(info) || matches!(self.layers.last(), Some(Layer::Inbox(_)))
    }

    /// What a run is called: its session's title, else its directory.
    fn run_name(&self, info: &RunInfo) -> String {
        let session = info.session.as_ref().and_then(|key| self.known.catalog.get(key));
        let title = session.map(|session| text::one_line(&session.title.text)).filter(|title| !title.is_empty());
        title.unwrap_or_else(|| info.cwd.to_string_lossy().into_owned())
    }
}
