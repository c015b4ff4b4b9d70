//! Outline of a transcript: its items, and the panel in which one is selected.
//!
//! The items on disk come from the index, part by part; those of live entries are computed here.

use crate::app::line_editor::LineEditor;
use crate::app::scroll;
use crate::domain::SessionKey;
use crate::domain::outline::{OutlineItem, OutlineKind};
use crate::domain::transcript::Entry;

/// Maximum items on disk, to bound memory; the ticks of the scrollbar are complete beyond them.
const MAX_ITEMS: usize = 50_000;

/// The outline.
#[derive(Debug, Default)]
pub struct Outline {
    /// True while the panel has the keys.
    pub focused: bool,
    /// The filter.
    pub filter: LineEditor,
    /// True while the filter is edited.
    pub typing: bool,
    /// First row on the screen.
    pub top: usize,
    /// Progress of the items on disk.
    pub(super) progress: OutlineProgress,
    stored: Vec<OutlineItem>,
    /// Entries with edits of files, also those beyond the maximum number of items.
    edits: Vec<usize>,
    /// Items of live entries; their indices begin at the first live entry.
    live: Vec<OutlineItem>,
    /// Number of items on disk before the first live entry, and the index of that entry.
    clip: (usize, usize),
    /// Items of the graph: branches and forks, ascending by entry.
    graph: Vec<GraphItem>,
    /// Numbers of the rows' items, unless the rows are all items without a graph. Items of the graph are numbered after
    /// the others.
    found: Option<Vec<usize>>,
    selected: usize,
    height: usize,
}

/// Progress of the items on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum OutlineProgress {
    /// Not requested from the index.
    #[default]
    NotRequested,
    /// Incomplete.
    Partial,
    /// Complete.
    Complete,
}

/// A row of the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutlineRow<'a> {
    /// Index of the entry.
    pub entry: usize,
    /// Kind.
    pub kind: OutlineKind,
    /// Text.
    pub text: &'a str,
    /// Conversation that an item of the graph leads to.
    pub target: Option<&'a GraphTarget>,
}

/// A branch or a session beside the shown conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphItem {
    /// Index of the first entry that they do not share.
    pub entry: usize,
    /// Kind.
    pub kind: OutlineKind,
    /// Text.
    pub text: Box<str>,
    /// The branch or session.
    pub target: GraphTarget,
}

/// Conversation that an item of the graph leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GraphTarget {
    /// Another branch, by its number from 0.
    Branch(usize),
    /// Another session.
    Session(SessionKey),
}

impl Outline {
    /// Returns true if all items on disk are known.
    pub fn is_complete(&self) -> bool {
        self.progress == OutlineProgress::Complete
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.found.as_ref().map_or_else(|| self.all(), Vec::len)
    }

    /// Returns true if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a row.
    pub fn row(&self, at: usize) -> Option<OutlineRow<'_>> {
        match &self.found {
            Some(found) => self.item(*found.get(at)?),
            None => self.item(at),
        }
    }

    /// Returns the selected row.
    pub fn selected(&self) -> usize {
        self.selected.min(self.len().saturating_sub(1))
    }

    /// Returns the last row whose entry is at or before an entry.
    pub fn row_of(&self, entry: usize) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let is_before = self.row(middle).is_some_and(|row| row.entry <= entry);
            (low, high) = if is_before { (middle + 1, high) } else { (low, middle) };
        }
        low.checked_sub(1)
    }

    /// Returns the text of an entry's item on disk.
    pub(super) fn text_of(&self, entry: usize) -> Option<&str> {
        let at = self.stored.binary_search_by_key(&entry, |item| item.entry).ok()?;
        Some(&self.stored[at].text)
    }

    /// Returns the entries on disk with edits of files, ascending.
    pub(super) fn edits(&self) -> &[usize] {
        &self.edits
    }

    /// Returns the items of live entries, whose indices begin at the first live entry.
    pub(super) fn live(&self) -> &[OutlineItem] {
        &self.live
    }

    /// Replaces the items from an entry on.
    pub(super) fn store(&mut self, from: usize, items: Vec<OutlineItem>, complete: bool) {
        self.edits.truncate(self.edits.partition_point(|entry| *entry < from));
        self.edits.extend(items.iter().filter(|item| item.kind == OutlineKind::Edit).map(|item| item.entry));
        self.stored.truncate(self.stored.partition_point(|item| item.entry < from));
        let room = MAX_ITEMS.saturating_sub(self.stored.len());
        self.stored.extend(items.into_iter().take(room));
        self.progress = if complete { OutlineProgress::Complete } else { OutlineProgress::Partial };
        self.set_clip(self.clip.1);
    }

    /// Updates the items of live entries, which follow `clip` entries on disk.
    pub(super) fn set_live(&mut self, clip: usize, entries: &[Entry]) {
        let items = entries.iter().enumerate().filter_map(|(at, entry)| OutlineItem::of(at, entry));
        let live: Vec<_> = items.collect();
        if live != self.live || clip != self.clip.1 {
            self.live = live;
            self.set_clip(clip);
        }
    }

    /// Replaces the items of the graph.
    pub(super) fn set_graph(&mut self, graph: Vec<GraphItem>) {
        if graph != self.graph {
            self.graph = graph;
            self.search();
        }
    }

    /// Returns true if the rows include branches or forks.
    pub fn has_graph(&self) -> bool {
        !self.graph.is_empty()
    }

    /// Gives the keys to the panel, with the row of an entry selected.
    pub(super) fn focus(&mut self, entry: usize) {
        self.focused = true;
        self.follow(entry);
    }

    /// Takes the keys from the panel.
    pub(super) fn blur(&mut self) {
        (self.focused, self.typing) = (false, false);
        self.filter.clear();
        self.search();
    }

    /// Selects the row of an entry.
    pub(super) fn follow(&mut self, entry: usize) {
        self.select(self.row_of(entry).unwrap_or(0));
    }

    /// Moves the selection by a number of rows.
    pub(super) fn step(&mut self, rows: isize) {
        self.select(self.selected().saturating_add_signed(rows));
    }

    /// Selects the next or previous row of a kind.
    pub(super) fn step_to(&mut self, kind: OutlineKind, forward: bool) {
        let (from, is_kind) = (self.selected(), |at: &usize| self.row(*at).is_some_and(|row| row.kind == kind));
        let found = if forward { (from + 1..self.len()).find(is_kind) } else { (0..from).rev().find(is_kind) };
        if let Some(at) = found {
            self.select(at);
        }
    }

    /// Changes the filter and selects the first match.
    pub(super) fn edit_filter(&mut self, change: impl FnOnce(&mut LineEditor)) {
        let before = self.filter.text().to_owned();
        change(&mut self.filter);
        if self.filter.text() != before {
            self.search();
            self.select(0);
        }
    }

    /// Sets the number of rows that fit on the screen.
    pub(super) fn fit(&mut self, height: usize) {
        self.height = height;
        self.reveal();
    }

    fn select(&mut self, row: usize) {
        self.selected = row.min(self.len().saturating_sub(1));
        self.reveal();
    }

    fn reveal(&mut self) {
        self.top = scroll::reveal(self.top, self.selected(), self.height, self.len());
    }

    fn set_clip(&mut self, clip: usize) {
        self.clip = (self.stored.partition_point(|item| item.entry < clip), clip);
        self.search();
    }

    fn all(&self) -> usize {
        self.clip.0 + self.live.len()
    }

    fn item(&self, at: usize) -> Option<OutlineRow<'_>> {
        if let Some(of_graph) = at.checked_sub(self.all()) {
            let GraphItem { entry, kind, text, target } = self.graph.get(of_graph)?;
            return Some(OutlineRow { entry: *entry, kind: *kind, text, target: Some(target) });
        }
        let (item, first) = match at.checked_sub(self.clip.0) {
            None => (self.stored.get(at)?, 0),
            Some(live) => (self.live.get(live)?, self.clip.1),
        };
        Some(OutlineRow { entry: first + item.entry, kind: item.kind, text: &item.text, target: None })
    }

    /// Numbers of all items in the order of their entries; items of the graph precede their entry.
    fn numbers(&self) -> Vec<usize> {
        let (all, mut numbers) = (self.all(), Vec::with_capacity(self.all() + self.graph.len()));
        let mut graph = self.graph.iter().enumerate().peekable();
        for at in 0..all {
            let entry = self.item(at).map_or(usize::MAX, |row| row.entry);
            while let Some((number, _)) = graph.next_if(|(_, item)| item.entry <= entry) {
                numbers.push(all + number);
            }
            numbers.push(at);
        }
        numbers.extend(graph.map(|(number, _)| all + number));
        numbers
    }

    /// Finds the items that contain all words of the filter in their text or the name of their kind.
    fn search(&mut self) {
        let filter = self.filter.text().to_lowercase();
        let words: Vec<_> = filter.split_whitespace().collect();
        let matches = |at: &usize| {
            self.item(*at).is_some_and(|row| {
                let text = row.text.to_lowercase();
                words.iter().all(|word| text.contains(word) || row.kind.name().contains(word))
            })
        };
        let is_plain = words.is_empty() && self.graph.is_empty();
        self.found = (!is_plain).then(|| self.numbers().into_iter().filter(matches).collect());
    }
}
