//! What the live layer is told of this machine: who has a session open, and what stands in transcripts.

use std::path::Path;
use std::sync::Arc;

use super::resume;
use super::surroundings::Clock;
use crate::agent::{self, Environment, TextLimit};
use crate::config::settings::Server;
use crate::domain::{Agent, Entry, EntryKind, Session, SessionKey, Time};
use crate::index::{self, Refresh};
use crate::live::options::Attached;
use crate::live::{self, Options};
use crate::store::{Store, registry};

/// Entries at the end of a transcript in which a prompt is looked for that may have arrived.
const NEWEST: usize = 400;

/// What runs are told at their start.
pub fn options(store: Arc<Store>, environment: &Environment, cache: &Path, server: &Server) -> Options {
    let vars = environment.vars.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let mut options = Options::new(store.clone(), vars, now, live::this_process());
    let at = environment.clone();
    options.held = Box::new(move |key| held(key, &at, &store));
    if let Some(address) = server.address {
        let told = || environment.var("OPENCODE_SERVER_PASSWORD").unwrap_or_default().to_owned();
        let password = if server.password.is_empty() { told() } else { server.password.clone() };
        options.attached.insert(Agent::OpenCode, Attached { address, password });
    }
    let (at, cache) = (environment.clone(), cache.to_owned());
    options.arrived = Box::new(move |key, prompt| arrived(key, prompt, &at, &cache));
    options
}

/// The clock that runs and their lists go by.
pub fn now() -> Time {
    Clock::new(None).now()
}

/// Who else has a session open. What a salon started itself is not somebody else: the lease tells about that.
fn held(key: &SessionKey, environment: &Environment, store: &Store) -> Option<String> {
    let sign = resume::live_sign(key, environment)?;
    let ours = store.with(|db| registry::children(db)).unwrap_or_default();
    let started_by_salon = sign.pid.is_some_and(|pid| ours.iter().any(|child| child.child.pid == pid));
    (!started_by_salon).then(|| resume::who(key, &sign))
}

/// The process of another salon that runs a session.
pub fn other_salon(key: &SessionKey, store: &Store) -> Option<u32> {
    let holder = store.with(|db| {
        let run = registry::of_session(db, key)?;
        run.map_or(Ok(None), |run| registry::holder(db, &run.id))
    });
    // Where the store cannot tell, the run's beginning will.
    let holder = holder.ok().flatten().filter(|holder| *holder != live::this_process());
    holder.filter(|holder| !live::recover::is_dead(*holder)).map(|holder| holder.pid)
}

/// Whether a transcript holds a prompt; `None` where there is no transcript to look into.
fn arrived(key: &SessionKey, prompt: &str, environment: &Environment, cache: &Path) -> Option<bool> {
    let session = session(key, environment, cache)?;
    let mut reading = agent::format(key.agent).open(&session).ok()?;
    let len = reading.len();
    let newest = reading.read(len.saturating_sub(NEWEST)..len, TextLimit::NONE);
    let is_it = |entry: &Entry| entry.kind == EntryKind::Prompt && entry.text.trim() == prompt.trim();
    Some(newest.iter().any(is_it))
}

fn session(key: &SessionKey, environment: &Environment, cache: &Path) -> Option<Arc<Session>> {
    let mut options = index::Options::new(environment.clone(), super::instant);
    options.cache_dir = Some(cache.to_owned());
    index::collect(&options, Refresh::Changed).session(key).cloned()
}
