//! Time until sessions are on the way to the screen, and the cost of each later change.
//!
//! Over a generated home, or over the one in `SALON_BENCH_HOME` (which is only read).

#![allow(clippy::disallowed_methods, reason = "tests read their own files")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use divan::Bencher;
use salon::agent::Environment;
use salon::domain::catalog::{Catalog, CatalogChange, CatalogFilter, Sort};
use salon::domain::{Agent, Session, SessionKey, Time, Title, TitleSource};
use salon::index::{Index, IndexEvent, IndexOptions, Ranker, Refresh, collect};

fn main() {
    divan::main();
}

/// Home to scan; generated once.
fn home() -> &'static Path {
    static HOME: OnceLock<(PathBuf, Option<tempfile::TempDir>)> = OnceLock::new();
    let (path, _) = HOME.get_or_init(|| {
        if let Some(named) = std::env::var_os("SALON_BENCH_HOME") {
            return (named.into(), None);
        }
        let dir = tempfile::tempdir().expect("a scratch directory");
        (0..500).for_each(|number| transcript(dir.path(), number));
        (dir.path().to_owned(), Some(dir))
    });
    path
}

/// Writes a small transcript of Claude Code.
fn transcript(home: &Path, number: usize) {
    let dir = home.join(format!(".claude/projects/-work-project-{}", number % 20));
    fs::create_dir_all(&dir).expect("create");
    let id = format!("{number:08x}-0000-4000-8000-000000000000");
    let mut file = fs::File::create(dir.join(format!("{id}.jsonl"))).expect("create");
    for turn in 0..40 {
        writeln!(file, "{}", line(number, turn, &id)).expect("write");
    }
}

fn line(number: usize, turn: usize, id: &str) -> String {
    let parent = if turn == 0 { "null".to_owned() } else { format!("\"u{}\"", turn - 1) };
    format!(
        r#"{{"parentUuid":{parent},"isSidechain":false,"type":"user","message":{{"role":"user","content":"prompt {turn} of {number}: please look at the parser again"}},"uuid":"u{turn}","timestamp":"2026-11-{:02}T09:{:02}:00.000Z","cwd":"/work/project-{}","sessionId":"{id}","version":"2.1.329","gitBranch":"main"}}"#,
        1 + number % 20,
        turn,
        number % 20,
    )
}

fn options(cache: Option<&Path>) -> IndexOptions {
    let environment = Environment { home: home().to_owned(), ..Environment::default() };
    IndexOptions { cache_dir: cache.map(Path::to_owned), ..IndexOptions::new(environment, Instant::now) }
}

/// Cache of the whole home.
fn cache() -> &'static Path {
    static CACHE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let dir = CACHE.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a scratch directory");
        collect(&options(Some(dir.path())), Refresh::Changed);
        dir
    });
    dir.path()
}

/// Starts an index and waits until an event satisfies `done`.
fn until(options: IndexOptions, mut done: impl FnMut(&Catalog) -> bool) {
    let (_index, mut events) = Index::start(options);
    let mut catalog = Catalog::default();
    while let Some(event) = events.blocking_recv() {
        if let IndexEvent::Catalog(change) = event {
            catalog.apply(change);
            if done(&catalog) {
                return;
            }
        }
    }
}

fn complete(catalog: &Catalog) -> bool {
    catalog.progress.total > 0
        && catalog.progress.done == catalog.progress.total
        && catalog.iter().all(|session| session.complete)
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn cold_first_rows() {
    until(options(None), |catalog| !catalog.is_empty());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn cold_all_rows() {
    let total = collect(&options(Some(cache())), Refresh::Changed).sessions.len();
    let start = Instant::now();
    let mut nine_of_ten = None;
    until(options(None), |catalog| {
        if nine_of_ten.is_none() && catalog.len() * 10 >= total * 9 {
            nine_of_ten = Some(start.elapsed());
        }
        complete(catalog)
    });
    eprintln!("nine of ten rows after {nine_of_ten:?}, complete after {:?}", start.elapsed());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn cold_collect() -> usize {
    collect(&options(None), Refresh::Changed).sessions.len()
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn warm_first_rows(bencher: Bencher) {
    cache();
    bencher.bench(|| until(options(Some(cache())), |catalog| !catalog.is_empty()));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn warm_complete(bencher: Bencher) {
    cache();
    bencher.bench(|| until(options(Some(cache())), complete));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn warm_collect(bencher: Bencher) {
    cache();
    bencher.bench(|| collect(&options(Some(cache())), Refresh::Changed).sessions.len());
}

/// From the write to the event.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn append_is_reported(bencher: Bencher) {
    let dir = tempfile::tempdir().expect("a scratch directory");
    transcript(dir.path(), 1);
    let path = dir.path().join(".claude/projects/-work-project-1/00000001-0000-4000-8000-000000000000.jsonl");
    let environment = Environment { home: dir.path().to_owned(), ..Environment::default() };
    let (_index, mut events) = Index::start(IndexOptions::new(environment, Instant::now));
    while !matches!(events.blocking_recv(), Some(IndexEvent::Watch(_))) {}
    let mut file = fs::OpenOptions::new().append(true).open(path).expect("open");
    let mut turn = 40;
    let mut messages = 40;
    bencher.bench_local(|| {
        // The throttle's pause is not part of the measurement.
        std::thread::sleep(std::time::Duration::from_millis(120));
        let start = Instant::now();
        writeln!(file, "{}", line(1, turn, "00000001-0000-4000-8000-000000000000")).expect("append");
        turn += 1;
        while let Some(event) = events.blocking_recv() {
            let IndexEvent::Catalog(change) = event else { continue };
            if let Some(session) = change.sessions.iter().find(|session| session.messages > messages) {
                messages = session.messages;
                break;
            }
        }
        eprintln!("reported after {:?}", start.elapsed());
    });
}

/// Memory of a complete index, and processor time while nothing happens: printed, not timed.
#[divan::bench(sample_count = 1, sample_size = 1)]
fn idle_and_memory() {
    let status = |what: &str| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        status.lines().find(|line| line.starts_with(what)).unwrap_or_default().to_owned()
    };
    let (_index, mut events) = Index::start(options(Some(cache())));
    let mut catalog = Catalog::default();
    let mut watched = false;
    while !(watched && complete(&catalog)) {
        match events.blocking_recv() {
            Some(IndexEvent::Catalog(change)) => catalog.apply(change),
            Some(IndexEvent::Watch(_)) => watched = true,
            Some(_) => {}
            None => return,
        }
    }
    std::thread::sleep(std::time::Duration::from_secs(3));
    let before = ticks();
    std::thread::sleep(std::time::Duration::from_secs(5));
    eprintln!(
        "{} sessions, {}, {}; {} ticks in 5 s",
        catalog.len(),
        status("VmRSS"),
        status("VmHWM"),
        ticks() - before
    );
}

/// Processor time of this process so far, in 1/100 s.
fn ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    fields.iter().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// Ten thousand sessions in a hundred workspaces.
fn sessions() -> Vec<Arc<Session>> {
    let words = ["parser", "fix", "the", "login", "page", "retry", "cache", "please", "test", "slow", "query", "index"];
    let session = |number: usize| {
        let mut session = Session::new(SessionKey::new(Agent::Claude, format!("{number:08x}")), "/a/file".into());
        let title: Vec<_> =
            (0..8).map(|at| words[(number * 7 + at * at * 5 + number / (at + 1)) % words.len()]).collect();
        session.title = Title::new(&title.join(" "), TitleSource::Prompt);
        session.workspace = format!("/home/user/projects/service-{}", number % 100).into();
        session.branch = Some(format!("feature/{}", number % 13).into());
        session.last_activity = Some(Time::from_secs(i64::try_from(number * 7919 % 100_000).expect("small")));
        session.messages = 1;
        Arc::new(session)
    };
    (0..10_000).map(session).collect()
}

#[divan::bench(args = ["p", "pa", "pars", "srv", "fix login", "zzzz"])]
fn rank_10k_from_nothing(bencher: Bencher, query: &str) {
    let sessions = sessions();
    let mut ranker = Ranker::default();
    ranker.set(&sessions);
    bencher.bench_local(|| {
        // Without a last query to narrow.
        ranker.reset();
        ranker.rank(query).len()
    });
}

#[divan::bench]
fn rank_10k_one_more_letter(bencher: Bencher) {
    let sessions = sessions();
    let mut ranker = Ranker::default();
    ranker.set(&sessions);
    bencher.with_inputs(|| ()).bench_local_values(|()| {
        ranker.reset();
        ranker.rank("fix l");
        let start = Instant::now();
        ranker.rank("fix lo");
        start.elapsed()
    });
}

#[divan::bench]
fn view_10k(bencher: Bencher) {
    let mut catalog = Catalog::default();
    catalog.apply(CatalogChange { sessions: sessions(), ..CatalogChange::default() });
    bencher.bench_local(|| catalog.view(&CatalogFilter::default(), Sort::Activity).sessions.len());
}

#[divan::bench]
fn change_one_of_10k_and_view(bencher: Bencher) {
    let mut catalog = Catalog::default();
    let sessions = sessions();
    catalog.apply(CatalogChange { sessions: sessions.clone(), ..CatalogChange::default() });
    let mut turn = 0;
    bencher.bench_local(|| {
        turn += 1;
        let mut session = Session::clone(&sessions[turn % sessions.len()]);
        session.last_activity = Some(Time::from_secs(200_000 + i64::try_from(turn).expect("small")));
        catalog.apply(CatalogChange { sessions: vec![Arc::new(session)], ..CatalogChange::default() });
        catalog.view(&CatalogFilter::default(), Sort::Activity).sessions.len()
    });
}

/// Report on the usage of 10,000 sessions of the catalog.
#[divan::bench]
fn report(bencher: Bencher) {
    use salon::config::settings::Settings;
    use salon::domain::Tokens;
    use salon::domain::usage::{UsageSlot, add_usage};
    use salon::domain::usage_report::{ReportOptions, UsageReport};
    let session = |number: i64| {
        let mut session = Session::new(SessionKey::new(Agent::Claude, format!("{number}")), PathBuf::new());
        session.workspace = format!("/work/project-{}", number % 20).into();
        let mut usage = Vec::new();
        for reply in 0..4 {
            let time = Time::from_secs(1_795_262_400 - number * 1_000 - reply * 2_000);
            let tokens = Tokens { input: 100, output: 50, cache_read: 1_000, cache_write: 10 };
            add_usage(&mut usage, UsageSlot::of(Some(time)), Some("claude-sonnet-4-5"), tokens);
        }
        session.usage = usage.into();
        Arc::new(session)
    };
    let sessions: Vec<_> = (0..10_000).map(session).collect();
    let (settings, _) = Settings::read("");
    let zone = jiff::tz::TimeZone::UTC;
    let options = ReportOptions { prices: &settings.prices, zone: &zone, from: None, until: None };
    bencher.bench_local(|| UsageReport::new(sessions.iter(), |_| true, &options));
}
