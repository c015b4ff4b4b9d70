//! Messages of background tasks to the event loop.

use crate::app::Msg;
use crate::app::picture::PictureView;
use crate::app::runs::RunMsg;
use crate::domain::git_menu::CommandPlan;
use crate::ui::encoded_picture::EncodedPicture;
use crate::ui::inline_pictures::PictureUpdate;

/// A message from a background task.
#[derive(Debug)]
pub(super) enum TaskMessage {
    /// A message for the app state.
    Msg(Box<Msg>),
    /// Annotations or hidden sessions were saved.
    UserDataSaved,
    /// Worktrees that are not used any more are due for removal.
    CleanUpWorktrees,
    /// The connection to the server that owns the runs is lost. Contains the reason.
    ServerLost(String),
    /// Commands to run on another machine, with the file of their drafted message there.
    RunCommandsThere(Box<CommandPlan>, std::path::PathBuf),
    /// A file to open in the editor.
    Edit(std::path::PathBuf),
    /// A file to open in the program that the platform has for it.
    Open(std::path::PathBuf),
    /// An image of a transcript for the terminal.
    Picture {
        /// The image.
        view: PictureView,
        /// Its pixels.
        encoded: EncodedPicture,
        /// True if it was shown already, for another size.
        resized: bool,
    },
    /// An image within a transcript.
    InlinePicture(PictureUpdate),
}

impl TaskMessage {
    /// Creates a message about a run.
    pub(super) fn of_run(msg: RunMsg) -> Self {
        Self::Msg(Box::new(Msg::Run(msg)))
    }
}
