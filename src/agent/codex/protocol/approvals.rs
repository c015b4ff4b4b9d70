//! Approvals: maps Codex's requests for permission and its questions to approvals, and the user's answers to results.
//!
//! Each choice contains the result that it sends. An answer that matches no choice is a denial, because the agent must
//! never wait in vain.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{calls, patch};
use super::forms::QuestionForm;
use super::items;
use crate::domain::Time;
use crate::domain::approval::{Approval, ApprovalAnswer, ApprovalChoice, ChoiceKind};
use crate::domain::transcript::ToolAction;

/// A request of the agent that waits for the user's answer.
#[derive(Debug)]
pub(super) struct CodexApproval {
    /// JSON-RPC id of the request.
    pub id: Value,
    /// Thread that sent the request.
    pub thread: Arc<str>,
    /// Turn that sent the request.
    pub turn: Arc<str>,
    pub approval: Approval,
    replies: Vec<ApprovalReply>,
    form: Option<QuestionForm>,
}

/// A choice, and the result that it sends.
#[derive(Clone, Debug)]
struct ApprovalReply {
    choice: ApprovalChoice,
    result: Value,
    /// True if the turn needs an interrupt too, because the result cannot express it.
    interrupt: bool,
}

/// Effect of an answer on the agent.
#[derive(Debug)]
pub(super) struct ApprovalEffect {
    /// JSON-RPC result.
    pub result: Value,
    /// True if an interrupt has to follow.
    pub interrupt: bool,
    /// True if the turn ends with this answer.
    pub denies_and_stops: bool,
    /// Text that the user added, for a separate message because the result has no field for it.
    pub follow_up: Option<String>,
}

impl ApprovalEffect {
    fn of(result: Value) -> Self {
        Self { result, interrupt: false, denies_and_stops: false, follow_up: None }
    }
}

/// Parses a request of the agent; `None` if a user cannot answer it. `known` is the action of the item that the request
/// is about.
pub(super) fn parse_request(
    id: &Value,
    method: &str,
    params: &Value,
    known: Option<&ToolAction>,
    now: Time,
) -> Option<CodexApproval> {
    let details = match method {
        "item/commandExecution/requestApproval" => command(params),
        "item/fileChange/requestApproval" => file_change(params, known),
        "item/permissions/requestApproval" => permissions(params),
        "item/tool/requestUserInput" => RequestDetails::form("request_user_input", QuestionForm::from_tool(params)),
        "mcpServer/elicitation/request" => elicitation(params),
        "execCommandApproval" => legacy("exec_command", calls::shell(&params["command"]), params),
        "applyPatchApproval" => {
            legacy("apply_patch", ToolAction::Edit(patch::from_changes(&params["fileChanges"])), params)
        }
        _ => return None,
    };
    let text = |name: &str| params[name].as_str().map(Arc::from);
    let approval = Approval {
        id: id.to_string().into(),
        tool_id: text("itemId").or_else(|| text("callId")),
        tool: details.tool.into(),
        action: details.action,
        input: params.clone(),
        reason: details.reason.or_else(|| params["reason"].as_str().map(str::to_owned)),
        questions: details.form.as_ref().map(QuestionForm::questions).unwrap_or_default(),
        choices: details.replies.iter().map(|reply| reply.choice.clone()).collect(),
        since: Some(params["startedAtMs"].as_i64().map_or(now, Time::from_millis)),
    };
    Some(CodexApproval {
        id: id.clone(),
        thread: text("threadId").or_else(|| text("conversationId")).unwrap_or_default(),
        turn: text("turnId").unwrap_or_default(),
        approval,
        replies: details.replies,
        form: details.form,
    })
}

impl CodexApproval {
    /// Translates an answer.
    pub(super) fn answer(&self, answer: &ApprovalAnswer) -> ApprovalEffect {
        match (answer, &self.form) {
            (ApprovalAnswer::Answers(answers), Some(form)) => ApprovalEffect::of(form.result(answers)),
            (ApprovalAnswer::Answers(_), None) => self.default_denial(),
            (ApprovalAnswer::Choice { token, reason }, _) => {
                let chosen = self.replies.iter().find(|reply| reply.choice.token == *token);
                let mut effect = chosen.map_or_else(|| self.default_denial(), ApprovalReply::effect);
                let continues = chosen.is_some_and(|reply| reply.choice.kind == ChoiceKind::Deny);
                effect.follow_up = reason.clone().filter(|reason| continues && !reason.trim().is_empty());
                effect
            }
        }
    }

    fn default_denial(&self) -> ApprovalEffect {
        let deny = self.replies.iter().find(|reply| reply.choice.kind == ChoiceKind::Deny);
        deny.map_or_else(|| ApprovalEffect::of(Value::Null), ApprovalReply::effect)
    }
}

impl ApprovalReply {
    fn new(kind: ChoiceKind, label: impl Into<String>, token: impl Into<Arc<str>>, result: Value) -> Self {
        Self { choice: ApprovalChoice { kind, label: label.into(), token: token.into() }, result, interrupt: false }
    }

    fn effect(&self) -> ApprovalEffect {
        let denies_and_stops = self.choice.kind == ChoiceKind::DenyAndStop;
        ApprovalEffect { interrupt: self.interrupt, denies_and_stops, ..ApprovalEffect::of(self.result.clone()) }
    }
}

/// Fields that differ between the kinds of requests.
struct RequestDetails {
    tool: String,
    action: ToolAction,
    reason: Option<String>,
    replies: Vec<ApprovalReply>,
    form: Option<QuestionForm>,
}

impl RequestDetails {
    fn permission(tool: &str, action: ToolAction, replies: Vec<ApprovalReply>) -> Self {
        Self { tool: tool.to_owned(), action, reason: None, replies, form: None }
    }

    fn form(tool: &str, form: QuestionForm) -> Self {
        let replies = denial_replies(form.decline(), form.cancel());
        Self { tool: tool.to_owned(), action: form.action(), reason: None, replies, form: Some(form) }
    }
}

/// The two denials, by their results. If both results are equal, stopping needs an interrupt too.
fn denial_replies(deny: Value, stop: Value) -> Vec<ApprovalReply> {
    let interrupt = deny == stop;
    vec![
        ApprovalReply::new(ChoiceKind::Deny, "No, continue without it", "decline", deny),
        ApprovalReply { interrupt, ..ApprovalReply::new(ChoiceKind::DenyAndStop, "No, and stop", "cancel", stop) },
    ]
}

fn decision(decision: &Value) -> Value {
    json!({"decision": decision})
}

fn command(params: &Value) -> RequestDetails {
    let network = &params["networkApprovalContext"];
    let action = match network["host"].as_str() {
        Some(host) => {
            ToolAction::Web { query: format!("{}://{host}", network["protocol"].as_str().unwrap_or("https")) }
        }
        None => items::command(&params["command"]),
    };
    let offered = params["availableDecisions"].as_array().cloned();
    let offered = offered.unwrap_or_else(|| vec![json!("accept"), json!("acceptForSession")]);
    let mut replies: Vec<ApprovalReply> =
        offered.iter().enumerate().filter_map(|(at, offer)| allow_reply(at, offer)).collect();
    if replies.is_empty() {
        replies.extend(allow_reply(0, &json!("accept")));
    }
    replies.extend(denial_replies(decision(&json!("decline")), decision(&json!("cancel"))));
    let extra = permission_text(&params["additionalPermissions"]);
    let reason = params["reason"].as_str().map(str::to_owned);
    let reason = match (reason, extra) {
        (Some(reason), Some(extra)) => Some(format!("{reason} ({extra})")),
        (reason, extra) => reason.or(extra),
    };
    RequestDetails { reason, ..RequestDetails::permission("exec_command", action, replies) }
}

/// Reply for an offered decision that allows. Denials are always offered, in the same place, so they are skipped.
fn allow_reply(at: usize, offer: &Value) -> Option<ApprovalReply> {
    let always = |label: String| {
        Some(ApprovalReply::new(ChoiceKind::AllowAlways, label, format!("always-{at}"), decision(offer)))
    };
    match offer.as_str() {
        Some("accept") => Some(ApprovalReply::new(ChoiceKind::AllowOnce, "Yes", "accept", decision(offer))),
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

fn file_change(params: &Value, known: Option<&ToolAction>) -> RequestDetails {
    let mut replies = vec![
        ApprovalReply::new(ChoiceKind::AllowOnce, "Yes", "accept", decision(&json!("accept"))),
        ApprovalReply::new(
            ChoiceKind::AllowAlways,
            "Yes, and do not ask again for these files in this session",
            "always",
            decision(&json!("acceptForSession")),
        ),
    ];
    replies.extend(denial_replies(decision(&json!("decline")), decision(&json!("cancel"))));
    let action = known.cloned().unwrap_or_else(|| ToolAction::Edit(Vec::new()));
    let root = params["grantRoot"].as_str().map(|root| format!("requests write access to everything below {root}"));
    RequestDetails {
        reason: params["reason"].as_str().map(str::to_owned).or(root),
        ..RequestDetails::permission("apply_patch", action, replies)
    }
}

fn permissions(params: &Value) -> RequestDetails {
    let requested = &params["permissions"];
    // A grant omits permissions that are not granted; the request has nulls there.
    let granted: Value = requested
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
        ApprovalReply::new(ChoiceKind::AllowOnce, "Yes, for this turn", "accept", result(&granted, "turn")),
        ApprovalReply::new(ChoiceKind::AllowAlways, "Yes, for this session", "always", result(&granted, "session")),
    ];
    replies.extend(denial_replies(nothing.clone(), nothing));
    let action = ToolAction::Other(permission_text(requested).unwrap_or_else(|| requested.to_string()));
    RequestDetails::permission("request_permissions", action, replies)
}

/// Description of permissions; `None` if there are none.
fn permission_text(permissions: &Value) -> Option<String> {
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

/// Question of an MCP server. Codex itself also requests permission for an MCP tool in this form.
fn elicitation(params: &Value) -> RequestDetails {
    let server = params["serverName"].as_str().unwrap_or("mcp");
    let form = QuestionForm::from_elicitation(params);
    let mut details = RequestDetails::form(server, form);
    if details.form.as_ref().is_none_or(|form| form.questions().is_empty())
        && params["mode"] != "openai/userVerification"
    {
        let meta = &params["_meta"];
        let accept = |meta: Value| json!({"action": "accept", "content": {}, "_meta": meta});
        let mut allow = vec![ApprovalReply::new(ChoiceKind::AllowOnce, "Yes", "accept", accept(Value::Null))];
        let scopes = meta["persist"].as_array().cloned().unwrap_or_else(|| vec![meta["persist"].clone()]);
        for scope in scopes.iter().filter_map(Value::as_str) {
            let label = if scope == "session" { "Yes, for this session" } else { "Yes, and always" };
            let token = format!("always-{scope}");
            allow.push(ApprovalReply::new(ChoiceKind::AllowAlways, label, token, accept(json!({"persist": scope}))));
        }
        details.replies.splice(0..0, allow);
        details.form = None;
    }
    RequestDetails { reason: params["message"].as_str().map(str::to_owned), ..details }
}

/// Request of versions before threads.
fn legacy(tool: &str, action: ToolAction, params: &Value) -> RequestDetails {
    let mut replies = vec![
        ApprovalReply::new(ChoiceKind::AllowOnce, "Yes", "accept", decision(&json!("approved"))),
        ApprovalReply::new(
            ChoiceKind::AllowAlways,
            "Yes, and do not ask again for this in this session",
            "always",
            decision(&json!("approved_for_session")),
        ),
    ];
    replies.extend(denial_replies(decision(&json!("denied")), decision(&json!("abort"))));
    RequestDetails {
        reason: params["reason"].as_str().map(str::to_owned),
        ..RequestDetails::permission(tool, action, replies)
    }
}
