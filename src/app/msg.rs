//! Everything that can happen to the interface, as data.

use std::sync::Arc;

use super::Root;
use super::approvals::{ApprovalDrawn, Asked};
use super::runs::RunMsg;
use crate::config::key::Key;
use crate::config::theme::Background;
use crate::domain::found::{Found, Place};
use crate::domain::live::LiveSign;
use crate::domain::query::Field;
use crate::domain::transcript::Entry;
use crate::domain::{SessionKey, Time, catalog};

/// Names one opening of a transcript, so that a late answer to an earlier one is told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Names one wait for the selection to rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rest(pub u64);

/// What a wait is for. Every wait counts, and a late one must do no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// A question, and which part of it, has been on the screen for long enough to be answered by a key.
    Settled(Asked, usize),
    /// An answer had the time to arrive.
    Overdue(Asked),
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// The mouse was used, at a column and a row of the screen.
    Mouse {
        /// What was done.
        kind: Mouse,
        /// Column from 0.
        column: u16,
        /// Row from 0.
        row: u16,
    },
    /// The terminal has another size.
    Resized {
        /// In columns.
        width: u16,
        /// In rows.
        height: u16,
    },
    /// The terminal has the focus, or lost it.
    Focus(bool),
    /// The clock was looked at; sent when a shown age may have changed.
    Clock(Time),
    /// The index found something.
    Catalog(catalog::Change),
    /// Which sessions are open in living processes, all of them.
    Live(Vec<LiveSign>),
    /// Something about an opened transcript.
    Transcript(Ticket, TranscriptMsg),
    /// Where sessions are looked for, and what of it exists.
    Roots(Vec<Root>),
    /// The terminal told whether its background is dark or light.
    Background(Background),
    /// The time of an [`super::Effect::Rest`] is over.
    Rested(Rest),
    /// What only drawing can know, told after each frame.
    Drawn(Drawn),
    /// Quick-filter ranking: the query it answers, and the sessions that match, best first.
    Ranked {
        /// The query.
        query: String,
        /// Matching sessions.
        keys: Vec<SessionKey>,
    },
    /// News of a search, until they say that it is complete.
    Found {
        /// The query it answers.
        query: String,
        /// What was found, and how far the search is.
        found: Found,
    },
    /// Values that a filter has in the texts of sessions.
    Values {
        /// The filter.
        field: Field,
        /// What is typed of a value.
        typed: String,
        /// Values that hold it, the best first, each with how many sessions it would leave.
        values: Vec<(String, usize)>,
    },
    /// How far the talk of all sessions is indexed.
    Indexed(catalog::Progress),
    /// What was found out before a resume.
    ResumeChecked {
        /// The session.
        key: SessionKey,
        /// What stands in the way.
        check: ResumeCheck,
    },
    /// The agent's own program ended and the terminal is ours again.
    Returned {
        /// The session.
        key: SessionKey,
        /// How it ended, for the status line; `None` where it ended well.
        failure: Option<String>,
    },
    /// The time of an [`super::Effect::Wake`] is over.
    Woke(Alarm),
    /// Something about a run.
    Run(RunMsg),
    /// Something for the status line.
    Notice {
        /// In words.
        text: String,
        /// It is an error.
        error: bool,
    },
}

/// What became of an opened transcript.
#[derive(Clone, Debug)]
pub enum TranscriptMsg {
    /// The newest entries, before the whole is known. Their indices are not known yet.
    Tail(Vec<Arc<Entry>>),
    /// The whole is known.
    Opened(Opened),
    /// Entries that were asked for, from an index on.
    Page {
        /// Index of the first.
        from: usize,
        /// The entries.
        entries: Vec<Arc<Entry>>,
    },
    /// It grew or changed on disk: entries from `from` on are to be read again.
    Grown {
        /// First index that is not as it was.
        from: usize,
        /// The state of the whole.
        opened: Opened,
    },
    /// The answer to a search in it: the query, matching entries so far, and whether that is all.
    Found {
        /// The query it answers.
        query: String,
        /// Indices of matching entries, ascending.
        entries: Vec<usize>,
        /// Everything was searched.
        complete: bool,
    },
    /// Which entry a place is in.
    Located {
        /// The place.
        place: Place,
        /// Index of the entry; `None` where it is in none, or on another branch.
        entry: Option<usize>,
    },
    /// It is gone from disk.
    Gone,
    /// It could not be opened.
    Failed(String),
}

/// What is known of an opened transcript as a whole.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// Number of entries.
    pub len: usize,
    /// Number of branches.
    pub branches: usize,
    /// Indices of prompts.
    pub prompts: Arc<[usize]>,
    /// Indices of errors.
    pub errors: Arc<[usize]>,
    /// Records that could not be read, in words.
    pub issues: Vec<String>,
}

/// What a mouse did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mouse {
    /// The left button went down.
    Click,
    /// The wheel turned up.
    WheelUp,
    /// The wheel turned down.
    WheelDown,
}

/// What stands in the way of a resume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResumeCheck {
    /// The process of another salon that runs it: nobody else can send it anything.
    pub held: Option<u32>,
    /// Who has it open.
    pub open_elsewhere: Option<String>,
    /// Its directory is gone.
    pub directory_gone: bool,
    /// The agent's program is not on `PATH`.
    pub not_installed: bool,
    /// The agent does not know the session, and what can be done.
    pub refused: Option<String>,
    /// Files that the agent may destroy; they were copied to where the text says.
    pub warning: Option<String>,
}

/// What only drawing can know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drawn {
    /// What lies where on the screen, for the mouse: the last one that contains a point counts.
    pub regions: Vec<(Area, Target)>,
    /// Rows of the list that fit on the screen.
    pub list_rows: usize,
    /// Rows of the column of workspaces that fit on the screen.
    pub workspace_rows: usize,
    /// Columns of what is being written to an agent.
    pub composer: usize,
    /// Rows of the topmost overlay that fit on the screen.
    pub overlay_rows: usize,
    /// Rows that the topmost overlay has.
    pub overlay_len: usize,
    /// The reader's place, with its line brought into range: see [`crate::app`].
    pub reader: Option<ReaderDrawn>,
    /// The same of the pinned conversation, which is rarely there.
    pub beside: Option<Box<ReaderDrawn>>,
    /// The question that takes the keys, where one is on the screen.
    pub approval: Option<ApprovalDrawn>,
    /// Something is still being found out beside the drawing: draw again soon.
    pub waiting: bool,
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

/// What lies under the mouse.
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
    /// The pinned conversation beside the one that has the keys.
    Beside,
    /// What is being written to an agent.
    Composer,
    /// A line of an overlay's list.
    Choice(usize),
    /// An answer to the question that takes the keys.
    Answer(usize),
    /// Nothing that reacts.
    Nothing,
}

/// What the reader's drawing found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReaderDrawn {
    /// Which opening was drawn.
    pub ticket: Ticket,
    /// Entry at the top of the screen.
    pub entry: usize,
    /// Last entry of which a line is on the screen.
    pub last: usize,
    /// The beginning is on the screen.
    pub at_start: bool,
    /// The end is on the screen.
    pub at_end: bool,
    /// Lines that the text area shows.
    pub height: usize,
    /// Lines that were scrolled beyond what there is.
    pub beyond: i32,
    /// The place could be found: what it hangs on was held.
    pub settled: bool,
    /// The first entry on the screen that is held: the place hangs on it from now on.
    pub anchor: usize,
    /// The line of its body that lies in the first row; below zero it begins further down.
    pub anchor_line: i32,
    /// Lines of its body.
    pub anchor_of: i32,
    /// The current entry: the one that was current, or the nearest on the screen.
    pub cursor: usize,
    /// The row of the first line of its body; below zero it lies above the screen.
    pub cursor_row: i32,
    /// Lines of its body.
    pub cursor_of: i32,
    /// How many of them hold what is searched for.
    pub cursor_hits: usize,
}
