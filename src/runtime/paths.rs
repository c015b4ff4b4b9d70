//! Paths that complete what is typed, found on a thread of its own; the newest question cancels those before it.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

/// Paths that are told.
const SHOWN: usize = 50;

/// Files that are looked at below one directory: nobody completes among more.
const MOST: usize = 100_000;

/// How long a list of files counts as current.
const FRESH: Duration = Duration::from_secs(10);

/// What to look for.
#[derive(Debug)]
pub enum Question {
    /// Files below a directory, by abbreviation; what git ignores is left out.
    Files {
        /// The directory.
        below: PathBuf,
        /// What was typed.
        query: String,
    },
    /// Directories, by their path.
    Directories {
        /// What was typed.
        query: String,
        /// What `~` stands for.
        home: PathBuf,
    },
}

/// Starts the thread; it ends when the sender is dropped or nobody takes the answers.
pub fn start(answer: impl Fn(String, Vec<String>) -> bool + Send + 'static) -> Sender<Question> {
    let (sender, questions) = channel();
    let work = move || {
        let mut walked = Walked::default();
        while let Some(question) = newest(&questions) {
            let (query, found) = match question {
                Question::Files { below, query } => {
                    walked.refresh(&below);
                    let found = best(&walked.files, &query);
                    (query, found)
                }
                Question::Directories { query, home } => {
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
        tracing::error!(%error, "paths are not completed");
    }
    sender
}

fn newest(questions: &Receiver<Question>) -> Option<Question> {
    let mut newest = questions.recv().ok()?;
    while let Ok(newer) = questions.try_recv() {
        newest = newer;
    }
    Some(newest)
}

/// The files of the directory that was asked about last.
#[derive(Debug, Default)]
struct Walked {
    below: PathBuf,
    files: Vec<String>,
    at: Option<Instant>,
}

impl Walked {
    fn refresh(&mut self, below: &Path) {
        if self.below == below && self.at.is_some_and(|at| at.elapsed() < FRESH) {
            return;
        }
        self.files = files(below);
        below.clone_into(&mut self.below);
        self.at = Some(Instant::now());
    }
}

/// Files below a directory, relative to it; directories end with a slash.
fn files(below: &Path) -> Vec<String> {
    let walk = ignore::WalkBuilder::new(below).hidden(false).filter_entry(|entry| entry.file_name() != ".git").build();
    let relative = |entry: ignore::DirEntry| {
        let path = entry.path().strip_prefix(below).ok()?.to_str().filter(|path| !path.is_empty())?;
        let slash = if entry.file_type().is_some_and(|kind| kind.is_dir()) { "/" } else { "" };
        Some(format!("{path}{slash}"))
    };
    let mut files: Vec<_> = walk.flatten().filter_map(relative).take(MOST).collect();
    files.sort_unstable();
    files
}

/// The best matches by abbreviation; of equals the shortest. Without a query, what lies nearest to the top.
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
    scored.into_iter().take(SHOWN).map(|(_, file)| file.clone()).collect()
}

/// Directories whose path begins with what was typed, then those whose name has it abbreviated.
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
    found.into_iter().take(SHOWN).map(|(_, _, entry)| parent.join(entry).to_string_lossy().into_owned()).collect()
}
