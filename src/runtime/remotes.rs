//! Options of remote sources: the clock, a random number and the user's annotations are handed down.

use std::sync::Arc;

use crate::config::paths::Paths;
use crate::domain::Time;
use crate::remote::RemoteOptions;
use crate::store::user_data::UserData;

/// Returns the options of remote sources.
pub fn options(paths: &Paths, now: Arc<dyn Fn() -> Time + Send + Sync>) -> RemoteOptions {
    // Without randomness the pauses of two programs may be equal.
    let seed = getrandom::u64().unwrap_or_default();
    let state_db = paths.state_db();
    // The index reports why they cannot be read.
    let annotations = Arc::new(move || UserData::load(&state_db).ok().map(|loaded| loaded.annotations));
    let (cache_dir, zone) = (Some(paths.cache.clone()), Some(jiff::tz::TimeZone::system()));
    RemoteOptions { cache_dir, annotations, now, zone, seed }
}
