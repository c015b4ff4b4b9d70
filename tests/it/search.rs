//! Search: every text of a session is found, before and after it is indexed, and no input breaks it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use salon::agent::{TextLimit, format};
use salon::domain::annotation::{Annotation, AnnotationEdit};
use salon::domain::query::{Query, TextKind};
use salon::domain::search::{EntryLocation, Hit, SearchResults};
use salon::domain::{EntryKind, Session, SessionKey};
use salon::index::search::{Cancel, Corpus, Latest, QueryRequest};
use serde_json::{Value, json};

use crate::search_needles::{
    CLAUDE, CODEX, ask, claude_file, claude_line, corpus, ids, index, now, open, write, write_claude_needles,
    write_codex_needles, write_opencode_needles,
};
use crate::support::Home;

#[test]
fn a19_every_kind_of_text_of_every_agent_is_found_before_and_after_it_is_indexed() {
    let home = Home::empty();
    let needles = [write_claude_needles(&home), write_codex_needles(&home), write_opencode_needles(&home)].concat();
    let corpus = corpus(&home);
    let search = open(&home);
    for indexed in [false, true] {
        if indexed {
            index(&search, &corpus);
        }
        for (query, id) in &needles {
            let answer = ask(&search, &corpus, query);
            assert_eq!(ids(&answer), BTreeSet::from([(*id).to_owned()]), "{query}, indexed: {indexed}");
            let hit = &answer.hits[0];
            assert!(hit.count >= 1, "{query}");
            let snippet = &hit.snippets[0];
            assert!(!snippet.ranges.is_empty(), "{query}: {snippet:?}");
            assert!(snippet.ranges.iter().all(|range| snippet.text.get(range.clone()).is_some()), "{snippet:?}");
        }
        assert!(ask(&search, &corpus, "plantnoise").hits.is_empty(), "requests as they went over the wire are no text");
    }
}

#[test]
fn a19_h37_a_query_is_never_run_by_a_shell() {
    let home = Home::empty();
    write_claude_needles(&home);
    let answer = ask(&open(&home), &corpus(&home), "$(touch pwned)");
    assert!(answer.hits.is_empty());
    assert!(!Path::new("pwned").exists() && !home.path().join("pwned").exists());
}

#[test]
fn filters_match_texts() {
    let home = Home::empty();
    write_claude_needles(&home);
    write_codex_needles(&home);
    let corpus = corpus(&home);
    let search = open(&home);
    for indexed in [false, true] {
        if indexed {
            index(&search, &corpus);
        }
        for (query, found) in [
            ("exit:7", vec![CLAUDE]),
            ("exit:3", vec![CODEX]),
            ("exit:>0", vec![CODEX, CLAUDE]),
            ("file:plantfile", vec![CLAUDE]),
            ("has:diff", vec![CLAUDE]),
            ("has:error agent:codex", vec![CODEX]),
            ("is:error -agent:codex", vec![CLAUDE]),
            ("role:user plantprompt", vec![CLAUDE]),
            ("role:user plantanswer", vec![]),
            ("kind:thinking plantthinking", vec![CLAUDE]),
            ("kind:prompt plantthinking", vec![]),
            ("tool:bash plantcommand", vec![CLAUDE]),
            ("tool:bash plantoutputtail", vec![CLAUDE]),
            ("tool:write plantoutputtail", vec![]),
            ("-tool:bash plantwritten", vec![CLAUDE]),
            ("plantprompt -plantthinking", vec![]),
            ("plantprompt -codexanswer", vec![CLAUDE]),
            ("plantprompt OR codexanswer", vec![CODEX, CLAUDE]),
            ("plantprompt plantthinking plantoutputtail", vec![CLAUDE]),
            ("plantprompt codexanswer", vec![]),
            ("/plant(prompt|x)/", vec![CLAUDE]),
            ("/codexout[a-z]+/", vec![CODEX]),
            ("agent:codex", vec![CODEX]),
        ] {
            let found: BTreeSet<String> = found.into_iter().map(str::to_owned).collect();
            let ids = ids(&ask(&search, &corpus, query));
            assert_eq!(ids, found, "{query}, indexed: {indexed}");
        }
    }
}

#[test]
fn stars_and_tags_are_filters() {
    let home = Home::empty();
    write_claude_needles(&home);
    write_codex_needles(&home);
    let corpus = corpus(&home);
    let mut annotation = Annotation::default();
    for edit in [
        AnnotationEdit::Star(true),
        AnnotationEdit::AddTag("infra".into()),
        AnnotationEdit::Note(Some("ask Mara before the merge".into())),
        AnnotationEdit::Name(Some("The zeppelin migration".into())),
    ] {
        assert!(annotation.apply(&edit), "{edit:?}");
    }
    let annotation = Arc::new(annotation);
    let sessions = corpus.sessions().iter().map(|session| {
        let mut session = Session::clone(session);
        if *session.key.id == *CODEX {
            session.annotate(annotation.clone());
        }
        Arc::new(session)
    });
    let corpus = Corpus::new(corpus.sources().to_vec(), sessions.collect());
    let queries =
        ["is:star", "#infra", "#INFRA", "tag:infra", "note:mara", "zeppelin", "-is:star -agent:claude OR #infra"];
    for query in queries {
        let query = Query::parse(query);
        let request = QueryRequest::new(&query, &corpus, now());
        assert_eq!(ids(&open(&home).search_all(&request)), BTreeSet::from([CODEX.to_owned()]), "{query}");
    }
}

#[test]
fn a_newer_query_cancels_the_older() {
    let home = Home::empty();
    write_claude_needles(&home);
    let corpus = corpus(&home);
    let latest = Latest::default();
    let older = latest.begin();
    let newer = latest.begin();
    assert!(older.is_cancelled() && !newer.is_cancelled());
    let query = Query::parse("plantoutputtail");
    let mut updates = Vec::new();
    open(&home).search(&QueryRequest::new(&query, &corpus, now()), &older, &mut |found| updates.push(found));
    assert!(updates.iter().all(|found| found.hits.is_empty() && !found.coverage.complete));
}

#[test]
fn typo_correction_and_abbreviations_apply_only_without_matches() {
    let home = Home::empty();
    write_claude_needles(&home);
    let corpus = corpus(&home);
    let search = open(&home);
    index(&search, &corpus);
    let answer = ask(&search, &corpus, "plantpromtp");
    assert_eq!(ids(&answer), BTreeSet::from([CLAUDE.to_owned()]));
    assert_eq!(answer.corrections, [("plantpromtp".to_owned(), "plantprompt".to_owned())]);
    let answer = ask(&search, &corpus, "plnwtitle");
    assert_eq!(ids(&answer), BTreeSet::from([CLAUDE.to_owned()]));
    assert_eq!(answer.hits[0].snippets[0].text_kind, TextKind::Title);
    assert_eq!(answer.hits[0].count, 0, "no text has the word");
    assert!(ask(&search, &corpus, "plantprompt").corrections.is_empty());
}

#[test]
fn titles_count_most_and_the_newest_comes_first() {
    let home = Home::empty();
    let put = |id: &str, day: u32, text: &str, title: Option<&str>| {
        let mut lines = vec![claude_line(1, "user", &json!("begin")), claude_line(2, "assistant", &json!(text))];
        for line in &mut lines {
            line["timestamp"] = json!(format!("2026-11-{day:02}T09:00:00.000Z"));
        }
        let title = title.map(|title| json!({"type": "custom-title", "customTitle": title, "sessionId": id}));
        lines.extend(title);
        write(&home.path().join(format!(".claude/projects/-srv-app/{id}.jsonl")), &lines);
    };
    put("aaaaaaaa-0000-4000-8000-000000000001", 1, "a walrus in an answer", None);
    put("aaaaaaaa-0000-4000-8000-000000000002", 20, "a walrus in an answer", None);
    put("aaaaaaaa-0000-4000-8000-000000000003", 19, "nothing", Some("the walrus"));
    let answer = ask(&open(&home), &corpus(&home), "walrus");
    let order: Vec<&str> = answer.hits.iter().map(|hit| &hit.session.key.id[35..]).collect();
    assert_eq!(order, ["3", "2", "1"]);
}

#[test]
fn rows_keep_their_order_once_the_text_index_was_searched() {
    let home = Home::empty();
    for number in 1..=40 {
        let id = format!("aaaaaaaa-0000-4000-8000-0000000000{number:02}");
        let output = |count: u32| {
            let text = "an ibis ".repeat(usize::try_from(count).expect("small"));
            json!([{"type": "tool_result", "tool_use_id": format!("t{count}"), "content": text}])
        };
        let prompt = if number % 3 == 0 { "where is the ibis" } else { "begin" };
        let mut lines = vec![claude_line(1, "user", &json!(prompt))];
        // The older the session, the more outputs match.
        lines.extend((2..50 - number).filter(|_| number % 5 != 0).map(|at| claude_line(at, "user", &output(at))));
        for line in &mut lines {
            line["timestamp"] = json!(format!("2026-10-{:02}T{:02}:00:00.000Z", 1 + number / 2, 9 + number % 2));
            line["sessionId"] = json!(id);
        }
        write(&home.path().join(format!(".claude/projects/-srv-app/{id}.jsonl")), &lines);
    }
    let corpus = corpus(&home);
    let search = open(&home);
    index(&search, &corpus);
    for text in ["ibis", "an ibis", "ibis where OR ibis"] {
        let query = Query::parse(text);
        let request = QueryRequest { pin: true, ..QueryRequest::new(&query, &corpus, now()) };
        let (mut answer, mut rows, mut settled) = (SearchResults::default(), Vec::new(), 0);
        search.search(&request, &Cancel::default(), &mut |found| {
            answer.apply(found, request.order);
            let row = |hit: &Hit| (hit.session.key.clone(), hit.snippets.len());
            let current: Vec<(SessionKey, usize)> = answer.hits.iter().map(row).collect();
            if answer.coverage.indexed {
                assert_eq!(current[..rows.len()], rows[..], "{text}: a row moved");
                (rows, settled) = (current, settled + 1);
            }
        });
        assert!(answer.coverage.complete && settled > 1);
        assert!(rows.len() > 30, "{text}: {} rows", rows.len());
        assert!(answer.hits.iter().any(|hit| hit.count > 20), "the counts include outputs");
    }
}

/// Entry keys and tool ids of one session, and true if it has further branches.
fn reachable(session: &Session) -> (BTreeSet<u64>, BTreeSet<String>, bool) {
    let mut reading = format(session.key.agent).open(session).expect("a reading");
    let len = reading.len();
    let entries = reading.read(0..len, TextLimit::NONE);
    let tools = entries.iter().filter_map(|entry| Some(entry.tool.as_ref()?.id.to_string())).collect();
    (entries.iter().map(|entry| entry.key.raw()).collect(), tools, reading.branches() > 1)
}

/// Words of a session's entries in the fixtures.
fn words(session: &Arc<Session>) -> Vec<(SessionKey, String)> {
    let Ok(mut reading) = format(session.key.agent).open(session) else { return Vec::new() };
    let len = reading.len();
    let mut found = BTreeSet::new();
    for entry in reading.read(0..len, TextLimit::NONE) {
        let output = entry.tool.as_ref().map(|tool| tool.output.as_str()).unwrap_or_default();
        let shown = if entry.tool.is_some() || entry.kind == EntryKind::Notice { "" } else { &entry.text };
        for text in [shown, output] {
            let word = text.split(|c: char| !c.is_alphanumeric()).max_by_key(|word| word.len()).unwrap_or_default();
            if word.len() > 3 {
                found.insert(word.to_lowercase());
            }
        }
    }
    found.into_iter().map(|word| (session.key.clone(), word)).collect()
}

#[test]
fn a19_words_of_every_entry_of_the_fixtures_are_found_and_lead_to_an_entry() {
    let home = Home::of(&[
        "claude/2.1.329",
        "codex/0.169.0",
        "opencode/1.18.33",
        "gemini/0.61.0",
        "qwen/0.24.4",
        "goose/1.34.0",
    ]);
    let corpus = corpus(&home);
    let search = open(&home);
    index(&search, &corpus);
    // A Codex fork shows entries of its origin's file; they are found there.
    let own = corpus.sessions().iter().filter(|session| session.forked_from.is_none());
    let words: Vec<_> = own.flat_map(|session| words(session).into_iter().take(8)).collect();
    assert!(words.len() > 50, "{}", words.len());
    let mut asked = BTreeSet::new();
    for (key, word) in &words {
        let answer = ask(&search, &corpus, word);
        assert!(answer.hits.iter().any(|hit| hit.session.key == *key), "{word} of {key}");
        if !asked.insert(word) {
            continue;
        }
        for hit in &answer.hits {
            let (keys, tools, branched) = reachable(&hit.session);
            let locations: Vec<_> = hit.snippets.iter().map(|snippet| &snippet.location).collect();
            let opened = salon::index::locate(&hit.session, &locations);
            assert_eq!(search.locate(&corpus, &hit.session, &locations), opened, "{word} in {}", hit.session.key);
            for snippet in &hit.snippets {
                let EntryLocation::Entry { key, call, .. } = &snippet.location else { continue };
                let leads = keys.contains(&key.raw()) || tools.contains(&**call);
                let aside = matches!(snippet.text_kind, TextKind::Title | TextKind::Notice);
                assert!(leads || aside || branched, "{word} in {}: {snippet:?}", hit.session.key);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_substring_search_finds_in_the_texts_salon_finds(
        texts in proptest::collection::vec("[a-c\"\\\\/\n\t éßжЖ字\u{1f9a5}\u{301}<&A-B_:.]{0,24}", 1..6),
        from in 0usize..24,
        len in 1usize..6,
    ) {
        let home = Home::empty();
        let lines: Vec<Value> = (1..).zip(&texts).map(|(number, text)| {
            let content = match number % 3 {
                0 => json!([{"type": "text", "text": text}]),
                1 => json!([{"type": "tool_result", "tool_use_id": "t", "content": text}]),
                _ => json!([{"type": "thinking", "thinking": text}]),
            };
            claude_line(number, if number % 3 == 1 { "user" } else { "assistant" }, &content)
        }).collect();
        write(&claude_file(&home), &[vec![claude_line(90, "user", &json!("begin"))], lines].concat());
        let corpus = corpus(&home);
        let search = open(&home);
        let wanted: Vec<String> = texts.iter().filter(|text| !text.trim().is_empty()).map(|text| {
            text.chars().skip(from % text.chars().count()).take(len).collect()
        }).filter(|part: &String| part.chars().any(char::is_alphanumeric)).collect();
        for indexed in [false, true] {
            if indexed {
                index(&search, &corpus);
            }
            for part in &wanted {
                let quoted = format!("\"{}\"", part.replace('\\', "\\\\").replace('"', "\\\""));
                let answer = ask(&search, &corpus, &quoted);
                prop_assert_eq!(answer.hits.len(), 1, "{:?}, indexed: {}", part, indexed);
            }
        }
    }
}
