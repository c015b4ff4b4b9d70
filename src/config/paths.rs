//! Where salon keeps its own files, as values. Reads no environment itself: the caller hands variables down.

use std::io;
use std::path::{Path, PathBuf};

/// The four directories that belong to salon. None of them need exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Holds `config.toml` and the user's themes.
    pub config: PathBuf,
    /// Holds what must not be lost: `state.db`, copies of endangered files, the log.
    pub data: PathBuf,
    /// Holds what may be deleted at any time.
    pub cache: PathBuf,
    /// Holds sockets and locks of this login.
    pub runtime: PathBuf,
}

impl Paths {
    /// The platform's places, each moved by its variable: `SALON_CONFIG_DIR`, `SALON_DATA_DIR`, `SALON_CACHE_DIR`,
    /// `SALON_RUNTIME_DIR`. `None` where a place is neither named nor known, for want of a home directory.
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

    /// The configuration file, which need not exist.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The database of what salon itself remembers.
    pub fn state_db(&self) -> PathBuf {
        self.data.join("state.db")
    }

    /// Where copies of files go that an agent may destroy.
    pub fn kept(&self) -> PathBuf {
        self.data.join("kept")
    }
}

/// Makes a directory that only its owner can look into, with its parents; one that exists stays as it is.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
