//! Prefilter of raw records: false positives are allowed, false negatives are not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use salon::domain::query::{Needle, NeedleForm, NeedleMatcher};
use salon::index::search::prefilter::JsonPrefilter;
use salon::index::search::{Corpus, SearchIndex};
use serde_json::json;

use crate::search_needles::{
    CLAUDE, OPENCODE, ask, claude_file, claude_line, corpus, ids, index, open, write, write_opencode_needles,
};
use crate::support::Home;

fn needle(text: &str, form: NeedleForm) -> Needle {
    Needle { text: text.into(), form }
}

/// JSON with all letters beyond ASCII escaped.
fn escaped(text: &str) -> String {
    let json = serde_json::to_string(text).expect("JSON");
    json.encode_utf16()
        .map(|code_unit| match u8::try_from(code_unit).ok().filter(u8::is_ascii) {
            Some(byte) => char::from(byte).to_string(),
            None => format!("\\u{code_unit:04x}"),
        })
        .collect()
}

/// JSON with all characters escaped.
fn wholly_escaped(text: &str) -> String {
    text.encode_utf16().map(|code_unit| format!("\\u{code_unit:04X}")).collect()
}

/// Asserts that the prefilter passes every text that the matcher finds, with and without escapes.
fn assert_passes(needle: &Needle, text: &str) -> Result<(), TestCaseError> {
    let (Ok(matcher), Some(raw)) = (NeedleMatcher::new(needle), JsonPrefilter::new(needle)) else {
        return Ok(());
    };
    if matcher.is_match(text) {
        let json = serde_json::to_string(text).expect("JSON");
        prop_assert!(raw.may_match(json.as_bytes()), "{needle:?} in {json}");
        prop_assert!(raw.may_match(escaped(text).as_bytes()), "{needle:?} in {}", escaped(text));
        prop_assert!(raw.may_match(wholly_escaped(text).as_bytes()), "{needle:?} in {}", wholly_escaped(text));
    }
    Ok(())
}

#[test]
fn a_word_is_found_at_any_offset() {
    for word in ["q", "zq", "needle", "the", "жук", "字", "fußball", &"long ago ".repeat(30)] {
        let raw = JsonPrefilter::new(&needle(word.trim(), NeedleForm::Phrase)).expect("something to go by");
        for before in 0..200 {
            for after in [0, 1, 63, 64, 300] {
                let bytes = [".".repeat(before).as_str(), word.trim(), ".".repeat(after).as_str()].concat();
                assert!(raw.may_match(bytes.as_bytes()), "{word} behind {before} and before {after}");
            }
            assert!(!raw.may_match(".".repeat(before).as_bytes()), "{word} in {before} dots");
        }
    }
}

#[test]
fn folded_letters_are_found_raw_and_escaped() {
    for (wanted, text) in [
        ("cafe", "café"),
        ("café", "cafe"),
        ("cafe", "cafe\u{301}"),
        ("süss", "SÜß"),
        ("mississippi", "miſſiſſippi"),
        ("fish", "ﬁsh"),
        ("zyx", "ＺＹＸ"),
        ("жук", "ЖУК"),
        ("x²", "area x² m"),
        ("300 K", "at 300 K"),
        ("wait…", "please wait… now"),
        ("🦥", "a 🦥"),
    ] {
        let raw = JsonPrefilter::new(&needle(wanted, NeedleForm::Phrase)).expect("something to go by");
        let long = format!("{}{text}{}", "filler. ".repeat(20), " and so on".repeat(20));
        for text in [text, &long] {
            assert!(
                NeedleMatcher::new(&needle(wanted, NeedleForm::Phrase)).expect("a needle").is_match(text),
                "{wanted} in {text}"
            );
            assert!(raw.may_match(text.as_bytes()), "{wanted} in {text}");
            assert!(raw.may_match(escaped(text).as_bytes()), "{wanted} in {}", escaped(text));
        }
    }
}

#[test]
fn a_regular_expression_is_prefiltered_by_its_required_text() {
    for (expression, yes, no) in [
        (r"zqx[a-z]+7415", "zqxtool7415", "zqytool7425"),
        (r"(foo|bar)baz+", "a barbazz", "a baz"),
        (r"memor(y|ies) alloc", "MEMORIES alloc", "melody"),
        (r"(?i)Kelvin", "at 3 \u{212a}elvin", "celsius"),
        (r"kilo", "5 \u{212a}ilo", "gram"),
        (r"^\s*panicked at .*:\d+", "thread panicked at src/x.rs:12", "calm"),
        (r"naïve", "a naïve one", "clever"),
        (r"x{3}y", "xxxy", "xyxy"),
    ] {
        let needle = needle(expression, NeedleForm::Regex);
        let raw = JsonPrefilter::new(&needle).expect("something to go by");
        assert!(raw.may_match(yes.as_bytes()), "{expression} in {yes}");
        assert!(raw.may_match(escaped(yes).as_bytes()), "{expression} in {}", escaped(yes));
        assert!(!raw.may_match(no.as_bytes()), "{expression} in {no}");
    }
    for anything in [r".*", r"\d+", r"a*", r"(foo|.+)", r"[a-z]{3}", r#"""#] {
        assert!(JsonPrefilter::new(&needle(anything, NeedleForm::Regex)).is_none(), "{anything}");
    }
}

/// Writes the lines of one session by hand, each with one tool output.
fn put(home: &Home, ends: &str, outputs: &[&str]) {
    let lines = (2..).zip(outputs).map(|(number, output)| {
        let value = claude_line(number, "user", &json!([{"type": "tool_result", "tool_use_id": "t", "content": "@@"}]));
        value.to_string().replace("@@", output)
    });
    let lines: Vec<String> =
        std::iter::once(claude_line(1, "user", &json!("begin")).to_string()).chain(lines).collect();
    fs::create_dir_all(claude_file(home).parent().expect("a folder")).expect("create folder");
    fs::write(claude_file(home), lines.join(ends) + ends).expect("write");
}

/// Searches before and after indexing.
fn search_twice(home: &Home, query: &str) -> Vec<BTreeSet<String>> {
    let corpus = corpus(home);
    let search = open(home);
    let before = ids(&ask(&search, &corpus, query));
    index(&search, &corpus);
    vec![before, ids(&ask(&search, &corpus, query))]
}

fn found() -> Vec<BTreeSet<String>> {
    vec![BTreeSet::from([CLAUDE.to_owned()]); 2]
}

#[test]
fn matches_at_block_boundaries_are_found() {
    const BLOCK: usize = 256 << 10;
    for shift in [0, 1, 7, 8, 40, 64] {
        let home = Home::empty();
        put(&home, "\n", &["x", "edgeword"]);
        let lines = fs::read_to_string(claude_file(&home)).expect("read");
        let at = lines.find("edgeword").expect("the word");
        let filler = "f".repeat(BLOCK - at + shift);
        put(&home, "\n", &[&format!("x{filler}"), "edgeword"]);
        assert_eq!(search_twice(&home, "edgeword"), found(), "{shift}");
        put(&home, "\n", &["x", &format!("{}edgeword{filler}", "g".repeat(BLOCK - at - shift))]);
        assert_eq!(search_twice(&home, "edgeword"), found(), "in one line, {shift}");
        assert_eq!(search_twice(&home, "/edge[w]ord/"), found(), "as an expression, {shift}");
    }
}

#[test]
fn lines_may_end_as_they_like_and_the_last_whole_record_needs_no_end() {
    let home = Home::empty();
    put(&home, "\r\n", &["crlfword", "other"]);
    assert_eq!(search_twice(&home, "crlfword"), found());
    // A cut record counts once it is whole; a session that was killed may have left out the line's end.
    let content = json!([{"type": "tool_result", "tool_use_id": "t", "content": "lateword"}]);
    let late = claude_line(9, "user", &content).to_string();
    let text = fs::read_to_string(claude_file(&home)).expect("read");
    let cut = &late[..late.find("lateword").expect("the word") + "lateword".len()];
    fs::write(claude_file(&home), format!("{text}{cut}")).expect("write");
    assert_eq!(search_twice(&home, "lateword"), vec![BTreeSet::new(); 2]);
    for end in ["", "\n"] {
        fs::write(claude_file(&home), format!("{text}{late}{end}")).expect("write");
        assert_eq!(search_twice(&home, "lateword"), found(), "{end:?}");
    }
}

#[test]
fn escaped_text_is_found_unescaped() {
    let home = Home::empty();
    put(&home, "\n", &[r#"caf\u00e9zq \"quotedzq\" back\\slashzq line\nbreakzq ta\tbzq \ud83e\udda5zq Stra\u00DFezq"#]);
    for query in [
        "cafézq",
        "cafezq",
        r#""\"quotedzq\"""#,
        r#""back\\slashzq""#,
        r#""line breakzq""#,
        r#""ta bzq""#,
        "🦥zq",
        "straßezq",
        "strassezq",
        "/caf.zq/",
        r"/line\nbreakzq/",
        r"/back\\slashzq/",
    ] {
        assert_eq!(search_twice(&home, query), found(), "{query}");
    }
    for query in ["linebreakzq", "nbreakzq", "u00e9zq", "tbzq"] {
        assert_eq!(search_twice(&home, query), vec![BTreeSet::new(); 2], "{query}");
    }
}

#[test]
fn letters_that_need_no_escape_are_found_escaped() {
    for output in [
        r"\u0065rrorzq in\u0020the pathzq\/to",
        r"errorz\u0071 in the path\u007A\u0071\u002fto",
        r"\u0065\u0072\u0072\u006F\u0072\u007a\u0071 in the \u0070\u0061\u0074\u0068zq\u002Fto",
    ] {
        let home = Home::empty();
        put(&home, "\n", &["other", &output.replace(r"\\", r"\")]);
        for query in ["errorzq", "ErrorZq", r#""in the pathzq""#, "pathzq/to", "/err.rzq/", "errorz*"] {
            let is_exact = query == "ErrorZq";
            let wanted = if is_exact { vec![BTreeSet::new(); 2] } else { found() };
            assert_eq!(search_twice(&home, query), wanted, "{query} in {output}");
        }
    }
}

#[test]
fn missing_and_binary_files_do_not_break_a_search() {
    let home = Home::empty();
    let needles = write_opencode_needles(&home);
    put(&home, "\n", &["stayword"]);
    write(
        &claude_file(&home).with_file_name("22222222-2222-4333-8444-555555555555.jsonl"),
        &[
            claude_line(1, "user", &json!("begin")),
            claude_line(2, "assistant", &json!([{"type": "thinking", "thinking": "goneword"}])),
        ],
    );
    let corpus = corpus(&home);
    let search = open(&home);
    fs::remove_file(claude_file(&home).with_file_name("22222222-2222-4333-8444-555555555555.jsonl")).expect("remove");
    let storage = home.path().join(".local/share/opencode/storage");
    fs::write(storage.join("part/msg_2/prt_0.json"), b"{\"type\": \xff\xfe openoutput").expect("write");
    fs::write(storage.join("part/msg_2/prt_9.json"), "").expect("write");
    fs::create_dir(storage.join("part/msg_2/prt_8.json")).expect("create folder");
    assert!(ask(&search, &corpus, "goneword").hits.is_empty());
    assert_eq!(ids(&ask(&search, &corpus, "stayword")), BTreeSet::from([CLAUDE.to_owned()]));
    for (query, id) in needles {
        assert_eq!(ids(&ask(&search, &corpus, query)), BTreeSet::from([id.to_owned()]), "{query}");
    }
}

/// Sets the modification time to two days before the other files.
pub fn age(path: &Path) {
    let then = SystemTime::now() - Duration::from_hours(48);
    fs::File::open(path).and_then(|file| file.set_modified(then)).expect("set the time");
}

#[test]
fn sessions_of_many_files_are_only_opened_where_their_filter_matches() {
    let home = Home::empty();
    let needles = write_opencode_needles(&home);
    put(&home, "\n", &["stayword"]);
    let storage = home.path().join(".local/share/opencode/storage");
    let part = |id: &str, text: &str| {
        let text = json!({"id": id, "type": "reasoning", "text": text}).to_string();
        fs::write(storage.join(format!("part/msg_2/{id}.json")), text).expect("write");
    };
    part("prt_5", "a naïve Straße, cafe\u{301}zq");
    fs::write(storage.join("part/msg_2/prt_6.json"), r#"{"type": "reasoning", "text": "caf\u00e9bar"}"#)
        .expect("write");
    age(&storage.join(format!("session/p1/{OPENCODE}.json")));
    age(&storage.join(format!("message/{OPENCODE}")));
    let first = corpus(&home);
    let search = open(&home);
    index(&search, &first);
    let all_found = |search: &SearchIndex, corpus: &Corpus| {
        for (query, id) in &needles {
            assert_eq!(ids(&ask(search, corpus, query)), BTreeSet::from([(*id).to_owned()]), "{query}");
        }
        for query in ["naive", "naïve", "strasse", "Straße", "cafezq", "cafébar", "ve", "/na.ve/", "naive strasse"] {
            assert_eq!(ids(&ask(search, corpus, query)), BTreeSet::from([OPENCODE.to_owned()]), "{query}");
        }
    };
    all_found(&search, &first);
    let bytes_searched = |search: &SearchIndex| ask(search, &first, "stayword").coverage.bytes;
    let few = bytes_searched(&search);
    // The filters of these sessions are written after the texts, and before those of others.
    let data = home.path().join("cache/search/data-1");
    let mut bytes = fs::read(&data).expect("read");
    let third = bytes.len() / 3;
    bytes[third..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    fs::write(&data, bytes).expect("write");
    let all = bytes_searched(&open(&home));
    assert!(few < all, "{few} of {all} bytes");
    all_found(&open(&home), &first);
    // Rebuilt; later changes are detected by the stamp.
    let search = open(&home);
    index(&search, &first);
    assert_eq!(bytes_searched(&search), few);
    part("prt_7", "sinceword");
    fs::write(storage.join(format!("message/{OPENCODE}/msg_3.json")), r#"{"role":"assistant"}"#).expect("write");
    let second = corpus(&home);
    for _ in 0..2 {
        assert_eq!(ids(&ask(&search, &second, "sinceword")), BTreeSet::from([OPENCODE.to_owned()]));
        all_found(&search, &second);
        index(&search, &second);
    }
}

/// Letters with several spellings, and others beside them.
const LETTERS: &str =
    "[a-cksA-CKSſ\u{212a}\u{212b}å²…ßﬁé\u{301}йЖж字\u{1100}-\u{1103}\u{1161}\u{1f9a5}م\u{64e}Ωω \\\\\"/<\n.]";

fn letters(count: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = String> {
    let letter = proptest::string::string_regex(LETTERS).expect("a class");
    proptest::collection::vec(letter, count).prop_map(|letters| letters.concat())
}

proptest! {
    #[test]
    fn exact_substrings_are_found_and_pass_the_prefilter(
        text in letters(1..=120),
        from in 0usize..120,
        len in 1usize..12,
    ) {
        let part: String = text.chars().skip(from % text.chars().count()).take(len).collect();
        prop_assume!(part.chars().any(char::is_alphanumeric));
        let needle = needle(part.trim(), NeedleForm::Phrase);
        prop_assert!(NeedleMatcher::new(&needle).expect("a needle").is_match(&text), "{part:?} in {text:?}");
        assert_passes(&needle, &text)?;
    }

    #[test]
    fn similar_words_pass_the_prefilter(
        text in letters(0..=120),
        wanted in "[a-cksåéßжΩй字m]{1,3}",
    ) {
        assert_passes(&needle(&wanted, NeedleForm::Word), &text)?;
    }

    #[test]
    fn regular_expressions_pass_the_prefilter(
        text in letters(0..=80),
        pieces in proptest::collection::vec(prop_oneof![
            Just("a"), Just("k"), Just("s"), Just("bc"), Just("é"), Just("Å"), Just("K"), Just("ß"), Just("²"),
            Just("ж"), Just("ω"), Just("."), Just(r"\s"), Just(r"\w+"), Just("(a|bc|ck)"), Just("[kK]"), Just("a?"),
            Just("(?i:K)"), Just("(?i:é)"), Just("s{2}"), Just("(b|)"), Just(r"\b"), Just("(ca)+"), Just("[ab]"), Just("字"),
            Just("\u{1100}"), Just("\u{64e}"),
        ], 1..5),
    ) {
        assert_passes(&needle(&pieces.concat(), NeedleForm::Regex), &text)?;
    }
}

/// The needle's session in an index that was built before an output file beside its record changed.
fn assert_changed_output_is_found(home: &Home, id: &str, output: &Path) {
    let (before, search) = (corpus(home), open(home));
    index(&search, &before);
    assert_eq!(ids(&ask(&search, &before, "beforeword")), BTreeSet::from([id.to_owned()]));
    assert!(ask(&search, &before, "afterword").hits.is_empty());
    fs::write(output, "beforeword and then afterword\n").expect("write");
    let after = corpus(home);
    assert_eq!(ids(&ask(&search, &after, "afterword")), BTreeSet::from([id.to_owned()]));
    index(&search, &after);
    assert_eq!(ids(&ask(&search, &after, "afterword")), BTreeSet::from([id.to_owned()]));
    assert!(ask(&search, &after, "absentword").hits.is_empty());
}

#[test]
fn a_changed_output_beside_a_chat_of_gemini_is_found() {
    let id = "aaaa1111-0000-4000-8000-000000000009";
    for folder in [format!("session-{id}"), "session-x".to_owned(), String::new()] {
        let home = Home::empty();
        let project = home.path().join(".gemini/tmp/shop");
        let output = project.join("tool-outputs").join(folder).join("run_shell_command_t2.txt");
        fs::create_dir_all(output.parent().expect("a folder")).expect("create");
        fs::create_dir_all(project.join("chats")).expect("create");
        fs::write(&output, "beforeword\n").expect("write");
        let preview = format!("Output too large. For full output see: {}\nfirst", output.display());
        let call = json!({"id": "t2", "name": "run_shell_command", "args": {"command": "seq"}, "status": "success",
            "result": [{"functionResponse": {"id": "t2", "response": {"output": preview}}}]});
        let records = [
            json!({"sessionId": id, "startTime": "2026-09-10T12:00:00Z", "kind": "main"}),
            json!({"id": "1", "timestamp": "2026-09-10T12:00:01Z", "type": "user", "content": "begin"}),
            json!({"id": "2", "timestamp": "2026-09-10T12:00:02Z", "type": "gemini", "content": "", "toolCalls": [call]}),
        ];
        let log: String = records.iter().map(|record| format!("{record}\n")).collect();
        fs::write(project.join("chats/session-2026-09-10T12-00-aaaa1111.jsonl"), log).expect("write");
        assert_changed_output_is_found(&home, id, &output);
    }
}

#[test]
fn a_changed_output_beside_a_database_of_opencode_is_found() {
    let home = Home::of(&["opencode/1.18.33"]);
    let data = home.path().join(".local/share/opencode");
    let output = data.join("tool-output/tool_1");
    fs::create_dir_all(data.join("tool-output")).expect("create");
    fs::write(&output, "beforeword\n").expect("write");
    let writer = rusqlite::Connection::open(data.join("opencode.db")).expect("open");
    let part: (String, String, String) = writer
        .query_row("select id, data, session_id from part where data like '%\"type\":\"tool\"%' limit 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .expect("a tool");
    let mut tool: serde_json::Value = serde_json::from_str(&part.1).expect("JSON");
    tool["state"]["metadata"]["outputPath"] = json!(output.display().to_string());
    writer.execute("update part set data = ?1 where id = ?2", [tool.to_string(), part.0]).expect("update");
    drop(writer);
    assert_changed_output_is_found(&home, &part.2, &output);
}
