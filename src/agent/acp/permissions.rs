//! Requests for permission: the agent's options become choices, and an answer one of its options.

use std::sync::Arc;

use agent_client_protocol_schema::v1::{
    PermissionOption, PermissionOptionKind, RequestPermissionOutcome, RequestPermissionRequest,
    RequestPermissionResponse, SelectedPermissionOutcome, ToolCallStatus,
};
use serde_json::Value;

use super::codec::{AcpCodec, PermissionRequest};
use super::rpc;
use crate::agent::protocol::{CodecStep, ProtocolSignal};
use crate::domain::Time;
use crate::domain::approval::{Approval, ApprovalAnswer, ApprovalChoice, ChoiceKind};

/// Token of the choice that denies and ends the turn, which the protocol has no option for.
const STOP: &str = "salon-stop";

impl AcpCodec {
    pub(super) fn permission_requested(&mut self, id: &Value, params: &Value, now: Time, step: &mut CodecStep) {
        let Ok(request) = serde_json::from_value::<RequestPermissionRequest>(params.clone()) else {
            return rpc::reject(id, rpc::INVALID_PARAMS, "Invalid params", step);
        };
        // A turn that was interrupted allows nothing more; outside of a turn no user expects a question.
        let is_open = self.turn.as_ref().is_some_and(|turn| !turn.cancelled);
        if self.session.as_deref() != Some(&*request.session_id.0) || !is_open {
            return respond(id, RequestPermissionOutcome::Cancelled, step);
        }
        self.turn_active(step);
        let mut call = request.tool_call;
        let call_id: Arc<str> = call.tool_call_id.0.clone();
        call.fields.status.get_or_insert(ToolCallStatus::Pending);
        self.tool_updated(call, now, step);
        let Some(requested) = self.calls.requested(&call_id, &self.agent) else { return };
        let approval = Approval {
            id: id.to_string().into(),
            tool_id: Some(call_id.clone()),
            tool: requested.tool,
            action: requested.action,
            input: requested.input,
            reason: requested.reason,
            questions: Vec::new(),
            choices: choices(&request.options),
            since: Some(now),
        };
        let pending = PermissionRequest { id: id.clone(), call: call_id, options: request.options };
        self.permissions.insert(approval.id.clone(), pending);
        step.signals.push(ProtocolSignal::Approval(approval));
    }

    pub(super) fn answer(&mut self, id: &Arc<str>, answer: &ApprovalAnswer, now: Time, step: &mut CodecStep) {
        let Some(request) = self.permissions.remove(id) else { return };
        let token = match answer {
            ApprovalAnswer::Choice { token, .. } => &**token,
            ApprovalAnswer::Answers(_) => "",
        };
        let chosen = request.options.iter().find(|option| &*option.option_id.0 == token);
        // An answer that matches no option is a denial, because the agent must never wait in vain.
        let reject = || request.options.iter().find(|option| option.kind == PermissionOptionKind::RejectOnce);
        let option = chosen.or_else(reject);
        let outcome = option.map_or(RequestPermissionOutcome::Cancelled, |option| {
            RequestPermissionOutcome::Selected(SelectedPermissionOutcome::new(option.option_id.clone()))
        });
        respond(&request.id, outcome, step);
        step.signals.push(ProtocolSignal::ApprovalGone(id.clone()));
        if option.is_none_or(|option| !is_allowed(option.kind)) {
            self.denied(&request.call, now, step);
        }
        if token == STOP {
            self.interrupt(step);
        }
    }

    /// Some agents report nothing of a call that was denied.
    fn denied(&mut self, call: &str, now: Time, step: &mut CodecStep) {
        let denied = self.calls.deny(call).into_iter().collect();
        self.tool_events(denied, now, step);
    }

    /// Answers all open requests as cancelled, which the protocol requires of an interrupt.
    pub(super) fn withdraw_permissions(&mut self, step: &mut CodecStep) {
        for (id, request) in std::mem::take(&mut self.permissions) {
            respond(&request.id, RequestPermissionOutcome::Cancelled, step);
            step.signals.push(ProtocolSignal::ApprovalGone(id));
        }
    }
}

fn respond(id: &Value, outcome: RequestPermissionOutcome, step: &mut CodecStep) {
    rpc::respond(id, &RequestPermissionResponse::new(outcome), step);
}

fn is_allowed(kind: PermissionOptionKind) -> bool {
    matches!(kind, PermissionOptionKind::AllowOnce | PermissionOptionKind::AllowAlways)
}

/// Choices of the user: what allows first, then what denies. Ids and order differ between agents.
fn choices(options: &[PermissionOption]) -> Vec<ApprovalChoice> {
    let of_kind = |kind: PermissionOptionKind| options.iter().filter(move |option| option.kind == kind).map(choice);
    let mut choices: Vec<ApprovalChoice> = of_kind(PermissionOptionKind::AllowOnce).collect();
    choices.extend(of_kind(PermissionOptionKind::AllowAlways));
    choices.extend(of_kind(PermissionOptionKind::RejectOnce));
    choices.extend(of_kind(PermissionOptionKind::RejectAlways));
    choices.push(ApprovalChoice { kind: ChoiceKind::DenyAndStop, label: "No, and stop".into(), token: STOP.into() });
    choices
}

fn choice(option: &PermissionOption) -> ApprovalChoice {
    let kind = match option.kind {
        PermissionOptionKind::AllowOnce => ChoiceKind::AllowOnce,
        PermissionOptionKind::AllowAlways => ChoiceKind::AllowAlways,
        _ => ChoiceKind::Deny,
    };
    ApprovalChoice { kind, label: label(&option.name, option.kind), token: option.option_id.0.clone() }
}

/// Label of an option in the words that all agents have here, with what its own name says beyond its kind.
fn label(name: &str, kind: PermissionOptionKind) -> String {
    // Some agents use their identifiers as names.
    let plain = name.to_lowercase().replace('_', " ");
    match (plain.as_str(), kind) {
        ("allow" | "allow once" | "yes", PermissionOptionKind::AllowOnce) => "Yes".to_owned(),
        ("reject" | "reject once" | "deny" | "no", PermissionOptionKind::RejectOnce) => "No".to_owned(),
        ("allow always" | "always allow", PermissionOptionKind::AllowAlways) => "Yes, and always".to_owned(),
        ("reject always" | "always reject", PermissionOptionKind::RejectAlways) => "No, and never".to_owned(),
        (_, PermissionOptionKind::AllowAlways) => {
            let scope = |words: &str| name.get(words.len()..).filter(|_| plain.starts_with(words));
            let always = scope("always allow ").map(|scope| format!("Yes, and always allow {scope}"));
            let allowed = || scope("allow ").map(|scope| format!("Yes, and allow {scope}"));
            always.or_else(allowed).unwrap_or_else(|| name.to_owned())
        }
        _ => name.to_owned(),
    }
}
