//! Damaged and hostile transcripts of every agent: no reader panics, hangs or ends the program, and a record that cannot
//! be read is an issue.
//!
//! `PROPTEST_CASES` sets the number of cases; the seeds of failures are kept beside this file.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use rusqlite::Connection;
use salon::agent::texts::TextScope;
use salon::agent::{FORMATS, SourceSessions, TextLimit};
use salon::domain::Issue;

use crate::support::Home;

/// Homes with the files of each agent and of their older versions.
pub const HOMES: [&str; 11] = [
    "claude/1.0.128",
    "claude/2.0.76",
    "claude/2.1.329",
    "codex/0.39.0",
    "codex/0.169.0",
    "gemini/0.24.5",
    "gemini/0.61.0",
    "goose/1.34.0",
    "opencode/1.1.65-legacy",
    "opencode/1.18.33",
    "qwen/0.24.4",
];

/// Maximum time to read one home.
const PATIENCE: Duration = Duration::from_mins(4);

/// Seeds of failures.
const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/hostile/damage.seeds");

/// Levels of nesting that end a program whose parser recurses without a limit.
const LEVELS: usize = 20_000;

/// Result of reading everything in a home.
#[derive(Debug, Default)]
struct Contents {
    entries: usize,
    issues: Vec<Issue>,
    unreadable: u32,
}

/// Reads everything that every reader can read in a home.
fn read_all(home: &Home) -> Contents {
    let mut contents = Contents::default();
    let environment = home.environment();
    for format in FORMATS {
        for root in format.roots(&environment) {
            let discovery = format.discover(&root);
            contents.issues.extend(discovery.issues);
            let _ = format.live(&root);
            for source in discovery.sources {
                let _ = format.peek(&source);
                let summary = format.summarise(&source, None);
                let again = format.summarise(&source, Some(&summary.progress));
                contents.issues.extend(summary.issues.into_iter().chain(again.issues));
                let SourceSessions::All(sessions) = summary.sessions else { continue };
                for session in sessions {
                    contents.unreadable += session.unreadable;
                    let _ = (format.tail(&session, 5), format.resume(&session, &[]));
                    let Ok(mut transcript) = format.open(&session) else { continue };
                    contents.entries += transcript.read(0..usize::MAX, TextLimit::SCREEN).len();
                    let _ = (transcript.raw(0), transcript.refresh());
                    contents.issues.extend_from_slice(transcript.issues());
                }
                let Some(texts) = format.texts() else { continue };
                let Ok(decoder) = texts.decoder(&source) else { continue };
                let _ = texts.records(&source, 0, &mut |record| {
                    decoder.decode.texts(record, TextScope::All, &mut |_| {});
                    ControlFlow::Continue(())
                });
            }
        }
    }
    contents
}

/// Reads everything in a thread with the stack of a worker, within [`PATIENCE`].
fn read_bounded(home: Home) -> Contents {
    let (done, result) = channel();
    let reader = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let contents = read_all(&home);
        let _ = done.send(());
        contents
    });
    let reader = reader.expect("a thread");
    let waited = result.recv_timeout(PATIENCE);
    assert!(waited.is_ok() || reader.is_finished(), "a reader does not end");
    reader.join().expect("a reader panicked")
}

pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Change of a file's bytes.
#[derive(Clone, Debug)]
pub enum Damage {
    Cut(usize),
    Remove(usize, usize),
    Repeat(usize, usize),
    Insert(usize, Vec<u8>),
    Overwrite(usize, u8),
}

impl Damage {
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        let len = bytes.len().max(1);
        match self {
            Self::Cut(at) => bytes.truncate(at % len),
            Self::Remove(from, count) => {
                let from = from % len;
                bytes.drain(from.min(bytes.len())..(from + count % 4096).min(bytes.len()));
            }
            Self::Repeat(from, count) => {
                let from = (from % len).min(bytes.len());
                let part = bytes[from..(from + count % 4096).min(bytes.len())].to_vec();
                bytes.splice(from..from, part);
            }
            Self::Insert(at, new) => {
                let at = (at % len).min(bytes.len());
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Overwrite(at, byte) => {
                if let Some(old) = bytes.get_mut(at % len) {
                    *old = *byte;
                }
            }
        }
    }
}

pub fn damage() -> impl Strategy<Value = Damage> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..8),
        proptest::sample::select(vec![
            "[".repeat(LEVELS).into_bytes(),
            "{\"a\":".repeat(LEVELS).into_bytes(),
            vec![0; 64],
            vec![0xff; 16],
            b"\\ud800".to_vec(),
            b"\\u0000\\u001b]".to_vec(),
            b"\n".to_vec(),
            b"\"".to_vec(),
            b"}{".to_vec(),
            b"1e999".to_vec(),
            b"-9223372036854775808".to_vec(),
            b"99999999999999999999999".to_vec(),
            b"null".to_vec(),
            b"\"\"".to_vec(),
            b"@@ -18446744073709551615,1 +1,1 @@".to_vec(),
        ]),
    ];
    let at = any::<usize>();
    prop_oneof![
        1 => at.prop_map(Damage::Cut),
        2 => (at, any::<usize>()).prop_map(|(from, count)| Damage::Remove(from, count)),
        2 => (at, any::<usize>()).prop_map(|(from, count)| Damage::Repeat(from, count)),
        4 => (at, piece).prop_map(|(at, piece)| Damage::Insert(at, piece)),
        3 => (at, any::<u8>()).prop_map(|(at, byte)| Damage::Overwrite(at, byte)),
    ]
}

/// Configuration of the tests: as many cases as wanted, else `usual`.
pub fn config(usual: u32, seeds: &'static str) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual);
    let failure_persistence = Some(Box::new(FileFailurePersistence::Direct(seeds)) as _);
    ProptestConfig { cases, failure_persistence, max_shrink_iters: 64, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(24, SEEDS))]

    #[test]
    fn f5_no_damage_ends_a_reader(
        home in proptest::sample::select(HOMES.to_vec()),
        file in any::<usize>(),
        damages in proptest::collection::vec(damage(), 1..6),
    ) {
        let home = Home::of(&[home]);
        let files = files(home.path());
        let path = &files[file % files.len()];
        let mut bytes = std::fs::read(path).expect("a file");
        damages.iter().for_each(|damage| damage.apply(&mut bytes));
        std::fs::write(path, bytes).expect("a file");
        read_bounded(home);
    }
}

/// JSON that nests deeply, as a whole and inside of a record.
fn nested() -> [String; 3] {
    let arrays = format!("{}{}", "[".repeat(LEVELS), "]".repeat(LEVELS));
    let objects = format!("{}1{}", "{\"a\":".repeat(LEVELS), "}".repeat(LEVELS));
    [arrays.clone(), format!("{{\"type\":\"tool\",\"state\":{{\"input\":{arrays}}},\"role\":\"user\"}}"), objects]
}

#[test]
fn f5_deeply_nested_rows_of_a_database_are_survived() {
    let update = |home: &Home, database: &str, statements: &[&str], json: &str| {
        let database = Connection::open(home.path().join(database)).expect("a database");
        for statement in statements {
            database.execute(statement, [json]).expect(statement);
        }
    };
    for json in nested() {
        let home = Home::of(&["opencode/1.18.33"]);
        let statements = ["UPDATE part SET data = ?1", "UPDATE message SET data = ?1 WHERE rowid % 2 = 0"];
        update(&home, ".local/share/opencode/opencode.db", &statements, &json);
        let contents = read_bounded(home);
        assert!(contents.unreadable > 0 || !contents.issues.is_empty(), "{contents:?}");
        let home = Home::of(&["goose/1.34.0"]);
        let statements = ["UPDATE messages SET content_json = ?1"];
        update(&home, ".local/share/goose/sessions/sessions.db", &statements, &json);
        read_bounded(home);
    }
}

#[test]
fn f5_deeply_nested_records_of_a_file_are_survived() {
    for home in HOMES {
        for json in nested() {
            let home = Home::of(&[home]);
            for path in files(home.path()) {
                let Ok(text) = std::fs::read_to_string(&path) else { continue };
                let lines: String = text.lines().flat_map(|line| [line, "\n", &json, "\n"]).take(40).collect();
                let document = path.extension().is_some_and(|ending| ending == "json");
                std::fs::write(&path, if document { json.clone() } else { lines }).expect("a file");
            }
            read_bounded(home);
        }
    }
}

#[test]
fn f5_a_record_that_is_no_json_is_an_issue() {
    let garbage = "{\"type\":\"user\", this is no JSON\n";
    for home in ["claude/2.1.329", "codex/0.169.0", "gemini/0.61.0", "qwen/0.24.4"] {
        let home = Home::of(&[home]);
        let is_transcript = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "jsonl");
        let path = files(home.path()).into_iter().rfind(is_transcript).expect("a transcript");
        let text = std::fs::read_to_string(&path).expect("a text");
        std::fs::write(&path, format!("{text}{garbage}{text}")).expect("a file");
        let contents = read_bounded(home);
        assert!(contents.issues.iter().any(|issue| issue.path == path), "{}", path.display());
    }
}

#[test]
fn f16_a_file_with_many_bad_records_is_cached() {
    let home = Home::of(&["claude/2.1.329"]);
    let path = files(home.path()).into_iter().rfind(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    let path = path.expect("a transcript");
    let text = std::fs::read_to_string(&path).expect("a text");
    std::fs::write(&path, format!("{text}{}", "{no JSON\n".repeat(50))).expect("a file");
    let contents = read_bounded(home);
    let about: Vec<&Issue> = contents.issues.iter().filter(|issue| issue.path == path).collect();
    assert!(about.iter().any(|issue| issue.reason.contains("30 more damaged")), "{about:?}");
    // An issue without a line would keep the file out of the cache.
    assert!(about.iter().all(|issue| issue.line.is_some()), "{about:?}");
}
