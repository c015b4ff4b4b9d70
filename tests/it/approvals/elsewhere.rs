//! Sessions that wait in other programs, and runs of this salon that move to their agent's program.

use salon::app::layer::Layer;
use salon::app::msg::ResumeCheck;
use salon::app::{Effect, Msg};
use salon::domain::live_status::LiveStatus;
use salon::domain::run::{Phase, StopReason};
use salon::domain::run_request::RunRequest;
use salon::domain::{Agent, SessionKey, SessionState};

use super::{answers, choice, id, inbox_items};
use crate::screens::live::{SESSION, ago, asking, command, edit, fresh, run};
use crate::screens::stage::Stage;

/// A screen with one session that waits in another program.
fn elsewhere() -> Stage {
    let mut stage = Stage::full(120, 40);
    stage.send(Msg::Live(vec![LiveStatus {
        key: SessionKey::new(Agent::Claude, SESSION),
        pid: Some(4711),
        state: SessionState::NeedsYou,
        waiting_for: Some("permission \u{1b}[2Jprompt".into()),
        since: Some(ago(30)),
        activity: None,
    }]));
    stage.take_effects();
    stage
}

#[test]
fn the_inbox_lists_what_waits_in_other_programs() {
    let mut stage = elsewhere();
    assert!(stage.screen().lines().next().expect("a header").contains("1 needs you"), "{}", stage.screen());
    stage.keys("i");
    let screen = stage.screen();
    for wanted in ["waits in Claude Code, pid 4711: permission prompt", "Answer in its terminal", "1  Watch"] {
        assert!(screen.contains(wanted), "{wanted}: {screen}");
    }
    assert_eq!(inbox_items(&stage).len(), 1);
    stage.send(Msg::Live(vec![LiveStatus {
        key: SessionKey::new(Agent::Claude, SESSION),
        pid: Some(4711),
        state: SessionState::Working,
        waiting_for: None,
        since: None,
        activity: None,
    }]));
    assert_eq!(inbox_items(&stage).len(), 0, "it was answered there");
}

#[test]
fn what_waits_elsewhere_is_watched_or_opened_in_its_agent() {
    let key = SessionKey::new(Agent::Claude, SESSION);
    let mut stage = elsewhere();
    stage.keys("i").fire_timers().keys("enter");
    assert!(matches!(stage.app.stack.layers.as_slice(), [Layer::Reader(reader)] if reader.key == key));
    for keys in ["R", "2"] {
        let mut stage = elsewhere();
        stage.keys("i").fire_timers().keys(keys);
        assert!(stage.app.stack.layers.is_empty());
        assert!(stage.take_effects().contains(&Effect::CheckResume(key.clone())), "{keys}");
        assert_eq!(stage.app.session(), Some(&key));
    }
}

#[test]
fn the_inbox_opens_at_the_request_of_the_selected_row() {
    let mut stage = Stage::full(120, 40);
    let mut older = edit("b");
    older.since = Some(ago(300));
    stage.run(asking(fresh("s"), [older])).run(asking(run("r"), [command("a")])).select_run();
    stage.keys("i");
    assert!(stage.screen().contains("wants to run a command"), "{}", stage.screen());
    stage.keys("1");
    assert_eq!(answers(&mut stage), [], "it appeared this very moment");
    stage.fire_timers().keys("1");
    assert_eq!(answers(&mut stage), [choice("r", "a", "allow")]);
}

#[test]
fn a_run_of_this_salon_is_stopped_before_its_agent_opens_the_session() {
    let key = SessionKey::new(Agent::Claude, SESSION);
    let mut stage = Stage::full(120, 40);
    stage.run(run("r")).select_run().take_effects();
    stage.keys("R");
    let screen = stage.screen();
    assert!(screen.contains("The session runs in salon") && !screen.contains("elsewhere:"), "{screen}");
    stage.keys("enter");
    assert_eq!(stage.asked(), [], "a turn is open: nothing happens by itself");
    stage.keys("R 1");
    assert_eq!(stage.asked(), [Effect::Run(RunRequest::Stop(id("r")))]);
    let mut stopped = run("r");
    stopped.phase = Phase::Stopped(StopReason::OnRequest);
    stage.run(stopped.clone());
    assert!(stage.take_effects().contains(&Effect::CheckResume(key.clone())), "once the process is gone");
    stage.send(Msg::ResumeChecked { key: key.clone(), check: ResumeCheck::default() });
    assert!(stage.take_effects().contains(&Effect::Resume { key: key.clone(), cwd: None }));
    stage.run(stopped).take_effects();
    stage.keys("R");
    assert_eq!(stage.take_effects(), [Effect::CheckResume(key)], "a run without a process is no obstacle");
}
