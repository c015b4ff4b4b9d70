//! Navigation from a result to its transcript and back, and from hit to hit across sessions.

use super::{SearchFocus, SearchScreen};
use crate::app::home::Pane;
use crate::app::layer::Layer;
use crate::app::reader::{JumpTarget, Reader};
use crate::app::{Action, App, Effect};
use crate::domain::search::SearchOrder;

impl App {
    /// Goes to the search screen below, else opens a new one.
    pub(in crate::app) fn go_to_search(&mut self) -> Vec<Effect> {
        let Some(below) = self.layers.iter().rposition(|layer| layer.search().is_some()) else {
            return self.search_for("", SearchOrder::default());
        };
        let above = self.layers.split_off(below + 1);
        let close = above.iter().filter_map(Layer::reader).map(|reader| Effect::CloseTranscript(reader.ticket));
        let mut effects: Vec<_> = close.collect();
        if let Some(search) = self.searching() {
            search.focus = SearchFocus::Line;
        }
        effects.extend(self.result_moved());
        effects
    }

    /// Updates everything that depends on the selected result.
    pub(in crate::app) fn result_moved(&mut self) -> Vec<Effect> {
        let shown = self.panes().shows(Pane::Preview);
        // A search screen behind a transcript needs no preview.
        let Some(Layer::Search(search)) = self.layers.iter_mut().rev().find(|layer| layer.is_screen()) else {
            return Vec::new();
        };
        search.follow_selection(shown, &mut self.tickets)
    }

    /// Opens the transcript of the selected result at the selected hit.
    pub(in crate::app) fn open_result(&mut self) -> Vec<Effect> {
        let Some(Layer::Search(search)) = self.layers.last_mut() else { return Vec::new() };
        let Some(key) = search.results.key().cloned() else { return Vec::new() };
        search.results.pin_selection();
        let mut effects = self.search_history.add(search.input.text());
        effects.extend(search.update_preview_target());
        let reader = if let Some(reader) = search.preview.take_reader(&key) {
            reader
        } else {
            let (mut reader, open_effects) = Reader::open(self.tickets.issue(), key);
            effects.extend(open_effects);
            let jump = search.results.location().cloned().map_or(JumpTarget::First, JumpTarget::Location);
            effects.extend(reader.open_at(&search.highlighted_query(), jump));
            reader
        };
        search.reset_preview_target();
        effects.extend(self.push(Layer::Reader(Box::new(reader))));
        effects
    }

    /// Moves from the last hit of a transcript to the first hit of the next result, or back. `None` if the action stays
    /// within the transcript.
    pub(in crate::app) fn navigate_hits(&mut self, action: Action) -> Option<Vec<Effect>> {
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
            self.notices.info(if forward { "No more matches" } else { "No earlier matches" });
            return Some(Vec::new());
        };
        search.results.select(&key);
        let mut effects = vec![Effect::CloseTranscript(reader.ticket)];
        let (mut next, open_effects) = Reader::open(self.tickets.issue(), key);
        (next.folds.tools, next.folds.thinking) = (reader.folds.tools, reader.folds.thinking);
        effects.extend(open_effects);
        effects.extend(
            next.open_at(&search.highlighted_query(), if forward { JumpTarget::First } else { JumpTarget::Last }),
        );
        **reader = next;
        Some(effects)
    }

    /// Returns a transcript to the search screen's preview, or closes it.
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

impl SearchScreen {
    fn take_back(&mut self, reader: Reader) -> Vec<Effect> {
        self.reset_preview_target();
        self.preview.set_reader(reader)
    }
}
