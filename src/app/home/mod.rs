//! The home screen: workspaces, session list and preview. Computes which sessions are listed and why others are hidden.

pub mod detail;
pub mod empty_state;
pub mod filter;
pub mod list;
pub mod sections;
pub mod workspaces;

mod keys;
mod message;
mod moves;
mod saved_views;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

pub use empty_state::EmptyState;
use filter::QuickFilter;
use list::{ListRow, SessionList};
pub use message::ListMessage;
use sections::{Calendar, ListSection};
use workspaces::WorkspaceList;

use super::ctx::Ctx;
use super::effect::Effect;
pub use super::layout::{Pane, Panes, PreviewSize};
use super::preview::Preview;
use super::reader::Reader;
use super::sessions::Sessions;
use super::ticket::RequestTicket;
use crate::config::settings::ListScope;
use crate::domain::catalog::{CatalogFilter, HiddenCounts, Sort};
use crate::domain::lineage;
use crate::domain::{Agent, Session, SessionKey, SessionState, Time};

/// The home screen.
#[derive(Debug, Default)]
pub struct Home {
    /// The focused pane.
    pub focus: Pane,
    /// Prompt of a new session that was not started.
    pub(super) unsent_prompt: String,
    /// True if the last click was on the border of the preview, so that a drag moves it.
    pub drags_border: bool,
    /// The workspace in which salon was started.
    pub here: Option<Arc<str>>,
    /// The workspaces column.
    pub workspaces: WorkspaceList,
    /// The sessions.
    pub list: SessionList,
    /// The quick filter.
    pub filter: QuickFilter,
    /// The preview.
    pub preview: Preview,
    /// Days of the sections.
    pub calendar: Calendar,
    /// The order.
    pub sort: Sort,
    /// True if hidden sessions, such as sub-agents and empty ones, are shown.
    pub show_hidden: bool,
    /// Sessions marked for an action on several.
    pub marked: BTreeSet<SessionKey>,
    /// Number of listed sessions.
    pub shown: usize,
    /// Numbers of hidden sessions, by reason.
    pub hidden: HiddenCounts,
    /// Number of sessions that need the user, listed or not.
    pub waiting: usize,
    /// Those of them that wait in other programs.
    pub waiting_elsewhere: Vec<Arc<Session>>,
    /// Number of sessions whose end was not seen, listed or not.
    pub unseen: usize,
    /// Composer over the list, while it is open.
    pub message: Option<ListMessage>,
    /// Prompts whose runs are being started.
    pub(super) sending: Vec<(RequestTicket, ListMessage)>,
    /// Prompts that were written and not sent. The next composer of their session shows them.
    pub(super) unsent: Vec<ListMessage>,
    /// Number of computations of the rows, for tests of what is not computed.
    pub computations: u64,
    /// True if sessions or their states changed since the rows were computed.
    pub(super) stale: bool,
    /// Numbers of the other sessions that a session contains.
    pub(super) copies: HashMap<SessionKey, usize>,
    /// Sessions with sub-agents.
    pub(super) parents: HashSet<(Agent, Arc<str>)>,
}

/// Relation of a session to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Fork of another session.
    Fork,
    /// Sub-agent of another session.
    Subagent,
    /// Session with sub-agents.
    Parent,
}

impl Home {
    /// Returns the relation of a session to others; `None` if it stands alone.
    pub fn relation(&self, session: &Session) -> Option<Relation> {
        if session.flags.subagent {
            return Some(Relation::Subagent);
        }
        if session.flags.fork || session.forked_from.is_some() {
            return Some(Relation::Fork);
        }
        self.parents.contains(&(session.key.agent, session.key.id.clone())).then_some(Relation::Parent)
    }

    /// Returns the number of other sessions that a session contains.
    pub fn copies(&self, session: &Session) -> usize {
        self.copies.get(&session.key).copied().unwrap_or(0)
    }

    /// Returns the scope. `None` if another workspace is selected.
    pub fn scope(&self) -> Option<ListScope> {
        match (self.workspaces.selected(), &self.here) {
            (None, _) => Some(ListScope::All),
            (Some(selected), Some(here)) if selected == here => Some(ListScope::Here),
            _ => None,
        }
    }

    /// Sets the scope, if possible.
    pub fn set_scope(&mut self, scope: ListScope) {
        self.workspaces.select(match scope {
            ListScope::Here => self.here.clone(),
            ListScope::All => None,
        });
    }

    /// Recomputes the list after changes of sessions, order or states.
    pub fn refresh(&mut self, sessions: &Sessions) {
        let rows = self.rows(sessions);
        self.list.set(rows);
    }

    /// Recomputes the list and selects its first row: for another list rather than another order.
    pub fn restart(&mut self, sessions: &Sessions) {
        let rows = self.rows(sessions);
        self.list.restart(rows);
    }

    /// Returns the marked sessions that are listed. A mark on a session that is no longer listed must not be acted on.
    pub fn marked_sessions(&self) -> Vec<SessionKey> {
        let listed = self.list.rows().iter().filter_map(ListRow::session).map(|session| &session.key);
        listed.filter(|key| self.marked.contains(*key)).cloned().collect()
    }

    /// Marks the selected session and moves on, or unmarks it.
    fn toggle_mark(&mut self) {
        let Some(key) = self.list.key().cloned() else { return };
        if !self.marked.remove(&key) {
            self.marked.insert(key);
        }
        self.list.step(1);
    }

    /// Marks all listed sessions, or none if all are marked.
    fn toggle_all_marks(&mut self) {
        let listed: BTreeSet<_> =
            self.list.rows().iter().filter_map(ListRow::session).map(|session| session.key.clone()).collect();
        self.marked = if self.marked == listed { BTreeSet::new() } else { listed };
    }

    /// Returns the panes on a screen of `width` columns.
    pub fn panes(&self, width: u16, preview: PreviewSize, sessions: &Sessions) -> Panes {
        // Without sessions there is nothing to preview, and the empty state needs the room.
        let nothing = self.empty_state(sessions) == Some(EmptyState::NoSessions);
        Panes::of(width, if nothing { PreviewSize::HIDDEN } else { preview })
    }

    /// Returns the preview's transcript if it has the focus.
    pub fn focused_preview(&mut self) -> Option<&mut Reader> {
        let focused = self.focus == Pane::Preview;
        self.preview.reader_mut().filter(|_| focused)
    }

    /// Updates the preview after the selection moved, if the preview is visible.
    pub fn follow_selection(&mut self, ctx: &mut Ctx) {
        let panes = self.panes(ctx.size.0, *ctx.preview_size, ctx.sessions);
        // Without a file there is nothing to preview.
        let on_disk = |session: &&Arc<Session>| !session.path.as_os_str().is_empty() && panes.shows(Pane::Preview);
        let selected = self.list.session().filter(on_disk).map(|session| &session.key);
        ctx.effects.extend(self.preview.follow_selection(selected, ctx.tickets));
    }

    /// Notes that sessions, runs or their states changed. The rows are computed for the next frame, because many changes
    /// may come before it.
    pub fn sessions_changed(&mut self, ctx: &mut Ctx) {
        ctx.sessions.set_runs(ctx.runs);
        if ctx.sessions.note_ended_turns() {
            ctx.effects.push(Effect::SaveState { name: Sessions::UNSEEN, value: ctx.sessions.unseen_to_save() });
        }
        self.stale = true;
    }

    /// Computes the rows if they are stale. Returns true if they were.
    pub fn prepare_frame(&mut self, ctx: &mut Ctx) -> bool {
        if !self.stale {
            return false;
        }
        self.refresh(ctx.sessions);
        ctx.effects.extend(self.filter.refresh());
        self.follow_selection(ctx);
        true
    }

    /// Returns true if the rows do not show the latest changes yet.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// Applies a ranking for the quick filter.
    pub fn ranked(&mut self, query: String, keys: Vec<SessionKey>, ctx: &mut Ctx) {
        let before = self.filter.shown_query().map(str::to_owned);
        let (accepted, effects) = self.filter.set_ranking(query, keys);
        ctx.effects.extend(effects);
        if !accepted {
            return;
        }
        // A new query starts at its best match; a new ranking of the same query keeps the selection.
        if self.filter.shown_query() == before.as_deref() {
            self.refresh(ctx.sessions);
        } else {
            self.restart(ctx.sessions);
        }
        self.follow_selection(ctx);
    }

    /// Recomputes the sections if another day has begun.
    pub fn advance_clock(&mut self, now: Time, sessions: &Sessions) {
        if self.calendar.advance(now) {
            self.refresh(sessions);
        }
    }

    /// Updates focus and preview after a change of the terminal's size.
    pub fn resized(&mut self, ctx: &mut Ctx) {
        let panes = self.panes(ctx.size.0, *ctx.preview_size, ctx.sessions);
        self.refocus(panes);
        self.follow_selection(ctx);
    }

    /// Selects a session whose row may not be in the list yet. Returns false if it is not listed.
    pub fn select_new_row(&mut self, key: &SessionKey, sessions: &Sessions) -> bool {
        self.refresh(sessions);
        self.list.select(key)
    }

    /// Selects a session in the list; widens scope and filters if it is not listed.
    pub fn reveal(&mut self, key: &SessionKey, sessions: &Sessions) {
        if self.list.select(key) {
            return;
        }
        self.set_scope(ListScope::All);
        self.filter.clear();
        self.refresh(sessions);
        if !self.list.select(key) {
            self.show_hidden = true;
            self.refresh(sessions);
            self.list.select(key);
        }
    }

    fn rows(&mut self, sessions: &Sessions) -> Vec<ListRow> {
        self.stale = false;
        self.computations += 1;
        let all = || sessions.unsaved.iter().chain(sessions.catalog.iter());
        // Sessions of salon's runs are always listed, although some agents record them as headless.
        let own = sessions.states.keys().chain(&sessions.recorded).cloned().collect();
        let mut everywhere = CatalogFilter { show_hidden: self.show_hidden, own, ..CatalogFilter::default() };
        let containing = lineage::contained(&sessions.catalog, |session| everywhere.hides(session).is_none());
        self.copies.clear();
        for container in containing.values() {
            *self.copies.entry(container.clone()).or_default() += 1;
        }
        everywhere.contained = containing.into_keys().collect();
        let (mut waiting, mut unseen) = (0, 0);
        let mut elsewhere = Vec::new();
        let shown = all().filter_map(|session| {
            let state = sessions.state(session);
            if state == SessionState::NeedsYou && !sessions.states.contains_key(&session.key) {
                elsewhere.push(session.clone());
            }
            waiting += usize::from(state == SessionState::NeedsYou);
            let is_unseen = sessions.is_done_unseen(session);
            unseen += usize::from(is_unseen);
            everywhere.hides(session).is_none().then_some((session, state, is_unseen))
        });
        self.workspaces.count(shown, self.here.as_ref());
        elsewhere.sort_by_key(|session| session.last_activity);
        (self.waiting, self.unseen, self.waiting_elsewhere) = (waiting, unseen, elsewhere);
        self.parents = all().filter_map(|session| Some((session.key.agent, session.parent.clone()?))).collect();
        let filter = CatalogFilter { workspace: self.workspaces.selected().cloned(), ..everywhere };
        let mut view = sessions.catalog.view(&filter, self.sort);
        for session in sessions.unsaved.iter().rev() {
            match filter.hides(session) {
                Some(reason) => view.hidden.add(reason),
                None => view.sessions.insert(0, session.clone()),
            }
        }
        self.hidden = view.hidden;
        let rows = if self.filter.is_active() && !self.filter.is_waiting() {
            self.matches(view.sessions, sessions)
        } else {
            self.sections(view.sessions, sessions)
        };
        self.shown = rows.iter().filter(|row| row.session().is_some()).count();
        rows
    }

    /// Returns the matches of the quick filter, best first. Without sections, which would break up the ranking.
    fn matches(&self, listed: Vec<Arc<Session>>, sessions: &Sessions) -> Vec<ListRow> {
        let mut ranked: Vec<_> =
            listed.into_iter().filter_map(|session| Some((self.filter.rank(&session.key)?, session))).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().flat_map(|(_, session)| rows_of(session, sessions)).collect()
    }

    /// Groups rows into sections by urgency and day, each with a heading and count. Within a section the order stays.
    fn sections(&self, listed: Vec<Arc<Session>>, sessions: &Sessions) -> Vec<ListRow> {
        let section = |session: &Session| {
            let state = sessions.state(session);
            ListSection::of_state(state, sessions.is_done_unseen(session)).unwrap_or(match self.sort {
                Sort::Activity => self.calendar.section(session.last_activity),
                Sort::Started | Sort::Turns | Sort::Tokens | Sort::Size | Sort::Title => ListSection::Past,
            })
        };
        let mut found: Vec<_> = listed.into_iter().map(|session| (section(&session), session)).collect();
        // The sort is stable, so that within a section the order stays.
        found.sort_by_key(|(section, _)| section.rank());
        let mut rows = Vec::with_capacity(found.len() + 8);
        for same in found.chunk_by(|(a, _), (b, _)| a == b) {
            rows.extend(same.first().map(|(section, _)| ListRow::Section(*section, same.len())));
            rows.extend(same.iter().flat_map(|(_, session)| rows_of(session.clone(), sessions)));
        }
        rows
    }
}

/// Returns the row of a session, with a second line if it needs the user or works and the reason is known.
fn rows_of(session: Arc<Session>, sessions: &Sessions) -> impl Iterator<Item = ListRow> {
    let state = sessions.state(&session);
    let detail = sessions.has_detail(&session.key, state).then(|| ListRow::Detail(session.clone(), state));
    std::iter::once(ListRow::Session(session, state)).chain(detail)
}
