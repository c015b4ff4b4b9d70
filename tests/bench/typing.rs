//! Search over a real history: every keystroke of typed queries, first and last hits in files, and building the index.
//!
//! `SALON_BENCH_HOME` is a home whose agents' histories are read, never written to; without it nothing runs. Figures
//! are medians over rounds, each with its maximum.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use salon::agent::{Environment, FORMATS};
use salon::domain::Time;
use salon::domain::query::Query;
use salon::domain::search::{SearchOrder, SearchResults};
use salon::index::search::{Cancel, Corpus, Latest, QueryRequest, SearchIndex};
use salon::index::{IndexOptions, Refresh, collect};

/// Queries, typed letter by letter.
const TYPED: [&str; 9] =
    ["error", "the", "function", "test", "import", "cache", "memory allocation", "thread safe", "refactor the parser"];

const ROUNDS: usize = 5;

fn main() {
    let Some(home) = std::env::var_os("SALON_BENCH_HOME").map(PathBuf::from) else { return };
    let corpus = corpus(&home);
    let dir = tempfile::tempdir().expect("a scratch directory");
    println!("{} sessions in {} sources", corpus.sessions().len(), corpus.sources().len());
    let search = store(&corpus, dir.path());
    typing(&corpus, &search);
    if std::env::var_os("SALON_BENCH_TYPING").is_some() {
        return;
    }
    for word in ["EADDRINUSE", "purple", "error", "nowhereatall"] {
        scan_files(&corpus, &search, word);
    }
}

fn corpus(home: &Path) -> Corpus {
    let environment = Environment { home: home.to_owned(), ..Environment::default() };
    let collected = collect(&IndexOptions::new(environment.clone(), Instant::now), Refresh::Everything);
    let roots =
        FORMATS.iter().flat_map(|format| format.roots(&environment).into_iter().map(move |root| (format, root)));
    let sources = roots.flat_map(|(format, root)| format.discover(&root).sources).collect();
    Corpus::new(sources, collected.sessions)
}

/// Builds the index a few times; the last one stays.
fn store(corpus: &Corpus, dir: &Path) -> SearchIndex {
    let (mut built, mut filtered) = (Times::default(), Times::default());
    let mut search = None;
    for round in 0..if std::env::var_os("SALON_BENCH_TYPING").is_some() { 1 } else { 3 } {
        let fresh = SearchIndex::open(&dir.join(round.to_string()));
        built.take(|| fresh.update(corpus, &Cancel::default(), &mut |_| {}).expect("an index"));
        filtered.take(|| fresh.build_filters(corpus, &Cancel::default()).expect("filters"));
        search = Some(fresh);
    }
    let bytes =
        |entry: std::io::Result<std::fs::DirEntry>| entry.and_then(|entry| entry.metadata()).map_or(0, |it| it.len());
    let disk_bytes: u64 = std::fs::read_dir(dir.join("0")).into_iter().flatten().map(bytes).sum();
    println!("index built in {built}; filters in {filtered}; {} KB", disk_bytes >> 10);
    search.expect("a round")
}

/// From a key to the first update, as the screen applies it; the rest is cancelled by the next key.
fn typing(corpus: &Corpus, search: &SearchIndex) {
    let (mut all, mut settled) = (Times::default(), Times::default());
    // The search screen is open.
    search.warm(corpus, &Cancel::default());
    for text in TYPED {
        let ends = || text.char_indices().map(|(at, c)| at + c.len_utf8());
        let mut of_keys: Vec<Times> = ends().map(|_| Times::default()).collect();
        for _ in 0..ROUNDS {
            for (times, end) in of_keys.iter_mut().zip(ends()) {
                let (first, last_move) = answer_times(corpus, search, &text[..end]);
                times.0.push(first);
                settled.0.push(last_move);
            }
        }
        all.0.extend(of_keys.iter().map(Times::median));
        let shown = of_keys.iter().map(|times| format!("{:.1}", times.median().as_secs_f64() * 1e3));
        println!("  {text:20} {}", shown.collect::<Vec<_>>().join(" "));
    }
    println!("keystroke to answer: {all}, p95 {:.1} ms", all.at(95).as_secs_f64() * 1e3);
    println!("keystroke to settled rows: {settled}, p95 {:.1} ms", settled.at(95).as_secs_f64() * 1e3);
    let mut whole = Times::default();
    for text in TYPED {
        whole.0.push(settled_time(corpus, search, text));
    }
    println!("last key to settled rows, all files searched: {whole}");
}

/// Number of hits on a screen.
const VISIBLE_ROWS: usize = 30;

/// Time until the visible rows change for the last time, while all files are searched.
fn settled_time(corpus: &Corpus, search: &SearchIndex, text: &str) -> Duration {
    let query = Query::parse(text);
    let mut request = QueryRequest::new(&query, corpus, Time::from_secs(1_795_176_000));
    (request.pin, request.snippet_limit) = (true, 50);
    let begun = Instant::now();
    let (mut answer, mut rows, mut moved) = (SearchResults::default(), Vec::new(), Duration::ZERO);
    search.search(&request, &Cancel::default(), &mut |found| {
        answer.apply(found, SearchOrder::default());
        let now: Vec<_> = answer.hits.iter().take(VISIBLE_ROWS).map(|hit| hit.session.key.clone()).collect();
        if rows != now {
            (rows, moved) = (now, begun.elapsed());
        }
    });
    moved
}

/// Times to the first update, and to the end of the text index. From there on the visible rows keep their order.
fn answer_times(corpus: &Corpus, search: &SearchIndex, text: &str) -> (Duration, Duration) {
    let query = Query::parse(text);
    let latest = Latest::default();
    let cancel = latest.begin();
    let mut request = QueryRequest::new(&query, corpus, Time::from_secs(1_795_176_000));
    (request.pin, request.snippet_limit) = (true, 50);
    let begun = Instant::now();
    let mut answer = SearchResults::default();
    let (mut took, mut indexed) = (None, None);
    search.search(&request, &cancel, &mut |found| {
        answer.apply(found, SearchOrder::default());
        took.get_or_insert_with(|| begun.elapsed());
        if answer.coverage.indexed {
            indexed.get_or_insert_with(|| begun.elapsed());
            latest.cancel();
        }
    });
    (took.unwrap_or_else(|| begun.elapsed()), indexed.unwrap_or_else(|| begun.elapsed()))
}

/// The first update from files, and the last one.
fn scan_files(corpus: &Corpus, search: &SearchIndex, word: &str) {
    let query = Query::parse(word);
    let mut request = QueryRequest::new(&query, corpus, Time::from_secs(1_795_176_000));
    request.pin = true;
    request.correct_typos = false;
    let (mut first, mut last) = (Times::default(), Times::default());
    for _ in 0..ROUNDS {
        search.unpin();
        let begun = Instant::now();
        let (mut updates, mut early) = (0, None);
        search.search(&request, &Cancel::default(), &mut |found| {
            updates += 1;
            if updates > 1 && !found.hits.is_empty() {
                early.get_or_insert_with(|| begun.elapsed());
            }
        });
        first.0.extend(early);
        last.0.push(begun.elapsed());
    }
    println!("{word:14} first hit in files {first}; everything {last}");
}

/// Durations of repeated measurements.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn take<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = work();
        self.0.push(begun.elapsed());
        done
    }

    fn at(&self, percent: usize) -> Duration {
        let mut times = self.0.clone();
        times.sort_unstable();
        times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    fn median(&self) -> Duration {
        self.at(50)
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        write!(f, "{:.1} ms (worst {:.1})", ms(self.median()), ms(self.at(100)))
    }
}
