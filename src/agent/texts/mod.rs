//! What search reads of an agent's sessions: every text, by the records it is stored in.
//!
//! A record (a line, a row) can be searched as raw bytes without being understood; only what may hold a match is
//! decoded, by [`Decode`]. Which records are duplicates or bookkeeping, and so hold no text, is decided there alone,
//! for the index and for the search in place alike.

mod events;
mod lines;

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::Unit;
use crate::domain::Key;
use crate::domain::query::Part;

pub use events::{body_texts, entry_texts};
pub use lines::Lines;

/// A text of a transcript.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// The entry in which it is shown. Of an output that stands in a record of its own it is not known: there `call`
    /// leads to the entry.
    pub key: Key,
    /// Id of the tool call that it belongs to; empty where it belongs to none.
    pub call: &'a str,
    /// The tool, where the record tells it; else empty.
    pub tool: &'a str,
    /// What it is.
    pub part: Part,
    /// The text.
    pub text: &'a str,
}

/// Something stored that texts are taken from.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The session that it belongs to.
    pub session: &'a str,
    /// Its own id; empty where that stands in its bytes.
    pub id: &'a str,
    /// What else its agent must know to understand it; empty for lines.
    pub hint: &'a str,
    /// Its offset in the file, for a line.
    pub offset: u64,
    /// What is stored: JSON.
    pub bytes: &'a [u8],
}

/// Which texts are wanted. A reader may give others as well; it need not look for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Only talk: see [`Part::is_talk`].
    Talk,
    /// All.
    All,
}

/// How a unit's records lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As lines of a file that only grows, all of one session.
    Lines,
    /// Otherwise: [`Texts::records`] walks them.
    Records,
    /// It holds none.
    Nothing,
}

/// Understands the records of one unit.
pub trait Decode: Send + Sync {
    /// The texts of a record, in order. A record that cannot be understood has none.
    fn texts(&self, record: &Record<'_>, wanted: Wanted, sink: &mut dyn FnMut(&Text<'_>));
}

/// How one unit is to be understood.
pub struct Decoder {
    /// The session of all its records, where they are lines.
    pub session: Arc<str>,
    /// Understands them.
    pub decode: Box<dyn Decode>,
}

/// What search asks of an agent's reader.
pub trait Texts: Sync {
    /// How the unit's records lie. Must not look at the disk.
    fn layout(&self, unit: &Unit) -> Layout;

    /// Whether the unit is stored as many small files, which take longer to open than to read.
    fn is_scattered(&self, unit: &Unit) -> bool {
        let _ = unit;
        false
    }

    /// How the unit is to be understood; may read the beginning of the file.
    fn decoder(&self, unit: &Unit) -> io::Result<Decoder>;

    /// Walks the records of the sessions that changed after `since` (a watermark that an earlier walk returned;
    /// 0: all), session by session, until told to stop. Gives the new watermark.
    fn records(
        &self,
        unit: &Unit,
        since: u64,
        visit: &mut dyn FnMut(&Record<'_>) -> ControlFlow<()>,
    ) -> io::Result<u64> {
        let _ = (unit, since, visit);
        Ok(0)
    }

    /// Visits those records whose session and bytes are `wanted`, in order within each session, until told to stop. May
    /// do so with less effort than [`records`](Self::records), going from session to session and back.
    fn sift(
        &self,
        unit: &Unit,
        wanted: &mut dyn FnMut(&str, &[u8]) -> bool,
        visit: &mut dyn FnMut(&Record<'_>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        self.records(unit, 0, &mut |record| {
            if wanted(record.session, record.bytes) { visit(record) } else { ControlFlow::Continue(()) }
        })
        .map(drop)
    }
}
