//! Messages about the files of a server's machine: changes, remarks, rewinds, the trash of its sessions, worktrees and
//! commands of git.
//!
//! Keys of sessions have no host in messages. A call that changes something is not repeated after a lost connection,
//! because its reply does not show how far it came.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::SessionKey;
use crate::domain::changes::{Changes, ChangesScope, Restoration};
use crate::domain::git_menu::GitMenu;
use crate::domain::remark::{PlacedRemark, RemarkEdit};
use crate::domain::rewind::{ConversationRevert, RewindPlan, RewindTarget, RewoundFiles};
use crate::domain::trash_result::TrashResult;
use crate::domain::worktree::WorktreeReady;

/// Request about the files of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkCall {
    /// Return the changes of a session, with its remarks. Replies with [`WorkReply::Changes`].
    Changes {
        /// The session.
        key: SessionKey,
        /// Extent of the changes.
        scope: ChangesScope,
        /// Number of the branch that is read, from 0; `None` for the newest one.
        #[serde(default)]
        branch: Option<usize>,
    },
    /// Take back a change of files. Replies with [`WorkReply::Restored`].
    Restore {
        /// The session.
        key: SessionKey,
        /// The change.
        restoration: Restoration,
    },
    /// Return what a rewind would take back. Replies with [`WorkReply::Plan`].
    PlanRewind {
        /// The session.
        key: SessionKey,
        /// Index of an entry of the turn.
        entry: usize,
        /// Number of the branch that is read, from 0; `None` for the newest one.
        #[serde(default)]
        branch: Option<usize>,
    },
    /// Take the files back to before a turn, or to a snapshot. Replies with [`WorkReply::Rewound`].
    Rewind {
        /// The session.
        key: SessionKey,
        /// The turn, or the snapshot.
        target: RewindTarget,
    },
    /// Let the agent take back a conversation within its session, or undo that. Replies with [`WorkReply::Rewound`].
    RevertConversation {
        /// The session.
        key: SessionKey,
        /// The change.
        revert: ConversationRevert,
    },
    /// Change the remarks on changes of a session. Replies with [`WorkReply::Remarks`].
    Remarks {
        /// The session.
        key: SessionKey,
        /// The change.
        edit: RemarkEdit,
    },
    /// Move sessions to the trash of the machine. Replies with [`WorkReply::Trash`].
    Trash {
        /// The sessions.
        keys: Vec<SessionKey>,
        /// True to cancel their queued prompts.
        cancel_queued: bool,
    },
    /// Create a worktree with a branch of its own. Replies with [`WorkReply::Worktree`].
    CreateWorktree {
        /// A directory of the repository.
        dir: PathBuf,
        /// Name of the branch, or words of which one is formed.
        name: String,
    },
    /// Return the commands of git for the work tree of a session. Replies with [`WorkReply::GitMenu`].
    GitMenu {
        /// The session.
        key: SessionKey,
        /// Absolute path of the selected file.
        file: Option<PathBuf>,
    },
    /// Write the drafted message of a commit to a temporary file. Replies with [`WorkReply::Draft`].
    WriteDraft {
        /// The message.
        text: String,
    },
    /// Restore sessions from the trash of the machine. Replies with [`WorkReply::Trash`].
    Untrash {
        /// The sessions.
        keys: Vec<SessionKey>,
    },
}

/// Result of a request about files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkReply {
    /// Changes of a session.
    Changes(Changes),
    /// Snapshot of the files before, to which they can be taken back.
    Restored(String),
    /// Plan of a rewind.
    Plan(RewindPlan),
    /// Result of a rewind.
    Rewound(RewoundFiles),
    /// All remarks of a session.
    Remarks(Vec<PlacedRemark>),
    /// Sessions that were moved or restored.
    Trash(TrashResult),
    /// The worktree that was created.
    Worktree(WorktreeReady),
    /// Commands of git.
    GitMenu(GitMenu),
    /// Path of the file with a drafted message.
    Draft(PathBuf),
}
