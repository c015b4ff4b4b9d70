//! The writer of choices and drafts: never waits for the disk, keeps the newest value, and saves all at the end.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use salon::runtime::store_writer::{StoreWriter, WriterMessage};
use salon::store::{Connection, Store, outbox, preferences};

use crate::support::{TIMEOUT, clock};

struct Stage {
    dir: tempfile::TempDir,
    store: Arc<Store>,
    writer: StoreWriter,
    messages: Receiver<WriterMessage>,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let store = Arc::new(Store::open(&dir.path().join("state.db"), clock()).expect("state.db").store);
        let (sender, messages) = channel();
        let writer = StoreWriter::start(&store, move |message| drop(sender.send(message)));
        Self { dir, store, writer, messages }
    }

    /// A connection of another process that is writing.
    fn lock(&self) -> Connection {
        let db = Connection::open(self.dir.path().join("state.db")).expect("a connection");
        db.execute_batch("BEGIN IMMEDIATE").expect("the lock");
        db
    }

    fn choices(&self) -> Vec<(String, String)> {
        self.store.with(preferences::load_all).expect("choices")
    }

    fn message(&self) -> WriterMessage {
        self.messages.recv_timeout(TIMEOUT).expect("a message")
    }
}

fn draft(key: &str, text: &str) -> WriterMessage {
    WriterMessage::Draft { key: key.into(), text: text.into() }
}

#[test]
fn everything_is_saved_at_the_end_with_the_newest_value() {
    let stage = Stage::new();
    for at in 0..1000 {
        stage.writer.save_choice("sort".into(), at.to_string());
        stage.writer.save_draft("claude:1".into(), format!("draft {at}"));
    }
    assert_eq!(stage.writer.finish(TIMEOUT), 0);
    assert_eq!(stage.choices(), [("sort".to_owned(), "999".to_owned())]);
    assert_eq!(stage.store.with(|db| outbox::draft(db, "claude:1")).expect("draft"), "draft 999");
}

#[test]
fn a_draft_that_is_not_on_disk_yet_is_loaded() {
    let stage = Stage::new();
    let lock = stage.lock();
    stage.writer.save_draft("claude:1".into(), "half a thou".into());
    stage.writer.load_draft("claude:1".into());
    stage.writer.load_draft("claude:2".into());
    let mut messages = vec![stage.message(), stage.message(), stage.message()];
    messages.retain(|message| !matches!(message, WriterMessage::Failed(_)));
    assert_eq!(messages, [draft("claude:1", "half a thou"), draft("claude:2", "")]);
    lock.execute_batch("ROLLBACK").expect("released");
    assert_eq!(stage.writer.finish(TIMEOUT), 0);
    stage
        .store
        .with(|db| {
            let _: () = assert_eq!(outbox::draft(db, "claude:1")?, "half a thou");
            Ok(())
        })
        .expect("the draft");
}

#[test]
fn a_locked_database_is_reported_once_and_written_when_it_is_free() {
    let stage = Stage::new();
    let lock = stage.lock();
    stage.writer.save_choice("sort".into(), "title".into());
    assert!(matches!(stage.message(), WriterMessage::Failed(reason) if reason.contains("locked")));
    stage.writer.save_choice("scope".into(), "here".into());
    assert_eq!(stage.writer.finish(Duration::from_millis(1200)), 2, "several attempts failed");
    assert!(stage.choices().is_empty());
    assert!(stage.messages.try_recv().is_err(), "reported twice");
    lock.execute_batch("ROLLBACK").expect("released");
    assert_eq!(stage.writer.finish(TIMEOUT), 0);
    assert_eq!(stage.choices().len(), 2);
}

#[test]
fn saving_waits_for_nothing_and_is_bounded() {
    let stage = Stage::new();
    let lock = stage.lock();
    let begun = Instant::now();
    for at in 0..5000 {
        stage.writer.save_choice(format!("name {at}"), "x".repeat(100));
    }
    // One wait for the lock would take longer than all of this.
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let pending = stage.writer.finish(Duration::ZERO);
    assert!((1024..=2048).contains(&pending), "{pending} are pending");
    drop(lock);
}
