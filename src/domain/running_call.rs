//! Tool calls that an agent runs at the moment.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Time;
use super::tool_name::tool_label;
use super::transcript::ToolAction;
use crate::stdx::text::{first_chars, one_line};

/// Maximum characters of a description, because it is a part of each published state.
const MAX_CHARS: usize = 200;

/// A tool call that an agent runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningCall {
    /// Id of the call.
    pub id: Arc<str>,
    /// Tool and operation in one line: `Bash: npm run build`.
    pub text: String,
    /// Start of the call, or end of its wait for an approval.
    pub since: Time,
    /// True if the call waited for an approval, so that its duration is known only from `since` on.
    #[serde(default)]
    pub waited: bool,
}

impl RunningCall {
    /// Creates a call of a tool.
    pub fn new(id: Arc<str>, name: &str, action: &ToolAction, since: Time) -> Self {
        let (label, headline) = (tool_label(name), action.headline());
        let text = if headline.is_empty() { label.into_owned() } else { format!("{label}: {headline}") };
        Self { id, text: one_line(first_chars(&text, MAX_CHARS)), since, waited: false }
    }
}
