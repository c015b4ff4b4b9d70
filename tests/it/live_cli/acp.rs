//! Agents that speak the agent client protocol, from the command line. Each deviates from the protocol in its own way;
//! the user sees one behaviour.

use std::io::{BufRead, BufReader};

use serde_json::Value;

use crate::support::wait_until;

use super::{Stage, events, json, of_type, text};

/// Agents whose transcripts are read, and one without.
const AGENTS: [&str; 3] = ["gemini", "qwen", "goose"];

/// Number of messages of a method that the agents received.
fn received(stage: &Stage, method: &str) -> usize {
    stage.agents.log().iter().filter(|record| record["received"]["method"] == method).count()
}

#[test]
fn a_new_session_streams_the_answer_and_leaves_no_process() {
    for agent in AGENTS {
        let stage = Stage::new();
        let output = stage.run(&["new", "--agent", agent, "think hm\nsay Four sessions were found."]);
        assert_eq!(text(&output.stdout), "Four sessions were found.\n", "{agent}: {output:?}");
        assert_eq!(output.status.code(), Some(0), "{agent}");
        stage.agents.assert_all_exited();
        let queue = json(&stage.run(&["queue", "--json"]));
        assert_eq!(queue["prompts"], Value::Array(Vec::new()), "{agent}: the prompt is delivered");
    }
}

#[test]
fn a_past_session_goes_on_and_nothing_is_in_it_twice() {
    for (agent, method) in [("gemini", "session/load"), ("qwen", "session/resume")] {
        let stage = Stage::new();
        stage.run(&["new", "--agent", agent, "run ls\nsay first"]);
        let session = stage.session();
        let output = stage.run(&["send", &session, "say second"]);
        assert_eq!(text(&output.stdout), "second\n", "{agent}: {output:?}");
        assert_eq!((received(&stage, method), received(&stage, "session/new")), (1, 1), "{agent}");
        let shown = json(&stage.run(&["show", &session, "--json"]));
        let kinds: Vec<_> = shown["entries"].as_array().expect("entries").iter().map(|entry| &entry["kind"]).collect();
        assert_eq!(kinds, ["prompt", "tool", "text", "prompt", "text"], "{agent}: {shown}");
    }
}

#[test]
fn e6_an_agent_that_forgot_the_conversation_says_so() {
    let stage = Stage::new();
    stage.run(&["new", "--agent", "qwen", "say first"]);
    let session = stage.session();
    let send = stage.salon(&["send", "--json", &session, "say second"]).env("FAKE_ACP", "no-resume").output();
    let output = send.expect("salon");
    let notices: Vec<_> = events(&output).into_iter().filter(|event| event["type"] == "notice").collect();
    assert!(notices[0]["text"].as_str().is_some_and(|text| text.contains("does not know the earlier")), "{output:?}");
}

#[test]
fn b20_approvals_are_denied_by_default_and_allowed_on_request() {
    for agent in AGENTS {
        let stage = Stage::new();
        let output = stage.run(&["new", "--agent", agent, "ask rm -rf build\nsay went on"]);
        let stderr = text(&output.stderr);
        assert!(stderr.contains("denied: Bash: rm -rf build"), "{agent}: {output:?}");
        assert_eq!(text(&output.stdout), "went on\n", "{agent}");
        let output = stage.run(&["new", "--agent", agent, "--json", "--approve", "once", "ask make\nsay ok"]);
        let events = events(&output);
        let status = |event: &&Value| event["status"].as_str().map(str::to_owned);
        let statuses: Vec<_> = of_type(&events, "tool").iter().filter_map(status).collect();
        assert_eq!(statuses.last().map(String::as_str), Some("done"), "{agent}: {output:?}");
        assert_eq!(of_type(&events, "approval").iter().filter(|approval| approval["open"] == true).count(), 1);
    }
}

#[test]
fn an_approval_is_answered_by_another_process() {
    let stage = Stage::new();
    let mut child = stage.spawn(&["new", "--agent", "gemini", "--approve", "wait", "ask make\nsay made"]);
    let mut stderr = BufReader::new(child.0.stderr.take().expect("stderr")).lines();
    let asked = stderr.find(|line| line.as_ref().is_ok_and(|line| line.contains("waiting for"))).expect("a question");
    let asked = asked.expect("a line");
    let run = asked.split('`').nth(1).and_then(|command| command.split(' ').next_back()).expect("a run").to_owned();
    let list = || json(&stage.run(&["approve", &run, "--list", "--json"]))["approvals"][0]["text"].clone();
    let text = std::iter::repeat_with(list).take(200).find(|text| !text.is_null());
    assert_eq!(text, Some(Value::from("Bash: make")));
    assert_eq!(stage.run(&["approve", &run]).status.code(), Some(0));
    assert_eq!(child.wait(), Some(0));
}

/// States of all sessions, as another process lists them.
fn states(stage: &Stage) -> Vec<String> {
    let list = json(&stage.run(&["list", "--json", "--hidden"]));
    let states = list["sessions"].as_array().expect("sessions").iter().map(|session| &session["state"]);
    states.map(|state| state.as_str().expect("a state").to_owned()).collect()
}

#[test]
fn a_session_that_another_salon_runs_is_listed_with_its_state() {
    for agent in ["gemini", "qwen"] {
        let stage = Stage::new();
        assert_eq!(stage.run(&["new", "--agent", agent, "say one"]).status.code(), Some(0));
        assert_eq!(states(&stage), ["past"], "{agent}");
        let session = stage.session();
        let mut salon = stage.spawn(&["send", "--json", &session, "say begun\nhang"]);
        salon.wait_for_prompt();
        wait_until("the turn is seen elsewhere", || states(&stage) == ["working"]);
        salon.interrupt();
        salon.wait();
        assert_eq!(states(&stage), ["past"], "{agent}");
        let mut salon = stage.spawn(&["send", "--json", "--approve", "wait", &session, "ask make\nsay made"]);
        wait_until("the question is seen elsewhere", || states(&stage) == ["needs_you"]);
        // A lease of a dead process means nothing.
        salon.0.kill().expect("killed");
        salon.0.wait().expect("ended");
        assert_eq!(states(&stage), ["past"], "{agent}");
    }
}

#[test]
fn d17_an_interrupt_ends_the_turn_in_the_protocol_and_then_the_process() {
    for agent in AGENTS {
        let stage = Stage::new();
        let mut salon = stage.spawn(&["new", "--json", "--agent", agent, "say begun\nhang"]);
        salon.wait_for_prompt();
        salon.interrupt();
        assert_eq!(salon.wait(), Some(130), "{agent}");
        assert_eq!(received(&stage, "session/cancel"), 1, "{agent}");
        stage.agents.assert_all_exited();
    }
}

#[test]
fn d14_a_failure_of_the_service_is_reported_in_one_way() {
    for agent in AGENTS {
        let stage = Stage::new();
        let output = stage.run(&["new", "--json", "--agent", agent, "fail 429 slow down"]);
        let ends = events(&output);
        let ends = of_type(&ends, "turn_end");
        assert_eq!((ends.len(), &ends[0]["outcome"]), (1, &Value::from("failed")), "{agent}: {output:?}");
        assert!(ends[0].to_string().contains("too many requests"), "{agent}: {ends:?}");
        assert_eq!(output.status.code(), Some(1), "{agent}");
    }
}

#[test]
fn a_chosen_mode_and_model_are_set_and_an_unknown_one_starts_no_turn() {
    let stage = Stage::new();
    let new = ["new", "--agent", "gemini", "--mode", "plan", "--model", "deep", "say x"];
    assert_eq!(stage.run(&new).status.code(), Some(0));
    assert_eq!((received(&stage, "session/set_mode"), received(&stage, "session/set_model")), (1, 1));
    let output = stage.run(&["new", "--agent", "gemini", "--model", "nope", "say y"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("nope"), "{output:?}");
    assert_eq!(stage.agents.prompts(), ["say x"]);
}

#[test]
fn garbage_and_stray_messages_break_no_turn() {
    for agent in AGENTS {
        let stage = Stage::new();
        let output = stage.run(&["new", "--agent", agent, "garbage\nstray\ntwice\nsay still here"]);
        assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("still here\n", Some(0)), "{output:?}");
    }
}

#[test]
fn b13_a_crash_is_reported_and_the_next_prompt_goes_on() {
    let stage = Stage::new();
    let output = stage.run(&["new", "--agent", "qwen", "say fine\ncrash 3"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("told to crash"), "{output:?}");
    let session = stage.session();
    let output = stage.run(&["send", &session, "say again"]);
    assert_eq!(text(&output.stdout), "again\n", "{output:?}");
}

#[test]
fn a_prompt_that_an_agent_may_have_received_before_it_crashed_is_held() {
    let stage = Stage::new();
    let output = stage.run(&["new", "--agent", "gemini", "crash 3"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("may not have been delivered: it is held"), "{output:?}");
    assert_eq!(stage.agents.prompts().len(), 1, "the agent has it");
    let queue = json(&stage.run(&["queue", "--json"]));
    assert_eq!(queue["prompts"][0]["state"], "held", "{queue}");
}
