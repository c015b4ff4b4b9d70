//! Persistent state of salon: saved, protected, and never lost silently.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use salon::domain::Time;
use salon::store::{Connection, Store, preferences};

const NOW: Time = Time::from_millis(1_795_000_000_000);

struct Data(tempfile::TempDir);

impl Data {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a scratch directory"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("state.db")
    }
}

fn saved(store: &Store) -> Vec<(String, String)> {
    store.with(preferences::load_all).expect("recall")
}

#[test]
fn saved_state_is_available_at_the_next_start() {
    let data = Data::new();
    let store = Store::open(&data.path(), NOW).expect("open").store;
    store.with(|db| preferences::save(db, "sort", "turns")).expect("remember");
    store.with(|db| preferences::save(db, "sort", "title")).expect("remember");
    let second = Store::open(&data.path(), NOW).expect("open beside it");
    assert_eq!(saved(&second.store), [("sort".to_owned(), "title".to_owned())]);
    assert_eq!((second.set_aside, second.read_only), (None, false));
    assert_eq!(fs::metadata(data.path()).expect("metadata").permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_damaged_database_is_renamed_and_a_new_one_created() {
    let garbage: [fn(&mut Vec<u8>); 2] =
        [|bytes| bytes.iter_mut().for_each(|byte| *byte = 0x5a), |bytes| bytes[4096..].fill(0x5a)];
    for damage in garbage {
        let data = Data::new();
        let store = Store::open(&data.path(), NOW).expect("open").store;
        store.with(|db| preferences::save(db, "sort", "turns")).expect("remember");
        drop(store);
        let mut bytes = fs::read(data.path()).expect("read");
        damage(&mut bytes);
        fs::write(data.path(), &bytes).expect("write");
        let opened = Store::open(&data.path(), NOW).expect("open");
        let aside = data.0.path().join("state.db.corrupt-1795000000000");
        assert_eq!(opened.set_aside.as_ref(), Some(&aside));
        assert_eq!(fs::read(aside).expect("kept"), bytes);
        assert!(saved(&opened.store).is_empty());
        opened.store.with(|db| preferences::save(db, "sort", "size")).expect("remember");
    }
}

#[test]
fn h29_a_database_of_a_newer_version_is_read_only() {
    let data = Data::new();
    let store = Store::open(&data.path(), NOW).expect("open").store;
    store.with(|db| preferences::save(db, "sort", "turns")).expect("remember");
    drop(store);
    let db = Connection::open(data.path()).expect("open");
    db.pragma_update(None, "user_version", 999).expect("newer");
    drop(db);
    let opened = Store::open(&data.path(), NOW).expect("open");
    assert!(opened.read_only);
    assert!(opened.store.with(|db| preferences::save(db, "sort", "size")).is_err());
    assert_eq!(saved(&opened.store), [("sort".to_owned(), "turns".to_owned())]);
}

#[test]
fn d21_a_torn_end_of_the_journal_loses_only_its_last_records() {
    let data = Data::new();
    let store = Store::open(&data.path(), NOW).expect("open").store;
    let name = |at: usize| format!("choice-{at:03}");
    (0..40).for_each(|at| store.with(|db| preferences::save(db, &name(at), "x")).expect("saved"));
    let journal = fs::read(data.0.path().join("state.db-wal")).expect("a journal");
    for cut in [1, 100, 4096, journal.len() / 2, journal.len() - 40] {
        let torn = Data::new();
        fs::copy(data.path(), torn.path()).expect("copy");
        fs::write(torn.0.path().join("state.db-wal"), &journal[..journal.len() - cut]).expect("write");
        let opened = Store::open(&torn.path(), NOW).expect("open");
        assert_eq!(opened.set_aside, None, "cut by {cut}");
        let names: Vec<_> = saved(&opened.store).into_iter().map(|(name, _)| name).collect();
        let expected: Vec<_> = (0..names.len()).map(name).collect();
        assert_eq!(names, expected, "cut by {cut}: what is left has no gap");
        assert!(names.len() < 40 && (cut > 4096 || names.len() > 35), "cut by {cut}: {} are left", names.len());
    }
}
