//! Approval requests of the agent: permission to use a tool, questions to the user, plans.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::tools;
use super::send;
use crate::agent::protocol::{CodecStep, ProtocolSignal};
use crate::domain::approval::{Approval, ApprovalAnswer, ApprovalChoice, ApprovalQuestion, ChoiceKind, QuestionOption};
use crate::domain::event::EventBody;
use crate::domain::transcript::ToolStatus;
use crate::domain::{EntryKey, Event, Time};

/// Pending requests, by the agent's ids.
#[derive(Debug, Default)]
pub(super) struct Approvals {
    pending: HashMap<Arc<str>, PendingRequest>,
    /// Inputs of plan calls, because the approval request may omit them.
    plans: HashMap<String, Value>,
}

#[derive(Debug)]
struct PendingRequest {
    input: Value,
    tool_id: Option<Arc<str>>,
    /// Permission updates that the choices with these tokens grant.
    grants: Vec<(Arc<str>, Value)>,
}

impl Approvals {
    /// Records a plan's input from its tool call.
    pub(super) fn record_call(&mut self, id: &str, name: &str, input: &Value) {
        if is_plan(name) {
            self.plans.insert(id.to_owned(), input.clone());
        }
    }

    /// Drops all pending requests at the end of the turn.
    pub(super) fn clear(&mut self) {
        self.pending.clear();
        self.plans.clear();
    }

    /// Adds a request of the agent.
    pub(super) fn requested(&mut self, id: &str, request: &Value, now: Time, step: &mut CodecStep) {
        let id: Arc<str> = id.into();
        let tool = request["tool_name"].as_str().unwrap_or_default();
        let tool_id: Option<Arc<str>> = request["tool_use_id"].as_str().map(Arc::from);
        let input = request["input"].clone();
        let planned = tool_id.as_deref().and_then(|id| self.plans.get(id)).filter(|_| input["plan"].is_null());
        let shown = planned.unwrap_or(&input).clone();
        let questions = questions(tool, &input);
        let (choices, grants) = choices(tool, !questions.is_empty(), &request["permission_suggestions"]);
        let reason = request["decision_reason"].as_str().or_else(|| request["description"].as_str());
        if let Some(call) = &tool_id {
            step.signals.push(status(call, ToolStatus::Pending));
        }
        step.signals.push(ProtocolSignal::Approval(Approval {
            id: id.clone(),
            tool_id: tool_id.clone(),
            tool: tool.into(),
            action: tools::action(tool, &shown),
            reason: reason.map(str::to_owned),
            questions,
            choices,
            input: shown,
            since: Some(now),
        }));
        self.pending.insert(id, PendingRequest { input, tool_id, grants });
    }

    /// Removes a request that the agent withdrew.
    pub(super) fn withdrawn(&mut self, id: &str, step: &mut CodecStep) {
        self.pending.remove(id);
        step.signals.push(ProtocolSignal::ApprovalGone(id.into()));
    }

    /// Sends the user's answer. Ignores an answer that matches no choice, because it must not allow anything.
    pub(super) fn answer(&mut self, id: &Arc<str>, answer: &ApprovalAnswer, step: &mut CodecStep) {
        let Some(request) = self.pending.get(id) else { return };
        let Some(response) = request.response(answer) else { return };
        if response["behavior"] == "allow"
            && let Some(call) = &request.tool_id
        {
            step.signals.push(status(call, ToolStatus::Running));
        }
        self.pending.remove(id);
        let response = json!({"subtype": "success", "request_id": &**id, "response": response});
        send(&json!({"type": "control_response", "response": response}), step);
        step.signals.push(ProtocolSignal::ApprovalGone(id.clone()));
    }
}

impl PendingRequest {
    fn response(&self, answer: &ApprovalAnswer) -> Option<Value> {
        let mut input = self.input.clone();
        let (token, reason) = match answer {
            ApprovalAnswer::Answers(answers) => {
                let questions = input["questions"].as_array().cloned().unwrap_or_default();
                let answered = questions.iter().zip(answers).map(|(question, chosen)| {
                    (question["question"].as_str().unwrap_or_default().to_owned(), json!(chosen.join(", ")))
                });
                input["answers"] = Value::Object(answered.collect());
                return Some(json!({"behavior": "allow", "updatedInput": input}));
            }
            ApprovalAnswer::Choice { token, reason } => (&**token, reason.as_deref()),
        };
        match token {
            "allow" => Some(json!({"behavior": "allow", "updatedInput": input})),
            "deny" | "deny-stop" => {
                let message = reason.filter(|reason| !reason.trim().is_empty()).unwrap_or("This was not allowed.");
                Some(json!({"behavior": "deny", "message": message, "interrupt": token == "deny-stop"}))
            }
            other => {
                let (_, granted) = self.grants.iter().find(|(token, _)| **token == *other)?;
                Some(json!({"behavior": "allow", "updatedInput": input, "updatedPermissions": [granted]}))
            }
        }
    }
}

fn is_plan(tool: &str) -> bool {
    matches!(tool, "ExitPlanMode" | "exit_plan_mode")
}

fn status(call: &Arc<str>, status: ToolStatus) -> ProtocolSignal {
    let (status, id) = (Some(status), call.clone());
    let body = EventBody::ToolUpdate { id, status, output: None, duration_ms: None, subagent: None, action: None };
    ProtocolSignal::Event(Event { key: EntryKey::new(call, 0), time: None, body })
}

/// Builds the choices, and the permission updates that some of them grant.
fn choices(tool: &str, has_questions: bool, suggestions: &Value) -> (Vec<ApprovalChoice>, Vec<(Arc<str>, Value)>) {
    let choice = |kind, label: &str, token: &str| ApprovalChoice { kind, label: label.to_owned(), token: token.into() };
    let mut choices = Vec::new();
    let mut grants: Vec<(Arc<str>, Value)> = Vec::new();
    if is_plan(tool) {
        let accept = json!({"type": "setMode", "mode": "acceptEdits", "destination": "session"});
        choices.push(choice(ChoiceKind::AllowOnce, "Yes, start", "allow"));
        choices.push(choice(ChoiceKind::AllowAlways, "Yes, and accept all edits in this session", "accept-edits"));
        choices.push(choice(ChoiceKind::Deny, "No, keep planning", "deny"));
        grants.push(("accept-edits".into(), accept));
    } else if has_questions {
        choices.push(choice(ChoiceKind::Deny, "Continue without an answer", "deny"));
    } else {
        choices.push(choice(ChoiceKind::AllowOnce, "Yes", "allow"));
        for (at, suggestion) in suggestions.as_array().into_iter().flatten().enumerate() {
            let token = format!("always-{at}");
            choices.push(choice(ChoiceKind::AllowAlways, &format!("Yes, and {}", grant_label(suggestion)), &token));
            grants.push((token.into(), suggestion.clone()));
        }
        choices.push(choice(ChoiceKind::Deny, "No, continue without it", "deny"));
    }
    choices.push(choice(ChoiceKind::DenyAndStop, "No, and stop", "deny-stop"));
    (choices, grants)
}

/// Describes the permission that a suggestion grants.
fn grant_label(suggestion: &Value) -> String {
    let scope = match suggestion["destination"].as_str() {
        Some("session") => "in this session",
        Some("localSettings" | "projectSettings") => "in this project",
        Some("userSettings") => "everywhere",
        _ => "from now on",
    };
    match suggestion["type"].as_str() {
        Some("addRules") => {
            let rules = suggestion["rules"].as_array().into_iter().flatten().map(|rule| {
                let tool = rule["toolName"].as_str().unwrap_or_default();
                rule["ruleContent"].as_str().map_or_else(|| tool.to_owned(), |content| format!("{tool}({content})"))
            });
            format!("always allow {} {scope}", rules.collect::<Vec<_>>().join(", "))
        }
        Some("addDirectories") => {
            let directories = suggestion["directories"].as_array().into_iter().flatten().filter_map(Value::as_str);
            format!("allow work in {} {scope}", directories.collect::<Vec<_>>().join(", "))
        }
        Some("setMode") => format!("switch to {} {scope}", suggestion["mode"].as_str().unwrap_or("another mode")),
        _ => format!("do not ask again {scope}"),
    }
}

fn questions(tool: &str, input: &Value) -> Vec<ApprovalQuestion> {
    if tool != "AskUserQuestion" {
        return Vec::new();
    }
    let options = |question: &Value| {
        question["options"].as_array().into_iter().flatten().filter_map(QuestionOption::read).collect()
    };
    let questions = input["questions"].as_array().into_iter().flatten();
    questions
        .map(|question| ApprovalQuestion {
            text: question["question"].as_str().unwrap_or_default().to_owned(),
            options: options(question),
            multiple: question["multiSelect"] == true,
        })
        .collect()
}
