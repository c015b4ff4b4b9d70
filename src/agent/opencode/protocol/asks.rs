//! What OpenCode asks the user: permissions and questions, its own and its sub-agents'.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::action::action;
use crate::domain::Time;
use crate::domain::approval::{Answer, Approval, Choice, ChoiceKind, Question};
use crate::domain::transcript::Action;

/// What kind of answer a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Yes or no.
    Permission,
    /// Answers.
    Question,
}

/// A request for permission. `call`: the tool call that it is about, where it is known.
pub fn permission(asked: &Value, call: Option<&(Value, Action)>, now: Time) -> Option<Approval> {
    let id: Arc<str> = asked["id"].as_str()?.into();
    let name = asked["permission"].as_str().unwrap_or("tool");
    // It may be asked before the call itself is told.
    let call = call.filter(|(call, _)| call["input"].as_object().is_some_and(|input| !input.is_empty()));
    let input = call.map_or_else(|| asked["metadata"].clone(), |(call, _)| call["input"].clone());
    let always = words(&asked["always"]);
    let mut choices = vec![choice(ChoiceKind::AllowOnce, "Allow once".into(), "once")];
    if !always.is_empty() {
        choices.push(choice(ChoiceKind::AllowAlways, format!("Always allow {always} in this session"), "always"));
    }
    choices.push(choice(ChoiceKind::Deny, "No, go on without it".into(), "deny"));
    choices.push(choice(ChoiceKind::DenyAndStop, "No, and stop".into(), "reject"));
    let patterns = words(&asked["patterns"]);
    Some(Approval {
        id,
        tool_id: asked["tool"]["callID"].as_str().map(Into::into),
        tool: name.into(),
        action: permitted(asked, call),
        input,
        reason: (!patterns.is_empty()).then(|| format!("{name}: {patterns}")),
        questions: Vec::new(),
        choices,
        since: Some(now),
    })
}

/// What would be done: as the request tells it, for it knows the diff; else as the tool call does.
fn permitted(asked: &Value, call: Option<&(Value, Action)>) -> Action {
    let metadata = &asked["metadata"];
    let name = asked["permission"].as_str().unwrap_or("tool");
    let told = match name {
        "bash" if metadata["command"].is_string() => Some(json!({"input": metadata})),
        "edit" if metadata["diff"].is_string() => Some(json!({
            "input": {"filePath": metadata["filepath"].as_str().or_else(|| metadata["filePath"].as_str())},
            "metadata": metadata,
        })),
        _ => None,
    };
    match (told, call) {
        (Some(told), _) => action(name, &told),
        (None, Some((_, action))) => action.clone(),
        (None, None) => match action(name, &json!({"input": metadata})) {
            Action::Other(text) if matches!(text.as_str(), "" | "{}") => Action::Other(words(&asked["patterns"])),
            action => action,
        },
    }
}

/// A question.
pub fn question(asked: &Value, now: Time) -> Option<Approval> {
    let id: Arc<str> = asked["id"].as_str()?.into();
    let listed = asked["questions"].as_array().into_iter().flatten();
    let questions: Vec<Question> = listed
        .map(|question| Question {
            text: question["question"].as_str().unwrap_or_default().to_owned(),
            options: question["options"].as_array().into_iter().flatten().filter_map(label).collect(),
            multiple: question["multiple"] == true,
        })
        .collect();
    let text = questions.iter().map(|question| question.text.as_str()).collect::<Vec<_>>().join(" / ");
    Some(Approval {
        id,
        tool_id: asked["tool"]["callID"].as_str().map(Into::into),
        tool: "question".into(),
        action: Action::Question { question: text },
        input: json!({"questions": asked["questions"]}),
        reason: None,
        questions,
        choices: vec![choice(ChoiceKind::DenyAndStop, "Dismiss".into(), "dismiss")],
        since: Some(now),
    })
}

/// Path and body of the request that gives an answer.
pub fn answer(id: &str, ask: Ask, answer: &Answer) -> (String, Value) {
    match (ask, answer) {
        (Ask::Question, Answer::Answers(answers)) => (format!("/question/{id}/reply"), json!({"answers": answers})),
        (Ask::Question, Answer::Choice { .. }) => (format!("/question/{id}/reject"), json!({})),
        (Ask::Permission, Answer::Answers(_)) => reply(id, "once", None),
        (Ask::Permission, Answer::Choice { token, reason }) => match &**token {
            // Without a word OpenCode ends the turn; with one the model reads it and goes on.
            "deny" => reply(id, "reject", Some(reason.as_deref().unwrap_or("The user said no. Go on without it."))),
            "once" | "always" => reply(id, token, None),
            _ => reply(id, "reject", reason.as_deref()),
        },
    }
}

fn reply(id: &str, word: &str, message: Option<&str>) -> (String, Value) {
    let mut body = json!({"reply": word});
    if let Some(message) = message {
        body["message"] = message.into();
    }
    (format!("/permission/{id}/reply"), body)
}

fn choice(kind: ChoiceKind, label: String, token: &str) -> Choice {
    Choice { kind, label, token: token.into() }
}

fn label(option: &Value) -> Option<String> {
    option["label"].as_str().or_else(|| option.as_str()).map(str::to_owned)
}

fn words(list: &Value) -> String {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}
