//! Finds anything that was ever said, run or printed in a session.
//!
//! Two tiers, one answer. The *talk* (prompts, answers, titles, tool names and short inputs: some 2 % of the bytes) is
//! kept in a store of its own and searched whole at each key; the rest, and whatever is not stored yet, is searched
//! where it lies, in parallel, the newest first: raw bytes rule most of it out, and sessions of many small files are
//! not even opened where they are known to lack a word. Both go by [`Matcher`](crate::domain::query::Matcher), so what is
//! found does not depend on where it is found, nor on what counts as a word.
//!
//! Most of the rest need not be opened: of each unit it is known which `letters` stand together in it, and a word
//! whose letters do not is not there. How the store stands to what there is to search is worked out once (`standing`);
//! who types sees the newest talk answer first, and all of it searched ever more narrowly (`typed`).
//!
//! An inverted index was weighed and left out: over so little text it answers no sooner, takes longer to build and
//! several times the memory, and knows only the words that its rules made (no parts of words, no punctuation, no
//! languages without spaces). It must not know an agent's fields: those are behind [`crate::agent::Texts`].

mod blocks;
mod build;
mod bulk;
mod calls;
mod corpus;
mod entries;
mod letters;
mod plan;
mod ruled;
mod run;
mod settle;
mod slips;
mod small;
mod snippet;
mod standing;
mod store;
mod talk;
mod tally;
mod typed;
mod values;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub use corpus::Corpus;
pub use snippet::Context;

use crate::domain::found::{Answer, Found, Order};
use crate::domain::query::{Facts, Field, Query};
use crate::domain::{Session, SessionKey, Time};
use small::Small;
use store::Store;
use typed::Typed;

/// The search, with the stored talk of a cache directory. Cheap to open; to be shared by threads.
#[derive(Debug)]
pub struct Search {
    store: Store,
    small: Small,
    typed: Typed,
    /// Something was searched in this process.
    asked: AtomicBool,
}

/// Units that a command leaves unsettled, being quick to search as they are.
const FEW: usize = 8;

/// How far the talk is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indexed {
    /// Units that are done.
    pub done: usize,
    /// All units.
    pub total: usize,
}

/// What is asked, and in what world.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// What is asked.
    pub query: &'a Query,
    /// What there is to search.
    pub corpus: &'a Corpus,
    /// The present moment.
    pub now: Time,
    /// The time zone of days; `None`: UTC.
    pub zone: Option<&'a jiff::tz::TimeZone>,
    /// The home directory, for `dir:~/…`.
    pub home: &'a str,
    /// Stars and tags.
    pub marks: Option<&'a HashMap<SessionKey, Marks>>,
    /// The order of the answer.
    pub order: Order,
    /// How many of the first hits come with snippets at once; all later ones that are found in files do.
    pub detailed: usize,
    /// How much is shown around a match.
    pub context: Context,
    /// Whether slips of the pen are made up for where nothing is found.
    pub slips: bool,
    /// Whether what is read of the stored talk is held for the next search, until [`Search::release`].
    pub hold: bool,
}

/// What the user put on a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// It has a star.
    pub starred: bool,
    /// Its tags.
    pub tags: Vec<Arc<str>>,
}

impl<'a> Request<'a> {
    /// A request with nothing special about it.
    pub fn new(query: &'a Query, corpus: &'a Corpus, now: Time) -> Self {
        Self {
            query,
            corpus,
            now,
            zone: None,
            home: "",
            marks: None,
            order: Order::default(),
            detailed: 100,
            context: Context::Line(160),
            slips: true,
            hold: false,
        }
    }

    fn facts(&self, session: &Session) -> Facts<'a> {
        let marks = self.marks.and_then(|marks| marks.get(&session.key));
        Facts {
            now: self.now,
            zone: self.zone,
            home: self.home,
            starred: marks.is_some_and(|marks| marks.starred),
            tags: marks.map_or(&[], |marks| &marks.tags),
        }
    }
}

impl Search {
    /// Opens the talk that is stored in a directory, which need not exist.
    pub fn open(dir: &Path) -> Self {
        Self {
            store: Store::open(dir),
            small: Small::open(dir),
            typed: Typed::default(),
            asked: AtomicBool::new(false),
        }
    }

    /// The same, being read at once: for a command, while it reads other things.
    pub fn opened(dir: &Path) -> Self {
        let search = Self::open(dir);
        search.store.refresh();
        search.small.kept();
        search
    }

    /// A search that stores nothing: all is searched in place.
    pub fn detached() -> Self {
        // A file is no directory: nothing is ever found below it, or written.
        Self::open(Path::new("/dev/null"))
    }

    /// Whether all talk is stored, as far as can be told without reading it. A command that runs for a moment only
    /// updates where it is not, or where it met damage; whoever stays updates once in any case, which also finds damage.
    pub fn is_current(&self, corpus: &Corpus) -> bool {
        let view = self.store.refresh();
        !view.is_damaged() && self.typed.standing(&view, corpus).is_current()
    }

    /// Stores what is new, the newest units first; what is stored is found at once, here and in other processes.
    /// `None`: another process is at it. An error concerns the directory; searching goes on without.
    pub fn update(
        &self,
        corpus: &Corpus,
        cancel: &Cancel,
        told: &mut dyn FnMut(Indexed),
    ) -> io::Result<Option<Indexed>> {
        let updated = build::update(&self.store, corpus, cancel, told).and_then(|indexed| {
            if indexed.is_some() && !cancel.is_cancelled() {
                self.small.update(corpus, &self.store.view(), cancel)?;
            }
            Ok(indexed)
        });
        updated.map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("{}: the search index cannot be written: {error}", self.store.dir().display()),
            )
        })
    }

    /// Learns what makes later searches quick, of units whose talk is stored. Takes about as long as storing it.
    pub fn settle(&self, corpus: &Corpus, cancel: &Cancel) -> io::Result<()> {
        // Another process may be at it.
        settle::settle(&self.store, corpus, cancel).map(drop)
    }

    /// Whether nearly all of that is known.
    pub fn is_settled(&self, corpus: &Corpus) -> bool {
        self.typed.standing(&self.store.refresh(), corpus).unsettled() <= FEW
    }

    /// Gets ready for searches one after the other: reads what they need of the store, before anybody waits for it.
    pub fn prepare(&self, corpus: &Corpus, cancel: &Cancel) {
        self.asked.store(true, Ordering::Relaxed);
        let view = self.store.refresh();
        self.small.kept();
        self.typed.standing(&view, corpus).hold(&view, cancel);
    }

    /// Gives back the memory that searches one after the other take.
    pub fn release(&self) {
        self.typed.forget();
        self.store.view().release();
    }

    /// Holds as little as possible until something is searched; who has searched once will search again.
    pub fn rest(&self) {
        if !self.asked.load(Ordering::Relaxed) {
            self.store.forget();
            self.small.forget();
        }
    }

    /// Searches, telling what is found while it goes on. The news after which nothing follows are
    /// [complete](crate::domain::found::Reach::complete), unless it was cancelled. Gives whether nothing held what was
    /// asked, so that slips of the pen and abbreviations were made up for.
    pub fn search(&self, request: &Request<'_>, cancel: &Cancel, sink: &mut dyn FnMut(Found)) -> bool {
        self.asked.store(true, Ordering::Relaxed);
        let view = self.store.refresh();
        if request.query.is_empty() {
            sink(Found {
                reach: crate::domain::found::Reach { complete: true, ..Default::default() },
                ..Found::default()
            });
            return false;
        }
        let small = self.small.kept();
        let mut last = Found::default();
        let found =
            run::search(request, request.query, view.clone(), small.clone(), &self.typed, cancel, &mut |found| {
                if found.reach.complete { last = found } else { sink(found) }
            });
        let slipped = !found && request.slips && !cancel.is_cancelled() && last.hits.is_empty();
        if slipped {
            slips::search(request, &view, small, cancel, sink);
        }
        if !cancel.is_cancelled() {
            sink(last);
        }
        slipped
    }

    /// The values that a filter has in the stored talk and that hold what is typed of one, the best first, each with how
    /// many sessions it would leave; for filters that texts answer.
    pub fn values(&self, corpus: &Corpus, (field, typed): (Field, &str), cancel: &Cancel) -> Vec<(String, usize)> {
        let view = self.store.refresh();
        values::count(&view, &self.typed.standing(&view, corpus), corpus, (field, typed), cancel)
    }

    /// Searches everything and gives the whole answer, in order.
    pub fn search_all(&self, request: &Request<'_>) -> Answer {
        let mut answer = Answer::default();
        self.search(request, &Cancel::default(), &mut |found| answer.apply(found, request.order));
        answer
    }
}

/// Numbers requests, so that a newer one cancels the older.
#[derive(Clone, Debug, Default)]
pub struct Latest {
    newest: Arc<AtomicU64>,
}

impl Latest {
    /// Begins a request; all earlier ones are cancelled.
    pub fn begin(&self) -> Cancel {
        let own = self.newest.fetch_add(1, Ordering::Relaxed) + 1;
        Cancel { newest: self.newest.clone(), own }
    }

    /// Cancels whatever runs.
    pub fn cancel(&self) {
        self.newest.fetch_add(1, Ordering::Relaxed);
    }
}

/// Tells whether a request is still wanted. The default one always is.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    newest: Arc<AtomicU64>,
    own: u64,
}

impl Cancel {
    /// Nobody waits for the answer any more.
    pub fn is_cancelled(&self) -> bool {
        self.newest.load(Ordering::Relaxed) != self.own
    }
}
