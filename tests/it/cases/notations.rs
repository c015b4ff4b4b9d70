//! Records in other notations than their agents write: lists, other encodings, escaped names, ids that are missing,
//! repeated or numbers.

use std::fs;

use serde_json::{Value, json};

use super::Case;
use super::claude_records::{ID, answer, prompt, session_of};
use super::families::with;
use super::line_ends::{assert_read, joined};

const QWEN: &str = "cccc1111-0000-4000-8000-000000000061";
const THREAD: &str = "019f0000-0000-7000-8000-000000000061";
const GEMINI: &str = "aaaa1111-0000-4000-8000-000000000071";

fn put(case: &Case, path: &str, text: impl AsRef<[u8]>) {
    let path = case.path().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, text).expect("written");
}

fn lines(records: &[Value]) -> String {
    joined(records, "\n")
}

/// JSON with its names in escapes.
fn escaped(value: &Value) -> String {
    let escape = |name: &str| name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(escaped).collect::<Vec<_>>().join(",")),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| format!("\"{}\":{}", escape(name), escaped(field)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

#[test]
fn records_may_be_the_items_of_a_list() {
    let list = |records: &[Value], between: &str| {
        let records: Vec<String> = records.iter().map(Value::to_string).collect();
        format!("[{}]", records.join(between))
    };
    assert_read(|records| list(records, ","));
    assert_read(|records| list(records, ", ") + "\n");
    assert_read(|records| list(records, ",\n"));
    for indent in [&b"  "[..], b"\t"] {
        let printed = |records: &[Value]| {
            let mut text = Vec::new();
            let formatter = serde_json::ser::PrettyFormatter::with_indent(indent);
            serde::Serialize::serialize(records, &mut serde_json::Serializer::with_formatter(&mut text, formatter))
                .expect("JSON");
            String::from_utf8(text).expect("UTF-8")
        };
        assert_read(printed);
        assert_read(|records| printed(records) + "\n");
        // Two programs wrote the file, or the last one was stopped.
        assert_read(|records| records[0].to_string() + "\n" + &printed(&records[1..]));
        assert_read(|records| printed(records).trim_end_matches(['\n', ']']).to_owned() + "\n");
    }
}

#[test]
fn names_may_be_escaped() {
    assert_read(|records| records.iter().map(|record| escaped(record) + "\n").collect::<String>());
}

#[test]
fn blanks_may_stand_around_everything() {
    let spaced = |record: &Value| record.to_string().replace("\":", "\" : ").replace(",\"", " , \"") + "\n";
    assert_read(|records| records.iter().map(spaced).collect::<String>());
}

#[test]
fn a_file_may_be_utf16_without_a_mark() {
    let units = |records: &[Value]| lines(records).encode_utf16().collect::<Vec<u16>>();
    assert_read(|records| units(records).into_iter().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    assert_read(|records| units(records).into_iter().flat_map(u16::to_be_bytes).collect::<Vec<u8>>());
}

#[test]
fn a_file_that_contains_its_records_twice_is_shown_once() {
    let text =
        answer("a", &json!([{"type": "text", "text": "an answer"}]), &json!({"input_tokens": 3, "output_tokens": 4}));
    let records = [prompt(), text];
    let case = session_of(&[&records[..], &records[..]].concat());
    assert_eq!(case.lines(ID), ["prompt: begin", "text: an answer"]);
    let session = case.session(ID);
    assert_eq!((&session["turns"], &session["tokens"]["output"]), (&json!(1), &json!(4)));
}

#[test]
fn attachments_and_notices_with_one_id_are_all_shown() {
    let with_id = |record: Value| {
        with(
            record,
            &json!({"uuid": "same", "parentUuid": "p", "sessionId": ID, "timestamp": "2026-09-10T10:00:02.000Z"}),
        )
    };
    let queued =
        |text: &str| with_id(json!({"type": "attachment", "attachment": {"type": "queued_command", "prompt": text}}));
    let notice = |text: &str| with_id(json!({"type": "system", "subtype": "informational", "content": text}));
    let case = session_of(&[prompt(), queued("one"), queued("two"), notice("three"), notice("four"), notice("four")]);
    let shown = ["prompt: begin", "prompt: one", "prompt: two", "notice: three", "notice: four"];
    assert_eq!(case.lines(ID), shown);
}

#[test]
fn ids_of_qwen_may_be_numbers_or_missing() {
    let usage = json!({"promptTokenCount": 5, "candidatesTokenCount": 7, "totalTokenCount": 12});
    let record = |number: u32, kind: &str, text: &str| {
        json!({"uuid": number, "parentUuid": (number > 1).then(|| number - 1), "sessionId": QWEN, "type": kind,
            "timestamp": "2026-09-10T10:00:04.000Z", "cwd": "/home/dev/p", "message": {"parts": [{"text": text}]}, "usageMetadata": usage})
    };
    let records = [record(1, "user", "one"), record(2, "assistant", "first"), record(3, "user", "two")];
    let without = |record: &Value| {
        let mut record = record.clone();
        record.as_object_mut().expect("fields").retain(|name, _| !name.ends_with("uid"));
        record
    };
    for records in [records.to_vec(), records.iter().map(without).collect()] {
        let case = Case::empty();
        put(&case, &format!(".qwen/projects/-home-dev-p/chats/{QWEN}.jsonl"), lines(&records));
        assert_eq!(case.lines(QWEN), ["prompt: one", "text: first", "prompt: two"]);
        assert_eq!(case.session(QWEN)["tokens"]["output"], 21);
    }
}

#[test]
fn messages_of_gemini_need_no_ids() {
    let message = |kind: &str, text: &str| json!({"timestamp": "2026-02-02T03:04:05Z", "type": kind, "content": text});
    let records = [
        json!({"sessionId": GEMINI, "projectHash": "x", "startTime": "2026-02-02T03:04:00Z"}),
        message("user", "begin"),
        message("gemini", "the ruruneedle"),
    ];
    let case = Case::empty();
    put(&case, ".gemini/tmp/p/chats/session-2026-02-02T03-04-aaaa1111.jsonl", lines(&records));
    assert_eq!(case.lines(GEMINI), ["prompt: begin", "text: the ruruneedle"]);
    case.assert_shown_and_found("ruruneedle");
}

#[test]
fn fields_of_codex_may_have_any_order() {
    let line = |kind: &str, payload: &str| {
        format!("{{\"payload\":{payload},\"timestamp\":\"2026-02-02T03:04:05.000Z\",\"type\":\"{kind}\"}}\n")
    };
    let text = [
        line("session_meta", &format!(r#"{{"cwd":"/home/dev/p","id":"{THREAD}"}}"#)),
        line("response_item", r#"{"content":[{"text":"begin","type":"input_text"}],"role":"user","type":"message"}"#),
        line(
            "response_item",
            r#"{"action":{"query":"find kakaneedle","type":"search"},"status":"completed","type":"web_search_call"}"#,
        ),
        line(
            "response_item",
            r#"{"content":[{"text":"done","type":"output_text"}],"role":"assistant","type":"message"}"#,
        ),
    ];
    let case = Case::empty();
    put(&case, &format!(".codex/sessions/2026/02/02/rollout-2026-02-02T03-04-05-{THREAD}.jsonl"), text.concat());
    assert_eq!(case.lines(THREAD), ["prompt: begin", "web_search done: find kakaneedle", "text: done"]);
    case.assert_shown_and_found("kakaneedle");
}

#[test]
fn excerpts_of_a_search_of_codex_are_shown() {
    let line =
        |kind: &str, payload: Value| json!({"timestamp": "2026-02-02T03:04:05.000Z", "type": kind, "payload": payload});
    let item = |item: Value| line("event_msg", json!({"type": "item_completed", "turn_id": "t", "item": item}));
    let page = json!({"title": "a page", "url": "https://example.invalid/p", "snippet": "it says mohoneedle"});
    let records = [
        line("session_meta", json!({"id": THREAD, "cwd": "/home/dev/p", "history_mode": "paginated"})),
        item(json!({"type": "UserMessage", "id": "i1", "content": [{"type": "text", "text": "begin"}]})),
        item(
            json!({"type": "Extension", "id": "i2", "kind": "web_search.run", "query": "q", "results": [page], "status": "completed"}),
        ),
    ];
    let case = Case::empty();
    put(&case, &format!(".codex/sessions/2026/02/02/rollout-2026-02-02T03-04-05-{THREAD}.jsonl"), lines(&records));
    assert_eq!(case.entries(THREAD)[1]["tool"]["output"], "[a page](https://example.invalid/p)\nit says mohoneedle");
    case.assert_shown_and_found("mohoneedle");
}

#[test]
fn files_that_a_command_of_claude_changed_are_shown_with_its_output() {
    let call =
        answer("a", &json!([{"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "sed"}}]), &json!({}));
    let hunk =
        json!({"oldStart": 1, "oldLines": 1, "newStart": 1, "newLines": 1, "lines": ["-old", "+new ruruneedle"]});
    let changes = json!({"files": [{"filePath": "/home/dev/a.rs", "hunks": [hunk]}], "moreFiles": 0, "changedFiles": ["/home/dev/a.rs", "/home/dev/b.rs"]});
    let result = json!({"type": "user", "uuid": "r", "parentUuid": "a", "sessionId": ID, "timestamp": "2026-09-10T10:00:02.000Z",
        "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "done"}]},
        "toolUseResult": {"stdout": "done", "stderr": "", "bashEditDiff": changes}});
    let case = session_of(&[prompt(), call, result]);
    let output = "done\n\n--- /home/dev/a.rs\n@@ -1,1 +1,1 @@\n-old\n+new ruruneedle\n\n--- /home/dev/b.rs";
    assert_eq!(case.entries(ID)[1]["tool"]["output"], output);
    case.assert_shown_and_found("ruruneedle");
}

#[test]
fn files_that_a_prompt_of_qwen_names_are_notices() {
    let record = |number: u32, kind: &str, more: Value| {
        with(
            json!({"uuid": format!("q{number}"), "parentUuid": (number > 1).then(|| format!("q{}", number - 1)), "sessionId": QWEN,
            "timestamp": "2026-09-10T10:00:04.000Z", "type": kind, "cwd": "/home/dev/p"}),
            &more,
        )
    };
    let command = |status: &str, message: &str| {
        json!({"subtype": "at_command", "systemPayload": {"filesRead": [], "status": status,
        "message": message, "userText": "look @a kakaneedle"}})
    };
    let records = [
        record(1, "user", json!({"message": {"parts": [{"text": "begin"}]}})),
        record(2, "system", command("error", "cannot be read mohoneedle")),
        record(3, "system", command("success", "1 file read")),
        record(4, "system", json!({"subtype": "session_approval_mode", "systemPayload": {"mode": "plan"}})),
    ];
    let case = Case::empty();
    put(&case, &format!(".qwen/projects/-home-dev-p/chats/{QWEN}.jsonl"), lines(&records));
    let shown = ["prompt: begin", "notice: look @a kakaneedle||cannot be read mohoneedle", "notice: 1 file read"];
    assert_eq!(case.lines(QWEN), shown);
    ["kakaneedle", "mohoneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
}

#[test]
fn blocks_of_the_first_versions_of_goose_are_shown() {
    let records = [
        json!({"role": "user", "created": 1_732_060_439, "content": [{"text": "begin"}]}),
        json!({"role": "assistant", "created": 1_732_060_440, "content": [{"tool_name": "DeveloperSystem__shell", "arguments": {"command": "ls kakaneedle"}}]}),
        json!({"role": "user", "created": 1_732_060_441, "content": [{"id": "call_1", "tool_result": r#"[{"Text":{"text":"an output mohoneedle"}}]"#}]}),
        json!({"role": "assistant", "created": 1_732_060_442_000_000_i64, "content": [{"text": "done"}]}),
    ];
    let case = Case::empty();
    put(&case, ".local/share/goose/sessions/BsNz.jsonl", lines(&records));
    let shown = [
        "prompt: begin",
        "DeveloperSystem__shell pending: ls kakaneedle",
        "tool done: result of a call that is not in the file",
        "text: done",
    ];
    assert_eq!(case.lines("BsNz"), shown);
    ["kakaneedle", "mohoneedle"].iter().for_each(|word| case.assert_shown_and_found(word));
    assert_eq!(case.session("BsNz")["last_activity"], "2024-11-19T23:54:02.000Z");
}
