//! The outbox: accepted prompts are on disk, delivered once and in order, and never resent automatically.

use proptest::prelude::*;
use rusqlite::Connection;
use salon::domain::Time;
use salon::domain::prompt::{PromptId, PromptState};
use salon::domain::run::RunId;
use salon::store::outbox;

use crate::support::clock;

fn database() -> Connection {
    let db = Connection::open_in_memory().expect("a database in memory");
    db.execute_batch(outbox::SCHEMA).expect("the schema");
    db.execute_batch(outbox::ADD_SENT).expect("the migration");
    db.execute_batch(outbox::ADD_NOT_BEFORE).expect("the migration");
    db
}

fn run(name: &str) -> RunId {
    RunId(name.into())
}

fn enqueue(db: &mut Connection, name: &str, text: &str) -> PromptId {
    outbox::enqueue(db, &run(name), text, Time::from_millis(1)).expect("accepted")
}

fn deliver(db: &mut Connection, name: &str) -> Option<String> {
    let prompt = outbox::claim(db, &run(name), clock()).expect("claim")?;
    assert!(outbox::advance(db, prompt.id, &[PromptState::Sending], PromptState::Delivered, None).expect("delivered"));
    Some(prompt.text)
}

#[test]
fn d3_five_prompts_are_delivered_in_order() {
    let mut db = database();
    for text in ["1", "2", "3", "4", "5"] {
        enqueue(&mut db, "a", text);
    }
    enqueue(&mut db, "b", "other");
    let delivered_texts: Vec<_> = std::iter::from_fn(|| deliver(&mut db, "a")).collect();
    assert_eq!(delivered_texts, ["1", "2", "3", "4", "5"]);
    assert!(outbox::queue(&db, &run("a")).expect("queue").is_empty());
    assert_eq!(outbox::queue(&db, &run("b")).expect("queue").len(), 1);
}

#[test]
fn b9_d3_one_turn_at_a_time() {
    let mut db = database();
    enqueue(&mut db, "a", "1");
    enqueue(&mut db, "a", "2");
    assert_eq!(outbox::claim(&mut db, &run("a"), clock()).expect("claim").expect("the first").text, "1");
    assert!(outbox::claim(&mut db, &run("a"), clock()).expect("claim").is_none(), "the first is still being sent");
}

#[test]
fn d4_edit_reorder_and_cancel_until_it_is_sent() {
    let mut db = database();
    let [one, two, three] = ["1", "2", "3"].map(|text| enqueue(&mut db, "a", text));
    assert!(outbox::edit(&mut db, two, "zwei").expect("edit"));
    assert!(outbox::move_up(&mut db, three).expect("move"));
    assert!(outbox::move_up(&mut db, three).expect("move"));
    assert!(!outbox::move_up(&mut db, three).expect("move"), "it is the first");
    assert!(outbox::advance(&mut db, one, &[PromptState::Pending], PromptState::Cancelled, None).expect("cancel"));
    let sent = outbox::claim(&mut db, &run("a"), clock()).expect("claim").expect("one");
    assert_eq!(sent.text, "3");
    assert!(!outbox::edit(&mut db, sent.id, "late").expect("edit"), "it is being sent");
    let left: Vec<_> = outbox::queue(&db, &run("a")).expect("queue").into_iter().map(|prompt| prompt.text).collect();
    assert_eq!(left, ["3", "zwei"]);
}

#[test]
fn d7_d9_a_crash_leaves_prompts_held_with_a_reason() {
    let mut db = database();
    let first = enqueue(&mut db, "a", "sent half");
    enqueue(&mut db, "a", "not sent");
    outbox::claim(&mut db, &run("a"), clock()).expect("claim").expect("the first");
    let unsure = outbox::hold_leftovers(&mut db, &run("a")).expect("leftovers");
    assert_eq!(unsure.iter().map(|prompt| prompt.id).collect::<Vec<_>>(), [first]);
    let held = outbox::queue(&db, &run("a")).expect("queue");
    assert!(held.iter().all(|prompt| prompt.state == PromptState::Held && prompt.reason.is_some()));
    assert!(outbox::claim(&mut db, &run("a"), clock()).expect("claim").is_none(), "nothing is sent by itself");
    for prompt in held {
        assert!(
            outbox::advance(&mut db, prompt.id, &[PromptState::Held], PromptState::Pending, None).expect("release")
        );
    }
    assert_eq!(deliver(&mut db, "a").as_deref(), Some("sent half"));
}

#[test]
fn h31_after_a_crash_prompts_keep_their_order_and_a_barrier_its_place() {
    let mut db = database();
    for text in ["1", "/compact", "3"] {
        enqueue(&mut db, "a", text);
    }
    outbox::claim(&mut db, &run("a"), clock()).expect("claim").expect("the first");
    outbox::hold_leftovers(&mut db, &run("a")).expect("leftovers");
    enqueue(&mut db, "a", "new");
    let queue = outbox::queue(&db, &run("a")).expect("queue");
    let of_queue: Vec<_> = queue.iter().map(|prompt| (prompt.text.as_str(), prompt.barrier)).collect();
    assert_eq!(of_queue, [("1", false), ("/compact", true), ("3", false), ("new", false)]);
    // Released in another order, they are still delivered in the order of their submission.
    for prompt in queue.iter().rev().filter(|prompt| prompt.state == PromptState::Held) {
        assert!(outbox::release(&mut db, prompt.id, &[PromptState::Held], None).expect("release"));
    }
    let delivered_texts: Vec<_> = std::iter::from_fn(|| deliver(&mut db, "a")).collect();
    assert_eq!(delivered_texts, ["1", "/compact", "3", "new"]);
}

#[test]
fn d20_the_newest_hundred_delivered_are_kept() {
    let mut db = database();
    for at in 0..150 {
        enqueue(&mut db, "a", &at.to_string());
        deliver(&mut db, "a");
    }
    let kept: i64 = db.query_row("SELECT count(*) FROM prompts", [], |row| row.get(0)).expect("count");
    let oldest: String =
        db.query_row("SELECT text FROM prompts ORDER BY id LIMIT 1", [], |row| row.get(0)).expect("oldest");
    assert_eq!((kept, oldest.as_str()), (100, "50"));
}

#[test]
fn d22_the_time_of_submission_is_kept() {
    let mut db = database();
    outbox::enqueue(&mut db, &run("a"), "x", Time::from_millis(77)).expect("accepted");
    let prompt = outbox::claim(&mut db, &run("a"), clock()).expect("claim").expect("one");
    assert_eq!((prompt.submitted, prompt.attempts), (Time::from_millis(77), 1));
}

#[test]
fn d24_all_queues_in_one_list_failed_first() {
    let mut db = database();
    let failed = enqueue(&mut db, "a", "failed");
    enqueue(&mut db, "b", "pending");
    let sending = enqueue(&mut db, "c", "sending");
    outbox::advance(&mut db, failed, &[PromptState::Pending], PromptState::Failed, Some("why")).expect("fail");
    outbox::advance(&mut db, sending, &[PromptState::Pending], PromptState::Sending, None).expect("send");
    let delivered_texts: Vec<_> =
        outbox::all_queued(&db).expect("queues").into_iter().map(|prompt| prompt.text).collect();
    assert_eq!(delivered_texts, ["failed", "sending", "pending"]);
}

#[test]
fn d26_the_agents_own_commands_are_barriers() {
    let mut db = database();
    enqueue(&mut db, "a", "/compact");
    enqueue(&mut db, "a", "/compactor is no command");
    let queue = outbox::queue(&db, &run("a")).expect("queue");
    assert_eq!(queue.iter().map(|prompt| prompt.barrier).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn h45_a_draft_is_kept_until_it_is_empty() {
    let mut db = database();
    outbox::set_draft(&mut db, "claude:1", "half a thou").expect("kept");
    assert_eq!(outbox::draft(&db, "claude:1").expect("draft"), "half a thou");
    outbox::set_draft(&mut db, "claude:1", "").expect("forgotten");
    assert_eq!(outbox::draft(&db, "claude:1").expect("draft"), "");
}

/// An operation on an outbox between two crashes.
#[derive(Clone, Debug)]
enum Step {
    Enqueue,
    Claim,
    Acknowledge,
    Fail,
    Crash,
    Release,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Enqueue),
        Just(Step::Claim),
        Just(Step::Acknowledge),
        Just(Step::Fail),
        Just(Step::Crash),
        Just(Step::Release),
    ]
}

proptest! {
    /// After any operations an accepted prompt is delivered at most once and in order, or still queued.
    #[test]
    fn d6_nothing_is_lost_and_nothing_is_sent_twice(steps in prop::collection::vec(step(), 1..80)) {
        let mut db = database();
        let (mut accepted, mut delivered, mut sending) = (Vec::new(), Vec::new(), None);
        for step in steps {
            match step {
                Step::Enqueue => accepted.push(enqueue(&mut db, "a", "x")),
                Step::Claim => {
                    if let Some(prompt) = outbox::claim(&mut db, &run("a"), clock()).expect("claim") {
                        prop_assert!(sending.is_none(), "two at once");
                        sending = Some(prompt.id);
                    }
                }
                Step::Acknowledge => if let Some(id) = sending.take() {
                    prop_assert!(outbox::advance(&mut db, id, &[PromptState::Sending], PromptState::Delivered, None).expect("advance"));
                    delivered.push(id);
                },
                Step::Fail => if let Some(id) = sending.take() {
                    outbox::advance(&mut db, id, &[PromptState::Sending], PromptState::Failed, Some("why")).expect("advance");
                },
                Step::Crash => {
                    sending = None;
                    outbox::hold_leftovers(&mut db, &run("a")).expect("leftovers");
                }
                Step::Release => for prompt in outbox::queue(&db, &run("a")).expect("queue") {
                    let from = [PromptState::Held, PromptState::Failed];
                    outbox::advance(&mut db, prompt.id, &from, PromptState::Pending, None).expect("advance");
                },
            }
        }
        let queued: Vec<_> = outbox::queue(&db, &run("a")).expect("queue").into_iter().map(|prompt| prompt.id).collect();
        prop_assert_eq!([delivered, queued].concat(), accepted);
    }
}
