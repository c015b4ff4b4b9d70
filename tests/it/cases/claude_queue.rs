//! Prompts of Claude Code that were typed while it worked: said, taken back, or never sent.

use serde_json::{Value, json};

use super::claude_records::{ID, answer, prompt, session_of};
use super::families::with;

/// Time of the second with this number.
fn at(second: u32) -> String {
    format!("2026-09-10T10:00:{second:02}.000Z")
}

fn queue(second: u32, operation: &str, more: &Value) -> Value {
    let mut record =
        json!({"type": "queue-operation", "operation": operation, "timestamp": at(second), "sessionId": ID});
    let fields = more.as_object().expect("fields");
    record.as_object_mut().expect("a record").extend(fields.clone());
    // The agent writes the type first.
    record
}

fn enqueue(second: u32, text: &str) -> Value {
    queue(second, "enqueue", &json!({"content": text}))
}

fn attached(uuid: &str, parent: &str, text: &str) -> Value {
    json!({"type": "attachment", "uuid": uuid, "parentUuid": parent, "sessionId": ID, "timestamp": at(20),
        "attachment": {"type": "queued_command", "prompt": text}})
}

fn follow_up(text: &str) -> Value {
    json!({"type": "user", "uuid": "p2", "parentUuid": "a", "sessionId": ID, "cwd": "/home/dev/shop",
        "timestamp": at(40), "message": {"role": "user", "content": text}})
}

fn text(uuid: &str, text: &str) -> Value {
    answer(uuid, &json!([{"type": "text", "text": text}]), &json!({}))
}

/// The lines and the number of turns of a session of these records, read whole and again after each append.
#[track_caller]
fn shown(records: &[Value]) -> Vec<String> {
    let case = session_of(&records[..1]);
    for record in &records[1..] {
        case.sessions();
        let folder = ".claude/projects/-home-dev-shop";
        case.append(&format!("{folder}/{ID}.jsonl"), &[&record.to_string()]);
    }
    let lines = case.lines(ID);
    let prompts = lines.iter().filter(|line| line.starts_with("prompt: ")).count();
    let session = case.session(ID);
    assert_eq!((&session["turns"], &session["messages"]), (&prompts.into(), &lines.len().into()), "{lines:?}");
    assert_eq!(session_of(records).lines(ID), lines, "whole");
    assert_eq!(case.json(&["doctor"])["issues"], json!([]));
    lines
}

#[test]
fn a_prompt_that_only_the_queue_has_is_shown_where_it_was_sent() {
    // 2.0.76 to 2.1.110: the removal has no text, and no other record has it.
    let lines = shown(&[
        prompt(),
        enqueue(5, "keep the tests green kowhaineedle"),
        enqueue(6, "and be brief"),
        text("a", "working"),
        queue(20, "remove", &json!({})),
        queue(21, "remove", &json!({})),
        with(text("b", "done"), &json!({"parentUuid": "a"})),
    ]);
    let sent = ["prompt: keep the tests green kowhaineedle", "prompt: and be brief"];
    assert_eq!(lines, [&["prompt: begin", "text: working"], &sent[..], &["text: done"]].concat());
    let case = session_of(&[prompt(), enqueue(5, "kowhaineedle"), text("a", "x"), queue(20, "remove", &json!({}))]);
    case.assert_shown_and_found("kowhaineedle");
}

#[test]
fn a_prompt_that_another_record_has_is_shown_once() {
    let sent_later = [
        prompt(),
        enqueue(5, "one more"),
        text("a", "working"),
        queue(30, "dequeue", &json!({})),
        follow_up("one more"),
        enqueue(45, "in between"),
        queue(50, "remove", &json!({})),
    ];
    assert_eq!(shown(&sent_later), ["prompt: begin", "text: working", "prompt: one more", "prompt: in between"]);
    for removal in [json!({}), json!({"content": "one more", "reason": "absorbed_mid_turn", "commandUuid": "q1"})] {
        let attached = [
            prompt(),
            enqueue(5, "one more"),
            text("a", "working"),
            attached("q1", "a", "one more"),
            queue(21, "remove", &removal),
        ];
        assert_eq!(shown(&attached), ["prompt: begin", "text: working", "prompt: one more"]);
    }
}

#[test]
fn a_prompt_that_was_taken_back_is_not_said() {
    let taken_back = [
        prompt(),
        enqueue(5, "no, wait"),
        queue(6, "popAll", &json!({"content": "no, wait"})),
        text("a", "working"),
        // Another prompt leaves the queue; the one that was taken back does not go with it.
        enqueue(8, "yes"),
        queue(20, "remove", &json!({})),
    ];
    assert_eq!(shown(&taken_back), ["prompt: begin", "text: working", "prompt: yes"]);
    let cleared = [
        prompt(),
        enqueue(5, "never sent hihineedle"),
        text("a", "working"),
        queue(20, "remove", &json!({"content": "never sent hihineedle", "reason": "cleared_on_cancel"})),
    ];
    let notice = "notice: Removed from the queue, not sent: never sent hihineedle";
    assert_eq!(shown(&cleared), ["prompt: begin", "text: working", notice]);
    session_of(&cleared).assert_shown_and_found("hihineedle");
}

#[test]
fn a_prompt_that_waited_when_the_agent_was_killed_is_not_taken_for_a_later_one() {
    let lines = shown(&[
        prompt(),
        enqueue(5, "lost with the process"),
        text("a", "working"),
        follow_up("typed into a new process"),
        enqueue(45, "in between"),
        queue(50, "remove", &json!({})),
    ]);
    let unsent = "notice: Queued, not sent: lost with the process";
    assert_eq!(
        lines,
        ["prompt: begin", "text: working", "prompt: typed into a new process", "prompt: in between", unsent]
    );
}

#[test]
fn a_prompt_that_no_record_says_was_sent_is_shown_at_the_end() {
    let unsent = "notice: Queued, not sent: the takaheneedle";
    let waiting = enqueue(5, "the takaheneedle");
    // Killed while it waited, killed when it was sent, and an operation that this version does not know.
    for records in [
        vec![prompt(), waiting.clone(), text("a", "working")],
        vec![prompt(), waiting.clone(), text("a", "working"), queue(20, "dequeue", &json!({}))],
        vec![prompt(), waiting.clone(), text("a", "working"), queue(20, "novelty", &json!({}))],
        vec![prompt(), queue(5, "novelty", &json!({"content": "the takaheneedle"})), text("a", "working")],
        vec![prompt(), waiting.clone(), text("a", "working"), queue(20, "remove", &json!({"reason": "novelty"}))],
    ] {
        assert_eq!(shown(&records), ["prompt: begin", "text: working", unsent]);
        session_of(&records).assert_shown_and_found("takaheneedle");
    }
    assert_eq!(shown(&[waiting.clone(), queue(6, "novelty", &json!({}))]), [unsent]);
    // Once it is sent, or stated otherwise, it is an entry of its own.
    let sent = [prompt(), waiting.clone(), text("a", "working"), follow_up("the takaheneedle")];
    assert_eq!(shown(&sent), ["prompt: begin", "text: working", "prompt: the takaheneedle"]);
    let stated = [
        prompt(),
        waiting,
        text("a", "working"),
        queue(20, "remove", &json!({"reason": "novelty"})),
        attached("q1", "a", "the takaheneedle"),
    ];
    assert_eq!(shown(&stated), ["prompt: begin", "text: working", "prompt: the takaheneedle"]);
}

#[test]
fn a_prompt_that_was_sent_within_a_turn_is_shown_without_its_attachment() {
    for removal in [json!({}), json!({"content": "one more kiwineedle"})] {
        let removal = with(removal, &json!({"reason": "absorbed_mid_turn", "commandUuid": "q1"}));
        let removed = || queue(20, "remove", &removal);
        let waiting = || enqueue(5, "one more kiwineedle");
        let goes_on = || with(text("b", "done"), &json!({"parentUuid": "a"}));
        let begun = ["prompt: begin", "text: working", "prompt: one more kiwineedle"];
        let shown_all = [&begun[..], &["text: done"]].concat();
        let lost = [prompt(), waiting(), text("a", "working"), removed(), goes_on()];
        assert_eq!(shown(&lost), shown_all);
        session_of(&lost).assert_shown_and_found("kiwineedle");
        assert_eq!(shown(&lost[..4]), begun, "at the end");
        session_of(&lost[..4]).assert_shown_and_found("kiwineedle");
        // The attachment may be before the removal or after it, and may have a pasted text.
        let goes_on = || with(text("b", "done"), &json!({"parentUuid": "q1"}));
        for attachment in ["one more kiwineedle", "one more\nof the pasted text kiwineedle"] {
            let attachment = attached("q1", "a", attachment);
            let before = [prompt(), waiting(), text("a", "working"), attachment.clone(), removed(), goes_on()];
            let after = [prompt(), waiting(), text("a", "working"), removed(), attachment, goes_on()];
            for records in [&before, &after] {
                let prompts = shown(records).into_iter().filter(|line| line.contains("one more")).count();
                assert_eq!(prompts, 1);
            }
        }
    }
    // Its addition is lost, too.
    let removal = json!({"content": "one more", "reason": "absorbed_mid_turn"});
    let lines = shown(&[prompt(), text("a", "working"), queue(20, "remove", &removal)]);
    assert_eq!(lines, ["prompt: begin", "text: working", "prompt: one more"]);
}
