//! What a real history costs: every keystroke of typed queries, first and last hits in files, the talk stored anew.
//!
//! `SALON_BENCH_HOME` names a home whose agents' histories are read, never written to; without it there is nothing to
//! do. Figures are medians over rounds, each with its worst.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use salon::agent::{Environment, FORMATS};
use salon::domain::Time;
use salon::domain::found::{Answer, Order};
use salon::domain::query::Query;
use salon::index::search::{Cancel, Corpus, Latest, Request, Search};
use salon::index::{Options, Refresh, collect};

/// Typed letter by letter.
const TYPED: [&str; 9] =
    ["error", "the", "function", "test", "import", "cache", "memory allocation", "thread safe", "refactor the parser"];

const ROUNDS: usize = 5;

fn main() {
    let Some(home) = std::env::var_os("SALON_BENCH_HOME").map(PathBuf::from) else { return };
    let corpus = corpus(&home);
    let dir = tempfile::tempdir().expect("a scratch directory");
    println!("{} sessions in {} units", corpus.sessions().len(), corpus.units().len());
    let search = store(&corpus, dir.path());
    typing(&corpus, &search);
    if std::env::var_os("SALON_BENCH_TYPING").is_some() {
        return;
    }
    for word in ["EADDRINUSE", "purple", "error", "nowhereatall"] {
        in_place(&corpus, &search, word);
    }
}

fn corpus(home: &Path) -> Corpus {
    let environment = Environment { home: home.to_owned(), ..Environment::default() };
    let collected = collect(&Options::new(environment.clone(), Instant::now), Refresh::Everything);
    let roots =
        FORMATS.iter().flat_map(|format| format.roots(&environment).into_iter().map(move |root| (format, root)));
    let units = roots.flat_map(|(format, root)| format.discover(&root).units).collect();
    Corpus::new(units, collected.sessions)
}

/// Stores the talk a few times from nothing; the last one stays.
fn store(corpus: &Corpus, dir: &Path) -> Search {
    let (mut built, mut settled) = (Times::default(), Times::default());
    let mut search = None;
    for round in 0..if std::env::var_os("SALON_BENCH_TYPING").is_some() { 1 } else { 3 } {
        let fresh = Search::open(&dir.join(round.to_string()));
        built.take(|| fresh.update(corpus, &Cancel::default(), &mut |_| {}).expect("an index"));
        settled.take(|| fresh.settle(corpus, &Cancel::default()).expect("letters"));
        search = Some(fresh);
    }
    let bytes =
        |entry: std::io::Result<std::fs::DirEntry>| entry.and_then(|entry| entry.metadata()).map_or(0, |it| it.len());
    let kept: u64 = std::fs::read_dir(dir.join("0")).into_iter().flatten().map(bytes).sum();
    println!("talk stored from nothing {built}; settled {settled}; {} KB", kept >> 10);
    search.expect("a round")
}

/// From a key to the first answer, as the screen applies it; the rest is cancelled by the next key.
fn typing(corpus: &Corpus, search: &Search) {
    let mut all = Times::default();
    // The search is open.
    search.prepare(corpus, &Cancel::default());
    for text in TYPED {
        let ends = || text.char_indices().map(|(at, c)| at + c.len_utf8());
        let mut of_keys: Vec<Times> = ends().map(|_| Times::default()).collect();
        for _ in 0..ROUNDS {
            for (times, end) in of_keys.iter_mut().zip(ends()) {
                times.0.push(first(corpus, search, &text[..end]));
            }
        }
        all.0.extend(of_keys.iter().map(Times::median));
        let shown = of_keys.iter().map(|times| format!("{:.1}", times.median().as_secs_f64() * 1e3));
        println!("  {text:20} {}", shown.collect::<Vec<_>>().join(" "));
    }
    println!("keystroke to answer: {all}, p95 {:.1} ms", all.at(95).as_secs_f64() * 1e3);
}

fn first(corpus: &Corpus, search: &Search, text: &str) -> Duration {
    let query = Query::parse(text);
    let latest = Latest::default();
    let cancel = latest.begin();
    let mut request = Request::new(&query, corpus, Time::from_secs(1_795_176_000));
    (request.hold, request.detailed) = (true, 50);
    let begun = Instant::now();
    let mut answer = Answer::default();
    let mut took = None;
    search.search(&request, &cancel, &mut |found| {
        answer.apply(found, Order::default());
        took.get_or_insert_with(|| begun.elapsed());
        if answer.reach.talk {
            latest.cancel();
        }
    });
    took.unwrap_or_else(|| begun.elapsed())
}

/// The first news from files, and the last ones.
fn in_place(corpus: &Corpus, search: &Search, word: &str) {
    let query = Query::parse(word);
    let mut request = Request::new(&query, corpus, Time::from_secs(1_795_176_000));
    request.hold = true;
    request.slips = false;
    let (mut first, mut last) = (Times::default(), Times::default());
    for _ in 0..ROUNDS {
        search.release();
        let begun = Instant::now();
        let (mut told, mut early) = (0, None);
        search.search(&request, &Cancel::default(), &mut |found| {
            told += 1;
            if told > 1 && !found.hits.is_empty() {
                early.get_or_insert_with(|| begun.elapsed());
            }
        });
        first.0.extend(early);
        last.0.push(begun.elapsed());
    }
    println!("{word:14} first hit in files {first}; everything {last}");
}

/// How long something took, several times.
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
