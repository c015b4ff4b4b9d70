//! Home directory, environment variables and configured roots as values: read once at start, or supplied by a test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::domain::Agent;

/// The home directory, the environment variables, and the roots that the user configured.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The user's home directory.
    pub home: PathBuf,
    /// Environment variables; empty ones count as unset.
    pub vars: BTreeMap<String, String>,
    /// Additional roots from the configuration, besides those that the agent itself uses.
    pub roots: BTreeMap<Agent, Vec<PathBuf>>,
    /// Folder of the sessions that salon records itself; `None` if there are none.
    pub recorded: Option<PathBuf>,
    /// Directory of salon's archive of kept sessions.
    pub archive: Option<PathBuf>,
}

impl Environment {
    /// Returns a variable that is set and not empty.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns the directory named by a variable, else `fallback` below the home directory. Expands `~/`.
    pub fn dir(&self, name: &str, fallback: &str) -> PathBuf {
        self.var(name).map_or_else(|| self.home.join(fallback), |value| self.expand(Path::new(value)))
    }

    /// Returns `$XDG_DATA_HOME`, else `~/.local/share`.
    pub fn data_dir(&self) -> PathBuf {
        self.dir("XDG_DATA_HOME", ".local/share")
    }

    /// Roots that the configuration adds for an agent.
    pub fn extra_roots(&self, agent: Agent) -> impl Iterator<Item = PathBuf> {
        self.roots.get(&agent).into_iter().flatten().map(|path| self.expand(path))
    }

    /// Replaces a leading `~` by the home directory.
    pub fn expand(&self, path: &Path) -> PathBuf {
        path.strip_prefix("~").map_or_else(|_| path.to_owned(), |rest| self.home.join(rest))
    }
}
