//! Text index: incremental updates, damage, concurrent processes, and a missing index.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::time::Instant;

use proptest::prelude::*;
use salon::domain::query::Query;
use salon::domain::search::{Hit, SearchResults};
use salon::index::search::{Cancel, Corpus, SearchIndex};
use salon::index::{self, IndexOptions};
use serde_json::{Value, json};

use crate::search_needles::{
    CLAUDE, OPENCODE, ask, claude_file, claude_line, corpus, ids, index, open, write, write_claude_needles,
    write_opencode_needles,
};
use crate::search_scan::age;
use crate::support::Home;

#[test]
fn appended_text_is_found_at_once_and_indexed_incrementally() {
    let home = Home::empty();
    write_claude_needles(&home);
    let search = open(&home);
    index(&search, &corpus(&home));
    let line = claude_line(30, "user", &json!("plantappended")).to_string() + "\n";
    let mut file = fs::OpenOptions::new().append(true).open(claude_file(&home)).expect("open");
    std::io::Write::write_all(&mut file, line.as_bytes()).expect("append");
    let grown = corpus(&home);
    let before = ask(&search, &grown, "plantappended");
    index(&search, &grown);
    let after = ask(&search, &grown, "plantappended");
    for answer in [&before, &after] {
        assert_eq!(ids(answer), BTreeSet::from([CLAUDE.to_owned()]));
        assert_eq!(answer.hits[0].count, 1);
    }
    assert_eq!(ask(&search, &grown, "plantprompt").hits[0].count, 1, "nothing is counted twice");
}

#[test]
fn a_command_indexes_before_it_searches_only_if_it_would_read_many_texts_twice() {
    let home = Home::empty();
    write_claude_needles(&home);
    let (search, known) = (open(&home), corpus(&home));
    let (words, filters) = (Query::parse("planted"), Query::parse("agent:claude is:star"));
    let large = |corpus: &Corpus| {
        let mut sources = corpus.sources().to_vec();
        sources[0].stamp.size = 100 << 20;
        sources
    };
    assert!(!search.should_index_first(&words, known.sources()), "little text is read twice soon");
    assert!(search.should_index_first(&words, &large(&known)));
    assert!(!search.should_index_first(&filters, &large(&known)), "no text is needed");
    assert!(search.index_texts(&known));
    assert!(!search.should_index_first(&words, known.sources()) && search.is_current(&known));
    assert!(search.should_index_first(&words, &large(&known)), "the file has grown by many bytes");
    assert_eq!(ids(&ask(&search, &known, "plantprompt")), BTreeSet::from([CLAUDE.to_owned()]));
}

/// Collects the sessions of a home, and indexes the texts of its files in the same pass.
fn collect_and_index(home: &Home, search: &SearchIndex) -> Corpus {
    let collected = index::collect_and_index(&IndexOptions::new(home.environment(), Instant::now), search);
    Corpus::new(collected.sources, collected.sessions)
}

#[test]
fn a_first_search_indexes_texts_in_the_pass_of_the_summaries() {
    let home = Home::empty();
    write_claude_needles(&home);
    // Some segments of texts.
    let long: Vec<Value> = (1..60).map(|at| claude_line(at, "user", &json!(format!("{at} ").repeat(4000)))).collect();
    let large = claude_file(&home).with_file_name("aaaaaaaa-0000-4000-8000-000000000001.jsonl");
    write(&large, &long);
    let search = open(&home);
    assert!(search.is_missing());
    let known = collect_and_index(&home, &search);
    assert!(!search.is_missing() && search.is_current(&known), "nothing is left to index");
    let (indexed, scanned) = (ask(&search, &known, "plantprompt"), SearchIndex::without_index());
    assert_eq!(counts(&indexed), counts(&ask(&scanned, &known, "plantprompt")));
    assert_eq!(counts(&ask(&search, &known, "17")), counts(&ask(&scanned, &known, "17")));
    // What is appended is indexed from there on.
    let line = claude_line(60, "user", &json!("plantappended")).to_string() + "\n";
    let mut file = fs::OpenOptions::new().append(true).open(&large).expect("open");
    std::io::Write::write_all(&mut file, line.as_bytes()).expect("append");
    let grown = corpus(&home);
    index(&search, &grown);
    assert_eq!(ask(&search, &grown, "plantappended").hits[0].count, 1);
    assert_eq!(counts(&ask(&search, &grown, "17")), counts(&ask(&scanned, &grown, "17")));
}

#[test]
fn a_first_search_indexes_small_files_and_their_filters_in_one_pass() {
    let home = Home::empty();
    let needles = write_opencode_needles(&home);
    let storage = home.path().join(".local/share/opencode/storage");
    age(&storage.join(format!("session/p1/{OPENCODE}.json")));
    age(&storage.join(format!("message/{OPENCODE}")));
    let (once, twice) = (open(&home), SearchIndex::open(&home.path().join("cache/other")));
    let known = collect_and_index(&home, &once);
    assert!(once.is_current(&known), "nothing is left to index");
    index(&twice, &known);
    let bytes = |search: &SearchIndex, query| ask(search, &known, query).coverage.bytes;
    assert_eq!(bytes(&once, "nowhere"), bytes(&twice, "nowhere"));
    assert!(bytes(&once, "nowhere") < bytes(&SearchIndex::without_index(), "nowhere"), "the filter excludes the files");
    for (query, id) in needles {
        assert_eq!(ids(&ask(&once, &known, query)), BTreeSet::from([id.to_owned()]), "{query}");
        assert_eq!(counts(&ask(&once, &known, query)), counts(&ask(&twice, &known, query)), "{query}");
    }
}

#[test]
fn a_first_search_leaves_small_files_that_cannot_be_read_to_the_next_update() {
    let home = Home::empty();
    let needles = write_opencode_needles(&home);
    let storage = home.path().join(".local/share/opencode/storage");
    let (messages, aside) = (storage.join(format!("message/{OPENCODE}")), storage.join("aside"));
    let then = std::time::SystemTime::now() - std::time::Duration::from_hours(48);
    let set_times = || {
        for path in [&storage.join(format!("session/p1/{OPENCODE}.json")), &messages] {
            fs::File::open(path).and_then(|file| file.set_modified(then)).expect("set the time");
        }
    };
    fs::rename(&messages, &aside).expect("moved");
    fs::write(&messages, "no folder").expect("written");
    set_times();
    let search = open(&home);
    collect_and_index(&home, &search);
    fs::remove_file(&messages).expect("removed");
    fs::rename(&aside, &messages).expect("moved back");
    set_times();
    let readable = corpus(&home);
    index(&search, &readable);
    for (query, id) in needles {
        assert_eq!(ids(&ask(&search, &readable, query)), BTreeSet::from([id.to_owned()]), "{query}");
    }
}

#[test]
fn a_first_search_leaves_a_record_without_a_newline_to_the_next_update() {
    let home = Home::empty();
    write_claude_needles(&home);
    let mut file = fs::OpenOptions::new().append(true).open(claude_file(&home)).expect("open");
    let line = claude_line(30, "user", &json!("plantunended")).to_string();
    std::io::Write::write_all(&mut file, line.as_bytes()).expect("append");
    let search = open(&home);
    let known = collect_and_index(&home, &search);
    assert_eq!(ask(&search, &known, "plantunended").hits[0].count, 1, "found where it is");
    std::io::Write::write_all(&mut file, b"\n").expect("append");
    let ended = corpus(&home);
    index(&search, &ended);
    assert_eq!(ask(&search, &ended, "plantunended").hits[0].count, 1, "nothing is counted twice");
}

#[test]
fn a_first_search_beside_another_process_that_indexes_finds_the_same() {
    let home = Home::empty();
    write_claude_needles(&home);
    let dir = home.path().join("cache/search");
    fs::create_dir_all(&dir).expect("a folder");
    let lock = fs::File::create(dir.join("lock")).expect("a file");
    lock.lock().expect("the lock");
    let search = open(&home);
    let known = collect_and_index(&home, &search);
    assert!(search.is_missing());
    assert_eq!(ids(&ask(&search, &known, "plantprompt")), BTreeSet::from([CLAUDE.to_owned()]));
}

#[test]
fn entries_are_numbered_without_opening_transcripts_until_they_change() {
    let home = Home::empty();
    let needles = write_claude_needles(&home);
    let (search, known) = (open(&home), corpus(&home));
    index(&search, &known);
    let located = |corpus: &Corpus, answer: &SearchResults| {
        let of = |hit: &Hit| {
            let locations: Vec<_> = hit.snippets.iter().map(|snippet| &snippet.location).collect();
            search.locate(corpus, &hit.session, &locations)
        };
        answer.hits.iter().map(of).collect::<Vec<_>>()
    };
    let answers: Vec<_> = needles.iter().map(|(query, _)| ask(&search, &known, query)).collect();
    let numbers: Vec<_> = answers.iter().map(|answer| located(&known, answer)).collect();
    let file = claude_file(&home);
    let (kept, stamp) = (fs::read(&file).expect("read"), fs::metadata(&file).and_then(|file| file.modified()));
    fs::write(&file, vec![b' '; kept.len()]).expect("write");
    let written = fs::File::options().write(true).open(&file).expect("open");
    written.set_modified(stamp.expect("a time")).expect("the time of before");
    let tabled: Vec<_> = answers.iter().map(|answer| located(&known, answer)).collect();
    assert_eq!(tabled, numbers, "the file looks unchanged, and is not read");
    assert!(numbers.iter().flatten().flatten().flatten().count() > 5);
    let first = claude_line(0, "user", &json!("an earlier prompt")).to_string() + "\n";
    fs::write(&file, [first.as_bytes(), &kept].concat()).expect("write");
    let changed = corpus(&home);
    let answer = ask(&search, &changed, "plantprompt");
    let opened = index::locate(&answer.hits[0].session, &[&answer.hits[0].snippets[0].location]);
    assert_eq!(located(&changed, &answer)[0][..1], opened, "a changed transcript is opened");
}

#[test]
fn a_rewritten_file_is_indexed_again() {
    let home = Home::empty();
    write_claude_needles(&home);
    let search = open(&home);
    index(&search, &corpus(&home));
    let filler = "x".repeat(600_000);
    let lines = [claude_line(1, "user", &json!("plantother")), claude_line(2, "user", &json!(filler))];
    let text = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n") + "\n";
    // In place: the same inode, and longer than before.
    fs::write(claude_file(&home), text).expect("write");
    let rewritten = corpus(&home);
    index(&search, &rewritten);
    assert!(ask(&search, &rewritten, "plantprompt").hits.is_empty());
    assert_eq!(ask(&search, &rewritten, "plantother").hits.len(), 1);
    fs::remove_file(claude_file(&home)).expect("remove");
    let gone = corpus(&home);
    index(&search, &gone);
    assert!(ask(&search, &gone, "plantother").hits.is_empty());
}

#[test]
fn a_damaged_index_is_rebuilt_and_hides_nothing_meanwhile() {
    let home = Home::empty();
    let needles = write_claude_needles(&home);
    let corpus = corpus(&home);
    index(&open(&home), &corpus);
    let dir = home.path().join("cache/search");
    let damages: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.iter_mut().skip(40).for_each(|byte| *byte = byte.wrapping_add(1)),
        Vec::clear,
        |bytes| bytes.extend_from_slice(b"rubbish"),
    ];
    for damage in damages {
        for entry in fs::read_dir(&dir).expect("index").map(|entry| entry.expect("entry").path()) {
            let mut bytes = fs::read(&entry).expect("read");
            damage(&mut bytes);
            fs::write(&entry, bytes).expect("write");
            let search = open(&home);
            index(&search, &corpus);
            for (query, id) in &needles {
                assert_eq!(ids(&ask(&search, &corpus, query)), BTreeSet::from([(*id).to_owned()]), "{query}");
            }
        }
    }
}

#[test]
fn damaged_segments_hide_nothing_even_before_the_rebuild() {
    let home = Home::empty();
    let needles = write_claude_needles(&home);
    let corpus = corpus(&home);
    let search = open(&home);
    // Without filters, which would be damaged as well.
    search.update(&corpus, &Cancel::default(), &mut |_| {}).expect("an index");
    let data = home.path().join("cache/search/data-1");
    let sound = fs::read(&data).expect("read");
    let mut bytes = sound.clone();
    bytes.iter_mut().step_by(50).for_each(|byte| *byte ^= 0x5a);
    fs::write(&data, &bytes).expect("write");
    let search = open(&home);
    assert!(search.is_current(&corpus), "not detected without reading");
    for (query, id) in &needles {
        assert_eq!(ids(&ask(&search, &corpus, query)), BTreeSet::from([(*id).to_owned()]), "{query}");
    }
    assert!(!search.is_current(&corpus), "a process that met damage rebuilds");
    search.update(&corpus, &Cancel::default(), &mut |_| {}).expect("an index");
    assert!(search.is_current(&corpus));
    assert_eq!(fs::read(&data).expect("read").len(), sound.len());
}

#[test]
fn only_one_process_writes_and_the_others_find_the_same() {
    let home = Home::empty();
    write_claude_needles(&home);
    let corpus = corpus(&home);
    let (one, other) = (open(&home), open(&home));
    index(&one, &corpus);
    assert!(!ask(&other, &corpus, "plantprompt").hits.is_empty(), "what another process wrote is seen");
    fs::remove_dir_all(home.path().join("cache/search")).expect("remove");
    fs::create_dir_all(home.path().join("cache/search")).expect("create");
    let lock = fs::File::create(home.path().join("cache/search/lock")).expect("lock");
    lock.lock().expect("lock");
    let third = open(&home);
    let written = third.update(&corpus, &Cancel::default(), &mut |_| {}).expect("no error");
    assert!(written.is_none(), "another process holds the lock");
    assert!(!ask(&third, &corpus, "plantprompt").hits.is_empty());
}

#[test]
fn an_unwritable_index_is_reported_and_searches_still_work() {
    let home = Home::empty();
    write_claude_needles(&home);
    let corpus = corpus(&home);
    fs::write(home.path().join("cache"), "not a directory").expect("write");
    let search = open(&home);
    let error = search.update(&corpus, &Cancel::default(), &mut |_| {}).expect_err("no directory can be made");
    assert!(error.to_string().contains("cache/search"), "{error}");
    assert!(!ask(&search, &corpus, "plantoutputtail").hits.is_empty());
}

#[test]
fn a_typed_query_finds_the_same_as_a_fresh_one() {
    let home = Home::empty();
    write_claude_needles(&home);
    let other = claude_file(&home).with_file_name("aaaaaaaa-0000-4000-8000-000000000001.jsonl");
    let grown =
        [claude_line(1, "user", &json!("Plant the prompter, plàntprompt")), claude_line(2, "user", &json!("x"))];
    write(&other, &grown);
    let corpus = corpus(&home);
    let incremental = open(&home);
    index(&incremental, &corpus);
    let words = ["plantprompt", "plant the", "Plant", "plant -prompter", "agent:claude plantp OR prompter", "zzz", "x"];
    for word in words {
        for end in (1..=word.len()).chain((1..word.len()).rev()).filter(|end| word.is_char_boundary(*end)) {
            let query = &word[..end];
            if Query::parse(query).errors.is_empty() {
                let counts = |search| {
                    let hits = ask(search, &corpus, query).hits;
                    hits.iter().map(|hit| (hit.session.key.clone(), hit.count)).collect::<BTreeSet<_>>()
                };
                assert_eq!(counts(&incremental), counts(&open(&home)), "{query}");
            }
        }
    }
}

/// Hits and counts of a result, independent of the tier.
fn counts(answer: &SearchResults) -> BTreeSet<(String, usize)> {
    answer.hits.iter().map(|hit| (hit.session.key.to_string(), hit.count)).collect()
}

/// Session of alternating prompts and outputs. `escaped`: all letters beyond ASCII are written as escapes.
fn write_session(home: &Home, number: usize, texts: &[String], escaped: bool) {
    let file = claude_file(home).with_file_name(format!("aaaaaaaa-0000-4000-8000-00000000000{number}.jsonl"));
    let line = |(at, text): (u32, &String)| match at % 2 {
        0 => claude_line(at + 1, "user", &json!(text)),
        _ => claude_line(at + 1, "user", &json!([{"type": "tool_result", "tool_use_id": "t", "content": text}])),
    };
    let lines: Vec<Value> = (0..).zip(texts).map(line).collect();
    write(&file, &lines);
    if escaped {
        let plain = fs::read_to_string(&file).expect("read");
        let mut ascii = String::new();
        for letter in plain.encode_utf16() {
            match u8::try_from(letter).ok().filter(u8::is_ascii) {
                Some(letter) => ascii.push(letter.into()),
                None => write!(ascii, "\\u{letter:04x}").expect("a text takes all"),
            }
        }
        fs::write(&file, ascii).expect("write");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn ngram_filters_never_exclude_a_match(
        texts in proptest::collection::vec(
            proptest::collection::vec("[a-cA-Cé_ß\u{301}ａﬁ\n\" 1]{1,60}", 1..4),
            2..5,
        ),
        words in proptest::collection::vec("[a-c_s]{3,8}", 1..4),
        (from, len) in (0usize..60, 4usize..12),
        escaped in any::<bool>(),
    ) {
        let home = Home::empty();
        for (number, texts) in texts.iter().enumerate() {
            write_session(&home, number, texts, escaped);
        }
        let corpus = corpus(&home);
        let (filtered, unfiltered) = (open(&home), SearchIndex::open(&home.path().join("cache/unfiltered")));
        index(&filtered, &corpus);
        unfiltered.update(&corpus, &Cancel::default(), &mut |_| {}).expect("an index");
        let parts = texts.iter().flatten().map(|text| text.chars().skip(from).take(len).collect::<String>());
        let quoted = parts.map(|part| format!("\"{}\"", part.replace('"', " ")));
        for query in quoted.chain([words.join(" "), words.join(" OR "), words.join(" -")]) {
            if Query::parse(&query).errors.is_empty() {
                let (found, wanted) = (ask(&filtered, &corpus, &query), ask(&unfiltered, &corpus, &query));
                prop_assert_eq!(counts(&found), counts(&wanted), "{:?}", query);
            }
        }
    }
}

#[test]
fn pruned_bytes_count_as_searched_and_appended_ones_are_searched() {
    let home = Home::empty();
    write_claude_needles(&home);
    let search = open(&home);
    let before = corpus(&home);
    index(&search, &before);
    let nothing = ask(&search, &before, "kingfisher");
    assert!(nothing.hits.is_empty() && nothing.coverage.complete);
    assert_eq!(nothing.coverage.sessions, before.sessions().len());
    let line =
        claude_line(31, "user", &json!([{"type": "tool_result", "tool_use_id": "t9", "content": "a kingfisher"}]));
    let mut file = fs::OpenOptions::new().append(true).open(claude_file(&home)).expect("open");
    std::io::Write::write_all(&mut file, (line.to_string() + "\n").as_bytes()).expect("append");
    let grown = corpus(&home);
    assert_eq!(ids(&ask(&search, &grown, "kingfisher")), BTreeSet::from([CLAUDE.to_owned()]));
    assert_eq!(ask(&search, &grown, "plantoutputtail").hits.len(), 1);
    index(&search, &grown);
    assert_eq!(ask(&search, &grown, "kingfisher").hits[0].count, 1);
}

/// Appends bytes to the session's file.
fn append(home: &Home, bytes: &[u8]) {
    let mut file = fs::OpenOptions::new().append(true).open(claude_file(home)).expect("open");
    std::io::Write::write_all(&mut file, bytes).expect("append");
}

#[test]
fn a_record_of_several_lines_that_is_written_in_pieces_is_found() {
    let output = json!([{"type": "tool_result", "tool_use_id": "t9", "content": "a waxwing"}]);
    let records = [claude_line(2, "user", &json!("a kingfisher")), claude_line(3, "user", &output)];
    let pretty = |record: &Value| serde_json::to_string_pretty(record).expect("JSON") + "\n";
    let text: String = records.iter().map(pretty).collect();
    let breaks: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    for (at, filtered) in breaks.iter().flat_map(|at| [(*at, false), (*at, true), (at - 2, true)]) {
        let home = Home::empty();
        write(&claude_file(&home), &[claude_line(1, "user", &json!("begin"))]);
        append(&home, &text.as_bytes()[..at]);
        let search = open(&home);
        if filtered {
            index(&search, &corpus(&home));
        } else {
            search.update(&corpus(&home), &Cancel::default(), &mut |_| {}).expect("an index");
        }
        append(&home, &text.as_bytes()[at..]);
        let grown = corpus(&home);
        for _ in 0..2 {
            for word in ["kingfisher", "waxwing"] {
                let found = ask(&search, &grown, word).hits;
                assert_eq!(found.iter().map(|hit| hit.count).collect::<Vec<_>>(), [1], "{word}, {at}, {filtered}");
            }
            index(&search, &grown);
        }
    }
}

#[test]
fn a_record_of_several_lines_without_its_last_newline_is_found() {
    let home = Home::empty();
    write(&claude_file(&home), &[claude_line(1, "user", &json!("begin"))]);
    let record = claude_line(2, "user", &json!("a kingfisher"));
    append(&home, serde_json::to_string_pretty(&record).expect("JSON").as_bytes());
    let (search, corpus) = (open(&home), corpus(&home));
    for _ in 0..2 {
        assert_eq!(ask(&search, &corpus, "kingfisher").hits.len(), 1);
        index(&search, &corpus);
    }
    append(&home, b"\n");
    let corpus = self::corpus(&home);
    for _ in 0..2 {
        assert_eq!(ask(&search, &corpus, "kingfisher").hits[0].count, 1);
        index(&search, &corpus);
    }
}

#[test]
fn the_tool_of_a_call_in_a_record_of_several_lines_is_known() {
    let home = Home::empty();
    let call = json!([{"type": "tool_use", "id": "t9", "name": "Bash", "input": {"command": "ls"}}]);
    let output = json!([{"type": "tool_result", "tool_use_id": "t9", "content": "a waxwing"}]);
    write(&claude_file(&home), &[claude_line(1, "user", &json!("begin"))]);
    for record in [claude_line(2, "assistant", &call), claude_line(3, "user", &output)] {
        append(&home, (serde_json::to_string_pretty(&record).expect("JSON") + "\n").as_bytes());
    }
    let (search, corpus) = (open(&home), corpus(&home));
    for _ in 0..2 {
        assert_eq!(ask(&search, &corpus, "tool:Bash waxwing").hits.len(), 1);
        index(&search, &corpus);
    }
}
