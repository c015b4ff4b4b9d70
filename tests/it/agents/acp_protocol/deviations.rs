//! Deviations of agents from the protocol: the user sees one behaviour.

use salon::agent::protocol::{ProtocolCommand, ProtocolSignal, RunSetting};
use salon::domain::prompt::PromptId;
use salon::domain::run::{RunFailure, TurnOutcome};
use salon::domain::{Agent, Tokens};
use serde_json::json;

use super::{Driven, NOW, new_session};

#[test]
fn e4_an_interrupt_ends_the_turn_whatever_the_agent_calls_it() {
    for reason in ["cancelled", "end_turn"] {
        let mut driven = Driven::working(Agent::Goose);
        driven.say("Once upon");
        driven.command(ProtocolCommand::Interrupt);
        assert_eq!(driven.requests("session/cancel").len(), 1);
        driven.say(" a time");
        assert_eq!(driven.ends(), [], "the agent ends the turn");
        driven.end(reason);
        assert_eq!(driven.ends(), [TurnOutcome::Interrupted], "{reason}");
    }
    let mut driven = Driven::working(Agent::Qwen);
    driven.command(ProtocolCommand::Interrupt);
    driven.refuse("session/prompt", -32603, "aborted");
    assert_eq!(driven.ends(), [TurnOutcome::Interrupted]);
    driven.prompt(2, "and then");
    driven.end("end_turn");
    assert_eq!(driven.ends().last(), Some(&TurnOutcome::Done), "the next prompt works in the same session");
}

#[test]
fn a_failure_is_a_failure_as_an_error_and_as_text() {
    let mut driven = Driven::working(Agent::Gemini);
    driven.refuse("session/prompt", 400, "{\"error\":{\"code\":400,\"message\":\"mock bad request\"}}");
    let bad = TurnOutcome::Failed(RunFailure::Other("mock bad request".into()));
    assert_eq!((driven.ends(), driven.accepted()), (vec![bad], vec![PromptId(1)]));
    let mut driven = Driven::working(Agent::Goose);
    driven.say("Ran into this error: Request failed: Rate limited (429): slow down.");
    driven.end("end_turn");
    assert!(matches!(&driven.ends()[..], [TurnOutcome::Failed(RunFailure::RateLimited { .. })]), "{:?}", driven.ends());
    assert_eq!(
        driven.lines(),
        ["prompt: \"hello\"", "notice: \"Ran into this error: Request failed: Rate limited (429): slow down.\""]
    );
}

#[test]
fn a_prompt_that_was_refused_does_not_count_as_accepted() {
    for code in [-32602, -32600, -32000] {
        let mut driven = Driven::working(Agent::Qwen);
        driven.refuse("session/prompt", code, "no");
        assert_eq!(driven.accepted(), [], "{code}");
        assert!(matches!(&driven.ends()[..], [TurnOutcome::Failed(_)]));
    }
}

#[test]
fn a_second_prompt_waits_for_the_end_of_the_first() {
    let mut driven = Driven::working(Agent::Gemini);
    driven.prompt(2, "second");
    assert_eq!(driven.requests("session/prompt").len(), 1);
    driven.end("end_turn");
    assert_eq!(driven.requests("session/prompt").len(), 2);
    assert_eq!(driven.last("session/prompt")["params"]["prompt"][0]["text"], "second");
}

#[test]
fn calls_without_an_end_end_with_their_turn() {
    let call = json!({"sessionUpdate": "tool_call", "toolCallId": "c1", "title": "ls", "kind": "execute",
        "status": "in_progress", "rawInput": {"command": "ls"}});
    for (interrupt, status) in [(false, "done"), (true, "interrupted")] {
        let mut driven = Driven::working(Agent::Qwen);
        driven.update(&call);
        if interrupt {
            driven.command(ProtocolCommand::Interrupt);
        }
        driven.end("end_turn");
        let lines = driven.lines();
        assert!(lines[1].contains(&format!("{status}: \"ls\"")), "{lines:?}");
    }
}

#[test]
fn an_update_without_its_call_makes_the_call() {
    let mut driven = Driven::working(Agent::Gemini);
    driven.update(&json!({"sessionUpdate": "tool_call_update", "toolCallId": "run_shell_command__1", "title": "ls",
        "kind": "execute", "status": "completed", "content": [{"type": "content",
        "content": {"type": "text", "text": "a.txt"}}]}));
    assert_eq!(driven.lines()[1], "tool: \"ls\" [run_shell_command, done: \"ls\" -> \"a.txt\"]");
}

#[test]
fn e7_usage_adds_up_and_nothing_is_counted_twice() {
    let usage = |driven: &Driven| {
        let reported = driven.signals.iter().rev().find_map(|signal| match signal {
            ProtocolSignal::Usage { tokens: Some(tokens), .. } => Some(*tokens),
            _ => None,
        });
        reported.map(|tokens: Tokens| (tokens.input, tokens.output, tokens.cache_read))
    };
    let mut driven = Driven::working(Agent::Gemini);
    let result = json!({"stopReason": "end_turn", "_meta": {"quota": {"token_count":
        {"input_tokens": 100, "output_tokens": 9}}}});
    driven.respond("session/prompt", &result);
    driven.prompt(2, "again");
    driven.respond("session/prompt", &result);
    assert_eq!(usage(&driven), Some((200, 18, 0)));
    let mut driven = Driven::working(Agent::Qwen);
    driven.update(&json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": ""},
        "_meta": {"usage": {"inputTokens": 100, "outputTokens": 3, "totalTokens": 103, "cachedReadTokens": 40}}}));
    driven.respond(
        "session/prompt",
        &json!({"stopReason": "end_turn",
        "usage": {"inputTokens": 100, "outputTokens": 3, "totalTokens": 103}}),
    );
    assert_eq!(usage(&driven), Some((60, 3, 40)));
}

#[test]
fn notifications_of_an_agents_own_and_unknown_updates_break_nothing() {
    let mut driven = Driven::working(Agent::Qwen);
    driven.decode(&json!({"jsonrpc": "2.0", "method": "qwen/notify/session/mode-update", "params": {"v": 1}}));
    driven.update(&json!({"sessionUpdate": "from_the_future", "x": 1}));
    driven.update(&json!({"sessionUpdate": "from_the_future", "x": 2}));
    let step = driven.codec.decode(salon::agent::protocol::Incoming::Line(b"not json \xff"), NOW);
    driven.take(step);
    driven.request(&json!(7), "craft/drainMidTurnQueue", &json!({}));
    assert_eq!(driven.answer_to(&json!(7))["error"]["code"], -32601);
    let lines = driven.lines();
    assert_eq!(lines.iter().filter(|line| line.contains("from_the_future")).count(), 1, "reported once: {lines:?}");
    driven.end("end_turn");
    assert_eq!(driven.ends(), [TurnOutcome::Done]);
}

#[test]
fn what_an_agent_writes_about_its_mode_is_no_answer() {
    let mut driven = Driven::opened(Agent::Gemini, new_session(), &json!({}));
    driven.respond(
        "session/new",
        &json!({"sessionId": super::SESSION, "modes": {"currentModeId": "default",
        "availableModes": [{"id": "default", "name": "Default"}, {"id": "plan", "name": "Plan"}]}}),
    );
    driven.command(ProtocolCommand::Set(RunSetting::Mode("plan".into())));
    driven.say("[MODE_UPDATE] plan");
    driven.respond("session/set_mode", &json!({}));
    assert_eq!(driven.lines(), Vec::<String>::new());
    let modes: Vec<_> = driven
        .signals
        .iter()
        .filter_map(|signal| match signal {
            ProtocolSignal::Settings { mode, .. } => mode.as_deref(),
            _ => None,
        })
        .collect();
    assert_eq!(modes, ["default", "plan"]);
}

/// Kimi Code has no other form of an input until the call is allowed.
#[test]
fn an_input_that_is_streamed_as_text_is_the_input_and_no_output() {
    let mut driven = Driven::working(Agent::Qwen);
    let text = |text: &str| json!([{"type": "content", "content": {"type": "text", "text": text}}]);
    let id = "0:call_1";
    driven.update(&json!({"sessionUpdate": "tool_call", "toolCallId": id, "title": "Bash", "kind": "execute",
        "status": "pending", "content": text("")}));
    for piece in ["{\"command\": \"touch a", "{\"command\": \"touch a.txt\"}"] {
        driven.update(&json!({"sessionUpdate": "tool_call_update", "toolCallId": id, "status": "in_progress",
            "content": text(piece)}));
    }
    let call =
        json!({"toolCallId": id, "title": "Bash", "content": text("Requesting approval to Running: touch a.txt")});
    let options = json!([{"optionId": "approve_once", "name": "Approve once", "kind": "allow_once"}]);
    let params = json!({"sessionId": super::SESSION, "options": options, "toolCall": call});
    driven.request(&json!(7), "session/request_permission", &params);
    let approval = driven.signals.iter().find_map(|signal| match signal {
        ProtocolSignal::Approval(approval) => Some(approval.clone()),
        _ => None,
    });
    assert!(approval.expect("a request").headline().contains("touch a.txt"));
    let input = json!({"command": "touch a.txt"});
    driven.update(&json!({"sessionUpdate": "tool_call_update", "toolCallId": id, "title": "Running: touch a.txt",
        "kind": "execute", "status": "in_progress", "rawInput": input, "content": text("{\"command\":\"touch a.txt\"}")}));
    let tool =
        |driven: &Driven| driven.transcript.entries().iter().find_map(|entry| entry.tool.clone()).expect("a call");
    assert_eq!((tool(&driven).output.as_str(), &tool(&driven).input), ("", &input));
    driven.update(&json!({"sessionUpdate": "tool_call_update", "toolCallId": id, "status": "completed",
        "content": text("{\"done\": true}")}));
    assert_eq!(tool(&driven).output, "{\"done\": true}", "a result may be JSON");
}
