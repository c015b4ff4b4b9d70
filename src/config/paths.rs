//! Directories of salon's own files. Does not read the environment: the caller passes the variables.

use std::io;
use std::path::{Path, PathBuf};

/// Directories of salon. They need not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Configuration: `config.toml` and the user's themes.
    pub config: PathBuf,
    /// Data that must not be lost: `state.db`, backups of at-risk files, the log.
    pub data: PathBuf,
    /// Cache, which may be deleted at any time.
    pub cache: PathBuf,
    /// Sockets and locks of the login session.
    pub runtime: PathBuf,
}

impl Paths {
    /// Resolves the platform's directories, each replaceable by a variable: `SALON_CONFIG_DIR`, `SALON_DATA_DIR`,
    /// `SALON_CACHE_DIR`, `SALON_RUNTIME_DIR`. Returns `None` if a directory is not set and there is no home directory.
    pub fn resolve(var: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let project = directories::ProjectDirs::from("", "", "salon");
        let place = |name: &str, usual: fn(&directories::ProjectDirs) -> &Path| {
            let moved = var(name).filter(|value| !value.is_empty()).map(PathBuf::from);
            moved.or_else(|| project.as_ref().map(|project| usual(project).to_owned()))
        };
        Some(Self {
            config: place("SALON_CONFIG_DIR", |project| project.config_dir())?,
            data: place("SALON_DATA_DIR", |project| project.data_dir())?,
            cache: place("SALON_CACHE_DIR", |project| project.cache_dir())?,
            runtime: place("SALON_RUNTIME_DIR", |project| project.runtime_dir().unwrap_or(project.cache_dir()))?,
        })
    }

    /// Path of the configuration file, which need not exist.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// Path of the database of salon's own state.
    pub fn state_db(&self) -> PathBuf {
        self.data.join("state.db")
    }

    /// Directory of sessions that the user removed.
    pub fn trash(&self) -> PathBuf {
        self.data.join("trash")
    }

    /// Directory of worktrees that salon creates.
    pub fn worktrees(&self) -> PathBuf {
        self.data.join("worktrees")
    }

    /// Directory of programs of salon for other machines, which are copied there.
    pub fn programs(&self) -> PathBuf {
        self.data.join("programs")
    }

    /// Directory of salon's own repositories, which keep what git does not.
    pub fn repositories(&self) -> PathBuf {
        self.data.join("git")
    }

    /// Directory of the sessions that salon records itself.
    pub fn recorded_sessions(&self) -> PathBuf {
        self.data.join("sessions")
    }

    /// Directory of copies of kept sessions.
    pub fn archive(&self) -> PathBuf {
        self.data.join("archive")
    }

    /// Directory for backups of files that an agent may delete.
    pub fn backups(&self) -> PathBuf {
        self.data.join("kept")
    }
}

/// Creates a directory and its parents, accessible to the owner only. An existing directory is not changed.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
