//! Catalog of all indexed sessions, and the filtered, sorted views that lists show.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::annotation::AnnotationEdit;
use super::{Agent, Issue, Session, SessionKey, SessionState, Time};

/// Update of the catalog: the difference from the previous update.
#[derive(Clone, Debug, Default)]
pub struct CatalogChange {
    /// New or changed sessions.
    pub sessions: Vec<Arc<Session>>,
    /// Keys of removed sessions.
    pub removed: Vec<SessionKey>,
    /// All current issues, if they changed.
    pub issues: Option<Vec<Issue>>,
    /// Progress of the index, if it changed.
    pub progress: Option<IndexProgress>,
}

/// Progress of the index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexProgress {
    /// Number of sources that are summarised.
    pub done: usize,
    /// Number of sources found; equal to `done` when every source is read.
    pub total: usize,
}

/// Sort key of the catalog: newest activity first, then by session key.
type SortKey = (Reverse<Option<Time>>, SessionKey);

fn sort_key(session: &Session) -> SortKey {
    (Reverse(session.last_activity), session.key.clone())
}

/// All indexed sessions.
#[derive(Debug, Default)]
pub struct Catalog {
    sessions: HashMap<SessionKey, Arc<Session>>,
    /// Sessions by newest activity. The sorted map makes a list by one traversal, without sorting at each change.
    newest: BTreeMap<SortKey, Arc<Session>>,
    /// Files and records that could not be read.
    pub issues: Vec<Issue>,
    /// Progress of the index.
    pub progress: IndexProgress,
}

impl Catalog {
    /// Applies an update.
    pub fn apply(&mut self, change: CatalogChange) {
        for key in &change.removed {
            if let Some(removed) = self.sessions.remove(key) {
                self.newest.remove(&sort_key(&removed));
            }
        }
        for session in change.sessions {
            if let Some(before) = self.sessions.insert(session.key.clone(), session.clone()) {
                self.newest.remove(&sort_key(&before));
            }
            self.newest.insert(sort_key(&session), session);
        }
        if let Some(issues) = change.issues {
            self.issues = issues;
        }
        if let Some(progress) = change.progress {
            self.progress = progress;
        }
    }

    /// Applies a change of a session's annotation, before the index confirms it. Returns false for an unknown session.
    pub fn annotate(&mut self, key: &SessionKey, edit: &AnnotationEdit) -> bool {
        let Some(session) = self.sessions.get(key) else { return false };
        let mut annotation = session.annotation().cloned().unwrap_or_default();
        annotation.apply(edit);
        let mut session = Session::clone(session);
        session.annotate(Arc::new(annotation));
        self.apply(CatalogChange { sessions: vec![Arc::new(session)], ..CatalogChange::default() });
        true
    }

    /// Returns a session by its key.
    pub fn get(&self, key: &SessionKey) -> Option<&Arc<Session>> {
        self.sessions.get(key)
    }

    /// Iterates over all sessions, newest activity first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.newest.values()
    }

    /// Number of sessions.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Returns true if the catalog contains no session.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Returns the sessions that pass a filter, sorted, with the counts of the hidden ones.
    pub fn view(&self, filter: &CatalogFilter, sort: Sort) -> CatalogView {
        CatalogView::new(self.iter(), filter, sort)
    }
}

/// Criteria of a session list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CatalogFilter {
    /// Workspace to show; sessions of others are counted as hidden *elsewhere*.
    pub workspace: Option<Arc<str>>,
    /// Show the sessions that are hidden by default.
    pub show_hidden: bool,
    /// Sessions of salon's runs, which are shown whatever their flags are.
    pub own: HashSet<SessionKey>,
    /// Sessions that another one contains, see [`lineage`](super::lineage). They are hidden while they are past.
    pub contained: HashSet<SessionKey>,
    /// Agents to include; empty means all.
    pub agents: Vec<Agent>,
    /// Directory in or below which a session must have started.
    pub dir: Option<String>,
    /// Inclusive lower bound of the last activity.
    pub since: Option<Time>,
    /// Exclusive upper bound of the last activity.
    pub until: Option<Time>,
}

impl CatalogFilter {
    /// Returns true if a session belongs to the list. Sessions outside it are not counted as hidden either.
    pub fn admits(&self, session: &Session) -> bool {
        let active = session.last_activity.unwrap_or_default();
        (self.agents.is_empty() || self.agents.contains(&session.key.agent))
            && self.dir.as_deref().is_none_or(|dir| std::path::Path::new(&*session.cwd).starts_with(dir))
            && self.since.is_none_or(|since| active >= since)
            && self.until.is_none_or(|until| active < until)
    }

    /// Returns the reason for hiding a session that belongs to the list; the strongest reason wins.
    pub fn hides(&self, session: &Session) -> Option<HiddenReason> {
        let elsewhere = self.workspace.as_ref().is_some_and(|workspace| *workspace != session.workspace);
        // Waiting and working sessions are always shown, but not in another workspace's list.
        if elsewhere {
            let is_hidden = self.hides_anywhere(session).is_some();
            return Some(if is_hidden { HiddenReason::HiddenElsewhere } else { HiddenReason::Elsewhere });
        }
        self.hides_anywhere(session)
    }

    /// Returns the reason for hiding a session whatever its workspace.
    fn hides_anywhere(&self, session: &Session) -> Option<HiddenReason> {
        if self.show_hidden || self.own.contains(&session.key) {
            return None;
        }
        match session.flags {
            flags if flags.subagent => Some(HiddenReason::Subagent),
            flags if flags.purged => Some(HiddenReason::Purged),
            flags if flags.empty && !flags.unreadable => Some(HiddenReason::Empty),
            flags if flags.archived => Some(HiddenReason::Archived),
            flags if flags.headless && session.state == SessionState::Past => Some(HiddenReason::Headless),
            _ if session.state == SessionState::Past && self.contained.contains(&session.key) => {
                Some(HiddenReason::Copy)
            }
            _ => None,
        }
    }
}

/// Reason for hiding a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HiddenReason {
    /// The session belongs to a sub-agent.
    Subagent,
    /// The session was started without a person, for example with `-p`.
    Headless,
    /// The session contains nothing to show.
    Empty,
    /// The session is archived in its agent.
    Archived,
    /// The session was deleted by its agent, and only its prompts are left.
    Purged,
    /// Another session contains all of its conversation.
    Copy,
    /// The session belongs to another workspace.
    Elsewhere,
    /// The session belongs to another workspace, whose list hides it too.
    HiddenElsewhere,
}

/// Numbers of hidden sessions by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HiddenCounts {
    /// Sub-agents.
    pub subagent: usize,
    /// Headless sessions.
    pub headless: usize,
    /// Empty sessions.
    pub empty: usize,
    /// Archived sessions.
    pub archived: usize,
    /// Sessions of which only prompts are left.
    pub purged: usize,
    /// Sessions that another one contains.
    pub copies: usize,
    /// Sessions that the lists of other workspaces show.
    pub elsewhere: usize,
    /// Sessions that the lists of other workspaces hide.
    pub hidden_elsewhere: usize,
}

impl HiddenCounts {
    /// Returns the counts with the plural nouns of their reasons, without the sessions of other workspaces.
    pub fn by_reason(&self) -> [(usize, &'static str); 6] {
        [
            (self.subagent, "sub-agents"),
            (self.headless, "headless"),
            (self.empty, "empty"),
            (self.archived, "archived"),
            (self.purged, "deleted"),
            (self.copies, "copies"),
        ]
    }

    /// Adds one session to the count of its reason.
    pub fn add(&mut self, reason: HiddenReason) {
        match reason {
            HiddenReason::Subagent => self.subagent += 1,
            HiddenReason::Headless => self.headless += 1,
            HiddenReason::Empty => self.empty += 1,
            HiddenReason::Archived => self.archived += 1,
            HiddenReason::Purged => self.purged += 1,
            HiddenReason::Copy => self.copies += 1,
            HiddenReason::Elsewhere => self.elsewhere += 1,
            HiddenReason::HiddenElsewhere => self.hidden_elsewhere += 1,
        }
    }

    /// Sum over all reasons.
    pub fn total(self) -> usize {
        let here: usize = self.by_reason().iter().map(|(count, _)| count).sum();
        here + self.elsewhere()
    }

    /// Number of sessions of other workspaces.
    pub fn elsewhere(self) -> usize {
        self.elsewhere + self.hidden_elsewhere
    }
}

/// Sort order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Newest activity first.
    #[default]
    Activity,
    /// Newest start first.
    Started,
    /// Most turns first.
    Turns,
    /// Most tokens first.
    Tokens,
    /// Largest first.
    Size,
    /// Alphabetical by title.
    Title,
}

impl Sort {
    /// Every order, in the sequence through which a key cycles.
    pub const ALL: [Self; 6] = [Self::Activity, Self::Started, Self::Turns, Self::Tokens, Self::Size, Self::Title];

    /// Identifier in the configuration and on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Started => "started",
            Self::Turns => "turns",
            Self::Tokens => "tokens",
            Self::Size => "size",
            Self::Title => "title",
        }
    }

    /// Description of the order.
    pub fn label(self) -> &'static str {
        match self {
            Self::Activity => "newest first",
            Self::Started => "latest start first",
            Self::Turns => "most turns first",
            Self::Tokens => "most tokens first",
            Self::Size => "largest first",
            Self::Title => "by title",
        }
    }

    /// Compares two sessions; ties are resolved by newest activity, then by key, so that the order is total.
    pub fn compare(self, a: &Session, b: &Session) -> Ordering {
        let first = match self {
            Self::Title => title(a).cmp(&title(b)),
            Self::Activity | Self::Started | Self::Turns | Self::Tokens | Self::Size => self.compare_numbers(a, b),
        };
        first.then_with(|| (Reverse(a.last_activity), &a.key).cmp(&(Reverse(b.last_activity), &b.key)))
    }

    /// Sorts sessions that arrive by newest activity.
    fn arrange(self, sessions: &mut [Arc<Session>]) {
        match self {
            Self::Activity => {}
            Self::Title => sessions.sort_by_cached_key(|session| title(session)),
            Self::Started | Self::Turns | Self::Tokens | Self::Size => {
                sessions.sort_by(|a, b| self.compare_numbers(a, b));
            }
        }
    }

    /// Compares the numeric attributes; returns equal for the orders by another attribute.
    fn compare_numbers(self, a: &Session, b: &Session) -> Ordering {
        match self {
            Self::Activity | Self::Title => Ordering::Equal,
            Self::Started => b.started_at.cmp(&a.started_at),
            Self::Turns => b.turns.cmp(&a.turns),
            Self::Tokens => b.tokens.total().cmp(&a.tokens.total()),
            Self::Size => b.bytes.cmp(&a.bytes),
        }
    }
}

/// Title as a sort key.
fn title(session: &Session) -> String {
    session.title.text.to_lowercase()
}

/// Sorted sessions and the counts of the hidden ones.
#[derive(Clone, Debug, Default)]
pub struct CatalogView {
    /// Visible sessions.
    pub sessions: Vec<Arc<Session>>,
    /// Hidden sessions, counted by reason.
    pub hidden: HiddenCounts,
}

impl CatalogView {
    /// Filters and sorts sessions that arrive by newest activity.
    pub fn new<'a>(newest: impl IntoIterator<Item = &'a Arc<Session>>, filter: &CatalogFilter, sort: Sort) -> Self {
        let mut view = Self::default();
        for session in newest.into_iter().filter(|session| filter.admits(session)) {
            match filter.hides(session) {
                Some(reason) => view.hidden.add(reason),
                None => view.sessions.push(session.clone()),
            }
        }
        sort.arrange(&mut view.sessions);
        view
    }
}
