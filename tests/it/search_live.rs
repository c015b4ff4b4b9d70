//! Search in a running index: results arrive as events, and appended texts are found.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Instant;

use salon::domain::search::{SearchOrder, SearchRequest, SearchResults};
use salon::domain::{Agent, SessionKey, Time};
use salon::index::search::SearchIndex;
use salon::index::{Index, IndexOptions, search_dir};
use serde_json::json;

use crate::index::live::Running;
use crate::search_needles::{ids, now, write};
use crate::support::Home;

const ID: &str = "11111111-2222-4333-8444-000000000001";

fn line(number: u32, text: &str) -> serde_json::Value {
    json!({
        "parentUuid": (number > 0).then(|| format!("u{}", number - 1)), "isSidechain": false, "type": "user",
        "uuid": format!("u{number}"), "sessionId": ID, "cwd": "/srv/app", "message": {"role": "user", "content": text},
        "timestamp": Time::from_millis(1_790_000_000_000 + i64::from(number)).rfc3339(),
    })
}

fn file(home: &Home) -> std::path::PathBuf {
    home.path().join(format!(".claude/projects/-srv-app/{ID}.jsonl"))
}

fn append(home: &Home, line: &serde_json::Value) {
    let mut file = OpenOptions::new().append(true).open(file(home)).expect("open");
    file.write_all(format!("{line}\n").as_bytes()).expect("append");
}

fn options(home: &Home) -> IndexOptions {
    IndexOptions { cache_dir: Some(home.path().join("cache")), ..IndexOptions::new(home.environment(), Instant::now) }
}

fn home() -> Home {
    let home = Home::empty();
    write(&file(&home), &[line(0, "the first words"), line(1, "and more of them")]);
    home
}

fn search(index: &Index, query: &str, within: Option<Vec<SessionKey>>) {
    index.search(SearchRequest { query: query.into(), order: SearchOrder::Relevance, within }, now());
}

fn complete(running: &Running, query: &str) -> bool {
    running.found.get(query).is_some_and(|answer| answer.coverage.complete)
}

fn key() -> SessionKey {
    SessionKey::new(Agent::Claude, ID)
}

#[test]
fn a_query_before_the_first_scan_covers_everything() {
    let home = home();
    let mut running = Running::start(options(&home));
    search(&running.index, "first", None);
    running.until("an answer", |running| complete(running, "first"));
    assert_eq!(ids(&running.found["first"]).len(), 1);
}

#[test]
fn appended_text_is_found_by_a_search_in_the_changed_session() {
    let home = home();
    let mut running = Running::complete_and_watched(options(&home));
    search(&running.index, "latecomer", None);
    running.until("an empty answer", |running| complete(running, "latecomer"));
    assert!(running.found["latecomer"].hits.is_empty());
    let before = running.turns(ID);
    append(&home, &line(2, "a latecomer arrives"));
    running.until("the change is reported", |running| running.turns(ID) > before);
    running.found.clear();
    search(&running.index, "latecomer", Some(vec![key()]));
    running.until("the answer within", |running| complete(running, "latecomer"));
    let hit = &running.found["latecomer"].hits[0];
    assert_eq!((&hit.session.key, hit.count), (&key(), 1));
    assert_eq!(hit.snippets[0].text, "a latecomer arrives");
}

#[test]
fn a_title_that_was_found_by_its_abbreviation_is_found_again_when_its_session_grew() {
    let home = home();
    let mut running = Running::complete_and_watched(options(&home));
    running
        .until("everything is indexed", |running| running.indexed.is_some_and(|now| now.total == 1 && now.done == 1));
    for query in ["tfwrds", "frist"] {
        search(&running.index, query, None);
        running.until("the answer", |running| complete(running, query));
        assert_eq!(ids(&running.found[query]).len(), 1, "{query}");
        let before = running.turns(ID);
        append(&home, &line(before, "something else"));
        running.until("the change is reported", |running| running.turns(ID) > before);
        running.found.clear();
        search(&running.index, query, Some(vec![key()]));
        running.until("the answer within", |running| complete(running, query));
        assert_eq!(ids(&running.found[query]).len(), 1, "{query}");
    }
    // A query with exact hits elsewhere is not corrected here.
    search(&running.index, "more", None);
    running.until("the answer", |running| complete(running, "more"));
    search(&running.index, "tfwrds", Some(vec![key()]));
    running.until("the answer within", |running| complete(running, "tfwrds"));
    assert!(running.found["tfwrds"].hits.is_empty());
}

#[test]
fn texts_are_indexed_in_the_background_and_appends_incrementally() {
    let home = home();
    let mut running = Running::complete_and_watched(options(&home));
    running
        .until("everything is indexed", |running| running.indexed.is_some_and(|now| now.total == 1 && now.done == 1));
    let indexed_len =
        || std::fs::metadata(search_dir(&home.path().join("cache")).join("data-1")).expect("stored").len();
    let before = indexed_len();
    append(&home, &line(2, "twelve bytes"));
    let search = SearchIndex::open(&search_dir(&home.path().join("cache")));
    let corpus = crate::search_needles::corpus(&home);
    running.until("the append is indexed", |_| search.is_current(&corpus));
    // The compressed text with its record, and the filter and entry table of the source.
    let grown = indexed_len() - before;
    assert!((12..160).contains(&grown), "{grown} bytes were added");
}

#[test]
fn a_newer_query_replaces_the_older() {
    let home = home();
    let mut running = Running::complete_and_watched(options(&home));
    for query in ["f", "fi", "fir", "firs", "first"] {
        search(&running.index, query, None);
    }
    running.until("the last answer", |running| complete(running, "first"));
    assert_eq!(ids(&running.found["first"]).len(), 1);
    search(&running.index, "", None);
    search(&running.index, "more", None);
    running.until("the answer after nothing", |running| complete(running, "more"));
}

#[test]
fn two_processes_share_the_index() {
    let home = home();
    let indexed_len = |running: &Running| running.indexed.is_some_and(|now| now.total == now.done && now.total > 0);
    let mut one = Running::complete_and_watched(options(&home));
    let mut two = Running::complete_and_watched(options(&home));
    one.until("one is through", indexed_len);
    append(&home, &line(2, "for both"));
    for running in [&mut one, &mut two] {
        running.until("both know of it", |running| running.turns(ID) == 3);
        search(&running.index, "both", None);
        running.until("both find it", |running| complete(running, "both"));
        let answer: &SearchResults = &running.found["both"];
        assert_eq!((answer.hits.len(), answer.hits[0].count), (1, 1));
    }
    two.until("two is through", indexed_len);
}
