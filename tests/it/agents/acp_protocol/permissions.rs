//! Requests for permission: what the user sees, and what the agent is answered.

use salon::agent::protocol::ProtocolCommand;
use salon::domain::Agent;
use salon::domain::approval::{ApprovalAnswer, ChoiceKind};
use salon::domain::run::TurnOutcome;
use salon::domain::transcript::{ChangeKind, FileChange, ToolAction};
use serde_json::{Value, json};

use super::{Driven, SESSION};

/// Options as Gemini offers them.
fn options() -> Value {
    json!([{"optionId": "proceed_always", "name": "Allow for this session", "kind": "allow_always"},
        {"optionId": "proceed_once", "name": "Allow", "kind": "allow_once"},
        {"optionId": "cancel", "name": "Reject", "kind": "reject_once"}])
}

fn ask(driven: &mut Driven, call: &Value) {
    let params = json!({"sessionId": SESSION, "options": options(), "toolCall": call});
    driven.request(&json!("ask-1"), "session/request_permission", &params);
}

fn shell() -> Value {
    json!({"toolCallId": "run_shell_command__1", "status": "pending", "title": "rm -rf build", "kind": "execute",
        "content": [{"type": "content", "content": {"type": "text", "text": "(Remove the build)"}}], "locations": []})
}

#[test]
fn h35_the_command_and_its_explanation_are_shown_and_the_choices_are_in_order() {
    let mut driven = Driven::working(Agent::Gemini);
    ask(&mut driven, &shell());
    let approval = driven.approval();
    assert_eq!(approval.action, ToolAction::Command { command: "rm -rf build".into(), exit_code: None });
    assert_eq!((&*approval.tool, approval.reason.as_deref()), ("run_shell_command", Some("(Remove the build)")));
    let kinds: Vec<_> = approval.choices.iter().map(|choice| choice.kind).collect();
    use ChoiceKind::{AllowAlways, AllowOnce, Deny, DenyAndStop};
    assert_eq!(kinds, [AllowOnce, AllowAlways, Deny, DenyAndStop]);
    let labels: Vec<_> = approval.choices.iter().map(|choice| choice.label.as_str()).collect();
    assert_eq!(
        labels,
        ["Yes", "Yes, and allow for this session", "No", "No, and stop"],
        "one vocabulary for all agents"
    );
    assert_eq!(driven.lines()[1], "tool: \"rm -rf build\" [run_shell_command, pending: \"rm -rf build\" -> \"\"]");
    driven.choose(AllowOnce);
    let outcome = json!({"outcome": "selected", "optionId": "proceed_once"});
    assert_eq!(driven.answer_to(&json!("ask-1"))["result"]["outcome"], outcome);
    assert_eq!(driven.gone().len(), 1);
}

#[test]
fn h35_an_edit_is_shown_with_all_of_its_text() {
    let mut driven = Driven::working(Agent::Gemini);
    let diff = json!({"type": "diff", "path": "/home/dev/shop-api/a.md", "oldText": "one\n", "newText": "two\n"});
    ask(
        &mut driven,
        &json!({"toolCallId": "write_file__1", "title": "Writing to a.md", "kind": "edit",
        "content": [diff], "locations": [{"path": "/home/dev/shop-api/a.md"}]}),
    );
    let kind = ChangeKind::Replace(vec![("one\n".into(), "two\n".into())]);
    let change = FileChange { path: "/home/dev/shop-api/a.md".into(), kind };
    assert_eq!(driven.approval().action, ToolAction::Edit(vec![change]));
}

#[test]
fn h35_a_tool_that_salon_does_not_know_is_shown_with_its_whole_input() {
    let mut driven = Driven::working(Agent::Goose);
    let input = json!({"to": "everybody@example.org", "body": "line one\nline two"});
    ask(
        &mut driven,
        &json!({"toolCallId": "c1", "title": "send", "rawInput": input,
        "_meta": {"goose": {"toolCall": {"toolName": "mail__send"}}}}),
    );
    let approval = driven.approval();
    assert_eq!((&*approval.tool, &approval.input), ("mail__send", &input));
    assert_eq!(approval.text(), input.to_string());
    let mut driven = Driven::working(Agent::Gemini);
    ask(
        &mut driven,
        &json!({"toolCallId": "write_todos__1", "title": "Set 2 todo(s)", "kind": "other", "content": []}),
    );
    assert!(driven.approval().text().contains("Set 2 todo(s)"), "without an input, all that the agent said");
}

#[test]
fn a_denied_call_is_shown_as_denied_even_if_the_agent_is_silent_about_it() {
    let mut driven = Driven::working(Agent::Gemini);
    ask(&mut driven, &shell());
    driven.choose(ChoiceKind::Deny);
    assert!(driven.lines()[1].contains(", denied:"), "{:?}", driven.lines());
    driven.update(&json!({"sessionUpdate": "tool_call_update", "toolCallId": "run_shell_command__1",
        "status": "failed", "content": []}));
    driven.end("end_turn");
    assert!(driven.lines()[1].contains(", denied:"), "the failure is that of the denial: {:?}", driven.lines());
    assert_eq!(driven.ends(), [TurnOutcome::Done]);
}

#[test]
fn e5_an_interrupt_answers_open_requests_as_cancelled() {
    let mut driven = Driven::working(Agent::Qwen);
    ask(&mut driven, &shell());
    driven.command(ProtocolCommand::Interrupt);
    assert_eq!(driven.answer_to(&json!("ask-1"))["result"]["outcome"], json!({"outcome": "cancelled"}));
    assert_eq!(driven.gone(), [driven.approval().id]);
    assert_eq!(driven.requests("session/cancel").len(), 1);
    // A request that crossed the interrupt is not shown.
    let params = json!({"sessionId": SESSION, "options": options(), "toolCall": shell()});
    driven.request(&json!("ask-2"), "session/request_permission", &params);
    assert_eq!(driven.answer_to(&json!("ask-2"))["result"]["outcome"], json!({"outcome": "cancelled"}));
    assert_eq!(driven.gone().len(), 1);
    driven.end("end_turn");
    assert_eq!(driven.ends(), [TurnOutcome::Interrupted]);
}

#[test]
fn deny_and_stop_denies_and_interrupts() {
    let mut driven = Driven::working(Agent::Gemini);
    ask(&mut driven, &shell());
    driven.choose(ChoiceKind::DenyAndStop);
    let outcome = json!({"outcome": "selected", "optionId": "cancel"});
    assert_eq!(driven.answer_to(&json!("ask-1"))["result"]["outcome"], outcome);
    assert_eq!(driven.requests("session/cancel").len(), 1);
}

#[test]
fn an_answer_that_is_no_option_denies() {
    let mut driven = Driven::working(Agent::Gemini);
    ask(&mut driven, &shell());
    let answer = ApprovalAnswer::Choice { token: "allow everything".into(), reason: None };
    driven.command(ProtocolCommand::Answer { id: driven.approval().id, answer });
    let outcome = json!({"outcome": "selected", "optionId": "cancel"});
    assert_eq!(driven.answer_to(&json!("ask-1"))["result"]["outcome"], outcome);
}
