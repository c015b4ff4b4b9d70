//! What lies over the home screen: transcripts that are read, and overlays. The topmost gets the keys.

use super::dialog::Dialog;
use super::help::Help;
use super::issues::IssuesView;
use super::palette::Palette;
use super::reader::Reader;

/// One layer.
#[derive(Debug)]
pub enum Layer {
    /// A transcript on the whole screen.
    Reader(Box<Reader>),
    /// The keys.
    Help(Help),
    /// Any action, found by name.
    Palette(Palette),
    /// A question with numbered answers.
    Dialog(Dialog),
    /// What could not be read.
    Issues(IssuesView),
}

impl Layer {
    /// The transcript, where it is one.
    pub fn reader(&self) -> Option<&Reader> {
        match self {
            Self::Reader(reader) => Some(reader),
            Self::Help(_) | Self::Palette(_) | Self::Dialog(_) | Self::Issues(_) => None,
        }
    }

    /// The transcript, where it is one, to act on it.
    pub fn reader_mut(&mut self) -> Option<&mut Reader> {
        match self {
            Self::Reader(reader) => Some(reader),
            Self::Help(_) | Self::Palette(_) | Self::Dialog(_) | Self::Issues(_) => None,
        }
    }
}
