//! Where in the transcript the screen stands: anchored to an entry, never to a line number of the whole.
//!
//! Only drawing knows how high entries are. An anchor may therefore point outside its entry (after a scroll, a fold, a
//! resize); drawing brings it into range and tells what it found, and that becomes the next anchor.

/// What lies at the top of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// What is to be on the screen.
    pub base: Base,
    /// Lines scrolled since, downwards. Several keys between two frames add up.
    pub delta: i32,
}

/// What is to be on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The end of the transcript, in the last row.
    End,
    /// A line of an entry, in the first row.
    Line {
        /// Index of the entry.
        entry: usize,
        /// The line, from the first one of the entry's body; below zero it lies above the body.
        line: i32,
        /// Lines that the body had when the place was taken, so that the place scales with it; 0: not known.
        of: i32,
    },
    /// A line that holds what is searched for, not at the very edge.
    Hit {
        /// Index of the entry.
        entry: usize,
        /// Which of the entry's lines with a hit; too great: the last one.
        nth: usize,
    },
}

impl Anchor {
    /// The end of the transcript.
    pub const END: Self = Self { base: Base::End, delta: 0 };

    /// A line of an entry, or above it, at the top of the screen.
    pub fn line(entry: usize, line: i32, of: i32) -> Self {
        Self { base: Base::Line { entry, line, of }, delta: 0 }
    }

    /// The entry's first line at the top of the screen.
    pub fn top(entry: usize) -> Self {
        Self::line(entry, 0, 0)
    }

    /// A hit in an entry.
    pub fn hit(entry: usize, nth: usize) -> Self {
        Self { base: Base::Hit { entry, nth }, delta: 0 }
    }

    /// The entry it hangs on; none at the end.
    pub fn entry(self) -> Option<usize> {
        match self.base {
            Base::End => None,
            Base::Line { entry, .. } | Base::Hit { entry, .. } => Some(entry),
        }
    }

    /// The same place after entries got other indices.
    #[must_use]
    pub fn moved(mut self, to: usize) -> Self {
        match &mut self.base {
            Base::End => {}
            Base::Line { entry, .. } | Base::Hit { entry, .. } => *entry = to,
        }
        self
    }
}
