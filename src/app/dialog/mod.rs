//! Dialogs with numbered choices, whose outcomes are data.

mod keys;

use std::sync::Arc;

use super::effect::Effect;
use crate::domain::SessionKey;
use crate::domain::git_menu::CommandPlan;
use crate::domain::rewind::RewindChoice;
use crate::domain::run::{FolderTrust, RunId};

/// A dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// Title.
    pub title: String,
    /// Paragraphs of text.
    pub text: Vec<String>,
    /// Choices; the last one changes nothing.
    pub choices: Vec<DialogChoice>,
    /// Choice that Enter confirms.
    pub selected: usize,
}

/// Choice of a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogChoice {
    /// Label.
    pub label: String,
    /// Outcome.
    pub outcome: DialogOutcome,
}

/// Outcome of a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a dialog has a few choices")]
pub enum DialogOutcome {
    /// Open the session in the agent's program.
    Resume {
        /// The session.
        key: SessionKey,
        /// Directory to use instead of the session's own.
        cwd: Option<String>,
    },
    /// Open a session's transcript.
    OpenSession(SessionKey),
    /// Watch the session: open the transcript and follow its end.
    Watch(SessionKey),
    /// Copy the command instead.
    CopyCommand(SessionKey),
    /// Copy a text.
    CopyText {
        /// Description of the text as the object of a sentence.
        description: String,
        /// The text.
        text: String,
    },
    /// Open a file or a page.
    Open(Effect),
    /// Fold the entry of the transcript below.
    FoldEntry,
    /// Continue a session in salon's own chat.
    ContinueHere {
        /// The session.
        key: SessionKey,
        /// Directory to use instead of the session's own.
        cwd: Option<String>,
        /// True to fork the session.
        fork: bool,
    },
    /// Move the sessions of a directory that is gone, then perform another outcome.
    Relocate {
        /// The directory.
        from: String,
        /// Directory in which the session is resumed.
        to: String,
        /// The other outcome.
        then: Box<DialogOutcome>,
    },
    /// Stop a run.
    StopRun(RunId),
    /// Stop a run, then open its session in the agent's program.
    HandOver(RunId, SessionKey),
    /// Stop a background task of a run.
    StopTask(RunId, Arc<str>),
    /// Set a mode without permission requests.
    SkipPermissions(RunId, String),
    /// Continue a session in a new worktree.
    InWorktree {
        /// The session.
        key: SessionKey,
        /// True to fork the session.
        fork: bool,
    },
    /// Rewind a session.
    Rewind(Box<RewindChoice>),
    /// Run commands in the foreground.
    RunCommands(Box<CommandPlan>),
    /// Cancel the prompts that are queued for sessions, and move these to the trash.
    TrashWithQueue(Vec<SessionKey>),
    /// Start the session of the form below.
    StartNew,
    /// Start the run of the chat below, with or without the settings of its folder.
    StartWithTrust(FolderTrust),
    /// Quit once no turn is open and no prompt is queued.
    QuitWhenDone,
    /// Leave runs and queues to the background process, once no turn is open, and quit.
    Detach,
    /// Stop all runs and quit.
    QuitNow,
    /// Cancel quitting, also a deferred quit.
    CancelQuit,
    /// Change nothing.
    Cancel,
}
