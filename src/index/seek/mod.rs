//! The search at work beside the engine: queries on threads of their own, the upkeep of the stored talk on another.
//!
//! A newer query cancels the older; one within some sessions only (they changed, or their places are wanted) cancels
//! nothing. The engine never waits: it hands over what there is to search, and is told what was found.

mod ask;
mod count;
mod upkeep;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

pub(super) use self::ask::Ask;
pub(super) use self::upkeep::Kept;
use super::message::{Event, Sought};
use super::options::{Options, search_dir};
use super::search::{Cancel, Corpus, Latest, Search};
use crate::domain::Issue;
use crate::domain::catalog::Progress;
use crate::domain::query::Field;

/// All that searches.
pub(super) struct Seek {
    dir: Option<PathBuf>,
    search: Arc<Search>,
    events: tokio::sync::mpsc::Sender<Event>,
    asks: Sender<Ask>,
    newest: Latest,
    cancel: Cancel,
    counted: Latest,
    upkeep: Sender<Arc<Corpus>>,
    ending: Latest,
    state: State,
    /// How far the talk is stored, until it is told.
    pub indexed: Option<Progress>,
    told: Option<Progress>,
    /// Why the talk cannot be stored, if it cannot.
    pub issue: Option<Issue>,
}

/// What the upkeep is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// Something may have changed since it last began.
    behind: bool,
    /// It is at work.
    running: bool,
    /// It was done once.
    begun: bool,
}

/// When the stored talk is to be brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upkeep {
    /// Nothing is to be done.
    Rest,
    /// At once: nothing is stored yet, as far as is known.
    Now,
    /// When some more may have come.
    Soon,
}

impl Seek {
    /// Starts the threads. They end with this value, or when nobody takes the answers any more.
    pub fn start(
        options: &Options,
        events: &tokio::sync::mpsc::Sender<Event>,
        kept: impl Fn(Kept) + Clone + Send + 'static,
    ) -> Self {
        let dir = options.cache_dir.as_deref().map(search_dir);
        let search = Arc::new(dir.as_deref().map_or_else(Search::detached, Search::open));
        let asks = ask::start(search.clone(), ask::Surroundings::new(options), events.clone());
        let (newest, ending) = (Latest::default(), Latest::default());
        let upkeep = upkeep::start(search.clone(), ending.begin(), options.clock, kept);
        Self {
            dir,
            search,
            events: events.clone(),
            asks,
            cancel: newest.begin(),
            newest,
            counted: Latest::default(),
            upkeep,
            ending,
            state: State::default(),
            indexed: None,
            told: None,
            issue: None,
        }
    }

    /// Searches; `corpus` gives what there is.
    pub fn ask(&mut self, sought: Sought, corpus: Arc<Corpus>) {
        // A store that was left behind by an earlier salon, or damaged, is seen to when it is needed.
        self.state.behind |= !self.state.begun;
        let ask = Ask { sought, corpus, cancel: self.cancel.clone() };
        // The threads end only with this value, or when nobody takes answers.
        drop(self.asks.send(ask));
    }

    /// Gives up whatever is searched, before another query is asked.
    pub fn cancel(&mut self) {
        self.cancel = self.newest.begin();
        self.counted.cancel();
    }

    /// Counts the values of a filter, beside whatever is searched.
    pub fn count(&mut self, field: Field, typed: String, corpus: Arc<Corpus>) {
        let cancel = self.counted.begin();
        count::start(self.search.clone(), count::Count { field, typed, corpus, cancel }, self.events.clone());
    }

    /// Sessions changed.
    pub fn changed(&mut self) {
        self.state.behind = true;
    }

    /// Whether the stored talk is to be brought up to date.
    pub fn wants_upkeep(&self) -> Upkeep {
        match self.state {
            _ if self.dir.is_none() => Upkeep::Rest,
            State { behind: true, running: false, begun: false } => Upkeep::Now,
            State { behind: true, running: false, begun: true } => Upkeep::Soon,
            State { .. } => Upkeep::Rest,
        }
    }

    /// Brings the stored talk up to what there is.
    pub fn keep_up(&mut self, corpus: Arc<Corpus>) {
        self.state = State { behind: false, running: true, begun: true };
        drop(self.upkeep.send(corpus));
    }

    /// Takes in how far the upkeep is.
    pub fn take(&mut self, kept: Kept) {
        match kept {
            Kept::So(progress) if self.told == Some(progress) => {}
            Kept::So(progress) => (self.told, self.indexed) = (Some(progress), Some(progress)),
            Kept::Through(issue) => {
                // What was given up goes on no more.
                if issue.is_some() && self.told.is_some_and(|told| told.done < told.total) {
                    (self.told, self.indexed) = (None, Some(Progress::default()));
                }
                (self.state.running, self.issue) = (false, issue);
            }
            // Another salon writes. What it writes is seen here; whether that is all, is looked at later.
            Kept::Elsewhere => (self.state.running, self.state.behind) = (false, true),
        }
    }
}

impl Drop for Seek {
    fn drop(&mut self) {
        self.newest.cancel();
        self.counted.cancel();
        self.ending.cancel();
    }
}

/// The clock of the index.
type Clock = fn() -> Instant;
