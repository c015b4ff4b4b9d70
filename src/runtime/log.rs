//! Log file in the data directory, written only if `SALON_LOG` is set. Contains no prompts or transcripts.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use tracing::level_filters::LevelFilter;

use crate::config::paths::create_private_dir;

/// Starts logging at a level (`error`, `warn`, `info`, `debug`, `trace`); `None` disables it.
pub fn start(dir: &Path, level: Option<&str>) -> Result<(), String> {
    let Some(level) = level else { return Ok(()) };
    let filter: LevelFilter =
        level.parse().map_err(|_| format!("\"{level}\" is not a log level; use error, warn, info, debug or trace"))?;
    let file = open(dir).map_err(|error| format!("{}: {error}", dir.join(FILE).display()))?;
    let subscriber =
        tracing_subscriber::fmt().with_max_level(filter).with_ansi(false).with_writer(Mutex::new(file)).finish();
    // An earlier subscriber (in tests) stays in place.
    let _before = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

const FILE: &str = "salon.log";

fn open(dir: &Path) -> io::Result<std::fs::File> {
    create_private_dir(dir)?;
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(dir.join(FILE))
}
