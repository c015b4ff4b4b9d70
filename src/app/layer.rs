//! What lies over the home screen: transcripts that are read, and overlays. The topmost gets the keys.

use super::dialog::Dialog;
use super::help::Help;
use super::issues::IssuesView;
use super::palette::Palette;
use super::reader::Reader;
use super::search::Search;

/// One layer.
#[derive(Debug)]
pub enum Layer {
    /// A transcript on the whole screen.
    Reader(Box<Reader>),
    /// The search screen.
    Search(Box<Search>),
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
            Self::Search(_) | Self::Help(_) | Self::Palette(_) | Self::Dialog(_) | Self::Issues(_) => None,
        }
    }

    /// The transcript, where it is one, to act on it.
    pub fn reader_mut(&mut self) -> Option<&mut Reader> {
        match self {
            Self::Reader(reader) => Some(reader),
            Self::Search(_) | Self::Help(_) | Self::Palette(_) | Self::Dialog(_) | Self::Issues(_) => None,
        }
    }

    /// The search screen, where it is one.
    pub fn search(&self) -> Option<&Search> {
        match self {
            Self::Search(search) => Some(search),
            Self::Reader(_) | Self::Help(_) | Self::Palette(_) | Self::Dialog(_) | Self::Issues(_) => None,
        }
    }

    /// The search screen, where it is one, to act on it.
    pub fn search_mut(&mut self) -> Option<&mut Search> {
        match self {
            Self::Search(search) => Some(search),
            Self::Reader(_) | Self::Help(_) | Self::Palette(_) | Self::Dialog(_) | Self::Issues(_) => None,
        }
    }

    /// It fills the screen; anything else lies over what is below it.
    pub fn is_screen(&self) -> bool {
        match self {
            Self::Reader(_) | Self::Search(_) => true,
            Self::Help(_) | Self::Palette(_) | Self::Dialog(_) | Self::Issues(_) => false,
        }
    }
}
