//! What Codex asks, and what it is answered.

use salon::agent::protocol::{Conversation, ProtocolCommand, ProtocolSignal};
use salon::domain::approval::{ApprovalAnswer, ChoiceKind};
use salon::domain::transcript::{ChangeKind, ToolAction};
use serde_json::{Value, json};

use super::{Driven, THREAD, played};

fn leave(driven: &mut Driven, decisions: &Value) {
    let params = json!({"threadId": THREAD, "turnId": "turn-1", "itemId": "call-1", "command": "/bin/bash -lc 'ls -la'",
        "reason": "outside of the sandbox", "availableDecisions": decisions});
    driven.hear(&json!({"method": "item/commandExecution/requestApproval", "id": 0, "params": params}));
}

#[test]
fn leave_for_a_command_is_given_in_the_agents_own_words() {
    let amendment = json!({"acceptWithExecpolicyAmendment": {"execpolicy_amendment": ["ls", "-la"]}});
    let decisions = json!(["accept", amendment, "cancel"]);
    for (kind, decision) in [
        (ChoiceKind::AllowOnce, json!("accept")),
        (ChoiceKind::AllowAlways, amendment),
        (ChoiceKind::Deny, json!("decline")),
        (ChoiceKind::DenyAndStop, json!("cancel")),
    ] {
        let mut driven = Driven::working();
        leave(&mut driven, &decisions);
        let approval = driven.approval();
        assert_eq!(approval.action, ToolAction::Command { command: "ls -la".into(), exit_code: None });
        assert_eq!(approval.reason.as_deref(), Some("outside of the sandbox"));
        let labels: Vec<&str> = approval.choices.iter().map(|choice| choice.label.as_str()).collect();
        let always = "Yes, and always allow commands that begin with `ls -la`";
        assert_eq!(labels, ["Yes", always, "No, continue without it", "No, and stop"]);
        driven.choose(kind, None);
        assert_eq!(driven.sent.last(), Some(&json!({"id": 0, "result": {"decision": decision}})));
        assert!(matches!(driven.signals.last(), Some(ProtocolSignal::ApprovalGone(id)) if **id == *"0"));
    }
}

#[test]
fn a_no_with_a_reason_says_it_to_the_turn() {
    let mut driven = Driven::working();
    leave(&mut driven, &Value::Null);
    assert_eq!(driven.approval().choices.len(), 4);
    driven.choose(ChoiceKind::Deny, Some("use rg"));
    let said = &driven.asked("turn/steer")["params"];
    assert_eq!((&said["expectedTurnId"], &said["input"][0]["text"]), (&json!("turn-1"), &json!("use rg")));
}

#[test]
fn leave_for_a_change_shows_the_change() {
    let mut driven = Driven::working();
    let change = |kind: &str, path: &str, diff: &str| json!({"path": path, "kind": {"type": kind}, "diff": diff});
    let changes =
        json!([change("add", "a", "one\n"), change("update", "b", "@@\n-x\n+y\n"), change("delete", "c", "z\n")]);
    let item = json!({"type": "fileChange", "id": "call-1", "status": "inProgress", "changes": changes});
    driven.tell("item/started", &json!({"turnId": "turn-1", "item": item}));
    let params = json!({"threadId": THREAD, "turnId": "turn-1", "itemId": "call-1", "reason": null});
    driven.hear(&json!({"method": "item/fileChange/requestApproval", "id": "x", "params": params}));
    let ToolAction::Edit(shown) = driven.approval().action else { panic!("an edit") };
    let shown: Vec<_> = shown.into_iter().map(|change| (change.path, change.kind)).collect();
    assert_eq!(
        shown,
        [
            ("a".into(), ChangeKind::Write("one\n".into())),
            ("b".into(), ChangeKind::Patch("@@\n-x\n+y\n".into())),
            ("c".into(), ChangeKind::Delete),
        ]
    );
    driven.choose(ChoiceKind::AllowAlways, None);
    assert_eq!(driven.sent.last(), Some(&json!({"id": "x", "result": {"decision": "acceptForSession"}})));
}

#[test]
fn permissions_are_granted_for_a_turn_a_session_or_not() {
    let wanted = json!({"network": {"enabled": true}, "fileSystem": null});
    let nothing = json!({"permissions": {}, "scope": "turn"});
    let network = json!({"network": {"enabled": true}});
    for (kind, result, stops) in [
        (ChoiceKind::AllowOnce, json!({"permissions": network, "scope": "turn"}), false),
        (ChoiceKind::AllowAlways, json!({"permissions": network, "scope": "session"}), false),
        (ChoiceKind::Deny, nothing.clone(), false),
        (ChoiceKind::DenyAndStop, nothing, true),
    ] {
        let mut driven = Driven::working();
        let params = json!({"threadId": THREAD, "turnId": "turn-1", "itemId": "i", "permissions": wanted});
        driven.hear(&json!({"method": "item/permissions/requestApproval", "id": 3, "params": params}));
        assert_eq!(driven.approval().action, ToolAction::Other("use the network".into()));
        driven.choose(kind, None);
        assert!(driven.sent.contains(&json!({"id": 3, "result": result})));
        assert_eq!(driven.sent.iter().any(|sent| sent["method"] == "turn/interrupt"), stops);
    }
}

#[test]
fn questions_are_answered_by_their_ids() {
    let driven = played("question.io.jsonl", &Conversation::New { id: None });
    let question = driven.approval().questions;
    assert_eq!(
        (question[0].text.as_str(), question[0].options.iter().map(|option| &*option.label).collect::<Vec<_>>()),
        ("Which one?", vec!["A", "B"])
    );
    assert!(driven.sent.contains(&json!({"id": 0, "result": {"answers": {"q1": {"answers": ["B"]}}}})));
}

#[test]
fn a_form_is_answered_in_the_types_of_its_schema() {
    let mut driven = Driven::working();
    let properties = json!({
        "a": {"type": "string", "title": "Name", "description": "who"},
        "b": {"type": "integer"},
        "c": {"type": "boolean"},
        "d": {"type": "array", "items": {"enum": ["x", "y"]}},
        "e": {"type": "string", "oneOf": [{"const": "1", "title": "One"}]},
    });
    let params = json!({"threadId": THREAD, "turnId": null, "serverName": "shop", "mode": "form", "message": "Tell me",
        "requestedSchema": {"type": "object", "properties": properties}});
    driven.hear(&json!({"method": "mcpServer/elicitation/request", "id": 5, "params": params}));
    let approval = driven.approval();
    let texts: Vec<&str> = approval.questions.iter().map(|question| question.text.as_str()).collect();
    assert_eq!(texts, ["Name: who", "b", "c", "d", "e"]);
    assert!(approval.questions[3].multiple);
    let given = [vec!["Ann"], vec!["42"], vec!["Yes"], vec!["x", "y"], vec!["One"]];
    let given = given.iter().map(|answers| answers.iter().map(|answer| (*answer).to_owned()).collect()).collect();
    driven.command(ProtocolCommand::Answer { id: approval.id, answer: ApprovalAnswer::Answers(given) });
    let content = json!({"a": "Ann", "b": 42, "c": true, "d": ["x", "y"], "e": "1"});
    let result = json!({"action": "accept", "content": content, "_meta": null});
    assert_eq!(driven.sent.last(), Some(&json!({"id": 5, "result": result})));
}

#[test]
fn a_server_that_only_wants_a_yes_gets_one_for_as_long_as_it_offers() {
    let mut driven = Driven::working();
    let params = json!({"threadId": THREAD, "turnId": "turn-1", "serverName": "shop", "mode": "form", "message": "May I?",
        "requestedSchema": {"type": "object", "properties": {}}, "_meta": {"persist": ["session", "always"]}});
    driven.hear(&json!({"method": "mcpServer/elicitation/request", "id": 6, "params": params}));
    let approval = driven.approval();
    assert_eq!((approval.questions.len(), approval.choices.len()), (0, 5));
    driven.choose(ChoiceKind::AllowAlways, None);
    let result = json!({"action": "accept", "content": {}, "_meta": {"persist": "session"}});
    assert_eq!(driven.sent.last(), Some(&json!({"id": 6, "result": result})));
}

#[test]
fn a_request_that_nobody_knows_is_answered_with_an_error() {
    let mut driven = Driven::working();
    driven.hear(&json!({"method": "item/tool/call", "id": 9, "params": {"tool": "x"}}));
    let answer = driven.sent.last().expect("an answer");
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(9), &json!(-32601)));
    driven.command(ProtocolCommand::Answer { id: "none".into(), answer: ApprovalAnswer::Answers(Vec::new()) });
    assert!(driven.sent.last().expect("the same")["error"].is_object(), "an answer to no question sends nothing");
}

#[test]
fn an_approval_that_was_settled_elsewhere_or_by_the_end_is_gone() {
    let mut driven = Driven::working();
    leave(&mut driven, &Value::Null);
    driven.tell("serverRequest/resolved", &json!({"requestId": 0}));
    assert!(matches!(driven.signals.last(), Some(ProtocolSignal::ApprovalGone(_))));
    leave(&mut driven, &Value::Null);
    driven.end("turn-1", "interrupted", &Value::Null);
    let gone = driven.signals.iter().filter(|signal| matches!(signal, ProtocolSignal::ApprovalGone(_))).count();
    assert_eq!(gone, 2);
}

#[test]
fn a_sub_agents_question_outlives_the_turn_that_started_it() {
    let mut driven = Driven::working();
    let params = json!({"threadId": "child", "turnId": "t", "itemId": "i", "command": "ls"});
    driven.hear(&json!({"method": "item/commandExecution/requestApproval", "id": 1, "params": params}));
    assert_eq!(driven.approval().reason.as_deref(), Some("requested by a sub-agent"));
    driven.tell("item/agentMessage/delta", &json!({"threadId": "child", "itemId": "m", "delta": "not ours"}));
    driven.tell("turn/completed", &json!({"threadId": "child", "turn": {"id": "turn-1", "status": "completed"}}));
    assert!(driven.ends().is_empty() && driven.entries().len() == 1);
    driven.end("turn-1", "completed", &Value::Null);
    assert!(matches!(driven.signals.last(), Some(ProtocolSignal::Approval(_))), "it is told again");
}
