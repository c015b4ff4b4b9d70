//! Histories with a unique needle in every kind of text, and helpers to search them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use salon::agent::FORMATS;
use salon::domain::Time;
use salon::domain::query::Query;
use salon::domain::search::SearchResults;
use salon::index::search::{Cancel, Corpus, QueryRequest, SearchIndex};
use salon::index::{IndexOptions, Refresh, collect};
use serde_json::{Value, json};

use crate::support::Home;

/// Corpus of a home.
pub fn corpus(home: &Home) -> Corpus {
    let environment = home.environment();
    let collected = collect(&IndexOptions::new(environment.clone(), Instant::now), Refresh::Everything);
    let roots =
        FORMATS.iter().flat_map(|format| format.roots(&environment).into_iter().map(move |root| (format, root)));
    let sources = roots.flat_map(|(format, root)| format.discover(&root).sources).collect();
    Corpus::new(sources, collected.sessions)
}

/// Current time of the tests.
pub fn now() -> Time {
    Time::parse("2026-11-22T00:00:00Z").expect("a time")
}

/// Returns all results of a query.
pub fn ask(search: &SearchIndex, corpus: &Corpus, query: &str) -> SearchResults {
    let query = Query::parse(query);
    assert!(query.errors.is_empty(), "{:?}", query.errors);
    let answer = search.search_all(&QueryRequest::new(&query, corpus, now()));
    assert!(answer.coverage.complete);
    answer
}

/// Ids of the found sessions.
pub fn ids(answer: &SearchResults) -> BTreeSet<String> {
    answer.hits.iter().map(|hit| hit.session.key.id.to_string()).collect()
}

/// Indexes all sources.
pub fn index(search: &SearchIndex, corpus: &Corpus) {
    let done = search.update(corpus, &Cancel::default(), &mut |_| {}).expect("an index").expect("the only writer");
    assert_eq!(done.done, done.total);
    search.build_filters(corpus, &Cancel::default()).expect("filters");
}

/// Search with the index in the home.
pub fn open(home: &Home) -> SearchIndex {
    SearchIndex::open(&home.path().join("cache/search"))
}

/// Writes lines of JSON.
pub fn write(path: &Path, lines: &[Value]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("create folder");
    let text = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n") + "\n";
    fs::write(path, text).expect("write");
}

/// Session of Claude Code with needles.
pub const CLAUDE: &str = "11111111-2222-4333-8444-555555555555";

/// Path of its file.
pub fn claude_file(home: &Home) -> PathBuf {
    home.path().join(format!(".claude/projects/-srv-app/{CLAUDE}.jsonl"))
}

/// Line of its file.
pub fn claude_line(number: u32, kind: &str, content: &Value) -> Value {
    let parent = (number > 1).then(|| format!("u{}", number - 1));
    json!({
        "parentUuid": parent, "isSidechain": false, "type": kind, "uuid": format!("u{number}"),
        "message": {"role": kind, "id": format!("msg_{number}"), "content": content},
        "timestamp": format!("2026-11-20T09:00:{:02}.000Z", number % 60), "sessionId": CLAUDE, "cwd": "/srv/app",
    })
}

/// Needles of the session itself, including its queue.
const CLAUDE_NEEDLES: [&str; 16] = [
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
    r#""quoted\\path""#,
    r#""\"quoted\\path\"""#,
];

fn claude_lines() -> Vec<Value> {
    let output = format!("{}\nthe end: plantoutputtail", "filler line\n".repeat(20_000));
    vec![
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
    ]
}

/// Writes one needle for each kind of text that Claude Code stores.
pub fn write_claude_needles(home: &Home) -> Vec<(&'static str, &'static str)> {
    let mut lines = claude_lines();
    // Its beginning is the title of the sub-agent's session, in which the needle would be found too.
    let text = format!("{} plantsidechain words", "words of a sub-agent ".repeat(40));
    let mut side = claude_line(20, "assistant", &json!([{"type": "text", "text": text}]));
    side["isSidechain"] = json!(true);
    lines.push(side);
    write(&claude_file(home), &lines);
    // Recognised by its first field, which serde_json would move.
    let queued = r#"{"type":"queue-operation","operation":"enqueue","content":"plantqueued prompt"}"#;
    let text = fs::read_to_string(claude_file(home)).expect("read");
    fs::write(claude_file(home), format!("{queued}\n{text}")).expect("write");
    let mut sub = claude_line(1, "user", &json!("plantsubagent task"));
    sub["isSidechain"] = json!(true);
    sub["agentId"] = json!("a1b2c3d4");
    write(&home.path().join(format!(".claude/projects/-srv-app/{CLAUDE}/subagents/agent-a1b2c3d4.jsonl")), &[sub]);
    let mut needles: Vec<_> = CLAUDE_NEEDLES.into_iter().map(|query| (query, CLAUDE)).collect();
    needles.extend([("plantsidechain", "agent-u20"), ("plantsubagent", "agent-a1b2c3d4")]);
    needles
}

/// Session of Codex with needles.
pub const CODEX: &str = "019f7c77-1285-78a7-9f6c-a4a7c2f996c7";

/// Writes one needle for each kind of text that Codex stores.
pub fn write_codex_needles(home: &Home) -> Vec<(&'static str, &'static str)> {
    let line = |kind: &str, payload: Value| {
        json!({"timestamp": "2026-11-20T10:00:00.000Z", "type": kind, "payload": payload}).to_string()
    };
    // Codex writes its fields in this order; serde_json sorts them, so that these are formatted by hand.
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

/// Session of OpenCode with needles.
pub const OPENCODE: &str = "ses_0c890661f002MSWrEWJUN68T3L";

/// Writes one needle for each kind of text that OpenCode stores.
pub fn write_opencode_needles(home: &Home) -> Vec<(&'static str, &'static str)> {
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
