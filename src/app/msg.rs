//! Messages to the interface, as data.

use std::sync::Arc;

use super::RootStatus;
use super::approvals::{ApprovalFeedback, ApprovalId};
use super::runs::RunMsg;
use crate::config::key::Key;
use crate::config::theme::Background;
use crate::domain::live_status::LiveStatus;
use crate::domain::query::FilterKey;
use crate::domain::search::{EntryLocation, SearchUpdate};
use crate::domain::transcript::Entry;
use crate::domain::{SessionKey, Time, catalog};

/// Identifies a request of the interface: an opened transcript or the start of a run. Responses to older requests are
/// recognised by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestTicket(pub u64);

/// Identifies a debounce delay of the preview.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DebounceTicket(pub u64);

/// Timer of the interface. Every timer elapses once, and a late one must be harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timer {
    /// An approval was visible for long enough to be answered by a key; the index is that of its question.
    ApprovalVisible(ApprovalId, usize),
    /// The answer to an approval should have been processed by now.
    AnswerTimeout(ApprovalId),
}

/// Message to the interface.
#[derive(Clone, Debug)]
pub enum Msg {
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
    Transcript(RequestTicket, TranscriptMsg),
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
    /// A notice for the status line.
    Notice {
        /// Text of the notice.
        text: String,
        /// True for an error.
        error: bool,
    },
}

/// Event of an opened transcript.
#[derive(Clone, Debug)]
pub enum TranscriptMsg {
    /// The newest entries, before the transcript is indexed. Their indices are not known yet.
    Tail(Vec<Arc<Entry>>),
    /// The transcript is indexed.
    Opened(TranscriptInfo),
    /// Requested entries, from an index on.
    Page {
        /// Index of the first entry.
        from: usize,
        /// The entries.
        entries: Vec<Arc<Entry>>,
    },
    /// The transcript changed on disk: entries from `from` on must be read again.
    Grown {
        /// First changed index.
        from: usize,
        /// New state of the transcript.
        opened: TranscriptInfo,
    },
    /// Result of a search in the transcript.
    Found {
        /// The query it answers.
        query: String,
        /// Indices of matching entries, ascending.
        entries: Vec<usize>,
        /// True if the search is complete.
        complete: bool,
    },
    /// The entry at a location.
    Located {
        /// The location.
        location: EntryLocation,
        /// Index of the entry; `None` if there is none, or if it is on another branch.
        entry: Option<usize>,
    },
    /// The transcript was deleted.
    Gone,
    /// The transcript could not be opened.
    Failed(String),
}

/// Properties of an indexed transcript.
#[derive(Clone, Debug, Default)]
pub struct TranscriptInfo {
    /// Number of entries.
    pub len: usize,
    /// Number of branches.
    pub branches: usize,
    /// Indices of prompts.
    pub prompts: Arc<[usize]>,
    /// Indices of errors.
    pub errors: Arc<[usize]>,
    /// Messages about records that could not be read.
    pub issues: Vec<String>,
}

/// Kind of a mouse event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mouse {
    /// The left button went down.
    Click,
    /// The wheel turned up.
    WheelUp,
    /// The wheel turned down.
    WheelDown,
}

/// Obstacles to resuming a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResumeCheck {
    /// Process id of another salon that runs the session: only that salon can send prompts to it.
    pub owner_pid: Option<u32>,
    /// Description of the program that has the session open.
    pub open_elsewhere: Option<String>,
    /// True if the session's directory does not exist.
    pub directory_gone: bool,
    /// True if the agent's program is not on `PATH`.
    pub not_installed: bool,
    /// Reason why the agent cannot find the session, with a remedy.
    pub refused: Option<String>,
    /// Warning about files that the agent may destroy, with the location of the copies.
    pub warning: Option<String>,
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
    /// Resolved position of the reader.
    pub reader: Option<ReaderFeedback>,
    /// Resolved position of the pinned conversation's reader.
    pub pinned: Option<Box<ReaderFeedback>>,
    /// The approval that receives the keys, if one is on the screen.
    pub approval: Option<ApprovalFeedback>,
    /// True if work outside the frame is pending, so that another frame must follow soon.
    pub needs_redraw: bool,
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

/// Hit target of the mouse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A workspace, by its row in the column.
    Workspace(usize),
    /// A session, by its row in the list.
    Row(usize),
    /// The preview.
    Preview,
    /// An entry of the reader.
    Entry(usize),
    /// The pinned conversation.
    Pinned,
    /// The composer.
    Composer,
    /// A row of an overlay.
    Choice(usize),
    /// A choice of the focused approval.
    Answer(usize),
    /// No target.
    Nothing,
}

/// Results of the reader's layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// Number of those lines with a match.
    pub cursor_hits: usize,
}
