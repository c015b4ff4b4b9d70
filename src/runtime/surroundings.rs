//! What the process was given: variables, the home directory, the clock. Read here once and handed down as values.

use std::path::PathBuf;

use crate::domain::Time;

/// An environment variable that is set, not empty and readable as text.
pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// All environment variables that are readable as text.
pub fn vars() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The user's home directory.
pub fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| !home.as_os_str().is_empty())
}

/// The directory that salon was started in, as the shell names it: with the links that lead there kept.
pub fn current_dir() -> Option<PathBuf> {
    let real = std::env::current_dir().ok()?;
    let named = var("PWD").map(PathBuf::from).filter(|named| named.is_absolute());
    named.filter(|named| named.canonicalize().is_ok_and(|path| path == real)).or(Some(real))
}

/// A clock for shown times. `SALON_NOW` stops it, for tests and demos.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    fixed: Option<Time>,
}

impl Clock {
    /// A running clock, or one that stands still.
    pub fn new(fixed: Option<Time>) -> Self {
        Self { fixed }
    }

    /// Whether it runs at all.
    pub fn runs(self) -> bool {
        self.fixed.is_none()
    }

    /// What it shows.
    pub fn now(self) -> Time {
        self.fixed.unwrap_or_else(|| {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
        })
    }
}
