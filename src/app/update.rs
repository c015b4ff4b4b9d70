//! Dispatch of messages.

use super::layer::Layer;
use super::msg::{DebounceTicket, LayoutFeedback, Msg, RequestTicket};
use super::{App, Effect, split};
use crate::domain::transcript_event::TranscriptEvent;

impl App {
    /// Applies a message and returns the effects.
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
                self.record_start_times();
                Vec::new()
            }
            Msg::Catalog(change) => self.catalog_changed(change),
            Msg::Live(signs) => {
                self.sessions.live = signs.into_iter().map(|sign| (sign.key.clone(), sign)).collect();
                self.refresh_watched();
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
            Msg::SearchUpdate { query, update } => self.search_updated(&query, update),
            Msg::Values { field, typed, values } => self.values_received(field, &typed, &values),
            Msg::IndexProgress(progress) => {
                self.index_progress = progress;
                Vec::new()
            }
            Msg::DebounceElapsed(rest) => self.debounce_elapsed(rest),
            Msg::Layout(layout) => self.apply_layout(layout),
            Msg::Ranked { query, keys } => self.ranked(query, keys),
            Msg::ResumeChecked { key, check } => self.resume_checked(key, check),
            Msg::Returned { key, failure } => self.returned(&key, failure),
            Msg::TimerElapsed(timer) => {
                self.approvals.timer_elapsed(&timer);
                Vec::new()
            }
            Msg::Run(msg) => self.run(msg),
            Msg::Notice { text, error } => {
                if error {
                    self.notices.error(text);
                } else {
                    self.notices.info(text);
                }
                Vec::new()
            }
        }
    }

    fn catalog_changed(&mut self, change: crate::domain::catalog::CatalogChange) -> Vec<Effect> {
        self.index_started = true;
        let mut searches = self.layers.iter_mut().rev().filter_map(Layer::search_mut);
        let mut effects =
            searches.next().map_or_else(Vec::new, |search| search.sessions_changed(&change, &self.sessions.catalog));
        self.sessions.catalog.apply(change);
        effects.extend(self.sessions_changed());
        effects.extend(self.sync_chats());
        effects
    }

    /// Opens the preview of the selection, which did not move during the debounce delay.
    fn debounce_elapsed(&mut self, rest: DebounceTicket) -> Vec<Effect> {
        let Some(search) = self.layers.iter_mut().rev().find_map(Layer::search_mut) else {
            return self.home.preview.debounce_elapsed(rest, self.home.list.key(), &mut self.tickets);
        };
        let selected = search.results.key().cloned();
        let mut effects = search.preview.debounce_elapsed(rest, selected.as_ref(), &mut self.tickets);
        effects.extend(search.update_preview_target());
        effects
    }

    /// Updates everything that depends on the selection.
    pub(super) fn selection_moved(&mut self) -> Vec<Effect> {
        let panes = self.panes();
        self.home.follow_selection(panes, &mut self.tickets)
    }

    pub(super) fn sessions_changed(&mut self) -> Vec<Effect> {
        self.sessions.set_runs(&self.runs);
        self.home.refresh(&self.sessions);
        let mut effects = self.home.filter.refresh();
        effects.extend(self.selection_moved());
        effects
    }

    fn resized(&mut self, width: u16, height: u16) -> Vec<Effect> {
        let was_split = self.shown_pinned().is_some();
        self.size = (width, height);
        if was_split {
            self.notify_if_narrow();
        }
        let panes = self.panes();
        self.home.refocus(panes);
        let mut effects = self.selection_moved();
        effects.extend(self.result_moved());
        effects
    }

    fn ranked(&mut self, query: String, keys: Vec<crate::domain::SessionKey>) -> Vec<Effect> {
        let before = self.home.filter.shown_query().map(str::to_owned);
        let (accepted, mut effects) = self.home.filter.set_ranking(query, keys);
        if !accepted {
            return effects;
        }
        // A new query starts at its best match; a new ranking of the same query keeps the selection.
        if self.home.filter.shown_query() == before.as_deref() {
            self.home.refresh(&self.sessions);
        } else {
            self.home.restart(&self.sessions);
        }
        effects.extend(self.selection_moved());
        effects
    }

    /// Applies results of the search. The selected hit or its location may change.
    fn search_updated(&mut self, query: &str, update: crate::domain::search::SearchUpdate) -> Vec<Effect> {
        let Some(search) = self.layers.iter_mut().rev().find_map(Layer::search_mut) else { return Vec::new() };
        let mut effects = search.apply_update(query, update);
        effects.extend(self.result_moved());
        effects
    }

    fn transcript(&mut self, ticket: RequestTicket, msg: TranscriptEvent) -> Vec<Effect> {
        let msg = match self.home.preview.update(ticket, msg) {
            Ok(effects) => return effects,
            Err(msg) => msg,
        };
        let searched = self.layers.iter_mut().filter_map(Layer::search_mut);
        let mut previewed = searched.filter_map(|search| search.preview.reader_mut());
        if let Some(reader) = previewed.find(|reader| reader.ticket == ticket) {
            return reader.update(msg);
        }
        let mut readers = split::all(&mut self.layers, &mut self.pinned).filter_map(Layer::reader_mut);
        readers.find(|reader| reader.ticket == ticket).map_or_else(Vec::new, |reader| reader.update(msg))
    }

    /// Applies the results of the layout: visible rows and hit targets.
    fn apply_layout(&mut self, layout: LayoutFeedback) -> Vec<Effect> {
        if self.screen().is_none() {
            self.home.list.fit(layout.list_rows);
            self.home.workspaces.fit(layout.workspace_rows);
        }
        match self.layers.last_mut() {
            Some(Layer::Help(help)) => help.scroll.fit(layout.overlay_rows, layout.overlay_len),
            Some(Layer::Issues(issues)) => issues.scroll.fit(layout.overlay_rows, layout.overlay_len),
            Some(Layer::Palette(palette)) => palette.fit(layout.overlay_rows),
            Some(Layer::Search(search)) => search.results.fit(layout.list_rows),
            Some(Layer::Chat(chat)) => chat.composer.width = layout.composer,
            Some(_) | None => {}
        }
        let reader = match self.layers.iter_mut().rev().find(|layer| layer.is_screen()) {
            Some(Layer::Search(search)) => search.preview.reader_mut(),
            Some(layer) => layer.reader_mut(),
            None => self.home.preview.reader_mut(),
        };
        let mut effects = match (reader, layout.reader) {
            (Some(reader), Some(found)) => reader.apply_layout(found),
            _ => Vec::new(),
        };
        if let (Some(reader), Some(found)) = (self.pinned.as_mut().and_then(Layer::reader_mut), &layout.pinned) {
            effects.extend(reader.apply_layout(**found));
        }
        effects.extend(self.approvals.apply_layout(layout.approval.as_ref()));
        self.layout = layout;
        effects
    }
}
