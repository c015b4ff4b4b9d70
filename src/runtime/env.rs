//! Process environment: variables, home directory, clock. Read only here and passed down as values.

use std::path::PathBuf;

use crate::domain::Time;

/// Returns an environment variable, if it is set, not empty and valid UTF-8.
pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns all environment variables that are valid UTF-8.
pub fn vars() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Returns the user's home directory.
pub fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| !home.as_os_str().is_empty())
}

/// Returns the start directory as the shell names it, with symbolic links preserved.
pub fn current_dir() -> Option<PathBuf> {
    let real = std::env::current_dir().ok()?;
    let pwd = var("PWD").map(PathBuf::from).filter(|pwd| pwd.is_absolute());
    pwd.filter(|pwd| pwd.canonicalize().is_ok_and(|path| path == real)).or(Some(real))
}

/// Returns the path of this program.
pub fn current_exe() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// Wall clock for displayed times. `SALON_NOW` fixes it for tests and demos.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    fixed: Option<Time>,
}

impl Clock {
    /// Creates a running clock, or one that is fixed to a time.
    pub fn new(fixed: Option<Time>) -> Self {
        Self { fixed }
    }

    /// Returns true if the clock is running.
    pub fn runs(self) -> bool {
        self.fixed.is_none()
    }

    /// Returns the current time.
    pub fn now(self) -> Time {
        self.fixed.unwrap_or_else(|| {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
        })
    }
}
