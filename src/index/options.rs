//! What an index is told at its start. Values only: where to look, where to keep its cache, which clock.

use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::tz::TimeZone;

use crate::agent::{Environment, FORMATS, Format};

/// What an index is told at its start.
#[derive(Clone)]
pub struct Options {
    /// Where agents look for their files.
    pub environment: Environment,
    /// Directory of the cache; `None`: nothing is kept.
    pub cache_dir: Option<PathBuf>,
    /// The agents' readers.
    pub formats: &'static [&'static dyn Format],
    /// The clock by which updates are spaced; the runtime hands it down.
    pub clock: fn() -> Instant,
    /// The time zone of days in queries; `None`: UTC.
    pub zone: Option<TimeZone>,
    /// How changes on disk are noticed.
    pub watch: Watching,
}

/// How changes on disk are noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watching {
    /// By the system's notifications, where they work; else by polling.
    #[default]
    Native,
    /// As if the system had no notification left to give: to test the way out.
    Refused,
}

impl Options {
    /// All agents in an environment, without a cache.
    pub fn new(environment: Environment, clock: fn() -> Instant) -> Self {
        Self { environment, cache_dir: None, formats: &FORMATS, clock, zone: None, watch: Watching::default() }
    }
}

/// Where in a cache directory the search keeps its own.
pub fn search_dir(cache_dir: &Path) -> PathBuf {
    cache_dir.join("search")
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let agents: Vec<_> = self.formats.iter().map(|format| format.agent()).collect();
        f.debug_struct("Options")
            .field("environment", &self.environment)
            .field("cache_dir", &self.cache_dir)
            .field("formats", &agents)
            .field("watch", &self.watch)
            .finish_non_exhaustive()
    }
}
