//! Teams of sessions: `teams/<team>/config.json` names the session that leads.
//!
//! Verified with 2.1.332: records of the lead and of its teammates have `teamName`.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::stdx::files::{self, SizeLimit};

/// Session that leads a team. `None` without a configuration, or for a name that is a path.
pub(super) fn lead(transcript: &Path, team: &str) -> Option<Arc<str>> {
    if team.is_empty() || team.starts_with('.') || team.contains(['/', '\\']) {
        return None;
    }
    let root = transcript.ancestors().find(|folder| folder.ends_with("projects"))?.parent()?;
    let bytes = files::read(&root.join("teams").join(team).join("config.json"), SizeLimit::SIDECAR).ok()?;
    let config: Value = serde_json::from_slice(&bytes).ok()?;
    config["leadSessionId"].as_str().filter(|id| !id.is_empty()).map(Arc::from)
}
