//! Full-text search over everything that was said, run or printed in a session.
//!
//! There are two tiers. *Indexed texts* (prompts, answers, titles, tool names, short inputs) are some 2 % of the bytes.
//! They are in a text index of their own, which is searched whole at each key. All other texts, and texts that are not
//! indexed yet, are searched in their files, in parallel, the newest first. Raw bytes are filtered before anything is
//! decoded. Both tiers use [`NeedleMatcher`](crate::domain::query::NeedleMatcher), so that a hit does not depend on the
//! tier, nor on a tokenizer.
//!
//! Most files need not be opened: an n-gram filter per source proves that a word is absent (`ngram`,
//! `prune`). The index is joined with the corpus once (`index_state`). While the user types, the newest
//! texts are searched first, and each longer query searches only the matches of the last one (`query_cache`).
//!
//! An inverted index was measured and left out: over so little text it is no faster, takes longer to build and several
//! times the memory. It also finds only the words of its tokenizer: no substrings, no punctuation, no languages without
//! spaces. Must not depend on an agent's fields: those are behind [`crate::agent::Texts`].

mod bit_matrix;
mod bounds;
mod build;
mod build_filters;
mod collector;
mod corpus;
mod entry_numbers;
mod entry_texts;
mod execute;
mod execution;
mod file_search;
mod filter_group;
mod filter_stamps;
mod index_state;
mod line_blocks;
mod line_records;
mod merge_filters;
mod ngram;
mod pinned;
mod plan;
pub mod prefilter;
mod prune;
mod pruned;
mod query_cache;
mod raw_count;
mod scan;
mod score;
mod similar_words;
mod snippet;
mod spelling;
mod store;
mod summary_texts;
mod text_index;
mod tool_names;
mod values;
mod vocabulary;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub use corpus::Corpus;
pub use snippet::SnippetContext;
pub(in crate::index) use summary_texts::SummaryTexts;

use crate::agent::Source;
use crate::domain::catalog::IndexProgress;
use crate::domain::query::{FilterContext, FilterKey, Query};
use crate::domain::search::{EntryLocation, LocatedEntry, SearchOrder, SearchResults, SearchUpdate};
use crate::domain::{Session, Time};
use plan::QueryPlan;
use query_cache::QueryCache;
use store::IndexStore;

/// Search with the text index of a cache directory. Cheap to open, and shared by threads.
#[derive(Debug)]
pub struct SearchIndex {
    store: IndexStore,
    query_cache: QueryCache,
    /// True if this process has searched.
    was_used: AtomicBool,
    /// True if this process has indexed texts for a search.
    has_indexed: AtomicBool,
}

/// Maximum sources without filters that a command leaves, because they are fast to search.
const MAX_UNFILTERED_SOURCES: usize = 8;

/// Minimum bytes without an index for which a command updates it before its search, which would also read them.
const MIN_BYTES_TO_INDEX_FIRST: u64 = 64 << 20;

/// Parameters of a query execution.
#[derive(Clone, Debug)]
pub struct QueryRequest<'a> {
    /// Query.
    pub query: &'a Query,
    /// Corpus.
    pub corpus: &'a Corpus,
    /// Current time.
    pub now: Time,
    /// Time zone of days; `None`: UTC.
    pub zone: Option<&'a jiff::tz::TimeZone>,
    /// Home directory, for `dir:~/…`.
    pub home: &'a str,
    /// Name by which queries call this machine; empty for `local`.
    pub host: &'a str,
    /// Order of the hits.
    pub order: SearchOrder,
    /// Maximum hits with snippets per update; later hits in files always have them.
    pub snippet_limit: usize,
    /// Number of best hits after which the search stops; `None`: everything is searched.
    pub limit: Option<usize>,
    /// Size of snippets.
    pub context: SnippetContext,
    /// True to retry with typo correction when there are no hits.
    pub correct_typos: bool,
    /// True to pin segments for the next query, until [`SearchIndex::unpin`].
    pub pin: bool,
}

impl<'a> QueryRequest<'a> {
    /// Default parameters of a query.
    pub fn new(query: &'a Query, corpus: &'a Corpus, now: Time) -> Self {
        Self {
            query,
            corpus,
            now,
            zone: None,
            home: "",
            host: "",
            order: SearchOrder::default(),
            snippet_limit: 100,
            limit: None,
            context: SnippetContext::Line(160),
            correct_typos: true,
            pin: false,
        }
    }

    fn facts(&self) -> FilterContext<'a> {
        FilterContext { now: self.now, zone: self.zone, home: self.home, host: self.host }
    }
}

impl SearchIndex {
    /// Opens the text index in a directory, which need not exist.
    pub fn open(dir: &Path) -> Self {
        let (was_used, has_indexed) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { store: IndexStore::open(dir), query_cache: QueryCache::default(), was_used, has_indexed }
    }

    /// Opens and loads the text index, for a command that reads other data at the same time.
    pub fn open_loaded(dir: &Path) -> Self {
        let search = Self::open(dir);
        search.store.refresh();
        search
    }

    /// Search without a text index: all texts are searched in their files.
    pub fn without_index() -> Self {
        // A file is no directory, so that nothing is read or written below it.
        Self::open(Path::new("/dev/null"))
    }

    /// Returns true if all texts are indexed, as far as the stamps show. A short-lived command updates only when this
    /// is false or when it met damage. A long-lived process updates once in any case, which also detects damage.
    pub fn is_current(&self, corpus: &Corpus) -> bool {
        let reader = self.store.refresh();
        !reader.is_damaged() && self.query_cache.index_state(&reader, corpus).is_current()
    }

    /// Returns true if a short-lived command should call [`Self::index_texts`] before it searches: the query needs texts, and
    /// many are not indexed.
    pub fn should_index_first(&self, query: &Query, sources: &[Source]) -> bool {
        let reader = self.store.refresh();
        let unindexed = |source: &Source| match reader.last_segment(&source.path) {
            // Databases have no offset, and few rows change at once.
            Some(last) if last.cursor.stamp == source.stamp || last.cursor.offset == 0 => 0,
            Some(last) => source.stamp.size.saturating_sub(last.cursor.offset),
            None => source.stamp.size,
        };
        needs_texts(query) && sources.iter().map(unindexed).sum::<u64>() >= MIN_BYTES_TO_INDEX_FIRST
    }

    /// Returns true if there is no index yet. Reads nothing.
    pub fn is_missing(&self) -> bool {
        !self.store.dir().join("manifest").exists()
    }

    /// Runs a scan that indexes the texts of the sources that it summarises. Without them while another process writes.
    pub(crate) fn index_summarised<T>(&self, scan: impl FnOnce(Option<SummaryTexts>) -> T) -> T {
        let Ok(Some(writer)) = self.store.writer() else { return scan(None) };
        self.has_indexed.store(true, Ordering::Relaxed);
        std::thread::scope(|scope| {
            let (texts, parts) = SummaryTexts::channel(&self.store);
            let writing = scope.spawn(|| summary_texts::write(writer, parts));
            let scanned = scan(Some(texts));
            if let Ok(Err(error)) = writing.join() {
                tracing::debug!(%error, "summarised texts are not indexed");
            }
            scanned
        })
    }

    /// Indexes all texts, without filters. Returns true if it did; errors are left to [`Self::update`].
    pub fn index_texts(&self, corpus: &Corpus) -> bool {
        let indexed = build::update(&self.store, corpus, &Cancel::default(), &mut |_| {});
        let has_indexed = indexed.is_ok_and(|indexed| indexed.is_some());
        self.has_indexed.fetch_or(has_indexed, Ordering::Relaxed);
        has_indexed
    }

    /// Returns true if this process has indexed texts for a search. Their filters are built by the next one, so that this one
    /// ends sooner.
    pub fn has_indexed(&self) -> bool {
        self.has_indexed.load(Ordering::Relaxed)
    }

    /// Updates the text index, the newest sources first; new segments are searchable at once, in all processes. `None`
    /// while another process updates. An error concerns the directory; searches still work without the index.
    pub fn update(
        &self,
        corpus: &Corpus,
        cancel: &Cancel,
        progress: &mut dyn FnMut(IndexProgress),
    ) -> io::Result<Option<IndexProgress>> {
        let updated = build::update(&self.store, corpus, cancel, progress).and_then(|indexed| {
            if indexed.is_some() && !cancel.is_cancelled() {
                // Another process may be building.
                build_filters::build_for_small_files(&self.store, corpus, cancel)?;
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

    /// Builds the n-gram filters of indexed sources, and the vocabulary. Takes about as long as indexing.
    pub fn build_filters(&self, corpus: &Corpus, cancel: &Cancel) -> io::Result<()> {
        // Another process may be building.
        build_filters::build(&self.store, corpus, cancel)?;
        vocabulary::update(&self.store, cancel)
    }

    /// Returns true if nearly all sources have filters, and all that are many small files, and nearly all texts are in
    /// the vocabulary. Some small files may be too new for a filter; then [`Self::build_filters`] does nothing.
    pub fn has_filters(&self, corpus: &Corpus) -> bool {
        let reader = self.store.refresh();
        let (all, of_small_files) = self.query_cache.index_state(&reader, corpus).missing_filters();
        all <= MAX_UNFILTERED_SOURCES && of_small_files == 0 && !vocabulary::is_due(&reader)
    }

    /// Loads and pins the data of repeated searches in advance.
    pub fn warm(&self, corpus: &Corpus, cancel: &Cancel) {
        self.was_used.store(true, Ordering::Relaxed);
        let reader = self.store.refresh();
        let state = self.query_cache.index_state(&reader, corpus);
        if !cancel.is_cancelled() {
            state.pinned(&reader);
        }
    }

    /// Frees the memory of repeated searches.
    pub fn unpin(&self) {
        self.query_cache.clear();
    }

    /// Frees all memory until the first search; a process that has searched is expected to search again.
    pub fn drop_caches(&self) {
        if !self.was_used.load(Ordering::Relaxed) {
            self.store.drop_cache();
        }
    }

    /// Runs a query and sends updates. The last update has [complete](crate::domain::search::Coverage::complete)
    /// coverage, unless the query was cancelled or stopped at its limit. Returns true if there were no hits, so that typo correction and
    /// abbreviations were used.
    pub fn search(&self, request: &QueryRequest<'_>, cancel: &Cancel, sink: &mut dyn FnMut(SearchUpdate)) -> bool {
        self.was_used.store(true, Ordering::Relaxed);
        let reader = self.store.refresh();
        if request.query.is_empty() {
            sink(SearchUpdate {
                coverage: crate::domain::search::Coverage { complete: true, ..Default::default() },
                ..SearchUpdate::default()
            });
            return false;
        }
        let mut last = None;
        let found = execute::search(request, request.query, reader.clone(), &self.query_cache, cancel, &mut |found| {
            if found.coverage.complete { last = Some(found) } else { sink(found) }
        });
        let corrected = !found && request.correct_typos && !cancel.is_cancelled();
        if corrected {
            let is_complete = spelling::search(request, &reader, cancel, sink);
            if let Some(last) = &mut last {
                last.coverage.complete &= is_complete;
            }
        }
        if let Some(last) = last.filter(|_| !cancel.is_cancelled()) {
            sink(last);
        }
        corrected
    }

    /// Counts the values of a filter in the indexed texts: those that match the typed part, the best first, each with
    /// its number of sessions. Empty for filters over session properties.
    pub fn values(&self, corpus: &Corpus, (field, typed): (FilterKey, &str), cancel: &Cancel) -> Vec<(String, usize)> {
        let reader = self.store.refresh();
        values::count(&reader, &self.query_cache.index_state(&reader, corpus), corpus, (field, typed), cancel)
    }

    /// Finds the entry of each location in a session. `None` for a title, and where the transcript cannot be read. Opens
    /// the transcript only if it changed since its last indexing, or contains an entry on another branch.
    pub fn locate(
        &self,
        corpus: &Corpus,
        session: &Session,
        locations: &[&EntryLocation],
    ) -> Vec<Option<LocatedEntry>> {
        let reader = self.store.reader();
        let state = self.query_cache.index_state(&reader, corpus);
        let number = corpus.source_number(&session.path);
        let stored = number.and_then(|at| Some((&corpus.sources()[at], state.source(at).tables()?)));
        entry_numbers::locate_entries(&reader, stored, session, locations)
    }

    /// Runs a query and returns all results, in order.
    pub fn search_all(&self, request: &QueryRequest<'_>) -> SearchResults {
        let mut answer = SearchResults::default();
        self.search(request, &Cancel::default(), &mut |found| answer.apply(found, request.order));
        answer
    }
}

/// Returns true if a query looks for texts, beside properties of sessions.
pub fn needs_texts(query: &Query) -> bool {
    QueryPlan::new(query).needs_texts()
}

/// Numbers requests, so that a newer one cancels the older ones.
#[derive(Clone, Debug, Default)]
pub struct Latest {
    newest: Arc<AtomicU64>,
}

impl Latest {
    /// Starts a request and cancels all earlier ones.
    pub fn begin(&self) -> Cancel {
        let own = self.newest.fetch_add(1, Ordering::Relaxed) + 1;
        Cancel { newest: self.newest.clone(), own }
    }

    /// Cancels all requests.
    pub fn cancel(&self) {
        self.newest.fetch_add(1, Ordering::Relaxed);
    }
}

/// Cancellation token of a request. The default one is never cancelled.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    newest: Arc<AtomicU64>,
    own: u64,
}

impl Cancel {
    /// Returns true if the request was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.newest.load(Ordering::Relaxed) != self.own
    }
}
