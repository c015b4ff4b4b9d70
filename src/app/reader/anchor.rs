//! Scroll position of a transcript, anchored to an entry rather than a line number of the whole.
//!
//! Only the layout computes entry heights. An anchor may therefore point outside its entry after a scroll, a fold or a
//! resize. The layout clamps it and returns the result as the next anchor.

/// Scroll anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Reference point of the anchor.
    pub base: AnchorBase,
    /// Lines scrolled downwards since. Several keys between two frames accumulate.
    pub delta: i32,
}

/// Reference point of an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnchorBase {
    /// The end of the transcript, in the last row.
    End,
    /// A line of an entry, in the first row.
    Line {
        /// Index of the entry.
        entry: usize,
        /// Line of the entry's body; negative if above the body.
        line: i32,
        /// Number of lines of the body when the anchor was taken, by which the line is scaled; 0 if unknown.
        of: i32,
    },
    /// The line of an entry that says what failed, below the start of the entry if there is room for both.
    Failure {
        /// Index of the entry.
        entry: usize,
    },
    /// A matching line, with some context above it.
    Hit {
        /// Index of the entry.
        entry: usize,
        /// Index among the entry's matching lines; clamped to the last one.
        nth: usize,
    },
}

impl Anchor {
    /// The end of the transcript.
    pub const END: Self = Self { base: AnchorBase::End, delta: 0 };

    /// Anchors a line of an entry at the top of the screen.
    pub fn line(entry: usize, line: i32, of: i32) -> Self {
        Self { base: AnchorBase::Line { entry, line, of }, delta: 0 }
    }

    /// Anchors the first line of an entry at the top of the screen.
    pub fn top(entry: usize) -> Self {
        Self::line(entry, 0, 0)
    }

    /// Anchors the line of an entry that says what failed.
    pub(super) fn failure(entry: usize) -> Self {
        Self { base: AnchorBase::Failure { entry }, delta: 0 }
    }

    /// Anchors a match in an entry.
    pub fn hit(entry: usize, nth: usize) -> Self {
        Self { base: AnchorBase::Hit { entry, nth }, delta: 0 }
    }

    /// Returns the anchored entry. `None` at the end.
    pub fn entry(self) -> Option<usize> {
        match self.base {
            AnchorBase::End => None,
            AnchorBase::Line { entry, .. } | AnchorBase::Failure { entry } | AnchorBase::Hit { entry, .. } => {
                Some(entry)
            }
        }
    }

    /// Returns the anchor with a new entry index.
    #[must_use]
    pub fn moved(mut self, to: usize) -> Self {
        match &mut self.base {
            AnchorBase::End => {}
            AnchorBase::Line { entry, .. } | AnchorBase::Failure { entry } | AnchorBase::Hit { entry, .. } => {
                *entry = to;
            }
        }
        self
    }
}
