//! Queries of the command line: reading, searching, and issues. A query is never passed to a shell.

use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::context::CliContext;
use super::sessions::LoadedSessions;
use crate::domain::query::Query;
use crate::domain::query::jump::Jump;
use crate::domain::search::{EntryLocation, Hit, LocatedEntry, SearchOrder, SearchResults};
use crate::domain::{Issue, Session};
use crate::index;
use crate::index::search::{self, Cancel, Corpus, QueryRequest, SearchIndex, SnippetContext};

/// Maximum bytes of a query or prompt read from stdin, far more than an agent takes.
const MAX_STDIN_BYTES: u64 = 16 << 20;

/// Options of a search.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueryOptions {
    /// Sort order of the hits.
    pub order: SearchOrder,
    /// Number of best hits after which the search stops; `None`: everything is searched.
    pub limit: Option<usize>,
    /// Number of hits with snippets.
    pub detailed: usize,
    /// Context around each match.
    pub around: SnippetContext,
}

/// Joins the arguments of a query, or reads it from stdin if they are `-`. Returns `None` for a blank query.
pub(super) fn from_args(args: &[String]) -> io::Result<Option<String>> {
    Ok(unless_blank(if args == ["-"] { from_stdin()? } else { args.join(" ") }))
}

/// Like [`from_args`], but also reads stdin if there are no arguments and stdin is not a terminal.
pub(super) fn required(args: &[String]) -> io::Result<Option<String>> {
    if args.is_empty() && !io::stdin().is_terminal() {
        return from_stdin().map(unless_blank);
    }
    from_args(args)
}

fn unless_blank(source: String) -> Option<String> {
    Some(source).filter(|source| !source.trim().is_empty())
}

fn from_stdin() -> io::Result<String> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(MAX_STDIN_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_STDIN_BYTES {
        // The rest must not be missing from a prompt.
        let limit = MAX_STDIN_BYTES >> 20;
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("stdin has more than {limit} MB of text")));
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned())
}

/// Query with the corpus and the text index that it searches.
#[derive(Debug)]
pub(super) struct QuerySearch {
    /// Query as typed.
    pub source: String,
    /// Parsed query.
    pub query: Query,
    corpus: Corpus,
    search: SearchIndex,
}

/// Loads all sessions and opens the text index, in parallel.
pub(super) fn load(context: &CliContext) -> (LoadedSessions, SearchIndex) {
    load_with(context, LoadedSessions::read)
}

/// Loads all sessions and the text index for a query. If there is none yet, it is built in the pass that loads the sessions.
pub(super) fn load_for(context: &CliContext, source: &str) -> (LoadedSessions, SearchIndex) {
    let search = SearchIndex::open(&index::search_dir(&context.paths.cache));
    if !search.is_missing() || !search::needs_texts(&Query::parse(source)) {
        return load(context);
    }
    (LoadedSessions::read_and_index(context, &search), search)
}

/// Loads the sessions by `read`, and meanwhile the text index.
pub(super) fn load_with(
    context: &CliContext,
    read: impl FnOnce(&CliContext) -> LoadedSessions,
) -> (LoadedSessions, SearchIndex) {
    let dir = index::search_dir(&context.paths.cache);
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| SearchIndex::open_loaded(&dir));
        let loaded = read(context);
        // The panic was already reported; the search also works without a text index.
        (loaded, opening.join().unwrap_or_else(|_| SearchIndex::open(&dir)))
    })
}

impl QuerySearch {
    /// Parses a query to search those of the loaded sessions that `selects` admits. Indexes all of them before, if that is
    /// faster.
    pub(super) fn new(
        search: SearchIndex,
        loaded: &mut LoadedSessions,
        selects: impl Fn(&Session) -> bool,
        source: String,
    ) -> Self {
        let query = Query::parse(&source);
        let mut sources = loaded.take_sources();
        if search.should_index_first(&query, &sources) {
            let all = Corpus::new(sources, loaded.all.clone());
            search.index_texts(&all);
            sources = all.into_sources();
        }
        let sessions = loaded.all.iter().filter(|session| selects(session)).cloned().collect();
        let corpus = Corpus::new(sources, sessions);
        Self { source, query, corpus, search }
    }

    /// Parses a query to search sessions by their titles and properties alone.
    pub(super) fn among(sessions: Vec<Arc<Session>>, source: String) -> Self {
        let (query, corpus) = (Query::parse(&source), Corpus::new(Vec::new(), sessions));
        Self { source, query, corpus, search: SearchIndex::without_index() }
    }

    /// Returns all hits in order. A session named by the query (by id, file or resume command) comes first.
    pub(super) fn run(&self, context: &CliContext, options: QueryOptions) -> SearchResults {
        let mut results = self.hits(context, options, true);
        self.put_named_first(&mut results, &context.environment.home);
        results
    }

    /// Returns all hits of the query as it is written, without spelling correction.
    pub(super) fn run_exact(&self, context: &CliContext, options: QueryOptions) -> SearchResults {
        self.hits(context, options, false)
    }

    fn hits(&self, context: &CliContext, options: QueryOptions, correct_typos: bool) -> SearchResults {
        let zone = TimeZone::system();
        let home = context.environment.home.to_string_lossy();
        let mut request = QueryRequest::new(&self.query, &self.corpus, context.clock.now());
        (request.zone, request.home) = (Some(&zone), &home);
        (request.order, request.snippet_limit, request.context) = (options.order, options.detailed, options.around);
        (request.limit, request.correct_typos) = (options.limit, correct_typos);
        self.search.search_all(&request)
    }

    /// Finds the entry of each location in a session; see [`SearchIndex::locate`].
    pub(super) fn locate(&self, session: &Session, locations: &[&EntryLocation]) -> Vec<Option<LocatedEntry>> {
        self.search.locate(&self.corpus, session, locations)
    }

    fn put_named_first(&self, results: &mut SearchResults, home: &Path) {
        let (named, jump) = (self.source.trim(), Jump::parse(&self.source));
        let is_named = |session: &Session| {
            *session.key.id == *named || jump.as_ref().is_some_and(|jump| jump.matches(session, home))
        };
        for session in self.corpus.sessions().iter().rev().filter(|session| is_named(session)) {
            let found = results.hits.iter().position(|hit| hit.session.key == session.key);
            let hit = match found {
                Some(at) => results.hits.remove(at),
                None => Hit { session: session.clone(), score: f32::MAX, count: 0, snippets: Vec::new() },
            };
            results.hits.insert(0, hit);
        }
    }

    /// Updates the text index for the next search. Called after the output is written, so that output is not delayed.
    ///
    /// Reports errors, except if the cache directory as a whole is already known to be unusable.
    pub(super) fn store(self, context: &CliContext, loaded: LoadedSessions) {
        let current = !self.search.has_indexed() && self.search.is_current(&self.corpus);
        if current && self.search.has_filters(&self.corpus) {
            // The process ends: nothing has to be freed.
            std::mem::forget(self);
            return loaded.finish();
        }
        let cache_is_unusable = loaded.issues.iter().any(|issue| issue.path == context.paths.cache);
        let corpus = Corpus::new(self.corpus.into_sources(), loaded.all);
        let stored = if current {
            self.search.build_filters(&corpus, &Cancel::default())
        } else {
            self.search.update(&corpus, &Cancel::default(), &mut |_| {}).map(drop)
        };
        if let Err(error) = stored {
            tracing::warn!(%error, "the search index was not updated");
            if !cache_is_unusable {
                // If stderr is closed, the log still has the error.
                drop(writeln!(io::stderr(), "salon: {error}; until this is fixed, each search reads all transcripts"));
            }
        }
    }

    /// Issues of the query: syntax errors, and words that were replaced by spelling correction.
    pub(super) fn issues(&self, results: &SearchResults) -> Vec<Issue> {
        let mistakes = self.query.errors.iter().map(|mistake| {
            let column = self.source.get(..mistake.span.start).map_or(0, |before| before.chars().count()) + 1;
            format!("query, column {column}: {}", mistake.message)
        });
        let corrected = results
            .corrections
            .iter()
            .map(|(typed, corrected)| format!("no results for \"{typed}\"; showing \"{corrected}\""));
        mistakes.chain(corrected).map(|reason| Issue::new("", reason)).collect()
    }
}
