//! Damaged homes read with a cache: the rows are the same, whether all files were read, some of them, or none.

use std::time::Instant;

use proptest::prelude::*;
use salon::domain::{Issue, Session, SessionState};
use salon::index::{Collected, IndexOptions, Refresh, collect};

use super::damage::{HOMES, config, damage, files};
use crate::support::Home;

/// Seeds of failures.
const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/hostile/cached.seeds");

/// Reads a home, with or without a cache. Waits until the cache is written.
fn read(home: &Home, with_cache: bool) -> Collected {
    let cache = home.path().join(".cache/salon-test");
    let options = IndexOptions::new(home.environment(), Instant::now);
    let options = IndexOptions { cache_dir: with_cache.then_some(cache), ..options };
    let mut collected = collect(&options, Refresh::Changed);
    drop(collected.pending_write.take());
    collected
}

/// Rows and issues in a defined order, without the state of processes.
fn contents(collected: &Collected) -> (Vec<Session>, Vec<Issue>) {
    let past = |session: &Session| Session { state: SessionState::Past, ..session.clone() };
    let mut sessions: Vec<Session> = collected.sessions.iter().map(|session| past(session)).collect();
    sessions.sort_by(|a, b| a.key.cmp(&b.key));
    let mut issues = collected.issues.clone();
    issues.sort_by(|a, b| (&a.path, a.line, &a.reason).cmp(&(&b.path, b.line, &b.reason)));
    (sessions, issues)
}

proptest! {
    #![proptest_config(config(12, SEEDS))]

    #[test]
    fn f16_rows_of_a_damaged_home_are_the_same_cold_and_warm(
        home in proptest::sample::select(HOMES.to_vec()),
        file in any::<usize>(),
        damages in proptest::collection::vec(damage(), 1..6),
        bad in 0usize..40,
    ) {
        let home = Home::of(&[home]);
        let files = files(home.path());
        let path = &files[file % files.len()];
        let mut bytes = std::fs::read(path).expect("a file");
        damages.iter().for_each(|damage| damage.apply(&mut bytes));
        bytes.extend("\n{no JSON".repeat(bad).into_bytes());
        std::fs::write(path, bytes).expect("a file");
        let cold = contents(&read(&home, false));
        for _ in 0..2 {
            let warm = contents(&read(&home, true));
            prop_assert_eq!(&warm.0, &cold.0, "{}", path.display());
            prop_assert_eq!(&warm.1, &cold.1, "{}", path.display());
        }
    }
}

#[test]
fn f16_a_file_with_many_bad_records_is_read_once() {
    let home = Home::of(&["claude/2.1.329"]);
    let is_transcript = |path: &std::path::PathBuf| path.extension().is_some_and(|ending| ending == "jsonl");
    let path = files(home.path()).into_iter().rfind(is_transcript).expect("a transcript");
    let text = std::fs::read_to_string(&path).expect("a text");
    std::fs::write(&path, format!("{text}{}", "{no JSON\n".repeat(50))).expect("a file");
    let cold = read(&home, true);
    assert!(cold.counts.summaries > 0);
    let warm = read(&home, true);
    assert_eq!((warm.counts.summaries, warm.counts.bytes), (0, 0));
    assert_eq!(contents(&warm), contents(&cold));
}
