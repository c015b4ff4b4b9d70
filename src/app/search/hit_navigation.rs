//! Navigation from a result to its transcript and back, and from hit to hit across sessions.

use super::{SearchScreen, shows_preview};
use crate::app::action::Action;
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::layer::Layer;
use crate::app::reader::{JumpTarget, Reader};

impl SearchScreen {
    /// Opens the transcript of the selected result at the selected hit. If the query has no results yet, the best one
    /// opens once the index has answered, unless another key comes first.
    pub fn open_result(&mut self, ctx: &mut Ctx) -> Flow {
        self.opens_best = self.active_query.clone().filter(|_| self.awaits_results());
        if self.opens_best.is_some() {
            return Flow::Stay;
        }
        let Some(key) = self.results.key().cloned() else { return Flow::Stay };
        self.results.pin_selection();
        ctx.effects.extend(ctx.search_history.add(self.input.text()));
        ctx.effects.extend(self.update_preview_target());
        let reader = if let Some(reader) = self.preview.take_reader(&key) {
            reader
        } else {
            let (mut reader, open_effects) = Reader::open(ctx.tickets.issue(), key);
            ctx.effects.extend(open_effects);
            let jump = self.results.location().cloned().map_or(JumpTarget::First, JumpTarget::Location);
            ctx.effects.extend(reader.open_at(&self.highlighted_query(), jump));
            reader
        };
        self.reset_preview_target();
        Flow::Push(Layer::Reader(Box::new(reader)))
    }

    /// Opens the best result if Enter was pressed before the query had results.
    pub fn open_best(&mut self, ctx: &mut Ctx) -> Flow {
        let has_best = self.complete || self.coverage.indexed && !self.awaits_results();
        let opens = has_best && self.opens_best.is_some() && self.opens_best == self.active_query;
        if opens { self.open_result(ctx) } else { Flow::Stay }
    }

    /// Returns true while the query has no results: those on the screen are of an older query, or there are none.
    fn awaits_results(&self) -> bool {
        self.results.is_outdated() || self.results.rows().is_empty() && !self.complete
    }

    /// Moves from the last hit of a result's transcript to the first hit of the next result, or back. `None` if the
    /// action stays within the transcript.
    pub fn navigate_hits(&mut self, reader: &mut Reader, action: Action, ctx: &mut Ctx) -> Option<Flow> {
        let forward = match action {
            Action::NextHit => true,
            Action::PreviousHit => false,
            _ => return None,
        };
        if reader.find.is_some() && !reader.is_last_hit(forward) {
            return None;
        }
        let Some(key) = self.results.neighbour(&reader.key, forward).cloned() else {
            ctx.notices.info(if forward { "No more matches" } else { "No earlier matches" });
            return Some(Flow::Stay);
        };
        self.results.select(&key);
        ctx.effects.push(Effect::CloseTranscript(reader.ticket));
        let (mut next, open_effects) = Reader::open(ctx.tickets.issue(), key);
        (next.folds.tools, next.folds.thinking) = (reader.folds.tools, reader.folds.thinking);
        ctx.effects.extend(open_effects);
        let jump = if forward { JumpTarget::First } else { JumpTarget::Last };
        ctx.effects.extend(next.open_at(&self.highlighted_query(), jump));
        *reader = next;
        Some(Flow::Stay)
    }

    /// Takes the transcript of a result back into the preview, or closes it.
    pub fn take_back(&mut self, reader: Reader, ctx: &mut Ctx) {
        if shows_preview(ctx) && self.results.key() == Some(&reader.key) {
            self.reset_preview_target();
            ctx.effects.extend(self.preview.set_reader(reader));
        } else {
            ctx.effects.push(Effect::CloseTranscript(reader.ticket));
        }
        self.follow_selection(ctx);
    }
}
