//! What is noticed when OpenCode goes on writing, and that nothing of it is written by us.

use std::fs;
use std::sync::Arc;

use salon::agent::{RefreshOutcome, SourceSessions, SummaryProgress, TextLimit};

use super::{
    MAIN, V1_1, V1_18, add_part, add_session, all, changed, data, db, entries, opencode, root, session, summarise,
    told, unit, write,
};
use crate::support::Home;

#[test]
fn a10_a_session_deleted_in_the_database_is_gone() {
    let home = Home::of(&[V1_18]);
    let victim = session(&home, MAIN);
    let mut reading = opencode().open(&victim).expect("open");
    let before = summarise(&home, None);
    assert_eq!(reading.refresh(), RefreshOutcome::Same);
    let writer = write(&db(&home));
    for sql in [
        "delete from part where session_id = ?1",
        "delete from message where session_id = ?1",
        "delete from session where id = ?1",
    ] {
        writer.execute(sql, [MAIN]).expect("delete");
    }
    let (sessions, removed) = changed(summarise(&home, Some(&before.progress)).sessions);
    assert_eq!((sessions, removed), (vec![], vec![Arc::from(MAIN)]));
    assert_eq!(reading.refresh(), RefreshOutcome::Gone);
    assert!(opencode().open(&victim).is_err());
}

#[test]
fn only_what_changed_is_summed_up_again() {
    let home = Home::of(&[V1_18]);
    let first = summarise(&home, None);
    let none = summarise(&home, Some(&first.progress));
    assert_eq!((changed(none.sessions), none.bytes_read), ((vec![], vec![]), 0));
    let writer = write(&db(&home));
    add_session(&writer, "ses_added", "Added", "hi");
    let second = summarise(&home, Some(&first.progress));
    assert_eq!(changed(second.sessions), (vec!["ses_added".into()], vec![]));
    writer.execute("update session set title = 'Else' where id = ?1", [MAIN]).expect("rename");
    let third = summarise(&home, Some(&second.progress));
    assert_eq!(changed(third.sessions), (vec![MAIN.into()], vec![]));
    // While its newest message is open, a session's parts change without anything else changing.
    writer
        .execute("update message set data = json_remove(data, '$.time.completed') where id = 'msg_ses_addedv'", [])
        .expect("open");
    writer.execute("update message set time_updated = 1795000002000 where id = 'msg_ses_addedv'", []).expect("open");
    let fourth = summarise(&home, Some(&third.progress));
    let sql =
        "update part set data = '{\"type\":\"text\",\"text\":\"\"}', time_updated = 2 where id = 'prt_ses_addedv'";
    writer.execute(sql, []).expect("stream");
    let SourceSessions::Changed { sessions, .. } = summarise(&home, Some(&fourth.progress)).sessions else {
        panic!("changes")
    };
    assert_eq!((sessions.len(), sessions[0].messages), (1, 1));
    // A state that cannot be read: from the start.
    let broken = SummaryProgress { state: b"?".to_vec(), ..first.progress };
    assert_eq!(all(summarise(&home, Some(&broken)).sessions).len(), 25);
}

#[test]
fn a_reading_follows_what_is_written() {
    let home = Home::of(&[V1_18]);
    let writer = write(&db(&home));
    add_session(&writer, "ses_live", "Live", "hi");
    let mut reading = opencode().open(&session(&home, "ses_live")).expect("open");
    assert_eq!((reading.len(), reading.refresh()), (2, RefreshOutcome::Same));
    add_part(
        &writer,
        "prt_ses_livew",
        "msg_ses_livev",
        "ses_live",
        r#"{"type":"tool","tool":"bash","callID":"c","state":{"status":"running","input":{"command":"ls"}}}"#,
    );
    assert_eq!(reading.refresh(), RefreshOutcome::Grown { from: 1 });
    let sql = "update part set time_updated = 9, data = '{\"type\":\"tool\",\"tool\":\"bash\",\"callID\":\"c\",\"state\":{\"status\":\"completed\",\"input\":{\"command\":\"ls\"},\"output\":\"a\"}}' where id = 'prt_ses_livew'";
    writer.execute(sql, []).expect("update");
    assert_eq!(reading.refresh(), RefreshOutcome::Grown { from: 1 });
    assert_eq!(told(&reading.read(0..9, TextLimit::NONE)), ["prompt: hi", "text: Done", "tool [bash done]: ls"]);
    writer.execute("delete from message where id = 'msg_ses_liveu'", []).expect("undo");
    assert_eq!(reading.refresh(), RefreshOutcome::Reset);
    assert_eq!(reading.len(), 2);
}

#[test]
fn rows_that_lie_in_the_log_only_are_seen_and_no_byte_changes() {
    let home = Home::of(&[V1_18]);
    let path = db(&home);
    let writer = write(&path);
    let mode: String = writer.query_row("pragma journal_mode = wal", [], |row| row.get(0)).expect("wal");
    assert_eq!(mode, "wal");
    writer.execute_batch("pragma wal_autocheckpoint = 0").expect("no checkpoints");
    let before = unit(&home, &path).stamp;
    add_session(&writer, "ses_wal", "In the log", "hi");
    let log = data(&home).join("opencode.db-wal");
    let bytes = (fs::read(&path).expect("db"), fs::read(&log).expect("log"));
    assert_ne!(unit(&home, &path).stamp, before);
    assert_eq!(told(&entries(&session(&home, "ses_wal"))), ["prompt: hi", "text: Done"]);
    assert!((fs::read(&path).expect("db"), fs::read(&log).expect("log")) == bytes);
    let affected = opencode().affected(&root(&home), &log);
    assert_eq!(affected[0].0, path);
    assert!(opencode().affected(&root(&home), &data(&home).join("opencode.db-shm")).is_empty());
    // The writer went without cleaning up: the log is still the truth, and still nobody's to touch.
    std::mem::forget(writer);
    drop(session(&home, "ses_wal"));
    assert!((fs::read(&path).expect("db"), fs::read(&log).expect("log")) == bytes);
}

#[test]
fn changes_of_json_files_belong_to_their_session() {
    let home = Home::of(&[V1_1]);
    let session = session(&home, "ses_e02832c5fffeYXRWJWhlGDolzl");
    let storage = data(&home).join("storage");
    let messages = storage.join("message").join(&*session.key.id);
    let message = fs::read_dir(&messages).expect("messages").next().expect("one").expect("entry").path();
    let parts = storage.join("part").join(message.file_stem().expect("stem"));
    let part = fs::read_dir(parts).expect("parts").next().expect("one").expect("entry").path();
    for path in [&session.path, &message, &part] {
        let affected = opencode().affected(&root(&home), path);
        assert_eq!(affected.len(), 1, "{}", path.display());
        assert_eq!(affected[0].0, session.path);
        assert!(affected[0].1.is_some());
    }
    assert!(opencode().affected(&root(&home), &storage.join("project/global.json")).is_empty());
    let mut reading = opencode().open(&session).expect("open");
    assert_eq!(reading.refresh(), RefreshOutcome::Same);
    let before = unit(&home, &session.path).stamp;
    let data = r#"{"id":"msg_zz","role":"user","time":{"created":1795254999000}}"#;
    fs::write(messages.join("msg_zz.json"), data).expect("message");
    let folder = storage.join("part/msg_zz");
    fs::create_dir_all(&folder).expect("folder");
    fs::write(folder.join("prt_zz.json"), r#"{"type":"text","text":"more"}"#).expect("part");
    assert_ne!(unit(&home, &session.path).stamp, before);
    let len = reading.len();
    assert_eq!(reading.refresh(), RefreshOutcome::Grown { from: len });
    assert_eq!(told(&reading.read(len..len + 1, TextLimit::NONE)), ["prompt: more"]);
    // Its messages are still read.
    fs::remove_file(&session.path).expect("delete");
    assert_eq!(reading.refresh(), RefreshOutcome::Same);
    assert!(opencode().affected(&root(&home), &session.path)[0].1.is_some());
    fs::remove_dir_all(&messages).expect("delete");
    assert_eq!(reading.refresh(), RefreshOutcome::Gone);
    assert_eq!(opencode().affected(&root(&home), &session.path), [(session.path.clone(), None)]);
}
