//! The interface's state and update logic. Pure and synchronous: [`App::update`] takes a message and returns effects.
//! It never awaits, reads no file and no clock.
//!
//! The home screen is at the bottom of a stack of layers ([`layer::Layer`]), of which the topmost receives the keys.
//! Results of the layout (hit targets, visible rows) return as [`Msg::Layout`].

pub mod action;
pub mod age;
pub mod approvals;
pub mod chat;
pub mod dialog;
pub mod effect;
pub mod failure;
pub mod help;
pub mod hints;
pub mod home;
pub mod inbox;
pub mod issues;
pub mod keys;
pub mod layer;
pub mod layout;
pub mod line_editor;
pub mod msg;
pub mod new_session;
pub mod notices;
pub mod palette;
pub mod picker;
pub mod reader;
pub mod runs;
pub mod scroll;
pub mod search;
pub mod shell_command;
pub mod ticket;

mod attach;
mod dispatch;
mod keyboard;
mod mouse;
mod notify;
mod quit;
mod resume;
mod split;
mod update;

use std::sync::Arc;

pub use action::Action;
pub use effect::Effect;
use home::{Home, Pane, Panes, Sessions};
use keys::Keymap;
use layer::Layer;
pub use msg::{Msg, RootStatus};
use notices::Notices;
pub use ticket::RequestTicket;
use ticket::Tickets;

use crate::config::settings::{ListScope, Settings};
use crate::config::theme::{Theme, Themes};
use crate::domain::catalog::{IndexProgress, Sort};
use crate::domain::{SessionKey, Time};

/// State of the interface.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about the terminal and about ending")]
pub struct App {
    /// The user's configuration.
    pub settings: Settings,
    /// The active key map.
    pub keymap: Keymap,
    /// The themes.
    pub themes: Themes,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// Current time, from which ages are computed.
    pub now: Time,
    /// All sessions and their states.
    pub sessions: Sessions,
    /// The runs of this salon.
    pub runs: runs::RunTable,
    /// Approvals that wait for the user.
    pub approvals: approvals::ApprovalQueue,
    /// Directories and databases in which sessions are searched.
    pub roots: Vec<RootStatus>,
    /// The home screen.
    pub home: Home,
    /// Layers above the home screen, topmost last.
    pub layers: Vec<Layer>,
    /// The pinned conversation: a transcript or a chat, shown beside the topmost layer.
    pub pinned: Option<Layer>,
    /// Past queries.
    pub search_history: search::SearchHistory,
    /// Progress of the text index.
    pub index_progress: IndexProgress,
    /// Notices in the status line.
    pub notices: Notices,
    /// True if the mouse is captured.
    pub mouse: bool,
    /// Runs whose notifications are off.
    pub muted: std::collections::BTreeSet<crate::domain::run::RunId>,
    /// True if the terminal has the focus, as far as the terminal reports it.
    pub focused: bool,
    /// True if salon quits as soon as no turn is open and no prompt is queued.
    pub quitting: bool,
    index_started: bool,
    layout: msg::LayoutFeedback,
    tickets: Tickets,
}

impl App {
    /// Creates the interface before any session is loaded. `here` is the workspace in which salon was started.
    pub fn new(
        settings: Settings,
        keymap: Keymap,
        themes: Themes,
        size: (u16, u16),
        now: Time,
        here: Option<Arc<str>>,
    ) -> Self {
        let mut home = Home { here, sort: settings.sort.unwrap_or_default(), ..Home::default() };
        home.set_scope(settings.scope.unwrap_or_default());
        let mut app = Self {
            mouse: settings.mouse,
            settings,
            keymap,
            themes,
            size,
            now,
            sessions: Sessions::default(),
            runs: runs::RunTable::default(),
            approvals: approvals::ApprovalQueue::default(),
            roots: Vec::new(),
            home,
            layers: Vec::new(),
            pinned: None,
            search_history: search::SearchHistory::default(),
            index_progress: IndexProgress::default(),
            notices: Notices::default(),
            muted: std::collections::BTreeSet::default(),
            focused: true,
            quitting: false,
            index_started: false,
            layout: msg::LayoutFeedback::default(),
            tickets: Tickets::default(),
        };
        app.home.refresh(&app.sessions);
        app
    }

    /// Restores a part of the state that [`Effect::SaveState`] saved, unless the configuration overrides it.
    pub fn restore_state(&mut self, name: &str, value: &str) {
        match name {
            "scope" if self.settings.scope.is_none() => {
                if let Some(scope) = ListScope::from_name(value) {
                    self.home.set_scope(scope);
                }
            }
            "sort" if self.settings.sort.is_none() => {
                self.home.sort = Sort::ALL.into_iter().find(|sort| sort.name() == value).unwrap_or_default();
            }
            search::SearchHistory::NAME => self.search_history = search::SearchHistory::parse(value),
            search::SavedView::NAME => self.home.workspaces.set_views(search::SavedView::parse(value)),
            _ => {}
        }
        self.home.refresh(&self.sessions);
    }

    /// Returns the current theme.
    pub fn theme(&self) -> &Theme {
        self.themes.current()
    }

    /// Returns the panes of the home screen.
    pub fn panes(&self) -> Panes {
        // Without sessions there is nothing to preview, and the empty state needs the room.
        let nothing = self.empty_state() == Some(home::EmptyState::NoSessions);
        Panes::of(self.size.0, self.settings.preview && !nothing)
    }

    /// Returns the reason for an empty list. `None` if the list has rows.
    pub fn empty_state(&self) -> Option<home::EmptyState> {
        self.home.empty_state(&self.sessions, self.index_started)
    }

    /// Returns the time at which an age on the screen changes, for the next clock tick. `None` if no age is shown.
    /// Transcripts show the time of day instead of ages.
    pub fn next_clock(&self) -> Option<Time> {
        let changes = |then| age::changes_at(self.now, then);
        match self.screen() {
            Some(Layer::Search(search)) => search.results.ages().map(changes).min(),
            Some(_) => self.next_turn_clock(),
            None => {
                let in_list = self.home.list.shown().iter().filter_map(home::list::ListRow::session);
                in_list.filter_map(|session| session.last_activity).map(changes).min()
            }
        }
    }

    /// Returns the session that actions apply to: the one that is read, else the selected one.
    pub fn session(&self) -> Option<&SessionKey> {
        match self.screen() {
            Some(Layer::Search(search)) => search.results.key(),
            // A conversation without a transcript has no session yet.
            Some(layer) => layer.reader().map(|reader| &reader.key).filter(|key| !key.id.is_empty()),
            None => self.home.list.key(),
        }
    }

    /// Returns the topmost layer that fills the screen. `None` for the home screen.
    pub fn screen(&self) -> Option<&Layer> {
        self.layers.iter().rev().find(|layer| layer.is_screen())
    }

    /// Returns the focused pane of the home screen. `None` under a layer.
    pub fn focus(&self) -> Option<Pane> {
        self.layers.is_empty().then_some(self.home.focus)
    }
}
