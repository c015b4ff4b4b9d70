//! Typing in the search of the whole program, in a terminal, over a real history: how long the visible rows move.
//!
//! `SALON_BENCH_HOME` is a home whose agents' histories are read, never written to; without it nothing runs. Types the
//! words of `WORDS`, and twenty words from titles of the history. `SALON_BENCH_PROGRAM` is another build of salon, for a
//! comparison.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

#[path = "../it/terminal.rs"]
mod terminal;

use terminal::Terminal;

/// Words that occur in many sessions.
const WORDS: [&str; 3] = ["error", "function", "memory allocation"];

/// Number of further words from titles.
const RANDOM_WORDS: usize = 20;

/// Time between two keys of a fast typist, and the time after a word in which rows may still move.
const KEY_INTERVAL: Duration = Duration::from_millis(120);
const AFTER_WORD: Duration = Duration::from_secs(2);

/// Interval of the looks at the screen.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// Number of leading characters by which a row is recognised; its counts and times may change.
const ROW_CHARS: usize = 40;

/// Lines of the screen above and below the results.
const LINES_ABOVE: usize = 2;
const LINES_BELOW: usize = 2;

fn main() {
    let Some(home) = std::env::var_os("SALON_BENCH_HOME").map(PathBuf::from) else { return };
    let own = tempfile::tempdir().expect("a scratch directory");
    let environment = environment(&home, own.path());
    let words = titles(&environment);
    // The first search builds the text index, the second one its filters.
    for _ in 0..2 {
        salon(&environment, &["search", "nowhereatall", "--limit", "1"]);
    }
    let mut terminal = Terminal::start(&program(), &[], own.path(), &environment);
    terminal.wait_for_text("All");
    terminal.send("/");
    std::thread::sleep(Duration::from_secs(1));
    let (mut first, mut settled) = (Vec::new(), Vec::new());
    for word in WORDS.into_iter().map(str::to_owned).chain(random(&words)) {
        type_word(&mut terminal, &word, &mut first, &mut settled);
    }
    println!("key to the first change: {}", summary(&mut first));
    println!("last key of a word to the last move of a row: {}", summary(&mut settled));
}

fn program() -> PathBuf {
    std::env::var_os("SALON_BENCH_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_salon").into(), PathBuf::from)
}

fn environment(home: &Path, own: &Path) -> Vec<(String, String)> {
    let at = |name: &str| own.join(name).display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let own = ["CACHE", "DATA", "CONFIG", "RUNTIME"].map(|kind| (format!("SALON_{kind}_DIR"), at(kind)));
    let others = [("HOME", home.display().to_string()), ("PATH", path), ("TERM", "xterm-256color".to_owned())];
    own.into_iter().chain(others.map(|(name, value)| (name.to_owned(), value))).collect()
}

fn salon(environment: &[(String, String)], args: &[&str]) -> String {
    let mut command = Command::new(program());
    command.args(args).env_clear().envs(environment.iter().cloned());
    String::from_utf8_lossy(&command.output().expect("salon runs").stdout).into_owned()
}

/// Words of the newest sessions' titles.
fn titles(environment: &[(String, String)]) -> BTreeSet<String> {
    let listed: serde_json::Value =
        serde_json::from_str(&salon(environment, &["list", "--limit", "500", "--json"])).expect("JSON");
    let sessions = listed["sessions"].as_array().cloned().unwrap_or_default();
    let titles = sessions.iter().filter_map(|session| session["title"].as_str());
    let words = titles.flat_map(|title| title.split(|letter: char| !letter.is_ascii_alphabetic()));
    words.filter(|word| (4..=12).contains(&word.len())).map(str::to_lowercase).collect()
}

/// Chooses words at even distances, so that each run types the same ones.
fn random(words: &BTreeSet<String>) -> impl Iterator<Item = String> {
    words.iter().step_by((words.len() / RANDOM_WORDS).max(1)).take(RANDOM_WORDS).cloned()
}

/// Types a word, measures, and deletes it.
fn type_word(terminal: &mut Terminal, word: &str, first: &mut Vec<Duration>, settled: &mut Vec<Duration>) {
    for (at, letter) in word.char_indices() {
        let is_last = at + letter.len_utf8() == word.len();
        let (before, mut rows) = (terminal.contents(), rows(&terminal.contents()));
        let begun = Instant::now();
        terminal.send(&letter.to_string());
        let (mut changed, mut moved) = (None, Duration::ZERO);
        while begun.elapsed() < if is_last { AFTER_WORD } else { KEY_INTERVAL } {
            let contents = terminal.contents();
            if changed.is_none() && contents != before {
                changed = Some(begun.elapsed());
            }
            let now = self::rows(&contents);
            if now != rows {
                (rows, moved) = (now, begun.elapsed());
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        first.extend(changed);
        if is_last {
            settled.push(moved);
        }
    }
    terminal.send(&"\u{7f}".repeat(word.chars().count()));
    std::thread::sleep(KEY_INTERVAL);
}

/// Rows of results, without their numbers: between the line that is typed in with the totals below it, and the progress
/// with the hints.
fn rows(contents: &str) -> Vec<String> {
    let lines: Vec<&str> = contents.lines().collect();
    let rows = lines.get(LINES_ABOVE..lines.len().saturating_sub(LINES_BELOW)).unwrap_or_default();
    rows.iter().map(|line| line.chars().take(ROW_CHARS).filter(|char| !char.is_ascii_digit()).collect()).collect()
}

fn summary(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).or(times.last()).copied().unwrap_or_default();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    format!("{:.1} ms, p95 {:.1}, worst {:.1}, of {}", ms(at(50)), ms(at(95)), ms(at(100)), times.len())
}
