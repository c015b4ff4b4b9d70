//! Search for the best hits only, without hits, and in a copied home: the same results as a search of everything, sooner.

use std::collections::BTreeSet;
use std::fs;

use salon::domain::query::Query;
use salon::domain::search::{Hit, LocatedEntry, SearchResults};
use salon::index::search::{Corpus, QueryRequest, SearchIndex};
use serde_json::{Value, json};

use crate::search_needles::{ask, claude_line, corpus, ids, index, now, open, write};
use crate::support::Home;

/// Number of sessions.
const SESSIONS: u32 = 60;

/// Writes sessions of different ages with "heron" in texts of different kinds, and in outputs that repeat the text.
fn write_sessions(home: &Home) {
    for number in 1..=SESSIONS {
        let id = format!("aaaaaaaa-0000-4000-8000-0000000000{number:02}");
        let text = |word: &str| {
            let bird = if number % 3 == 0 { "heron" } else { "herons" };
            format!("{word} {bird} of {number}{}", " and more".repeat(400))
        };
        let output = |nth: u32| match nth % 5 {
            0 => json!("nothing"),
            1 => json!(format!("an \"Heron\"\n{}", "heron ".repeat(20))),
            2 => json!([{"type": "text", "text": "first"}, {"type": "text", "text": "a heron"}]),
            3 => json!("caf\u{e9}\nheron"),
            _ => json!("seen\n<system-reminder>the heron is not shown</system-reminder>"),
        };
        let mut lines =
            vec![claude_line(1, "user", &json!(if number % 7 == 0 { text("where") } else { "begin".into() }))];
        lines.extend(
            (2..2 + number % 6)
                .map(|at| claude_line(at, "assistant", &json!([{"type": "text", "text": text("an answer")}]))),
        );
        lines.extend((10..10 + number % 11).map(|at| {
            let mut line = claude_line(
                at,
                "user",
                &json!([{"type": "tool_result", "tool_use_id": format!("t{at}"), "content": output(at)}]),
            );
            line["toolUseResult"] = json!({"stdout": output(at), "filePath": "/srv/heron.txt"});
            line
        }));
        if number % 9 == 0 {
            lines.push(json!({"type": "custom-title", "customTitle": "an old heron", "sessionId": id}));
            lines.push(json!({"type": "custom-title", "customTitle": "another title", "sessionId": id}));
        }
        for line in lines.iter_mut().filter(|line| line["type"] != "custom-title") {
            line["timestamp"] = json!(format!("2026-{:02}-{:02}T09:00:00.000Z", 1 + number % 11, 1 + number % 28));
            line["sessionId"] = json!(id);
        }
        write(&home.path().join(format!(".claude/projects/-srv-app/{id}.jsonl")), &lines);
    }
}

fn search(search: &SearchIndex, corpus: &Corpus, text: &str, limit: Option<usize>) -> SearchResults {
    let query = Query::parse(text);
    search.search_all(&QueryRequest { limit, ..QueryRequest::new(&query, corpus, now()) })
}

fn shown(hits: &[Hit]) -> Vec<(String, usize, Vec<String>)> {
    let snippets = |hit: &Hit| hit.snippets.iter().map(|snippet| snippet.text.clone()).collect();
    hits.iter().map(|hit| (hit.session.key.id.to_string(), hit.count, snippets(hit))).collect()
}

#[test]
fn the_best_hits_are_those_of_a_search_of_everything_with_exact_counts() {
    let home = Home::empty();
    write_sessions(&home);
    let (corpus, index_of) = (corpus(&home), open(&home));
    index(&index_of, &corpus);
    let mut stopped = 0;
    for text in
        ["heron", "Heron", "an heron", "\"an answer\"", "where", "kind:output heron", "/her.n/", "heron OR first"]
    {
        let all = search(&index_of, &corpus, text, None);
        assert!(all.coverage.complete);
        for limit in [1, 3, 10, 30, 60] {
            let best = search(&index_of, &corpus, text, Some(limit));
            let count = limit.min(all.hits.len());
            assert_eq!(shown(&best.hits[..count]), shown(&all.hits[..count]), "{text}, limit {limit}");
            assert!(best.hits.len() <= all.hits.len(), "{text}: a lower bound");
            assert!(!best.coverage.complete || best.hits.len() == all.hits.len(), "{text}, limit {limit}");
            stopped += usize::from(!best.coverage.indexed);
        }
    }
    assert!(stopped > 3, "searches stop before the end of the text index: {stopped}");
}

#[test]
fn a_corrected_search_that_stops_is_not_complete() {
    let home = Home::empty();
    write_sessions(&home);
    let (corpus, index_of) = (corpus(&home), open(&home));
    index(&index_of, &corpus);
    let best = search(&index_of, &corpus, "herno", Some(3));
    assert_eq!(best.corrections, [("herno".to_owned(), "heron".to_owned())]);
    assert!(!best.coverage.complete, "more sessions than the best match");
    assert!(search(&index_of, &corpus, "herno", None).coverage.complete);
}

/// Returns the words within one edit of a word, as mistyped.
fn edits(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let text = |letters: &[char]| letters.iter().collect::<String>();
    let mut edits = Vec::new();
    for at in 0..letters.len() {
        let (before, after) = (text(&letters[..at]), text(&letters[at + 1..]));
        edits.extend([
            format!("{before}{after}"),
            format!("{before}x{after}"),
            format!("{before}x{}{after}", letters[at]),
        ]);
        if let [a, b, rest @ ..] = &letters[at..] {
            edits.push(format!("{before}{b}{a}{}", text(rest)));
        }
    }
    edits.push(format!("{word}x"));
    edits
}

#[test]
fn any_single_edit_of_a_word_is_corrected() {
    let home = Home::empty();
    write_sessions(&home);
    let lines = [
        claude_line(1, "user", &json!("the quick Salamander")),
        claude_line(2, "user", &json!("gr\u{fc}ne W\u{e4}lder")),
    ];
    write(&home.path().join(".claude/projects/-srv-app/bbbbbbbb-0000-4000-8000-000000000001.jsonl"), &lines);
    let (corpus, index_of) = (corpus(&home), open(&home));
    index(&index_of, &corpus);
    for word in ["salamander", "quick", "w\u{e4}lder"] {
        for mistyped in edits(word) {
            let answer = ask(&index_of, &corpus, &mistyped);
            assert!(!answer.hits.is_empty(), "{mistyped} for {word}");
        }
    }
}

/// Writes a session with more text than is read for a correction, and some words behind it.
fn write_long_session(home: &Home, number: u32, words: &str) {
    let text = format!("{}{words}", "padding of a long text ".repeat(60_000));
    let mut line = claude_line(1, "user", &json!(text));
    let id = format!("cccccccc-0000-4000-8000-0000000000{number:02}");
    line["sessionId"] = json!(id);
    write(&home.path().join(format!(".claude/projects/-srv-app/{id}.jsonl")), &[line]);
}

#[test]
fn words_are_corrected_by_stored_vocabularies_and_newer_texts() {
    let home = Home::empty();
    let index_of = open(&home);
    // Each of these sessions has a vocabulary of its own, until one vocabulary replaces those before it.
    let birds =
        "kingfisher oystercatcher nightingale woodpecker treecreeper flycatcher wheatear goldcrest fieldfare waxwing";
    for (number, bird) in (1..).zip(birds.split(' ')) {
        write_long_session(&home, number, bird);
        index(&index_of, &corpus(&home));
    }
    write(
        &home.path().join(".claude/projects/-srv-app/bbbbbbbb-0000-4000-8000-000000000001.jsonl"),
        &[claude_line(1, "user", &json!("a yellowhammer"))],
    );
    let corpus = corpus(&home);
    index(&index_of, &corpus);
    assert!(index_of.has_filters(&corpus));
    for word in birds.split(' ').chain(["yellowhammer"]) {
        for mistyped in edits(word) {
            let answer = ask(&index_of, &corpus, &mistyped);
            assert!(!answer.hits.is_empty(), "{mistyped} for {word}");
            // A part of a word is found as it is.
            let is_part = word.contains(&mistyped);
            let corrections = if is_part { vec![] } else { vec![(mistyped.clone(), word.to_owned())] };
            assert_eq!(answer.corrections, corrections);
        }
    }
}

#[test]
fn a_damaged_vocabulary_is_built_again() {
    let home = Home::empty();
    write_long_session(&home, 1, "kingfisher");
    let corpus = corpus(&home);
    index(&open(&home), &corpus);
    let data = home.path().join("cache/search/data-1");
    let count = |bytes: &[u8]| bytes.windows(10).filter(|part| *part == b"kingfisher").count();
    let mut bytes = fs::read(&data).expect("read");
    let stored = count(&bytes);
    let at = bytes.windows(10).rposition(|part| part == b"kingfisher").expect("a stored word");
    bytes[at] = b'x';
    fs::write(&data, &bytes).expect("write");
    for _ in 0..2 {
        let index_of = open(&home);
        assert_eq!(ask(&index_of, &corpus, "kingfishxr").hits.len(), 1);
        index(&index_of, &corpus);
    }
    assert_eq!(count(&fs::read(&data).expect("read")), stored);
}

/// Writes a session of `OpenCode` in many small files, with old times in its records.
fn write_small_files(home: &Home, id: &str, word: &str) {
    let storage = home.path().join(".local/share/opencode/storage");
    let put = |path: String, value: &Value| {
        let path = storage.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("create folder");
        fs::write(path, value.to_string()).expect("write");
    };
    let times = json!({"created": 1_700_000_000_000_i64, "updated": 1_700_000_000_000_i64});
    put(format!("session/p1/{id}.json"), &json!({"id": id, "directory": "/srv/app", "title": "old", "time": times}));
    let message = json!({"id": format!("msg_{id}"), "sessionID": id, "role": "user", "time": times});
    put(format!("message/{id}/msg_{id}.json"), &message);
    let part = json!({"id": format!("prt_{id}"), "sessionID": id, "type": "text", "text": format!("please {word}")});
    put(format!("part/msg_{id}/prt_{id}.json"), &part);
}

#[test]
fn sessions_of_many_small_files_in_a_copied_home_get_their_filters() {
    let home = Home::empty();
    write_small_files(&home, "ses_1", "plantcopied");
    write_small_files(&home, "ses_2", "plantother");
    let (corpus, index_of) = (corpus(&home), open(&home));
    index(&index_of, &corpus);
    assert!(index_of.has_filters(&corpus), "the files are new, their contents are not");
    // With its filter, no file is opened for a word that is absent.
    fs::remove_dir_all(home.path().join(".local/share/opencode/storage/part")).expect("removed");
    let found = ask(&index_of, &corpus, "plantcopied");
    assert_eq!(ids(&found), BTreeSet::from(["ses_1".to_owned()]));
    assert!(ask(&index_of, &corpus, "zqxjkvbw").hits.is_empty());
    // Its entries were numbered when it was indexed.
    let (session, location) = (&found.hits[0].session, &found.hits[0].snippets[0].location);
    let located = index_of.locate(&corpus, session, &[location]);
    assert_eq!(located, [Some(LocatedEntry { index: 0, branch: None })]);
}

#[test]
fn a_small_file_that_cannot_be_read_hides_no_other() {
    let home = Home::empty();
    write_small_files(&home, "ses_1", "plantread");
    let parts = home.path().join(".local/share/opencode/storage/part/msg_ses_1");
    let output = json!({"id": "prt_a", "sessionID": "ses_1", "messageID": "msg_ses_1", "type": "tool", "tool": "bash",
        "callID": "call_1", "state": {"status": "completed", "input": {}, "output": "a plantoutput"}});
    fs::write(parts.join("prt_a.json"), output.to_string()).expect("write");
    // A folder with the name of a part cannot be read.
    fs::create_dir(parts.join("prt_b.json")).expect("a folder");
    let (corpus, index_of) = (corpus(&home), open(&home));
    index(&index_of, &corpus);
    assert_eq!(ids(&ask(&index_of, &corpus, "plantoutput")), BTreeSet::from(["ses_1".to_owned()]));
}

#[test]
fn a_limited_search_finds_texts_that_are_not_indexed() {
    let lines = [claude_line(1, "user", &json!("begin")), claude_line(2, "user", &json!("a heron, not indexed"))];
    let text = format!("{}\n{}\n", lines[0], lines[1]);
    let utf_16 = |text: &str| -> Vec<u8> {
        [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    for bytes in [utf_16(&text), text.trim_end().as_bytes().to_vec()] {
        let home = Home::empty();
        write_sessions(&home);
        let id = "bbbbbbbb-0000-4000-8000-000000000001";
        let file = home.path().join(format!(".claude/projects/-srv-app/{id}.jsonl"));
        fs::write(&file, bytes).expect("write");
        let (corpus, index_of) = (corpus(&home), open(&home));
        index(&index_of, &corpus);
        let all = search(&index_of, &corpus, "heron", None);
        let best = search(&index_of, &corpus, "heron", Some(10));
        assert!(all.hits[..10].iter().any(|hit| *hit.session.key.id == *id), "one of the best");
        assert_eq!(shown(&best.hits[..10]), shown(&all.hits[..10]));
    }
}
