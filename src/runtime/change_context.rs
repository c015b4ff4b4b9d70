//! Places of the changes that an approval requests, in the files as they are now.

use std::path::{Path, PathBuf};

use super::shell::Shell;
use super::task_message::TaskMessage;
use crate::app::approvals::ApprovalId;
use crate::app::runs::RunMsg;
use crate::domain::tool::{ChangeContext, ChangeKind, FileChange, ToolAction};
use crate::stdx::files::{self, SizeLimit};

/// Maximum size of a file that is searched for a changed text, because the answer is for a person who waits.
const MAX_FILE: SizeLimit = SizeLimit(4 << 20);

impl Shell {
    /// Finds the changes of an approval in their files.
    pub(super) fn load_change_context(&self, id: ApprovalId) {
        let Some(info) = self.app.runs.get(&id.run).cloned() else { return };
        let messages = self.runner.messages.clone();
        tokio::task::spawn_blocking(move || {
            let Some(approval) = info.approvals.iter().find(|approval| approval.id == id.id) else { return };
            let ToolAction::Edit(changes) = &approval.action else { return };
            let contexts = changes.iter().map(|change| of_change(change, &info.cwd)).collect();
            // An error means that salon is shutting down.
            messages.send(TaskMessage::of_run(RunMsg::ChangeContext(id, contexts))).ok();
        });
    }
}

/// Finds the replaced texts of a change. A file that cannot be read has no context.
fn of_change(change: &FileChange, cwd: &Path) -> Vec<Option<ChangeContext>> {
    let ChangeKind::Replace(pairs) = &change.kind else { return Vec::new() };
    let path: PathBuf = cwd.join(&change.path);
    let content = files::read_text(&path, MAX_FILE).unwrap_or_default();
    pairs.iter().map(|(old, _)| ChangeContext::find(&content, old)).collect()
}
