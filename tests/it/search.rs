//! Search: everything that is in a session is found, whether it is indexed yet or not, and nothing breaks it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;
use salon::agent::{FORMATS, TextLimit, format};
use salon::domain::found::{Answer, Place};
use salon::domain::query::{Part, Query};
use salon::domain::{Session, SessionKey, Time};
use salon::index::search::{Cancel, Corpus, Latest, Marks, Request, Search};
use salon::index::{Options, Refresh, collect};
use serde_json::{Value, json};

use crate::support::Home;

/// What lies in a home now.
fn corpus(home: &Home) -> Corpus {
    let environment = home.environment();
    let collected = collect(&Options::new(environment.clone(), Instant::now), Refresh::Everything);
    let roots =
        FORMATS.iter().flat_map(|format| format.roots(&environment).into_iter().map(move |root| (format, root)));
    let units = roots.flat_map(|(format, root)| format.discover(&root).units).collect();
    Corpus::new(units, collected.catalog.iter().cloned().collect())
}

fn now() -> Time {
    Time::parse("2026-11-22T00:00:00Z").expect("a time")
}

fn ask(search: &Search, corpus: &Corpus, query: &str) -> Answer {
    let query = Query::parse(query);
    assert!(query.mistakes.is_empty(), "{:?}", query.mistakes);
    let answer = search.search_all(&Request::new(&query, corpus, now()));
    assert!(answer.reach.complete);
    answer
}

fn ids(answer: &Answer) -> BTreeSet<String> {
    answer.hits.iter().map(|hit| hit.session.key.id.to_string()).collect()
}

fn index(search: &Search, corpus: &Corpus) {
    let done = search.update(corpus, &Cancel::default(), &mut |_| {}).expect("an index").expect("the only writer");
    assert_eq!(done.done, done.total);
}

/// A search whose index lies in the home.
fn open(home: &Home) -> Search {
    Search::open(&home.path().join("cache/search"))
}

fn write(path: &Path, lines: &[Value]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("create folder");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(path, text).expect("write");
}

const CLAUDE: &str = "11111111-2222-4333-8444-555555555555";

fn claude_file(home: &Home) -> PathBuf {
    home.path().join(format!(".claude/projects/-srv-app/{CLAUDE}.jsonl"))
}

fn claude_line(number: u32, kind: &str, content: &Value) -> Value {
    let parent = (number > 1).then(|| format!("u{}", number - 1));
    json!({
        "parentUuid": parent, "isSidechain": false, "type": kind, "uuid": format!("u{number}"),
        "message": {"role": kind, "id": format!("msg_{number}"), "content": content},
        "timestamp": format!("2026-11-20T09:00:{:02}.000Z", number % 60), "sessionId": CLAUDE, "cwd": "/srv/app",
    })
}

/// One string for each kind of text that Claude Code stores.
fn plant_claude(home: &Home) -> Vec<(&'static str, &'static str)> {
    let output = format!("{}\nthe end: plantoutputtail", "filler line\n".repeat(20_000));
    let mut lines = vec![
        json!({"type": "summary", "summary": "plantsummarytitle first", "leafUuid": "u1"}),
        json!({"type": "custom-title", "customTitle": "plantoldtitle", "sessionId": CLAUDE}),
        json!({"type": "custom-title", "customTitle": "plantnewtitle", "sessionId": CLAUDE}),
        claude_line(1, "user", &json!("please plantprompt \"quoted\\path\" now")),
        claude_line(2, "assistant", &json!([{"type": "thinking", "thinking": "hm plantthinking", "signature": "x"}])),
        claude_line(3, "assistant", &json!([{"type": "text", "text": "sure, plantanswer"}])),
        claude_line(
            4,
            "assistant",
            &json!([{"type": "tool_use", "id": "t1", "name": "Bash",
            "input": {"command": "run plantcommand --now", "description": "d"}}]),
        ),
        claude_line(5, "user", &json!([{"type": "tool_result", "tool_use_id": "t1", "content": output}])),
        claude_line(
            6,
            "assistant",
            &json!([{"type": "tool_use", "id": "t2", "name": "Write",
            "input": {"file_path": "/srv/app/src/plantfile.rs", "content": format!("{}plantwritten", "x ".repeat(900))}}]),
        ),
        claude_line(
            7,
            "user",
            &json!([{"type": "tool_result", "tool_use_id": "t2", "is_error": true,
            "content": [{"type": "text", "text": "Exit code 7\nplanterroroutput"}]}]),
        ),
        claude_line(8, "user", &json!("<command-name>/review</command-name><command-args>plantargs</command-args>")),
        json!({"type": "system", "subtype": "api_error", "uuid": "u9", "parentUuid": "u8", "sessionId": CLAUDE,
            "timestamp": "2026-11-20T09:01:00.000Z", "error": {"formatted": "plantapierror"}}),
        json!({"type": "api-request-blob", "text": "plantnoise"}),
    ];
    let mut side = claude_line(20, "user", &json!("plantsidechain words"));
    side["isSidechain"] = json!(true);
    lines.push(side);
    write(&claude_file(home), &lines);
    // Told apart by its first field, which serde_json would put elsewhere.
    let queued = r#"{"type":"queue-operation","operation":"enqueue","content":"plantqueued prompt"}"#;
    let text = fs::read_to_string(claude_file(home)).expect("read");
    fs::write(claude_file(home), format!("{queued}\n{text}")).expect("write");
    let mut sub = claude_line(1, "user", &json!("plantsubagent task"));
    sub["isSidechain"] = json!(true);
    sub["agentId"] = json!("a1b2c3d4");
    write(&home.path().join(format!(".claude/projects/-srv-app/{CLAUDE}/subagents/agent-a1b2c3d4.jsonl")), &[sub]);
    let own = [
        "plantsummarytitle",
        "plantoldtitle",
        "plantnewtitle",
        "plantqueued",
        "plantprompt",
        "plantthinking",
        "plantanswer",
        "plantcommand",
        "plantoutputtail",
        "plantfile",
        "plantwritten",
        "planterroroutput",
        "plantargs",
        "plantapierror",
        "plantsidechain",
        r#""quoted\\path""#,
        r#""\"quoted\\path\"""#,
    ];
    let mut planted: Vec<_> = own.into_iter().map(|query| (query, CLAUDE)).collect();
    planted.push(("plantsubagent", "agent-a1b2c3d4"));
    planted
}

const CODEX: &str = "019f7c77-1285-78a7-9f6c-a4a7c2f996c7";

fn plant_codex(home: &Home) -> Vec<(&'static str, &'static str)> {
    let line = |kind: &str, payload: Value| {
        json!({"timestamp": "2026-11-20T10:00:00.000Z", "type": kind, "payload": payload}).to_string()
    };
    // Codex writes its fields in this order; serde_json sorts them, so they are put together by hand.
    let ordered = |kind: &str, payload: &str| {
        format!(r#"{{"timestamp":"2026-11-20T10:00:00.000Z","type":"{kind}","payload":{payload}}}"#)
    };
    let meta = json!({"id": CODEX, "cwd": "/srv/app", "originator": "codex-tui", "source": "cli"});
    let lines = [
        line("session_meta", meta),
        ordered("event_msg", r#"{"type":"user_message","message":"please codexprompt"}"#),
        ordered("event_msg", r#"{"type":"agent_reasoning","text":"hm codexreasoning"}"#),
        ordered("event_msg", r#"{"type":"agent_message","message":"sure codexanswer"}"#),
        ordered(
            "response_item",
            r#"{"type":"function_call","name":"shell","arguments":"{\"command\":[\"bash\",\"-lc\",\"grep codexcommand\"]}","call_id":"c1"}"#,
        ),
        ordered(
            "response_item",
            r#"{"type":"function_call_output","call_id":"c1","output":"Exit code: 3\nOutput:\ncodexoutput"}"#,
        ),
        ordered("compacted", r#"{"message":"codexcompacted so far"}"#),
    ];
    let path = home.path().join(format!(".codex/sessions/2026/11/20/rollout-2026-11-20T10-00-00-{CODEX}.jsonl"));
    fs::create_dir_all(path.parent().expect("a folder")).expect("create folder");
    fs::write(path, lines.map(|line| line + "\n").concat()).expect("write");
    ["codexprompt", "codexreasoning", "codexanswer", "codexcommand", "codexoutput", "codexcompacted"]
        .map(|query| (query, CODEX))
        .to_vec()
}

const OPENCODE: &str = "ses_0c890661f002MSWrEWJUN68T3L";

fn plant_opencode(home: &Home) -> Vec<(&'static str, &'static str)> {
    let storage = home.path().join(".local/share/opencode/storage");
    let put = |path: String, value: Value| {
        let path = storage.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("create folder");
        fs::write(path, serde_json::to_string_pretty(&value).expect("JSON")).expect("write");
    };
    let times = json!({"created": 1_795_176_000_000_i64, "updated": 1_795_176_000_000_i64});
    put(
        format!("session/p1/{OPENCODE}.json"),
        json!({"id": OPENCODE, "projectID": "p1", "directory": "/srv/app", "title": "opentitle", "time": times}),
    );
    let message = |id: &str, role: &str| {
        put(
            format!("message/{OPENCODE}/{id}.json"),
            json!({"id": id, "sessionID": OPENCODE, "role": role, "time": times}),
        );
    };
    let part = |message: &str, id: &str, mut value: Value| {
        value["id"] = json!(id);
        put(format!("part/{message}/{id}.json"), value);
    };
    message("msg_1", "user");
    message("msg_2", "assistant");
    part("msg_1", "prt_1", json!({"type": "text", "text": "please openprompt"}));
    part("msg_2", "prt_2", json!({"type": "reasoning", "text": "hm openreasoning"}));
    part("msg_2", "prt_3", json!({"type": "text", "text": "sure openanswer"}));
    part(
        "msg_2",
        "prt_4",
        json!({"type": "tool", "tool": "bash", "callID": "c1", "state": {"status": "completed",
            "input": {"command": "ls opencommand"}, "output": "openoutput", "time": {"start": 1, "end": 2}}}),
    );
    ["opentitle", "openprompt", "openreasoning", "openanswer", "opencommand", "openoutput"]
        .map(|query| (query, OPENCODE))
        .to_vec()
}

#[test]
fn a19_every_kind_of_text_of_every_agent_is_found_before_and_after_it_is_indexed() {
    let home = Home::empty();
    let planted = [plant_claude(&home), plant_codex(&home), plant_opencode(&home)].concat();
    let corpus = corpus(&home);
    let search = open(&home);
    for indexed in [false, true] {
        if indexed {
            index(&search, &corpus);
        }
        for (query, id) in &planted {
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
fn a19_a_query_is_never_run_by_a_shell() {
    let home = Home::empty();
    plant_claude(&home);
    let answer = ask(&open(&home), &corpus(&home), "$(touch pwned)");
    assert!(answer.hits.is_empty());
    assert!(!Path::new("pwned").exists() && !home.path().join("pwned").exists());
}

#[test]
fn filters_look_into_the_texts() {
    let home = Home::empty();
    plant_claude(&home);
    plant_codex(&home);
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
fn stars_and_tags_are_asked_like_everything_else() {
    let home = Home::empty();
    plant_claude(&home);
    plant_codex(&home);
    let corpus = corpus(&home);
    let key = corpus.sessions().iter().find(|session| *session.key.id == *CODEX).expect("the session").key.clone();
    let marks = [(key, Marks { starred: true, tags: vec!["infra".into()] })].into_iter().collect();
    for query in ["is:star", "#infra", "-is:star -agent:claude OR #infra"] {
        let query = Query::parse(query);
        let request = Request { marks: Some(&marks), ..Request::new(&query, &corpus, now()) };
        assert_eq!(ids(&open(&home).search_all(&request)), BTreeSet::from([CODEX.to_owned()]));
    }
}

#[test]
fn what_is_appended_is_found_at_once_and_indexed_from_there_on() {
    let home = Home::empty();
    plant_claude(&home);
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
fn a_file_that_is_written_anew_is_indexed_anew() {
    let home = Home::empty();
    plant_claude(&home);
    let search = open(&home);
    index(&search, &corpus(&home));
    let filler = "x".repeat(600_000);
    let lines = [claude_line(1, "user", &json!("plantother")), claude_line(2, "user", &json!(filler))];
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
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
fn a_damaged_index_is_read_again_and_hides_nothing_meanwhile() {
    let home = Home::empty();
    let planted = plant_claude(&home);
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
            for (query, id) in &planted {
                assert_eq!(ids(&ask(&search, &corpus, query)), BTreeSet::from([(*id).to_owned()]), "{query}");
            }
        }
    }
}

#[test]
fn only_one_process_writes_and_the_others_find_the_same() {
    let home = Home::empty();
    plant_claude(&home);
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
fn an_index_that_cannot_be_written_is_told_and_searching_goes_on() {
    let home = Home::empty();
    plant_claude(&home);
    let corpus = corpus(&home);
    fs::write(home.path().join("cache"), "not a directory").expect("write");
    let search = open(&home);
    let error = search.update(&corpus, &Cancel::default(), &mut |_| {}).expect_err("no directory can be made");
    assert!(error.to_string().contains("cache/search"), "{error}");
    assert!(!ask(&search, &corpus, "plantoutputtail").hits.is_empty());
}

#[test]
fn a_newer_query_cancels_the_older() {
    let home = Home::empty();
    plant_claude(&home);
    let corpus = corpus(&home);
    let latest = Latest::default();
    let older = latest.begin();
    let newer = latest.begin();
    assert!(older.is_cancelled() && !newer.is_cancelled());
    let query = Query::parse("plantoutputtail");
    let mut told = Vec::new();
    open(&home).search(&Request::new(&query, &corpus, now()), &older, &mut |found| told.push(found));
    assert!(told.iter().all(|found| found.hits.is_empty() && !found.reach.complete));
}

#[test]
fn slips_and_abbreviations_help_only_where_nothing_matches() {
    let home = Home::empty();
    plant_claude(&home);
    let corpus = corpus(&home);
    let search = open(&home);
    index(&search, &corpus);
    let answer = ask(&search, &corpus, "plantpromtp");
    assert_eq!(ids(&answer), BTreeSet::from([CLAUDE.to_owned()]));
    assert_eq!(answer.instead, [("plantpromtp".to_owned(), "plantprompt".to_owned())]);
    let answer = ask(&search, &corpus, "plnwtitle");
    assert_eq!(ids(&answer), BTreeSet::from([CLAUDE.to_owned()]));
    assert_eq!(answer.hits[0].snippets[0].part, Part::Title);
    assert!(ask(&search, &corpus, "plantprompt").instead.is_empty());
}

#[test]
fn titles_count_most_and_the_newest_comes_first() {
    let home = Home::empty();
    let put = |id: &str, day: u32, text: &str, title: Option<&str>| {
        let mut lines = vec![claude_line(1, "user", &json!("begin")), claude_line(2, "assistant", &json!(text))];
        lines.iter_mut().for_each(|line| line["timestamp"] = json!(format!("2026-11-{day:02}T09:00:00.000Z")));
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

/// Entries by key and by tool, of one session, and whether there are others beside the shown branch.
fn reachable(session: &Session) -> (BTreeSet<u64>, BTreeSet<String>, bool) {
    let mut reading = format(session.key.agent).open(session).expect("a reading");
    let len = reading.len();
    let entries = reading.read(0..len, TextLimit::NONE);
    let tools = entries.iter().filter_map(|entry| Some(entry.tool.as_ref()?.id.to_string())).collect();
    (entries.iter().map(|entry| entry.key.raw()).collect(), tools, reading.branches() > 1)
}

/// Words that stand in the entries of the fixtures, with their session.
fn words(session: &Arc<Session>) -> Vec<(SessionKey, String)> {
    let Ok(mut reading) = format(session.key.agent).open(session) else { return Vec::new() };
    let len = reading.len();
    let mut found = BTreeSet::new();
    for entry in reading.read(0..len, TextLimit::NONE) {
        let output = entry.tool.as_ref().map(|tool| tool.output.as_str()).unwrap_or_default();
        let shown =
            if entry.tool.is_some() || entry.kind == salon::domain::EntryKind::Notice { "" } else { &entry.text };
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
    // A Codex fork shows what its origin's file holds; it is found there.
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
            for snippet in &hit.snippets {
                let Place::Entry { key, call } = &snippet.place else { continue };
                let leads = keys.contains(&key.raw()) || tools.contains(&**call);
                let aside = matches!(snippet.part, Part::Title | Part::Notice);
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
