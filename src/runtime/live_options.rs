//! Options of the live layer on this machine, with the detection of sessions that are open elsewhere.
#![expect(clippy::disallowed_methods, reason = "called on blocking threads")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::env::Clock;
use super::resume;
use crate::agent::{self, Environment};
use crate::config::settings::Settings;
use crate::domain::live_status::LiveStatus;
use crate::domain::{Agent, SessionKey, Time};
use crate::live::options::{AttachedServer, SessionHolder};
use crate::live::run::BudgetOptions;
use crate::live::{self, LiveOptions};
use crate::store::{Store, registry, worktrees};

/// Creates the options of the live layer.
pub fn options(store: Arc<Store>, environment: &Environment, cache: &Path, settings: &Settings) -> LiveOptions {
    let server = &settings.server;
    let vars = environment.vars.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let mut options = LiveOptions::new(store.clone(), vars, now, live::this_process());
    let at = environment.clone();
    options.open_elsewhere = Box::new(move |key| open_elsewhere(key, &at, &store));
    if let Some(address) = server.address {
        let from_env = || environment.var("OPENCODE_SERVER_PASSWORD").unwrap_or_default().to_owned();
        let password = if server.password.is_empty() { from_env() } else { server.password.clone() };
        options.attached.insert(Agent::OpenCode, AttachedServer { address, password });
    }
    let db = options.store.clone();
    options.directory_vars = Arc::new(move |cwd| worktree_vars(cwd, &db));
    let at = environment.clone();
    options.earliest_resume = Arc::new(move |key| agent::format(key.agent).earliest_resume(&at, &key.id));
    options.recorded.clone_from(&environment.recorded);
    options.is_delivered = super::delivery::check(environment.clone(), cache.to_owned());
    options.earlier_tasks = super::delivery::tasks(environment.clone(), cache.to_owned());
    options.budgets = BudgetOptions {
        budget: settings.limits.budget,
        prices: settings.prices.clone(),
        zone: jiff::tz::TimeZone::system(),
    };
    options
}

/// Creates the options of a process that keeps many runs: with the limits of the configuration.
pub fn limited(store: Arc<Store>, environment: &Environment, cache: &Path, settings: &Settings) -> LiveOptions {
    let mut options = options(store, environment, cache, settings);
    options.continues = true;
    options.limits.runs = settings.limits.runs;
    options.limits.idle = Duration::from_mins(settings.limits.idle_minutes.into());
    options
}

/// Returns the wall clock time for runs and their lists.
pub fn now() -> Time {
    Clock::new(None).now()
}

/// Returns the process that has a session open. Children of salon processes are excluded: the lease covers
/// them.
fn open_elsewhere(key: &SessionKey, environment: &Environment, store: &Store) -> Option<SessionHolder> {
    let status = resume::live_status(key, environment)?;
    if ran_here_last(key, &status, store) {
        return None;
    }
    let children = store.with(|db| registry::children(db)).unwrap_or_default();
    let started_by_salon = status.pid.is_some_and(|pid| children.iter().any(|child| child.child.pid == pid));
    (!started_by_salon).then(|| SessionHolder { text: resume::describe_owner(key, &status), pid: status.pid })
}

/// Returns true if the last change of a session that no process names is salon's own.
fn ran_here_last(key: &SessionKey, status: &LiveStatus, store: &Store) -> bool {
    /// Time in ms between the end of a turn and the agent's last change of its session.
    const SLACK: i64 = 5_000;
    let Some(changed) = status.since.filter(|_| key.agent == Agent::OpenCode) else { return false };
    let record = store.with(|db| registry::find_by_session(db, key)).ok().flatten();
    record.is_some_and(|record| record.last_activity.millis() + SLACK >= changed.millis())
}

/// Returns the variables of the worktree of salon's that contains a directory: name, workspace and the first of ten ports.
fn worktree_vars(cwd: &Path, store: &Store) -> Vec<(String, String)> {
    let listed = store.with(|db| worktrees::list(db));
    let listed = listed.inspect_err(|error| tracing::warn!(%error, "worktrees are unknown")).unwrap_or_default();
    let Ok(cwd) = cwd.canonicalize() else { return Vec::new() };
    let found = listed.into_iter().find(|worktree| cwd.starts_with(&worktree.path));
    found.map(|worktree| worktree.variables()).unwrap_or_default()
}

/// Returns the pid of another salon process that runs a session.
pub fn other_salon(key: &SessionKey, store: &Store) -> Option<u32> {
    let holder = store.with(|db| {
        let run = registry::find_by_session(db, key)?;
        run.map_or(Ok(None), |run| registry::holder(db, &run.id))
    });
    // If the store cannot be read, the start of the run detects the conflict.
    let holder = holder.ok().flatten().filter(|holder| *holder != live::this_process());
    holder.filter(|holder| !live::identity::is_dead(*holder)).map(|holder| holder.pid)
}
