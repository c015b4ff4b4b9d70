//! A query on the command line: its words, the search itself, what is to be said of it. No shell ever sees it.

use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::context::Context;
use super::history::History;
use crate::agent::Unit;
use crate::domain::found::{Answer, Hit, Order};
use crate::domain::query::Query;
use crate::domain::query::jump::Jump;
use crate::domain::{Issue, Session};
use crate::index;
use crate::index::search::{Cancel, Context as Around, Corpus, Request, Search};

/// Bytes of a query that are read from stdin at most; far more than is ever looked at.
const LONGEST: u64 = 1 << 20;

/// What a query is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// What comes first.
    pub order: Order,
    /// How many hits are shown with what was found.
    pub detailed: usize,
    /// How much of it.
    pub around: Around,
}

/// The words of a query: as they were given, or what stdin says where they are `-`. `None` where there are none but
/// blanks.
pub fn given(words: &[String]) -> io::Result<Option<String>> {
    Ok(unless_blank(if words == ["-"] { from_stdin()? } else { words.join(" ") }))
}

/// The same, where a query is needed: without words stdin is read, unless a person would have to type it.
pub fn needed(words: &[String]) -> io::Result<Option<String>> {
    if words.is_empty() && !io::stdin().is_terminal() {
        return from_stdin().map(unless_blank);
    }
    given(words)
}

fn unless_blank(source: String) -> Option<String> {
    Some(source).filter(|source| !source.trim().is_empty())
}

fn from_stdin() -> io::Result<String> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(LONGEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned())
}

/// A search in some of the sessions, at its place: what it asks, and the stored talk that it uses.
#[derive(Debug)]
pub struct Asked {
    /// The query, as it was written.
    pub source: String,
    /// The same, understood.
    pub query: Query,
    corpus: Corpus,
    search: Search,
}

/// The history, and the stored talk to search it by, read side by side.
pub fn read(context: &Context) -> (History, Search) {
    let dir = index::search_dir(&context.paths.cache);
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| Search::opened(&dir));
        let history = History::read(context);
        // A panic was told where it happened; the search can do without what is stored.
        (history, opening.join().unwrap_or_else(|_| Search::open(&dir)))
    })
}

impl Asked {
    /// A query to some of the sessions.
    pub fn new(search: Search, units: Vec<Unit>, sessions: Vec<Arc<Session>>, source: String) -> Self {
        let query = Query::parse(&source);
        let corpus = Corpus::new(units, sessions);
        Self { source, query, corpus, search }
    }

    /// The whole answer, in order. A session that the query names (by its id, its file, its resume command) is first.
    pub fn answer(&self, context: &Context, wish: Wish) -> Answer {
        let zone = TimeZone::system();
        let home = context.environment.home.to_string_lossy();
        let mut request = Request::new(&self.query, &self.corpus, context.clock.now());
        (request.zone, request.home) = (Some(&zone), &home);
        (request.order, request.detailed, request.context) = (wish.order, wish.detailed, wish.around);
        let mut answer = self.search.search_all(&request);
        self.put_named_first(&mut answer, &context.environment.home);
        answer
    }

    fn put_named_first(&self, answer: &mut Answer, home: &Path) {
        let (named, jump) = (self.source.trim(), Jump::recognise(&self.source));
        let is_named = |session: &Session| {
            *session.key.id == *named || jump.as_ref().is_some_and(|jump| jump.names(session, home))
        };
        for session in self.corpus.sessions().iter().rev().filter(|session| is_named(session)) {
            let found = answer.hits.iter().position(|hit| hit.session.key == session.key);
            let hit = match found {
                Some(at) => answer.hits.remove(at),
                None => Hit { session: session.clone(), score: f32::MAX, count: 0, snippets: Vec::new() },
            };
            answer.hits.insert(0, hit);
        }
    }

    /// Stores what the next search would have to read again. To be called when the answer is out: nobody waits for it.
    /// Why that cannot be done is told, unless it is known that nothing can be kept at all.
    pub fn store(self, context: &Context, history: History) {
        let current = self.search.is_current(&self.corpus);
        if current && self.search.is_settled(&self.corpus) {
            // The process ends: nothing need be freed.
            std::mem::forget(self);
            return history.leave();
        }
        let keeps_nothing = history.issues.iter().any(|issue| issue.path == context.paths.cache);
        let corpus = Corpus::new(self.corpus.into_units(), history.all);
        let stored = if current {
            self.search.settle(&corpus, &Cancel::default())
        } else {
            self.search.update(&corpus, &Cancel::default(), &mut |_| {}).map(drop)
        };
        if let Err(error) = stored {
            tracing::warn!(%error, "the search index was not updated");
            if !keeps_nothing {
                // Where nobody reads that either, the log has it.
                drop(writeln!(io::stderr(), "salon: {error}; every search reads everything until it can"));
            }
        }
    }

    /// What could not be understood of the query, and what was looked for instead of what is nowhere.
    pub fn remarks(&self, answer: &Answer) -> Vec<Issue> {
        let mistakes = self.query.mistakes.iter().map(|mistake| {
            let column = self.source.get(..mistake.span.start).map_or(0, |before| before.chars().count()) + 1;
            format!("query, column {column}: {}", mistake.message)
        });
        let instead =
            answer.instead.iter().map(|(asked, meant)| format!("\"{asked}\" is nowhere: \"{meant}\" is shown instead"));
        mistakes.chain(instead).map(|reason| Issue::new("", reason)).collect()
    }
}
