//! Effects on worktrees: creation for a new session, and the clean-up. They run git on blocking threads.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::effect_runner::EffectRunner;
use super::env;
use super::shell::Shell;
use super::task_message::TaskMessage;
use super::trash::DAY_MILLIS;
use super::turn_snapshots;
use super::worktrees::{CommandRun, CreatedWorktree, PruneOutcome, WorktreeRequest, Worktrees, session_uses};
use crate::app::Msg;
use crate::app::msg::RequestTicket;
use crate::domain::worktree::{SetupCommand, Worktree, WorktreeReady};
use crate::domain::{Session, Time};
use crate::git::Git;

/// Wait after the start until the first clean-up, so that it does not delay the first frames and all sessions are known.
const FIRST_CLEAN_UP: Duration = Duration::from_mins(1);

/// Interval between clean-ups, which is the time for which a worktree must be unused.
const CLEAN_UP_INTERVAL: Duration = Duration::from_hours(1);

/// Requests a clean-up of worktrees some time after the start, and then regularly.
pub(super) fn schedule_clean_up(messages: mpsc::UnboundedSender<TaskMessage>) {
    tokio::spawn(async move {
        tokio::time::sleep(FIRST_CLEAN_UP).await;
        // An error means that salon is shutting down.
        while messages.send(TaskMessage::CleanUpWorktrees).is_ok() {
            tokio::time::sleep(CLEAN_UP_INTERVAL).await;
        }
    });
}

impl Shell {
    /// Creates a worktree for a new session.
    pub(super) fn create_worktree(&mut self, ticket: RequestTicket, dir: PathBuf, name: String) {
        let (worktrees, messages, now) = (self.worktrees(), self.runner.messages.clone(), self.clock.now());
        tokio::task::spawn_blocking(move || {
            let request = WorktreeRequest { dir: &dir, name: Some(&name), base: None };
            let created = worktrees.and_then(|worktrees| worktrees.create(request, now)).and_then(ready);
            // An error means that salon is shutting down.
            drop(messages.send(TaskMessage::Msg(Box::new(Msg::WorktreeCreated(ticket, created)))));
        });
    }

    /// Moves unused worktrees to the trash, and removes those whose time there is over.
    pub(super) fn clean_up_worktrees(&mut self) {
        let Ok(worktrees) = self.worktrees() else { return };
        let sessions: Vec<Arc<Session>> = self.own_sessions().cloned().collect();
        let live: Vec<_> = self.app.sessions.live.keys().cloned().collect();
        let now = self.clock.now();
        tokio::task::spawn_blocking(move || {
            let kept = i64::from(worktrees.settings.snapshot_days) * DAY_MILLIS;
            let before = Time::from_millis(now.millis().saturating_sub(kept));
            turn_snapshots::expire(&worktrees.git, &worktrees.paths.repositories(), &worktrees.store, before);
            let mut uses = session_uses(sessions.iter().map(|session| &**session));
            let is_live = |name: &str| live.iter().any(|key| key.to_string() == name);
            uses.iter_mut().for_each(|used| used.is_open |= is_live(&used.session));
            match worktrees.prune(&uses, now, false) {
                Ok(pruned) => pruned.iter().for_each(|pruned| log(&pruned.worktree.name, &pruned.outcome)),
                Err(reason) => tracing::info!(reason, "worktrees were not cleaned up"),
            }
        });
    }

    fn worktrees(&self) -> Result<Worktrees, String> {
        let EffectRunner { environment, paths, store, .. } = &self.runner;
        Ok(Worktrees {
            git: Git::new(env::vars()),
            store: store.clone().ok_or("Worktrees need state.db, which cannot be used; see salon doctor")?,
            settings: self.app.settings.clone(),
            paths: paths.clone(),
            home: environment.home.clone(),
            vars: env::vars().collect(),
        })
    }
}

/// Returns where the session starts. A worktree whose setup failed stays for the user to look at.
pub(super) fn ready(created: CreatedWorktree) -> Result<WorktreeReady, String> {
    match created.failure() {
        Some(failure) => {
            let Worktree { path, name, .. } = &created.worktree;
            Err(format!("{} is not ready: {failure} · output: salon worktree show {name}", path.display()))
        }
        None => Ok(WorktreeReady {
            dir: created.dir,
            branch: created.worktree.branch,
            name: created.worktree.name,
            setup: created.setup.into_iter().map(shown).collect(),
        }),
    }
}

fn shown(run: CommandRun) -> SetupCommand {
    SetupCommand { line: run.command, output: run.output }
}

fn log(worktree: &str, outcome: &PruneOutcome) {
    match outcome {
        PruneOutcome::Trashed => tracing::info!(worktree, "an unused worktree is in the trash"),
        PruneOutcome::Removed => tracing::info!(worktree, "a worktree was removed from the trash"),
        PruneOutcome::Kept(obstacles) => {
            let codes: Vec<_> = obstacles.iter().map(crate::domain::worktree::RemovalObstacle::code).collect();
            tracing::debug!(worktree, ?codes, "a worktree stays");
        }
    }
}
