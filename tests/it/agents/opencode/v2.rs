//! Tables of OpenCode 2.x, built after descriptions of them.

use rusqlite::Connection;
use salon::agent::{RefreshOutcome, TextLimit};

use super::{
    MAIN, V1_18, add_part, add_session, changed, db, entries, opencode, session, sessions, summarise, told, write,
};
use crate::support::Home;

/// A session that was moved and one that was forked from it, with a record of each kind.
///
/// No 2.x was at hand: this is what descriptions of it say, and is marked unverified where it is read.
fn add_tables_of_2_x(writer: &Connection) {
    writer
        .execute_batch(
            "pragma foreign_keys = off;
             create table session_v2 (id text primary key, parent_id text, fork_session_id text, directory text,
                title text, time_created integer, time_updated integer, time_archived integer);
             insert into session_v2 values ('ses_moved', null, null, '/home/dev/v2', 'Moved', 1795000000000, 1795000009000, null);
             insert into session_v2 values ('ses_new', null, 'ses_moved', '/home/dev/v2', 'New', 1795000000000, 1795000009000, null);
             delete from session_message;",
        )
        .expect("v2 tables");
    let rows = [
        (
            "ses_moved",
            "user",
            r#"{"text":"new text","files":[{"uri":"file:///a.png","mime":"image/png","name":"a.png"}]}"#,
        ),
        ("ses_moved", "model-switched", r#"{"model":{"id":"opus","providerID":"anthropic"}}"#),
        (
            "ses_moved",
            "assistant",
            r#"{"model":{"id":"sonnet","providerID":"anthropic"},"cost":0.5,"tokens":{"input":1,"output":2,"reasoning":3,"cache":{"read":4,"write":5}},
                "time":{"created":1795000001000,"completed":1795000002000},
                "content":[{"type":"reasoning","id":"r","text":"hm"},{"type":"text","text":"Listing."},
                {"type":"tool","id":"call_1","name":"bash","time":{"created":1,"ran":1795000001000,"completed":1795000001500},
                 "state":{"status":"completed","input":{"command":"ls"},"content":[{"type":"text","text":"a.png"}],"structured":{"exit":0}}}]}"#,
        ),
        ("ses_moved", "compaction", r#"{"reason":"auto","summary":"It went well."}"#),
        ("ses_moved", "idle", "{}"),
        ("ses_moved", "hologram", r#"{"x":1,"y":["seen through"]}"#),
        ("ses_new", "user", r#"{"text":"forked"}"#),
    ];
    for (seq, (session, kind, data)) in (0i64..).zip(&rows) {
        let sql = "insert into session_message values (?1, ?2, ?3, ?4, 1795000001000, 1795000001000, ?5)";
        writer.execute(sql, (format!("msg_{seq}"), session, kind, seq, data)).expect("row");
    }
}

#[test]
fn a25_h10_tables_of_2_x_win_over_the_frozen_ones_of_the_same_database() {
    let home = Home::of(&[V1_18]);
    let writer = write(&db(&home));
    add_session(&writer, "ses_moved", "Moved", "old text");
    add_tables_of_2_x(&writer);
    let found: Vec<_> = sessions(&home).into_iter().filter(|session| &*session.key.id == "ses_moved").collect();
    let [moved] = &found[..] else { panic!("{} times", found.len()) };
    assert_eq!((&*moved.cwd, moved.model.as_deref()), ("/home/dev/v2", Some("anthropic/sonnet")));
    assert_eq!((moved.tokens.output, moved.cost_usd, moved.turns), (5, Some(0.5), 1));
    let lines = told(&entries(moved));
    assert_eq!(moved.messages as usize, lines.len());
    assert_eq!(
        lines,
        [
            "prompt: new text",
            "image: a.png (image/png)",
            "thinking: hm",
            "text: Listing.",
            "tool [bash done]: ls",
            "notice: Conversation compacted because its context was full",
            "text: It went well.",
            "other: hologram|seen through",
        ]
    );
    assert_eq!(session(&home, "ses_new").forked_from.as_deref(), Some("ses_moved"));
    // The others of the old tables are still there.
    assert!(session(&home, MAIN).messages > 0);

    let before = summarise(&home, None);
    let mut reading = opencode().open(moved).expect("open");
    // Rows change in place: the number of rows and the newest `seq` stay.
    let sql =
        "update session_message set data = '{\"text\":\"changed\"}', time_updated = 1795000003000 where id = 'msg_0'";
    writer.execute(sql, []).expect("update");
    assert_eq!(changed(summarise(&home, Some(&before.progress)).sessions), (vec!["ses_moved".into()], vec![]));
    assert_eq!(reading.refresh(), RefreshOutcome::Grown { from: 0 });
    assert_eq!(told(&reading.read(0..1, TextLimit::NONE)), ["prompt: changed"]);
}

#[test]
fn messages_in_the_tables_of_both_generations_of_a_1_x_database_are_shown_once_each() {
    let home = Home::of(&[V1_18]);
    let writer = write(&db(&home));
    add_session(&writer, "ses_both", "Both", "old text");
    writer.execute_batch("pragma foreign_keys = off").expect("set");
    let rows = [
        // A copy with another id.
        ("evt_1", 1_795_000_000_000_i64, "user", r#"{"text":"old text","time":{"created":1795000000000}}"#),
        // A copy with the same id.
        (
            "msg_ses_bothv",
            1_795_000_001_000,
            "assistant",
            r#"{"content":[{"type":"text","text":"Done, as it is here"}]}"#,
        ),
        ("evt_2", 1_795_000_000_500, "user", r#"{"text":"between","time":{"created":1795000000500}}"#),
        ("evt_3", 1_795_000_060_000, "user", r#"{"text":"old text","time":{"created":1795000060000}}"#),
        (
            "evt_4",
            1_795_000_061_000,
            "assistant",
            r#"{"cost":0.5,"tokens":{"input":1,"output":2,"reasoning":3,"cache":{"read":4,"write":5}},
                "time":{"created":1795000061000,"completed":1795000062000},"content":[{"type":"text","text":"A new answer."}]}"#,
        ),
    ];
    let insert = |(id, at, kind, data): &(&str, i64, &str, &str), seq: i64| {
        let sql = "insert into session_message values (?1, 'ses_both', ?2, ?3, ?4, ?4, ?5)";
        writer.execute(sql, (id, kind, seq, at, data)).expect("row");
    };
    (0..).zip(&rows).for_each(|(seq, row)| insert(row, seq));
    let both = session(&home, "ses_both");
    let expected = ["prompt: old text", "prompt: between", "text: Done", "prompt: old text", "text: A new answer."];
    assert_eq!(told(&entries(&both)), expected);
    assert_eq!((both.messages, both.turns), (5, 3));
    assert_eq!((both.tokens.output, both.cost_usd), (5, Some(0.5)));
    let tail = opencode().tail(&both, 2).expect("tail");
    assert_eq!(told(&tail)[..], expected[3..]);

    let before = summarise(&home, None);
    let mut reading = opencode().open(&both).expect("open");
    insert(&("evt_5", 1_795_000_070_000, "user", r#"{"text":"and on"}"#), 9);
    assert_eq!(changed(summarise(&home, Some(&before.progress)).sessions), (vec!["ses_both".into()], vec![]));
    assert_eq!(reading.refresh(), RefreshOutcome::Grown { from: 5 });
    assert_eq!(told(&reading.read(5..6, TextLimit::NONE)), ["prompt: and on"]);
}

#[test]
fn a_session_that_1_x_continued_after_2_x_had_imported_it_is_shown_whole() {
    let home = Home::of(&[V1_18]);
    let writer = write(&db(&home));
    add_session(&writer, "ses_moved", "Moved", "old text");
    add_tables_of_2_x(&writer);
    let later = "insert into message (id, session_id, time_created, time_updated, data) values
                 ('msg_ses_movedw', 'ses_moved', 1795000090000, 1795000090000,
                  '{\"role\":\"user\",\"time\":{\"created\":1795000090000}}')";
    writer.execute(later, []).expect("message");
    add_part(&writer, "prt_later", "msg_ses_movedw", "ses_moved", r#"{"type":"text","text":"asked in 1.x again"}"#);
    let moved = session(&home, "ses_moved");
    let lines = told(&entries(&moved));
    assert_eq!(moved.messages as usize, lines.len());
    assert_eq!(lines.last().map(String::as_str), Some("prompt: asked in 1.x again"));
    assert!(lines.contains(&"prompt: new text".to_owned()), "{lines:?}");
}
