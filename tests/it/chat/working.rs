//! What a chat offers beside its turn: the running tool, the task list, steering, modes, and the user's commands.

use std::sync::Arc;

use salon::app::Effect;
use salon::app::runs::RunMsg;
use salon::domain::approval::Approval;
use salon::domain::prompt::PromptState;
use salon::domain::run::{
    BackgroundTask, Capabilities, Conversation, Phase, RunFailure, RunSetting, RunStart, StopReason, SubagentProgress,
};
use salon::domain::run_event::RunEventKind;
use salon::domain::run_request::RunRequest;
use salon::domain::tool::{PlanItem, PlanStatus};
use salon::domain::transcript::ToolStatus;
use salon::domain::{Agent, SessionKey};

use crate::screens::chat_harness::{ChatHarness, command, prompt, queued, result, run};
use crate::screens::live;
use crate::screens::stage::{change, session};

fn item(text: &str, status: PlanStatus) -> PlanItem {
    PlanItem { text: text.into(), status }
}

/// The status line of a chat.
fn status(harness: &mut ChatHarness) -> String {
    harness.screen().lines().rev().nth(1).unwrap_or_default().trim().to_owned()
}

#[test]
fn the_running_tool_is_named_with_its_clock_and_a_spinner() {
    let mut harness = ChatHarness::new(120, 24);
    assert_eq!(status(&mut harness), "ready", "nothing moves while nothing runs");
    harness.working(true);
    harness.happen(1, vec![prompt("p", "go"), command("c", "cargo test"), result("c", ToolStatus::Running, "")]);
    let line = status(&mut harness);
    assert!(line.starts_with(['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧']), "{line}");
    assert!(line.contains("working 1:23 · Bash: cargo test 1:00"), "{line}");
    harness.happen(1, vec![result("c", ToolStatus::Done, "ok")]);
    let line = status(&mut harness);
    assert!(line.ends_with("working 1:23"), "{line}");
}

#[test]
fn the_header_begins_with_agent_model_and_mode_on_any_width() {
    for width in [120, 80, 40] {
        let mut harness = ChatHarness::new(width, 24);
        harness.changed(|info| info.mode = Some("plan".into()));
        let first = harness.screen().lines().next().unwrap_or_default().to_owned();
        assert!(first.starts_with(" claude · opus-4-8 · plan"), "{first}");
        harness.changed(|info| info.mode = Some("bypassPermissions".into()));
        let first = harness.screen().lines().next().unwrap_or_default().to_owned();
        assert!(first.starts_with(" claude · bypassPermissions"), "{first}");
    }
}

#[test]
fn a_missing_program_is_named_with_the_remedy() {
    let mut harness = ChatHarness::new(120, 24);
    harness.changed(|info| info.phase = Phase::Stopped(StopReason::Failed(RunFailure::NotInstalled)));
    let line = status(&mut harness);
    for wanted in ["Claude Code", "\"claude\"", "PATH", "Install it"] {
        assert!(line.contains(wanted), "{wanted}: {line}");
    }
    let notice = RunFailure::NotInstalled.message(Agent::Claude);
    assert_eq!(notice, "\"claude\" was not found on PATH; install Claude Code, or add its directory to PATH");
}

#[test]
fn an_open_plan_background_tasks_and_sub_agents_are_listed_until_hidden() {
    let mut harness = ChatHarness::new(80, 24);
    harness.working(true);
    harness.happen(1, vec![prompt("p", "go"), command("c", "explore")]);
    let sub = session(Agent::Claude, "agent-7", "Explore", 1);
    harness.stage.send(salon::app::Msg::Catalog(change(vec![sub])));
    harness.changed(|info| {
        info.plan = vec![
            item("Read the code", PlanStatus::Done),
            item("Write \u{1b}[2Jthe test", PlanStatus::Active),
            item("Fix it", PlanStatus::Pending),
        ];
        info.tasks = vec![BackgroundTask { id: "t".into(), description: "npm run dev".into() }];
        let mut subagent = SubagentProgress::new("c", Some("agent-7"));
        subagent.called("Grep", "price");
        info.subagents = vec![subagent];
    });
    let screen = harness.screen();
    let rows =
        ["Tasks  1 of 3 done", "▸ Write the test", "⤷ explore · 1 tool · Grep: price", "& npm run dev", "○ Fix it"];
    for wanted in rows {
        assert!(screen.contains(wanted), "{wanted}: {screen}");
    }
    // The first press gives the list the keys, at its first row that something can be done with.
    harness.keys("ctrl-t ctrl-t");
    assert!(!harness.screen().contains("Tasks  1 of 3"), "{}", harness.screen());
    harness.keys("ctrl-t");
    // The row of a sub-agent leads to its session.
    let row = harness.screen().lines().position(|line| line.contains("⤷ explore")).expect("its row");
    let click = salon::app::Msg::Mouse {
        kind: salon::app::msg::Mouse::Click,
        column: 4,
        row: u16::try_from(row).expect("a row"),
    };
    harness.stage.send(click);
    let read = harness.stage.app.stack.layers.last().and_then(|layer| layer.reader()).map(|reader| reader.key.clone());
    assert_eq!(read, Some(SessionKey::new(Agent::Claude, "agent-7")));
    harness.keys("esc ctrl-r enter");
    let read = harness.stage.app.stack.layers.last().and_then(|layer| layer.reader()).map(|reader| reader.key.clone());
    assert_eq!(read, Some(SessionKey::new(Agent::Claude, "agent-7")), "and so does its call in the transcript");
    harness.keys("esc esc ctrl-t");
    assert!(harness.screen().contains("x stop task"), "{}", harness.screen());
    harness.keys("enter");
    let read = harness.stage.app.stack.layers.last().and_then(|layer| layer.reader()).map(|reader| reader.key.clone());
    assert_eq!(read, Some(SessionKey::new(Agent::Claude, "agent-7")), "and so does Enter on its row");
    harness.keys("esc x");
    assert!(harness.screen().contains("Only background tasks can be stopped separately"), "{}", harness.screen());
    harness.keys("j x");
    assert!(harness.screen().contains("Stop a background task"), "{}", harness.screen());
    harness.take();
    harness.keys("j enter");
    assert_eq!(harness.take(), [Effect::Run(RunRequest::StopTask(run(), "t".into()))]);
    // Letters are keys of the list until Esc leads back to the composer.
    harness.keys("q esc").type_in("hello");
    assert!(harness.screen().contains("hello"), "{}", harness.screen());
}

#[test]
fn a_finished_plan_takes_no_room_and_a_low_screen_has_no_list() {
    let mut harness = ChatHarness::new(80, 24);
    harness.changed(|info| info.plan = vec![item("Read the code", PlanStatus::Done)]);
    assert!(!harness.screen().contains("Tasks"), "{}", harness.screen());
    let mut harness = ChatHarness::new(40, 10);
    harness.changed(|info| info.plan = vec![item("Read the code", PlanStatus::Active)]);
    assert!(!harness.screen().contains("Tasks"), "{}", harness.screen());
}

#[test]
fn a_prompt_steers_an_open_turn_by_its_key_or_by_the_setting() {
    let mut harness = ChatHarness::new(80, 24);
    harness.working(true);
    harness.take();
    harness.type_in("left").keys("alt-s").type_in("later").keys("enter");
    let steer = |text: &str| Effect::Run(RunRequest::Steer { run: run(), text: text.into() });
    let submit = |text: &str| Effect::Run(RunRequest::Submit { run: run(), text: text.into() });
    assert_eq!(harness.take(), [steer("left"), submit("later")]);
    harness.working(false);
    harness.type_in("next").keys("alt-s");
    assert_eq!(harness.take(), [submit("next")], "without a turn it is a prompt");
    harness.stage.app.settings.during_turn = salon::config::settings::DuringTurn::Steer;
    harness.working(true);
    harness.type_in("right").keys("enter");
    assert_eq!(harness.take(), [steer("right")]);
    assert!(harness.screen().contains("enter send now"), "{}", harness.screen());
}

#[test]
fn a_prompt_that_is_being_sent_is_shown_once() {
    let mut harness = ChatHarness::new(80, 24);
    harness.working(true);
    harness.happen(1, vec![prompt("p", "go"), command("c", "make")]);
    harness.send(RunMsg::Queued(run(), vec![queued(1, "turn left", PromptState::Sending, None)]));
    let count = |harness: &mut ChatHarness| harness.screen().matches("turn left").count();
    assert_eq!(count(&mut harness), 1, "in the queue: {}", harness.screen());
    harness.happen(1, vec![prompt("q", "turn left")]);
    assert_eq!(count(&mut harness), 1, "in the transcript: {}", harness.screen());
    assert!(!harness.screen().contains("sending"), "{}", harness.screen());
    // An equal prompt of before does not hide the one that waits.
    harness.send(RunMsg::Queued(run(), vec![queued(0, "turn left", PromptState::Sending, None)]));
    assert_eq!(count(&mut harness), 2, "{}", harness.screen());
}

#[test]
fn the_clock_of_a_call_begins_again_once_it_is_allowed() {
    let mut harness = ChatHarness::new(120, 24);
    harness.working(true);
    harness.happen(1, vec![prompt("p", "go"), command("c", "make")]);
    let question = Approval { tool_id: Some("c".into()), ..live::command("q") };
    harness.happen(1, vec![RunEventKind::Approval(question)]);
    harness.happen(1, vec![RunEventKind::ApprovalGone("q".into()), result("c", ToolStatus::Running, "")]);
    let line = status(&mut harness);
    assert!(line.contains("Bash: make 0 s"), "not the minute of the wait: {line}");
}

#[test]
fn shift_tab_cycles_modes_and_never_into_one_without_permissions() {
    let mut harness = ChatHarness::new(80, 24);
    let modes = ["default", "acceptEdits", "bypassPermissions", "plan"].map(String::from).to_vec();
    harness.changed(|info| info.capabilities = Arc::new(Capabilities { modes, ..Capabilities::default() }));
    harness.take();
    let mode = |mode: &str| Effect::Run(RunRequest::Set(run(), RunSetting::Mode(mode.into())));
    harness.keys("shift-tab");
    assert_eq!(harness.take(), [mode("plan")]);
    harness.changed(|info| info.mode = Some("plan".into()));
    harness.keys("shift-tab");
    assert_eq!(harness.take(), [mode("default")]);
    harness.changed(|info| info.mode = None);
    harness.keys("shift-tab");
    assert_eq!(harness.take(), [mode("acceptEdits")], "the default mode is the first one");
}

#[test]
fn a_new_session_starts_in_the_mode_chosen_before_its_first_prompt() {
    let mut harness = ChatHarness::closed(80, 24);
    let modes = salon::domain::run::ModelCatalog {
        modes: ["default", "plan"].map(String::from).to_vec(),
        ..Default::default()
    };
    harness.send(RunMsg::Models(Agent::Codex.into(), modes));
    let start = RunStart::new(Conversation::New { id: None }, "/home/ann".into());
    let effects = harness.stage.app.perform(salon::app::Flow::StartChat { agent: Agent::Codex, start, prompt: None });
    harness.stage.effects.extend(effects);
    harness.keys("shift-tab").type_in("go").keys("enter");
    let asked = harness.take();
    let Some(Effect::StartRun { start, .. }) = asked.last() else { panic!("{asked:?}") };
    assert_eq!(start.mode.as_deref(), Some("plan"));
}

/// Runs a command in the composer and returns its ticket.
fn run_command(harness: &mut ChatHarness, line: &str) -> salon::app::RequestTicket {
    harness.take();
    harness.type_in(line).keys("enter");
    let found = harness.asked.iter().find_map(|effect| match effect {
        Effect::RunCommand { ticket, line, cwd } => Some((*ticket, line.clone(), cwd.clone())),
        _ => None,
    });
    let (ticket, started, cwd) = found.expect("a command");
    assert_eq!((started.as_str(), cwd.to_str()), (&line[1..], Some("/home/ann/shop-api")));
    harness.asked.clear();
    ticket
}

#[test]
fn the_output_of_a_command_goes_with_the_next_prompt() {
    let mut harness = ChatHarness::new(80, 24);
    let ticket = run_command(&mut harness, "!cargo test");
    assert!(harness.screen().contains("! cargo test") && harness.screen().contains("ctrl-c ends it"));
    harness.send(RunMsg::CommandOutput(ticket, "\u{1b}[31m1 failed\u{1b}[0m\r\n```\n".into()));
    harness.send(RunMsg::CommandEnded(ticket, "exit code 101".into()));
    assert!(harness.screen().contains("1 failed") && harness.screen().contains("sent with your next prompt"));
    harness.type_in("fix it").keys("enter");
    let text = "fix it\n\nI ran this in /home/ann/shop-api (exit code 101):\n\n````\n$ cargo test\n1 failed\n```\n````";
    assert_eq!(harness.take(), [Effect::Run(RunRequest::Submit { run: run(), text: text.into() })]);
    harness.type_in("more").keys("enter");
    assert_eq!(harness.take(), [Effect::Run(RunRequest::Submit { run: run(), text: "more".into() })], "only once");
}

#[test]
fn a_command_is_ended_by_ctrl_c_and_dropped_by_esc() {
    let mut harness = ChatHarness::new(80, 24);
    let ticket = run_command(&mut harness, "!sleep 100");
    assert!(harness.screen().contains("esc end command"), "{}", harness.screen());
    harness.keys("ctrl-c");
    assert_eq!(harness.asked, [Effect::EndCommand(ticket)]);
    harness.send(RunMsg::CommandEnded(ticket, "ended by signal 2".into()));
    assert!(harness.screen().contains("esc drop output"), "{}", harness.screen());
    harness.keys("esc");
    assert!(!harness.screen().contains("! sleep 100") && harness.stage.app.stack.layers.len() == 1);
    harness.type_in("go").keys("enter");
    assert_eq!(harness.take(), [Effect::Run(RunRequest::Submit { run: run(), text: "go".into() })]);
    let ticket = run_command(&mut harness, "!sleep 100");
    harness.keys("left");
    assert!(harness.asked.contains(&Effect::EndCommand(ticket)), "leaving the chat ends it");
}

#[test]
fn the_output_of_a_command_is_bounded_and_the_end_counts() {
    let mut harness = ChatHarness::new(80, 24);
    let ticket = run_command(&mut harness, "!yes");
    for _ in 0..40 {
        harness.send(RunMsg::CommandOutput(ticket, "y€\n".repeat(1_000)));
    }
    harness.send(RunMsg::CommandOutput(ticket, "the end".into()));
    harness.send(RunMsg::CommandEnded(ticket, "exit code 0".into()));
    harness.send(RunMsg::Queued(run(), vec![queued(1, "kept", PromptState::Pending, None)]));
    harness.type_in("so").keys("enter");
    let asked = harness.take();
    let Some(Effect::Run(RunRequest::Submit { text, .. })) = asked.last() else { panic!("{asked:?}") };
    assert!(text.len() < 40_000 && text.contains("bytes omitted]") && text.contains("the end"), "{}", text.len());
}
