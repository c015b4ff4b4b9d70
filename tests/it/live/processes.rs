//! Child processes: after a stop the whole group has ended, regardless of its behaviour.

use std::time::Duration;

use salon::domain::Agent;
use salon::domain::run::{Phase, RunFailure, StopReason, TurnOutcome};
use salon::domain::run_event::RingCursor;
use salon::live::LiveEvent;
use salon::live::identity::identify;
use salon::live::process::GracePeriods;
use salon::store::registry;

use super::harness::{Harness, short_limits};
use crate::support::TIMEOUT;

/// Waits for the process that the scripted agent starts.
async fn grandchild(harness: &Harness) -> u32 {
    let wait = async {
        loop {
            if let Some(pid) = harness.sandbox.agents.grandchildren().first() {
                return *pid;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.expect("a grandchild")
}

#[tokio::test]
async fn d17_d18_b21_after_the_shutdown_no_process_is_left() {
    let harness = Harness::new();
    let mut pids = Vec::new();
    for script in ["say idle", "say x\nhang", "say x\ngrandchild\nhang", "say x\ndeaf\nhang"] {
        let run = harness.begin(script).await;
        harness.until(&run, |info| info.turn.0 == 1 && info.session.is_some() && info.queued == 0).await;
        pids.push(harness.info(&run).pid.expect("a process"));
    }
    pids.push(grandchild(&harness).await);
    let grace = GracePeriods::default();
    assert!(grace.close + grace.term + grace.kill <= Duration::from_secs(7), "{grace:?}");
    tokio::time::timeout(TIMEOUT, harness.live.clone().shutdown()).await.expect("it ends");
    for pid in pids {
        assert_eq!(identify(pid), None, "{pid} lives, or is a zombie");
    }
    assert!(harness.sandbox.store().with(|db| registry::children(db)).expect("read").is_empty());
    let late = harness.live.open_run(Agent::Claude, harness.sandbox.opening(), Some("say late".into())).await;
    assert!(late.is_err(), "nothing begins after it");
}

#[tokio::test]
async fn a_child_that_closes_its_output_and_keeps_running_is_stopped() {
    let harness = Harness::new();
    let run = harness.begin("say x\nclose\nhang").await;
    let info = harness.gone(&run).await;
    assert!(matches!(&info.last_outcome, Some(TurnOutcome::Failed(_))), "{info:?}");
    assert_eq!(info.pid, None);
}

#[tokio::test]
async fn f12_a_line_of_more_than_64_mb_is_skipped_and_reported() {
    let mut harness = Harness::new();
    let run = harness.begin("long 70000000\nsay after").await;
    harness.until_text(&run, "after").await;
    let skipped = |event: &LiveEvent| match event {
        LiveEvent::Notice { text, .. } if text.contains("64 MB was skipped") => Some(()),
        _ => None,
    };
    harness.event(skipped).await;
    assert_eq!(harness.done(&run, 1).await.last_outcome, Some(TurnOutcome::Done));
}

#[tokio::test]
async fn h22_garbage_is_kept_and_no_turn_spins_without_a_child() {
    let harness = Harness::new();
    let run = harness.begin("garbage\nsay after").await;
    let info = harness.done(&run, 1).await;
    assert_eq!(info.last_outcome, Some(TurnOutcome::Done));
    assert!(harness.transcript_text(&run).await.contains("not json at all"));
    let pid = info.pid.expect("a process");
    harness.submit(&run, "hang").await;
    harness.until(&run, |info| info.turn.0 == 2 && info.queued == 0).await;
    let status = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    assert!(status.expect("kill").success());
    let info = harness.gone(&run).await;
    let crashed = matches!(&info.phase, Phase::Stopped(StopReason::Failed(RunFailure::Crashed { code: None, .. })));
    assert!(crashed, "{info:?}");
}

#[tokio::test]
async fn b26_a_long_line_is_accepted_and_one_too_long_for_the_ring_is_reported() {
    let harness = Harness::new();
    let run = harness.begin("long 5000000").await;
    harness.done(&run, 1).await;
    assert!(harness.transcript_text(&run).await.len() > 5_000_000);
    harness.submit(&run, "long 10000000\nsay end").await;
    assert_eq!(harness.done(&run, 2).await.last_outcome, Some(TurnOutcome::Done));
    let viewer = harness.live.watch(&run).expect("the run");
    let replay = viewer.since(RingCursor { next: 0, ..viewer.cursor() }).await.expect("a replay");
    assert!(replay.missed > 0, "it stands in the transcript");
    assert!(harness.transcript_text(&run).await.contains("text: end"));
}

#[tokio::test]
async fn a_flood_of_stderr_and_stdout_blocks_no_run() {
    let harness = Harness::with(|options| options.limits = short_limits());
    let run = harness.begin("flood 20000\nsay end").await;
    let info = harness.done(&run, 1).await;
    assert_eq!(info.last_outcome, Some(TurnOutcome::Done));
}

#[tokio::test]
async fn h26_a_stopped_run_continues_with_the_next_prompt() {
    let harness = Harness::new();
    let run = harness.begin("say one").await;
    let pid = harness.done(&run, 1).await.pid.expect("a process");
    harness.live.stop(&run).expect("sent");
    let info = harness.gone(&run).await;
    assert_eq!((info.phase.clone(), info.failure.clone()), (Phase::Stopped(StopReason::OnRequest), None));
    assert_eq!(identify(pid), None);
    harness.submit(&run, "say two").await;
    assert_eq!(harness.done(&run, 2).await.last_outcome, Some(TurnOutcome::Done));
}

#[tokio::test]
async fn f10_members_that_ignore_term_end_with_their_leader() {
    for end in ["say x", "crash 3"] {
        let harness = Harness::new();
        let run = harness.begin(&format!("stubborn\n{end}")).await;
        let left = grandchild(&harness).await;
        if end == "say x" {
            harness.done(&run, 1).await;
            harness.live.stop(&run).expect("sent");
        }
        harness.gone(&run).await;
        assert_eq!(identify(left), None, "{left} outlived its leader after {end}");
    }
}

#[tokio::test]
async fn an_idle_session_has_not_failed_when_its_server_died() {
    let harness = Harness::new();
    let opening = harness.sandbox.opening();
    let run = harness.live.open_run(Agent::OpenCode, opening, Some("say one".into())).await.expect("a run");
    harness.done(&run, 1).await;
    let server = harness.sandbox.agents.started().pop().expect("a server").cast_signed();
    let server = rustix::process::Pid::from_raw(server).expect("a pid");
    rustix::process::kill_process(server, rustix::process::Signal::KILL).expect("killed");
    let info = harness.until(&run, |info| matches!(info.phase, Phase::Stopped(_))).await;
    assert_eq!((info.phase.clone(), info.failure.clone()), (Phase::Stopped(StopReason::Evicted), None));
}
