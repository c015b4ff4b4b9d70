//! Search over a generated history: 400 sessions, some 40 MB, most of it tool output.
//!
//! The release figures are measured on a real history (1.4 GB); these benches detect regressions.

use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use divan::{Bencher, black_box};
use salon::agent::{Environment, FORMATS};
use salon::domain::Time;
use salon::domain::query::Query;
use salon::index::search::{Cancel, Corpus, Latest, QueryRequest, SearchIndex};
use salon::index::{IndexOptions, Refresh, collect};

fn main() {
    divan::main();
}

const SESSIONS: u32 = 400;
const TURNS: u32 = 20;
const WORDS: [&str; 12] = [
    "parser",
    "memory",
    "allocation",
    "thread",
    "retry",
    "cache",
    "error",
    "config",
    "migrate",
    "über",
    "queue",
    "index",
];

/// Home with transcripts of Claude Code, and its corpus.
struct History {
    dir: tempfile::TempDir,
    corpus: Corpus,
}

impl History {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let folder = dir.path().join(".claude/projects/-srv-app");
        std::fs::create_dir_all(&folder).expect("create folder");
        for number in 0..SESSIONS {
            let id = format!("00000000-0000-4000-8000-{number:012}");
            std::fs::write(folder.join(format!("{id}.jsonl")), transcript(number, &id)).expect("write");
        }
        let environment = Environment { home: dir.path().to_owned(), ..Environment::default() };
        let collected = collect(&IndexOptions::new(environment.clone(), Instant::now), Refresh::Everything);
        let roots = FORMATS
            .iter()
            .flat_map(|format| format.roots(&environment).into_iter().flat_map(|root| format.discover(&root).sources));
        let corpus = Corpus::new(roots.collect(), collected.sessions);
        Self { dir, corpus }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn indexed(&self) -> SearchIndex {
        let search = SearchIndex::open(&self.path().join("index"));
        search.update(&self.corpus, &Cancel::default(), &mut |_| {}).expect("an index");
        search
    }
}

/// Index with filters and a vocabulary, as after the second search.
fn filtered(history: &History) -> SearchIndex {
    let search = history.indexed();
    search.build_filters(&history.corpus, &Cancel::default()).expect("filters");
    search
}

fn sentence(seed: u32, count: u32) -> String {
    let word = |at: u32| WORDS[(seed.wrapping_mul(31).wrapping_add(at * at * 7) % 12) as usize];
    (0..count).map(word).collect::<Vec<_>>().join(" ")
}

fn transcript(number: u32, id: &str) -> String {
    let mut text = String::new();
    for turn in 0..TURNS {
        let seed = number * 100 + turn;
        let envelope = format!(r#""sessionId":"{id}","cwd":"/srv/app","timestamp":"2026-11-20T09:00:{turn:02}.000Z""#);
        let prompt = sentence(seed, 12);
        let answer = sentence(seed + 1, 40);
        let output = sentence(seed + 2, 600);
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            r#"{{"type":"user","uuid":"a{turn}","message":{{"role":"user","content":"{prompt} needle{number}"}},{envelope}}}
{{"type":"assistant","uuid":"b{turn}","message":{{"role":"assistant","content":[{{"type":"text","text":"{answer}"}}]}},{envelope}}}
{{"type":"user","uuid":"c{turn}","message":{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t{turn}","content":"{output} printed{number}"}}]}},{envelope}}}
"#
        );
    }
    text
}

fn search_all(history: &History, search: &SearchIndex, query: &str) -> usize {
    let query = Query::parse(query);
    search.search_all(&QueryRequest::new(&query, &history.corpus, Time::from_secs(1_795_176_000))).hits.len()
}

/// Measures until the indexed texts are searched; then the file scan is cancelled.
fn first(history: &History, search: &SearchIndex, query: &str) -> usize {
    let query = Query::parse(query);
    let latest = Latest::default();
    let cancel = latest.begin();
    let mut hits = 0;
    let request = QueryRequest::new(&query, &history.corpus, Time::from_secs(1_795_176_000));
    search.search(&request, &cancel, &mut |found| {
        hits += found.hits.len();
        latest.cancel();
    });
    hits
}

#[divan::bench(sample_count = 10)]
fn index_from_nothing(bencher: Bencher) {
    let history = History::new();
    bencher
        .with_inputs(|| {
            drop(std::fs::remove_dir_all(history.path().join("index")));
        })
        .bench_values(|()| history.indexed());
}

#[divan::bench(args = ["needle77", "e", "memory allocation", "\"thread retry\"", "uber", "/needle7[0-9]/"])]
fn indexed(bencher: Bencher, query: &str) {
    let history = History::new();
    let search = history.indexed();
    bencher.bench(|| first(&history, &search, black_box(query)));
}

#[divan::bench(args = ["printed77", "nowhere", "uber", "/printed7[0-9]/"], sample_count = 20)]
fn complete(bencher: Bencher, query: &str) {
    let history = History::new();
    let search = history.indexed();
    bencher.bench(|| search_all(&history, &search, black_box(query)));
}

/// Words without hits: a short one, a long one, and one that is corrected.
#[divan::bench(args = ["zqxwv", "xylophonium", "alocation"], sample_count = 20)]
fn without_hits(bencher: Bencher, query: &str) {
    let history = History::new();
    let search = filtered(&history);
    bencher.bench(|| search_all(&history, &search, black_box(query)));
}

#[divan::bench]
fn open_and_search(bencher: Bencher) {
    let history = History::new();
    history.indexed();
    bencher.bench(|| first(&history, &SearchIndex::open(&history.path().join("index")), black_box("needle77")));
}

#[divan::bench(args = ["plain words here", "agent:claude,codex turns:>5 -is:fork \"exact words\" /re.*x/", "x OR y OR z"])]
fn parse(bencher: Bencher, query: &str) {
    bencher.bench(|| Query::parse(black_box(query)));
}
