//! The search screen's state: the line that is typed, what was found, which of it is selected, and its preview.
//!
//! What is found comes as [`Found`] news with the query that they answer; news of an older query are dropped. The
//! words are looked for elsewhere: nothing here reads a transcript.

pub mod completing;
pub mod kept;
pub mod results;

mod keys;
mod walk;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use completing::{Completing, Counting};
pub use kept::{History, View};
pub use results::{Results, Row};

use super::home::preview::Preview;
use super::input::Input;
use super::reader::Stand;
use super::{Effect, Ticket, Tickets};
use crate::domain::catalog::{Catalog, Change};
use crate::domain::found::{Answer, Found, Hit, Order, Place, Reach};
use crate::domain::query::Query;
use crate::domain::query::jump::Jump;
use crate::domain::{Session, SessionKey};

/// The search screen.
#[derive(Debug, Default)]
pub struct Search {
    /// The line.
    pub input: Input,
    /// What the keys go to.
    pub focus: Focus,
    /// What was found.
    pub results: Results,
    /// The transcript of the selected session.
    pub preview: Preview,
    /// Completions of the word under the cursor, while they are chosen from.
    pub completing: Option<Completing>,
    /// Values that are being counted, to complete the word under the cursor.
    pub counting: Option<Counting>,
    /// The name of a view that is being saved, while it is typed.
    pub naming: Option<Input>,
    /// What was typed, as it is understood.
    query: Query,
    /// The query of the search that runs or is done; `None`: nothing is searched for.
    asked: Option<String>,
    /// The line names a session, so that nothing is looked for in it.
    named: bool,
    /// Everything was looked through.
    complete: bool,
    /// What was looked through, when everything was asked last.
    reach: Reach,
    /// Only some sessions are asked about.
    partial: bool,
    /// Sessions that changed since; asked about once the search under way is complete.
    changed: BTreeSet<SessionKey>,
    /// How many of them nobody knew before.
    fresh: usize,
    /// Only of these was asked again; those of them that do not answer hold it no more.
    again: BTreeSet<SessionKey>,
    /// How many of them are looked through for the first time.
    first: usize,
    /// Sessions that were asked for their places: those far down come without.
    detailed: BTreeSet<SessionKey>,
    /// Place in the history of what is in the line.
    recalled: Option<usize>,
    aimed: Option<Aim>,
}

/// What the keys of the search screen go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    /// The line.
    #[default]
    Line,
    /// The results, where letters are keys.
    Results,
}

/// What the preview's transcript stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Aim {
    ticket: Ticket,
    query: String,
    place: Option<Place>,
}

impl Search {
    /// A search for a query, in an order.
    pub fn open(query: &str, order: Order, catalog: &Catalog) -> (Self, Vec<Effect>) {
        let mut search = Self::default();
        search.results.order = order;
        search.input.set(query);
        let mut effects = search.typed(catalog);
        if effects.is_empty() {
            // Nothing is sought yet, but will be.
            effects.push(Effect::Search { query: String::new(), order, within: None });
        }
        (search, effects)
    }

    /// What was typed, as it is understood.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Something is searched for.
    pub fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Everything was looked through.
    pub fn is_complete(&self) -> bool {
        self.complete || self.partial
    }

    /// What was looked through.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// The line changed: everything is searched anew. A session that is named by its id, a command or its file is all
    /// that is found.
    pub fn typed(&mut self, catalog: &Catalog) -> Vec<Effect> {
        let text = self.input.text().trim().to_owned();
        self.query = Query::parse(self.input.text());
        self.recalled = None;
        if self.asked.as_deref() == Some(text.as_str()) {
            return Vec::new();
        }
        self.complete = false;
        self.partial = false;
        self.reach = Reach::default();
        self.changed.clear();
        (self.fresh, self.first) = (0, 0);
        self.again.clear();
        self.detailed.clear();
        let cancel = Effect::Search { query: String::new(), order: self.results.order, within: None };
        let hit = named(&text, catalog);
        self.named = hit.is_some();
        if let Some(hit) = hit {
            self.asked = Some(text);
            self.complete = true;
            self.reach = Reach { sessions: 1, bytes: 0, talk: true, complete: true };
            self.results.restart(Answer { hits: vec![hit], ..Answer::default() });
            return vec![cancel];
        }
        if self.query.is_empty() {
            self.results.restart(Answer::default());
            return self.asked.take().map(|_| cancel).into_iter().collect();
        }
        self.results.expect();
        self.asked = Some(text.clone());
        vec![Effect::Search { query: text, order: self.results.order, within: None }]
    }

    /// Takes news of a search in, if they answer the line as it stands.
    pub fn found(&mut self, query: &str, found: Found) -> Vec<Effect> {
        if self.asked.as_deref() != Some(query) {
            return Vec::new();
        }
        self.complete = found.reach.complete;
        if !self.partial {
            self.reach = found.reach;
        } else if self.complete && self.first > 0 {
            self.reach.sessions += std::mem::take(&mut self.first).min(found.reach.sessions);
            self.reach.bytes += found.reach.bytes;
        }
        for hit in &found.hits {
            self.again.remove(&hit.session.key);
        }
        self.results.take(found);
        if !self.complete {
            return Vec::new();
        }
        let gone = std::mem::take(&mut self.again);
        self.results.forget(&gone);
        self.ask_again()
    }

    /// Sessions came, changed or went; `catalog` has those of before.
    pub fn sessions_changed(&mut self, change: &Change, catalog: &Catalog) -> Vec<Effect> {
        self.results.forget(&change.removed.iter().cloned().collect());
        if self.asked.is_none() || self.query.is_empty() || self.named {
            return Vec::new();
        }
        let changed = change.sessions.iter().map(|session| &session.key);
        self.fresh += changed.clone().filter(|key| catalog.get(key).is_none()).count();
        self.changed.extend(changed.cloned());
        if self.complete { self.ask_again() } else { Vec::new() }
    }

    /// Another order; what is found already is ordered at once.
    pub fn next_order(&mut self) -> Vec<Effect> {
        let now = Order::ALL.iter().position(|order| *order == self.results.order).unwrap_or(0);
        self.results.reorder(Order::ALL[(now + 1) % Order::ALL.len()]);
        let asks_texts = !self.query.is_empty() && !self.named;
        let Some(query) = self.asked.clone().filter(|_| asks_texts) else { return Vec::new() };
        self.complete = false;
        self.partial = false;
        self.first = 0;
        self.again.clear();
        self.detailed.clear();
        vec![Effect::Search { query, order: self.results.order, within: None }]
    }

    /// The selection may have moved: the preview follows where it is shown, and stands on the hit.
    pub fn follow(&mut self, shown: bool, tickets: &mut Tickets) -> Vec<Effect> {
        let key = self.results.key().cloned().filter(|_| shown);
        let mut effects = self.preview.follow(key.as_ref(), tickets);
        effects.extend(self.aim());
        effects.extend(self.ask_for_places());
        effects
    }

    /// Lets the preview's transcript stand on the selected hit, once the line as it stands has one: looking through a
    /// transcript would only hold up its answer.
    pub fn aim(&mut self) -> Vec<Effect> {
        if self.results.is_older() {
            return Vec::new();
        }
        let (query, place) = (self.sought(), self.results.place().cloned());
        let Some(key) = self.results.key().cloned() else { return Vec::new() };
        let Some(reader) = self.preview.reader_mut().filter(|reader| reader.key == key) else { return Vec::new() };
        let aim = Aim { ticket: reader.ticket, query, place };
        if self.aimed.as_ref() == Some(&aim) {
            return Vec::new();
        }
        let stand = aim.place.clone().map_or(Stand::First, Stand::Place);
        let effects = reader.seek(&aim.query, stand);
        self.aimed = Some(aim);
        effects
    }

    /// The preview's transcript was changed elsewhere: it has to be aimed anew.
    pub fn lose_aim(&mut self) {
        self.aimed = None;
    }

    /// The query whose words are marked: with the words that were found instead, where there are such.
    pub fn sought(&self) -> String {
        if self.named {
            return String::new();
        }
        let query = self.asked.clone().unwrap_or_default();
        self.results.answer().instead.iter().fold(query, |query, (asked, meant)| query.replace(asked, meant))
    }

    /// What changed is asked about, once all else is answered.
    fn ask_again(&mut self) -> Vec<Effect> {
        let Some(query) = self.asked.clone().filter(|_| !self.changed.is_empty()) else { return Vec::new() };
        self.again = std::mem::take(&mut self.changed);
        self.first = std::mem::take(&mut self.fresh);
        let within = self.again.iter().cloned().collect();
        self.ask_of(query, within)
    }

    /// Of a long answer only the first come with their places; the others are asked for when they come near.
    fn ask_for_places(&mut self) -> Vec<Effect> {
        let Some(query) = self.asked.clone().filter(|_| self.complete && !self.results.is_older()) else {
            return Vec::new();
        };
        let missing = self.results.without_places().filter(|key| !self.detailed.contains(*key));
        let within: Vec<_> = missing.cloned().collect();
        if within.is_empty() {
            return Vec::new();
        }
        self.detailed.extend(within.iter().cloned());
        self.ask_of(query, within)
    }

    fn ask_of(&mut self, query: String, within: Vec<SessionKey>) -> Vec<Effect> {
        self.complete = false;
        self.partial = true;
        vec![Effect::Search { query, order: self.results.order, within: Some(within) }]
    }
}

/// The session that a pasted id, resume command or path names, as a hit.
fn named(text: &str, catalog: &Catalog) -> Option<Hit> {
    let jump = Jump::recognise(text)?;
    let names = |session: &&Arc<Session>| match &jump {
        // The home directory is not known here; the rest of the path tells enough.
        Jump::Path(path) if path.starts_with("~") => {
            path.strip_prefix("~").is_ok_and(|rest| session.path.ends_with(rest))
        }
        Jump::Path(_) | Jump::Id(..) => jump.names(session, std::path::Path::new("")),
    };
    let session = catalog.iter().find(names)?.clone();
    Some(Hit { session, score: 0.0, count: 0, snippets: Vec::new() })
}
