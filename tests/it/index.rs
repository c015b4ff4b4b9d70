//! Index over a made-up format: scanning, merging, caching, watching, reading.

mod cache;
mod content_titles;
mod fake;
pub mod live;
mod open_transcripts;
mod parts;
mod retry;
mod scan;
mod snapshot;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use salon::domain::{Agent, SessionKey};
use salon::index::{Collected, IndexOptions, Refresh, collect, report};

use crate::support::Home;

/// Options for the made-up formats, without a cache.
fn options(home: &Home) -> IndexOptions {
    IndexOptions { formats: &fake::FAKES, ..IndexOptions::new(home.environment(), Instant::now) }
}

/// Options with a cache in the home.
fn cached(home: &Home) -> IndexOptions {
    IndexOptions { cache_dir: Some(home.path().join("cache")), ..options(home) }
}

/// Appends to a file.
fn append(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().append(true).open(path).expect("open");
    file.write_all(text.as_bytes()).expect("append");
}

/// Writes a file of the first made-up agent.
fn write(home: &Home, name: &str, text: &str) -> PathBuf {
    let path = fake::folder(home.path(), Agent::Claude).join(name);
    fs::create_dir_all(path.parent().expect("folder")).expect("create folder");
    fs::write(&path, text).expect("write");
    path
}

fn key(id: &str) -> SessionKey {
    SessionKey::new(Agent::Claude, id)
}

fn scan(home: &Home) -> Collected {
    collect(&options(home), Refresh::Changed)
}
