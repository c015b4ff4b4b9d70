//! What lies over the home screen: transcripts that are read, and overlays. The topmost gets the keys.

use super::Effect;
use super::chat::Chat;
use super::dialog::Dialog;
use super::help::Help;
use super::inbox::Inbox;
use super::issues::IssuesView;
use super::new_session::NewSession;
use super::palette::Palette;
use super::picker::Picker;
use super::reader::Reader;
use super::search::Search;

/// One layer.
#[derive(Debug)]
pub enum Layer {
    /// A transcript on the whole screen.
    Reader(Box<Reader>),
    /// A conversation with a run on the whole screen.
    Chat(Box<Chat>),
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
    /// The questions of all runs.
    Inbox(Inbox),
    /// Model, mode and effort of a run.
    Picker(Picker),
    /// What a new session begins with.
    NewSession(Box<NewSession>),
}

impl Layer {
    /// The transcript, where it is one.
    pub fn reader(&self) -> Option<&Reader> {
        match self {
            Self::Reader(reader) => Some(reader),
            Self::Chat(chat) => Some(&chat.reader),
            _ => None,
        }
    }

    /// The transcript, where it is one, to act on it.
    pub fn reader_mut(&mut self) -> Option<&mut Reader> {
        match self {
            Self::Reader(reader) => Some(reader),
            Self::Chat(chat) => Some(&mut chat.reader),
            _ => None,
        }
    }

    /// The conversation, where it is one.
    pub fn chat(&self) -> Option<&Chat> {
        if let Self::Chat(chat) = self { Some(chat) } else { None }
    }

    /// The conversation, where it is one, to act on it.
    pub fn chat_mut(&mut self) -> Option<&mut Chat> {
        if let Self::Chat(chat) = self { Some(chat) } else { None }
    }

    /// The search screen, where it is one.
    pub fn search(&self) -> Option<&Search> {
        if let Self::Search(search) = self { Some(search) } else { None }
    }

    /// The search screen, where it is one, to act on it.
    pub fn search_mut(&mut self) -> Option<&mut Search> {
        if let Self::Search(search) = self { Some(search) } else { None }
    }

    /// A transcript or a chat, which can be pinned.
    pub fn is_conversation(&self) -> bool {
        self.reader().is_some()
    }

    /// What is to be done when it is no longer looked at.
    pub(super) fn closed(self) -> Vec<Effect> {
        match self {
            Self::Reader(reader) => vec![Effect::CloseTranscript(reader.ticket)],
            Self::Chat(chat) => chat.closed(),
            Self::Search(mut search) => search.preview.close(),
            Self::Help(_)
            | Self::Palette(_)
            | Self::Dialog(_)
            | Self::Issues(_)
            | Self::Inbox(_)
            | Self::Picker(_)
            | Self::NewSession(_) => Vec::new(),
        }
    }

    /// It fills the screen; anything else lies over what is below it.
    pub fn is_screen(&self) -> bool {
        match self {
            Self::Reader(_) | Self::Chat(_) | Self::Search(_) => true,
            Self::Help(_)
            | Self::Palette(_)
            | Self::Dialog(_)
            | Self::Issues(_)
            | Self::Inbox(_)
            | Self::Picker(_)
            | Self::NewSession(_) => false,
        }
    }
}
