//! Path completion on a thread of its own. A newer request replaces older ones.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

/// Maximum completions per request.
const MAX_RESULTS: usize = 50;

/// Maximum files listed below one directory, because larger trees take too long to complete.
const MAX_FILES: usize = 100_000;

/// Time to live of a file list.
const CACHE_TTL: Duration = Duration::from_secs(10);

/// A completion request.
#[derive(Debug)]
pub enum CompletionRequest {
    /// Files below a directory by fuzzy match, without files ignored by git.
    Files {
        /// The directory.
        below: PathBuf,
        /// Typed text.
        query: String,
    },
    /// Directories by path.
    Directories {
        /// Typed text.
        query: String,
        /// Expansion of `~`.
        home: PathBuf,
    },
}

/// Starts the thread. It ends when the sender is dropped or `answer` returns false.
pub fn start(answer: impl Fn(String, Vec<String>) -> bool + Send + 'static) -> Sender<CompletionRequest> {
    let (sender, requests) = channel();
    let work = move || {
        let mut list = FileList::default();
        while let Some(request) = newest(&requests) {
            let (query, found) = match request {
                CompletionRequest::Files { below, query } => {
                    list.refresh(&below);
                    let found = best(&list.files, &query);
                    (query, found)
                }
                CompletionRequest::Directories { query, home } => {
                    let found = directories(&query, &home);
                    (query, found)
                }
            };
            if !answer(query, found) {
                return;
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("paths".into()).spawn(work) {
        tracing::error!(%error, "path completion is not available");
    }
    sender
}

fn newest(requests: &Receiver<CompletionRequest>) -> Option<CompletionRequest> {
    let mut newest = requests.recv().ok()?;
    while let Ok(newer) = requests.try_recv() {
        newest = newer;
    }
    Some(newest)
}

/// Cached file list of the latest directory.
#[derive(Debug, Default)]
struct FileList {
    below: PathBuf,
    files: Vec<String>,
    at: Option<Instant>,
}

impl FileList {
    fn refresh(&mut self, below: &Path) {
        if self.below == below && self.at.is_some_and(|at| at.elapsed() < CACHE_TTL) {
            return;
        }
        self.files = files(below);
        below.clone_into(&mut self.below);
        self.at = Some(Instant::now());
    }
}

/// Returns the files below a directory, relative to it; directories end with a slash.
fn files(below: &Path) -> Vec<String> {
    let walk = ignore::WalkBuilder::new(below).hidden(false).filter_entry(|entry| entry.file_name() != ".git").build();
    let relative = |entry: ignore::DirEntry| {
        let path = entry.path().strip_prefix(below).ok()?.to_str().filter(|path| !path.is_empty())?;
        let slash = if entry.file_type().is_some_and(|kind| kind.is_dir()) { "/" } else { "" };
        Some(format!("{path}{slash}"))
    };
    let mut files: Vec<_> = walk.flatten().filter_map(relative).take(MAX_FILES).collect();
    files.sort_unstable();
    files
}

/// Returns the best fuzzy matches, shorter paths first among equals. An empty query returns the topmost paths.
fn best(files: &[String], query: &str) -> Vec<String> {
    let matcher = SkimMatcherV2::default();
    let mut scored: Vec<_> = files
        .iter()
        .filter_map(
            |file| if query.is_empty() { Some((0, file)) } else { Some((matcher.fuzzy_match(file, query)?, file)) },
        )
        .collect();
    let depth = |file: &str| file.trim_end_matches('/').matches('/').count();
    scored.sort_by_key(|(score, file)| (Reverse(*score), depth(file), file.len()));
    scored.into_iter().take(MAX_RESULTS).map(|(_, file)| file.clone()).collect()
}

/// Returns directories that start with the typed path, then fuzzy matches.
fn directories(query: &str, home: &Path) -> Vec<String> {
    let expanded = match query.strip_prefix('~') {
        Some(rest) => format!("{}{rest}", home.display()),
        None => query.to_owned(),
    };
    let (parent, name) = expanded.rsplit_once('/').map_or(("", expanded.as_str()), |(parent, name)| (parent, name));
    let parent = Path::new(if parent.is_empty() { "/" } else { parent });
    let hidden = name.starts_with('.');
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.path().is_dir()).filter_map(|entry| entry.file_name().into_string().ok());
    let matcher = SkimMatcherV2::default();
    let mut found: Vec<_> = named
        .filter(|entry| hidden || !entry.starts_with('.'))
        .filter_map(|entry| {
            let score = if name.is_empty() { 0 } else { matcher.fuzzy_match(&entry, name)? };
            Some((!entry.starts_with(name), Reverse(score), entry))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().take(MAX_RESULTS).map(|(_, _, entry)| parent.join(entry).to_string_lossy().into_owned()).collect()
}
