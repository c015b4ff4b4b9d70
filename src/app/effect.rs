//! What the interface wants done, as data. Only the runtime does it.

use std::ops::Range;

use super::msg::{Alarm, Rest, Ticket};
use super::runs::RunEffect;
use crate::domain::SessionKey;
use crate::domain::found::{Order, Place};
use crate::domain::query::Field;

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Open a session's transcript and keep it current. Answered by [`super::msg::TranscriptMsg`].
    OpenTranscript(Ticket, SessionKey),
    /// No longer needed.
    CloseTranscript(Ticket),
    /// Read entries of an opened transcript.
    ReadEntries(Ticket, Range<usize>),
    /// Search an opened transcript; a newer query cancels the older. Empty: stop searching.
    FindInTranscript(Ticket, String),
    /// Find out which entry of an opened transcript a place is in. Answered by [`super::msg::TranscriptMsg::Located`].
    Locate(Ticket, Place),
    /// Search sessions. A newer search cancels the older; an empty query only does that, and gets all ready for
    /// the next. Answered by
    /// [`super::Msg::Found`].
    Search {
        /// The query, as typed.
        query: String,
        /// The order, in which the best come with snippets first.
        order: Order,
        /// Only these sessions, because they changed or their snippets are wanted; `None`: all.
        within: Option<Vec<SessionKey>>,
    },
    /// Count the values that a filter has in the texts of sessions and that hold what is typed of one. Answered by
    /// [`super::Msg::Values`], unless something is searched before.
    CountValues(Field, String),
    /// Rank sessions for the quick filter.
    Rank {
        /// The query.
        query: String,
    },
    /// Wait so many milliseconds, then send [`super::Msg::Rested`]. Only the newest wait counts; an earlier one may be
    /// dropped.
    Rest(Rest, u32),
    /// Wait so many milliseconds, then send [`super::Msg::Woke`].
    Wake(Alarm, u32),
    /// Draw the whole screen anew, whatever the terminal is thought to show.
    Redraw,
    /// Look at everything again, trusting no cache.
    Rescan,
    /// Find out what stands in the way of resuming a session.
    CheckResume(SessionKey),
    /// Lend the terminal to the agent's own program.
    Resume {
        /// The session.
        key: SessionKey,
        /// In this directory instead of its own.
        cwd: Option<String>,
    },
    /// Copy the command that resumes a session.
    CopyResumeCommand(SessionKey),
    /// Copy text to the clipboard (OSC 52).
    Copy(String),
    /// Open the transcript's file in `$EDITOR`.
    EditTranscript(SessionKey),
    /// Open one entry's text in `$EDITOR`.
    EditEntry(Ticket, usize),
    /// Remember the scope, the sort and what else a list keeps between starts.
    Remember {
        /// Which.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// Give the mouse back to the terminal, or take it.
    CaptureMouse(bool),
    /// Ask something of a run.
    Run(RunEffect),
    /// Suspend the program (Ctrl-Z).
    Suspend,
    /// End the program.
    Quit,
}
