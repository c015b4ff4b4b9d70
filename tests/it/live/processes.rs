//! Children: all that a salon started is gone when it says so, with its group, whatever they do.

use std::time::Duration;

use salon::domain::Agent;
use salon::domain::run::{Cursor, Failure, Outcome, Phase, Stopped};
use salon::live::process::Patience;
use salon::live::recover::identify;
use salon::store::registry;

use super::stage::{Stage, quick};
use crate::support::LONG;

/// The process that the scripted agent started, once it did.
async fn grandchild(stage: &Stage) -> u32 {
    let told = async {
        loop {
            if let Some(pid) = stage.place.agents.grandchildren().first() {
                return *pid;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, told).await.expect("a grandchild")
}

#[tokio::test]
async fn d17_d18_b21_after_the_shutdown_nobody_is_left() {
    let stage = Stage::new();
    let mut pids = Vec::new();
    for script in ["say idle", "say x\nhang", "say x\ngrandchild\nhang", "say x\ndeaf\nhang"] {
        let run = stage.begin(script).await;
        stage.until(&run, |info| info.turn.0 == 1 && info.session.is_some() && info.queued == 0).await;
        pids.push(stage.info(&run).pid.expect("a process"));
    }
    pids.push(grandchild(&stage).await);
    let patience = Patience::default();
    assert!(patience.close + patience.term + patience.kill <= Duration::from_secs(7), "{patience:?}");
    tokio::time::timeout(LONG, stage.live.clone().shutdown()).await.expect("it ends");
    for pid in pids {
        assert_eq!(identify(pid), None, "{pid} lives, or is a zombie");
    }
    assert!(stage.place.store().with(|db| registry::children(db)).expect("read").is_empty());
    let late = stage.live.begin(Agent::Claude, stage.place.opening(), Some("say late".into())).await;
    assert!(late.is_err(), "nothing begins after it");
}

#[tokio::test]
async fn a_child_that_closes_its_output_and_lives_on_is_ended() {
    let stage = Stage::new();
    let run = stage.begin("say x\nclose\nhang").await;
    let info = stage.gone(&run).await;
    assert!(matches!(&info.last, Some(Outcome::Failed(_))), "{info:?}");
    assert_eq!(info.pid, None);
}

#[tokio::test]
async fn h22_garbage_is_kept_and_no_turn_spins_without_a_child() {
    let stage = Stage::new();
    let run = stage.begin("garbage\nsay after").await;
    let info = stage.done(&run, 1).await;
    assert_eq!(info.last, Some(Outcome::Done));
    assert!(stage.said(&run).await.contains("not json at all"));
    let pid = info.pid.expect("a process");
    stage.submit(&run, "hang").await;
    stage.until(&run, |info| info.turn.0 == 2 && info.queued == 0).await;
    let status = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    assert!(status.expect("kill").success());
    let info = stage.gone(&run).await;
    let crashed = matches!(&info.phase, Phase::Stopped(Stopped::Failed(Failure::Crashed { code: None, .. })));
    assert!(crashed, "{info:?}");
}

#[tokio::test]
async fn b26_a_line_of_many_megabytes_is_taken_and_one_that_is_too_much_for_the_ring_is_told() {
    let stage = Stage::new();
    let run = stage.begin("long 5000000").await;
    stage.done(&run, 1).await;
    assert!(stage.said(&run).await.len() > 5_000_000);
    stage.submit(&run, "long 10000000\nsay end").await;
    assert_eq!(stage.done(&run, 2).await.last, Some(Outcome::Done));
    let viewer = stage.live.watch(&run).expect("the run");
    let replay = viewer.since(Cursor { next: 0, ..viewer.cursor() }).await.expect("a replay");
    assert!(replay.missed > 0, "it stands in the transcript");
    assert!(stage.said(&run).await.contains("text: end"));
}

#[tokio::test]
async fn a_flood_of_stderr_and_stdout_blocks_nobody() {
    let stage = Stage::with(|options| options.limits = quick());
    let run = stage.begin("flood 20000\nsay end").await;
    let info = stage.done(&run, 1).await;
    assert_eq!(info.last, Some(Outcome::Done));
}

#[tokio::test]
async fn h26_a_run_that_was_stopped_goes_on_with_the_next_prompt() {
    let stage = Stage::new();
    let run = stage.begin("say one").await;
    let pid = stage.done(&run, 1).await.pid.expect("a process");
    stage.live.stop(&run).expect("told");
    let info = stage.gone(&run).await;
    assert_eq!((info.phase.clone(), info.failure.clone()), (Phase::Stopped(Stopped::OnRequest), None));
    assert_eq!(identify(pid), None);
    stage.submit(&run, "say two").await;
    assert_eq!(stage.done(&run, 2).await.last, Some(Outcome::Done));
}
