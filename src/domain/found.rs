//! What a search found: sessions, best first, each with its best places.

use std::ops::Range;
use std::sync::Arc;

use super::query::Part;
use super::{Key, Session, SessionKey};

/// A session in which something was found.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The session.
    pub session: Arc<Session>,
    /// How well it fits; only to be compared within one answer.
    pub score: f32,
    /// How many texts hold what was looked for.
    pub count: usize,
    /// The best places, best first. Empty where only filters were asked, and far down in a long answer.
    pub snippets: Vec<Snippet>,
}

/// A place in a session where something was found, with what stands around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Snippet {
    /// Where.
    pub place: Place,
    /// What kind of text it stands in.
    pub part: Part,
    /// What stands there, made harmless.
    pub text: String,
    /// What was looked for: ranges of bytes in `text`, ascending.
    pub ranges: Vec<Range<usize>>,
}

/// Leads to an entry of a transcript.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The session's title.
    Title,
    /// The entry with this key; for a tool's output the one whose tool has this id.
    Entry {
        /// The key.
        key: Key,
        /// The tool call's id; empty where the key alone leads there.
        call: Arc<str>,
    },
}

/// Order of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Best first.
    #[default]
    Relevance,
    /// Newest activity first.
    Time,
    /// Largest first.
    Size,
    /// Most turns first.
    Turns,
}

impl Order {
    /// All of them, in the order in which a key cycles through them.
    pub const ALL: [Self; 4] = [Self::Relevance, Self::Time, Self::Size, Self::Turns];

    /// The word used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relevance => "relevance",
            Self::Time => "time",
            Self::Size => "size",
            Self::Turns => "turns",
        }
    }

    /// Orders two hits; ties by newest activity, then by key, so that the order is always the same.
    pub fn compare(self, a: &Hit, b: &Hit) -> std::cmp::Ordering {
        let first = match self {
            Self::Relevance => b.score.total_cmp(&a.score),
            Self::Time => std::cmp::Ordering::Equal,
            Self::Size => b.session.bytes.cmp(&a.session.bytes),
            Self::Turns => b.session.turns.cmp(&a.session.turns),
        };
        let (a, b) = (&a.session, &b.session);
        first.then_with(|| b.last_activity.cmp(&a.last_activity)).then_with(|| a.key.cmp(&b.key))
    }
}

/// What a search tells while it runs.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// New hits, and those that became better or more; each replaces the one of the same session.
    pub hits: Vec<Hit>,
    /// How far it is.
    pub reach: Reach,
    /// The words that were looked for instead, where nothing held what was asked: what was asked, what was meant.
    pub instead: Vec<(String, String)>,
}

/// How far a search is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Sessions that were looked through.
    pub sessions: usize,
    /// Bytes that were looked through.
    pub bytes: u64,
    /// All talk that is stored was.
    pub talk: bool,
    /// Everything was.
    pub complete: bool,
}

/// An answer as it grows.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The hits, in order.
    pub hits: Vec<Hit>,
    /// How far the search is.
    pub reach: Reach,
    /// See [`Found::instead`].
    pub instead: Vec<(String, String)>,
}

impl Answer {
    /// Takes news in, keeping the order.
    pub fn apply(&mut self, found: Found, order: Order) {
        if !found.hits.is_empty() {
            let fresh: std::collections::HashSet<&SessionKey> = found.hits.iter().map(|hit| &hit.session.key).collect();
            self.hits.retain(|hit| !fresh.contains(&hit.session.key));
            self.hits.extend(found.hits);
            self.hits.sort_by(|a, b| order.compare(a, b));
        }
        self.reach = found.reach;
        if !found.instead.is_empty() {
            self.instead = found.instead;
        }
    }
}
