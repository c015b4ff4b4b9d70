//! The search screen: query line, results, selection and preview.
//!
//! Results arrive as [`SearchUpdate`]s with their query; updates of an older query are dropped. The index does the
//! searching: nothing here reads a transcript.

pub mod completion;
pub mod history;
pub mod results;

pub mod recent;

mod hit_navigation;
mod keys;
mod marks;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use completion::{CompletionMenu, PendingValues};
pub use history::{SavedView, SearchHistory};
pub use keys::KEY_CONTEXTS;
pub use results::{ResultRow, Results};

use super::ctx::Ctx;
use super::effect::Effect;
use super::layout::{Pane, Panes};
use super::line_editor::LineEditor;
use super::preview::Preview;
use super::reader::JumpTarget;
use super::ticket::{DebounceTicket, RequestTicket};
use crate::domain::catalog::{Catalog, CatalogChange};
use crate::domain::query::jump::Jump;
use crate::domain::query::{Query, QueryError, QueryErrorKind};
use crate::domain::search::{Coverage, EntryLocation, Hit, SearchOrder, SearchRequest, SearchResults, SearchUpdate};
use crate::domain::{Session, SessionKey, lineage};

/// The search screen.
#[derive(Debug, Default)]
pub struct SearchScreen {
    /// The query line.
    pub input: LineEditor,
    /// The focus.
    pub focus: SearchFocus,
    /// The results.
    pub results: Results,
    /// Transcript of the selected session.
    pub preview: Preview,
    /// Completion menu, while it is open.
    pub completion: Option<CompletionMenu>,
    /// Pending request for completions from texts.
    pub pending_values: Option<PendingValues>,
    /// Query for which Enter was pressed before it had results: its best one opens once the index has answered.
    opens_best: Option<String>,
    /// Name of the view that is being saved.
    pub naming: Option<LineEditor>,
    /// The parsed query.
    query: Query,
    /// Query of the running or finished search; `None` without a search.
    active_query: Option<String>,
    /// True if the line names a session, which is then the only result.
    names_session: bool,
    /// True if all sessions were searched.
    complete: bool,
    /// Coverage of the last search of all sessions.
    coverage: Coverage,
    /// True if the running search covers only some sessions.
    partial: bool,
    /// Sessions that changed since, to be searched once the running search is complete.
    changed: BTreeSet<SessionKey>,
    /// Number of new sessions among them.
    new_sessions: usize,
    /// Sessions that are being searched again; without a result they no longer match.
    searched_again: BTreeSet<SessionKey>,
    /// Number of new sessions among them.
    first_searched: usize,
    /// Sessions whose snippets were requested: results far down arrive without.
    detailed: BTreeSet<SessionKey>,
    /// Index in the history of the query in the line.
    history_index: Option<usize>,
    /// Selected row of the recent sessions, which an empty line offers.
    recent: Option<usize>,
    preview_target: Option<PreviewTarget>,
    /// Sessions marked for an action on several.
    pub marked: BTreeSet<SessionKey>,
}

/// Focus of the search screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SearchFocus {
    /// The line.
    #[default]
    Line,
    /// The results; letters are key bindings.
    Results,
}

/// Location that the preview shows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PreviewTarget {
    ticket: RequestTicket,
    query: String,
    location: Option<EntryLocation>,
}

impl SearchScreen {
    /// Opens a search for a query in a sort order.
    pub fn open(query: &str, order: SearchOrder, catalog: &Catalog) -> (Self, Vec<Effect>) {
        let mut search = Self::default();
        search.results.order = order;
        search.input.set(query);
        let mut effects = search.typed(catalog);
        if effects.is_empty() {
            // An empty query only warms the index up.
            effects.push(Effect::Search(SearchRequest { query: String::new(), order, within: None }));
        }
        (search, effects)
    }

    /// Returns the parsed query.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Errors of the query that are worth showing. A part that is being typed may still become valid.
    pub fn mistakes(&self) -> impl Iterator<Item = &QueryError> {
        let is_typed = |mistake: &QueryError| {
            let at_cursor = mistake.span.end == self.input.cursor() && self.focus == SearchFocus::Line;
            mistake.kind == QueryErrorKind::Unfinished && at_cursor
        };
        self.query.errors.iter().filter(move |mistake| !self.names_session && !is_typed(mistake))
    }

    /// Returns true if there is a search.
    pub fn is_active(&self) -> bool {
        self.active_query.is_some()
    }

    /// Everything was looked through.
    pub fn is_complete(&self) -> bool {
        self.complete || self.partial
    }

    /// Returns the coverage.
    pub fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// Starts the search for a changed line. If the line is the id, command or file of a session, that session is the
    /// only result.
    pub fn typed(&mut self, catalog: &Catalog) -> Vec<Effect> {
        let text = self.input.text().trim().to_owned();
        self.query = Query::parse(self.input.text());
        self.history_index = None;
        self.recent = None;
        self.results.set_containers(lineage::contained(catalog, |_| true));
        if self.active_query.as_deref() == Some(text.as_str()) {
            return Vec::new();
        }
        self.complete = false;
        self.partial = false;
        self.coverage = Coverage::default();
        self.changed.clear();
        self.marked.clear();
        (self.new_sessions, self.first_searched) = (0, 0);
        self.searched_again.clear();
        self.detailed.clear();
        let cancel = Effect::Search(SearchRequest { query: String::new(), order: self.results.order, within: None });
        let hit = named_session(&text, catalog);
        self.names_session = hit.is_some();
        if let Some(hit) = hit {
            self.active_query = Some(text);
            self.complete = true;
            self.coverage = Coverage { sessions: 1, bytes: 0, indexed: true, complete: true };
            self.results.restart(SearchResults { hits: vec![hit], ..SearchResults::default() });
            return vec![cancel];
        }
        if self.query.is_empty() {
            self.results.restart(SearchResults::default());
            return self.active_query.take().map(|_| cancel).into_iter().collect();
        }
        self.results.mark_outdated();
        self.active_query = Some(text.clone());
        vec![Effect::Search(SearchRequest { query: text, order: self.results.order, within: None })]
    }

    /// Applies an update if it answers the current query.
    pub fn apply_update(&mut self, query: &str, update: SearchUpdate) -> Vec<Effect> {
        if self.active_query.as_deref() != Some(query) {
            return Vec::new();
        }
        self.complete = update.coverage.complete;
        if !self.partial {
            self.coverage = update.coverage;
        } else if self.complete && self.first_searched > 0 {
            self.coverage.sessions += std::mem::take(&mut self.first_searched).min(update.coverage.sessions);
            self.coverage.bytes += update.coverage.bytes;
        }
        for hit in &update.hits {
            self.searched_again.remove(&hit.session.key);
        }
        self.results.apply_update(update);
        if !self.complete {
            return Vec::new();
        }
        let unmatched = std::mem::take(&mut self.searched_again);
        self.results.remove(&unmatched);
        self.results.unfold_single();
        self.search_changed()
    }

    /// Searches changed sessions again. `catalog` is the state before the change.
    pub fn sessions_changed(&mut self, change: &CatalogChange, catalog: &Catalog) -> Vec<Effect> {
        self.results.remove(&change.removed.iter().cloned().collect());
        if self.active_query.is_none() || self.query.is_empty() || self.names_session {
            return Vec::new();
        }
        let changed = change.sessions.iter().map(|session| &session.key);
        self.new_sessions += changed.clone().filter(|key| catalog.get(key).is_none()).count();
        self.changed.extend(changed.cloned());
        if self.complete { self.search_changed() } else { Vec::new() }
    }

    /// Changes the sort order; existing results are sorted at once.
    pub fn next_order(&mut self) -> Vec<Effect> {
        let now = SearchOrder::ALL.iter().position(|order| *order == self.results.order).unwrap_or(0);
        self.results.reorder(SearchOrder::ALL[(now + 1) % SearchOrder::ALL.len()]);
        let searches_texts = !self.query.is_empty() && !self.names_session;
        let Some(query) = self.active_query.clone().filter(|_| searches_texts) else { return Vec::new() };
        self.complete = false;
        self.partial = false;
        self.first_searched = 0;
        self.searched_again.clear();
        self.detailed.clear();
        vec![Effect::Search(SearchRequest { query, order: self.results.order, within: None })]
    }

    /// Updates the preview after the selection moved: it follows if it is visible, and shows the hit.
    pub fn follow_selection(&mut self, ctx: &mut Ctx) {
        let key = self.results.key().cloned().filter(|_| shows_preview(ctx));
        ctx.effects.extend(self.preview.follow_selection(key.as_ref(), ctx.tickets));
        ctx.effects.extend(self.update_preview_target());
        ctx.effects.extend(self.request_snippets());
    }

    /// Opens the preview of the selection, which did not move during the debounce delay.
    pub fn debounce_elapsed(&mut self, ticket: DebounceTicket, ctx: &mut Ctx) {
        let effects = self.preview.debounce_elapsed(ticket, self.results.key(), ctx.tickets);
        ctx.effects.extend(effects);
        ctx.effects.extend(self.update_preview_target());
    }

    /// Moves the preview to the selected hit, once the current query has one: searching a transcript earlier would only
    /// delay the result.
    pub fn update_preview_target(&mut self) -> Vec<Effect> {
        if self.results.is_outdated() {
            return Vec::new();
        }
        let (query, location) = (self.highlighted_query(), self.results.location().cloned());
        let Some(key) = self.results.key().cloned() else { return Vec::new() };
        let Some(reader) = self.preview.reader_mut().filter(|reader| reader.key == key) else { return Vec::new() };
        let target = PreviewTarget { ticket: reader.ticket, query, location };
        if self.preview_target.as_ref() == Some(&target) {
            return Vec::new();
        }
        let jump = target.location.clone().map_or(JumpTarget::First, JumpTarget::Location);
        let effects = reader.open_at(&target.query, jump);
        self.preview_target = Some(target);
        effects
    }

    /// Invalidates the preview target after the preview's transcript changed elsewhere.
    pub fn reset_preview_target(&mut self) {
        self.preview_target = None;
    }

    /// Returns the query to highlight, with its spelling corrections applied.
    pub fn highlighted_query(&self) -> String {
        if self.names_session {
            return String::new();
        }
        let query = self.active_query.clone().unwrap_or_default();
        self.results
            .answer()
            .corrections
            .iter()
            .fold(query, |query, (typed, correction)| query.replace(typed, correction))
    }

    /// Searches changed sessions once the running search is complete.
    fn search_changed(&mut self) -> Vec<Effect> {
        let Some(query) = self.active_query.clone().filter(|_| !self.changed.is_empty()) else { return Vec::new() };
        self.searched_again = std::mem::take(&mut self.changed);
        self.first_searched = std::mem::take(&mut self.new_sessions);
        let within = self.searched_again.iter().cloned().collect();
        self.search_within(query, within)
    }

    /// Requests the missing snippets of results near the selection: only the first results arrive with snippets.
    fn request_snippets(&mut self) -> Vec<Effect> {
        let Some(query) = self.active_query.clone().filter(|_| self.complete && !self.results.is_outdated()) else {
            return Vec::new();
        };
        let missing = self.results.without_snippets().filter(|key| !self.detailed.contains(*key));
        let within: Vec<_> = missing.cloned().collect();
        if within.is_empty() {
            return Vec::new();
        }
        self.detailed.extend(within.iter().cloned());
        self.search_within(query, within)
    }

    fn search_within(&mut self, query: String, within: Vec<SessionKey>) -> Vec<Effect> {
        self.complete = false;
        self.partial = true;
        vec![Effect::Search(SearchRequest { query, order: self.results.order, within: Some(within) })]
    }
}

/// Returns true if the screen is wide enough for the preview of a result.
fn shows_preview(ctx: &Ctx) -> bool {
    Panes::of(ctx.size.0, *ctx.preview_size).shows(Pane::Preview)
}

/// Returns the session that an id, resume command or path names, as a hit.
fn named_session(text: &str, catalog: &Catalog) -> Option<Hit> {
    let jump = Jump::parse(text)?;
    let names = |session: &&Arc<Session>| match &jump {
        // The home directory is unknown here; the rest of the path is specific enough.
        Jump::Path(path) if path.starts_with("~") => {
            path.strip_prefix("~").is_ok_and(|rest| session.path.ends_with(rest))
        }
        Jump::Path(_) | Jump::Id(..) => jump.matches(session, std::path::Path::new("")),
    };
    let session = catalog.iter().find(names)?.clone();
    Some(Hit { session, score: 0.0, count: 0, snippets: Vec::new() })
}
