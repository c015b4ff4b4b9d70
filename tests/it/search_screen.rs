//! Search screen: keys, updates, navigation between hits, and layouts.

mod anything;
mod history;
mod marked;
mod settled;

use std::sync::Arc;

use salon::app::layer::Layer;
use salon::app::search::{SearchFocus, SearchHistory, SearchScreen};
use salon::app::{Effect, Msg, RequestTicket};
use salon::config::key::Key;
use salon::domain::catalog::{CatalogChange, IndexProgress};
use salon::domain::query::{EntryMatcher, FilterKey, MatchLevel, TextKind};
use salon::domain::search::{Coverage, EntryLocation, Hit, SearchOrder, SearchRequest, SearchUpdate, Snippet};
use salon::domain::session::CopiedPrefix;
use salon::domain::transcript::{ChangeKind as FileChanged, EntryKind, FileChange, ToolAction};
use salon::domain::transcript_event::{EntryMatches, TranscriptEvent, TranscriptInfo};
use salon::domain::{Agent, Entry, EntryKey, Role, Session, SessionKey};

use super::reader::sample::tool;
use super::screens::stage::{Stage, change, session, sessions};

const DONE: Coverage = Coverage { sessions: 11, bytes: 48_200_000, indexed: true, complete: true };
const GOING: Coverage = Coverage { sessions: 4, bytes: 9_600_000, indexed: true, complete: false };

fn place(name: &str) -> EntryLocation {
    EntryLocation::Entry { key: EntryKey::new(name, 0), call: "".into(), near: "".into() }
}

/// Hit in the session whose id ends with `id`, with a snippet for each text; `[…]` marks the matches.
fn hit(id: &str, score: f32, count: usize, texts: &[(TextKind, &str)]) -> Hit {
    let session = sessions().into_iter().find(|session| session.key.id.ends_with(id)).expect("a session");
    let snippet = |(nth, (part, marked)): (usize, &(TextKind, &str))| {
        let (mut text, mut ranges, mut start) = (String::new(), Vec::new(), 0);
        for c in marked.chars() {
            match c {
                '[' => start = text.len(),
                ']' => ranges.push(start..text.len()),
                c => text.push(c),
            }
        }
        Snippet { location: place(&format!("{id}-{nth}")), text_kind: *part, text, ranges }
    };
    Hit { session: Arc::new(session), score, count, snippets: texts.iter().enumerate().map(snippet).collect() }
}

fn webhook_hits() -> Vec<Hit> {
    vec![
        hit(
            "0001",
            9.0,
            23,
            &[
                (TextKind::Prompt, "Retry the [webhook] when the other side answers 503, with a back-off"),
                (TextKind::Output, "test [webhook]::retries_with_back_off ... FAILED"),
                (TextKind::EditedFile, "src/[webhook]/retry.rs"),
            ],
        ),
        hit(
            "0004",
            5.0,
            1,
            &[(TextKind::Answer, "…which is why the [webhook] of the cart is called twice in this test…")],
        ),
        hit(
            "0009",
            4.0,
            2,
            &[(TextKind::Input, "rg --line-number \"price\\(\" src/[webhook]"), (TextKind::Thinking, "the [webhook]")],
        ),
        hit("0005", 3.0, 1, &[(TextKind::Prompt, "在庫の同期を[webhook]で設計する")]),
        hit("0007", 2.0, 1, &[(TextKind::Notice, "the menu\u{1b}Pq#0\u{7} was \u{202e}published by a [webhook]")]),
    ]
}

fn found(query: &str, hits: Vec<Hit>, reach: Coverage) -> Msg {
    Msg::SearchUpdate { query: query.into(), update: SearchUpdate { hits, coverage: reach, corrections: Vec::new() } }
}

fn search(stage: &Stage) -> &SearchScreen {
    stage.app.stack.layers.iter().rev().find_map(Layer::search).expect("a search")
}

fn typed(stage: &mut Stage, text: &str) {
    for c in text.chars() {
        stage.send(Msg::Key(Key::char(c)));
    }
}

fn asks(query: &str) -> Effect {
    Effect::Search(SearchRequest { query: query.into(), order: SearchOrder::Relevance, within: None })
}

/// Screen with a completed search.
fn webhook(width: u16, height: u16) -> Stage {
    let mut stage = Stage::full(width, height);
    stage.keys("/");
    typed(&mut stage, "webhook");
    stage.send(found("webhook", webhook_hits(), DONE));
    stage
}

fn selected(stage: &Stage) -> String {
    let results = &search(stage).results;
    let key = results.key().map(|key| key.id.to_string()).unwrap_or_default();
    format!("{}:{}", &key[key.len().saturating_sub(2)..], results.rows().get(results.at()).map_or(0, |row| row.nth))
}

fn entries(count: u32) -> Vec<Arc<Entry>> {
    let entry = |nth: u32| {
        let mut entry = Entry::new(EntryKey::new(&format!("entry {nth}"), 0), EntryKind::Text, Role::Assistant, None);
        entry.text = format!("Entry {nth} about the webhook.");
        Arc::new(entry)
    };
    (0..count).map(entry).collect()
}

/// Answers a request to open a transcript with that many entries, some of which match the query.
fn answer_opening(stage: &mut Stage, ticket: RequestTicket, query: &str, hits: &[usize]) {
    let entries = entries(30);
    stage.send(Msg::Transcript(ticket, TranscriptEvent::Tail(entries.clone())));
    stage.send(Msg::Transcript(
        ticket,
        TranscriptEvent::Opened(TranscriptInfo { len: 30, branches: 1, ..TranscriptInfo::default() }),
    ));
    stage.send(Msg::Transcript(ticket, TranscriptEvent::Page { from: 0, entries }));
    let entries = hits.iter().map(|entry| EntryMatches { entry: *entry, count: 1 }).collect();
    let found = TranscriptEvent::Found { query: query.into(), entries, complete: true };
    stage.send(Msg::Transcript(ticket, found));
}

fn opened(effects: &[Effect]) -> Vec<(RequestTicket, SessionKey)> {
    let opening = |effect: &Effect| match effect {
        Effect::OpenTranscript(ticket, key) => Some((*ticket, key.clone())),
        _ => None,
    };
    effects.iter().filter_map(opening).collect()
}

#[test]
fn each_change_of_the_line_searches_and_late_updates_are_dropped() {
    let mut stage = Stage::full(80, 24);
    stage.take_effects();
    stage.keys("/ w e");
    assert_eq!(stage.take_effects(), [asks(""), asks("w"), asks("we")], "all is ready before the first letter");
    stage.send(found("w", webhook_hits(), DONE));
    assert!(search(&stage).results.rows().is_empty(), "an answer to an older line");
    stage.send(found("we", webhook_hits(), GOING));
    assert_eq!(search(&stage).results.rows().len(), 5);
    stage.keys("b");
    assert_eq!(stage.take_effects(), [asks("web")]);
    assert_eq!(search(&stage).results.rows().len(), 5, "what was there stays until the new line is answered");
    stage.send(found("web", vec![], GOING));
    assert_eq!(search(&stage).results.rows().len(), 5, "nothing yet is no answer");
    stage.send(found("web", vec![], DONE));
    assert!(search(&stage).results.rows().is_empty());
    // White space around the query sends no new request.
    stage.take_effects();
    stage.keys("space");
    assert_eq!(stage.take_effects(), []);
    stage.keys("ctrl-u");
    assert_eq!(stage.take_effects(), [asks("")], "an empty line stops the search");
}

#[test]
fn enter_before_the_results_opens_the_best_one_of_this_query() {
    let indexed = |indexed, reach| Coverage { indexed, ..reach };
    let mut stage = webhook(80, 24);
    let is_open =
        |stage: &Stage| stage.app.stack.layers.last().and_then(Layer::reader).map(|reader| reader.key.clone());
    stage.keys("s enter");
    assert_eq!(is_open(&stage), None, "the rows on the screen are of the query before");
    stage.send(found("webhooks", webhook_hits()[2..].to_vec(), indexed(false, GOING)));
    assert_eq!(is_open(&stage), None, "titles alone do not decide which one is the best");
    stage.send(found("webhooks", webhook_hits(), GOING));
    assert!(is_open(&stage).is_some_and(|key| key.id.ends_with("0001")));
    stage.keys("esc");
    // Another key withdraws it, and without results nothing opens.
    stage.keys("x enter down").send(found("webhooksx", webhook_hits(), DONE));
    assert_eq!(is_open(&stage), None);
    stage.keys("y enter").send(found("webhooksxy", Vec::new(), DONE));
    stage.send(found("webhooksxy", webhook_hits(), DONE));
    assert_eq!(is_open(&stage), None);
}

#[test]
fn a_copy_of_a_whole_conversation_has_no_row_beside_the_session_that_contains_it() {
    let mut stage = Stage::full(80, 24);
    let mut all = sessions();
    let origin = all.iter().find(|session| session.key.id.ends_with("0001")).expect("a session").clone();
    let copy = all.iter_mut().find(|session| session.key.id.ends_with("0004")).expect("a session");
    copy.key.agent = origin.key.agent;
    copy.workspace = origin.workspace.clone();
    copy.forked_from = Some(origin.key.id.clone());
    copy.copied = Some(Box::new(CopiedPrefix { record: "r9".into(), entry: None, is_extended: false }));
    let copy = copy.clone();
    stage.send(Msg::Catalog(change(vec![origin, copy.clone()])));
    stage.keys("/");
    typed(&mut stage, "webhook");
    let mut hits = webhook_hits();
    hits[1].session = Arc::new(copy);
    stage.send(found("webhook", vec![hits[1].clone()], GOING));
    assert_eq!(search(&stage).results.sessions(), 1, "alone it has a row");
    stage.send(found("webhook", hits, DONE));
    assert_eq!(search(&stage).results.sessions(), 4);
    assert!(stage.screen().contains("1 copy folded"), "{}", stage.screen());
    let shown: Vec<_> = search(&stage).results.rows().iter().map(|row| row.hit).collect();
    assert!(!shown.contains(&1), "{shown:?}");
}

#[test]
fn the_selection_does_not_jump_while_results_stream_in() {
    let mut stage = Stage::full(80, 24);
    stage.keys("/");
    typed(&mut stage, "webhook");
    let mut hits = webhook_hits();
    let best = hits.remove(0);
    stage.send(found("webhook", hits, GOING));
    assert_eq!(selected(&stage), "04:0");
    stage.send(found("webhook", vec![best.clone()], GOING));
    assert_eq!(selected(&stage), "01:0", "until one is chosen the best is selected");
    stage.keys("down down");
    assert_eq!(selected(&stage), "09:0");
    let line = |stage: &Stage| {
        let results = &search(stage).results;
        results.lines_of(results.at()).start - results.top()
    };
    let before = line(&stage);
    stage.send(found(
        "webhook",
        vec![Hit { score: 50.0, ..hit("0008", 0.0, 1, &[(TextKind::Prompt, "[webhook]")]) }],
        DONE,
    ));
    assert_eq!(selected(&stage), "09:0");
    assert_eq!(line(&stage), before + 2, "everything fits, so nothing scrolls");
    stage.send(found("webhook", vec![hit("0009", 90.0, 7, &[(TextKind::Prompt, "[webhook]")])], DONE));
    assert_eq!((selected(&stage).as_str(), search(&stage).results.at()), ("09:0", 0), "it goes where its rank is");
    // A new query begins at its best hit.
    stage.keys("s").send(found("webhooks", webhook_hits(), DONE));
    assert_eq!(selected(&stage), "01:0");
}

#[test]
fn every_key_that_moves_moves_while_the_line_has_the_focus() {
    let mut stage = webhook(80, 24);
    stage.keys("down ctrl-j ctrl-n");
    assert_eq!(selected(&stage), "05:0");
    stage.keys("up ctrl-k");
    assert_eq!(selected(&stage), "04:0");
    stage.keys("ctrl-p");
    assert_eq!(selected(&stage), "01:0");
    stage.keys("pgdn");
    assert_eq!(selected(&stage), "07:0");
    assert_eq!(search(&stage).input.text(), "webhook");
}

#[test]
fn further_hits_unfold_and_each_can_be_reached() {
    let mut stage = webhook(80, 24);
    stage.keys("right down");
    assert_eq!(selected(&stage), "01:1");
    stage.keys("down down");
    assert_eq!(selected(&stage), "04:0");
    stage.keys("up left");
    assert_eq!(selected(&stage), "01:0", "folding leads back to the session");
    stage.keys("left left x");
    assert_eq!(search(&stage).input.text(), "webhoxok", "then the arrow moves in the line");
    stage.send(found("webhoxok", webhook_hits(), DONE));
    stage.keys("tab ] down");
    assert_eq!((search(&stage).focus, selected(&stage).as_str()), (SearchFocus::Results, "01:1"));
    stage.keys("[");
    assert_eq!(selected(&stage), "01:0");
}

#[test]
fn escape_clears_the_line_first_and_then_leaves() {
    let mut stage = webhook(80, 24);
    stage.keys("tab");
    assert_eq!(search(&stage).focus, SearchFocus::Results);
    stage.keys("esc");
    assert_eq!(search(&stage).focus, SearchFocus::Line);
    stage.keys("esc");
    assert!(search(&stage).input.is_empty());
    stage.keys("esc");
    assert!(stage.app.stack.layers.is_empty());
    assert_eq!(stage.app.search_history.newest().collect::<Vec<_>>(), ["webhook"]);
}

#[test]
fn enter_opens_at_the_hit_and_n_walks_on_into_the_next_session() {
    let mut stage = webhook(80, 24);
    stage.take_effects();
    stage.keys("enter");
    let effects = stage.take_effects();
    let [(ticket, key)] = &opened(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(&*key.id, "5d0c0f6e-0001");
    assert!(effects.contains(&Effect::FindInTranscript(*ticket, "webhook".into())));
    assert!(effects.contains(&Effect::Locate(*ticket, place("0001-0"))), "{effects:?}");
    answer_opening(&mut stage, *ticket, "webhook", &[2, 9, 20]);
    let reader =
        |stage: &Stage| stage.app.stack.layers.last().and_then(Layer::reader).map(salon::app::reader::Reader::cursor);
    assert_ne!(reader(&stage), Some(2), "it waits until it knows where the place is");
    stage.send(Msg::Transcript(*ticket, TranscriptEvent::Located { location: place("0001-0"), entry: Some(9) }));
    assert_eq!(reader(&stage), Some(9));
    assert!(stage.screen().contains("2 of 3"), "{}", stage.screen());
    stage.keys("n");
    assert_eq!(reader(&stage), Some(20));
    stage.take_effects();
    stage.keys("n");
    let effects = stage.take_effects();
    assert_eq!(effects.first(), Some(&Effect::CloseTranscript(*ticket)));
    let [(next, key)] = &opened(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(&*key.id, "5d0c0f6e-0004");
    answer_opening(&mut stage, *next, "webhook", &[4, 7]);
    assert_eq!(reader(&stage), Some(4), "the first hit of the next one");
    stage.take_effects();
    stage.keys("N");
    let effects = stage.take_effects();
    let [(back, _)] = &opened(&effects)[..] else { panic!("{effects:?}") };
    answer_opening(&mut stage, *back, "webhook", &[2, 9, 20]);
    assert_eq!(reader(&stage), Some(20), "the last hit of the one before");
    stage.keys("n");
    let (third, _) = opened(&stage.take_effects())[0].clone();
    answer_opening(&mut stage, third, "webhook", &[4]);
    stage.keys("esc");
    assert_eq!(selected(&stage), "04:0", "back at the results, where one was");
    assert_eq!(search(&stage).input.text(), "webhook");
}

#[test]
fn filters_that_entries_can_answer_lead_to_those_entries() {
    for (query, highlighted) in [("has:error", "has:error"), ("tool:bash", "tool:bash"), ("agent:claude", "")] {
        let mut stage = Stage::full(80, 24);
        stage.keys("/");
        typed(&mut stage, query);
        stage.send(found(query, vec![hit("0001", 1.0, 0, &[])], DONE));
        stage.take_effects();
        stage.keys("enter");
        let effects = stage.take_effects();
        let (ticket, _) = opened(&effects)[0].clone();
        assert!(effects.contains(&Effect::FindInTranscript(ticket, highlighted.into())), "{effects:?}");
        answer_opening(&mut stage, ticket, highlighted, &[3, 7]);
        let cursor = stage.app.stack.layers.last().and_then(Layer::reader).map(salon::app::reader::Reader::cursor);
        assert_eq!(cursor == Some(3), !highlighted.is_empty(), "{query}: {cursor:?}");
    }
}

#[test]
fn a_place_that_is_on_another_branch_gives_way_to_the_first_hit() {
    let mut stage = webhook(80, 24);
    stage.take_effects();
    stage.keys("enter");
    let (ticket, _) = opened(&stage.take_effects())[0].clone();
    answer_opening(&mut stage, ticket, "webhook", &[6, 9]);
    stage.send(Msg::Transcript(ticket, TranscriptEvent::Located { location: place("0001-0"), entry: None }));
    assert_eq!(stage.app.stack.layers.last().and_then(Layer::reader).map(salon::app::reader::Reader::cursor), Some(6));
}

#[test]
fn the_preview_shows_the_hit_and_follows_the_selection() {
    let mut stage = webhook(120, 40);
    let effects = stage.take_effects();
    let (ticket, key) = opened(&effects).last().cloned().expect("a preview");
    assert_eq!(&*key.id, "5d0c0f6e-0001");
    assert!(effects.contains(&Effect::Locate(ticket, place("0001-0"))), "{effects:?}");
    answer_opening(&mut stage, ticket, "webhook", &[2, 9, 20]);
    stage.send(Msg::Transcript(ticket, TranscriptEvent::Located { location: place("0001-0"), entry: Some(9) }));
    stage.keys("right down");
    let effects = stage.take_effects();
    assert!(effects.contains(&Effect::Locate(ticket, place("0001-1"))), "the same transcript, another place");
    assert_eq!(opened(&effects), []);
    // Enter takes over the preview's transcript, and Esc returns it.
    stage.keys("enter");
    assert_eq!(opened(&stage.take_effects()), []);
    stage.keys("esc");
    assert!(search(&stage).preview.reader(&key).is_some());
}

#[test]
fn the_order_cycles_and_sorts_at_once() {
    let mut stage = webhook(80, 24);
    stage.keys("down");
    stage.take_effects();
    stage.keys("ctrl-s");
    let again = |order| Effect::Search(SearchRequest { query: "webhook".into(), order, within: None });
    assert_eq!(stage.take_effects(), [again(SearchOrder::Time)]);
    let ids = |stage: &Stage| {
        let hits = &search(stage).results.answer().hits;
        hits.iter().map(|hit| hit.session.key.id[hit.session.key.id.len() - 2..].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&stage), ["01", "09", "04", "05", "07"]);
    assert_eq!(selected(&stage), "04:0", "the selection stays");
    stage.keys("ctrl-s ctrl-s ctrl-s");
    assert_eq!(stage.take_effects().last(), Some(&again(SearchOrder::Relevance)));
    assert_eq!(ids(&stage), ["01", "04", "09", "05", "07"]);
}

#[test]
fn a_message_that_is_written_meanwhile_is_found_without_a_key() {
    let mut stage = webhook(80, 24);
    stage.take_effects();
    let grown = |id: &str| sessions().into_iter().filter(|session| session.key.id.ends_with(id)).collect::<Vec<_>>();
    let changed = grown("0002");
    let key = changed[0].key.clone();
    stage.send(Msg::Catalog(change(changed)));
    let within = |keys: Vec<SessionKey>| {
        Effect::Search(SearchRequest { query: "webhook".into(), order: SearchOrder::Relevance, within: Some(keys) })
    };
    assert_eq!(stage.take_effects(), [within(vec![key.clone()])]);
    // A change during a running search is requested afterwards.
    let later = grown("0004");
    let later_key = later[0].key.clone();
    stage.send(Msg::Catalog(change(later)));
    assert_eq!(stage.take_effects(), []);
    stage.send(found(
        "webhook",
        vec![hit("0002", 99.0, 1, &[(TextKind::Answer, "a new [webhook]")])],
        Coverage { sessions: 1, bytes: 9, indexed: true, complete: true },
    ));
    assert_eq!(search(&stage).results.rows().len(), 6);
    assert_eq!(stage.take_effects(), [within(vec![later_key])]);
    assert_eq!(search(&stage).coverage().sessions, 11, "what was looked through counts on");
    // A new session is searched, too.
    let mut fresh = grown("0004");
    fresh[0].key.id = "5d0c0f6e-9999".into();
    stage.send(Msg::Catalog(change(fresh)));
    // The session has no match any more.
    stage.send(found("webhook", vec![], DONE));
    stage.send(found("webhook", vec![], Coverage { sessions: 1, bytes: 1_000, complete: true, ..DONE }));
    assert_eq!((search(&stage).coverage().sessions, search(&stage).coverage().bytes), (12, DONE.bytes + 1_000));
    assert_eq!(search(&stage).results.rows().len(), 5);
    stage.send(Msg::Catalog(CatalogChange { removed: vec![key], ..CatalogChange::default() }));
    assert_eq!(search(&stage).results.rows().len(), 4);
}

#[test]
fn completions_are_chosen_from_with_counts() {
    let mut stage = Stage::full(80, 24);
    stage.keys("/");
    typed(&mut stage, "agent:");
    stage.keys("tab");
    assert_eq!(search(&stage).input.text(), "agent:claude");
    let screen = stage.screen();
    let column = |line: usize| screen.lines().nth(line).and_then(|line| line.find("claude"));
    assert_eq!(column(0), column(2).map(|at| at - "▌".len() + 1), "below the word: {screen}");
    insta::assert_snapshot!("completing_80x24", stage.screen());
    stage.keys("tab");
    assert_eq!(search(&stage).input.text(), "agent:codex");
    stage.keys("esc");
    assert_eq!(search(&stage).input.text(), "agent:");
    stage.keys("tab tab tab enter");
    assert!(search(&stage).completion.is_none() && search(&stage).input.text() != "agent:");
    stage.keys("ctrl-u b r tab");
    assert_eq!(search(&stage).input.text(), "branch:", "a single one is taken at once");
    stage.keys("tab enter");
    assert_eq!(search(&stage).input.text(), "branch:main");
}

#[test]
fn values_from_texts_are_requested_and_offered_when_they_arrive() {
    let mut stage = Stage::full(80, 24);
    let values = |typed: &str, values: &[(&str, usize)]| Msg::Values {
        field: FilterKey::Tool,
        typed: typed.into(),
        values: values.iter().map(|(value, count)| ((*value).to_owned(), *count)).collect(),
    };
    let counts = |typed: &str| vec![Effect::CountValues(FilterKey::Tool, typed.into())];
    stage.keys("/");
    typed(&mut stage, "-tool:b");
    stage.take_effects();
    stage.keys("tab tab");
    assert_eq!(stage.take_effects(), counts("b"), "once");
    assert!(stage.screen().contains("counting …"), "{}", stage.screen());
    stage.send(values("", &[("Read", 9)]));
    assert_eq!(search(&stage).input.text(), "-tool:b", "the answer to another question");
    stage.send(values("b", &[("Bash", 1_290), ("bash_output", 7)]));
    assert_eq!(search(&stage).input.text(), "-tool:Bash");
    insta::assert_snapshot!("completing_tools_80x24", stage.screen());
    stage.keys("tab");
    assert_eq!(search(&stage).input.text(), "-tool:bash_output");
    // A newer query takes precedence.
    stage.keys("ctrl-u");
    typed(&mut stage, "tool:x");
    stage.keys("tab y").send(values("x", &[("xxl", 1)]));
    assert_eq!(search(&stage).input.text(), "tool:xy");
    stage.keys("tab").send(values("xy", &[]));
    assert_eq!(search(&stage).input.text(), "tool:xy");
    assert!(stage.screen().contains("No completions for `tool:xy`"), "{}", stage.screen());
    // Fixed values need no count.
    stage.keys("ctrl-u");
    typed(&mut stage, "has:i");
    stage.keys("tab").send(Msg::Values { field: FilterKey::Has, typed: "i".into(), values: Vec::new() });
    assert_eq!(search(&stage).input.text(), "has:image");
}

#[test]
fn mistakes_are_marked_where_they_are() {
    let mut stage = Stage::full(80, 24);
    stage.keys("/");
    typed(&mut stage, "webhook agnet:claude");
    let screen = stage.screen();
    assert!(screen.contains("Ignored: agnet:claude (unknown filter; did you mean `agent:`?"), "{screen}");
    let buffer = stage.buffer();
    let marked = |x: u16| buffer[(x, 0)].modifier.contains(ratatui::style::Modifier::UNDERLINED);
    let columns: Vec<u16> = (0..80).filter(|x| marked(*x)).collect();
    assert_eq!((columns.first(), columns.last()), (Some(&11), Some(&22)), "{screen}");
}

#[test]
fn a_filter_is_not_wrong_before_its_value_is_typed() {
    let mut stage = Stage::full(80, 24);
    let summary = |stage: &mut Stage| stage.screen().lines().nth(1).expect("a line").to_owned();
    stage.keys("/");
    for text in ["agent:", "cla"] {
        typed(&mut stage, text);
        assert_eq!(summary(&mut stage).trim(), "", "while it is typed");
    }
    stage.keys("space");
    assert!(summary(&mut stage).contains("cla: must be one of claude"), "{}", stage.screen());
    stage.keys("ctrl-u");
    typed(&mut stage, "agent:nobody");
    assert!(summary(&mut stage).contains("nobody: must be one of"), "no agent begins so");
    stage.keys("ctrl-u");
    typed(&mut stage, "cost:>1");
    assert!(stage.screen().contains("cost:>1: unknown filter, searched as text"), "{}", stage.screen());
    stage.send(found("cost:>1", webhook_hits(), DONE));
    assert!(summary(&mut stage).contains("cost:>1: unknown filter"), "{}", stage.screen());
    assert!(
        summary(&mut stage).ends_with("5 sessions · matches in 28 texts"),
        "the count is not hidden: {}",
        stage.screen()
    );
}

#[test]
fn a_page_without_results_names_each_mistake_once() {
    for width in [120, 80, 40] {
        let mut stage = webhook(width, 24);
        stage.keys("ctrl-u");
        typed(&mut stage, "cost:>1");
        stage.send(found("cost:>1", vec![], DONE));
        let screen = stage.screen().replace('\n', " ");
        let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words.matches("unknown filter").count(), 1, "{}", stage.screen());
    }
}

#[test]
fn a_row_has_its_workspace_at_every_width_and_its_count_once() {
    for width in [120, 80, 40] {
        let mut stage = webhook(width, 24);
        let screen = stage.screen();
        let row = screen.lines().find(|line| line.contains("Retry")).expect("the first result");
        assert!(row.contains("shop"), "{screen}");
        assert_eq!(row.matches("23").count(), usize::from(width > 40), "{screen}");
        assert!(!screen.contains("+22"), "{screen}");
    }
}

#[test]
fn a_single_result_shows_its_matches_by_itself() {
    let mut stage = Stage::full(80, 24);
    stage.keys("/");
    typed(&mut stage, "webhook");
    let only = || vec![webhook_hits().remove(0)];
    stage.send(found("webhook", only(), GOING));
    assert_eq!(search(&stage).results.rows().len(), 1, "others may follow");
    stage.send(found("webhook", only(), DONE));
    assert_eq!(search(&stage).results.rows().len(), 3);
    assert!(stage.screen().contains("20 more"), "{}", stage.screen());
    stage.keys("left");
    typed(&mut stage, "x");
    assert_eq!(search(&stage).input.text(), "webhooxk", "the arrow moves in the line");
    stage.send(found("webhooxk", only(), DONE));
    stage.keys("tab [");
    assert_eq!(search(&stage).results.rows().len(), 1);
    stage.send(found("webhooxk", only(), DONE));
    assert_eq!(search(&stage).results.rows().len(), 1, "what was folded stays folded");
}

#[test]
fn an_empty_line_offers_recent_sessions() {
    let mut stage = Stage::full(120, 40);
    stage.keys("/");
    let screen = stage.screen();
    assert!(screen.contains("Recent sessions"), "{screen}");
    assert!(!screen.contains("Look for callers"), "sub-agents are hidden: {screen}");
    stage.keys("down down");
    assert_eq!(search(&stage).recent_row(), Some(1));
    stage.keys("up up");
    assert_eq!(search(&stage).recent_row(), None);
    stage.keys("down enter");
    let newest = stage.app.stack.layers.last().and_then(Layer::reader).map(|reader| reader.key.id.to_string());
    assert_eq!(newest.as_deref(), Some("019a-0002"));
    stage.keys("esc");
    typed(&mut stage, "w");
    assert_eq!(search(&stage).recent_row(), None);
}

#[test]
fn recent_sessions_with_one_title_are_told_apart_by_their_newest_prompts() {
    let mut stage = Stage::new(100, 40);
    let of = |id: &str, prompt: &str| {
        let mut session = session(Agent::Claude, id, "Fix the build", 1);
        session.last_prompt = Some(prompt.into());
        session
    };
    let other = session(Agent::Codex, "cccc", "Another title", 2);
    stage.send(Msg::Catalog(change(vec![of("aaaa", "and on Windows"), of("bbbb", "and in CI"), other])));
    stage.keys("/");
    let screen = stage.screen();
    for text in ["cl and on Windows", "cl and in CI", "cx Another title"] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
}

#[test]
fn a_low_screen_shows_the_recent_session_that_is_selected() {
    let mut stage = Stage::full(40, 10);
    stage.keys("/");
    assert!(stage.screen().contains("regular exp"), "{}", stage.screen());
    stage.keys("down");
    assert!(stage.screen().contains("▌Why does the"), "{}", stage.screen());
    stage.keys("up");
    assert!(stage.screen().contains("regular exp"), "{}", stage.screen());
}

#[test]
fn what_names_a_session_leads_to_it() {
    let uuid = "0d4c3f1e-8a51-4b7e-9a60-2f6f1c7e0b11";
    let mut session = Session::new(SessionKey::new(Agent::Claude, uuid), "/home/ann/.claude/projects/x/a.jsonl".into());
    session.turns = 1;
    for pasted in [
        uuid.to_owned(),
        format!("claude:{uuid}"),
        format!("cd '/home/ann/x' && claude --resume {uuid}"),
        "/home/ann/.claude/projects/x/a.jsonl".to_owned(),
        "~/.claude/projects/x/a.jsonl".to_owned(),
    ] {
        let mut stage = Stage::full(80, 24);
        stage.send(Msg::Catalog(change(vec![session.clone()])));
        stage.take_effects();
        stage.keys("/").send(Msg::Paste(format!("{pasted}\n")));
        let searches = |effect: &Effect| matches!(effect, Effect::FindInTranscript(_, query) if !query.is_empty());
        assert!(!stage.take_effects().iter().any(searches), "its name is not looked for in it");
        let reader = stage.app.stack.layers.last().and_then(Layer::reader);
        assert_eq!(reader.map(|reader| &*reader.key.id), Some(uuid), "{pasted}");
        stage.keys("esc");
        stage.take_effects();
        stage.keys("ctrl-s").send(Msg::Catalog(change(vec![session.clone()])));
        assert!(!stage.take_effects().iter().any(|effect| matches!(effect, Effect::Search(_))), "it stays found");
        assert_eq!(search(&stage).results.rows().len(), 1);
    }
    // An unknown filter is searched as text.
    let mut stage = Stage::full(80, 24);
    stage.take_effects();
    stage.keys("/").send(Msg::Paste(uuid.to_owned()));
    assert_eq!(stage.take_effects(), [asks(""), asks(uuid)]);
}

#[test]
fn results_at_three_sizes() {
    for (width, height) in [(120, 40), (80, 24), (40, 10)] {
        let mut stage = webhook(width, height);
        if width == 120 {
            let (ticket, _) = opened(&stage.take_effects()).last().cloned().expect("a preview");
            answer_opening(&mut stage, ticket, "webhook", &[2, 9, 20]);
            stage.send(Msg::Transcript(ticket, TranscriptEvent::Located { location: place("0001-0"), entry: Some(9) }));
        }
        stage.keys("right down");
        insta::assert_snapshot!(format!("results_{width}x{height}"), stage.screen());
        let screen = stage.screen();
        assert!(!screen.contains(['\u{1b}', '\u{202e}']), "{screen:?}");
    }
}

#[test]
fn an_empty_line_says_what_can_be_typed() {
    for (width, height) in [(120, 40), (80, 24), (40, 10)] {
        let mut stage = Stage::full(width, height);
        stage.app.restore_state(SearchHistory::NAME, "webhook role:user\n\"exact words\" since:2d");
        stage.keys("/");
        insta::assert_snapshot!(format!("line_{width}x{height}"), stage.screen());
    }
}

#[test]
fn an_empty_result_says_what_was_searched_left_out_and_still_read() {
    for (width, height) in [(120, 40), (80, 24), (40, 10)] {
        let mut stage = Stage::full(width, height);
        stage.keys("/");
        typed(&mut stage, "nowhere agnet:x");
        stage.send(Msg::IndexProgress(IndexProgress { done: 812, total: 2_001 }));
        stage.send(found("nowhere agnet:x", vec![], DONE));
        insta::assert_snapshot!(format!("nothing_{width}x{height}"), stage.screen());
    }
}

#[test]
fn a_running_search_and_spelling_corrections() {
    let mut stage = Stage::full(80, 24);
    stage.keys("/");
    typed(&mut stage, "wehbook");
    stage.send(found("wehbook", vec![], GOING));
    insta::assert_snapshot!("under_way_80x24", stage.screen());
    let meant =
        SearchUpdate { hits: webhook_hits(), coverage: DONE, corrections: vec![("wehbook".into(), "webhook".into())] };
    stage.send(Msg::SearchUpdate { query: "wehbook".into(), update: meant });
    assert!(stage.screen().contains("No results for “wehbook”. Showing “webhook”."), "{}", stage.screen());
    assert!(stage.screen().contains("5 sessions · matches in 28 texts"), "{}", stage.screen());
    stage.take_effects();
    stage.keys("enter");
    let query = |effect: &Effect| matches!(effect, Effect::FindInTranscript(_, query) if query == "webhook");
    assert!(stage.take_effects().iter().any(query), "the words that were found are marked");
}

#[test]
fn titles_that_have_the_letters_only_are_no_results() {
    for width in [120, 80] {
        let mut stage = Stage::full(width, 24);
        stage.keys("/");
        typed(&mut stage, "whk");
        let titles = vec![hit("0001", 1.0, 0, &[(TextKind::Title, "Retry failed [w]eb[h]oo[k]s with a back-off")])];
        stage.send(found("whk", titles, DONE));
        let summary = stage.screen().lines().nth(1).expect("a line").to_owned();
        assert!(summary.contains("No results for “whk”. Showing titles with these letters."), "{summary}");
        assert!(summary.ends_with(" 1 session"), "{summary}");
    }
}

#[test]
fn find_in_a_transcript_speaks_the_query_language() {
    let entry = |role, kind, text: &str| {
        let mut entry = Entry::new(EntryKey::new("e", 0), kind, role, None);
        entry.text = text.into();
        entry
    };
    let text = entry(Role::User, EntryKind::Prompt, "Why is api_key unset? See src/db.rs");
    for (query, fit) in [
        ("why unset", MatchLevel::Full),
        ("why nowhere", MatchLevel::Partial),
        ("nowhere", MatchLevel::None),
        ("\"api key\"", MatchLevel::None),
        ("api_key -db", MatchLevel::None),
        ("nowhere OR unset", MatchLevel::Full),
        ("/un[a-z]+t\\?/", MatchLevel::Full),
        ("Api", MatchLevel::None),
        ("role:user unset", MatchLevel::Full),
        ("-role:user unset", MatchLevel::None),
        ("kind:prompt", MatchLevel::Full),
        ("agent:codex unset", MatchLevel::Full),
        ("agent:codex", MatchLevel::None),
        ("/(/", MatchLevel::None),
    ] {
        assert_eq!(EntryMatcher::new(query).match_level(&text), fit, "{query}");
    }
    let command = ToolAction::Command { command: "cargo test".into(), exit_code: Some(101) };
    let ran = tool("t1", 0, "Bash", command, "");
    let change = FileChange { path: "/srv/src/db.rs".into(), kind: FileChanged::Delete };
    let edited = tool("t2", 0, "Edit", ToolAction::Edit(vec![change]), "");
    for (query, run, edit) in [
        ("exit:101", MatchLevel::Full, MatchLevel::None),
        ("exit:0", MatchLevel::None, MatchLevel::None),
        ("is:error", MatchLevel::Full, MatchLevel::None),
        ("has:error,diff", MatchLevel::Full, MatchLevel::Full),
        ("file:DB.rs", MatchLevel::None, MatchLevel::Full),
        ("-file:db.rs", MatchLevel::None, MatchLevel::None),
        ("tool:bash file:db.rs", MatchLevel::Partial, MatchLevel::Partial),
        ("tool:bash -kind:tool", MatchLevel::None, MatchLevel::None),
        // With words, the filters select sessions, and the words may match anywhere in them.
        ("file:db.rs cargo", MatchLevel::Full, MatchLevel::None),
        ("agent:claude", MatchLevel::None, MatchLevel::None),
    ] {
        let within = EntryMatcher::new(query);
        assert_eq!((within.match_level(&ran), within.match_level(&edited)), (run, edit), "{query}");
        assert_eq!(within.has_entry_conditions(), !matches!(query, "-file:db.rs" | "agent:claude"), "{query}");
    }
    assert_eq!(EntryMatcher::new("key api_key db").match_ranges(&text.text), [7..14, 30..32], "overlaps are joined");
}
