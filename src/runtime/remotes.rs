//! Options of remote sources: the clock and a random number are handed down.

use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::Time;
use crate::remote::RemoteOptions;

/// Returns the options of remote sources.
pub fn options(cache_dir: Option<PathBuf>, now: Arc<dyn Fn() -> Time + Send + Sync>) -> RemoteOptions {
    // Without randomness the pauses of two programs may be equal.
    let seed = getrandom::u64().unwrap_or_default();
    RemoteOptions { cache_dir, now, zone: Some(jiff::tz::TimeZone::system()), seed }
}
