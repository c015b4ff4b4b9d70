//! What the agent asks and waits on: leave to use a tool, its questions, a plan.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::tools;
use super::send;
use crate::agent::protocol::{Signal, Step};
use crate::domain::approval::{Answer, Approval, Choice, ChoiceKind, Question};
use crate::domain::event::Body;
use crate::domain::transcript::ToolStatus;
use crate::domain::{Event, Key, Time};

/// Requests that wait, by the agent's ids of them.
#[derive(Debug, Default)]
pub struct Approvals {
    waiting: HashMap<Arc<str>, Waiting>,
    /// Inputs of calls as the model gave them: the request for a plan's approval may leave it out.
    plans: HashMap<String, Value>,
}

#[derive(Debug)]
struct Waiting {
    input: Value,
    tool_id: Option<Arc<str>>,
    /// What the choices with these tokens grant besides.
    grants: Vec<(Arc<str>, Value)>,
}

impl Approvals {
    /// A call was made; that of a plan may be asked about without it.
    pub fn called(&mut self, id: &str, name: &str, input: &Value) {
        if is_plan(name) {
            self.plans.insert(id.to_owned(), input.clone());
        }
    }

    /// Nothing of the turn waits any more.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.plans.clear();
    }

    /// The agent asks.
    pub fn asked(&mut self, id: &str, request: &Value, now: Time, step: &mut Step) {
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
        step.signals.push(Signal::Approval(Approval {
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
        self.waiting.insert(id, Waiting { input, tool_id, grants });
    }

    /// The agent withdrew a request, or the request is unknown.
    pub fn gone(&mut self, id: &str, step: &mut Step) {
        self.waiting.remove(id);
        step.signals.push(Signal::ApprovalGone(id.into()));
    }

    /// The user answered. An answer that is none of the choices changes nothing: it must not allow anything.
    pub fn answer(&mut self, id: &Arc<str>, answer: &Answer, step: &mut Step) {
        let Some(waiting) = self.waiting.get(id) else { return };
        let Some(response) = waiting.response(answer) else { return };
        if response["behavior"] == "allow"
            && let Some(call) = &waiting.tool_id
        {
            step.signals.push(status(call, ToolStatus::Running));
        }
        self.waiting.remove(id);
        let response = json!({"subtype": "success", "request_id": &**id, "response": response});
        send(&json!({"type": "control_response", "response": response}), step);
        step.signals.push(Signal::ApprovalGone(id.clone()));
    }
}

impl Waiting {
    fn response(&self, answer: &Answer) -> Option<Value> {
        let mut input = self.input.clone();
        let (token, reason) = match answer {
            Answer::Answers(answers) => {
                let asked = input["questions"].as_array().cloned().unwrap_or_default();
                let given = asked.iter().zip(answers).map(|(question, chosen)| {
                    (question["question"].as_str().unwrap_or_default().to_owned(), json!(chosen.join(", ")))
                });
                input["answers"] = Value::Object(given.collect());
                return Some(json!({"behavior": "allow", "updatedInput": input}));
            }
            Answer::Choice { token, reason } => (&**token, reason.as_deref()),
        };
        match token {
            "allow" => Some(json!({"behavior": "allow", "updatedInput": input})),
            "deny" | "deny-stop" => {
                let message = reason.filter(|reason| !reason.trim().is_empty()).unwrap_or("The user said no.");
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

fn status(call: &Arc<str>, status: ToolStatus) -> Signal {
    let (status, id) = (Some(status), call.clone());
    let body = Body::ToolUpdate { id, status, output: None, duration_ms: None, subagent: None, action: None };
    Signal::Event(Event { key: Key::new(call, 0), time: None, body })
}

/// What may be answered, and what some answers grant.
fn choices(tool: &str, asks: bool, suggestions: &Value) -> (Vec<Choice>, Vec<(Arc<str>, Value)>) {
    let choice = |kind, label: &str, token: &str| Choice { kind, label: label.to_owned(), token: token.into() };
    let mut choices = Vec::new();
    let mut grants: Vec<(Arc<str>, Value)> = Vec::new();
    if is_plan(tool) {
        let accept = json!({"type": "setMode", "mode": "acceptEdits", "destination": "session"});
        choices.push(choice(ChoiceKind::AllowOnce, "Yes, begin", "allow"));
        choices.push(choice(ChoiceKind::AllowAlways, "Yes, and accept all edits in this session", "accept-edits"));
        choices.push(choice(ChoiceKind::Deny, "No, go on planning", "deny"));
        grants.push(("accept-edits".into(), accept));
    } else if asks {
        choices.push(choice(ChoiceKind::Deny, "Go on without an answer", "deny"));
    } else {
        choices.push(choice(ChoiceKind::AllowOnce, "Yes", "allow"));
        for (at, suggestion) in suggestions.as_array().into_iter().flatten().enumerate() {
            let token = format!("always-{at}");
            choices.push(choice(ChoiceKind::AllowAlways, &format!("Yes, and {}", granted(suggestion)), &token));
            grants.push((token.into(), suggestion.clone()));
        }
        choices.push(choice(ChoiceKind::Deny, "No, go on without it", "deny"));
    }
    choices.push(choice(ChoiceKind::DenyAndStop, "No, and stop", "deny-stop"));
    (choices, grants)
}

/// What a suggestion would grant, in words.
fn granted(suggestion: &Value) -> String {
    let place = match suggestion["destination"].as_str() {
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
            format!("always allow {} {place}", rules.collect::<Vec<_>>().join(", "))
        }
        Some("addDirectories") => {
            let directories = suggestion["directories"].as_array().into_iter().flatten().filter_map(Value::as_str);
            format!("allow work in {} {place}", directories.collect::<Vec<_>>().join(", "))
        }
        Some("setMode") => format!("switch to {} {place}", suggestion["mode"].as_str().unwrap_or("another mode")),
        _ => format!("do not ask again {place}"),
    }
}

fn questions(tool: &str, input: &Value) -> Vec<Question> {
    if tool != "AskUserQuestion" {
        return Vec::new();
    }
    let options = |question: &Value| {
        let options = question["options"].as_array().into_iter().flatten();
        options.map(|option| option["label"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let asked = input["questions"].as_array().into_iter().flatten();
    asked
        .map(|question| Question {
            text: question["question"].as_str().unwrap_or_default().to_owned(),
            options: options(question),
            multiple: question["multiSelect"] == true,
        })
        .collect()
}
