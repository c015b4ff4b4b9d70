//! From a result into its transcript and back, and from hit to hit through all of them.

use super::{Focus, Search};
use crate::app::home::Pane;
use crate::app::layer::Layer;
use crate::app::reader::{Reader, Stand};
use crate::app::{Action, App, Effect};
use crate::domain::found::Order;

impl App {
    /// Goes to the search: to the one that lies below, else to a new one.
    pub(in crate::app) fn go_to_search(&mut self) -> Vec<Effect> {
        let Some(below) = self.layers.iter().rposition(|layer| layer.search().is_some()) else {
            return self.search_for("", Order::default());
        };
        let above = self.layers.split_off(below + 1);
        let read = above.iter().filter_map(Layer::reader).map(|reader| Effect::CloseTranscript(reader.ticket));
        let mut effects: Vec<_> = read.collect();
        if let Some(search) = self.searching() {
            search.focus = Focus::Line;
        }
        effects.extend(self.result_moved());
        effects
    }

    /// The selected result may be another one: what depends on it follows.
    pub(in crate::app) fn result_moved(&mut self) -> Vec<Effect> {
        let shown = self.panes().shows(Pane::Preview);
        // Behind a transcript there is nothing to preview.
        let Some(Layer::Search(search)) = self.layers.iter_mut().rev().find(|layer| layer.is_screen()) else {
            return Vec::new();
        };
        search.follow(shown, &mut self.tickets)
    }

    /// Opens the transcript of the selected result at the selected hit.
    pub(in crate::app) fn open_result(&mut self) -> Vec<Effect> {
        let Some(Layer::Search(search)) = self.layers.last_mut() else { return Vec::new() };
        let Some(key) = search.results.key().cloned() else { return Vec::new() };
        search.results.hold();
        let mut effects = self.searched.add(search.input.text());
        effects.extend(search.aim());
        let reader = if let Some(reader) = search.preview.give(&key) {
            reader
        } else {
            let (mut reader, opening) = Reader::open(self.tickets.give(), key);
            effects.extend(opening);
            let stand = search.results.place().cloned().map_or(Stand::First, Stand::Place);
            effects.extend(reader.seek(&search.sought(), stand));
            reader
        };
        search.lose_aim();
        effects.extend(self.push(Layer::Reader(Box::new(reader))));
        effects
    }

    /// From the last hit of a transcript to the first one of the next result, and back. `None`: it is no such step.
    pub(in crate::app) fn walk(&mut self, action: Action) -> Option<Vec<Effect>> {
        let forward = match action {
            Action::NextHit => true,
            Action::PreviousHit => false,
            _ => return None,
        };
        let [.., Layer::Search(search), Layer::Reader(reader)] = self.layers.as_mut_slice() else { return None };
        if reader.find.is_some() && !reader.is_last_hit(forward) {
            return None;
        }
        let Some(key) = search.results.neighbour(&reader.key, forward).cloned() else {
            self.notices.tell(if forward { "that was the last hit of all" } else { "that was the first hit of all" });
            return Some(Vec::new());
        };
        search.results.select(&key);
        let mut effects = vec![Effect::CloseTranscript(reader.ticket)];
        let (mut next, opening) = Reader::open(self.tickets.give(), key);
        (next.folds.tools, next.folds.thinking) = (reader.folds.tools, reader.folds.thinking);
        effects.extend(opening);
        effects.extend(next.seek(&search.sought(), if forward { Stand::First } else { Stand::Last }));
        **reader = next;
        Some(effects)
    }

    /// A transcript that was opened from a result goes back into the preview beside it; another one is closed.
    pub(in crate::app) fn leave_to_search(&mut self, reader: Reader) -> Vec<Effect> {
        let shown = self.panes().shows(Pane::Preview);
        let Some(search) = self.searching() else { return vec![Effect::CloseTranscript(reader.ticket)] };
        let mut effects = if shown && search.results.key() == Some(&reader.key) {
            search.take_back(reader)
        } else {
            vec![Effect::CloseTranscript(reader.ticket)]
        };
        effects.extend(self.result_moved());
        effects
    }
}

impl Search {
    fn take_back(&mut self, reader: Reader) -> Vec<Effect> {
        self.lose_aim();
        self.preview.take(reader)
    }
}
