//! Locked, damaged and foreign databases, cut files: told once, and without harm to what is left.

use std::fs;
use std::path::Path;

use salon::agent::{RefreshOutcome, TextLimit};

use super::{
    V1_1, V1_18, add_part, add_session, all, changed, data, db, entries, opencode, root, session, sessions, summarise,
    told, unit, write,
};
use crate::support::Home;

#[test]
fn a29_a_broken_part_is_counted_and_its_neighbours_are_intact() {
    let home = Home::of(&[V1_18]);
    let writer = write(&db(&home));
    add_session(&writer, "ses_broken", "Broken", "hi");
    add_part(&writer, "prt_ses_brokenv0", "msg_ses_brokenv", "ses_broken", r#"{"type":"text","text":"cut of"#);
    let broken = session(&home, "ses_broken");
    assert_eq!((broken.unreadable, broken.flags.unreadable), (1, true));
    let mut reading = opencode().open(&broken).expect("open");
    assert_eq!(told(&reading.read(0..9, TextLimit::NONE)), ["prompt: hi", "text: Done", "text: cut of"]);
    assert_eq!(reading.issues().len(), 1);
    writer.execute("update message set data = 'x' where id = 'msg_ses_brokenv'", []).expect("update");
    let broken = session(&home, "ses_broken");
    // The parts of a message that cannot be read are still shown.
    assert_eq!((broken.unreadable, broken.messages), (2, 3));
}

#[test]
fn where_no_side_file_can_be_made_a_copy_is_read() {
    let home = Home::of(&[V1_18]);
    let path = db(&home);
    let writer = write(&path);
    writer.query_row("pragma journal_mode = wal", [], |_| Ok(())).expect("wal");
    writer.execute_batch("pragma wal_autocheckpoint = 0").expect("no checkpoints");
    add_session(&writer, "ses_wal", "In the log", "hi");
    let other = Home::empty();
    fs::create_dir_all(data(&other)).expect("directory");
    fs::copy(&path, db(&other)).expect("db");
    // A directory in the place of the shared memory keeps even root from opening it.
    fs::create_dir(data(&other).join("opencode.db-shm")).expect("obstacle");
    assert_eq!(sessions(&other).len(), 24, "without a log the file is all there is");
    fs::copy(data(&home).join("opencode.db-wal"), data(&other).join("opencode.db-wal")).expect("log");
    let copied = session(&other, "ses_wal");
    assert_eq!(sessions(&other).len(), 25);
    let mut reading = opencode().open(&copied).expect("open");
    assert_eq!((reading.len(), reading.refresh()), (2, RefreshOutcome::Same));
    add_part(&writer, "prt_ses_walx", "msg_ses_walv", "ses_wal", r#"{"type":"text","text":"more"}"#);
    fs::copy(data(&home).join("opencode.db-wal"), data(&other).join("opencode.db-wal")).expect("log");
    assert_eq!(reading.refresh(), RefreshOutcome::Grown { from: 1 });
    assert_eq!(reading.len(), 3);
}

#[test]
fn a_locked_database_is_one_issue_and_forgets_nothing() {
    let home = Home::of(&[V1_18]);
    let first = summarise(&home, None);
    let writer = write(&db(&home));
    writer.query_row("pragma journal_mode = delete", [], |_| Ok(())).expect("no log");
    writer.execute_batch("begin exclusive").expect("lock");
    let locked = summarise(&home, Some(&first.progress));
    assert_eq!(locked.issues.len(), 1);
    assert!(locked.issues[0].reason.contains("locked"), "{}", locked.issues[0].reason);
    assert_eq!(changed(locked.sessions), (vec![], vec![]));
    assert_ne!(locked.progress.cursor.stamp, unit(&home, &db(&home)).stamp, "it counts as unread");
    writer.execute_batch("rollback").expect("unlock");
    let free = summarise(&home, Some(&locked.progress));
    assert!(free.issues.is_empty());
    assert_eq!(changed(free.sessions), (vec![], vec![]));
}

#[test]
fn garbage_in_place_of_a_database_is_one_issue_each() {
    let issues = |make: &dyn Fn(&Path)| {
        let home = Home::empty();
        fs::create_dir_all(data(&home)).expect("directory");
        make(&db(&home));
        let found = opencode().discover(&root(&home));
        let read = found.sources.iter().flat_map(|unit| {
            let summarised = opencode().summarise(unit, None);
            assert!(all(summarised.sessions).is_empty());
            summarised.issues
        });
        let issues: Vec<_> = read.chain(found.issues).map(|issue| issue.reason).collect();
        (issues, home)
    };
    let one = |make: &dyn Fn(&Path), word: &str| {
        let (found, _) = issues(make);
        assert!(found.len() == 1 && found[0].contains(word), "{word}: {found:?}");
    };
    one(&|path| fs::write(path, vec![b'x'; 8192]).expect("write"), "damaged");
    one(&|path| fs::write(path, "").expect("write"), "empty");
    one(&|path| fs::create_dir(path).expect("directory"), "directory");
    one(
        &|path| write(path).execute_batch("create table cats (name text)").expect("table"),
        "unknown database layout (cats)",
    );
    one(&|path| write(path).execute_batch("create table a (b); drop table a").expect("table"), "no tables");
    one(
        &|path| write(path).execute_batch("create table session (id); create table part (x)").expect("tables"),
        "unknown",
    );
    let wal = |path: &Path| path.with_file_name("opencode.db-wal");
    let (found, _) = issues(&|path| fs::write(wal(path), "log").expect("write"));
    assert!(found.is_empty(), "a log alone is nothing: {found:?}");
    // SQLite deletes a log beside an empty database, if it is let.
    let (found, home) = issues(&|path| {
        fs::write(path, "").expect("write");
        fs::write(wal(path), "log").expect("write");
    });
    assert_eq!(found.len(), 1);
    assert!(data(&home).join("opencode.db-wal").exists());
}

#[test]
fn a_database_damaged_in_the_middle_yields_what_it_can() {
    let home = Home::of(&[V1_18]);
    let path = db(&home);
    let mut bytes = fs::read(&path).expect("db");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 16_384].fill(0xff);
    fs::write(&path, &bytes).expect("write");
    let summarised = summarise(&home, None);
    assert_eq!(summarised.issues.len(), 1);
    assert_eq!(fs::read(&path).expect("db"), bytes);
}

#[test]
fn h14_json_files_cut_short_do_no_harm_to_others() {
    let home = Home::of(&[V1_1]);
    let whole = session(&home, "ses_e02832c5fffeYXRWJWhlGDolzl");
    let storage = data(&home).join("storage");
    // A part of its last message is just being written.
    let messages = fs::read_dir(storage.join("message").join(&*whole.key.id)).expect("messages");
    let mut stems: Vec<_> = messages.map(|entry| entry.expect("entry").path()).collect();
    stems.sort();
    let parts = storage.join("part").join(stems[1].file_stem().expect("stem"));
    let text = fs::read_dir(&parts).expect("parts").map(|entry| entry.expect("entry").path());
    let text = text.max_by_key(|path| fs::metadata(path).expect("part").len()).expect("a part");
    fs::write(&text, "{ \"id\": \"prt_").expect("cut");
    let cut = session(&home, &whole.key.id);
    assert_eq!((cut.unreadable, cut.flags.unreadable), (1, true));
    assert_eq!(cut.messages as usize, entries(&cut).len());
    // The session's own file is.
    fs::write(&whole.path, "{\n  \"id\": \"ses").expect("cut");
    let unit = unit(&home, &whole.path);
    let summarised = opencode().summarise(&unit, None);
    assert_eq!(summarised.issues.len(), 1);
    assert!(all(summarised.sessions)[0].flags.unreadable);
    assert_eq!(sessions(&home).len(), 5);
}

#[test]
fn nothing_at_all_is_no_issue() {
    let home = Home::empty();
    let found = opencode().discover(&root(&home));
    assert!(found.sources.is_empty() && found.issues.is_empty());
}
