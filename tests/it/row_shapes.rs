//! Rows of databases in other forms than usual lose no text: keys and contents of other types, missing rows and columns,
//! JSON in JSON, results anywhere after their calls.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::fidelity::shown::ShownHome;
use crate::support::Home;

/// Database of a fixture without its rows.
struct Store {
    fixture: &'static str,
    path: &'static str,
    tables: &'static [&'static str],
}

const GOOSE: Store = Store {
    fixture: "goose/1.34.0",
    path: ".local/share/goose/sessions/sessions.db",
    tables: &["messages", "sessions"],
};

const OPENCODE: Store = Store {
    fixture: "opencode/1.18.34",
    path: ".local/share/opencode/opencode.db",
    tables: &["part", "message", "session_message", "session_input", "session"],
};

const OPENCODE_2: Store = Store {
    fixture: "cases/33-opencode-2x",
    path: ".local/share/opencode/opencode.db",
    tables: &["session_message", "session_input", "session_v2"],
};

impl Store {
    /// Opens an empty one, in which each column may be null.
    fn open(&self, home: &Home) -> Connection {
        let database = Connection::open(home.path().join(self.path)).expect("a database");
        let deletions: String = self.tables.iter().map(|table| format!("DELETE FROM {table};")).collect();
        let sql = format!(
            "PRAGMA foreign_keys = OFF; {deletions} PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = replace(replace(sql, 'NOT NULL', ''), 'not null', '') WHERE type = 'table';
             PRAGMA writable_schema = RESET;"
        );
        database.execute_batch(&sql).expect("an empty database");
        database
    }

    /// Asserts that all words are shown and found after each change of the rows that `fill` writes.
    #[track_caller]
    fn assert_nothing_is_lost(&self, fill: fn(&Connection), words: &[&str], changes: &[&str]) {
        let lost: Vec<String> = changes.iter().filter_map(|change| self.lost(fill, words, change)).collect();
        assert!(lost.is_empty(), "{}:\n{}", self.fixture, lost.join("\n"));
    }

    fn lost(&self, fill: fn(&Connection), words: &[&str], change: &str) -> Option<String> {
        let home = Home::of(&[self.fixture]);
        let database = self.open(&home);
        fill(&database);
        database.execute_batch(change).unwrap_or_else(|error| panic!("{change}: {error}"));
        drop(database);
        let shown = ShownHome::read(&home, &home.environment());
        let missing: Vec<String> = words.iter().filter_map(|word| missing(&shown, word)).collect();
        (!missing.is_empty()).then(|| format!("{change}: {}", missing.join(", ")))
    }
}

fn missing(shown: &ShownHome, word: &str) -> Option<String> {
    if !shown.contains(word) {
        return Some(format!("{word} is not shown"));
    }
    shown.search(word).err().map(|why| format!("{word} is not {why}"))
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn goose_message(database: &Connection, role: &str, content: &Value) {
    let sql = "INSERT INTO messages (session_id, role, content_json, created_timestamp) VALUES ('20261101_1', ?1, ?2, 1795000000)";
    database.execute(sql, [role, &content.to_string()]).expect("a row");
}

fn goose_session(database: &Connection) {
    let sql = "INSERT INTO sessions (id, name, working_dir) VALUES ('20261101_1', 'CLI Session', '/home/dev/x')";
    database.execute(sql, []).expect("a row");
}

fn goose_call(id: &str, command: &str) -> Value {
    let call = json!({ "name": "shell", "arguments": { "command": command } });
    json!({ "type": "toolRequest", "id": id, "toolCall": { "status": "success", "value": call } })
}

fn goose_result(id: &str, output: &str) -> Value {
    let value = json!({ "content": [text(output)], "isError": false });
    json!({ "type": "toolResponse", "id": id, "toolResult": { "status": "success", "value": value } })
}

fn fill_goose(database: &Connection) {
    goose_session(database);
    goose_message(database, "user", &json!([text("wombatprompt")]));
    goose_message(database, "assistant", &json!([text("numbatanswer"), goose_call("c1", "quollcommand")]));
    goose_message(database, "user", &json!([goose_result("c1", "dunnartoutput")]));
    goose_message(database, "assistant", &json!([text("bilbyanswer")]));
}

const GOOSE_WORDS: [&str; 5] = ["wombatprompt", "numbatanswer", "quollcommand", "dunnartoutput", "bilbyanswer"];

#[test]
fn a29_rows_of_goose_may_have_any_form() {
    GOOSE.assert_nothing_is_lost(
        fill_goose,
        &GOOSE_WORDS,
        &[
            "UPDATE messages SET content_json = CAST(content_json AS BLOB), role = CAST(role AS BLOB)",
            "UPDATE messages SET content_json = json_quote(content_json)",
            "UPDATE messages SET session_id = CAST(session_id AS BLOB) WHERE id % 2 = 0",
            "UPDATE messages SET session_id = CAST(session_id AS BLOB); UPDATE sessions SET id = CAST(id AS BLOB)",
            "UPDATE messages SET session_id = NULL WHERE id = (SELECT min(id) FROM messages)",
            "UPDATE messages SET role = NULL, created_timestamp = NULL, metadata_json = NULL",
            "UPDATE messages SET role = 'system', created_timestamp = '2026-11-01T10:00:00Z'",
            "UPDATE messages SET created_timestamp = 1795000000000, metadata_json = '{broken'",
            "UPDATE sessions SET id = NULL",
            "INSERT INTO sessions (id, working_dir) VALUES (NULL, '/x'); DELETE FROM sessions WHERE id NOT NULL",
            "DELETE FROM sessions",
            "ALTER TABLE messages DROP COLUMN created_timestamp",
            "ALTER TABLE messages DROP COLUMN role",
            "ALTER TABLE messages DROP COLUMN metadata_json",
            "ALTER TABLE sessions DROP COLUMN working_dir",
            "ALTER TABLE messages ADD COLUMN more BLOB",
            "CREATE TABLE copy AS SELECT printf('%x', 9000 - id) AS id, session_id, role, content_json, created_timestamp
                FROM messages ORDER BY id; DROP TABLE messages; ALTER TABLE copy RENAME TO messages",
        ],
    );
}

#[test]
fn a29_results_of_goose_are_shown_wherever_they_are() {
    fn fill(database: &Connection) {
        goose_session(database);
        goose_message(database, "assistant", &json!([goose_call("c1", "first"), goose_result("c1", "samemessage")]));
        goose_message(database, "assistant", &json!([goose_call("c2", "second"), goose_call("c3", "third")]));
        goose_message(database, "user", &json!([text("steeringprompt")]));
        goose_message(database, "user", &json!([goose_result("c2", "afterprompt")]));
        goose_message(database, "user", &json!([goose_result("c2", "furtherresult")]));
        for number in 0..70 {
            let id = format!("d{number}");
            goose_message(database, "assistant", &json!([goose_call(&id, "other")]));
            goose_message(database, "user", &json!([goose_result(&id, "otheroutput")]));
        }
        goose_message(database, "user", &json!([goose_result("c3", "distantresult")]));
        for (id, content) in [("e1", json!("plaincontent")), ("e2", json!(json!([text("encodedcontent")]).to_string()))]
        {
            goose_message(database, "assistant", &json!([goose_call(id, "ask")]));
            let value = json!({ "content": content, "isError": false });
            let result =
                json!({ "type": "toolResponse", "id": id, "toolResult": { "status": "success", "value": value } });
            goose_message(database, "user", &json!([result]));
        }
        let mut unnamed = goose_result("", "unnamedresult");
        unnamed.as_object_mut().expect("an object").remove("id");
        goose_message(database, "user", &json!([unnamed]));
        // Calls of different turns may have the same id.
        goose_message(database, "assistant", &json!([goose_call("c2", "again")]));
        goose_message(database, "user", &json!([goose_result("c2", "anotherturn")]));
    }
    let words = [
        "samemessage",
        "steeringprompt",
        "afterprompt",
        "furtherresult",
        "distantresult",
        "plaincontent",
        "encodedcontent",
        "unnamedresult",
        "anotherturn",
    ];
    GOOSE.assert_nothing_is_lost(fill, &words, &[""]);
}

fn fill_opencode(database: &Connection) {
    let session = "INSERT INTO session (id, project_id, slug, directory, title, version, time_created, time_updated)
                   VALUES ('ses_1', 'p', 's', '/home/dev/x', '', '1.18.34', 1795000000000, 1795000000000)";
    database.execute(session, []).expect("a row");
    let add = |number: u32, role: &str, parts: &[Value]| {
        let (id, time) =
            (format!("msg_{number}"), json!({ "created": 1_795_000_000_000_u64, "completed": 1_795_000_001_000_u64 }));
        let sql =
            "INSERT INTO message (id, session_id, time_created, time_updated, data) VALUES (?1, 'ses_1', 1, 1, ?2)";
        database.execute(sql, [&id, &json!({ "role": role, "time": time }).to_string()]).expect("a row");
        for (at, part) in parts.iter().enumerate() {
            let sql = "INSERT INTO part (id, message_id, session_id, time_created, time_updated, data)
                       VALUES (?1, ?2, 'ses_1', 1, 1, ?3)";
            database.execute(sql, [&format!("prt_{number}_{at}"), &id, &part.to_string()]).expect("a row");
        }
    };
    let state = json!({ "status": "completed", "input": { "command": "quollcommand" }, "output": "dunnartoutput" });
    let tool = json!({ "type": "tool", "callID": "c1", "tool": "bash", "state": state });
    add(1, "user", &[text("wombatprompt")]);
    add(2, "assistant", &[text("numbatanswer"), tool]);
    add(3, "assistant", &[text("bilbyanswer")]);
}

#[test]
fn a29_rows_of_opencode_may_have_any_form() {
    OPENCODE.assert_nothing_is_lost(
        fill_opencode,
        &GOOSE_WORDS,
        &[
            "UPDATE part SET data = CAST(data AS BLOB); UPDATE message SET data = CAST(data AS BLOB)",
            "UPDATE part SET data = json_quote(data); UPDATE message SET data = json_quote(data)",
            "UPDATE message SET id = CAST(id AS BLOB) WHERE id = 'msg_2'",
            "UPDATE message SET id = CAST(id AS BLOB); UPDATE part SET message_id = CAST(message_id AS BLOB)",
            "UPDATE part SET id = CAST(id AS BLOB)",
            "UPDATE part SET id = NULL",
            "UPDATE part SET message_id = NULL WHERE id = 'prt_2_0'",
            "UPDATE part SET session_id = NULL",
            "UPDATE message SET session_id = NULL",
            "UPDATE message SET session_id = NULL; UPDATE part SET session_id = NULL",
            "UPDATE message SET session_id = CAST(session_id AS BLOB); UPDATE part SET session_id = CAST(session_id AS BLOB)",
            "UPDATE session SET id = CAST(id AS BLOB)",
            "UPDATE message SET data = NULL",
            "UPDATE message SET time_created = NULL, time_updated = 'x'; UPDATE part SET time_updated = NULL",
            "UPDATE session SET title = NULL, directory = NULL, time_created = '2026-11-01T10:00:00Z', model = '{', revert = '['",
            "DELETE FROM session",
            "DELETE FROM message",
            "ALTER TABLE message DROP COLUMN time_updated; ALTER TABLE part DROP COLUMN time_updated",
            "ALTER TABLE session DROP COLUMN time_updated",
            "ALTER TABLE part ADD COLUMN more TEXT",
        ],
    );
}

fn fill_newer(database: &Connection, table: &str) {
    let session = format!(
        "INSERT INTO {table} (id, project_id, slug, directory, title, version, time_created, time_updated)
         VALUES ('ses_1', 'p', 's', '/home/dev/x', '', '2.0.14', 1795000000000, 1795000000000)"
    );
    database.execute(&session, []).expect("a row");
    let add = |number: u32, kind: &str, data: &Value| {
        let sql = "INSERT INTO session_message (id, session_id, type, seq, time_created, time_updated, data)
                   VALUES (?1, 'ses_1', ?2, ?3, 1, 1, ?4)";
        database.execute(sql, (format!("msg_{number}"), kind, number, data.to_string())).expect("a row");
    };
    let state =
        json!({ "status": "completed", "input": { "command": "quollcommand" }, "content": [text("dunnartoutput")] });
    let tool = json!({ "type": "tool", "id": "c1", "name": "bash", "state": state });
    add(1, "user", &json!({ "text": "wombatprompt" }));
    add(2, "assistant", &json!({ "content": [text("numbatanswer"), tool] }));
    add(3, "assistant", &json!({ "content": [text("bilbyanswer")] }));
    let queued = "INSERT INTO session_input (id, session_id, prompt, delivery, admitted_seq, time_created)
                  VALUES ('in1', 'ses_1', '{\"text\":\"kowariqueued\"}', 'queue', 9, 1)";
    database.execute(queued, []).expect("a row");
}

const NEWER_CHANGES: [&str; 10] = [
    "UPDATE session_message SET data = CAST(data AS BLOB)",
    "UPDATE session_message SET data = json_quote(data)",
    "UPDATE session_message SET data = '[' || data || ']'",
    "UPDATE session_message SET data = data || '{\"text\":\"and more\"}'",
    "UPDATE session_message SET id = CAST(id AS BLOB); UPDATE session_input SET id = NULL",
    "UPDATE session_message SET session_id = NULL, time_created = 'x', time_updated = NULL; UPDATE session_input SET session_id = NULL",
    "UPDATE session_message SET session_id = CAST(session_id AS BLOB)",
    "UPDATE session_message SET type = NULL, seq = NULL",
    "ALTER TABLE session_message DROP COLUMN time_updated",
    "ALTER TABLE session_input DROP COLUMN delivery",
];

const NEWER_WORDS: [&str; 6] =
    ["wombatprompt", "numbatanswer", "quollcommand", "dunnartoutput", "bilbyanswer", "kowariqueued"];

#[test]
fn a29_rows_of_opencode_2_may_have_any_form() {
    let lost_sessions = [
        "DELETE FROM session_v2",
        "DROP TABLE session_v2",
        "INSERT INTO session_v2 (id, directory, time_created, time_updated) VALUES ('ses_empty', '/x', 1, 1)",
    ];
    let changes = [&NEWER_CHANGES[..], &lost_sessions].concat();
    let changes: Vec<&str> = changes.into_iter().filter(|change| !change.contains("delivery")).collect();
    OPENCODE_2.assert_nothing_is_lost(|database| fill_newer(database, "session_v2"), &NEWER_WORDS, &changes);
}

#[test]
fn a29_rows_of_the_newer_tables_in_a_1_x_database_may_have_any_form() {
    let changes: Vec<&str> = NEWER_CHANGES.into_iter().filter(|change| !change.starts_with("ALTER")).collect();
    let changes = [&changes[..], &["DELETE FROM session"]].concat();
    OPENCODE.assert_nothing_is_lost(|database| fill_newer(database, "session"), &NEWER_WORDS, &changes);
}

#[test]
fn texts_of_all_kinds_of_newer_records_are_shown() {
    fn fill(database: &Connection) {
        fill_newer(database, "session_v2");
        let kinds = [
            ("idle", json!({ "outcome": "failed", "error": { "message": "idlefailure" } })),
            ("compaction", json!({ "status": "running", "summary": "runningsummary" })),
            ("compaction", json!({ "status": "novelty", "error": { "message": "compactionerror" } })),
            ("shell", json!({ "command": ["list", "shellcommand"], "output": { "stdout": "shelloutput" } })),
            ("skill", json!({ "skill": "x", "text": ["skilltext"] })),
            ("assistant", json!({ "text": "directanswer" })),
            (
                "assistant",
                json!({ "content": [
                    { "type": "tool", "id": "t1", "name": "q", "state": { "status": "error", "input": {},
                      "content": [text("printedbefore")], "error": { "message": "thenfailed" } } },
                    { "type": "tool", "id": "t2", "name": "q", "state": { "status": "completed", "input": {}, "content": [],
                      "structured": { "output": "structuredoutput" } } },
                    { "type": "tool", "id": "t4", "name": "q", "state": { "status": "novelty", "input": {},
                      "error": { "message": "unknownstatus" } } },
                    { "type": "tool", "id": "t3", "name": "q", "state": { "status": "completed", "input": {},
                      "result": { "rows": ["resultrows"] } } },
                ] }),
            ),
        ];
        for (number, (kind, data)) in (10..).zip(&kinds) {
            let sql = "INSERT INTO session_message (id, session_id, type, seq, time_created, time_updated, data)
                       VALUES (?1, 'ses_1', ?2, ?3, 1, 1, ?4)";
            database.execute(sql, (format!("msg_{number}"), kind, number, data.to_string())).expect("a row");
        }
    }
    let words = [
        "idlefailure",
        "runningsummary",
        "compactionerror",
        "unknownstatus",
        "shellcommand",
        "shelloutput",
        "skilltext",
        "directanswer",
        "printedbefore",
        "thenfailed",
        "structuredoutput",
        "resultrows",
    ];
    OPENCODE_2.assert_nothing_is_lost(fill, &words, &[""]);
}

#[test]
fn keys_that_are_no_texts_are_an_issue() {
    let home = Home::of(&[GOOSE.fixture]);
    let database = GOOSE.open(&home);
    fill_goose(&database);
    database.execute_batch("UPDATE messages SET session_id = CAST(session_id AS BLOB)").expect("changed");
    drop(database);
    let options = salon::index::IndexOptions::new(home.environment(), std::time::Instant::now);
    let issues = salon::index::collect(&options, salon::index::Refresh::Everything).issues;
    let reasons: Vec<&str> = issues.iter().map(|issue| &*issue.reason).collect();
    assert_eq!(reasons, ["repaired: rows of the table messages whose session_id is no text"]);
}
