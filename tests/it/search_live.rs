//! A search that stays open: its answers come by events, and what is written meanwhile is found.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Instant;

use salon::domain::found::{Answer, Order};
use salon::domain::{Agent, SessionKey, Time};
use salon::index::search::Search;
use salon::index::{Index, Options, Sought, search_dir};
use serde_json::json;

use crate::index::live::Running;
use crate::search_plants::{ids, now, write};
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

fn options(home: &Home) -> Options {
    Options { cache_dir: Some(home.path().join("cache")), ..Options::new(home.environment(), Instant::now) }
}

fn home() -> Home {
    let home = Home::empty();
    write(&file(&home), &[line(0, "the first words"), line(1, "and more of them")]);
    home
}

fn ask(index: &Index, query: &str, within: Option<Vec<SessionKey>>) {
    index.search(Sought { query: query.into(), order: Order::Relevance, within, now: now() });
}

fn complete(running: &Running, query: &str) -> bool {
    running.found.get(query).is_some_and(|answer| answer.reach.complete)
}

fn key() -> SessionKey {
    SessionKey::new(Agent::Claude, ID)
}

#[test]
fn a_query_asked_at_the_very_start_is_answered_about_everything() {
    let home = home();
    let mut running = Running::start(options(&home));
    ask(&running.index, "first", None);
    running.until("an answer", |running| complete(running, "first"));
    assert_eq!(ids(&running.found["first"]).len(), 1);
}

#[test]
fn what_is_written_while_a_result_list_is_open_is_found_in_the_session_that_grew() {
    let home = home();
    let mut running = Running::settled(options(&home));
    ask(&running.index, "latecomer", None);
    running.until("an empty answer", |running| complete(running, "latecomer"));
    assert!(running.found["latecomer"].hits.is_empty());
    let before = running.turns(ID);
    append(&home, &line(2, "a latecomer arrives"));
    running.until("the growth is told", |running| running.turns(ID) > before);
    running.found.clear();
    ask(&running.index, "latecomer", Some(vec![key()]));
    running.until("the answer within", |running| complete(running, "latecomer"));
    let hit = &running.found["latecomer"].hits[0];
    assert_eq!((&hit.session.key, hit.count), (&key(), 1));
    assert_eq!(hit.snippets[0].text, "a latecomer arrives");
}

#[test]
fn a_title_that_was_found_by_its_abbreviation_is_found_again_when_its_session_grew() {
    let home = home();
    let mut running = Running::settled(options(&home));
    running.until("all is stored", |running| running.indexed.is_some_and(|now| now.total == 1 && now.done == 1));
    for query in ["tfwrds", "frist"] {
        ask(&running.index, query, None);
        running.until("the answer", |running| complete(running, query));
        assert_eq!(ids(&running.found[query]).len(), 1, "{query}");
        let before = running.turns(ID);
        append(&home, &line(before, "something else"));
        running.until("the growth is told", |running| running.turns(ID) > before);
        running.found.clear();
        ask(&running.index, query, Some(vec![key()]));
        running.until("the answer within", |running| complete(running, query));
        assert_eq!(ids(&running.found[query]).len(), 1, "{query}");
    }
    // What is held exactly elsewhere is not made up for here.
    ask(&running.index, "more", None);
    running.until("the answer", |running| complete(running, "more"));
    ask(&running.index, "tfwrds", Some(vec![key()]));
    running.until("the answer within", |running| complete(running, "tfwrds"));
    assert!(running.found["tfwrds"].hits.is_empty());
}

#[test]
fn the_talk_is_stored_in_the_background_and_only_what_was_appended_is_added() {
    let home = home();
    let mut running = Running::settled(options(&home));
    running.until("all is stored", |running| running.indexed.is_some_and(|now| now.total == 1 && now.done == 1));
    let stored = || std::fs::metadata(search_dir(&home.path().join("cache")).join("talk-1")).expect("stored").len();
    let before = stored();
    append(&home, &line(2, "twelve bytes"));
    let search = Search::open(&search_dir(&home.path().join("cache")));
    let corpus = crate::search_plants::corpus(&home);
    running.until("it is stored, too", |_| search.is_current(&corpus));
    // Packed, with its place in the transcript; and what is known of the letters of all.
    let grown = stored() - before;
    assert!((12..100).contains(&grown), "{grown} bytes were added");
}

#[test]
fn a_newer_query_takes_the_place_of_the_older() {
    let home = home();
    let mut running = Running::settled(options(&home));
    for query in ["f", "fi", "fir", "firs", "first"] {
        ask(&running.index, query, None);
    }
    running.until("the last answer", |running| complete(running, "first"));
    assert_eq!(ids(&running.found["first"]).len(), 1);
    ask(&running.index, "", None);
    ask(&running.index, "more", None);
    running.until("the answer after nothing", |running| complete(running, "more"));
}

#[test]
fn two_share_what_is_stored() {
    let home = home();
    let stored = |running: &Running| running.indexed.is_some_and(|now| now.total == now.done && now.total > 0);
    let mut one = Running::settled(options(&home));
    let mut two = Running::settled(options(&home));
    one.until("one is through", stored);
    append(&home, &line(2, "for both"));
    for running in [&mut one, &mut two] {
        running.until("both know of it", |running| running.turns(ID) == 3);
        ask(&running.index, "both", None);
        running.until("both find it", |running| complete(running, "both"));
        let answer: &Answer = &running.found["both"];
        assert_eq!((answer.hits.len(), answer.hits[0].count), (1, 1));
    }
    two.until("two is through", stored);
}
