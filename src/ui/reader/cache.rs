//! What was laid out, kept between frames: laying an entry out is the dear part of drawing.

use std::collections::HashMap;
use std::sync::Arc;

use super::hits::Matcher;
use crate::app::msg::Ticket;
use crate::app::reader::{Find, Fold, Shown};
use crate::config::theme::Theme;
use crate::domain::transcript::EntryKind;
use crate::ui::entry::growing::Growing;
use crate::ui::entry::{self, Frame, Laid};
use crate::ui::style::style;
use crate::ui::widgets::highlight::Highlighter;

/// Lines that are kept; what the last frame used is kept whatever it takes.
const BUDGET: usize = 12_000;

/// Laid-out entries.
#[derive(Debug, Default)]
pub struct Cache {
    slots: HashMap<(Ticket, u64, usize, Fold), Slot>,
    /// Those that grow, by the name that they keep while they do.
    growing: HashMap<(Ticket, u64, usize), Grown>,
    /// The theme that everything was laid out in.
    theme: Theme,
    lines: usize,
    frame: u64,
    highlighter: Highlighter,
    /// Code is highlighted; not in a preview, for which the grammars would be too dear.
    highlights: bool,
    /// The last query, made ready: every line that is drawn asks it.
    matcher: Option<(String, Arc<Matcher>)>,
}

#[derive(Debug)]
struct Slot {
    laid: Arc<Laid>,
    used: u64,
    /// What the highlighter knew when it was laid out.
    generation: u64,
}

#[derive(Debug, Default)]
struct Grown {
    growing: Arc<Growing>,
    revision: u64,
    used: u64,
    generation: u64,
}

/// Lines of an entry.
#[derive(Clone, Debug)]
pub enum Lines {
    /// Of one that is as it is.
    Whole(Arc<Laid>),
    /// Of one that grows.
    Growing(Arc<Growing>),
}

impl std::ops::Deref for Lines {
    type Target = Laid;

    fn deref(&self) -> &Laid {
        match self {
            Self::Whole(laid) => laid,
            Self::Growing(growing) => growing.laid(),
        }
    }
}

impl Cache {
    /// Begins a frame.
    pub fn begin(&mut self, theme: &Theme, highlights: bool) {
        self.highlights = highlights;
        self.highlighter.poll();
        if self.theme != *theme {
            self.theme = theme.clone();
            self.slots.clear();
            self.growing.clear();
            self.lines = 0;
        }
        self.frame += 1;
        // What grows does so on the screen, or is laid out anew when it comes back there.
        let recent = self.frame.saturating_sub(2);
        self.growing.retain(|_, grown| grown.used >= recent);
        if self.lines > BUDGET {
            // The last frame and the one before it: home and a preview may take turns.
            let recent = self.frame.saturating_sub(2);
            self.slots.retain(|_, slot| slot.used >= recent);
            self.lines = self.slots.values().map(|slot| slot.laid.lines.len()).sum();
        }
    }

    /// An entry's lines.
    pub fn lines(&mut self, ticket: Ticket, held: Shown<'_>, width: usize, fold: Fold) -> Lines {
        match held.growing.filter(|_| fold == Fold::Full) {
            Some(name) => Lines::Growing(self.grown(ticket, held, width, name)),
            None => Lines::Whole(self.whole(ticket, held, width, fold)),
        }
    }

    /// Lines of an entry to which only text is being added.
    fn grown(&mut self, ticket: Ticket, held: Shown<'_>, width: usize, name: u64) -> Arc<Growing> {
        let generation = self.highlighter.generation();
        let grown = self.growing.entry((ticket, name, width)).or_default();
        grown.used = self.frame;
        let coloured = grown.growing.laid().pending && grown.generation != generation;
        if grown.revision == held.revision && !coloured {
            return grown.growing.clone();
        }
        if coloured {
            grown.growing = Arc::default();
        }
        (grown.revision, grown.generation) = (held.revision, generation);
        let theme = &self.theme;
        let base = style(if held.entry.kind == EntryKind::Thinking { theme.thinking } else { theme.text });
        let highlighter = self.highlights.then_some(&mut self.highlighter);
        let mut frame = Frame { theme, width, fold: Fold::Full, stage: held.stage, highlighter };
        Arc::make_mut(&mut grown.growing).grow(&held.entry.text, base, &mut frame);
        grown.growing.clone()
    }

    fn whole(&mut self, ticket: Ticket, held: Shown<'_>, width: usize, fold: Fold) -> Arc<Laid> {
        let key = (ticket, held.revision, width, fold);
        let generation = self.highlighter.generation();
        if let Some(slot) = self.slots.get_mut(&key)
            && (!slot.laid.pending || slot.generation == generation || !self.highlights)
        {
            slot.used = self.frame;
            return slot.laid.clone();
        }
        let highlighter = self.highlights.then_some(&mut self.highlighter);
        let mut frame = Frame { theme: &self.theme, width, fold, stage: held.stage, highlighter };
        let mut laid = entry::lay(held.entry, &mut frame);
        // What was laid out without a highlighter is laid out again once there is one.
        laid.pending |= !self.highlights;
        let generation = if self.highlights { generation } else { u64::MAX };
        let laid = Arc::new(laid);
        self.lines += laid.lines.len();
        self.slots.insert(key, Slot { laid: laid.clone(), used: self.frame, generation });
        laid
    }

    /// What finds a query in lines; nothing where nothing is searched for.
    pub fn matcher(&mut self, find: Option<&Find>) -> Option<Arc<Matcher>> {
        find.and_then(|find| self.matcher_of(&find.query))
    }

    /// As [`matcher`](Self::matcher), for a query.
    pub fn matcher_of(&mut self, wanted: &str) -> Option<Arc<Matcher>> {
        match &self.matcher {
            _ if wanted.is_empty() => None,
            Some((query, matcher)) if query == wanted => Some(matcher.clone()),
            _ => {
                let matcher = Arc::new(Matcher::new(wanted));
                self.matcher = Some((wanted.to_owned(), matcher.clone()));
                Some(matcher)
            }
        }
    }

    /// Something is being found out beside the drawing: draw again soon.
    pub fn is_waiting(&self) -> bool {
        self.highlighter.is_waiting()
    }

    /// Lines that are kept.
    pub fn kept(&self) -> usize {
        self.lines
    }
}
