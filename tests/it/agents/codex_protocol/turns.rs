//! Threads and turns: how they begin, what they are set to, how they fail and end.

use salon::agent::protocol::{Conversation, ProtocolCommand, ProtocolSignal, RunSetting, RunStart};
use salon::domain::run::{Activity, Quota, RunFailure, TurnOutcome};
use salon::domain::{EntryKind, Time, ToolStatus};
use serde_json::{Value, json};

use super::{Driven, THREAD, loaded, opening, played};

#[test]
fn b16_a_prompt_reaches_the_agent_verbatim() {
    for text in
        ["--help", "a\n\"b\" 'c' $(rm -rf /) `d`", "  spaces  ", "/unknown command", "/compact now", "é\u{202e}\0"]
    {
        let mut driven = Driven::ready();
        driven.prompt(7, text);
        assert_eq!(driven.asked("turn/start")["params"]["input"][0]["text"], text);
        assert_eq!(driven.last().text, text);
    }
}

#[test]
fn a_prompt_is_accepted_when_the_agent_says_so_and_not_before() {
    let accepted = |driven: &Driven| {
        driven.signals.iter().any(|signal| matches!(signal, ProtocolSignal::PromptAccepted { id } if id.0 == 1))
    };
    let mut driven = Driven::ready();
    driven.prompt(1, "hello");
    assert!(!accepted(&driven));
    driven.hear(&json!({"id": 4711, "result": {"turn": {"id": "nobody's"}}}));
    assert!(!accepted(&driven), "an answer to what was never asked says nothing");
    driven.respond("turn/start", &json!({"turn": {"id": "turn-1"}}));
    assert!(accepted(&driven));
    assert!(driven.signals.iter().any(|signal| matches!(signal, ProtocolSignal::TurnStarted)));
}

#[test]
fn a_prompt_that_is_refused_ends_its_turn_and_is_not_accepted() {
    let mut driven = Driven::ready();
    driven.prompt(1, "hello");
    driven.refuse("turn/start", "failed to submit turn input: ActiveTurnNotSteerable { turn_kind: Compact }");
    assert!(matches!(&driven.ends()[..], [TurnOutcome::Failed(RunFailure::Other(_))]));
    assert!(!driven.signals.iter().any(|signal| matches!(signal, ProtocolSignal::PromptAccepted { .. })));
}

#[test]
fn a_new_thread_is_told_with_its_first_turn_and_a_past_one_at_once() {
    // Before its first turn a thread has no rollout: nothing could take it up again.
    let mut driven = Driven::working();
    assert_eq!(driven.sessions(), [THREAD]);
    let mut new = Driven::opened(Conversation::New { id: None });
    new.respond("thread/start", &loaded(THREAD));
    assert!(new.sessions().is_empty());
    for (conversation, method, got) in [
        (Conversation::Resume(THREAD.into()), "thread/resume", THREAD),
        (Conversation::Fork("another".into()), "thread/fork", THREAD),
    ] {
        let mut past = Driven::opened(conversation);
        past.respond(method, &loaded(got));
        assert_eq!(past.sessions(), [got]);
    }
    driven.end("turn-1", "completed", &Value::Null);
    assert_eq!(driven.ends(), [TurnOutcome::Done]);
}

#[test]
fn b28_a_thread_that_is_not_there_is_refused_and_never_replaced() {
    for (message, failure) in [
        (
            "no rollout found for thread id 01a1",
            RunFailure::UnknownSession("no rollout found for thread id 01a1".into()),
        ),
        ("invalid session id: zzz", RunFailure::UnknownSession("invalid session id: zzz".into())),
        (
            "thread 01a1 already has an active writer",
            RunFailure::OpenElsewhere("thread 01a1 already has an active writer".into()),
        ),
    ] {
        let mut driven = Driven::opened(Conversation::Resume(THREAD.into()));
        driven.refuse("thread/resume", message);
        driven.prompt(1, "hello");
        assert_eq!(driven.fatal(), Some(&failure));
        assert!(driven.sent.iter().all(|sent| sent["method"] != "thread/start" && sent["method"] != "turn/start"));
    }
    let mut other = Driven::opened(Conversation::Resume("mine".into()));
    other.respond("thread/resume", &loaded("another"));
    assert!(matches!(other.fatal(), Some(RunFailure::UnknownSession(_))));
    let held = played("appserver_2nd.io.jsonl", &Conversation::Resume(THREAD.into()));
    assert!(matches!(held.fatal(), Some(RunFailure::OpenElsewhere(_))));
}

#[test]
fn a_resumed_thread_goes_on() {
    let driven = played("appserver_resume.io.jsonl", &Conversation::Resume(THREAD.into()));
    assert_eq!(driven.asked("thread/resume")["params"]["threadId"], THREAD);
    assert_eq!(driven.ends(), [TurnOutcome::Done]);
    assert_eq!(driven.last().text, "Mock answer. You said: resumed hello");
}

#[test]
fn c15_model_effort_and_mode_go_with_the_next_turn_only() {
    let mut driven = Driven::new();
    let opening = RunStart {
        model: Some("gpt-5".into()),
        mode: Some("read-only".into()),
        effort: Some("high".into()),
        ..opening(Conversation::New { id: None })
    };
    driven.command(ProtocolCommand::Open(opening));
    driven.respond("initialize", &json!({}));
    let start = driven.asked("thread/start")["params"].clone();
    assert_eq!(
        (&start["model"], &start["approvalPolicy"], &start["sandbox"]),
        (&json!("gpt-5"), &json!("on-request"), &json!("read-only"))
    );
    driven.respond("thread/start", &loaded(THREAD));
    driven.command(ProtocolCommand::Set(RunSetting::Model("gpt-6".into())));
    driven.command(ProtocolCommand::Set(RunSetting::Mode("never/workspace-write".into())));
    driven.prompt(1, "one");
    let turn = driven.asked("turn/start")["params"].clone();
    assert_eq!((&turn["model"], &turn["effort"]), (&json!("gpt-6"), &json!("high")));
    assert_eq!((&turn["approvalPolicy"], &turn["sandboxPolicy"]["type"]), (&json!("never"), &json!("workspaceWrite")));
    driven.respond("turn/start", &json!({"turn": {"id": "turn-1"}}));
    driven.end("turn-1", "completed", &Value::Null);
    driven.prompt(2, "two");
    let next = driven.asked("turn/start")["params"].clone();
    assert_eq!((&next["model"], &next["effort"], &next["approvalPolicy"]), (&Value::Null, &Value::Null, &Value::Null));
}

#[test]
fn settings_are_told_as_the_agent_tells_them() {
    let mut driven = Driven::ready();
    let policy = json!({"type": "dangerFullAccess"});
    let told = json!({"model": "gpt-6", "effort": "low", "approvalPolicy": "never", "sandboxPolicy": policy});
    driven.tell("thread/settings/updated", &json!({"threadSettings": told}));
    let settings = driven.signals.iter().find_map(|signal| match signal {
        ProtocolSignal::Settings { model, mode, effort } => Some((model.clone(), mode.clone(), effort.clone())),
        _ => None,
    });
    assert_eq!(settings, Some((Some("gpt-6".into()), Some("full-access".into()), Some("low".into()))));
    driven.command(ProtocolCommand::Set(RunSetting::Mode("yolo".into())));
    assert_eq!(driven.last().text, "Codex has no mode yolo; choose one of read-only, auto, untrusted, full-access.");
}

#[test]
fn models_are_offered_with_the_efforts_of_the_one_in_use() {
    let mut driven = Driven::opened(Conversation::New { id: None });
    driven.respond("thread/start", &loaded(THREAD));
    let effort = |name: &str| json!({"reasoningEffort": name, "description": ""});
    let model = |name: &str, efforts: &[Value], hidden: bool| json!({"model": name, "displayName": name.to_uppercase(), "supportedReasoningEfforts": efforts, "hidden": hidden});
    let first = [model("gpt-5", &[effort("low"), effort("high")], false), model("secret", &[], true)];
    driven.respond("model/list", &json!({"data": first, "nextCursor": "more"}));
    assert_eq!(driven.asked("model/list")["params"]["cursor"], "more");
    driven.respond("model/list", &json!({"data": [model("gpt-6", &[effort("max")], false)], "nextCursor": null}));
    let offers = *driven.offers().last().expect("offers");
    assert_eq!(offers.models, [("gpt-5".into(), "GPT-5".into()), ("gpt-6".into(), "GPT-6".into())]);
    assert_eq!(
        (&offers.efforts[..], offers.version.as_deref()),
        (&["low".to_owned(), "high".into()][..], Some("0.169.0"))
    );
    driven.command(ProtocolCommand::Set(RunSetting::Model("gpt-6".into())));
    assert_eq!(driven.offers().last().expect("offers").efforts, ["max"]);
}

#[test]
fn an_older_version_works_with_less_and_says_so() {
    let mut driven = Driven::opened(Conversation::New { id: None });
    driven.respond("thread/start", &loaded(THREAD));
    driven.refuse("model/list", "Invalid request: unknown variant `model/list`, expected one of `initialize`");
    driven.refuse("account/read", "Invalid request: unknown variant `account/read`");
    assert_eq!(driven.last().text, "The list of models is not available: this version is too old.");
    assert!(driven.fatal().is_none() && driven.offers().len() == 1);
    let mut ancient = Driven::opened(Conversation::New { id: None });
    ancient.refuse("thread/start", "Invalid request: unknown variant `thread/start`");
    assert!(matches!(ancient.fatal(), Some(RunFailure::UnsupportedVersion(text)) if text.contains("too old")));
    let codex = salon::agent::protocol(salon::domain::Agent::Codex).expect("a protocol");
    let ended = codex.ended(Some(2), "error: unrecognized subcommand 'app-server'\n\nUsage: codex");
    assert!(matches!(ended, RunFailure::UnsupportedVersion(text) if text.contains("too old")));
    assert!(matches!(codex.ended(Some(101), "panicked"), RunFailure::Crashed { code: Some(101), .. }));
}

#[test]
fn who_is_not_logged_in_is_told() {
    let mut driven = Driven::opened(Conversation::New { id: None });
    driven.respond("account/read", &json!({"account": null, "requiresOpenaiAuth": true}));
    assert_eq!(driven.last().text, "Codex is not logged in. Run: codex login");
}

#[test]
fn an_interrupt_waits_for_the_name_of_the_turn() {
    let mut driven = Driven::ready();
    driven.command(ProtocolCommand::Interrupt);
    driven.prompt(1, "hello");
    driven.command(ProtocolCommand::Interrupt);
    assert!(driven.sent.iter().all(|sent| sent["method"] != "turn/interrupt"));
    driven.respond("turn/start", &json!({"turn": {"id": "turn-1"}}));
    assert_eq!(driven.asked("turn/interrupt")["params"], json!({"threadId": THREAD, "turnId": "turn-1"}));
    driven.end("turn-1", "interrupted", &Value::Null);
    assert_eq!(driven.ends(), [TurnOutcome::Interrupted]);
}

#[test]
fn a_turn_ends_once_however_often_and_early_its_end_is_told() {
    let mut driven = Driven::working();
    driven.end("another", "completed", &Value::Null);
    assert!(driven.ends().is_empty());
    driven.end("turn-1", "completed", &Value::Null);
    driven.end("turn-1", "completed", &Value::Null);
    driven.tell("turn/started", &json!({"turn": {"id": "turn-1"}}));
    driven.end("turn-1", "failed", &Value::Null);
    assert_eq!(driven.ends(), [TurnOutcome::Done]);
    driven.prompt(2, "again");
    driven.end("turn-1", "completed", &Value::Null);
    driven.end("turn-2", "completed", &Value::Null);
    assert_eq!(driven.ends().len(), 1, "whose end it is, only the answer tells");
    driven.respond("turn/start", &json!({"turn": {"id": "turn-2"}}));
    assert_eq!(driven.ends().len(), 2);
}

#[test]
fn slash_commands_are_requests_of_their_own() {
    let mut driven = Driven::ready();
    driven.prompt(1, "/compact");
    driven.respond("thread/compact/start", &json!({}));
    driven.tell("turn/started", &json!({"turn": {"id": "turn-1"}}));
    driven.tell("item/started", &json!({"turnId": "turn-1", "item": {"type": "contextCompaction", "id": "c"}}));
    assert!(driven.signals.iter().any(|signal| matches!(signal, ProtocolSignal::Activity(Activity::Compacting))));
    driven.tell("item/completed", &json!({"turnId": "turn-1", "item": {"type": "contextCompaction", "id": "c"}}));
    driven.end("turn-1", "completed", &Value::Null);
    assert_eq!((driven.last().text.as_str(), driven.ends().len()), ("Conversation compacted.", 1));
    driven.prompt(2, "/review");
    assert_eq!(driven.asked("review/start")["params"]["target"], json!({"type": "uncommittedChanges"}));
    let reviewed = played("limits.io.jsonl", &Conversation::New { id: None });
    assert_eq!(reviewed.asked("review/start")["params"]["target"]["instructions"], "look at it");
    // A review's turn begins by another name than it ends by.
    assert_eq!(reviewed.ends().len(), 12);
}

#[test]
fn output_streams_and_what_was_cut_short_says_so() {
    let mut driven = Driven::working();
    let item = json!({"type": "commandExecution", "id": "call-1", "command": "/bin/bash -lc 'make test'", "cwd": "/",
        "status": "inProgress", "aggregatedOutput": null, "exitCode": null});
    driven.tell("item/started", &json!({"turnId": "turn-1", "item": item}));
    for delta in ["one\n", "two\n"] {
        driven.tell(
            "item/commandExecution/outputDelta",
            &json!({"turnId": "turn-1", "itemId": "call-1", "delta": delta}),
        );
    }
    let tool = |driven: &Driven| {
        let tool = driven.last().tool.clone().expect("a tool");
        (tool.status, tool.output)
    };
    assert_eq!(tool(&driven), (ToolStatus::Running, "one\ntwo\n".into()));
    assert_eq!(driven.last().text, "make test");
    driven.end("turn-1", "interrupted", &Value::Null);
    let entry = &driven.entries()[1];
    assert_eq!(entry.tool.as_ref().expect("a tool").status, ToolStatus::Interrupted);
}

#[test]
fn plans_and_usage_are_told() {
    let mut driven = Driven::working();
    let plan = json!([{"step": "look", "status": "completed"}, {"step": "do", "status": "inProgress"}]);
    driven.tell("turn/plan/updated", &json!({"turnId": "turn-1", "plan": plan}));
    assert_eq!((driven.last().kind, driven.last().text.as_str()), (EntryKind::Plan, "- [x] look\n- [~] do"));
    let total = json!({"inputTokens": 100, "cachedInputTokens": 60, "cacheWriteInputTokens": 10, "outputTokens": 5});
    let told = json!({"total": total, "last": {"totalTokens": 80}, "modelContextWindow": 1000});
    driven.tell("thread/tokenUsage/updated", &json!({"turnId": "turn-1", "tokenUsage": told}));
    let Some(ProtocolSignal::Usage { tokens: Some(tokens), context, .. }) = driven.signals.last() else {
        panic!("usage")
    };
    assert_eq!((tokens.input, tokens.output, tokens.cache_read, tokens.cache_write), (30, 5, 60, 10));
    assert_eq!(*context, Some((80, 1000)));
}

#[test]
fn a_retry_is_told_until_it_goes_on() {
    let mut driven = Driven::working();
    let error = json!({"message": "Reconnecting... 2/5", "additionalDetails": "high demand"});
    driven.tell("error", &json!({"turnId": "turn-1", "error": error, "willRetry": true}));
    let retrying = Activity::Retrying { attempt: 2, at: None, reason: "high demand".into() };
    assert!(matches!(driven.signals.last(), Some(ProtocolSignal::Activity(activity)) if *activity == retrying));
    driven.tell("item/agentMessage/delta", &json!({"turnId": "turn-1", "itemId": "m", "delta": "hi"}));
    let answering = |signal: &ProtocolSignal| matches!(signal, ProtocolSignal::Activity(Activity::Answering));
    assert_eq!(driven.signals.iter().filter(|signal| answering(signal)).count(), 1);
    assert!(driven.ends().is_empty());
}

#[test]
fn the_limits_of_a_subscription_are_asked_for() {
    let mut driven = Driven::working();
    driven.respond("account/read", &json!({"account": {"type": "chatgpt"}, "requiresOpenaiAuth": true}));
    let window = |used: f64| json!({"usedPercent": used, "windowDurationMins": 300, "resetsAt": 1000});
    driven.respond(
        "account/rateLimits/read",
        &json!({"rateLimits": {"primary": window(12.0), "secondary": window(80.0)}}),
    );
    let quota = Quota { percent: 80.0, resets_at: Some(Time::from_secs(1000)) };
    assert!(matches!(driven.signals.last(), Some(ProtocolSignal::Quota(of)) if *of == quota), "{:?}", driven.signals);
}

#[test]
fn failures_are_told_apart() {
    let driven = played("limits.io.jsonl", &Conversation::New { id: None });
    let failed: Vec<RunFailure> = driven
        .ends()
        .into_iter()
        .filter_map(|end| match end {
            TurnOutcome::Failed(failure) => Some(failure),
            _ => None,
        })
        .collect();
    assert!(matches!(&failed[..], [RunFailure::NotLoggedIn(_), RunFailure::RateLimited { .. }]), "{failed:?}");
    let failure = |error: Value| {
        let mut driven = Driven::working();
        let window = |used: u32, resets: u64| json!({"usedPercent": used, "resetsAt": resets});
        let limits = json!({"primary": window(100, 1000), "secondary": window(30, 9000)});
        driven.tell("account/rateLimits/updated", &json!({"rateLimits": limits}));
        driven.tell("account/rateLimits/updated", &json!({"rateLimits": {"primary": null}}));
        let quota = driven.signals.iter().rev().find_map(|signal| match signal {
            ProtocolSignal::Quota(quota) => Some(*quota),
            _ => None,
        });
        let most = Quota { percent: 100.0, resets_at: Some(Time::from_millis(1_000_000)) };
        assert_eq!(quota, Some(most), "of the window that is closest to its limit");
        driven.end("turn-1", "failed", &error);
        match driven.ends().pop() {
            Some(TurnOutcome::Failed(failure)) => failure,
            other => panic!("{other:?}"),
        }
    };
    let limited = failure(json!({"message": "no", "codexErrorInfo": "usageLimitExceeded"}));
    assert_eq!(limited, RunFailure::RateLimited { until: Some(Time::from_millis(1_000_000)), message: "no".into() });
    let model = failure(json!({"message": "nope", "codexErrorInfo": "modelNotFound"}));
    assert_eq!(model, RunFailure::UnknownModel("nope".into()));
    assert_eq!(failure(json!({"message": "x", "codexErrorInfo": "unauthorized"})), RunFailure::NotLoggedIn("x".into()));
    let server = json!({"message": "x", "codexErrorInfo": {"httpConnectionFailed": {"httpStatusCode": 500}}});
    assert_eq!(failure(server), RunFailure::Other("x".into()));
}
