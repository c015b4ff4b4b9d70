//! Outcomes of updates: what the stack of screens does next. [`Stack::perform`](super::stack::Stack::perform) carries
//! them out.

use std::sync::Arc;

use super::action::Action;
use super::layer::Layer;
use super::search::SavedView;
use crate::domain::remark::ReviewPrompt;
use crate::domain::rewind::ConversationStart;
use crate::domain::run::{FolderTrust, RunId, RunStart};
use crate::domain::search::SearchOrder;
use crate::domain::{Agent, SessionKey};

/// Outcome of an update of a screen.
#[derive(Debug)]
pub enum Flow {
    /// Leave the stack as it is.
    Stay,
    /// Close the topmost layer.
    Pop,
    /// Close the topmost layer, then perform another outcome.
    PopThen(Box<Flow>),
    /// Push a layer.
    Push(Layer),
    /// Perform an action: by the topmost screen, else by the whole interface.
    Act(Action),
    /// Open a session's transcript on the whole screen.
    Open(SessionKey),
    /// Show an entry of a session's transcript, by its index.
    ShowEntry(SessionKey, usize),
    /// Open a session's transcript and follow its end.
    Follow(SessionKey),
    /// Follow a session's transcript. The header names the program that writes it.
    Watch(SessionKey),
    /// Close all layers and select a session on the home screen.
    GoToSession(SessionKey),
    /// Close all layers and show a workspace's sessions.
    GoToWorkspace(Arc<str>),
    /// Go to a run's chat. If it is not open, closing it leads home, with its session selected.
    GoToRun(RunId),
    /// Open a run's chat above the current screen, or return to it if it is open already.
    OpenChat(RunId),
    /// Open a chat that starts a run: at once if there is a prompt, else with the first sent prompt.
    StartChat {
        /// The agent.
        agent: Agent,
        /// Start parameters.
        start: RunStart,
        /// The first prompt.
        prompt: Option<String>,
    },
    /// Open the form of a new session with a prompt that the user edits before it is sent.
    EditNew {
        /// The agent; `None` for another one than that of the session that is continued.
        agent: Option<Agent>,
        /// Start parameters.
        start: RunStart,
        /// The prompt.
        prompt: String,
    },
    /// Open the chat of a past session; its run starts with the first prompt.
    Continue {
        /// The session.
        key: SessionKey,
        /// Directory to use instead of the session's own.
        cwd: Option<String>,
        /// True to fork the session.
        fork: bool,
    },
    /// Create a worktree, and open the chat of a past session in it.
    ContinueInWorktree {
        /// The session.
        key: SessionKey,
        /// True to fork the session.
        fork: bool,
    },
    /// Open the chat of a conversation that continues from before a prompt, with the prompt to edit.
    ContinueBefore {
        /// The session.
        key: SessionKey,
        /// Beginning of the conversation.
        start: ConversationStart,
        /// The prompt.
        prompt: String,
    },
    /// Open the chat of a past session and send a prompt, if given.
    SendTo {
        /// The session.
        key: SessionKey,
        /// The prompt.
        prompt: Option<String>,
    },
    /// Send the remarks on the changes of a session.
    SendReview(ReviewPrompt),
    /// Open the search screen with a query.
    Search {
        /// The query.
        query: String,
        /// Sort order.
        order: SearchOrder,
    },
    /// Ask for the name under which the search is saved as a view.
    NameView,
    /// Save a view, instead of one with the same name.
    SaveView(SavedView),
    /// Recompute lists after a change of sessions on this screen.
    SessionsChanged,
    /// Start the session that the form on top describes, without further questions.
    StartFromForm,
    /// Start the run of the topmost chat, with or without the settings of its folder.
    StartWithTrust(FolderTrust),
}

impl Flow {
    /// Closes the topmost layer, then performs another outcome.
    pub fn pop_then(next: Self) -> Self {
        Self::PopThen(Box::new(next))
    }
}
