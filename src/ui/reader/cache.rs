//! Cache of entry layouts between frames, because layout is the most expensive part of drawing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::hits::HitMatcher;
use crate::app::msg::RequestTicket;
use crate::app::reader::{CallStage, EntryRef, Find, Fold};
use crate::app::secret_display::SecretDisplay;
use crate::config::theme::Theme;
use crate::domain::secrets::{self, SecretCounts};
use crate::domain::transcript::EntryKind;
use crate::ui::entry::streaming::StreamingLayout;
use crate::ui::entry::{self, EntryLayout, LayoutContext, turn_end};
use crate::ui::inline_pictures::InlinePictures;
use crate::ui::style::style;
use crate::ui::widgets::highlight::Highlighter;

/// Maximum lines in the cache, to bound memory. Layouts used by the last two frames always stay.
const MAX_CACHED_LINES: usize = 12_000;

/// Cache of entry layouts.
#[derive(Debug, Default)]
pub struct LayoutCache {
    slots: HashMap<(RequestTicket, u64, LayoutShape, Fold), Slot>,
    /// Layouts of streaming entries, by ticket, stable entry name and width.
    streaming: HashMap<(RequestTicket, u64, usize), StreamingSlot>,
    /// Directory of each session, relative to which its paths are shown.
    directories: HashMap<RequestTicket, String>,
    /// Theme of all cached layouts.
    theme: Theme,
    /// Display of secrets in all cached layouts.
    secrets: SecretDisplay,
    lines: usize,
    frame: u64,
    highlighter: Highlighter,
    /// True if code is highlighted. Previews skip it, because loading the grammars is expensive.
    highlights: bool,
    /// Images within transcripts.
    pub(in crate::ui) pictures: InlinePictures,
    /// Matcher of the last query, which is used for each drawn line.
    matcher: Option<(String, Arc<HitMatcher>)>,
}

/// Width of a layout in columns, and its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LayoutShape {
    /// Width of text.
    pub text: usize,
    /// Width of a diff whose old and new lines are beside each other; `None` puts them below each other.
    pub split: Option<usize>,
    /// True to show the totals of the turn that ends with the entry. In the viewport: if it is the last entry.
    pub ends_turn: bool,
    /// Stage of a call without an outcome. In the viewport: of those in the last turn of a session that runs elsewhere.
    pub stage: CallStage,
    /// Rows for the images of the entry. In the viewport: the most that one image may have.
    pub picture_rows: u16,
}

#[derive(Debug)]
struct Slot {
    layout: Arc<EntryLayout>,
    used: u64,
    /// Generation of the highlighter at layout time.
    generation: u64,
}

#[derive(Debug, Default)]
struct StreamingSlot {
    layout: Arc<StreamingLayout>,
    revision: u64,
    used: u64,
    generation: u64,
}

/// Layout of an entry in the cache.
#[derive(Clone, Debug)]
pub(super) enum CachedLayout {
    /// Layout of a complete entry.
    Complete(Arc<EntryLayout>),
    /// Layout of a streaming entry.
    Streaming(Arc<StreamingLayout>),
}

impl std::ops::Deref for CachedLayout {
    type Target = EntryLayout;

    fn deref(&self) -> &EntryLayout {
        match self {
            Self::Complete(layout) => layout,
            Self::Streaming(streaming) => streaming.layout(),
        }
    }
}

impl LayoutCache {
    /// Starts a frame: applies new highlighting and evicts old layouts.
    pub fn begin(&mut self, theme: &Theme, secrets: SecretDisplay, highlights: bool) {
        // Once they are loaded, colours cost a preview little.
        self.highlights |= highlights;
        self.highlighter.poll();
        if self.theme != *theme || self.secrets != secrets {
            (self.theme, self.secrets) = (theme.clone(), secrets);
            self.slots.clear();
            self.streaming.clear();
            self.lines = 0;
        }
        self.frame += 1;
        // A streaming entry off the screen is laid out again when it comes back.
        let recent = self.frame.saturating_sub(2);
        self.streaming.retain(|_, slot| slot.used >= recent);
        if self.lines > MAX_CACHED_LINES {
            // Two frames, because home and a preview may alternate.
            let recent = self.frame.saturating_sub(2);
            self.slots.retain(|_, slot| slot.used >= recent);
            let slots = &self.slots;
            self.directories.retain(|ticket, _| slots.keys().any(|(owner, ..)| owner == ticket));
            self.lines = self.slots.values().map(|slot| slot.layout.lines.len()).sum();
        }
    }

    /// Sets the directory of a session, relative to which paths are shown.
    pub(super) fn set_directory(&mut self, ticket: RequestTicket, directory: &str) {
        if self.directories.get(&ticket).is_none_or(|known| known != directory) {
            self.directories.insert(ticket, directory.to_owned());
            self.slots.retain(|(owner, ..), _| *owner != ticket);
            self.lines = self.slots.values().map(|slot| slot.layout.lines.len()).sum();
        }
    }

    /// Returns the layout of an entry.
    pub(super) fn lines(
        &mut self,
        ticket: RequestTicket,
        entry: EntryRef<'_>,
        width: LayoutShape,
        fold: Fold,
    ) -> CachedLayout {
        match entry.growing.filter(|_| fold == Fold::Full) {
            Some(name) => CachedLayout::Streaming(self.streaming(ticket, entry, width.text, name)),
            None => CachedLayout::Complete(self.complete(ticket, entry, width, fold)),
        }
    }

    /// Returns the layout of a streaming entry.
    fn streaming(
        &mut self,
        ticket: RequestTicket,
        entry: EntryRef<'_>,
        width: usize,
        name: u64,
    ) -> Arc<StreamingLayout> {
        let generation = self.highlighter.generation();
        let slot = self.streaming.entry((ticket, name, width)).or_default();
        slot.used = self.frame;
        let stale_colours = slot.layout.layout().pending && slot.generation != generation;
        if slot.revision == entry.revision && !stale_colours {
            return slot.layout.clone();
        }
        if stale_colours {
            slot.layout = Arc::default();
        }
        (slot.revision, slot.generation) = (entry.revision, generation);
        let theme = &self.theme;
        let base = style(if entry.entry.kind == EntryKind::Thinking { theme.thinking } else { theme.text });
        let highlighter = self.highlights.then_some(&mut self.highlighter);
        let mut context = LayoutContext {
            stage: entry.stage,
            highlighter,
            secrets: self.secrets,
            ..LayoutContext::new(theme, width, Fold::Full)
        };
        Arc::make_mut(&mut slot.layout).grow(&entry.entry.text, base, &mut context);
        slot.layout.clone()
    }

    fn complete(
        &mut self,
        ticket: RequestTicket,
        entry: EntryRef<'_>,
        width: LayoutShape,
        fold: Fold,
    ) -> Arc<EntryLayout> {
        let key = (ticket, entry.revision, width, fold);
        let generation = self.highlighter.generation();
        if let Some(slot) = self.slots.get_mut(&key)
            && (!slot.layout.pending || slot.generation == generation || !self.highlights)
        {
            slot.used = self.frame;
            return slot.layout.clone();
        }
        let highlighter = self.highlights.then_some(&mut self.highlighter);
        let mut context = LayoutContext {
            split_width: width.split,
            directory: self.directories.get(&ticket).map_or("", String::as_str),
            stage: width.stage,
            highlighter,
            ..LayoutContext::new(&self.theme, width.text, fold)
        };
        let masks = self.secrets == SecretDisplay::Masked && entry.stage != CallStage::AwaitingApproval;
        let shown = if masks {
            secrets::entry::masked(entry.entry, &mut SecretCounts::default())
        } else {
            // A call that waits for an approval is shown as it would be allowed.
            Cow::Borrowed(entry.entry)
        };
        let mut layout = entry::lay(&shown, &mut context);
        let text_rows = layout.lines.len();
        layout.lines.resize_with(text_rows + usize::from(width.picture_rows), Default::default);
        layout.pictures = text_rows..layout.lines.len();
        if let Some(totals) = entry.entry.turn.filter(|_| width.ends_turn && fold != Fold::Hidden) {
            turn_end::lay(&totals, &context, &mut layout);
        }
        // A layout without highlighter is repeated once there is one.
        layout.pending |= !self.highlights;
        let generation = if self.highlights { generation } else { u64::MAX };
        let layout = Arc::new(layout);
        self.lines += layout.lines.len();
        self.slots.insert(key, Slot { layout: layout.clone(), used: self.frame, generation });
        layout
    }

    /// Returns the matcher of the find query; `None` without a query.
    pub fn matcher(&mut self, find: Option<&Find>) -> Option<Arc<HitMatcher>> {
        find.and_then(|find| self.matcher_of(find.query()))
    }

    /// Returns the matcher of a query; `None` for an empty query.
    pub fn matcher_of(&mut self, query: &str) -> Option<Arc<HitMatcher>> {
        match &self.matcher {
            _ if query.is_empty() => None,
            Some((cached, matcher)) if cached == query => Some(matcher.clone()),
            _ => {
                let matcher = Arc::new(HitMatcher::new(query));
                self.matcher = Some((query.to_owned(), matcher.clone()));
                Some(matcher)
            }
        }
    }

    /// Returns the highlighter, for code outside of transcripts.
    pub(in crate::ui) fn highlighter(&mut self) -> &mut Highlighter {
        &mut self.highlighter
    }

    /// Returns true if highlighting is pending and another frame is needed.
    pub fn is_waiting(&self) -> bool {
        self.highlighter.is_waiting()
    }

    /// Number of cached lines.
    pub fn line_count(&self) -> usize {
        self.lines
    }
}
