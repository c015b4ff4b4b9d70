//! Layers above the home screen: screens and overlays. The topmost layer receives the keys.

use super::annotate::AnnotationForm;
use super::backends::BackendsView;
use super::changes::ChangesScreen;
use super::chat::Chat;
use super::dialog::Dialog;
use super::effect::Effect;
use super::export::ExportForm;
use super::help::Help;
use super::inbox::Inbox;
use super::issues::IssuesView;
use super::new_session::NewSession;
use super::note::NoteForm;
use super::palette::Palette;
use super::picker::Picker;
use super::picture::PictureView;
use super::reader::Reader;
use super::search::SearchScreen;
use super::stats::StatsPage;
use super::trash_page::TrashPage;

/// A layer.
#[derive(Debug)]
pub enum Layer {
    /// A transcript on the whole screen.
    Reader(Box<Reader>),
    /// A conversation with a run on the whole screen.
    Chat(Box<Chat>),
    /// The search screen.
    Search(Box<SearchScreen>),
    /// The help.
    Help(Help),
    /// The command palette.
    Palette(Palette),
    /// A dialog with numbered choices.
    Dialog(Dialog),
    /// Problems: files that could not be read.
    Issues(IssuesView),
    /// The page of backends.
    Backends(BackendsView),
    /// The inbox of all runs.
    Inbox(Inbox),
    /// Model, mode and effort of a run.
    Picker(Picker),
    /// The form of a new session.
    NewSession(Box<NewSession>),
    /// The changes of a session.
    Changes(Box<ChangesScreen>),
    /// The form of a name or of tags.
    Annotate(AnnotationForm),
    /// The form of a note.
    Note(NoteForm),
    /// The page of usage.
    Stats(Box<StatsPage>),
    /// The form of an export.
    Export(ExportForm),
    /// An image of a transcript.
    Picture(PictureView),
    /// The page of the trash.
    Trash(TrashPage),
}

impl Layer {
    /// Returns the transcript if the layer has one.
    pub fn reader(&self) -> Option<&Reader> {
        match self {
            Self::Reader(reader) => Some(reader),
            Self::Chat(chat) => Some(&chat.reader),
            _ => None,
        }
    }

    /// Returns the transcript mutably if the layer has one.
    pub fn reader_mut(&mut self) -> Option<&mut Reader> {
        match self {
            Self::Reader(reader) => Some(reader),
            Self::Chat(chat) => Some(&mut chat.reader),
            _ => None,
        }
    }

    /// Returns the chat if the layer is one.
    pub fn chat(&self) -> Option<&Chat> {
        if let Self::Chat(chat) = self { Some(chat) } else { None }
    }

    /// Returns the chat mutably if the layer is one.
    pub fn chat_mut(&mut self) -> Option<&mut Chat> {
        if let Self::Chat(chat) = self { Some(chat) } else { None }
    }

    /// Returns the search screen if the layer is one.
    pub fn search(&self) -> Option<&SearchScreen> {
        if let Self::Search(search) = self { Some(search) } else { None }
    }

    /// Returns the search screen mutably if the layer is one.
    pub fn search_mut(&mut self) -> Option<&mut SearchScreen> {
        if let Self::Search(search) = self { Some(search) } else { None }
    }

    /// Returns the picker mutably if the layer is one.
    pub fn picker_mut(&mut self) -> Option<&mut Picker> {
        if let Self::Picker(picker) = self { Some(picker) } else { None }
    }

    /// Returns the inbox mutably if the layer is one.
    pub fn inbox_mut(&mut self) -> Option<&mut Inbox> {
        if let Self::Inbox(inbox) = self { Some(inbox) } else { None }
    }

    /// Returns the form of a new session mutably if the layer is one.
    pub fn new_session_mut(&mut self) -> Option<&mut NewSession> {
        if let Self::NewSession(new) = self { Some(new) } else { None }
    }

    /// Returns the screen of changes mutably if the layer is one.
    pub fn changes_mut(&mut self) -> Option<&mut ChangesScreen> {
        if let Self::Changes(changes) = self { Some(changes) } else { None }
    }

    /// Returns the image mutably if the layer is one.
    pub fn picture_mut(&mut self) -> Option<&mut PictureView> {
        if let Self::Picture(picture) = self { Some(picture) } else { None }
    }

    /// Returns true for a transcript or a chat: both can be pinned.
    pub fn is_conversation(&self) -> bool {
        self.reader().is_some()
    }

    /// Returns the effects that close the layer.
    pub(super) fn closed(self) -> Vec<Effect> {
        match self {
            Self::Reader(reader) => vec![Effect::CloseTranscript(reader.ticket)],
            Self::Chat(chat) => chat.closed(),
            Self::Search(mut search) => search.preview.close(),
            Self::Help(_)
            | Self::Palette(_)
            | Self::Dialog(_)
            | Self::Issues(_)
            | Self::Backends(_)
            | Self::Inbox(_)
            | Self::Picker(_)
            | Self::NewSession(_)
            | Self::Changes(_)
            | Self::Annotate(_)
            | Self::Note(_)
            | Self::Stats(_)
            | Self::Export(_)
            | Self::Trash(_) => Vec::new(),
            // The terminal draws the image over the cells, which would not change.
            Self::Picture(_) => vec![Effect::Redraw],
        }
    }

    /// Returns true if the layer fills the screen; an overlay covers only a part of it.
    pub fn is_screen(&self) -> bool {
        matches!(self, Self::Reader(_) | Self::Chat(_) | Self::Search(_) | Self::Stats(_) | Self::Changes(_))
    }
}
