//! State and decisions. Pure and synchronous: [`App::update`] takes a message and returns effects; it never awaits,
//! never touches a file, never asks the clock.
//!
//! The home screen lies at the bottom; over it a stack of layers ([`layer::Layer`]), of which the topmost gets the
//! keys. What only drawing can know (what lies where, how much fits) comes back as [`Msg::Drawn`].

pub mod action;
pub mod age;
pub mod approvals;
pub mod chat;
pub mod command;
pub mod dialog;
pub mod effect;
pub mod failure;
pub mod help;
pub mod hints;
pub mod home;
pub mod inbox;
pub mod input;
pub mod issues;
pub mod keys;
pub mod layer;
pub mod layout;
pub mod msg;
pub mod new_session;
pub mod notices;
pub mod palette;
pub mod picker;
pub mod reader;
pub mod runs;
pub mod scroll;
pub mod search;

mod act;
mod attach;
mod keyboard;
mod mouse;
mod notify;
mod quit;
mod resume;
mod split;
mod update;

use std::path::PathBuf;
use std::sync::Arc;

pub use action::Action;
pub use effect::Effect;
use home::{Home, Known, Pane, Panes};
use keys::Keymap;
use layer::Layer;
pub use msg::{Msg, Ticket};
use notices::Notices;

use crate::config::settings::{Scope, Settings};
use crate::config::theme::{Theme, Themes};
use crate::domain::catalog::{Progress, Sort};
use crate::domain::{Agent, SessionKey, Time};

/// Everything that the interface knows.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about the terminal and about ending")]
pub struct App {
    /// What the user configured.
    pub settings: Settings,
    /// The keys in force.
    pub keymap: Keymap,
    /// How things look.
    pub themes: Themes,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The moment for which ages are shown.
    pub now: Time,
    /// All sessions and what lives.
    pub known: Known,
    /// The runs of this salon.
    pub runs: runs::Runs,
    /// Their questions.
    pub desk: approvals::Desk,
    /// Where sessions were looked for.
    pub roots: Vec<Root>,
    /// The home screen.
    pub home: Home,
    /// What lies over it, topmost last.
    pub layers: Vec<Layer>,
    /// The conversation that is pinned: a transcript or a chat, shown beside the topmost one of the layers.
    pub beside: Option<Layer>,
    /// What was searched for.
    pub searched: search::History,
    /// How far the talk of all sessions is indexed.
    pub indexed: Progress,
    /// Messages to the user.
    pub notices: Notices,
    /// Salon has the mouse.
    pub mouse: bool,
    /// Runs of which no notification is given.
    pub muted: std::collections::BTreeSet<crate::domain::run::RunId>,
    /// The terminal has the focus, as far as it tells.
    pub focused: bool,
    /// Salon ends once no turn is open and no prompt is queued.
    pub quitting: bool,
    index_began: bool,
    drawn: msg::Drawn,
    tickets: Tickets,
}

/// A place where sessions of an agent were looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Whose.
    pub agent: Agent,
    /// The directory or the database.
    pub path: PathBuf,
    /// It exists.
    pub found: bool,
}

/// Gives every opening of a transcript its own ticket.
#[derive(Debug, Default)]
pub struct Tickets(u64);

impl Tickets {
    /// A ticket that was never given before.
    pub fn give(&mut self) -> Ticket {
        self.0 += 1;
        Ticket(self.0)
    }
}

impl App {
    /// The interface at its start, before anything is known of sessions. `here` is the workspace that salon was
    /// started in.
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
            known: Known::default(),
            runs: runs::Runs::default(),
            desk: approvals::Desk::default(),
            roots: Vec::new(),
            home,
            layers: Vec::new(),
            beside: None,
            searched: search::History::default(),
            indexed: Progress::default(),
            notices: Notices::default(),
            muted: std::collections::BTreeSet::default(),
            focused: true,
            quitting: false,
            index_began: false,
            drawn: msg::Drawn::default(),
            tickets: Tickets::default(),
        };
        app.home.refresh(&app.known);
        app
    }

    /// Restores what an [`Effect::Remember`] of an earlier run asked to keep, where the configuration leaves it open.
    pub fn recall(&mut self, name: &str, value: &str) {
        match name {
            "scope" if self.settings.scope.is_none() => {
                if let Some(scope) = Scope::from_name(value) {
                    self.home.set_scope(scope);
                }
            }
            "sort" if self.settings.sort.is_none() => {
                self.home.sort = Sort::ALL.into_iter().find(|sort| sort.name() == value).unwrap_or_default();
            }
            search::History::NAME => self.searched = search::History::recall(value),
            search::View::NAME => self.home.workspaces.set_views(search::View::recall(value)),
            _ => {}
        }
        self.home.refresh(&self.known);
    }

    /// How things look now.
    pub fn theme(&self) -> &Theme {
        self.themes.current()
    }

    /// The panes that there is room for.
    pub fn panes(&self) -> Panes {
        // Where there is no session there is nothing to preview, and much to say.
        let nothing = self.emptiness() == Some(home::Emptiness::NoSessions);
        Panes::of(self.size.0, self.settings.preview && !nothing)
    }

    /// Why the list is empty, where it is.
    pub fn emptiness(&self) -> Option<home::Emptiness> {
        self.home.emptiness(&self.known, self.index_began)
    }

    /// When an age on the screen will read differently: the clock need not be looked at before. `None`: no age is
    /// shown. A transcript shows the time of day, and no ages.
    pub fn next_clock(&self) -> Option<Time> {
        let changes = |then| age::changes_at(self.now, then);
        match self.screen() {
            Some(Layer::Search(search)) => search.results.ages().map(changes).min(),
            Some(_) => self.next_turn_clock(),
            None => {
                let in_list = self.home.list.shown().iter().filter_map(home::list::Row::session);
                in_list.filter_map(|session| session.last_activity).map(changes).min()
            }
        }
    }

    /// The session that keys are about: the one that is read, else the selected one.
    pub fn session(&self) -> Option<&SessionKey> {
        match self.screen() {
            Some(Layer::Search(search)) => search.results.key(),
            // A conversation that has no transcript yet is no session.
            Some(layer) => layer.reader().map(|reader| &reader.key).filter(|key| !key.id.is_empty()),
            None => self.home.list.key(),
        }
    }

    /// The layer that fills the screen, over which there are overlays at most; `None`: the home screen.
    pub fn screen(&self) -> Option<&Layer> {
        self.layers.iter().rev().find(|layer| layer.is_screen())
    }

    /// The pane of the home screen that has the focus, where no layer lies over it.
    pub fn focus(&self) -> Option<Pane> {
        self.layers.is_empty().then_some(self.home.focus)
    }
}
