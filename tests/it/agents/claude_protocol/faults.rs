//! Bad input: half lines, garbage, unknown messages. Nothing panics, nothing ends the run, what comes after is heard.

use proptest::prelude::*;
use salon::agent::protocol::ProtocolSignal;
use salon::domain::EntryKind;
use salon::domain::run::TurnOutcome;
use serde_json::{Value, json};

use super::talk::Talk;
use crate::support::fixtures;

fn lines() -> Vec<Vec<u8>> {
    let path = fixtures().join("claude/2.1.329/streams/tour.io.jsonl");
    let text = std::fs::read_to_string(path).expect("the capture");
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    records.filter(|record| record["dir"] == "out").map(|record| record["line"].to_string().into_bytes()).collect()
}

/// Whatever was heard before, a turn can be had.
fn still_works(talk: &mut Talk) {
    assert!(!talk.signals.iter().any(|signal| matches!(signal, ProtocolSignal::Fatal(_))));
    let sent = talk.prompt("still there?");
    talk.hear(&json!({"type": "system", "subtype": "init", "session_id": "s"}));
    talk.hear(&json!({"type": "result", "subtype": "success", "user_message_uuids": [sent["uuid"]]}));
    assert_eq!(talk.outcomes().pop(), Some(TurnOutcome::Done));
}

#[test]
fn garbage_is_kept_as_other() {
    let mut talk = Talk::new();
    let before = talk.signals.len();
    for line in [&b"not json at all"[..], b"{\"half\":", b"\x1b[2J\x1b]0;owned\x07", b"\xff\xfe\xc3(", b"[1,2]", b"7"] {
        talk.line(line);
    }
    talk.line(b"");
    talk.line(b"   ");
    talk.hear(&json!({"type": "who-knows", "x": 1}));
    assert_eq!(talk.signals.len(), before + 7);
    let fold = talk.fold();
    assert!(fold.entries().iter().all(|entry| entry.kind == EntryKind::Other));
    still_works(&mut talk);
}

#[test]
fn strays_change_nothing() {
    let mut talk = Talk::new();
    let before = talk.signals.len();
    let response = json!({"subtype": "success", "request_id": "never-asked", "response": {"model": "nobody"}});
    talk.hear(&json!({"type": "control_response", "response": response}));
    talk.hear(&json!({"type": "result", "subtype": "success"}));
    assert!(talk.outcomes().is_empty() && talk.settings().is_empty());
    assert_eq!(talk.signals.len(), before + 1, "the usage of a result, and that is all");
    still_works(&mut talk);
}

#[test]
fn a_stream_that_is_joined_late_keeps_its_keys() {
    let delta = json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "late"}});
    let mut talk = Talk::new();
    talk.stream(&delta);
    assert!(talk.fold().entries().is_empty(), "nothing says which message it belongs to");
    talk.hear(&json!({"type": "stream_event", "event": delta, "api_message_id": "msg_1"}));
    assert_eq!(talk.fold().entries()[0].text, "late");
    let whole = json!({"id": "msg_1", "content": [{"type": "text", "text": "late, but whole"}]});
    talk.hear(&json!({"type": "assistant", "uuid": "u", "message": whole}));
    let fold = talk.fold();
    assert_eq!(fold.entries().len(), 1);
    assert_eq!(fold.entries()[0].text, "late, but whole");
}

#[test]
fn a_line_of_ten_megabytes_is_one_entry() {
    let mut talk = Talk::new();
    let text = "x".repeat(10 << 20);
    let message = json!({"id": "msg_1", "content": [{"type": "text", "text": text}]});
    talk.hear(&json!({"type": "assistant", "uuid": "u", "message": message}));
    assert_eq!(talk.fold().entries()[0].text.len(), 10 << 20);
    talk.line(&vec![b'{'; 1 << 20]);
    assert!(talk.fold().entries()[1].text.len() <= 2000);
    still_works(&mut talk);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_cut_of_a_stream_is_survived(cuts in proptest::collection::vec((0.0..1.0f64, 0.0..1.0f64), 1..40)) {
        let mut talk = Talk::new();
        let lines = lines();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place")]
        let at = |part: f64, of: usize| (part * of as f64) as usize;
        for (line, cut) in cuts {
            let line = &lines[at(line, lines.len())];
            let (head, tail) = line.split_at(at(cut, line.len()));
            talk.line(head);
            talk.line(tail);
            talk.line(line);
        }
        still_works(&mut talk);
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut talk = Talk::new();
        bytes.split(|byte| *byte == b'\n').for_each(|line| talk.line(line));
        still_works(&mut talk);
    }

    #[test]
    fn any_field_may_be_of_any_type(at in 0usize..400, with in 0usize..6) {
        let lines = lines();
        let mut record: Value = serde_json::from_slice(&lines[at % lines.len()]).expect("JSON");
        let odd = [json!(null), json!(7), json!("text"), json!([1]), json!({"a": 1}), json!(-1.5e300)][with].clone();
        let names: Vec<String> = record.as_object().expect("an object").keys().cloned().collect();
        let mut talk = Talk::new();
        for name in names {
            let before = std::mem::replace(&mut record[name.as_str()], odd.clone());
            talk.hear(&record);
            record[name.as_str()] = before;
        }
        still_works(&mut talk);
    }
}
