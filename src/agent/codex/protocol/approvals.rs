//! What Codex asks and waits for: leave for commands, changes and permissions, and questions, as approvals; and their
//! answers as the results that it wants.
//!
//! Each choice carries the result that it sends. An answer that fits no choice refuses: the agent must never wait for
//! what does not come.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{calls, patch};
use super::forms::Form;
use super::items;
use crate::domain::Time;
use crate::domain::approval::{Answer, Approval, Choice, ChoiceKind};
use crate::domain::transcript::Action;

/// A request that waits for its answer.
#[derive(Debug)]
pub struct Waiting {
    /// The agent's id of it.
    pub id: Value,
    /// The thread that waits.
    pub thread: Arc<str>,
    /// Its turn.
    pub turn: Arc<str>,
    /// What is asked, to be told again.
    pub approval: Approval,
    replies: Vec<Reply>,
    form: Option<Form>,
}

/// A choice and what it sends.
#[derive(Clone, Debug)]
struct Reply {
    choice: Choice,
    result: Value,
    /// The turn is to be interrupted besides: the result cannot say so.
    interrupt: bool,
}

/// What an answer comes to.
#[derive(Debug)]
pub struct Answered {
    /// The result.
    pub result: Value,
    /// The turn is to be interrupted.
    pub interrupt: bool,
    /// The turn ends with it, one way or the other.
    pub stops: bool,
    /// What the user said besides, which the result cannot carry.
    pub remark: Option<String>,
}

impl Answered {
    fn of(result: Value) -> Self {
        Self { result, interrupt: false, stops: false, remark: None }
    }
}

/// What a request asks; `None` where it is not one of those that a user answers. `known` tells what the item does that
/// the request is about.
pub fn asked(id: &Value, method: &str, params: &Value, known: Option<&Action>, now: Time) -> Option<Waiting> {
    let told = match method {
        "item/commandExecution/requestApproval" => command(params),
        "item/fileChange/requestApproval" => file_change(params, known),
        "item/permissions/requestApproval" => permissions(params),
        "item/tool/requestUserInput" => Told::form("request_user_input", Form::of_tool(params)),
        "mcpServer/elicitation/request" => elicitation(params),
        "execCommandApproval" => legacy("exec_command", calls::shell(&params["command"]), params),
        "applyPatchApproval" => {
            legacy("apply_patch", Action::Edit(patch::from_changes(&params["fileChanges"])), params)
        }
        _ => return None,
    };
    let text = |name: &str| params[name].as_str().map(Arc::from);
    let approval = Approval {
        id: id.to_string().into(),
        tool_id: text("itemId").or_else(|| text("callId")),
        tool: told.tool.into(),
        action: told.action,
        input: params.clone(),
        reason: told.reason.or_else(|| params["reason"].as_str().map(str::to_owned)),
        questions: told.form.as_ref().map(Form::questions).unwrap_or_default(),
        choices: told.replies.iter().map(|reply| reply.choice.clone()).collect(),
        since: Some(params["startedAtMs"].as_i64().map_or(now, Time::from_millis)),
    };
    Some(Waiting {
        id: id.clone(),
        thread: text("threadId").or_else(|| text("conversationId")).unwrap_or_default(),
        turn: text("turnId").unwrap_or_default(),
        approval,
        replies: told.replies,
        form: told.form,
    })
}

impl Waiting {
    /// What an answer comes to.
    pub fn answer(&self, answer: &Answer) -> Answered {
        match (answer, &self.form) {
            (Answer::Answers(answers), Some(form)) => Answered::of(form.result(answers)),
            (Answer::Answers(_), None) => self.refusal(),
            (Answer::Choice { token, reason }, _) => {
                let chosen = self.replies.iter().find(|reply| reply.choice.token == *token);
                let mut answered = chosen.map_or_else(|| self.refusal(), Reply::answered);
                let goes_on = chosen.is_some_and(|reply| reply.choice.kind == ChoiceKind::Deny);
                answered.remark = reason.clone().filter(|reason| goes_on && !reason.trim().is_empty());
                answered
            }
        }
    }

    fn refusal(&self) -> Answered {
        let deny = self.replies.iter().find(|reply| reply.choice.kind == ChoiceKind::Deny);
        deny.map_or_else(|| Answered::of(Value::Null), Reply::answered)
    }
}

impl Reply {
    fn new(kind: ChoiceKind, label: impl Into<String>, token: impl Into<Arc<str>>, result: Value) -> Self {
        Self { choice: Choice { kind, label: label.into(), token: token.into() }, result, interrupt: false }
    }

    fn answered(&self) -> Answered {
        let stops = self.choice.kind == ChoiceKind::DenyAndStop;
        Answered { interrupt: self.interrupt, stops, ..Answered::of(self.result.clone()) }
    }
}

/// What is particular to one kind of request.
struct Told {
    tool: String,
    action: Action,
    reason: Option<String>,
    replies: Vec<Reply>,
    form: Option<Form>,
}

impl Told {
    fn leave(tool: &str, action: Action, replies: Vec<Reply>) -> Self {
        Self { tool: tool.to_owned(), action, reason: None, replies, form: None }
    }

    fn form(tool: &str, form: Form) -> Self {
        let replies = refusals(form.refused(), form.cancelled());
        Self { tool: tool.to_owned(), action: form.action(), reason: None, replies, form: Some(form) }
    }
}

/// The two ways to say no, by the results that say them. Where they are the same, stopping takes an interrupt besides.
fn refusals(deny: Value, stop: Value) -> Vec<Reply> {
    let interrupt = deny == stop;
    vec![
        Reply::new(ChoiceKind::Deny, "No, go on without it", "decline", deny),
        Reply { interrupt, ..Reply::new(ChoiceKind::DenyAndStop, "No, and stop", "cancel", stop) },
    ]
}

fn decision(decision: &Value) -> Value {
    json!({"decision": decision})
}

fn command(params: &Value) -> Told {
    let network = &params["networkApprovalContext"];
    let action = match network["host"].as_str() {
        Some(host) => Action::Web { query: format!("{}://{host}", network["protocol"].as_str().unwrap_or("https")) },
        None => items::command(&params["command"]),
    };
    let offered = params["availableDecisions"].as_array().cloned();
    let offered = offered.unwrap_or_else(|| vec![json!("accept"), json!("acceptForSession")]);
    let mut replies: Vec<Reply> = offered.iter().enumerate().filter_map(|(at, offer)| allowed(at, offer)).collect();
    if replies.is_empty() {
        replies.extend(allowed(0, &json!("accept")));
    }
    replies.extend(refusals(decision(&json!("decline")), decision(&json!("cancel"))));
    let extra = granted(&params["additionalPermissions"]);
    let reason = params["reason"].as_str().map(str::to_owned);
    let reason = match (reason, extra) {
        (Some(reason), Some(extra)) => Some(format!("{reason} ({extra})")),
        (reason, extra) => reason.or(extra),
    };
    Told { reason, ..Told::leave("exec_command", action, replies) }
}

/// A decision that allows; those that refuse are always offered, and in the same place.
fn allowed(at: usize, offer: &Value) -> Option<Reply> {
    let always =
        |label: String| Some(Reply::new(ChoiceKind::AllowAlways, label, format!("always-{at}"), decision(offer)));
    match offer.as_str() {
        Some("accept") => Some(Reply::new(ChoiceKind::AllowOnce, "Yes", "accept", decision(offer))),
        Some("acceptForSession") => always("Yes, and do not ask again for this in this session".into()),
        Some(_) => None,
        None => {
            let prefix = &offer["acceptWithExecpolicyAmendment"]["execpolicy_amendment"];
            let host = &offer["applyNetworkPolicyAmendment"]["network_policy_amendment"];
            if prefix.is_array() {
                always(format!("Yes, and always allow commands that begin with `{}`", calls::command_line(prefix)))
            } else if let Some(name) = host["host"].as_str() {
                let deny = host["action"] == "deny";
                let label =
                    if deny { format!("No, and never allow {name}") } else { format!("Yes, and always allow {name}") };
                let mut reply = always(label)?;
                if deny {
                    reply.choice.kind = ChoiceKind::Deny;
                }
                Some(reply)
            } else {
                always("Yes, and do not ask again".into())
            }
        }
    }
}

fn file_change(params: &Value, known: Option<&Action>) -> Told {
    let mut replies = vec![
        Reply::new(ChoiceKind::AllowOnce, "Yes", "accept", decision(&json!("accept"))),
        Reply::new(
            ChoiceKind::AllowAlways,
            "Yes, and do not ask again for these files in this session",
            "always",
            decision(&json!("acceptForSession")),
        ),
    ];
    replies.extend(refusals(decision(&json!("decline")), decision(&json!("cancel"))));
    let action = known.cloned().unwrap_or_else(|| Action::Edit(Vec::new()));
    let root = params["grantRoot"].as_str().map(|root| format!("wants to write anywhere below {root}"));
    Told {
        reason: params["reason"].as_str().map(str::to_owned).or(root),
        ..Told::leave("apply_patch", action, replies)
    }
}

fn permissions(params: &Value) -> Told {
    let wanted = &params["permissions"];
    // A grant leaves out what is not granted; the request has nulls there.
    let granting: Value = wanted
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let result = |permissions: &Value, scope: &str| json!({"permissions": permissions, "scope": scope});
    let nothing = result(&json!({}), "turn");
    let mut replies = vec![
        Reply::new(ChoiceKind::AllowOnce, "Yes, for this turn", "accept", result(&granting, "turn")),
        Reply::new(ChoiceKind::AllowAlways, "Yes, for this session", "always", result(&granting, "session")),
    ];
    replies.extend(refusals(nothing.clone(), nothing));
    let action = Action::Other(granted(wanted).unwrap_or_else(|| wanted.to_string()));
    Told::leave("request_permissions", action, replies)
}

/// Permissions in words; `None` where there are none.
fn granted(permissions: &Value) -> Option<String> {
    let files = &permissions["fileSystem"];
    let list = |name: &str| {
        let paths: Vec<&str> = files[name].as_array()?.iter().filter_map(Value::as_str).collect();
        (!paths.is_empty()).then(|| format!("{name} {}", paths.join(", ")))
    };
    let entries = files["entries"].as_array().into_iter().flatten().filter_map(|entry| {
        let path = entry["path"]["path"].as_str().or_else(|| entry["path"].as_str())?;
        Some(format!("{} {path}", entry["access"].as_str().unwrap_or("use")))
    });
    let network = (permissions["network"]["enabled"] == true).then(|| "use the network".to_owned());
    let mut all: Vec<String> = network.into_iter().chain(list("read")).chain(list("write")).collect();
    for entry in entries {
        if !all.contains(&entry) {
            all.push(entry);
        }
    }
    (!all.is_empty()).then(|| all.join("; "))
}

/// A question of an MCP server; Codex itself asks in this way for leave to call one of its tools.
fn elicitation(params: &Value) -> Told {
    let server = params["serverName"].as_str().unwrap_or("mcp");
    let form = Form::of_elicitation(params);
    let mut told = Told::form(server, form);
    if told.form.as_ref().is_none_or(|form| form.questions().is_empty()) && params["mode"] != "openai/userVerification"
    {
        let meta = &params["_meta"];
        let accept = |meta: Value| json!({"action": "accept", "content": {}, "_meta": meta});
        let mut allow = vec![Reply::new(ChoiceKind::AllowOnce, "Yes", "accept", accept(Value::Null))];
        let scopes = meta["persist"].as_array().cloned().unwrap_or_else(|| vec![meta["persist"].clone()]);
        for scope in scopes.iter().filter_map(Value::as_str) {
            let label = if scope == "session" { "Yes, for this session" } else { "Yes, and always" };
            let token = format!("always-{scope}");
            allow.push(Reply::new(ChoiceKind::AllowAlways, label, token, accept(json!({"persist": scope}))));
        }
        told.replies.splice(0..0, allow);
        told.form = None;
    }
    Told { reason: params["message"].as_str().map(str::to_owned), ..told }
}

/// Leave, as versions before threads asked for it.
fn legacy(tool: &str, action: Action, params: &Value) -> Told {
    let mut replies = vec![
        Reply::new(ChoiceKind::AllowOnce, "Yes", "accept", decision(&json!("approved"))),
        Reply::new(
            ChoiceKind::AllowAlways,
            "Yes, and do not ask again for this in this session",
            "always",
            decision(&json!("approved_for_session")),
        ),
    ];
    replies.extend(refusals(decision(&json!("denied")), decision(&json!("abort"))));
    Told { reason: params["reason"].as_str().map(str::to_owned), ..Told::leave(tool, action, replies) }
}
