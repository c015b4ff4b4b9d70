//! What each action does.

use std::sync::Arc;

use super::action::Action;
use super::help::Help;
use super::home::Pane;
use super::issues::IssuesView;
use super::layer::Layer;
use super::palette::Palette;
use super::reader::Reader;
use super::search::View;
use super::{App, Effect};
use crate::config::settings::Scope;
use crate::domain::SessionKey;
use crate::domain::catalog::Sort;
use crate::domain::run::{Phase, RunInfo};

impl App {
    /// Does what an action asks for.
    pub fn act(&mut self, action: Action) -> Vec<Effect> {
        if let Some(effects) = self.act_in_chat(action) {
            return effects;
        }
        if let Some(effects) = self.act_in_reader(action) {
            return effects;
        }
        if let Some(effects) = self.act_in_search(action) {
            return effects;
        }
        if let Some(effects) = self.act_on_runs(action) {
            return effects;
        }
        match action {
            Action::Help => self.push(Layer::Help(Help::default())),
            Action::Palette => {
                let palette = Palette::open(&self.places());
                self.push(Layer::Palette(palette))
            }
            Action::Issues => self.push(Layer::Issues(IssuesView::default())),
            Action::Back => self.back(),
            Action::Rescan => {
                self.notices.tell("looking at everything again");
                vec![Effect::Rescan]
            }
            Action::Mouse => self.toggle_mouse(),
            Action::Theme => {
                self.themes.switch();
                Vec::new()
            }
            Action::Redraw => vec![Effect::Redraw],
            Action::Suspend => vec![Effect::Suspend],
            Action::Resume => self.about_session(Effect::CheckResume),
            // Beside the list no session is meant, but what is listed.
            Action::CopyCommand if self.layers.is_empty() && self.home.focus == Pane::Workspaces => self.copy_list(),
            Action::CopyCommand => self.about_session(Effect::CopyResumeCommand),
            Action::CopyId => self.about_session(|key| Effect::Copy(key.id.to_string())),
            Action::EditTranscript => self.about_session(Effect::EditTranscript),
            Action::Search => self.go_to_search(),
            Action::ResumeHere => self.resume_here(),
            Action::Fork => self.fork_here(),
            Action::Split => self.split(),
            Action::OtherPane => self.other_pane(),
            _ if self.layers.is_empty() => self.act_at_home(action),
            _ => Vec::new(),
        }
    }

    /// Lays a layer over the others.
    pub(super) fn push(&mut self, layer: Layer) -> Vec<Effect> {
        self.home.list.hold();
        let conversation = layer.is_conversation();
        self.layers.push(layer);
        if conversation {
            self.tell_if_narrow();
        }
        Vec::new()
    }

    /// Opens a session's transcript on the whole screen. What the preview has open already is not opened twice.
    pub(super) fn open(&mut self, key: SessionKey) -> Vec<Effect> {
        let at_home = self.layers.is_empty();
        let previewed = if at_home { self.home.preview.give(&key) } else { None };
        let (reader, effects) = match previewed {
            Some(reader) => (reader, Vec::new()),
            None => Reader::open(self.tickets.give(), key),
        };
        self.push(Layer::Reader(Box::new(reader)));
        effects
    }

    /// The transcript that has the keys, if it wants this one. A sub-agent's session is entered like a folder.
    fn act_in_reader(&mut self, action: Action) -> Option<Vec<Effect>> {
        if let Some(effects) = self.walk(action) {
            return Some(effects);
        }
        match self.layers.last_mut() {
            Some(Layer::Reader(reader)) => {
                let entered = reader.subagent().filter(|_| action == Action::Expand);
                if let Some(key) = entered.filter(|key| self.known.catalog.get(key).is_some()) {
                    return Some(self.open(key));
                }
                match action {
                    // The left pane of a transcript on the whole screen is where one came from.
                    Action::Left => Some(self.back()),
                    action => reader.act(action),
                }
            }
            Some(Layer::Chat(chat)) => match action {
                Action::Left => Some(self.back()),
                action => chat.reader.act(action),
            },
            None if action != Action::Expand => self.previewing()?.act(action),
            Some(_) | None => None,
        }
    }

    fn act_at_home(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::ForgetView => self.forget_view(),
            Action::CopyList => self.copy_list(),
            Action::Open if self.home.focus == Pane::Workspaces && self.home.workspaces.view().is_some() => {
                let view = self.home.workspaces.view().cloned();
                view.map_or_else(Vec::new, |view| self.search_for(&view.query, view.order))
            }
            Action::Open if self.home.focus == Pane::Workspaces => {
                self.home.focus = Pane::Sessions;
                Vec::new()
            }
            Action::Open | Action::Expand => {
                let selected = self.home.list.session().map(|session| session.key.clone());
                let Some(key) = selected else { return Vec::new() };
                // What lives in this salon is steered. What is no session yet has no transcript to read either.
                let living = |info: &&Arc<RunInfo>| !matches!(info.phase, Phase::Stopped(_));
                let run = self.runs.of_session(&key).filter(|info| living(info) || self.known.is_fresh(&key));
                match run.map(|info| info.id.clone()) {
                    Some(run) => self.go_to_run(&run),
                    None => self.open(key),
                }
            }
            Action::Scope => self.next_scope(),
            Action::ShowHidden => {
                self.home.show_hidden = !self.home.show_hidden;
                self.refreshed()
            }
            Action::Sort => self.next_sort(),
            Action::Filter => {
                self.home.focus = Pane::Sessions;
                self.home.filter.typing = true;
                Vec::new()
            }
            action => {
                let panes = self.panes();
                self.home.go(action, panes, &self.known);
                self.selection_moved()
            }
        }
    }

    /// Clears first, then goes back; at the bottom of everything it does nothing.
    fn back(&mut self) -> Vec<Effect> {
        match self.layers.pop() {
            Some(Layer::Reader(reader)) => self.leave(*reader),
            Some(Layer::Chat(chat)) => self.leave_chat(*chat),
            Some(_) => Vec::new(),
            None if self.home.filter.is_active() => self.clear_filter(),
            None => {
                self.home.focus = Pane::Sessions;
                Vec::new()
            }
        }
    }

    /// A transcript that was read goes back into the preview where it came from; others are closed.
    pub(super) fn leave(&mut self, reader: Reader) -> Vec<Effect> {
        if self.layers.last().is_some_and(|layer| layer.search().is_some()) {
            return self.leave_to_search(reader);
        }
        let at_home = self.layers.is_empty() && self.panes().shows(Pane::Preview);
        if at_home && self.home.list.key() == Some(&reader.key) {
            return self.home.preview.take(reader);
        }
        let mut effects = vec![Effect::CloseTranscript(reader.ticket)];
        if self.layers.is_empty() {
            effects.extend(self.selection_moved());
        }
        effects
    }

    fn refreshed(&mut self) -> Vec<Effect> {
        self.home.list.hold();
        self.home.refresh(&self.known);
        self.selection_moved()
    }

    fn next_scope(&mut self) -> Vec<Effect> {
        let scope = match self.home.scope() {
            Some(Scope::All) if self.home.here.is_none() => {
                self.notices.tell("salon was not started in a workspace");
                return Vec::new();
            }
            Some(Scope::All) => Scope::Here,
            Some(Scope::Here) | None => Scope::All,
        };
        self.home.set_scope(scope);
        let mut effects = vec![Effect::Remember { name: "scope", value: scope.name().to_owned() }];
        effects.extend(self.refreshed());
        effects
    }

    fn next_sort(&mut self) -> Vec<Effect> {
        let now = Sort::ALL.iter().position(|sort| *sort == self.home.sort).unwrap_or(0);
        self.home.sort = Sort::ALL[(now + 1) % Sort::ALL.len()];
        let mut effects = vec![Effect::Remember { name: "sort", value: self.home.sort.name().to_owned() }];
        effects.extend(self.refreshed());
        effects
    }

    fn forget_view(&mut self) -> Vec<Effect> {
        let Some(gone) = self.home.workspaces.view().cloned() else { return Vec::new() };
        let views: Vec<_> = self.home.workspaces.views().iter().filter(|view| **view != gone).cloned().collect();
        self.notices.tell(format!("the view “{}” is forgotten", gone.name));
        let effect = View::remember(&views);
        self.home.workspaces.set_views(views);
        vec![effect]
    }

    fn toggle_mouse(&mut self) -> Vec<Effect> {
        self.mouse = !self.mouse;
        self.notices.tell(if self.mouse { "salon has the mouse" } else { "the terminal has the mouse" });
        vec![Effect::CaptureMouse(self.mouse)]
    }

    fn about_session(&mut self, effect: impl FnOnce(SessionKey) -> Effect) -> Vec<Effect> {
        let Some(key) = self.session().cloned() else {
            self.notices.tell("no session is selected");
            return Vec::new();
        };
        self.home.list.hold();
        vec![effect(key)]
    }
}
