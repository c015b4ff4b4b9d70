//! All sessions that are known, and the views of them that lists show.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::{Agent, Issue, Session, SessionKey, State, Time};

/// What changed in the catalog since the last change.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// New or changed sessions.
    pub sessions: Vec<Arc<Session>>,
    /// Sessions that are gone.
    pub removed: Vec<SessionKey>,
    /// All issues as they stand now, if they changed.
    pub issues: Option<Vec<Issue>>,
    /// How far the index is, if that changed.
    pub progress: Option<Progress>,
}

/// How far the index is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Units summarised.
    pub done: usize,
    /// Units found; equal to `done` when everything is read.
    pub total: usize,
}

/// Where a session stands among all: by newest activity, then by key.
type Place = (Reverse<Option<Time>>, SessionKey);

fn place(session: &Session) -> Place {
    (Reverse(session.last_activity), session.key.clone())
}

/// All sessions that are known.
#[derive(Debug, Default)]
pub struct Catalog {
    sessions: HashMap<SessionKey, Arc<Session>>,
    /// The same, newest activity first: a list is made by going through them once, not by sorting them at each change.
    newest: BTreeMap<Place, Arc<Session>>,
    /// What could not be read.
    pub issues: Vec<Issue>,
    /// How far the index is.
    pub progress: Progress,
}

impl Catalog {
    /// Takes a change in.
    pub fn apply(&mut self, change: Change) {
        for key in &change.removed {
            if let Some(gone) = self.sessions.remove(key) {
                self.newest.remove(&place(&gone));
            }
        }
        for session in change.sessions {
            if let Some(before) = self.sessions.insert(session.key.clone(), session.clone()) {
                self.newest.remove(&place(&before));
            }
            self.newest.insert(place(&session), session);
        }
        if let Some(issues) = change.issues {
            self.issues = issues;
        }
        if let Some(progress) = change.progress {
            self.progress = progress;
        }
    }

    /// A session by its key.
    pub fn get(&self, key: &SessionKey) -> Option<&Arc<Session>> {
        self.sessions.get(key)
    }

    /// All sessions, newest activity first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.newest.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// The sessions that pass a filter, in order, and the count of those that are hidden.
    pub fn view(&self, filter: &Filter, sort: Sort) -> View {
        View::new(self.iter(), filter, sort)
    }
}

/// Which sessions a list is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Only this workspace; others are counted as hidden *elsewhere*.
    pub workspace: Option<Arc<str>>,
    /// Show what is hidden by default.
    pub show_hidden: bool,
    /// Sessions of runs of this salon: shown whatever they are.
    pub own: HashSet<SessionKey>,
    /// Only these agents; none named: all.
    pub agents: Vec<Agent>,
    /// Only sessions that began in this directory or below.
    pub dir: Option<String>,
    /// Only sessions active at or after.
    pub since: Option<Time>,
    /// Only sessions active before.
    pub until: Option<Time>,
}

impl Filter {
    /// Whether a session belongs to what was asked for at all (what does not is not counted either).
    pub fn admits(&self, session: &Session) -> bool {
        let active = session.last_activity.unwrap_or_default();
        (self.agents.is_empty() || self.agents.contains(&session.key.agent))
            && self.dir.as_deref().is_none_or(|dir| std::path::Path::new(&*session.cwd).starts_with(dir))
            && self.since.is_none_or(|since| active >= since)
            && self.until.is_none_or(|until| active < until)
    }

    /// Why a session that belongs to it is not shown, if it is not. One reason each: the strongest.
    pub fn hides(&self, session: &Session) -> Option<Hidden> {
        let elsewhere = self.workspace.as_ref().is_some_and(|workspace| *workspace != session.workspace);
        // A session that waits or works is shown whatever it is, but not in another workspace's list.
        if elsewhere {
            return Some(Hidden::Elsewhere);
        }
        if self.show_hidden || self.own.contains(&session.key) {
            return None;
        }
        match session.flags {
            flags if flags.subagent => Some(Hidden::Subagent),
            flags if flags.empty && !flags.unreadable => Some(Hidden::Empty),
            flags if flags.archived => Some(Hidden::Archived),
            flags if flags.headless && session.state == State::Past => Some(Hidden::Headless),
            _ => None,
        }
    }
}

/// Why a session is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// A sub-agent's.
    Subagent,
    /// Started without a person.
    Headless,
    /// Nothing to show.
    Empty,
    /// Archived in its agent.
    Archived,
    /// In another workspace.
    Elsewhere,
}

/// How many sessions are hidden, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HiddenCounts {
    /// Sub-agents.
    pub subagent: usize,
    /// Headless ones.
    pub headless: usize,
    /// Empty ones.
    pub empty: usize,
    /// Archived ones.
    pub archived: usize,
    /// Those of other workspaces.
    pub elsewhere: usize,
}

impl HiddenCounts {
    /// Counts one.
    pub fn count(&mut self, reason: Hidden) {
        match reason {
            Hidden::Subagent => self.subagent += 1,
            Hidden::Headless => self.headless += 1,
            Hidden::Empty => self.empty += 1,
            Hidden::Archived => self.archived += 1,
            Hidden::Elsewhere => self.elsewhere += 1,
        }
    }

    /// All together.
    pub fn total(self) -> usize {
        self.subagent + self.headless + self.empty + self.archived + self.elsewhere
    }
}

/// Order of a list.
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
    /// By title.
    Title,
}

impl Sort {
    /// All of them, in the order in which a key cycles through them.
    pub const ALL: [Self; 6] = [Self::Activity, Self::Started, Self::Turns, Self::Tokens, Self::Size, Self::Title];

    /// Its word in the configuration and on the screen.
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

    /// Orders two sessions; ties by newest activity, then by key, so that the order is always the same.
    pub fn compare(self, a: &Session, b: &Session) -> Ordering {
        let first = match self {
            Self::Title => title(a).cmp(&title(b)),
            Self::Activity | Self::Started | Self::Turns | Self::Tokens | Self::Size => self.compare_numbers(a, b),
        };
        first.then_with(|| (Reverse(a.last_activity), &a.key).cmp(&(Reverse(b.last_activity), &b.key)))
    }

    /// Brings sessions that stand by newest activity into this order.
    fn arrange(self, sessions: &mut [Arc<Session>]) {
        match self {
            Self::Activity => {}
            Self::Title => sessions.sort_by_cached_key(|session| title(session)),
            Self::Started | Self::Turns | Self::Tokens | Self::Size => {
                sessions.sort_by(|a, b| self.compare_numbers(a, b));
            }
        }
    }

    /// By what is cheap to compare; equal where the order is by something else.
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

/// A title as lists are ordered by it.
fn title(session: &Session) -> String {
    session.title.text.to_lowercase()
}

/// Sessions in order, and what is hidden.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The visible ones.
    pub sessions: Vec<Arc<Session>>,
    /// The others, counted.
    pub hidden: HiddenCounts,
}

impl View {
    /// Of sessions that come by newest activity those that pass a filter, in order.
    pub fn new<'a>(newest: impl IntoIterator<Item = &'a Arc<Session>>, filter: &Filter, sort: Sort) -> Self {
        let mut view = Self::default();
        for session in newest.into_iter().filter(|session| filter.admits(session)) {
            match filter.hides(session) {
                Some(reason) => view.hidden.count(reason),
                None => view.sessions.push(session.clone()),
            }
        }
        sort.arrange(&mut view.sessions);
        view
    }
}
