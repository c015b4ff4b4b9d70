//! Messages to the interface, as data.

use std::path::PathBuf;
use std::sync::Arc;

use super::picture::PictureView;
pub use super::runs::ResumeCheck;
use super::runs::RunMsg;
use super::ticket::ApprovalId;
pub use super::ticket::{DebounceTicket, RequestTicket, Timer};
use crate::config::key::Key;
use crate::config::theme::Background;
use crate::domain::changes::Changes;
use crate::domain::git_menu::GitMenu;
use crate::domain::live_status::LiveStatus;
use crate::domain::query::FilterKey;
use crate::domain::remark::PlacedRemark;
use crate::domain::remote::RemoteStatus;
use crate::domain::rewind::{ConversationRevert, RewindPlan, RewindTarget, RewoundFiles};
use crate::domain::search::SearchUpdate;
use crate::domain::secrets::SecretCounts;
use crate::domain::transcript_event::TranscriptEvent;
use crate::domain::trash_item::TrashItem;
use crate::domain::trash_result::TrashResult;
use crate::domain::worktree::{WorkTreeSummary, WorktreeReady};
use crate::domain::{Agent, SessionKey, Time, catalog};

/// Message to the interface.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A frame is about to be drawn.
    Frame,
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// A mouse event at a position on the screen.
    Mouse {
        /// Kind of the event.
        kind: Mouse,
        /// Column from 0.
        column: u16,
        /// Row from 0.
        row: u16,
    },
    /// The terminal was resized.
    Resized {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// The terminal gained or lost the focus.
    Focus(bool),
    /// The current time, sent when a shown age may have changed.
    Clock(Time),
    /// The catalog of sessions changed.
    Catalog(catalog::CatalogChange),
    /// All sessions that are open in live processes.
    Live(Vec<LiveStatus>),
    /// An event of an opened transcript.
    Transcript(RequestTicket, TranscriptEvent),
    /// Directories and databases in which sessions are searched.
    Roots(Vec<RootStatus>),
    /// The terminal reported a dark or light background.
    Background(Background),
    /// An [`super::Effect::Debounce`] delay is over.
    DebounceElapsed(DebounceTicket),
    /// Layout results of the last frame.
    Layout(LayoutFeedback),
    /// Ranking for the quick filter.
    Ranked {
        /// The query of the ranking.
        query: String,
        /// Matching sessions, best first.
        keys: Vec<SessionKey>,
    },
    /// Results of a search, sent repeatedly until the search is complete.
    SearchUpdate {
        /// The query.
        query: String,
        /// Hits and coverage.
        update: SearchUpdate,
    },
    /// Counts of a filter's values in the texts of sessions.
    Values {
        /// The filter.
        field: FilterKey,
        /// Typed prefix of the value.
        typed: String,
        /// Matching values, best first, each with its number of sessions.
        values: Vec<(String, usize)>,
    },
    /// Names of the machines whose part of a search is missing, with the reason.
    SearchMissing(Vec<String>),
    /// State of the connection to another machine or container.
    Remote(RemoteStatus),
    /// Progress of the text index.
    IndexProgress(catalog::IndexProgress),
    /// Response to [`super::Effect::CheckResume`].
    ResumeChecked {
        /// The session.
        key: SessionKey,
        /// Obstacles.
        check: ResumeCheck,
    },
    /// The agent's own program exited and released the terminal.
    Returned {
        /// The session.
        key: SessionKey,
        /// Failure for the status line; `None` after a normal exit.
        failure: Option<String>,
    },
    /// An [`super::Effect::StartTimer`] delay is over.
    TimerElapsed(Timer),
    /// A message about a run.
    Run(RunMsg),
    /// Response to [`super::Effect::RestoreFiles`]: a snapshot of the files before, or why nothing was restored.
    FilesRestored(RequestTicket, Result<String, String>),
    /// Response to [`super::Effect::LoadChanges`]: the changes, or why they are unknown.
    ChangesLoaded(RequestTicket, Result<Arc<Changes>, String>),
    /// Response to [`super::Effect::PlanRewind`]: the plan, or why there is none.
    RewindPlanned(SessionKey, Result<RewindPlan, String>),
    /// Response to [`super::Effect::LoadGitMenu`]: the commands, or why there are none.
    GitMenu(SessionKey, Result<GitMenu, String>),
    /// Response to [`super::Effect::RewindFiles`]: the result, or why it failed.
    Rewound {
        /// The session.
        key: SessionKey,
        /// Target of the rewind.
        target: RewindTarget,
        /// The result.
        result: Result<RewoundFiles, String>,
    },
    /// Response to [`super::Effect::RevertConversation`].
    ConversationReverted(Box<RevertedConversation>),
    /// Response to [`super::Effect::RunCommands`]: a notice, or why it failed.
    WorkTreeChanged(Result<String, String>),
    /// Response to [`super::Effect::EditRemarks`]: all remarks of the session, or why they are not saved.
    Remarks(SessionKey, Result<Vec<PlacedRemark>, String>),
    /// State of the work tree at a directory; `None` if it is in none.
    WorkTree(Arc<str>, Option<WorkTreeSummary>),
    /// Response to [`super::Effect::CreateWorktree`]: the worktree, or why it cannot be used.
    WorktreeCreated(RequestTicket, Result<WorktreeReady, String>),
    /// Progress of work on several sessions, which takes long.
    Progress {
        /// Name of the work: `Restoring`.
        label: &'static str,
        /// Number of sessions that are done.
        done: usize,
        /// Number of all.
        total: usize,
    },
    /// Result of moving sessions to the trash.
    Trashed(TrashResult),
    /// Result of restoring sessions.
    Restored(TrashResult),
    /// Response to [`super::Effect::LoadTrash`]: the sessions in the trash, newest first.
    TrashLoaded(Result<Vec<TrashItem>, String>),
    /// Result of deleting a session in the trash permanently.
    TrashDeleted(TrashResult),
    /// Response to [`super::Effect::WriteBrief`].
    BriefWritten {
        /// The session.
        key: SessionKey,
        /// The brief, or the reason why there is none.
        brief: Result<String, String>,
    },
    /// Result of writing sessions to files.
    Exported(ExportResult),
    /// Response to [`super::Effect::ShowImage`] and [`super::Effect::ResizeImage`].
    PictureReady {
        /// The image that was encoded for the terminal.
        view: PictureView,
        /// True if it was shown already, for another size.
        resized: bool,
    },
    /// Result of keeping sessions, or of releasing them.
    Kept(KeepResult),
    /// A notice for the status line.
    Notice {
        /// Text of the notice.
        text: String,
        /// True for an error.
        error: bool,
    },
}

/// Result of a change of a conversation within its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevertedConversation {
    /// The session.
    pub key: SessionKey,
    /// The change.
    pub revert: ConversationRevert,
    /// Text of the prompt that was taken back.
    pub prompt: String,
    /// Files that salon took back, or why nothing was done.
    pub result: Result<RewoundFiles, String>,
}

/// Result of writing sessions to files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportResult {
    /// Files that were written.
    pub written: Vec<PathBuf>,
    /// Titles of sessions that were not, with the reasons.
    pub refused: Vec<(String, String)>,
    /// Masked secrets.
    pub secrets: SecretCounts,
}

/// Result of a request to keep sessions or to release them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeepResult {
    /// True if they are kept.
    pub kept: bool,
    /// True if the user did not request it.
    pub silent: bool,
    /// Titles of the sessions that are kept or released.
    pub done: Vec<String>,
    /// Titles of the others, with the reasons.
    pub refused: Vec<(String, String)>,
}

/// Kind of a mouse event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mouse {
    /// The left button went down.
    Click,
    /// The mouse moved with the left button down.
    Drag,
    /// The wheel turned up.
    WheelUp,
    /// The wheel turned down.
    WheelDown,
}

/// A directory or database in which an agent's sessions are searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootStatus {
    /// The agent.
    pub agent: Agent,
    /// Path of the directory or database.
    pub path: PathBuf,
    /// True if it exists.
    pub found: bool,
    /// Days after the last change of a session's file at which the agent deletes it; `None` for never.
    pub retention_days: Option<u32>,
    /// True if sessions can be renamed in the agent's own files.
    pub can_rename: bool,
}

/// Layout results of the shown approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalFeedback {
    /// The approval.
    pub approval: ApprovalId,
    /// Index of its question.
    pub question: usize,
    /// Visible lines of its text.
    pub rows: usize,
    /// Total lines of its text.
    pub len: usize,
    /// True if the full view shows more.
    pub is_cut: bool,
}

/// Results of the layout that the state needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayoutFeedback {
    /// Hit targets for the mouse: the last area that contains a point counts.
    pub regions: Vec<(Area, Target)>,
    /// Visible rows of the list.
    pub list_rows: usize,
    /// Visible rows of the workspaces column.
    pub workspace_rows: usize,
    /// Width of the composer in columns.
    pub composer: usize,
    /// Visible rows of the topmost overlay.
    pub overlay_rows: usize,
    /// Rows of the topmost overlay's content.
    pub overlay_len: usize,
    /// Rows of the diff on the screen of changes.
    pub diff_rows: Arc<DiffRows>,
    /// Resolved position of the reader.
    pub reader: Option<ReaderFeedback>,
    /// Resolved position of the pinned conversation's reader.
    pub pinned: Option<Box<ReaderFeedback>>,
    /// The approval that receives the keys, if one is on the screen.
    pub approval: Option<ApprovalFeedback>,
    /// True if work outside the frame is pending, so that another frame must follow soon.
    pub needs_redraw: bool,
}

/// Rows of a diff, from its layout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiffRows {
    /// First rows of the hunks.
    pub hunks: Vec<usize>,
    /// Lines of their hunk that the rows show, as indices: one, or an old and a new one beside it.
    pub lines: Vec<[Option<usize>; 2]>,
    /// First rows of the remarks, with their identifiers.
    pub remarks: Vec<(usize, i64)>,
}

/// A rectangle of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// Leftmost column.
    pub x: u16,
    /// Topmost row.
    pub y: u16,
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl Area {
    /// Returns true if the area contains a point.
    pub fn contains(self, column: u16, row: u16) -> bool {
        let within = |at: u16, from: u16, len: u16| at >= from && at - from < len;
        within(column, self.x, self.width) && within(row, self.y, self.height)
    }
}

/// Hit target of the mouse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A workspace, by its row in the column.
    Workspace(usize),
    /// A session, by its row in the list.
    Row(usize),
    /// The preview.
    Preview,
    /// The border between the sessions and the preview.
    Border,
    /// An entry of the reader.
    Entry(usize),
    /// A place in the reader that leads to an entry: the scrollbar, the outline, the prompt of the turn.
    Jump(usize),
    /// A key hint.
    Hint(Key),
    /// The pinned conversation.
    Pinned,
    /// The composer.
    Composer,
    /// A row of an overlay.
    Choice(usize),
    /// A choice of the focused approval.
    Answer(usize),
    /// The request of an approval.
    Request,
    /// Sub-agent of a run, by its index.
    Subagent(usize),
    /// No target.
    Nothing,
}

/// Place of the outline of a transcript.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutlinePlace {
    /// None: a preview has no outline.
    #[default]
    Nowhere,
    /// Over a part of the text, while it has the keys.
    Over,
    /// Beside the text.
    Beside,
}

/// Results of the reader's layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of a frame")]
pub struct ReaderFeedback {
    /// Ticket of the transcript.
    pub ticket: RequestTicket,
    /// First entry on the screen.
    pub entry: usize,
    /// Last entry with a line on the screen.
    pub last: usize,
    /// True if the beginning is on the screen.
    pub at_start: bool,
    /// True if the end is on the screen.
    pub at_end: bool,
    /// Height of the text area in lines.
    pub height: usize,
    /// Lines scrolled beyond the content.
    pub beyond: i32,
    /// True if the anchor could be resolved, because its entry is loaded.
    pub resolved: bool,
    /// First loaded entry on the screen: the next anchor.
    pub anchor: usize,
    /// Line of the anchor's body in the first row; negative if the body begins further down.
    pub anchor_line: i32,
    /// Lines of the anchor's body.
    pub anchor_of: i32,
    /// The current entry: the previous one, or the nearest entry on the screen.
    pub cursor: usize,
    /// Row of the first line of the cursor's body; negative if above the screen.
    pub cursor_row: i32,
    /// Lines of its body.
    pub cursor_of: i32,
    /// True if the key that folds and unfolds changes its lines.
    pub can_fold: bool,
    /// Rows at the top that the prompt of the turn covers while its own lines are above the screen; 0 without room.
    pub covers: usize,
    /// The prompt that covers them now.
    pub prompt: Option<usize>,
    /// Place of the outline.
    pub outline: OutlinePlace,
    /// Visible rows of the outline.
    pub outline_rows: usize,
    /// Position of the first row in thousandths of an entry.
    pub from: u64,
    /// Position behind the last row in thousandths of an entry.
    pub to: u64,
    /// Number of matches in those lines.
    pub cursor_hits: usize,
    /// The current match of the find: its entry, the line of the entry, and the number among the matches of that line.
    pub hit: Option<(usize, (usize, usize))>,
}
