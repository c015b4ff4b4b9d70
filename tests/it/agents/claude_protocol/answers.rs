//! What the agent asks, and what may be answered.

use salon::agent::protocol::{Conversation, Outgoing, ProtocolCommand, ProtocolSignal, RunStart};
use salon::domain::approval::{Approval, ApprovalAnswer, ChoiceKind};
use salon::domain::transcript::{PlanItem, PlanStatus, ToolAction};
use serde_json::{Value, json};

use super::opening;
use super::talk::Talk;

fn asked(talk: &mut Talk, id: &str, request: &Value) -> Approval {
    talk.hear(&json!({"type": "control_request", "request_id": id, "request": request}));
    talk.approvals().pop().expect("an approval")
}

fn bash(talk: &mut Talk, id: &str) -> Approval {
    let suggestions = json!([
        {"type": "addRules", "rules": [{"toolName": "Bash", "ruleContent": "cargo test"}], "behavior": "allow",
            "destination": "localSettings"},
        {"type": "addDirectories", "directories": ["/srv"], "destination": "session"},
        {"type": "setMode", "mode": "acceptEdits", "destination": "session"},
    ]);
    let request = json!({"subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "cargo test"},
        "tool_use_id": "toolu_1", "permission_suggestions": suggestions});
    asked(talk, id, &request)
}

fn choose(talk: &mut Talk, id: &str, token: &str, reason: Option<&str>) -> Value {
    let answer = ApprovalAnswer::Choice { token: token.into(), reason: reason.map(str::to_owned) };
    talk.command(ProtocolCommand::Answer { id: id.into(), answer })["response"]["response"].clone()
}

#[test]
fn a_permission_may_be_given_once_or_for_good_or_refused() {
    let mut talk = Talk::new();
    let approval = bash(&mut talk, "r1");
    assert!(matches!(&approval.action, ToolAction::Command { command, .. } if command == "cargo test"));
    let labels: Vec<&str> = approval.choices.iter().map(|choice| choice.label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "Yes",
            "Yes, and always allow Bash(cargo test) in this project",
            "Yes, and allow work in /srv in this session",
            "Yes, and switch to acceptEdits in this session",
            "No, continue without it",
            "No, and stop",
        ]
    );
    let input = json!({"command": "cargo test"});
    let token = approval.choices[1].token.clone();
    let response = choose(&mut talk, "r1", &token, None);
    assert_eq!(response["updatedPermissions"][0]["rules"][0]["ruleContent"], "cargo test");
    assert_eq!(response["updatedInput"], input);
    bash(&mut talk, "r2");
    assert_eq!(choose(&mut talk, "r2", "allow", None), json!({"behavior": "allow", "updatedInput": input}));
    bash(&mut talk, "r3");
    let refusal = json!({"behavior": "deny", "message": "use nextest", "interrupt": false});
    assert_eq!(choose(&mut talk, "r3", "deny", Some("use nextest")), refusal);
    bash(&mut talk, "r4");
    assert_eq!(choose(&mut talk, "r4", "deny-stop", None)["interrupt"], true);
}

#[test]
fn an_answer_that_was_not_offered_allows_nothing() {
    let mut talk = Talk::new();
    bash(&mut talk, "r1");
    let before = talk.outgoing.len();
    for token in ["always-9", "always-", "", "yes", "accept-edits"] {
        choose(&mut talk, "r1", token, None);
    }
    choose(&mut talk, "never-asked", "allow", None);
    assert_eq!(talk.outgoing.len(), before);
    assert_eq!(choose(&mut talk, "r1", "allow", None)["behavior"], "allow", "it still waits");
    choose(&mut talk, "r1", "allow", None);
    assert_eq!(talk.outgoing.len(), before + 1, "answered once");
}

#[test]
fn a_request_may_be_withdrawn() {
    let mut talk = Talk::new();
    bash(&mut talk, "r1");
    talk.hear(&json!({"type": "control_cancel_request", "request_id": "r1"}));
    assert!(matches!(talk.signals.last(), Some(ProtocolSignal::ApprovalGone(id)) if &**id == "r1"));
    let before = talk.outgoing.len();
    choose(&mut talk, "r1", "allow", None);
    assert_eq!(talk.outgoing.len(), before, "nobody waits for it");
}

#[test]
fn questions_are_answered_by_their_options() {
    let mut talk = Talk::new();
    let option = |label: &str| json!({"label": label, "description": ""});
    let input = json!({"questions": [
        {"question": "Which?", "header": "A", "options": [option("Red"), option("Blue")], "multiSelect": false},
        {"question": "What else?", "header": "B", "options": [option("X"), option("Y")], "multiSelect": true},
    ]});
    let request = json!({"subtype": "can_use_tool", "tool_name": "AskUserQuestion", "input": input});
    let approval = asked(&mut talk, "r1", &request);
    assert_eq!(approval.questions[0].options.iter().map(|option| &*option.label).collect::<Vec<_>>(), ["Red", "Blue"]);
    assert!(approval.questions[1].multiple && !approval.questions[0].multiple);
    assert!(approval.choices.iter().all(|choice| matches!(choice.kind, ChoiceKind::Deny | ChoiceKind::DenyAndStop)));
    let answers = vec![vec!["Blue".to_owned()], vec!["X".to_owned(), "of my own".to_owned()]];
    let sent = talk.command(ProtocolCommand::Answer { id: "r1".into(), answer: ApprovalAnswer::Answers(answers) });
    let given = &sent["response"]["response"]["updatedInput"];
    assert_eq!(given["answers"], json!({"Which?": "Blue", "What else?": "X, of my own"}));
    assert_eq!(given["questions"], input["questions"]);
}

#[test]
fn a_plan_is_shown_and_approved() {
    let mut talk = Talk::new();
    // The request itself may leave the plan out: it stands in the call.
    let call =
        json!({"type": "tool_use", "id": "toolu_7", "name": "ExitPlanMode", "input": {"plan": "1. one\n2. two"}});
    talk.hear(&json!({"type": "assistant", "uuid": "u", "message": {"id": "m", "content": [call]}}));
    let request =
        json!({"subtype": "can_use_tool", "tool_name": "ExitPlanMode", "input": {}, "tool_use_id": "toolu_7"});
    let approval = asked(&mut talk, "r1", &request);
    assert_eq!(approval.action, ToolAction::PlanText("1. one\n2. two".to_owned()));
    assert_eq!(approval.choices.len(), 4);
    let response = choose(&mut talk, "r1", "accept-edits", None);
    assert_eq!(response["updatedInput"], json!({}), "as it was asked");
    assert_eq!(
        response["updatedPermissions"],
        json!([{"type": "setMode", "mode": "acceptEdits", "destination": "session"}])
    );
}

#[test]
fn what_is_asked_for_and_not_known_is_declined() {
    let mut talk = Talk::new();
    talk.hear(&json!({"type": "control_request", "request_id": "r9", "request": {"subtype": "elicitation"}}));
    let Some(Outgoing::Line(line)) = talk.outgoing.last() else { panic!("no answer") };
    let sent: Value = serde_json::from_slice(line).expect("JSON");
    assert_eq!((&sent["response"]["subtype"], &sent["response"]["request_id"]), (&json!("error"), &json!("r9")));
}

#[test]
fn a_change_of_a_task_ticks_the_list_of_an_earlier_process() {
    let item = |text: &str| PlanItem { text: text.to_owned(), status: PlanStatus::Pending };
    let tasks = vec![("1".to_owned(), item("Write tests")), ("2".to_owned(), item("Fix it"))];
    let mut talk = Talk::with(RunStart { tasks: tasks.into(), ..opening(Conversation::Resume("s-1".into())) });
    talk.hear(&json!({"type": "assistant", "message": {"id": "m", "role": "assistant", "content": [
        {"type": "tool_use", "id": "toolu_1", "name": "TaskUpdate", "input": {"taskId": "1", "status": "completed"}}]}}));
    talk.hear(&json!({"type": "user", "message": {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Updated task #1 status"}]},
        "tool_use_result": {"success": true, "taskId": "1"}}));
    let plans = talk.signals.iter().filter_map(|signal| match signal {
        ProtocolSignal::Plan(items) => Some(items.iter().map(|item| (&*item.text, item.status)).collect::<Vec<_>>()),
        _ => None,
    });
    let expected = vec![("Write tests", PlanStatus::Done), ("Fix it", PlanStatus::Pending)];
    assert_eq!(plans.collect::<Vec<_>>(), [expected]);
}
