//! Chat screens at three sizes.

use salon::app::runs::RunMsg;
use salon::domain::Time;
use salon::domain::budget::{Allowance, Budget};
use salon::domain::event::NoticeLevel;
use salon::domain::prompt::PromptState;
use salon::domain::run::{Activity, Phase, Quota, RunFailure, StopReason, TurnOutcome};
use salon::domain::transcript::ToolStatus;

use super::chat_harness::{
    ChatHarness, command, delta, ended, notice, on_disk, prompt, queued, result, run, thought, tokens,
};
use super::stage::NOW;

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 10)];

/// One turn on disk, and an open one.
fn at_work(width: u16, height: u16) -> ChatHarness {
    let first = vec![
        prompt("p1", "Why is cart_total flaky?"),
        command("c1", "cargo test cart_total"),
        result("c1", ToolStatus::Done, "ok"),
        delta("a1", "It depends on the order of a `HashMap`."),
    ];
    let mut harness = ChatHarness::of(width, height, on_disk(first));
    harness.changed(|info| {
        info.tokens = tokens();
        info.cost_usd = Some(0.42);
        info.context = Some((72_000, 200_000));
    });
    harness.working(true);
    harness.happen(
        2,
        vec![
            prompt("p2", "Fix it, and add a test that fails without the fix."),
            thought("t2", "A BTreeMap keeps the order."),
            command("c2", "cargo test -p shop-api cart"),
            result("c2", ToolStatus::Running, "running 12 tests\n"),
            delta("a2", "The totals are summed in **insertion order** now:\n\n- `cart.rs` uses a `BTree"),
        ],
    );
    harness
}

#[test]
fn an_open_turn() {
    for (width, height) in SIZES {
        let mut harness = at_work(width, height);
        insta::assert_snapshot!(format!("chat_working_{width}x{height}"), harness.screen());
    }
}

#[test]
fn the_header_has_the_used_part_of_the_limit_and_when_it_resets() {
    let mut harness = at_work(120, 40);
    let header = |harness: &mut ChatHarness| harness.screen().lines().next().unwrap_or_default().to_owned();
    assert!(!header(&mut harness).contains("limit"));
    let resets_at = Some(Time::from_millis(NOW.millis() + 90 * 60_000));
    harness.changed(|info| info.quota = Some(Quota { percent: 41.6, resets_at }));
    assert!(header(&mut harness).contains("limit 42% · running in salon"), "{}", header(&mut harness));
    harness.changed(|info| info.quota = Some(Quota { percent: 93.0, resets_at }));
    assert!(header(&mut harness).contains("limit 93%, resets in 1 h 30 min"), "{}", header(&mut harness));
}

#[test]
fn the_header_names_the_service_in_which_a_session_is_controlled() {
    let mut harness = at_work(160, 40);
    harness.changed(|info| (info.pid, info.service) = (None, Some(4711)));
    let header = harness.screen().lines().next().unwrap_or_default().to_owned();
    assert!(header.contains("controlled in the service of Claude Code (pid 4711)"), "{header}");
}

#[test]
fn a_queue_and_a_draft() {
    for (width, height) in SIZES {
        let mut harness = at_work(width, height);
        harness.send(RunMsg::Queued(
            run(),
            vec![
                queued(1, "Then run the whole suite\nand tell what is slow", PromptState::Pending, None),
                queued(2, "Commit it", PromptState::Held, Some("it may not have been delivered")),
                queued(3, "Push it", PromptState::Failed, Some("the agent ended three times")),
            ],
        ));
        harness.type_in("And one more thing: the names of the tests should say what they prove, not what they do.");
        harness.keys("alt-enter").type_in("下書き second line");
        insta::assert_snapshot!(format!("chat_queue_{width}x{height}"), harness.screen());
    }
}

#[test]
fn a_used_up_budget_is_shown_with_the_key_that_goes_on() {
    for (width, height) in SIZES {
        let mut harness = at_work(width, height);
        harness.happen(2, vec![ended()]);
        harness.changed(|info| {
            info.phase = Phase::Idle;
            info.paused = true;
            info.last_outcome = Some(TurnOutcome::Done);
            info.over_budget =
                Budget { session_usd: Some(0.4), day_usd: None }.exceeded(0.42, 0.0, Allowance::default());
        });
        harness.send(RunMsg::Queued(run(), vec![queued(4, "Run the whole suite", PromptState::Pending, None)]));
        insta::assert_snapshot!(format!("chat_budget_{width}x{height}"), harness.screen());
    }
}

#[test]
fn d15_a_paused_queue_shows_the_reason_and_the_key_that_resumes_it() {
    for (width, height) in SIZES {
        let mut harness = at_work(width, height);
        harness.happen(2, vec![notice("n2", NoticeLevel::Warning, "interrupted by the user"), ended()]);
        harness.changed(|info| {
            info.phase = Phase::Idle;
            info.paused = true;
            info.last_outcome = Some(TurnOutcome::Interrupted);
        });
        harness.send(RunMsg::Queued(run(), vec![queued(4, "Run the whole suite", PromptState::Pending, None)]));
        insta::assert_snapshot!(format!("chat_paused_{width}x{height}"), harness.screen());
    }
}

#[test]
fn a_new_conversation() {
    for (width, height) in SIZES {
        let mut harness = ChatHarness::new(width, height);
        harness.changed(|info| info.mode = Some("bypassPermissions".into()));
        insta::assert_snapshot!(format!("chat_new_{width}x{height}"), harness.screen());
    }
}

#[test]
fn commands_complete() {
    let mut harness = at_work(80, 24);
    harness.type_in("/c");
    insta::assert_snapshot!("chat_completion", harness.screen());
}

/// The status line.
fn status(harness: &mut ChatHarness) -> String {
    let screen = harness.screen();
    screen.lines().rev().nth(1).unwrap_or_default().trim().to_owned()
}

#[test]
fn the_status_line_describes_each_state() {
    let mut harness = ChatHarness::new(120, 24);
    let ago = |seconds: i64| Time::from_millis(NOW.millis() - seconds * 1_000);
    let at = |activity| Phase::Working { since: ago(3_723), activity };
    let retrying = Activity::Retrying {
        attempt: 3,
        at: Some(Time::from_millis(NOW.millis() + 12_400)),
        reason: "overloaded".into(),
    };
    let crashed = RunFailure::Crashed { code: Some(3), stderr: "out of memory".into() };
    let states = [
        (Phase::Starting, None, None),
        (at(Activity::Answering), None, None),
        (at(Activity::Compacting), None, None),
        (at(retrying), None, None),
        (at(Activity::Answering), Some(ago(330)), None),
        (Phase::Interrupting { since: ago(2) }, None, None),
        (Phase::Idle, None, None),
        (Phase::Idle, None, Some(TurnOutcome::Interrupted)),
        (Phase::Idle, None, Some(TurnOutcome::Failed(RunFailure::UnknownModel("opus-9".into())))),
        (Phase::Stopped(StopReason::OnRequest), None, None),
        (Phase::Stopped(StopReason::Evicted), None, None),
        (Phase::Stopped(StopReason::Failed(crashed)), None, None),
    ];
    let mut lines = Vec::new();
    for (phase, silent, last) in states {
        harness.changed(|info| (info.phase, info.silent_since, info.last_outcome) = (phase, silent, last));
        lines.push(status(&mut harness));
    }
    insta::assert_snapshot!("chat_states", lines.join("\n"));
}
