//! Graph of a conversation beside its outline: other branches where they part, the session that it was forked from, and
//! the sessions that were forked from it.

use std::collections::HashMap;

use super::outline::{GraphItem, GraphTarget};
use super::{Effect, Reader};
use crate::app::ticket::RequestTicket;
use crate::domain::SessionKey;
use crate::domain::catalog::Catalog;
use crate::domain::event::EntryKey;
use crate::domain::lineage::{self, Kinship};
use crate::domain::outline::OutlineKind;
use crate::domain::transcript::EntryKind;

/// Maximum relatives in the graph, because each is a row.
const MAX_RELATIVES: usize = 100;

/// Sessions that share a beginning with this one.
#[derive(Debug, Default)]
pub(super) struct Relatives {
    sessions: Vec<Relative>,
    /// Indices of the entries at which forks end their copies.
    positions: HashMap<EntryKey, usize>,
}

/// A session that shares a beginning with this one.
#[derive(Debug)]
struct Relative {
    key: SessionKey,
    text: Box<str>,
    /// Last shared entry, if it is known.
    entry: Option<EntryKey>,
}

impl Relatives {
    /// Stores the indices of entries.
    pub(super) fn place(&mut self, found: &[(EntryKey, usize)]) {
        self.positions = found.iter().copied().collect();
    }

    /// Returns the items of the sessions. Those without a known place come first.
    fn items(&self) -> impl Iterator<Item = GraphItem> {
        self.sessions.iter().map(|relative| {
            let shared = relative.entry.and_then(|entry| self.positions.get(&entry));
            let (entry, target) = (shared.map_or(0, |last| last + 1), GraphTarget::Session(relative.key.clone()));
            GraphItem { entry, kind: OutlineKind::Fork, text: relative.text.clone(), target }
        })
    }
}

impl Reader {
    /// Sets the sessions that share a beginning with this one.
    pub fn set_relatives(&mut self, catalog: &Catalog) {
        let Some(session) = catalog.get(&self.key) else { return };
        let own = session.copied.as_ref().and_then(|copied| copied.entry);
        let relatives = lineage::relatives(catalog, session).into_iter().filter_map(|(kinship, other)| {
            let (label, entry) = match kinship {
                Kinship::Origin => ("forked from", own),
                Kinship::Fork => ("fork", other.copied.as_ref().and_then(|copied| copied.entry)),
                Kinship::Parent | Kinship::Subagent | Kinship::Continued | Kinship::Continuation => return None,
            };
            Some(Relative { key: other.key.clone(), text: format!("{label}: {}", other.title.text).into(), entry })
        });
        self.relatives.sessions = relatives.take(MAX_RELATIVES).collect();
    }

    /// Requests the places of forks in the transcript, if there are any.
    pub(super) fn find_relatives(&self) -> Option<Effect> {
        let entries: Vec<_> = self.relatives.sessions.iter().filter_map(|relative| relative.entry).collect();
        (!entries.is_empty()).then_some(Effect::FindPositions(self.ticket, entries))
    }

    /// Computes the graph in the outline.
    pub(super) fn update_graph(&mut self) {
        let opened = self.opened.as_ref();
        let points = opened.map(|opened| (opened.branch, &opened.branch_points[..]));
        let (shown, points) = points.unwrap_or_default();
        let branches = points.iter().flat_map(|point| {
            let others = point.branches.iter().zip(&point.heads).filter(move |(branch, _)| **branch != shown);
            others.map(|(branch, head)| {
                let name = format!("branch {}", branch + 1);
                let text = if head.is_empty() { name } else { format!("{name}: {head}") };
                let target = GraphTarget::Branch(*branch);
                GraphItem { entry: point.entry, kind: OutlineKind::Branch, text: text.into(), target }
            })
        });
        let mut items: Vec<_> = branches.chain(self.relatives.items()).collect();
        items.sort_by_key(|item| item.entry);
        self.outline.set_graph(items);
    }

    /// Returns the stored prompt that is the current entry, before which the session can be forked.
    pub fn prompt_to_fork(&self) -> Option<(RequestTicket, usize)> {
        let cursor = self.cursor();
        let is_stored = self.opened.is_some() && cursor < self.clip;
        let is_prompt = self.entry(cursor)?.entry.kind == EntryKind::Prompt;
        (is_stored && is_prompt && cursor > 0).then_some((self.ticket, cursor))
    }

    /// Returns the text of a loaded entry, unless it was cut.
    pub fn whole_text(&self, index: usize) -> Option<String> {
        let entry = self.entry(index)?.entry;
        (!entry.truncated).then(|| entry.text.clone())
    }
}
