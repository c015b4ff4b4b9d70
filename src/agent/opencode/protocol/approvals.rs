//! Approvals: permissions and questions, of the session and of its sub-agents.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::action::action;
use crate::domain::Time;
use crate::domain::approval::{Approval, ApprovalAnswer, ApprovalChoice, ApprovalQuestion, ChoiceKind, QuestionOption};
use crate::domain::transcript::ToolAction;

/// Kind of answer that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ApprovalKind {
    /// Allow or deny.
    Permission,
    /// Answers to questions.
    Question,
}

/// Approval for a permission request. `call` is the tool call that it is about, if known.
pub(super) fn permission(request: &Value, call: Option<&(Value, ToolAction)>, now: Time) -> Option<Approval> {
    let id: Arc<str> = request["id"].as_str()?.into();
    let name = request["permission"].as_str().unwrap_or("tool");
    // The request may arrive before the call itself.
    let call = call.filter(|(call, _)| call["input"].as_object().is_some_and(|input| !input.is_empty()));
    let input = call.map_or_else(|| request["metadata"].clone(), |(call, _)| call["input"].clone());
    let always = join_texts(&request["always"]);
    let mut choices = vec![choice(ChoiceKind::AllowOnce, "Yes".into(), "once")];
    if !always.is_empty() {
        choices.push(choice(
            ChoiceKind::AllowAlways,
            format!("Yes, and always allow {always} in this session"),
            "always",
        ));
    }
    choices.push(choice(ChoiceKind::Deny, "No, continue without it".into(), "deny"));
    choices.push(choice(ChoiceKind::DenyAndStop, "No, and stop".into(), "reject"));
    let patterns = join_texts(&request["patterns"]);
    Some(Approval {
        id,
        tool_id: request["tool"]["callID"].as_str().map(Into::into),
        tool: name.into(),
        action: requested_action(request, call),
        input,
        reason: (!patterns.is_empty()).then(|| format!("{name}: {patterns}")),
        questions: Vec::new(),
        choices,
        since: Some(now),
    })
}

/// Action to approve: from the request if it has the diff or command, else from the tool call.
fn requested_action(request: &Value, call: Option<&(Value, ToolAction)>) -> ToolAction {
    let metadata = &request["metadata"];
    let name = request["permission"].as_str().unwrap_or("tool");
    let state = match name {
        "bash" if metadata["command"].is_string() => Some(json!({"input": metadata})),
        "edit" if metadata["diff"].is_string() => Some(json!({
            "input": {"filePath": metadata["filepath"].as_str().or_else(|| metadata["filePath"].as_str())},
            "metadata": metadata,
        })),
        _ => None,
    };
    match (state, call) {
        (Some(state), _) => action(name, &state),
        (None, Some((_, action))) => action.clone(),
        (None, None) => match action(name, &json!({"input": metadata})) {
            ToolAction::Other(text) if matches!(text.as_str(), "" | "{}") => {
                ToolAction::Other(join_texts(&request["patterns"]))
            }
            action => action,
        },
    }
}

/// Approval for a question.
pub(super) fn question(request: &Value, now: Time) -> Option<Approval> {
    let id: Arc<str> = request["id"].as_str()?.into();
    let listed = request["questions"].as_array().into_iter().flatten();
    let questions: Vec<ApprovalQuestion> = listed
        .map(|question| ApprovalQuestion {
            text: question["question"].as_str().unwrap_or_default().to_owned(),
            options: question["options"].as_array().into_iter().flatten().filter_map(QuestionOption::read).collect(),
            multiple: question["multiple"] == true,
        })
        .collect();
    let text = questions.iter().map(|question| question.text.as_str()).collect::<Vec<_>>().join(" / ");
    Some(Approval {
        id,
        tool_id: request["tool"]["callID"].as_str().map(Into::into),
        tool: "question".into(),
        action: ToolAction::Question { question: text, answer: None },
        input: json!({"questions": request["questions"]}),
        reason: None,
        questions,
        choices: vec![choice(ChoiceKind::DenyAndStop, "Dismiss".into(), "dismiss")],
        since: Some(now),
    })
}

/// Path and body of the HTTP request that sends an answer.
pub(super) fn answer(id: &str, kind: ApprovalKind, answer: &ApprovalAnswer) -> (String, Value) {
    match (kind, answer) {
        (ApprovalKind::Question, ApprovalAnswer::Answers(answers)) => {
            (format!("/question/{id}/reply"), json!({"answers": answers}))
        }
        (ApprovalKind::Question, ApprovalAnswer::Choice { .. }) => (format!("/question/{id}/reject"), json!({})),
        (ApprovalKind::Permission, ApprovalAnswer::Answers(_)) => reply(id, "once", None),
        (ApprovalKind::Permission, ApprovalAnswer::Choice { token, reason }) => match &**token {
            // Without a message OpenCode ends the turn; with one the model reads it and continues.
            "deny" => {
                reply(id, "reject", Some(reason.as_deref().unwrap_or("This was not allowed. Continue without it.")))
            }
            "once" | "always" => reply(id, token, None),
            _ => reply(id, "reject", reason.as_deref()),
        },
    }
}

fn reply(id: &str, verb: &str, message: Option<&str>) -> (String, Value) {
    let mut body = json!({"reply": verb});
    if let Some(message) = message {
        body["message"] = message.into();
    }
    (format!("/permission/{id}/reply"), body)
}

fn choice(kind: ChoiceKind, label: String, token: &str) -> ApprovalChoice {
    ApprovalChoice { kind, label, token: token.into() }
}

fn join_texts(list: &Value) -> String {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}
