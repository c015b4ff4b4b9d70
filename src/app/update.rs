//! What each message does.

use super::layer::Layer;
use super::msg::{Drawn, Msg, Rest, Ticket, TranscriptMsg};
use super::{App, Effect, split};

impl App {
    /// Takes a message in and returns what is to be done because of it.
    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Key(key) => self.key(key),
            Msg::Paste(text) => self.paste(&text),
            Msg::Mouse { kind, column, row } => self.mouse(kind, column, row),
            Msg::Resized { width, height } => self.resized(width, height),
            Msg::Focus(focused) => {
                self.focused = focused;
                Vec::new()
            }
            Msg::Clock(now) => {
                self.now = now;
                self.chats_timed();
                Vec::new()
            }
            Msg::Catalog(change) => self.catalog_changed(change),
            Msg::Live(signs) => {
                self.known.live = signs.into_iter().map(|sign| (sign.key.clone(), sign)).collect();
                self.refresh_attached();
                self.sessions_changed()
            }
            Msg::Roots(roots) => {
                self.roots = roots;
                Vec::new()
            }
            Msg::Background(background) => {
                self.themes.background = background;
                Vec::new()
            }
            Msg::Transcript(ticket, msg) => self.transcript(ticket, msg),
            Msg::Found { query, found } => self.found(&query, found),
            Msg::Values { field, typed, values } => self.values_counted(field, &typed, &values),
            Msg::Indexed(progress) => {
                self.indexed = progress;
                Vec::new()
            }
            Msg::Rested(rest) => self.rested(rest),
            Msg::Drawn(drawn) => self.drawn(drawn),
            Msg::Ranked { query, keys } => self.ranked(query, keys),
            Msg::ResumeChecked { key, check } => self.resume_checked(key, check),
            Msg::Returned { key, failure } => self.returned(&key, failure),
            Msg::Woke(alarm) => {
                self.desk.woke(&alarm);
                Vec::new()
            }
            Msg::Run(msg) => self.run(msg),
            Msg::Notice { text, error } => {
                if error {
                    self.notices.fail(text);
                } else {
                    self.notices.tell(text);
                }
                Vec::new()
            }
        }
    }

    fn catalog_changed(&mut self, change: crate::domain::catalog::Change) -> Vec<Effect> {
        self.index_began = true;
        let mut searches = self.layers.iter_mut().rev().filter_map(Layer::search_mut);
        let mut effects =
            searches.next().map_or_else(Vec::new, |search| search.sessions_changed(&change, &self.known.catalog));
        self.known.catalog.apply(change);
        effects.extend(self.sessions_changed());
        effects.extend(self.chats_follow());
        effects
    }

    /// The selection did not move for a while: what it is on is previewed.
    fn rested(&mut self, rest: Rest) -> Vec<Effect> {
        let Some(search) = self.layers.iter_mut().rev().find_map(Layer::search_mut) else {
            return self.home.preview.rested(rest, self.home.list.key(), &mut self.tickets);
        };
        let selected = search.results.key().cloned();
        let mut effects = search.preview.rested(rest, selected.as_ref(), &mut self.tickets);
        effects.extend(search.aim());
        effects
    }

    /// The selection may have moved: what depends on it follows.
    pub(super) fn selection_moved(&mut self) -> Vec<Effect> {
        let panes = self.panes();
        self.home.follow(panes, &mut self.tickets)
    }

    pub(super) fn sessions_changed(&mut self) -> Vec<Effect> {
        self.known.set_runs(&self.runs);
        self.home.refresh(&self.known);
        let mut effects = self.home.filter.refresh();
        effects.extend(self.selection_moved());
        effects
    }

    fn resized(&mut self, width: u16, height: u16) -> Vec<Effect> {
        let was_split = self.shown_beside().is_some();
        self.size = (width, height);
        if was_split {
            self.tell_if_narrow();
        }
        let panes = self.panes();
        self.home.refocus(panes);
        let mut effects = self.selection_moved();
        effects.extend(self.result_moved());
        effects
    }

    fn ranked(&mut self, query: String, keys: Vec<crate::domain::SessionKey>) -> Vec<Effect> {
        let before = self.home.filter.shown_query().map(str::to_owned);
        let (taken, mut effects) = self.home.filter.take(query, keys);
        if !taken {
            return effects;
        }
        // Another query begins at its best match; the same one, ranked again, keeps what is selected.
        if self.home.filter.shown_query() == before.as_deref() {
            self.home.refresh(&self.known);
        } else {
            self.home.restart(&self.known);
        }
        effects.extend(self.selection_moved());
        effects
    }

    /// News of the search. What is selected may be another session, or stand at a better place.
    fn found(&mut self, query: &str, found: crate::domain::found::Found) -> Vec<Effect> {
        let Some(search) = self.layers.iter_mut().rev().find_map(Layer::search_mut) else { return Vec::new() };
        let mut effects = search.found(query, found);
        effects.extend(self.result_moved());
        effects
    }

    fn transcript(&mut self, ticket: Ticket, msg: TranscriptMsg) -> Vec<Effect> {
        let msg = match self.home.preview.update(ticket, msg) {
            Ok(effects) => return effects,
            Err(msg) => msg,
        };
        let searched = self.layers.iter_mut().filter_map(Layer::search_mut);
        let mut previewed = searched.filter_map(|search| search.preview.reader_mut());
        if let Some(reader) = previewed.find(|reader| reader.ticket == ticket) {
            return reader.update(msg);
        }
        let mut readers = split::all(&mut self.layers, &mut self.beside).filter_map(Layer::reader_mut);
        readers.find(|reader| reader.ticket == ticket).map_or_else(Vec::new, |reader| reader.update(msg))
    }

    /// What only drawing knows: how much fits, what lies where.
    fn drawn(&mut self, drawn: Drawn) -> Vec<Effect> {
        if self.screen().is_none() {
            self.home.list.fit(drawn.list_rows);
            self.home.workspaces.fit(drawn.workspace_rows);
        }
        match self.layers.last_mut() {
            Some(Layer::Help(help)) => help.scroll.fit(drawn.overlay_rows, drawn.overlay_len),
            Some(Layer::Issues(issues)) => issues.scroll.fit(drawn.overlay_rows, drawn.overlay_len),
            Some(Layer::Palette(palette)) => palette.fit(drawn.overlay_rows),
            Some(Layer::Search(search)) => search.results.fit(drawn.list_rows),
            Some(Layer::Chat(chat)) => chat.composer.width = drawn.composer,
            Some(_) | None => {}
        }
        let reader = match self.layers.iter_mut().rev().find(|layer| layer.is_screen()) {
            Some(Layer::Search(search)) => search.preview.reader_mut(),
            Some(layer) => layer.reader_mut(),
            None => self.home.preview.reader_mut(),
        };
        let mut effects = match (reader, drawn.reader) {
            (Some(reader), Some(found)) => reader.drawn(found),
            _ => Vec::new(),
        };
        if let (Some(reader), Some(found)) = (self.beside.as_mut().and_then(Layer::reader_mut), &drawn.beside) {
            effects.extend(reader.drawn(**found));
        }
        effects.extend(self.desk.drawn(drawn.approval.as_ref()));
        self.drawn = drawn;
        effects
    }
}
