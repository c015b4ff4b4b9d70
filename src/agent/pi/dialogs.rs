//! Dialogs of pi's extensions as questions: a selection, a confirmation, or a text.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::agent::protocol::{CodecStep, Outgoing, ProtocolSignal};
use crate::domain::Time;
use crate::domain::approval::{Approval, ApprovalAnswer, ApprovalChoice, ApprovalQuestion, ChoiceKind, QuestionOption};
use crate::domain::transcript::ToolAction;

/// Answers of a confirmation.
const CONFIRMATION: [&str; 2] = ["Yes", "No"];

/// Token of the choice that dismisses a dialog.
const DISMISS: &str = "salon-dismiss";

/// Open dialogs, each with true if it is a confirmation.
#[derive(Debug, Default)]
pub(super) struct Dialogs {
    open: HashMap<Arc<str>, bool>,
}

impl Dialogs {
    /// Asks the user, if the dialog needs an answer.
    pub(super) fn request(&mut self, request: &Value, now: Time, step: &mut CodecStep) {
        let text = |name: &str| request[name].as_str().filter(|text| !text.trim().is_empty());
        let is_confirmation = match text("method") {
            Some("select" | "input" | "editor") => false,
            Some("confirm") => true,
            // Status lines, widgets and titles belong to pi's own screen, and need no answer.
            _ => return,
        };
        let Some(id) = request["id"].as_str().map(Arc::<str>::from) else { return };
        let question = [text("title"), text("message")].into_iter().flatten().collect::<Vec<_>>().join("\n\n");
        let options = if is_confirmation {
            CONFIRMATION.map(QuestionOption::plain).into()
        } else {
            request["options"].as_array().into_iter().flatten().filter_map(QuestionOption::read).collect()
        };
        self.open.insert(id.clone(), is_confirmation);
        step.signals.push(ProtocolSignal::Approval(Approval {
            id,
            tool_id: None,
            tool: "question".into(),
            action: ToolAction::Question { question: question.clone(), answer: None },
            input: request.clone(),
            reason: None,
            questions: vec![ApprovalQuestion { text: question, options, multiple: false }],
            choices: vec![ApprovalChoice { kind: ChoiceKind::Deny, label: "Dismiss".into(), token: DISMISS.into() }],
            since: Some(now),
        }));
    }

    pub(super) fn answer(&mut self, id: &Arc<str>, answer: &ApprovalAnswer, step: &mut CodecStep) {
        let Some(is_confirmation) = self.open.remove(id) else { return };
        let given = match answer {
            ApprovalAnswer::Answers(answers) => answers.first().and_then(|answers| answers.first()),
            ApprovalAnswer::Choice { .. } => None,
        };
        let mut response = json!({"type": "extension_ui_response", "id": &**id});
        match given {
            Some(value) if is_confirmation => response["confirmed"] = (value == CONFIRMATION[0]).into(),
            Some(value) => response["value"] = value.as_str().into(),
            None => response["cancelled"] = true.into(),
        }
        step.outgoing.push(Outgoing::Line(response.to_string().into_bytes()));
        step.signals.push(ProtocolSignal::ApprovalGone(id.clone()));
    }

    /// Cancels all open dialogs.
    pub(super) fn withdraw(&mut self, step: &mut CodecStep) {
        for (id, _) in self.open.drain() {
            let response = json!({"type": "extension_ui_response", "id": &*id, "cancelled": true});
            step.outgoing.push(Outgoing::Line(response.to_string().into_bytes()));
            step.signals.push(ProtocolSignal::ApprovalGone(id));
        }
    }
}
