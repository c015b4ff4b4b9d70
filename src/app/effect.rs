//! Effects: commands of the interface to the runtime, as data.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::runs::ModelSource;
use super::ticket::{ApprovalId, DebounceTicket, RequestTicket, Timer};
use crate::domain::annotation::AnnotationEdit;
use crate::domain::changes::{ChangesScope, Restoration};
use crate::domain::document::DocumentFormat;
use crate::domain::file_history::FileView;
use crate::domain::git_menu::CommandPlan;
use crate::domain::query::FilterKey;
use crate::domain::remark::RemarkEdit;
use crate::domain::rewind::{ConversationRevert, RewindTarget};
use crate::domain::run::{RunId, RunStart};
use crate::domain::run_event::RingCursor;
use crate::domain::run_request::RunRequest;
use crate::domain::search::{EntryLocation, SearchRequest};
use crate::domain::{Agent, EntryKey, SessionKey};

/// Command to the runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Open a session's transcript and watch it for changes. Response: [`super::Msg::Transcript`].
    OpenTranscript(RequestTicket, SessionKey),
    /// Close a transcript.
    CloseTranscript(RequestTicket),
    /// Read entries of an opened transcript.
    ReadEntries(RequestTicket, Range<usize>),
    /// Search an opened transcript. A newer query cancels the older one; an empty query stops the search.
    FindInTranscript(RequestTicket, String),
    /// Locate the entry of an opened transcript at a location. Response: [`super::Msg::Transcript`].
    Locate(RequestTicket, EntryLocation),
    /// Find entries on the shown branch of an opened transcript. Response: [`super::Msg::Transcript`].
    FindPositions(RequestTicket, Vec<EntryKey>),
    /// Find the place at which the agent can fork before a prompt, by its index. Response: [`super::Msg::Transcript`].
    FindForkPoint(RequestTicket, usize),
    /// Show another branch of an opened transcript, by its number from 0. Response: [`super::Msg::Transcript`].
    ShowBranch(RequestTicket, usize),
    /// Read the outline of an opened transcript, now and after each change. Response: [`super::Msg::Transcript`].
    ReadOutline(RequestTicket),
    /// Search sessions. A newer search cancels the older one. An empty query only cancels and warms the index up for
    /// the next query. Response: [`super::Msg::SearchUpdate`].
    Search(SearchRequest),
    /// Count the values of a filter in the texts of sessions that contain the typed prefix. Response:
    /// [`super::Msg::Values`], unless a search starts before.
    CountValues(FilterKey, String),
    /// Rank sessions for the quick filter.
    Rank {
        /// The query.
        query: String,
    },
    /// Send [`super::Msg::DebounceElapsed`] after a delay in ms. Only the newest ticket counts; an earlier one may be
    /// dropped.
    Debounce(DebounceTicket, u32),
    /// Send [`super::Msg::TimerElapsed`] after a delay in ms.
    StartTimer(Timer, u32),
    /// Redraw the whole screen, regardless of the assumed content of the terminal.
    Redraw,
    /// Give the terminal to the program that starts the container of a source, or that opens a connection of ssh to it.
    ConnectSource(Arc<str>),
    /// Rescan all sessions without using caches.
    Rescan,
    /// Check whether a session can be opened in its agent.
    CheckResume(SessionKey),
    /// Run the agent's own program in the terminal.
    Resume {
        /// The session.
        key: SessionKey,
        /// Directory to use instead of the session's own.
        cwd: Option<String>,
    },
    /// Copy the command that resumes a session.
    CopyResumeCommand(SessionKey),
    /// Copy text to the clipboard (OSC 52).
    Copy(String),
    /// Open the transcript's file in `$EDITOR`.
    EditTranscript(SessionKey),
    /// Open one entry's text in `$EDITOR`.
    EditEntry(RequestTicket, usize),
    /// Open the file that an entry changes in `$EDITOR`: as it was after the entry, or a difference.
    EditFileVersion(RequestTicket, usize, FileView),
    /// Open the image or document of an entry in the program that the platform has for it.
    OpenAttachment(RequestTicket, usize),
    /// Load the sessions in the trash. Response: [`super::Msg::TrashLoaded`].
    LoadTrash,
    /// Delete sessions in the trash permanently. Response: [`super::Msg::TrashDeleted`].
    DeleteTrashed(Vec<SessionKey>),
    /// Draw the image of an entry if the terminal can, else open it like an attachment. Response:
    /// [`super::Msg::PictureReady`].
    ShowImage(RequestTicket, usize),
    /// Draw the shown image again for another size of the terminal. Response: [`super::Msg::PictureReady`].
    ResizeImage(RequestTicket, usize),
    /// Open a file in `$EDITOR`.
    EditFile {
        /// Absolute path.
        path: PathBuf,
        /// Line, from 1.
        line: Option<u32>,
    },
    /// Open a page in the browser, by its `http://` or `https://` address.
    OpenPage(String),
    /// Save a part of the interface's state for the next start, such as the scope and the sort order.
    SaveState {
        /// Name of the state.
        name: &'static str,
        /// Value to save.
        value: String,
    },
    /// Save a change of sessions' annotations.
    Annotate {
        /// The sessions.
        keys: Vec<SessionKey>,
        /// The change.
        edit: AnnotationEdit,
    },
    /// Read the states of the work trees at these directories. Response: [`super::Msg::WorkTree`], unless they were read
    /// just before.
    ReadWorkTrees(Vec<Arc<str>>),
    /// Create a worktree for a new session. Response: [`super::Msg::WorktreeCreated`].
    CreateWorktree {
        /// Identifies the request.
        ticket: RequestTicket,
        /// Machine or container; `None` for this machine.
        host: Option<Arc<str>>,
        /// A directory of the repository.
        dir: PathBuf,
        /// Name of the branch, or words of which one is formed.
        name: String,
    },
    /// Take back a change of files, or the files to a snapshot. Response: [`super::Msg::FilesRestored`].
    RestoreFiles {
        /// Identifies the request.
        ticket: RequestTicket,
        /// The session in whose directory they are.
        key: SessionKey,
        /// Extent.
        restoration: Restoration,
    },
    /// Plan a rewind to before the prompt of an entry. Response: [`super::Msg::RewindPlanned`].
    PlanRewind {
        /// The session.
        key: SessionKey,
        /// Index of the entry.
        entry: usize,
        /// Number of the branch that is read, from 0; `None` for the newest one.
        branch: Option<usize>,
    },
    /// Take the files of a session back to before a turn, or to a snapshot. Response: [`super::Msg::Rewound`].
    RewindFiles {
        /// The session.
        key: SessionKey,
        /// The turn, or the snapshot.
        target: RewindTarget,
    },
    /// Let the agent take back a conversation within its session, or undo that. Response:
    /// [`super::Msg::ConversationReverted`].
    RevertConversation {
        /// The session.
        key: SessionKey,
        /// The change.
        revert: ConversationRevert,
        /// Text of the prompt, for the response.
        prompt: String,
    },
    /// Find the commands of git for the work tree of a session. Response: [`super::Msg::GitMenu`].
    LoadGitMenu {
        /// The session.
        key: SessionKey,
        /// Absolute path of the selected file.
        file: Option<PathBuf>,
    },
    /// Run commands in the foreground. Response: [`super::Msg::WorkTreeChanged`].
    RunCommands(Box<CommandPlan>),
    /// Change the remarks of a session. Response: [`super::Msg::Remarks`].
    EditRemarks {
        /// The session.
        key: SessionKey,
        /// The change.
        edit: RemarkEdit,
    },
    /// Read the changes of a session. Response: [`super::Msg::ChangesLoaded`].
    LoadChanges {
        /// Identifies the request.
        ticket: RequestTicket,
        /// The session.
        key: SessionKey,
        /// Extent of the changes.
        scope: ChangesScope,
        /// Number of the branch that is read, from 0; `None` for the newest one.
        branch: Option<usize>,
    },
    /// Move sessions to the trash. Response: [`super::Msg::Trashed`].
    Trash {
        /// The sessions.
        keys: Vec<SessionKey>,
        /// True to cancel the prompts that are queued for them.
        cancel_queued: bool,
    },
    /// Restore sessions from the trash. Response: [`super::Msg::Restored`].
    Restore(Vec<SessionKey>),
    /// Write sessions to files in a folder, which replace none. Response: [`super::Msg::Exported`].
    Export {
        /// The sessions.
        keys: Vec<SessionKey>,
        /// Format of the files.
        format: DocumentFormat,
        /// True to write secrets as they are.
        with_secrets: bool,
        /// The folder; a relative one is below the current directory.
        folder: PathBuf,
    },
    /// Write the brief with which another agent continues a session. Response: [`super::Msg::BriefWritten`].
    WriteBrief(SessionKey),
    /// Keep sessions that their agent deletes, or release them. Response: [`super::Msg::Kept`].
    Keep {
        /// The sessions.
        keys: Vec<SessionKey>,
        /// True to keep them, false to release them.
        kept: bool,
        /// True if the user did not request it.
        silent: bool,
    },
    /// Move the sessions of a directory to the one to which its project moved.
    Relocate {
        /// Directory that is gone.
        from: String,
        /// Directory in which one of its sessions is resumed.
        to: String,
    },
    /// Remember the repositories of all workspaces, by which a moved project is found again.
    RememberProjects,
    /// Rename a session in its agent's own files.
    WriteTitle {
        /// The session.
        key: SessionKey,
        /// The new title.
        title: String,
    },
    /// Send the rows of sessions again, as far as they exist: they were dropped before the index removed them.
    CheckSessions(Vec<SessionKey>),
    /// Load the annotations and the hidden sessions again, because another process may have changed them.
    LoadUserData,
    /// Turn mouse capture on or off.
    CaptureMouse(bool),
    /// Send a request to a run.
    Run(RunRequest),
    /// Start a run, or find the existing run of the conversation. No process is spawned before the first prompt.
    /// Response: [`super::runs::RunMsg::Started`].
    StartRun {
        /// Identifies the request.
        ticket: RequestTicket,
        /// The agent.
        agent: Agent,
        /// Start parameters.
        start: RunStart,
        /// The first prompt.
        prompt: Option<String>,
    },
    /// Subscribe to the events of a run from a cursor on.
    WatchRun(RunId, RingCursor),
    /// Unsubscribe from the events of a run.
    UnwatchRun(RunId),
    /// Check whether a session can be continued here. Response: [`super::runs::RunMsg::Checked`].
    CheckContinue(SessionKey),
    /// Request an agent's models: the cached list at once, then a new one if the cache is old or `refresh` is set.
    LoadModels {
        /// The agent and its machine.
        source: ModelSource,
        /// Query the agent even if the cache is fresh.
        refresh: bool,
    },
    /// Request the agents that salon can run. Response: [`super::runs::RunMsg::Agents`].
    LoadAgents,
    /// Complete a file name below a directory, without ignored files.
    FindFiles {
        /// The directory.
        below: PathBuf,
        /// The query.
        query: String,
    },
    /// Complete a directory path.
    FindDirectories {
        /// The query.
        query: String,
    },
    /// Save a draft; an empty text deletes it.
    SaveDraft {
        /// Key of the draft.
        key: String,
        /// Text of the draft.
        text: String,
    },
    /// Load the backends with their memory. Response: [`super::runs::RunMsg::Backends`].
    LoadBackends,
    /// Load a saved draft. Response: [`super::runs::RunMsg::Draft`].
    LoadDraft {
        /// Key of the draft.
        key: String,
    },
    /// Edit a text in `$EDITOR`. Response: [`super::runs::RunMsg::Edited`].
    EditText(String),
    /// Find the changes of an approval in their files. Response: [`super::runs::RunMsg::ChangeContext`].
    LoadChangeContext(ApprovalId),
    /// Run a command of the user with the user's shell. Responses: [`super::runs::RunMsg::CommandOutput`] and
    /// [`super::runs::RunMsg::CommandEnded`].
    RunCommand {
        /// Identifies the command.
        ticket: RequestTicket,
        /// Command line.
        line: String,
        /// Working directory.
        cwd: PathBuf,
    },
    /// End a command of the user.
    EndCommand(RequestTicket),
    /// Notify the user with the bell and a desktop notification.
    Notify {
        /// Title.
        title: String,
        /// Body.
        body: String,
        /// True if an agent waits for the user; false if a turn ended.
        needs_you: bool,
    },
    /// Suspend the program (Ctrl-Z).
    Suspend,
    /// Let the runs of this process send no further prompt; with false, let them go on.
    Drain(bool),
    /// Leave the runs of this process to the background process, and end the program.
    Detach,
    /// End the program.
    Quit,
}
