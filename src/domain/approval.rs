//! Approvals: permission requests and questions with which an agent waits for the user.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Time;
use super::tool_name::tool_label;
use super::transcript::ToolAction;
use crate::stdx::exact;

/// Maximum characters of a request in a list.
const HEADLINE_CHARS: usize = 400;

/// A request that waits for the user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Id of the request, assigned by the agent and unique within the run.
    pub id: Arc<str>,
    /// Tool call under approval, if there is one.
    pub tool_id: Option<Arc<str>>,
    /// Tool name as the agent reports it.
    pub tool: Arc<str>,
    /// Operation that the tool would perform.
    pub action: ToolAction,
    /// Complete tool input.
    pub input: Value,
    /// Reason for the request, if the agent gives one.
    pub reason: Option<String>,
    /// Questions with options, for a tool that asks the user; empty for a permission.
    pub questions: Vec<ApprovalQuestion>,
    /// Permitted answers, in the order of the digits that select them.
    pub choices: Vec<ApprovalChoice>,
    /// Time since when the request waits.
    pub since: Option<Time>,
}

/// One question of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalQuestion {
    /// Text of the question.
    pub text: String,
    /// Options to select from; free text is always allowed.
    pub options: Vec<QuestionOption>,
    /// True if several options may be selected.
    pub multiple: bool,
}

/// Option of a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionOption {
    /// Label, which is also the answer.
    pub label: String,
    /// Explanation of the option; empty if there is none.
    pub description: String,
}

impl QuestionOption {
    /// Creates an option without a description.
    pub fn plain(label: &str) -> Self {
        Self { label: label.to_owned(), description: String::new() }
    }

    /// Reads an option of the form `{"label", "description"}`, or a label alone.
    pub fn read(option: &Value) -> Option<Self> {
        let label = option["label"].as_str().or_else(|| option.as_str())?.to_owned();
        Some(Self { label, description: option["description"].as_str().unwrap_or_default().to_owned() })
    }
}

/// One permitted answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalChoice {
    /// Meaning of the answer.
    pub kind: ChoiceKind,
    /// Label that the user reads.
    pub label: String,
    /// Token with which the agent identifies the answer.
    pub token: Arc<str>,
}

/// Meaning of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChoiceKind {
    /// Allow this call only.
    AllowOnce,
    /// Allow from now on, within the scope that the label names.
    AllowAlways,
    /// Deny; the agent continues without the call.
    Deny,
    /// Deny and end the turn.
    DenyAndStop,
}

impl Approval {
    /// Complete text of the request: the question, or what the tool would do. Not sanitised.
    pub fn text(&self) -> String {
        match (self.questions.as_slice(), &self.action) {
            ([], ToolAction::Other(_)) if !self.input.is_null() => self.input.to_string(),
            ([], action) => action.text(),
            (questions, _) => questions.iter().map(|question| question.text.as_str()).collect::<Vec<_>>().join("\n"),
        }
    }

    /// Complete text of the request in one line, after the tool's label. Invisible characters are marks.
    pub fn line(&self) -> String {
        let line = exact::visible_line(&self.text());
        self.after_tool(line)
    }

    /// Summary of the request, after the tool's label, as it is shown in lists. Invisible characters are marks, and a cut
    /// states the number of missing characters.
    pub fn headline(&self) -> String {
        self.after_tool(self.summary())
    }

    /// [`headline`](Self::headline) without the tool's label.
    pub fn summary(&self) -> String {
        let text = self.questions.first().map_or_else(|| self.action.summary(), |question| question.text.clone());
        exact::visible_start(&text, HEADLINE_CHARS)
    }

    /// Puts the tool's label before a text. A question says enough by itself.
    fn after_tool(&self, text: String) -> String {
        if !self.questions.is_empty() {
            return text;
        }
        format!("{}: {text}", exact::visible_line(&tool_label(&self.tool)))
    }
}

impl ChoiceKind {
    /// Identifier on disk and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::AllowOnce => "once",
            Self::AllowAlways => "always",
            Self::Deny => "deny",
            Self::DenyAndStop => "deny_and_stop",
        }
    }
}

/// Answer of the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalAnswer {
    /// One of the choices, with a reason if the user entered one.
    Choice {
        /// Token of the choice.
        token: Arc<str>,
        /// Reason for a denial.
        reason: Option<String>,
    },
    /// Answers to the questions, in their order.
    Answers(Vec<Vec<String>>),
}
