//! A conversation with a run, at three sizes.

use salon::app::runs::RunMsg;
use salon::domain::Time;
use salon::domain::event::Level;
use salon::domain::prompt::PromptState;
use salon::domain::run::{Activity, Failure, Outcome, Phase, Stopped};
use salon::domain::transcript::ToolStatus;

use super::stage::NOW;
use super::talk::{Talk, command, delta, ended, notice, on_disk, prompt, queued, result, run, thought, tokens};

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 10)];

/// A turn that is on disk, and one under way.
fn at_work(width: u16, height: u16) -> Talk {
    let first = vec![
        prompt("p1", "Why is cart_total flaky?"),
        command("c1", "cargo test cart_total"),
        result("c1", ToolStatus::Done, "ok"),
        delta("a1", "It depends on the order of a `HashMap`."),
    ];
    let mut talk = Talk::of(width, height, on_disk(first));
    talk.changed(|info| {
        info.tokens = tokens();
        info.cost_usd = Some(0.42);
        info.context = Some((72_000, 200_000));
    });
    talk.working(true);
    talk.happen(
        2,
        vec![
            prompt("p2", "Fix it, and add a test that fails without the fix."),
            thought("t2", "A BTreeMap keeps the order."),
            command("c2", "cargo test -p shop-api cart"),
            result("c2", ToolStatus::Running, "running 12 tests\n"),
            delta("a2", "The totals are summed in **insertion order** now:\n\n- `cart.rs` uses a `BTree"),
        ],
    );
    talk
}

#[test]
fn a_turn_under_way() {
    for (width, height) in SIZES {
        let mut talk = at_work(width, height);
        insta::assert_snapshot!(format!("chat_working_{width}x{height}"), talk.screen());
    }
}

#[test]
fn a_queue_and_a_text_that_is_being_written() {
    for (width, height) in SIZES {
        let mut talk = at_work(width, height);
        talk.send(RunMsg::Queued(
            run(),
            vec![
                queued(1, "Then run the whole suite\nand tell what is slow", PromptState::Pending, None),
                queued(2, "Commit it", PromptState::Held, Some("it may not have been delivered")),
                queued(3, "Push it", PromptState::Failed, Some("the agent ended three times")),
            ],
        ));
        talk.type_in("And one more thing: the names of the tests should say what they prove, not what they do.");
        talk.keys("alt-enter").type_in("下書き second line");
        insta::assert_snapshot!(format!("chat_queue_{width}x{height}"), talk.screen());
    }
}

#[test]
fn d15_a_paused_queue_says_why_and_which_key_goes_on() {
    for (width, height) in SIZES {
        let mut talk = at_work(width, height);
        talk.happen(2, vec![notice("n2", Level::Warning, "interrupted by the user"), ended()]);
        talk.changed(|info| {
            info.phase = Phase::Idle;
            info.paused = true;
            info.last = Some(Outcome::Interrupted);
        });
        talk.send(RunMsg::Queued(run(), vec![queued(4, "Run the whole suite", PromptState::Pending, None)]));
        insta::assert_snapshot!(format!("chat_paused_{width}x{height}"), talk.screen());
    }
}

#[test]
fn a_new_conversation() {
    for (width, height) in SIZES {
        let mut talk = Talk::new(width, height);
        talk.changed(|info| info.mode = Some("bypassPermissions".into()));
        insta::assert_snapshot!(format!("chat_new_{width}x{height}"), talk.screen());
    }
}

#[test]
fn commands_complete() {
    let mut talk = at_work(80, 24);
    talk.type_in("/c");
    insta::assert_snapshot!("chat_completion", talk.screen());
}

/// The line that tells the state.
fn status(talk: &mut Talk) -> String {
    let screen = talk.screen();
    screen.lines().rev().nth(1).unwrap_or_default().trim().to_owned()
}

#[test]
fn the_status_line_tells_each_state_in_words() {
    let mut talk = Talk::new(120, 24);
    let ago = |seconds: i64| Time::from_millis(NOW.millis() - seconds * 1_000);
    let at = |activity| Phase::Working { since: ago(3_723), activity };
    let retrying = Activity::Retrying {
        attempt: 3,
        at: Some(Time::from_millis(NOW.millis() + 12_400)),
        reason: "overloaded".into(),
    };
    let crashed = Failure::Crashed { code: Some(3), stderr: "out of memory".into() };
    let states = [
        (Phase::Starting, None, None),
        (at(Activity::Answering), None, None),
        (at(Activity::Compacting), None, None),
        (at(retrying), None, None),
        (at(Activity::Answering), Some(ago(330)), None),
        (Phase::Interrupting { since: ago(2) }, None, None),
        (Phase::Idle, None, None),
        (Phase::Idle, None, Some(Outcome::Interrupted)),
        (Phase::Idle, None, Some(Outcome::Failed(Failure::UnknownModel("opus-9".into())))),
        (Phase::Stopped(Stopped::OnRequest), None, None),
        (Phase::Stopped(Stopped::Evicted), None, None),
        (Phase::Stopped(Stopped::Failed(crashed)), None, None),
    ];
    let mut lines = Vec::new();
    for (phase, silent, last) in states {
        talk.changed(|info| (info.phase, info.silent, info.last) = (phase, silent, last));
        lines.push(status(&mut talk));
    }
    insta::assert_snapshot!("chat_states", lines.join("\n"));
}
