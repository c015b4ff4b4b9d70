//! A question that an agent asks and waits on: may I, which one, is this plan right.

use std::sync::Arc;

use serde_json::Value;

use super::Time;
use super::transcript::Action;

/// A question that waits for the user.
#[derive(Clone, Debug, PartialEq)]
pub struct Approval {
    /// The agent's id of the request, unique within the run.
    pub id: Arc<str>,
    /// The tool call that it is about, where there is one.
    pub tool_id: Option<Arc<str>>,
    /// The tool's name, as the agent says it.
    pub tool: Arc<str>,
    /// What the tool would do.
    pub action: Action,
    /// The whole input.
    pub input: Value,
    /// Why the agent asks, where it says so.
    pub reason: Option<String>,
    /// Questions with options, for a tool that asks the user something; empty for a permission.
    pub questions: Vec<Question>,
    /// What may be answered, in the order of the digits that choose.
    pub choices: Vec<Choice>,
    /// Since when it waits.
    pub since: Option<Time>,
}

/// One of the agent's questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// What may be chosen; free text is always allowed.
    pub options: Vec<String>,
    /// Several may be chosen.
    pub multiple: bool,
}

/// Something that may be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What it means.
    pub kind: ChoiceKind,
    /// What the user reads.
    pub label: String,
    /// The agent's own token for it.
    pub token: Arc<str>,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChoiceKind {
    /// This time.
    AllowOnce,
    /// From now on, in the scope that the label names.
    AllowAlways,
    /// No; the agent goes on without it.
    Deny,
    /// No, and the turn ends.
    DenyAndStop,
}

impl Approval {
    /// What is asked, in one line.
    pub fn line(&self) -> String {
        match self.questions.first() {
            Some(question) => crate::stdx::text::one_line(&question.text),
            None => format!("{}: {}", self.tool, self.action.headline()),
        }
    }
}

impl ChoiceKind {
    /// The word used on disk and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::AllowOnce => "once",
            Self::AllowAlways => "always",
            Self::Deny => "deny",
            Self::DenyAndStop => "deny_and_stop",
        }
    }
}

/// The user's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// One of the choices, with a reason where one was typed.
    Choice {
        /// The choice's token.
        token: Arc<str>,
        /// Why not.
        reason: Option<String>,
    },
    /// Answers to the questions, in their order.
    Answers(Vec<Vec<String>>),
}
