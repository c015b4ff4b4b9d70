//! Requests of the server to the user: permissions, questions and forms; and the paths of their answers.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::approvals::{self, ApprovalKind};
use super::super::codec::escaped;
use crate::domain::Time;
use crate::domain::approval::{Approval, ApprovalAnswer, ApprovalQuestion, QuestionOption};
use crate::domain::transcript::ToolAction;

/// A request that waits for an answer.
#[derive(Clone, Debug)]
pub(super) struct OpenRequest {
    /// Session that it belongs to: the run's, or that of a sub-agent.
    pub session: Arc<str>,
    pub kind: ApiRequestKind,
}

/// Kind of answer that a request needs.
#[derive(Clone, Debug)]
pub(super) enum ApiRequestKind {
    /// Allow or deny.
    Permission,
    /// Answers to questions.
    Question,
    /// Values of the fields of a form.
    Form(Vec<Value>),
}

/// Path of a resource that depends on a directory.
pub(super) fn at(path: &str, directory: &Path) -> String {
    format!("{path}?location%5Bdirectory%5D={}", escaped(&directory.to_string_lossy()))
}

/// Approval for a permission request. `call` is the tool call that it is about, if known.
pub(super) fn permission(request: &Value, call: Option<&(Value, ToolAction)>, now: Time) -> Option<Approval> {
    let source = &request["source"];
    // Its fields have the names of 1.x there.
    let known = json!({
        "id": request["id"],
        "permission": request["action"],
        "patterns": request["resources"],
        "always": request["save"],
        "metadata": request["metadata"],
        "tool": {"messageID": source["messageID"], "callID": source["callID"]},
    });
    let mut approval = approvals::permission(&known, call, now)?;
    if let Some(reason) = request["reason"].as_str() {
        approval.reason = Some(reason.to_owned());
    }
    Some(approval)
}

/// Approval for a form: a question per field.
pub(super) fn form(form: &Value, now: Time) -> Option<(Approval, Vec<Value>)> {
    let fields: Vec<Value> = form["fields"].as_array().cloned().unwrap_or_default();
    let title = form["title"].as_str().unwrap_or("The agent asks for values");
    let mut approval = approvals::question(&json!({"id": form["id"], "questions": []}), now)?;
    approval.questions = fields.iter().map(|field| question(title, field)).collect();
    if approval.questions.is_empty() {
        // A form that is a web page.
        let text = form["url"].as_str().map_or_else(|| title.to_owned(), |url| format!("{title}: {url}"));
        approval.questions.push(ApprovalQuestion { text, options: Vec::new(), multiple: false });
    }
    let texts: Vec<_> = approval.questions.iter().map(|question| question.text.as_str()).collect();
    approval.action = ToolAction::Question { question: texts.join(" / "), answer: None };
    approval.input = json!({"fields": fields});
    Some((approval, fields))
}

fn question(title: &str, field: &Value) -> ApprovalQuestion {
    let name = field["title"].as_str().or_else(|| field["key"].as_str()).unwrap_or(title);
    let text = field["description"].as_str().map_or_else(|| name.to_owned(), |text| format!("{name}: {text}"));
    let options = match field["type"].as_str() {
        Some("boolean") => vec![QuestionOption::plain("Yes"), QuestionOption::plain("No")],
        _ => field["options"].as_array().into_iter().flatten().filter_map(QuestionOption::read).collect(),
    };
    ApprovalQuestion { text, options, multiple: field["type"] == "multiselect" }
}

/// Path and body of the request that sends an answer.
pub(super) fn answer(id: &str, request: &OpenRequest, answer: &ApprovalAnswer) -> (String, Value) {
    let session = format!("/api/session/{}", request.session);
    let (path, body) = match (&request.kind, answer) {
        (ApiRequestKind::Permission, answer) => approvals::answer(id, ApprovalKind::Permission, answer),
        (ApiRequestKind::Question, answer) => approvals::answer(id, ApprovalKind::Question, answer),
        (ApiRequestKind::Form(fields), ApprovalAnswer::Answers(answers)) => {
            let values = fields
                .iter()
                .zip(answers)
                .filter_map(|(field, answer)| Some((field["key"].as_str()?.to_owned(), field_value(field, answer)?)));
            (format!("/form/{id}/reply"), json!({"answer": values.collect::<Map<_, _>>()}))
        }
        (ApiRequestKind::Form(_), ApprovalAnswer::Choice { .. }) => (format!("/form/{id}/cancel"), json!({})),
    };
    (format!("{session}{path}"), body)
}

/// Value of a field; `None` for no answer.
fn field_value(field: &Value, answer: &[String]) -> Option<Value> {
    let first = answer.first()?;
    let of_label = |label: &String| {
        let options = field["options"].as_array().into_iter().flatten();
        let option = options.into_iter().find(|option| option["label"] == label.as_str());
        option.map_or_else(|| Value::from(label.as_str()), |option| option["value"].clone())
    };
    Some(match field["type"].as_str() {
        Some("multiselect") => answer.iter().map(of_label).collect(),
        Some("boolean") => (first == "Yes").into(),
        Some("number" | "integer") => serde_json::from_str(first).unwrap_or_else(|_| first.as_str().into()),
        _ => of_label(first),
    })
}
