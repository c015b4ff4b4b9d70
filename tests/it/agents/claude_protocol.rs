//! Claude Code driven: streams of the real program, played to the codec, and what it tells of them.

mod answers;
mod captured;
mod faults;
mod scripted;
mod talk;

use std::collections::HashSet;
use std::path::PathBuf;

use salon::agent;
use salon::agent::protocol::{Conversation, Outgoing, ProtocolCommand, ProtocolSignal, RunStart};
use salon::domain::event::{Delta, EventBody};
use salon::domain::prompt::PromptId;
use salon::domain::run::{Activity, RunFailure, RunSetting, TurnOutcome};
use salon::domain::transcript::{ToolAction, ToolStatus, Transcript};
use salon::domain::{Agent, Event, Time};
use serde_json::json;

use talk::Talk;

fn opening(conversation: Conversation) -> RunStart {
    RunStart::new(conversation, PathBuf::from("/home/dev/shop-api"))
}

#[test]
fn start_resume_and_fork_are_told_on_the_command_line() {
    let args = |opening: &RunStart| agent::protocol(Agent::Claude).expect("a protocol").launch(opening).args;
    let new = Conversation::New { id: Some("11111111-2222-4333-8444-555555555555".into()) };
    let told = args(&RunStart {
        model: Some("--help".into()),
        mode: Some("plan".into()),
        effort: Some("high".into()),
        ..opening(new)
    });
    for arg in ["--session-id=11111111-2222-4333-8444-555555555555", "--model=--help", "--permission-mode=plan"] {
        assert!(told.iter().any(|told| told == arg), "{told:?}");
    }
    assert!(told.iter().any(|told| told == "--effort=high"));
    let told = args(&opening(Conversation::Resume("abc".into())));
    assert!(told.iter().any(|told| told == "--resume=abc") && !told.iter().any(|told| told == "--fork-session"));
    let told = args(&opening(Conversation::Fork("abc".into())));
    assert!(told.iter().any(|told| told == "--resume=abc") && told.iter().any(|told| told == "--fork-session"));
    assert!(!told.iter().any(|told| told.starts_with("--resume-session-at")));
    let at = args(&RunStart { fork_at: Some("reply".into()), ..opening(Conversation::Fork("abc".into())) });
    assert!(at.iter().any(|told| told == "--resume-session-at=reply"), "{at:?}");
}

#[test]
fn b16_a_prompt_reaches_the_agent_verbatim() {
    for prompt in ["--help", "two\nlines with \"quotes\", $(id) and `ls`", "  /compact", "\u{1f600}\u{7}"] {
        let mut talk = Talk::new();
        let sent = talk.prompt(prompt);
        assert_eq!(sent["message"], json!({"role": "user", "content": prompt}));
        assert!(!sent.to_string().contains('\n'), "one line");
    }
}

#[test]
fn b18_what_streams_has_the_key_of_the_finished_entry() {
    let talk = Talk::captured("tour");
    let mut streamed = HashSet::new();
    let mut finished = HashSet::new();
    for event in talk.events() {
        match &event.body {
            EventBody::Text(Delta::Append(_)) | EventBody::Thinking(Delta::Append(_)) => streamed.insert(event.key),
            EventBody::Text(Delta::Replace(_)) | EventBody::Thinking(Delta::Replace(_)) => finished.insert(event.key),
            _ => continue,
        };
    }
    assert!(streamed.len() > 10);
    assert!(streamed.is_subset(&finished), "each is told whole once more, under the same key");
}

#[test]
fn b19_a_call_waits_runs_and_ends_in_one_row() {
    let talk = Talk::captured("tour");
    let mut fold = Transcript::default();
    let mut seen: Vec<ToolStatus> = Vec::new();
    let mut output = String::new();
    for event in talk.events() {
        fold.apply(event.clone());
        let write = fold.entries().iter().filter_map(|entry| entry.tool.as_deref()).find(|tool| &*tool.name == "Write");
        if let Some(tool) = write
            && seen.last() != Some(&tool.status)
        {
            seen.push(tool.status);
            output.clone_from(&tool.output);
        }
    }
    use ToolStatus::{Done, Pending, Running};
    assert_eq!(seen, [Pending, Running, Pending, Running, Done], "called, asked about, allowed, done");
    assert!(output.contains("created successfully"), "{output}");
    let rows = fold.entries().iter().filter_map(|entry| entry.tool.as_deref()).filter(|tool| &*tool.name == "Write");
    assert_eq!(rows.count(), 1);
}

#[test]
fn a_call_is_shown_while_its_input_still_comes() {
    let mut talk = Talk::new();
    let message = json!({"type": "message_start", "message": {"id": "msg_1"}});
    talk.stream(&message);
    let block = json!({"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}});
    talk.stream(&json!({"type": "content_block_start", "index": 0, "content_block": block}));
    for piece in ["{\"command\": \"cargo test --workspace", " --all-features\", \"desc"] {
        let delta = json!({"type": "input_json_delta", "partial_json": piece});
        talk.stream(&json!({"type": "content_block_delta", "index": 0, "delta": delta}));
    }
    let fold = talk.fold();
    let tool = fold.entries()[0].tool.as_deref().expect("a tool");
    let ToolAction::Command { command, .. } = &tool.action else { panic!("{:?}", tool.action) };
    assert!("cargo test --workspace --all-features".starts_with(command) && command.len() > 10, "{command}");
}

#[test]
fn b27_every_turn_ends_once() {
    let talk = Talk::captured("tour");
    let results = talk.heard.iter().filter(|record| record["type"] == "result").count();
    assert_eq!(talk.outcomes().len(), results);
    let mut accepted: Vec<PromptId> = talk.accepted();
    assert_eq!(accepted.len(), talk.prompts, "each prompt is acknowledged once");
    accepted.dedup();
    assert_eq!(accepted.len(), talk.prompts);
}

#[test]
fn b27_the_end_of_an_old_turn_does_not_end_a_new_one() {
    let mut talk = Talk::new();
    let first = talk.prompt("one");
    let end = |uuid: &serde_json::Value| json!({"type": "result", "subtype": "success", "user_message_uuids": [uuid]});
    talk.hear(&json!({"type": "system", "subtype": "init"}));
    talk.hear(&end(&first["uuid"]));
    assert_eq!(talk.outcomes(), [TurnOutcome::Done]);
    talk.hear(&end(&first["uuid"]));
    let second = talk.prompt("two");
    talk.hear(&end(&first["uuid"]));
    talk.hear(&json!({"type": "result", "subtype": "success", "origin": {"kind": "task-notification"}}));
    talk.hear(&json!({"type": "result", "subtype": "success"}));
    assert_eq!(talk.outcomes().len(), 1, "none of these is the end of the second turn");
    talk.hear(&end(&second["uuid"]));
    talk.hear(&end(&second["uuid"]));
    assert_eq!(talk.outcomes().len(), 2);
    assert_eq!(talk.accepted().len(), 2);
}

#[test]
fn b12_h5_a_known_session_is_not_given_up_for_an_id_of_the_stream() {
    let init = |id: &str| json!({"type": "system", "subtype": "init", "session_id": id});
    let learnt = |conversation, ids: &[&str]| {
        let mut talk = Talk::with(opening(conversation));
        for id in ids {
            talk.hear(&init(id));
        }
        talk.sessions()
    };
    assert_eq!(learnt(Conversation::Resume("good".into()), &["tag-of-this-run", "another"]), ["good"]);
    assert_eq!(learnt(Conversation::New { id: None }, &["first", "first", "tag"]), ["first"]);
    assert_eq!(learnt(Conversation::New { id: Some("chosen".into()) }, &["chosen", "tag"]), ["chosen"]);
    assert_eq!(learnt(Conversation::Fork("source".into()), &["source", "copy", "tag"]), ["copy"]);
    let mut talk = Talk::with(opening(Conversation::Resume("good".into())));
    talk.hear(&init("good"));
    talk.hear(&json!({"type": "conversation_reset", "new_conversation_id": "no-session", "session_id": "good"}));
    talk.hear(&init("good"));
    talk.hear(&init("cleared"));
    assert_eq!(talk.sessions(), ["good", "cleared"], "/clear begins a session of its own");
}

#[test]
fn model_mode_and_effort_are_switched_and_told() {
    let talk = Talk::captured("tour");
    let settings = talk.settings();
    let used: Vec<&str> = settings.iter().filter_map(|(model, ..)| model.as_deref()).collect();
    assert_eq!(used.first(), Some(&"claude-sonnet-4-5"));
    assert_eq!(used.last(), Some(&"claude-opus-5-5"));
    let mut modes: Vec<&str> = settings.iter().filter_map(|(_, mode, _)| mode.as_deref()).collect();
    modes.dedup();
    assert_eq!(modes, ["default", "plan", "acceptEdits"], "asked for, then by the approval of the plan");
    assert!(settings.iter().any(|(.., effort)| effort.as_deref() == Some("high")));
    assert!(talk.notices().iter().any(|text| text.starts_with("The mode was not changed to bypassPermissions")));
}

#[test]
fn what_an_older_version_lacks_is_said() {
    let mut talk = Talk::new();
    let set = talk.command(ProtocolCommand::Set(RunSetting::Effort("high".into())));
    let error = "Unsupported control request subtype: apply_flag_settings";
    let refusal = |id: &serde_json::Value| {
        let response = json!({"subtype": "error", "request_id": id, "error": error});
        json!({"type": "control_response", "response": response})
    };
    talk.hear(&refusal(&set["request_id"]));
    assert!(talk.notices()[0].contains("only at start"), "{:?}", talk.notices());
    let opened = talk.command(ProtocolCommand::Open(opening(Conversation::New { id: None })));
    talk.hear(&refusal(&opened["request_id"]));
    assert!(talk.signals.iter().any(|signal| matches!(signal, ProtocolSignal::Ready(_))), "it works without");
    assert_eq!(talk.notices().len(), 2);
}

#[test]
fn it_tells_what_it_offers() {
    let talk = Talk::captured("tour");
    let offers = talk.signals.iter().find_map(|signal| match signal {
        ProtocolSignal::Ready(offers) => Some(offers),
        _ => None,
    });
    let offers = offers.expect("ready");
    assert_eq!(offers.version.as_deref(), Some("2.1.329"));
    assert_eq!(offers.models[0].0, "default");
    assert_eq!(offers.efforts, ["low", "medium", "high", "xhigh", "max"]);
    assert!(offers.modes.iter().any(|mode| mode == "plan"));
    assert_eq!(offers.commands[0].0, "deep-research");
}

#[test]
fn a_turn_may_be_interrupted() {
    let talk = Talk::captured("d1_multi");
    use TurnOutcome::{Done, Interrupted};
    assert_eq!(talk.outcomes(), [Done, Interrupted, Done, Done, Interrupted]);
    let partial = "chunk00 chunk01 chunk02 chunk03 chunk04 chunk05 ";
    assert!(talk.fold().entries().iter().any(|entry| entry.text == partial), "what was said stays");
}

#[test]
fn a_sub_agent_is_reached_from_its_call_and_not_mixed_in() {
    let mut talk = Talk::captured("p4_task");
    let fold = talk.fold();
    let call = fold.entries().iter().find_map(|entry| entry.tool.as_deref()).expect("the call");
    assert_eq!(call.subagent.as_deref(), Some("agent-a281a1f8f034ebd09"));
    assert!(matches!(call.action, ToolAction::Task { .. }));
    assert_eq!(fold.entries().iter().filter(|entry| entry.tool.is_some()).count(), 1, "its own calls are not here");
    assert_eq!(talk.outcomes().len(), 1, "two results came, for two turns that were one for us");
    talk.prompt("and on");
    assert_eq!(talk.outcomes().len(), 1);
}

#[test]
fn compaction_is_told_while_it_goes_on_and_after() {
    let talk = Talk::captured("p5_compact");
    assert_eq!(talk.activities(), [Activity::Compacting, Activity::Answering]);
    let notices = talk.notices();
    assert_eq!(notices[0], "Conversation compacted on request (18820 tokens before)");
    assert!(notices[1].starts_with("This session is being continued"));
    assert_eq!(talk.outcomes(), [TurnOutcome::Done]);
}

#[test]
fn a_queued_prompt_has_its_own_turn() {
    let talk = Talk::captured("d2_queue");
    assert_eq!(talk.outcomes(), [TurnOutcome::Done, TurnOutcome::Done]);
    assert_eq!(talk.accepted().len(), 2);
}

#[test]
fn usage_and_cost_are_of_the_session_and_the_context_of_the_last_request() {
    let talk = Talk::captured("d1_multi");
    let last = talk.signals.iter().rev().find_map(|signal| match signal {
        ProtocolSignal::Usage { tokens, cost_usd, context } => Some((*tokens, *cost_usd, *context)),
        _ => None,
    });
    let (tokens, cost, context) = last.expect("usage");
    let tokens = tokens.expect("tokens");
    assert_eq!((tokens.input, tokens.output), (84, 159), "of both models");
    assert!((cost.expect("cost") - 0.281_068).abs() < 1e-9);
    assert_eq!(context, Some((12 + 8060 + 12091 + 23, 1_000_000)));
}

#[test]
fn errors_are_told_apart() {
    let failure = |name: &str| match Talk::captured(name).outcomes().pop() {
        Some(TurnOutcome::Failed(failure)) => failure,
        other => panic!("{name}: {other:?}"),
    };
    assert!(matches!(failure("d2_badmodel"), RunFailure::UnknownModel(text) if text.contains("nope-model")));
    assert!(matches!(failure("d2_ERR429"), RunFailure::RateLimited { until: None, .. }));
    assert!(matches!(failure("d2_ERR500"), RunFailure::Other(text) if text.contains("500")));
    assert!(matches!(failure("tour"), RunFailure::Other(text) if text == "API Error: 400 mock bad request"));
    let retries = Talk::captured("d2_ERR500").activities();
    assert!(
        matches!(&retries[0], Activity::Retrying { attempt: 1, at: Some(_), reason } if reason == "server error (500)")
    );
    assert_eq!(retries.last(), Some(&Activity::Answering), "it is over before the error is told");
}

#[test]
fn a_limit_says_when_it_is_lifted() {
    let end = |talk: &mut Talk, status: u64, text: &str| {
        let sent = talk.prompt("on");
        talk.hear(&json!({"type": "result", "subtype": "success", "is_error": true, "api_error_status": status,
            "result": text, "user_message_uuids": [sent["uuid"]]}));
        talk.outcomes().pop().expect("an end")
    };
    let mut talk = Talk::new();
    talk.hear(&json!({"type": "system", "subtype": "init"}));
    let TurnOutcome::Failed(RunFailure::RateLimited { until, .. }) = end(&mut talk, 429, "limit reached|1795276800")
    else {
        panic!("another outcome")
    };
    assert_eq!(until, Some(Time::from_secs(1_795_276_800)));
    let sent = talk.prompt("again");
    let info = json!({"status": "rejected", "resetsAt": 1_795_280_400, "rateLimitType": "five_hour"});
    talk.hear(&json!({"type": "rate_limit_event", "rate_limit_info": info}));
    talk.hear(&json!({"type": "result", "subtype": "success", "is_error": true, "api_error_status": 429,
        "result": "You've hit your limit", "user_message_uuids": [sent["uuid"]]}));
    let limited = RunFailure::RateLimited {
        until: Some(Time::from_secs(1_795_280_400)),
        message: "You've hit your limit".to_owned(),
    };
    assert_eq!(talk.outcomes().pop(), Some(TurnOutcome::Failed(limited)));
    assert!(matches!(end(&mut talk, 401, "Please run /login"), TurnOutcome::Failed(RunFailure::NotLoggedIn(_))));
    let near = json!({"status": "allowed_warning", "utilization": 0.85, "rateLimitType": "five_hour"});
    talk.hear(&json!({"type": "rate_limit_event", "rate_limit_info": near}));
    assert!(talk.notices().contains(&"85% of the five-hour limit is used.".to_owned()));
    let quota = talk.signals.iter().rev().find_map(|signal| match signal {
        ProtocolSignal::Quota(quota) => Some(quota.percent),
        _ => None,
    });
    assert_eq!(quota, Some(85.0));
}

#[test]
fn a_session_that_is_unknown_or_taken_is_said_so() {
    let mut talk = Talk::with(opening(Conversation::Resume("99999999-2222-4333-8444-555555555555".into())));
    let told = "No conversation found with session ID: 99999999-2222-4333-8444-555555555555";
    talk.hear(&json!({"type": "result", "subtype": "error_during_execution", "is_error": true, "num_turns": 0,
        "errors": [told], "session_id": "4ec4b0e6-3c8f-4f7a-9d2b-0a6f8d1f2f4b"}));
    assert!(
        matches!(talk.signals.last(), Some(ProtocolSignal::Fatal(RunFailure::UnknownSession(text))) if text == told)
    );
    assert!(talk.sessions().is_empty());
    let ended = |stderr: &str| agent::protocol(Agent::Claude).expect("a protocol").ended(Some(1), stderr);
    assert_eq!(ended(&format!("{told}\n")), RunFailure::UnknownSession(told.to_owned()));
    let taken = "Session ID 88888888-2222-4333-8444-555555555555 is already in use.";
    assert_eq!(ended(&format!("warning\nError: {taken}\n")), RunFailure::OpenElsewhere(taken.to_owned()));
    assert!(matches!(ended("fatal: out of memory"), RunFailure::Crashed { code: Some(1), .. }));
}

#[test]
fn an_answer_may_speak_of_errors() {
    let mut talk = Talk::new();
    let sent = talk.prompt("what does it mean?");
    talk.hear(&json!({"type": "result", "subtype": "success", "user_message_uuids": [sent["uuid"]],
        "result": "It said: No conversation found with session ID: 1. Session ID 2 is already in use."}));
    assert_eq!(talk.outcomes(), [TurnOutcome::Done]);
    assert!(!talk.signals.iter().any(|signal| matches!(signal, ProtocolSignal::Fatal(_))));
}

#[test]
fn a_program_that_is_signalled_tells_no_end() {
    assert!(Talk::captured("d2_SIGINT").outcomes().is_empty(), "its process does");
}

#[test]
fn calls_without_a_result_end_with_the_turn() {
    let mut talk = Talk::new();
    let sent = talk.prompt("run it");
    let call = json!({"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "sleep 9"}});
    talk.hear(&json!({"type": "assistant", "uuid": "u1", "message": {"id": "m1", "content": [call]}}));
    talk.hear(&json!({"type": "result", "subtype": "error_during_execution", "is_error": true,
        "terminal_reason": "aborted_tools", "user_message_uuids": [sent["uuid"]]}));
    let fold = talk.fold();
    let tool = fold.entries()[1].tool.as_deref().expect("a tool");
    assert_eq!(tool.status, ToolStatus::Interrupted);
    // Late, but for the right row.
    let result = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": "done after all"});
    talk.hear(&json!({"type": "user", "uuid": "u2", "message": {"content": [result]}}));
    let fold = talk.fold();
    let tool = fold.entries()[1].tool.as_deref().expect("a tool");
    assert_eq!((tool.status, &*tool.output), (ToolStatus::Done, "done after all"));
}

#[test]
fn nothing_is_sent_that_is_not_one_line_of_json() {
    let talk = Talk::captured("tour");
    for outgoing in &talk.outgoing {
        let Outgoing::Line(line) = outgoing else { panic!("{outgoing:?}") };
        assert!(!line.contains(&b'\n'));
        serde_json::from_slice::<serde_json::Value>(line).expect("JSON");
    }
}

/// The events of some signals.
fn events(signals: &[ProtocolSignal]) -> impl Iterator<Item = &Event> {
    signals.iter().filter_map(|signal| match signal {
        ProtocolSignal::Event(event) => Some(event),
        _ => None,
    })
}
