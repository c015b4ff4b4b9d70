//! Options of the index: plain values for directories, cache and clock.

use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::tz::TimeZone;

use crate::agent::{Environment, FORMATS, Format};

/// Options of the index.
#[derive(Clone)]
pub struct IndexOptions {
    /// Directories of the agents.
    pub environment: Environment,
    /// Directory of the cache; `None`: no cache.
    pub cache_dir: Option<PathBuf>,
    /// Database with the texts that salon keeps beside transcripts; `None`: no such texts.
    pub state_db: Option<PathBuf>,
    /// Id of this process, whose own runs are not open elsewhere; `None` if it has none.
    pub process: Option<u32>,
    /// Readers of the agents' formats.
    pub formats: &'static [&'static dyn Format],
    /// Clock of the timers, passed down by the runtime.
    pub clock: fn() -> Instant,
    /// Time zone of days in queries; `None`: UTC.
    pub zone: Option<TimeZone>,
    /// Mode of change detection.
    pub watch: WatchMode,
    /// True if [`Session::usage`](crate::domain::Session::usage) is needed. Without it a snapshot is read faster.
    pub with_usage: bool,
    /// Name by which queries call this machine; empty for `local`.
    pub host: String,
}

/// Mode of change detection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WatchMode {
    /// File system notifications where they work, else polling.
    #[default]
    Native,
    /// Polling, as if notifications were unavailable; for tests.
    Refused,
}

impl IndexOptions {
    /// Options for all agents in an environment, without a cache.
    pub fn new(environment: Environment, clock: fn() -> Instant) -> Self {
        Self {
            environment,
            cache_dir: None,
            state_db: None,
            process: None,
            formats: &FORMATS,
            clock,
            zone: None,
            watch: WatchMode::default(),
            with_usage: true,
            host: String::new(),
        }
    }

    /// Options for all agents in a home directory, without environment variables and configured roots.
    pub fn of_home(home: PathBuf, clock: fn() -> Instant) -> Self {
        Self::new(Environment { home, ..Environment::default() }, clock)
    }
}

/// Returns the directory of the text index in a cache directory.
pub fn search_dir(cache_dir: &Path) -> PathBuf {
    cache_dir.join("search")
}

impl std::fmt::Debug for IndexOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("environment", &self.environment)
            .field("cache_dir", &self.cache_dir)
            .field("formats", &self.formats.len())
            .field("watch", &self.watch)
            .finish_non_exhaustive()
    }
}
