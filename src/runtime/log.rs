//! The log: a file in the data directory, written only where `SALON_LOG` asks for it. Never prompts or transcripts.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use tracing::level_filters::LevelFilter;

use crate::config::paths::create_private_dir;

/// Starts to log at a level (`error`, `warn`, `info`, `debug`, `trace`); `None`: nothing is logged.
pub fn start(dir: &Path, level: Option<&str>) -> Result<(), String> {
    let Some(level) = level else { return Ok(()) };
    let filter: LevelFilter = level.parse().map_err(|_| format!("\"{level}\" is not a level such as info"))?;
    let file = open(dir).map_err(|error| format!("{}: {error}", dir.join(FILE).display()))?;
    let subscriber =
        tracing_subscriber::fmt().with_max_level(filter).with_ansi(false).with_writer(Mutex::new(file)).finish();
    // Somebody who logs already (a test) goes on doing so.
    let _before = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

const FILE: &str = "salon.log";

fn open(dir: &Path) -> io::Result<std::fs::File> {
    create_private_dir(dir)?;
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(dir.join(FILE))
}
