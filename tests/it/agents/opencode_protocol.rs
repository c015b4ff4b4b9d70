//! OpenCode's codec: what the real server said, folded, against what the same session's database holds; and whatever
//! else may be said.

use std::path::Path;

use proptest::prelude::*;
use salon::agent::protocol::{
    Codec, CodecStep, Conversation, Incoming, Outgoing, ProtocolCommand, ProtocolSignal, RunSetting, RunStart,
};
use salon::agent::{SourceSessions, TextLimit, format, protocol};
use salon::domain::prompt::PromptId;
use salon::domain::rewind::ConversationStart;
use salon::domain::run::TurnOutcome;
use salon::domain::transcript::Transcript;
use salon::domain::{Agent, Entry, EntryKind, Time};
use salon::index::{self, IndexOptions, Refresh};
use salon::runtime::rewind_plan;
use serde_json::{Value, json};

use crate::support::{Home, fixtures};

const MAIN: &str = "ses_e02844f4dffeWpQzZyAvkx6h7I";
const NOW: Time = Time::from_millis(1_795_254_104_248);

fn codec() -> Box<dyn Codec> {
    protocol(Agent::OpenCode).expect("OpenCode is driven").codec()
}

fn opening(conversation: Conversation) -> RunStart {
    let cwd = Path::new("/home/dev/shop-api").into();
    RunStart::new(conversation, cwd)
}

/// A codec that is open on a session, and the answers that made it so.
fn opened(conversation: Conversation, id: &str) -> (Box<dyn Codec>, Vec<ProtocolSignal>) {
    let mut codec = codec();
    let mut waiting = codec.command(ProtocolCommand::Open(opening(conversation)), NOW).outgoing;
    let mut signals = Vec::new();
    while !waiting.is_empty() {
        let Outgoing::Request { id: request, path, .. } = waiting.remove(0) else { panic!("a request") };
        let body = match path.as_str() {
            "/session/status" => json!({}),
            "/config/providers" => json!({"providers": []}),
            "/agent" | "/command" => json!([]),
            "/global/health" => json!({"healthy": true, "version": "1.18.33"}),
            _ => json!({"id": id, "directory": "/home/dev/shop-api"}),
        };
        let step = answer(codec.as_mut(), request, 200, &body);
        waiting.extend(step.outgoing);
        signals.extend(step.signals);
    }
    (codec, signals)
}

fn answer(codec: &mut dyn Codec, id: u64, status: u16, body: &Value) -> CodecStep {
    codec.decode(Incoming::Response { id, status, body: body.to_string().as_bytes() }, NOW)
}

fn tell(codec: &mut dyn Codec, kind: &str, properties: &Value) -> CodecStep {
    let event = json!({"directory": "/home/dev/shop-api", "payload": {"type": kind, "properties": properties}});
    codec.decode(Incoming::ServerEvent(event.to_string().as_bytes()), NOW)
}

/// What the server told, as it was captured.
fn captured() -> Vec<Value> {
    let path = fixtures().join("opencode/1.18.33/streams/events2.sse.jsonl");
    let text = std::fs::read_to_string(path).expect("the stream");
    text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["ev"].clone()).collect()
}

fn on_disk(id: &str) -> Vec<Entry> {
    let home = Home::of(&["opencode/1.18.33"]);
    let opencode = format(Agent::OpenCode);
    let root = opencode.roots(&home.environment()).remove(0);
    let units = opencode.discover(&root).sources;
    let sessions = units.iter().flat_map(|unit| match opencode.summarise(unit, None).sessions {
        SourceSessions::All(sessions) => sessions,
        SourceSessions::Changed { .. } => panic!("all sessions were expected"),
    });
    let session = sessions.into_iter().find(|session| &*session.key.id == id).expect("the session");
    let mut reading = opencode.open(&session).expect("a reading");
    let len = reading.len();
    reading.read(0..len, TextLimit::NONE)
}

/// What must be the same, whether it was streamed or read.
fn essence(entry: &Entry) -> (u64, EntryKind, String, Option<(String, String, Value, String)>) {
    let tool = entry.tool.as_ref().map(|tool| {
        (
            tool.name.to_string(),
            tool.output.clone(),
            tool.input.clone(),
            format!("{:?} {:?}", tool.status, tool.subagent),
        )
    });
    (entry.key.raw(), entry.kind, entry.text.clone(), tool)
}

#[test]
fn h16_what_was_streamed_is_what_is_on_disk() {
    let (mut codec, _) = opened(Conversation::Resume(MAIN.into()), MAIN);
    let (mut transcript, mut ends, mut asked) = (Transcript::default(), Vec::new(), 0);
    for event in captured() {
        let step = codec.decode(Incoming::ServerEvent(event.to_string().as_bytes()), NOW);
        for signal in step.signals {
            match signal {
                ProtocolSignal::Event(event) => {
                    transcript.apply(event);
                }
                ProtocolSignal::TurnEnded(outcome) => ends.push(outcome),
                ProtocolSignal::Approval(approval) => {
                    assert_eq!(
                        approval.questions[0].options.iter().map(|option| &*option.label).collect::<Vec<_>>(),
                        ["A", "B"]
                    );
                    asked += 1;
                }
                _ => {}
            }
        }
    }
    // To-do list, compaction, sub-agent, question, and two prompts at once; the sub-agent's own end is not ours.
    assert_eq!((ends, asked), (vec![TurnOutcome::Done; 5], 1));
    let disk: Vec<_> = on_disk(MAIN).iter().map(essence).collect();
    let live: Vec<_> = transcript.entries().iter().map(essence).collect();
    assert!(disk.len() > 10);
    assert_eq!(live, disk);
}

#[test]
fn b18_usage_stands_where_the_reader_puts_it() {
    let (mut codec, _) = opened(Conversation::Resume(MAIN.into()), MAIN);
    let mut transcript = Transcript::default();
    for event in captured() {
        let step = codec.decode(Incoming::ServerEvent(event.to_string().as_bytes()), NOW);
        for signal in step.signals {
            if let ProtocolSignal::Event(event) = signal {
                transcript.apply(event);
            }
        }
    }
    let tokens = |entries: &[Entry]| entries.iter().map(|entry| (entry.key.raw(), entry.tokens)).collect::<Vec<_>>();
    // A tool's row appears before the tool starts.
    let times = |entries: &[Entry]| {
        let told = entries.iter().filter(|entry| entry.tool.is_none());
        told.map(|entry| (entry.key.raw(), entry.time)).collect::<Vec<_>>()
    };
    assert_eq!(tokens(transcript.entries()), tokens(&on_disk(MAIN)));
    assert_eq!(times(transcript.entries()), times(&on_disk(MAIN)));
}

#[test]
fn b29_models_are_split_at_the_first_slash() {
    let (mut codec, _) = opened(Conversation::New { id: None }, MAIN);
    let sent = |codec: &mut dyn Codec, number: i64| {
        let step =
            codec.command(ProtocolCommand::Prompt { id: PromptId(number), text: "hi".into(), images: Vec::new() }, NOW);
        let Some(Outgoing::Request { body: Some(body), .. }) = step.outgoing.into_iter().next() else { panic!("sent") };
        serde_json::from_slice::<Value>(&body).expect("JSON")["model"].clone()
    };
    codec.command(ProtocolCommand::Set(RunSetting::Model("a/b/c".into())), NOW);
    assert_eq!(sent(codec.as_mut(), 1), json!({"providerID": "a", "modelID": "b/c"}));
    let step = codec.command(ProtocolCommand::Set(RunSetting::Model("opus".into())), NOW);
    assert!(step.signals.iter().any(|signal| format!("{signal:?}").contains("opus has no provider")));
    assert_eq!(sent(codec.as_mut(), 2), Value::Null);
}

#[test]
fn a_prompt_has_its_final_keys_from_the_first_moment() {
    let (mut codec, _) = opened(Conversation::New { id: None }, MAIN);
    let step = codec.command(ProtocolCommand::Prompt { id: PromptId(7), text: "hi".into(), images: Vec::new() }, NOW);
    let Some(Outgoing::Request { id, path, body: Some(body), .. }) = step.outgoing.first() else { panic!("a request") };
    assert_eq!(*path, format!("/session/{MAIN}/prompt_async"));
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let (message, part) = (body["messageID"].as_str().expect("an id"), body["parts"][0]["id"].as_str().expect("an id"));
    // As the real one made them in that millisecond: `msg_1fd7bb0b8001RMGZEXrj44qPod`.
    assert!(message.starts_with("msg_1fd7bb0b8001") && message.len() == 30, "{message}");
    assert!(part.starts_with("prt_1fd7bb0b8002") && part.len() == 30, "{part}");
    let Some(ProtocolSignal::Event(event)) = step.signals.first() else { panic!("the prompt is told") };
    assert_eq!(event.key, salon::domain::EntryKey::new(part, 0));
    // The server's echo reports only that the prompt is received and stored, and the 204 reports nothing.
    let info = json!({"id": message, "role": "user", "sessionID": MAIN, "time": {"created": 1}});
    let step_info = tell(codec.as_mut(), "message.updated", &json!({"sessionID": MAIN, "info": info}));
    assert!(
        matches!(
            step_info.signals[..],
            [ProtocolSignal::PromptAccepted { id: PromptId(7) }, ProtocolSignal::PromptRecorded { id: PromptId(7) }]
        ),
        "{step_info:?}"
    );
    let echo = json!({"id": part, "messageID": message, "sessionID": MAIN, "type": "text", "text": "hi"});
    let step_part = tell(codec.as_mut(), "message.part.updated", &json!({"sessionID": MAIN, "part": echo}));
    assert!(step_part.signals.is_empty(), "{step_part:?}");
    assert!(answer(codec.as_mut(), *id, 204, &Value::Null).signals.is_empty());
}

#[test]
fn b27_an_end_that_belongs_to_the_last_turn_does_not_end_this_one() {
    let (mut codec, _) = opened(Conversation::New { id: None }, MAIN);
    let step = codec.command(ProtocolCommand::Prompt { id: PromptId(1), text: "hi".into(), images: Vec::new() }, NOW);
    let Some(Outgoing::Request { id, .. }) = step.outgoing.first() else { panic!("a request") };
    let idle = json!({"sessionID": MAIN});
    let error = json!({"sessionID": MAIN, "error": {"name": "MessageAbortedError", "data": {"message": "Aborted"}}});
    assert!(tell(codec.as_mut(), "session.error", &error).signals.is_empty());
    assert!(tell(codec.as_mut(), "session.idle", &idle).signals.is_empty());
    let others = json!({"sessionID": "ses_other"});
    answer(codec.as_mut(), *id, 204, &Value::Null);
    assert!(tell(codec.as_mut(), "session.idle", &others).signals.is_empty());
    // Now it may be ours: it is asked, and the answer is believed.
    let asked = tell(codec.as_mut(), "session.idle", &idle);
    let Some(Outgoing::Request { id, path, .. }) = asked.outgoing.first() else { panic!("it is asked") };
    assert_eq!(path, "/session/status");
    assert!(answer(codec.as_mut(), *id, 200, &json!({MAIN: {"type": "busy"}})).signals.is_empty());
}

#[test]
fn messages_of_the_last_turn_that_arrive_late_do_not_begin_a_compaction() {
    let (mut codec, _) = opened(Conversation::New { id: None }, MAIN);
    codec.command(ProtocolCommand::Set(RunSetting::Model("mock/model".into())), NOW);
    let compact = |codec: &mut dyn Codec, number: i64, now: Time| {
        let prompt = ProtocolCommand::Prompt { id: PromptId(number), text: "/compact".into(), images: Vec::new() };
        let step = codec.command(prompt, now);
        let Some(Outgoing::Request { id, path, .. }) = step.outgoing.first() else { panic!("a request: {step:?}") };
        assert!(path.ends_with("/summarize"));
        *id
    };
    // The first compaction ends by its response, before its events arrive.
    let request = compact(codec.as_mut(), 1, NOW);
    let asked = answer(codec.as_mut(), request, 200, &json!(true));
    let Some(Outgoing::Request { id, .. }) = asked.outgoing.first() else { panic!("it is asked") };
    let ended = answer(codec.as_mut(), *id, 200, &json!({}));
    assert!(format!("{:?}", ended.signals).contains("TurnEnded(Done)"), "{ended:?}");
    compact(codec.as_mut(), 2, Time::from_millis(NOW.millis() + 1_000));
    let message = |time: i64| format!("msg_{:012x}00000000000000", (time * 0x1000 + 2) & 0xffff_ffff_ffff);
    let turn = |codec: &mut dyn Codec, time: i64| {
        let (user, reply) = (message(time), message(time + 1));
        let info = |info: Value| json!({"sessionID": MAIN, "info": info});
        let user_info = json!({"id": user, "sessionID": MAIN, "role": "user", "time": {"created": time}});
        let time = json!({"created": time, "completed": time + 1});
        let reply = json!({"id": reply, "sessionID": MAIN, "role": "assistant", "parentID": user, "time": time});
        let mut signals = tell(codec, "message.updated", &info(user_info)).signals;
        signals.extend(tell(codec, "message.updated", &info(reply)).signals);
        signals.extend(tell(codec, "session.idle", &json!({"sessionID": MAIN})).signals);
        format!("{signals:?}")
    };
    let late = turn(codec.as_mut(), NOW.millis() + 10);
    assert!(!late.contains("TurnEnded") && !late.contains("PromptAccepted"), "{late}");
    let own = turn(codec.as_mut(), NOW.millis() + 1_010);
    assert!(own.contains("PromptAccepted") && own.contains("TurnEnded(Done)"), "{own}");
}

#[test]
fn an_error_that_is_told_twice_does_not_fail_the_next_turn() {
    let (mut codec, _) = opened(Conversation::New { id: None }, MAIN);
    let error =
        |message: &str| json!({"sessionID": MAIN, "error": {"name": "UnknownError", "data": {"message": message}}});
    let take = |codec: &mut dyn Codec, number: i64| {
        let step =
            codec.command(ProtocolCommand::Prompt { id: PromptId(number), text: "hi".into(), images: Vec::new() }, NOW);
        let Some(Outgoing::Request { id, .. }) = step.outgoing.first() else { panic!("a request") };
        answer(codec, *id, 204, &Value::Null)
    };
    take(codec.as_mut(), 1);
    let asked = tell(codec.as_mut(), "session.error", &error("Model not found: a/b."));
    let Some(Outgoing::Request { id, .. }) = asked.outgoing.first() else { panic!("it is asked") };
    let ended = answer(codec.as_mut(), *id, 200, &json!({}));
    assert!(format!("{:?}", ended.signals).contains("TurnEnded(Failed(UnknownModel("), "{ended:?}");
    // The next prompt is taken; the session is not busy with it yet.
    assert!(take(codec.as_mut(), 2).outgoing.is_empty());
    let late =
        tell(codec.as_mut(), "session.error", &error("ProviderModelNotFoundError: Model not found: a/b.\n    at x"));
    assert!(late.signals.is_empty() && late.outgoing.is_empty(), "{late:?}");
    let idle = tell(codec.as_mut(), "session.idle", &json!({"sessionID": MAIN}));
    let Some(Outgoing::Request { id, .. }) = idle.outgoing.first() else { panic!("it is asked") };
    assert!(answer(codec.as_mut(), *id, 200, &json!({})).signals.is_empty());
}

#[test]
fn the_late_error_of_an_interrupted_turn_does_not_end_the_next_one() {
    let (mut codec, _) = opened(Conversation::New { id: None }, MAIN);
    let take = |codec: &mut dyn Codec, number: i64| {
        let step =
            codec.command(ProtocolCommand::Prompt { id: PromptId(number), text: "hi".into(), images: Vec::new() }, NOW);
        let Some(Outgoing::Request { id, .. }) = step.outgoing.first() else { panic!("a request") };
        answer(codec, *id, 204, &Value::Null)
    };
    take(codec.as_mut(), 1);
    codec.command(ProtocolCommand::Interrupt, NOW);
    let ended = tell(codec.as_mut(), "session.idle", &json!({"sessionID": MAIN}));
    assert!(format!("{:?}", ended.signals).contains("TurnEnded(Interrupted)"), "{ended:?}");
    take(codec.as_mut(), 2);
    let error = json!({"name": "MessageAbortedError", "data": {"message": "Aborted"}});
    let late = tell(codec.as_mut(), "session.error", &json!({"sessionID": MAIN, "error": error}));
    assert!(late.signals.is_empty() && late.outgoing.is_empty(), "{late:?}");
}

#[test]
fn permissions_of_sub_agents_are_asked_too() {
    let (mut codec, _) = opened(Conversation::New { id: None }, MAIN);
    let asked = |session: &str| {
        json!({"id": "per_1", "sessionID": session, "permission": "edit", "patterns": ["a.txt"], "always": ["*"],
            "metadata": {"filepath": "/p/a.txt", "diff": "--- a\n+++ b\n@@ -0,0 +1,1 @@\n+hi\n"}})
    };
    assert!(tell(codec.as_mut(), "permission.asked", &asked("ses_child")).signals.is_empty());
    tell(codec.as_mut(), "session.created", &json!({"info": {"id": "ses_child", "parentID": MAIN}}));
    let step = tell(codec.as_mut(), "permission.asked", &asked("ses_child"));
    let Some(ProtocolSignal::Approval(approval)) = step.signals.first() else { panic!("it is asked: {step:?}") };
    assert!(format!("{:?}", approval.action).contains("+hi"), "{:?}", approval.action);
    let gone = json!({"sessionID": "ses_child", "requestID": "per_1", "reply": "once"});
    let step = tell(codec.as_mut(), "permission.replied", &gone);
    assert!(matches!(step.signals[..], [ProtocolSignal::ApprovalGone(_)]));
}

#[test]
fn the_duration_of_a_call_is_without_the_wait_for_its_permission() {
    let (mut codec, _) = opened(Conversation::New { id: None }, MAIN);
    let send = |codec: &mut dyn Codec, seconds: i64, kind: &str, properties: Value| {
        let event = json!({"directory": "/home/dev/shop-api", "payload": {"type": kind, "properties": properties}});
        let now = Time::from_millis(NOW.millis() + seconds * 1_000);
        codec.decode(Incoming::ServerEvent(event.to_string().as_bytes()), now)
    };
    let message = json!({"id": "msg_2", "sessionID": MAIN, "role": "assistant", "parentID": "msg_1",
        "time": {"created": NOW.millis()}});
    let part = |state: Value| {
        json!({"sessionID": MAIN, "part": {"id": "prt_1", "messageID": "msg_2", "sessionID": MAIN, "type": "tool",
            "tool": "bash", "callID": "call_1", "state": state}})
    };
    let codec = codec.as_mut();
    let start = NOW.millis();
    send(codec, 0, "message.updated", json!({"sessionID": MAIN, "info": message}));
    let running = json!({"status": "running", "input": {"command": "make"}, "time": {"start": start}});
    send(codec, 0, "message.part.updated", part(running));
    let request = json!({"id": "per_1", "sessionID": MAIN, "permission": "bash", "patterns": ["make"], "always": [],
        "metadata": {"command": "make"}, "tool": {"messageID": "msg_2", "callID": "call_1"}});
    send(codec, 1, "permission.asked", request);
    send(codec, 61, "permission.replied", json!({"sessionID": MAIN, "requestID": "per_1", "reply": "once"}));
    let done = json!({"status": "completed", "input": {"command": "make"}, "output": "built", "title": "make",
        "metadata": {"exit": 0}, "time": {"start": start, "end": start + 64_000}});
    let step = send(codec, 64, "message.part.updated", part(done));
    let said = format!("{:?}", step.signals);
    assert!(said.contains("duration_ms: Some(4000)"), "{said}");
}

#[test]
fn a_session_is_forked_before_each_of_its_prompts_and_reverted_from_there() {
    let home = Home::of(&["opencode/1.18.33"]);
    let options = IndexOptions::of_home(home.path().to_owned(), std::time::Instant::now);
    let sessions = index::collect(&options, Refresh::Changed).sessions;
    let session = sessions.iter().find(|session| *session.key.id == *MAIN).expect("the session");
    let mut reader = format(Agent::OpenCode).open(session).expect("a transcript");
    let entries = reader.read(0..reader.len(), TextLimit::SCREEN);
    let is_prompt = |entry: &Entry| entry.kind == EntryKind::Prompt && entry.sender.is_none();
    let prompts: Vec<_> = (0..).zip(&entries).filter(|(_, entry)| is_prompt(entry)).map(|(at, _)| at).collect();
    assert!(prompts.len() > 3, "{prompts:?}");
    let state_db = home.path().join("state.db");
    let driven = protocol(Agent::OpenCode).expect("driven");
    for (turn, prompt) in (1..).zip(&prompts) {
        let record = rewind_plan::record_before(session, &state_db, turn).expect("a record");
        let first = entries[*prompt].text.split_whitespace().next().expect("a word");
        assert!(parts_of(&session.path, &record).contains(first), "{turn}: {record}");
        let start = rewind_plan::start_before(session, &state_db, turn).expect("a start");
        if turn == 1 {
            assert_eq!(start, ConversationStart::New, "nothing is before it");
        } else {
            let ConversationStart::Fork(fork_at) = start else { panic!("{start:?}") };
            assert_eq!(fork_at, record);
            let opening = RunStart { fork_at: Some(fork_at), ..opening(Conversation::Fork(MAIN.into())) };
            let step = codec().command(ProtocolCommand::Open(opening), NOW);
            assert_eq!(request(&step.outgoing[0]), (format!("/session/{MAIN}/fork"), json!({"messageID": &*record})));
        }
        let revert = driven.revert_request(MAIN, Path::new("/home/dev/shop-api"), Some(&record)).expect("a request");
        assert_eq!(request(&revert), (format!("/session/{MAIN}/revert"), json!({"messageID": &*record})));
    }
    let undo = driven.revert_request("ses/../x", Path::new("/"), None).expect("a request");
    assert_eq!(request(&undo), ("/session/ses%2F..%2Fx/unrevert".to_owned(), json!({})));
}

/// Parts of a message in a database.
fn parts_of(database: &Path, message: &str) -> String {
    let database = rusqlite::Connection::open(database).expect("a database");
    let mut query = database.prepare("SELECT data FROM part WHERE message_id = ?1").expect("a query");
    let parts = query.query_map([message], |row| row.get::<_, String>(0)).expect("parts");
    parts.map(|part| part.expect("a part")).collect()
}

/// Path and body of a request.
fn request(outgoing: &Outgoing) -> (String, Value) {
    let Outgoing::Request { path, body, .. } = outgoing else { panic!("{outgoing:?}") };
    (path.clone(), serde_json::from_slice(body.as_deref().expect("a body")).expect("JSON"))
}

#[test]
fn keys_of_providers_are_never_kept() {
    let (mut codec, _) = opened(Conversation::New { id: None }, MAIN);
    let body = json!({"providers": [{"id": "lab", "options": {"apiKey": "sk-secret"}, "models": {"m": {}}}]});
    let models = protocol(Agent::OpenCode).expect("driven").models(body.to_string().as_bytes()).expect("models");
    assert_eq!(models, [("lab/m".to_owned(), "m".to_owned())]);
    let step = codec.command(ProtocolCommand::Set(RunSetting::Model("lab/m".into())), NOW);
    assert!(!format!("{step:?}").contains("secret"));
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop_oneof![
            Just(MAIN.to_owned()),
            Just("msg_1".to_owned()),
            Just("prt_1".to_owned()),
            Just("text".to_owned()),
            Just("tool".to_owned()),
            Just("bash".to_owned()),
            Just("assistant".to_owned()),
            ".{0,12}"
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        let names = prop_oneof![
            Just("id"),
            Just("sessionID"),
            Just("messageID"),
            Just("partID"),
            Just("info"),
            Just("part"),
            Just("type"),
            Just("state"),
            Just("input"),
            Just("time"),
            Just("error"),
            Just("data"),
            Just("status"),
            Just("tokens"),
            Just("role"),
            Just("text"),
            Just("delta"),
            Just("field"),
            Just("questions"),
            Just("metadata"),
            Just("callID"),
            Just("tool")
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..8).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever the server says, nothing panics and no turn ends more often than one is opened.
    #[test]
    fn whatever_is_said_is_survived(
        events in prop::collection::vec(
            (prop_oneof![
                Just("message.updated"), Just("message.part.updated"), Just("message.part.delta"),
                Just("session.status"), Just("session.error"), Just("session.idle"), Just("session.updated"),
                Just("permission.asked"), Just("question.asked"), Just("permission.replied"), Just("unheard.of")],
             anything(), 0u16..600, any::<bool>()), 0..24),
        bytes in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let (mut codec, _) = opened(Conversation::Resume(MAIN.into()), MAIN);
        let mut step = codec.command(ProtocolCommand::Prompt { id: PromptId(1), text: "hi".into(), images: Vec::new() }, NOW);
        let (mut opened, mut ended) = (1, 0);
        for (kind, mut properties, status, ours) in events {
            if let (Value::Object(fields), true) = (&mut properties, ours) {
                fields.insert("sessionID".into(), MAIN.into());
            }
            let mut steps = vec![tell(codec.as_mut(), kind, &properties)];
            for outgoing in std::mem::take(&mut step.outgoing) {
                if let Outgoing::Request { id, .. } = outgoing {
                    steps.push(answer(codec.as_mut(), id, status, &properties));
                }
            }
            steps.push(codec.decode(Incoming::ServerEvent(&bytes), NOW));
            steps.push(codec.decode(Incoming::Resumed, NOW));
            for next in steps {
                for signal in &next.signals {
                    opened += usize::from(matches!(signal, ProtocolSignal::TurnStarted));
                    ended += usize::from(matches!(signal, ProtocolSignal::TurnEnded(_)));
                }
                step.outgoing.extend(next.outgoing);
            }
            prop_assert!(ended <= opened);
        }
    }

    /// However a stream of events is cut, the same events come of it.
    #[test]
    fn events_are_the_same_however_the_stream_is_cut(
        parts in prop::collection::vec(prop_oneof![
            Just("data: one\n\n"), Just("data: {\"a\":\ndata:1}\n\n"), Just(": note\n"), Just("event: x\r\ndata: two\r\n\r\n"),
            Just("id: 4\n\n"), Just("data\n\n"), Just("\r"), Just("\n"), Just("data:three\r\r")], 0..12),
        cuts in prop::collection::vec(1usize..9, 1..20),
    ) {
        use salon::live::server::event_stream::SseDecoder;
        let stream = parts.concat().into_bytes();
        let whole = SseDecoder::default().push(&stream);
        let (mut decoder, mut rest, mut pieces) = (SseDecoder::default(), stream.as_slice(), Vec::new());
        for at in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (head, tail) = rest.split_at((*at).min(rest.len()));
            pieces.extend(decoder.push(head));
            rest = tail;
        }
        prop_assert_eq!(pieces, whole);
    }
}
