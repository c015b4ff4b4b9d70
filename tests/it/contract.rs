//! What every agent's reader promises, held against all fixtures, whole and damaged.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use salon::agent::{FORMATS, Format, Source, SourceSessions, TextLimit};
use salon::domain::{Entry, EntryKey, Session};

use crate::support::{Home, fixtures};

/// Every fixture home, as `agent/version`.
fn homes() -> Vec<String> {
    let mut names = Vec::new();
    for agent in std::fs::read_dir(fixtures()).expect("fixtures") {
        let agent = agent.expect("directory entry").path();
        for version in std::fs::read_dir(&agent).into_iter().flatten().flatten() {
            // Some cases are read only with a variable that names their folder.
            let needs_variable = name(&version.path()).contains("-env-");
            if version.path().join("home").is_dir() && !needs_variable {
                names.push(format!("{}/{}", name(&agent), name(&version.path())));
            }
        }
    }
    names.sort();
    names
}

fn name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

/// All units of a home with the format that reads them.
fn units(home: &Home) -> Vec<(&'static dyn Format, Source)> {
    let environment = home.environment();
    let mut found = Vec::new();
    for format in FORMATS {
        for root in format.roots(&environment) {
            found.extend(format.discover(&root).sources.into_iter().map(|unit| (format, unit)));
        }
    }
    found
}

fn all_sessions(format: &dyn Format, unit: &Source) -> Vec<Session> {
    match format.summarise(unit, None).sessions {
        SourceSessions::All(sessions) | SourceSessions::Changed { sessions, .. } => sessions,
    }
}

fn read_all(format: &dyn Format, session: &Session) -> Vec<Entry> {
    let mut reading = format.open(session).unwrap_or_else(|error| panic!("{}: {error}", session.key));
    let len = reading.len();
    reading.read(0..len, TextLimit::NONE)
}

#[test]
fn every_fixture_home_has_sessions() {
    for name in homes() {
        let home = Home::of(&[&name]);
        let count: usize = units(&home).iter().map(|(format, unit)| all_sessions(*format, unit).len()).sum();
        assert!(count > 0, "{name}: no session found");
    }
}

#[test]
fn a4_messages_counted_are_messages_shown() {
    for name in homes() {
        let home = Home::of(&[&name]);
        for (format, unit) in units(&home) {
            for session in all_sessions(format, &unit) {
                let entries = read_all(format, &session);
                assert_eq!(session.messages as usize, entries.len(), "{name}: {}", session.key);
                assert_eq!(session.flags.empty, entries.is_empty(), "{name}: {}: flag empty", session.key);
            }
        }
    }
}

#[test]
fn a6_pages_of_any_size_together_are_the_whole() {
    for name in homes() {
        let home = Home::of(&[&name]);
        for (format, unit) in units(&home) {
            for session in all_sessions(format, &unit) {
                let whole = read_all(format, &session);
                for size in [1, 3, 7] {
                    let mut reading = format.open(&session).expect("opened before");
                    let mut paged = Vec::new();
                    for from in (0..whole.len()).step_by(size) {
                        paged.extend(reading.read(from..from + size, TextLimit::NONE));
                    }
                    let told = |entries: &[Entry]| entries.iter().map(|entry| format!("{entry:?}")).collect::<Vec<_>>();
                    assert_eq!(told(&paged), told(&whole), "{name}: {} in pages of {size}", session.key);
                }
            }
        }
    }
}

#[test]
fn entries_are_found_where_a_reading_of_all_of_them_finds_them() {
    let absent = EntryKey::new("of no entry", 0);
    for name in homes() {
        let home = Home::of(&[&name]);
        for (format, unit) in units(&home) {
            for session in all_sessions(format, &unit) {
                let whole = read_all(format, &session);
                let call = |entry: &Entry| entry.tool.as_ref().map_or(String::new(), |tool| tool.id.to_string());
                let calls: Vec<String> = whole.iter().map(call).collect();
                // Each entry by its key, by its tool call alone and by both; and what is nowhere.
                let by_key = whole.iter().map(|entry| (entry.key, ""));
                let by_call = calls.iter().map(|call| (absent, call.as_str()));
                let by_both = whole.iter().zip(&calls).map(|(entry, call)| (entry.key, call.as_str()));
                let nowhere = [(absent, ""), (absent, "of no call")];
                let wanted: Vec<_> = by_key.chain(by_call).chain(by_both).chain(nowhere).collect();
                let first = |(key, call): &(EntryKey, &str)| whole.iter().position(|entry| entry.matches(*key, call));
                let expected: Vec<_> = wanted.iter().map(first).collect();
                let found = format.open(&session).expect("opened before").positions(&wanted);
                assert_eq!(found, expected, "{name}: {}", session.key);
            }
        }
    }
}

#[test]
fn keys_of_entries_are_unique_and_the_same_in_the_tail() {
    for name in homes() {
        let home = Home::of(&[&name]);
        for (format, unit) in units(&home) {
            for session in all_sessions(format, &unit) {
                let whole = read_all(format, &session);
                let keys: Vec<_> = whole.iter().map(|entry| entry.key).collect();
                let mut unique = keys.clone();
                unique.sort();
                unique.dedup();
                assert_eq!(unique.len(), keys.len(), "{name}: {}: a key stands twice", session.key);
                let tail = format.tail(&session, 5).unwrap_or_else(|error| panic!("{}: {error}", session.key));
                let tail_keys: Vec<_> = tail.iter().map(|entry| entry.key).collect();
                let wanted = keys.len().min(5);
                assert!(
                    tail_keys.len() >= wanted,
                    "{name}: {}: {} of {wanted} in the tail",
                    session.key,
                    tail_keys.len()
                );
                assert!(keys.ends_with(&tail_keys), "{name}: {}: the tail differs", session.key);
            }
        }
    }
}

#[test]
fn a30_no_time_before_the_agents_existed() {
    for name in homes() {
        let home = Home::of(&[&name]);
        for (format, unit) in units(&home) {
            for session in all_sessions(format, &unit) {
                let active =
                    session.last_activity.unwrap_or_else(|| panic!("{name}: {}: no last activity", session.key));
                assert!(active.millis() > 1_600_000_000_000, "{name}: {}: {}", session.key, active.rfc3339());
            }
        }
    }
}

#[test]
fn reading_leaves_the_bytes_as_they_were() {
    for name in homes() {
        let home = Home::of(&[&name]);
        let before = contents(home.path());
        for (format, unit) in units(&home) {
            format.peek(&unit);
            for session in all_sessions(format, &unit) {
                read_all(format, &session);
            }
        }
        let after = contents(home.path());
        for (path, bytes) in &before {
            let now = after.iter().find(|(other, _)| other == path).map(|(_, bytes)| bytes);
            assert_eq!(now, Some(bytes), "{name}: {} changed", path.display());
        }
    }
}

/// How a file is damaged.
#[derive(Clone, Debug)]
enum Damage {
    Cut(prop::sample::Index),
    Overwrite(prop::sample::Index, Vec<u8>),
    Insert(prop::sample::Index, Vec<u8>),
    Empty,
    Directory,
    Gone,
}

fn damage() -> impl Strategy<Value = Damage> {
    let junk = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..200),
        Just(vec![0; 4096]),
        Just(b"\n{\"type\":\n".to_vec()),
        Just(b"}{".to_vec()),
        Just("\u{2028}\u{202e}\u{1b}[2J\n".as_bytes().to_vec()),
        Just(vec![0xff, 0xfe, b'"', b'\\', b'\n']),
        Just([b"[".repeat(3000), b"\n".to_vec()].concat()),
    ];
    prop_oneof![
        any::<prop::sample::Index>().prop_map(Damage::Cut),
        (any::<prop::sample::Index>(), junk.clone()).prop_map(|(at, junk)| Damage::Overwrite(at, junk)),
        (any::<prop::sample::Index>(), junk).prop_map(|(at, junk)| Damage::Insert(at, junk)),
        Just(Damage::Empty),
        Just(Damage::Directory),
        Just(Damage::Gone),
    ]
}

impl Damage {
    fn apply(&self, path: &Path) {
        let mut bytes = std::fs::read(path).expect("a fixture file");
        let place = |at: &prop::sample::Index| at.index(bytes.len() + 1);
        match self {
            Self::Cut(at) => bytes.truncate(place(at)),
            Self::Overwrite(at, junk) => {
                let from = place(at);
                let to = (from + junk.len()).min(bytes.len());
                bytes[from..to].copy_from_slice(&junk[..to - from]);
            }
            Self::Insert(at, junk) => {
                let from = place(at);
                bytes.splice(from..from, junk.iter().copied());
            }
            Self::Empty => bytes.clear(),
            Self::Directory | Self::Gone => {
                std::fs::remove_file(path).expect("remove");
                if matches!(self, Self::Directory) {
                    std::fs::create_dir(path).expect("create directory");
                }
                return;
            }
        }
        std::fs::write(path, bytes).expect("write");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing crashes, hangs or vanishes silently, whatever a file holds.
    #[test]
    fn damaged_fixtures_are_read_as_far_as_they_go(
        which in any::<prop::sample::Index>(),
        file in any::<prop::sample::Index>(),
        damages in prop::collection::vec(damage(), 1..3),
    ) {
        let names = homes();
        let home = Home::of(&[&names[which.index(names.len())]]);
        let whole = units(&home);
        let victim = whole[file.index(whole.len())].1.path.clone();
        for damage in &damages {
            if victim.is_file() {
                damage.apply(&victim);
            }
        }
        // The units as they were found before the damage, and as they are found after it.
        for (format, unit) in whole.into_iter().chain(units(&home)) {
            format.peek(&unit);
            let summary = format.summarise(&unit, None);
            let told = !summary.issues.is_empty();
            let (SourceSessions::All(sessions) | SourceSessions::Changed { sessions, .. }) = summary.sessions;
            if unit.path == victim && victim.is_dir() {
                prop_assert!(told || !sessions.is_empty(), "{}: swallowed", victim.display());
            }
            for session in sessions {
                let Ok(mut reading) = format.open(&session) else { continue };
                let len = reading.len();
                prop_assert_eq!(reading.read(0..len, TextLimit::SCREEN).len(), len);
                prop_assert!(format.tail(&session, 3).is_ok());
            }
        }
    }
}

fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else if !name(&path).ends_with("-shm") && !name(&path).ends_with("-wal") {
            found.push((path.clone(), std::fs::read(&path).expect("file")));
        }
    }
    found
}
