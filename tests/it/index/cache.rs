//! Reads with a cache: only changed sources are read again.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn scan(home: &Home) -> Collected {
    collect(&cached(home), Refresh::Changed)
}

fn cache_file(home: &Home) -> PathBuf {
    home.path().join("cache/sessions.db")
}

/// Home with four sources, read once.
fn home() -> Home {
    let home = Home::empty();
    write(&home, "a.log", "cwd /w\nprompt 1000 first of a\n");
    write(&home, "b.log", "prompt 2000 first of b\n");
    write(&home, "many.base", "x prompt 10 of x\ny prompt 20 of y\n");
    write(&home, "names.notes", "title a named\n");
    assert_eq!(scan(&home).counts.summaries, 4);
    home
}

fn rows(found: &Collected) -> Vec<salon::domain::Session> {
    let mut rows: Vec<_> = found.sessions.iter().map(|session| (**session).clone()).collect();
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    rows
}

#[test]
fn c11_unchanged_sources_are_not_opened() {
    let home = home();
    let again = scan(&home);
    assert_eq!((again.counts.summaries, again.counts.peeks, again.counts.bytes), (0, 0, 0));
    assert_eq!(rows(&again), rows(&super::scan(&home)));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(16))]
    #[test]
    fn c11_a_second_look_finds_nothing_to_change(steps in proptest::collection::vec((0usize..4, 0usize..3), 1..12)) {
        let home = home();
        for (file, step) in steps {
            let name = format!("p{file}.log");
            match step {
                0 => drop(write(&home, &name, "prompt 1000 written\n")),
                1 => append(&write(&home, &name, "prompt 1000 first\n"), "prompt 2000 second\n"),
                _ => drop(fs::remove_file(fake::folder(home.path(), Agent::Claude).join(&name))),
            }
            let first = scan(&home);
            let second = scan(&home);
            proptest::prop_assert_eq!((second.counts.summaries, second.counts.peeks), (0, 0));
            proptest::prop_assert_eq!(rows(&first), rows(&second));
        }
    }
}

#[test]
fn c20_touching_one_session_reads_one_file() {
    let home = home();
    append(&home.path().join("fake/claude/a.log"), "prompt 3000 second of a\n");
    let again = scan(&home);
    assert_eq!((again.counts.summaries, again.counts.peeks), (1, 0));
    assert_eq!(again.session(&key("a")).expect("a").turns, 2);
    assert_eq!(&*again.session(&key("a")).expect("a").title.text, "named");
}

#[test]
fn a8_only_appended_bytes_are_read() {
    let home = home();
    let line = "prompt 3000 second of a\n";
    append(&home.path().join("fake/claude/a.log"), line);
    assert_eq!(scan(&home).counts.bytes, line.len() as u64);
}

#[test]
fn a_database_updates_only_changed_sessions() {
    let home = home();
    append(&home.path().join("fake/claude/many.base"), "z prompt 30 of z\nx drop\n");
    for _ in 0..2 {
        let found = scan(&home);
        let ids: Vec<_> = rows(&found).into_iter().map(|row| row.key.id.to_string()).collect();
        assert_eq!(ids, ["a", "b", "y", "z"]);
    }
}

#[test]
fn a13_a_replaced_file_is_read_again() {
    let home = home();
    let path = home.path().join("fake/claude/a.log");
    fs::write(path.with_extension("new"), "prompt 5000 another\n").expect("write");
    fs::rename(path.with_extension("new"), &path).expect("rename");
    assert_eq!(scan(&home).session(&key("a")).expect("a").turns, 1);
    fs::write(&path, "").expect("truncate");
    assert!(scan(&home).session(&key("a")).expect("a").flags.empty);
}

#[test]
fn a10_sources_removed_from_disk_are_removed_from_the_cache() {
    let home = home();
    fs::remove_file(home.path().join("fake/claude/a.log")).expect("remove");
    fs::remove_file(home.path().join("fake/claude/many.base")).expect("remove");
    for _ in 0..2 {
        assert_eq!(scan(&home).sessions.len(), 1);
    }
}

#[test]
fn a_damaged_cache_is_deleted_and_created_again() {
    let home = home();
    let whole = rows(&scan(&home));
    let length = fs::metadata(cache_file(&home)).expect("cache").len();
    let damages: [&dyn Fn(&mut Vec<u8>); 4] = [
        &|bytes| bytes.clear(),
        &|bytes| bytes.iter_mut().for_each(|byte| *byte = 0x5a),
        &|bytes| bytes.truncate(5000),
        &|bytes| bytes[4096..].iter_mut().for_each(|byte| *byte ^= 0xff),
    ];
    assert!(length > 5000);
    for damage in damages {
        let mut bytes = fs::read(cache_file(&home)).expect("read");
        damage(&mut bytes);
        fs::write(cache_file(&home), bytes).expect("write");
        let found = scan(&home);
        assert_eq!(rows(&found), whole);
        assert_eq!(scan(&home).counts.summaries, 0, "kept again");
    }
}

#[test]
fn a_cache_of_another_version_is_ignored() {
    let home = home();
    let db = rusqlite::Connection::open(cache_file(&home)).expect("open");
    db.execute("UPDATE made_by SET version = 'another'", []).expect("update");
    drop(db);
    assert_eq!(scan(&home).counts.summaries, 4);
    assert_eq!(scan(&home).counts.summaries, 0);
}

#[test]
fn a_cache_that_cannot_be_written_is_only_an_issue() {
    let home = home();
    fs::write(home.path().join("plain"), "a file").expect("write");
    let options = IndexOptions { cache_dir: Some(home.path().join("plain/cache")), ..options(&home) };
    let found = collect(&options, Refresh::Changed);
    assert_eq!(found.sessions.len(), 4);
    assert!(found.issues.iter().any(|issue| issue.path.ends_with("plain/cache")), "{:?}", found.issues);
}

#[test]
fn h33_the_cache_is_readable_for_its_owner_only() {
    let home = home();
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!((mode(&cache_file(&home)), mode(&home.path().join("cache"))), (0o600, 0o700));
}

#[test]
fn another_home_with_the_same_cache_sees_only_its_own() {
    let (one, two) = (home(), Home::empty());
    write(&two, "other.log", "prompt 1000 other\n");
    let options = IndexOptions { cache_dir: Some(one.path().join("cache")), ..options(&two) };
    assert_eq!(collect(&options, Refresh::Changed).sessions.len(), 1);
    assert_eq!(scan(&one).counts.summaries, 0, "the other home's rows were left alone");
}

#[test]
fn everything_is_read_again_on_request() {
    let home = home();
    let whole = rows(&scan(&home));
    let found = collect(&cached(&home), Refresh::Everything);
    assert_eq!((found.counts.summaries, rows(&found)), (4, whole));
}

#[test]
fn two_at_once_share_the_cache() {
    let home = home();
    let path = home.path().join("fake/claude/many.base");
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (home, path) = (&home, &path);
            scope.spawn(move || {
                for round in 0..8 {
                    append(path, &format!("w{worker}r{round} prompt 5 text\n"));
                    scan(home);
                }
            });
        }
    });
    assert!(rows(&scan(&home)) == rows(&super::scan(&home)), "as if read without a cache");
    assert_eq!(scan(&home).counts.summaries, 0);
}
