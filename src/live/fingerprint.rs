//! Configuration with which a process was started. A process with another configuration is replaced before the next
//! prompt.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::stdx::program;

/// Configuration of a process: its program and its variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchFingerprint {
    /// File of the program after all links, with its inode, size and time of change.
    program: Option<(PathBuf, u64, u64, i64)>,
    /// Hash of the variables that the user's environment does not determine; they may contain keys.
    variables: u64,
}

impl LaunchFingerprint {
    /// Reads the configuration of a program on `path`, on a blocking thread. `None` at shutdown.
    pub async fn read(name: String, path: Option<String>, variables: Vec<(String, String)>) -> Option<Self> {
        let read = tokio::task::spawn_blocking(move || Self::read_blocking(&name, path.as_deref(), &variables));
        read.await.ok()
    }

    fn read_blocking(name: &str, path: Option<&str>, variables: &[(String, String)]) -> Self {
        let file = program::find(name, path).and_then(|file| file.canonicalize().ok());
        let program = file.and_then(|file| {
            let metadata = file.metadata().ok()?;
            Some((file, metadata.ino(), metadata.len(), metadata.mtime_nsec().wrapping_add(metadata.mtime() << 30)))
        });
        let mut hasher = DefaultHasher::new();
        variables.hash(&mut hasher);
        Self { program, variables: hasher.finish() }
    }

    /// Describes the change to a later configuration, for the user. A program that is missing changes nothing, because a
    /// running process is better than none.
    pub fn change(&self, later: &Self) -> Option<&'static str> {
        if later.program.is_some() && self.program != later.program {
            Some("its program was updated")
        } else if self.variables != later.variables {
            Some("the variables of its directory changed")
        } else {
            None
        }
    }
}
