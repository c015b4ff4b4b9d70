//! Another process keeps `state.db` locked: every key is answered all the same, and nothing is lost.

use std::path::Path;
use std::time::{Duration, Instant};

use salon::domain::Time;
use salon::store::{Connection, Store, preferences};

use crate::support::{Agents, Home};
use crate::terminal::Terminal;

/// Bound for six keys. A single write on the event loop waits for two seconds, and each of the keys causes one.
const BOUND: Duration = Duration::from_secs(8);

fn salon(home: &Home, agents: &Agents) -> Terminal {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let project = home.path().join("project");
    std::fs::create_dir_all(&project).expect("a project");
    let environment = [
        ("HOME", text(home.path())),
        ("PATH", text(agents.path())),
        ("FAKE_LOG", text(&agents.log_file())),
        ("SALON_DATA_DIR", text(&home.path().join("data"))),
        ("TERM", "xterm-256color".to_owned()),
        ("COLORFGBG", "15;0".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value));
    Terminal::start(Path::new(env!("CARGO_BIN_EXE_salon")), &[], &project, &environment)
}

#[test]
fn no_key_waits_for_a_locked_database() {
    let home = Home::of(&["opencode/1.18.33"]);
    let agents = Agents::of(&["claude", "codex", "opencode"]);
    let mut salon = salon(&home, &agents);
    salon.wait_for_text("Renamed in lab");
    let path = home.path().join("data/state.db");
    let lock = Connection::open(&path).expect("a connection");
    lock.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let begun = Instant::now();
    salon.send("s");
    salon.wait_for_text("latest start first");
    salon.wait_for_text("not saved yet");
    salon.send("s");
    salon.wait_for_text("most turns first");
    salon.send("\t");
    salon.wait_for_text("here:");
    salon.send("\t");
    salon.wait_for_text("all workspaces");
    salon.send("/lab");
    salon.wait_for_text("searched 24 sessions");
    salon.send("\x16");
    salon.wait_for_text("save this view as:");
    salon.send("mine\r");
    salon.wait_for_text("Saved as");
    salon.send("\r");
    salon.wait_for_text("Conversation compacted");
    assert!(begun.elapsed() < BOUND, "keys waited for the database: {:?}", begun.elapsed());
    lock.execute_batch("ROLLBACK").expect("released");
    salon.signal(rustix::process::Signal::TERM);
    assert_eq!(salon.wait(), 0);
    let saved = Store::open(&path, Time::from_millis(1)).expect("state.db").store.with(preferences::load_all);
    let saved = saved.expect("choices");
    let value = |of: &str| saved.iter().find(|(name, _)| name == of).map(|(_, value)| value.as_str());
    assert_eq!(value("sort"), Some("turns"));
    assert_eq!(value("scope"), Some("all"), "{saved:?}");
    assert!(value("views").is_some_and(|views| views.contains("mine")), "{saved:?}");
}

#[test]
fn h45_a_draft_is_composed_while_the_database_is_locked() {
    let home = Home::empty();
    let agents = Agents::of(&["claude", "codex", "opencode"]);
    let mut salon = salon(&home, &agents);
    salon.send("n");
    salon.wait_for_text("New session");
    salon.send("\r");
    salon.wait_for_text("type a prompt");
    let path = home.path().join("data/state.db");
    let lock = Connection::open(&path).expect("a connection");
    lock.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let begun = Instant::now();
    for at in 1..=6 {
        salon.send("word ");
        salon.wait_for("the word", |screen| screen.contents().matches("word").count() == at);
    }
    assert!(begun.elapsed() < BOUND, "keys waited for the database: {:?}", begun.elapsed());
    // Sending needs the disk: the prompt is refused with the reason, and its text comes back.
    salon.send("\r");
    salon.wait_for_text("locked by another program");
    salon.wait_for("the text in the composer", |screen| screen.contents().matches("word").count() == 6);
    lock.execute_batch("ROLLBACK").expect("released");
    salon.signal(rustix::process::Signal::TERM);
    assert_eq!(salon.wait(), 0);
    let drafts = Connection::open(&path).and_then(|db| {
        db.query_row("SELECT group_concat(text) FROM drafts", [], |row| row.get::<_, Option<String>>(0))
    });
    assert_eq!(drafts.expect("drafts").expect("a draft").matches("word").count(), 6);
}
