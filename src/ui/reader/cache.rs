//! What was laid out, kept between frames: laying an entry out is the dear part of drawing.

use std::collections::HashMap;
use std::sync::Arc;

use crate::app::msg::Ticket;
use crate::app::reader::{Fold, Held};
use crate::config::theme::Theme;
use crate::ui::entry::{self, Frame, Laid};

/// Lines that are kept; what the last frame used is kept whatever it takes.
const BUDGET: usize = 12_000;

/// Laid-out entries.
#[derive(Debug, Default)]
pub struct Cache {
    slots: HashMap<(Ticket, u64, usize, Fold), Slot>,
    /// The theme that everything was laid out in.
    theme: Theme,
    lines: usize,
    frame: u64,
}

#[derive(Debug)]
struct Slot {
    laid: Arc<Laid>,
    used: u64,
}

impl Cache {
    /// Begins a frame.
    pub fn begin(&mut self, theme: &Theme) {
        if self.theme != *theme {
            self.theme = theme.clone();
            self.slots.clear();
            self.lines = 0;
        }
        self.frame += 1;
        if self.lines > BUDGET {
            // The last frame and the one before it: home and a preview may take turns.
            let recent = self.frame.saturating_sub(2);
            self.slots.retain(|_, slot| slot.used >= recent);
            self.lines = self.slots.values().map(|slot| slot.laid.lines.len()).sum();
        }
    }

    /// An entry's lines.
    pub fn lines(&mut self, ticket: Ticket, held: &Held, width: usize, fold: Fold) -> Arc<Laid> {
        let key = (ticket, held.revision, width, fold);
        if let Some(slot) = self.slots.get_mut(&key) {
            slot.used = self.frame;
            return slot.laid.clone();
        }
        let laid = Arc::new(entry::lay(&held.entry, &mut Frame { theme: &self.theme, width, fold }));
        self.lines += laid.lines.len();
        self.slots.insert(key, Slot { laid: laid.clone(), used: self.frame });
        laid
    }

    /// Lines that are kept.
    pub fn kept(&self) -> usize {
        self.lines
    }
}
