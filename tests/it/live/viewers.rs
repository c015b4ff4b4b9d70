//! Any number of viewers, each at its own pace, with no gap and no duplicate.

use proptest::prelude::*;
use salon::domain::approval::{Approval, ApprovalAnswer};
use salon::domain::event::{Delta, EventBody};
use salon::domain::run::{Phase, TurnNumber, TurnOutcome};
use salon::domain::run_event::{RingCursor, RunEventKind};
use salon::domain::transcript::{ToolAction, ToolStatus};
use salon::domain::{EntryKey, Event, Time};
use salon::live::Viewer;
use salon::live::history::{BOUNDS, RunHistory};

use super::harness::Harness;

/// Texts and number of missed items that a polling viewer has collected.
#[derive(Default)]
struct Reader {
    cursor: RingCursor,
    text: String,
    missed: u64,
    ended: usize,
    asked: usize,
}

impl Reader {
    async fn look(&mut self, viewer: &Viewer) {
        let replay = viewer.since(self.cursor).await.expect("a replay");
        assert_eq!(replay.cursor.epoch, viewer.cursor().epoch);
        self.missed += replay.missed;
        self.cursor = replay.cursor;
        for item in replay.events {
            match item.value.kind {
                RunEventKind::Event(Event {
                    body: EventBody::Text(Delta::Append(text)) | EventBody::Prompt(text),
                    ..
                }) => {
                    self.text.push_str(&text);
                }
                RunEventKind::Event(_) | RunEventKind::ApprovalGone(_) => {}
                RunEventKind::Approval(_) => self.asked += 1,
                RunEventKind::TurnEnded { .. } => self.ended += 1,
            }
        }
    }

    async fn follow(mut self, mut viewer: Viewer, turns: usize) -> Self {
        while self.ended < turns {
            assert!(viewer.changed().await);
            self.look(&viewer).await;
        }
        self
    }
}

#[tokio::test]
async fn b4_b7_viewers_see_the_same_whenever_they_attach() {
    let harness = Harness::new();
    let run = harness.begin("say one two three four\nwait 20\nflood 500\nsay five").await;
    let first = tokio::spawn(Reader::default().follow(harness.live.watch(&run).expect("the run"), 1));
    harness.until(&run, |info| matches!(info.phase, Phase::Working { .. })).await;
    let second = tokio::spawn(Reader::default().follow(harness.live.watch(&run).expect("the run"), 1));
    harness.done(&run, 1).await;
    let mut late = Reader::default();
    late.look(&harness.live.watch(&run).expect("the run")).await;
    let (first, second) = (first.await.expect("followed"), second.await.expect("followed"));
    assert!(first.text.contains("say one two three four"), "the prompt, too: {}", first.text);
    assert_eq!(first.text, second.text);
    assert_eq!(first.text, late.text);
    assert_eq!((first.missed, second.missed, late.missed), (0, 0, 0));
}

#[tokio::test]
async fn b5_a_returning_viewer_gets_only_new_events() {
    let harness = Harness::new();
    let run = harness.begin("say old").await;
    harness.done(&run, 1).await;
    let mut reader = Reader::default();
    reader.look(&harness.live.watch(&run).expect("the run")).await;
    reader.text.clear();
    harness.submit(&run, "say new").await;
    harness.done(&run, 2).await;
    reader.look(&harness.live.watch(&run).expect("the run")).await;
    assert!(reader.text.contains("new") && !reader.text.contains("old"), "{}", reader.text);
    assert_eq!((reader.missed, reader.ended), (0, 2));
}

#[tokio::test]
async fn b8_a_slow_viewer_delays_no_other_and_learns_what_it_missed() {
    let harness = Harness::new();
    let run = harness.begin("say begin").await;
    let sleeper = harness.live.watch(&run).expect("the run");
    harness.done(&run, 1).await;
    // More entries than the ring holds.
    let script: String = (0..1200).map(|at| format!("think {at}\nsay {at}\n")).collect();
    harness.submit(&run, &script).await;
    harness.done(&run, 2).await;
    let mut reader = Reader::default();
    reader.look(&sleeper).await;
    assert!(reader.missed > 0);
    assert!(reader.text.contains("think 0\n"), "H21: the prompt of the open turn stays");
    assert_eq!(reader.cursor, sleeper.cursor());
}

#[tokio::test]
async fn b20_approvals_are_part_of_the_history() {
    let harness = Harness::new();
    let run = harness.begin("ask ls").await;
    let info = harness.until(&run, |info| !info.approvals.is_empty()).await;
    let answer = ApprovalAnswer::Choice { token: "deny".into(), reason: Some("no".into()) };
    harness.live.answer(&run, &info.approvals[0].id, answer).expect("sent");
    harness.done(&run, 1).await;
    let viewer = harness.live.watch(&run).expect("the run");
    let replay = viewer.since(RingCursor::default()).await.expect("a replay");
    let events = replay.events.iter().filter_map(|item| match &item.value.kind {
        RunEventKind::Approval(approval) => Some((true, approval.id.clone())),
        RunEventKind::ApprovalGone(id) => Some((false, id.clone())),
        RunEventKind::Event(_) | RunEventKind::TurnEnded { .. } => None,
    });
    let id = &info.approvals[0].id;
    assert_eq!(events.collect::<Vec<_>>(), [(true, id.clone()), (false, id.clone())]);
}

#[tokio::test]
async fn the_duration_of_a_call_begins_after_its_approval() {
    let harness = Harness::new();
    let run = harness.begin("ask ls").await;
    let info = harness.until(&run, |info| !info.approvals.is_empty()).await;
    let allow = ApprovalAnswer::Choice { token: "allow".into(), reason: None };
    harness.live.answer(&run, &info.approvals[0].id, allow).expect("sent");
    harness.done(&run, 1).await;
    let viewer = harness.live.watch(&run).expect("the run");
    let replay = viewer.since(RingCursor::default()).await.expect("a replay");
    let durations = replay.events.iter().filter_map(|item| match &item.value.kind {
        RunEventKind::Event(Event {
            body: EventBody::ToolUpdate { status: Some(ToolStatus::Done), duration_ms, .. },
            ..
        }) => Some(*duration_ms),
        _ => None,
    });
    let durations: Vec<_> = durations.collect();
    assert!(matches!(durations.as_slice(), [Some(_)]), "the times of the events include the wait: {durations:?}");
}

fn text(key: u32, text: &str) -> RunEventKind {
    RunEventKind::Event(Event {
        key: EntryKey::new("m", key),
        time: None,
        body: EventBody::Text(Delta::Append(text.to_owned())),
    })
}

fn prompt(text: &str) -> RunEventKind {
    RunEventKind::Event(Event { key: EntryKey::new("prompt", 0), time: None, body: EventBody::Prompt(text.to_owned()) })
}

fn question(id: &str) -> RunEventKind {
    RunEventKind::Approval(Approval {
        id: id.into(),
        tool_id: None,
        tool: "Bash".into(),
        action: ToolAction::Other(String::new()),
        input: serde_json::Value::Null,
        reason: None,
        questions: Vec::new(),
        choices: Vec::new(),
        since: None,
    })
}

#[test]
fn h20_the_replay_shows_that_the_epoch_differs() {
    let mut history = RunHistory::new(7);
    history.push(TurnNumber(1), text(0, "x"));
    let replay = history.since(RingCursor { epoch: 6, next: 1 });
    assert_eq!((replay.cursor, replay.events.len()), (RingCursor { epoch: 7, next: 1 }, 1));
}

#[test]
fn h21_prompt_approval_and_end_survive_a_flood() {
    let mut history = RunHistory::new(1);
    history.push(TurnNumber(1), prompt("first"));
    history.push(
        TurnNumber(1),
        RunEventKind::TurnEnded { outcome: TurnOutcome::Done, time: Time::default(), duration_ms: 0 },
    );
    history.push(TurnNumber(2), prompt("second"));
    history.push(TurnNumber(2), question("1:a"));
    history.push(TurnNumber(2), question("1:b"));
    history.push(TurnNumber(2), RunEventKind::ApprovalGone("1:b".into()));
    for key in 0..5000 {
        history.push(TurnNumber(2), text(key, "x"));
    }
    let held = history.since(RingCursor { epoch: 1, next: 0 });
    assert!(held.events.len() <= BOUNDS.items);
    assert_eq!(held.missed + held.events.len() as u64, 5006);
    let kept = |like: fn(&RunEventKind) -> bool| held.events.iter().filter(|item| like(&item.value.kind)).count();
    assert_eq!(
        kept(|what| matches!(what, RunEventKind::Event(Event { body: EventBody::Prompt(_), .. }))),
        1,
        "the open turn's"
    );
    assert_eq!(kept(|what| matches!(what, RunEventKind::Approval(_))), 1, "the open one");
    assert_eq!(kept(|what| matches!(what, RunEventKind::TurnEnded { .. })), 0);
}

#[test]
fn c22_h21_an_endless_answer_stays_within_its_bytes() {
    let mut history = RunHistory::new(1);
    let piece = "0123456789abcdef".repeat(16);
    for _ in 0..100_000 {
        history.push(TurnNumber(1), text(0, &piece));
    }
    let held = history.since(RingCursor { epoch: 1, next: 0 });
    let bytes: usize = held.events.iter().map(|item| format!("{:?}", item.value).len()).sum();
    assert!(bytes <= BOUNDS.bytes + (128 << 10), "{bytes}");
    assert!(held.missed > 0);
}

proptest! {
    /// A viewer that attaches and detaches at any point collects every item exactly once.
    #[test]
    fn b4_no_gap_and_no_duplicate(pieces in prop::collection::vec((0u32..4, "[a-z]{0,5}"), 1..80), stops in prop::collection::vec(0usize..80, 0..8)) {
        let mut history = RunHistory::new(3);
        let (mut cursor, mut seen) = (history.cursor(), String::new());
        let mut look = |history: &RunHistory| {
            let replay = history.since(cursor);
            cursor = replay.cursor;
            for item in replay.events {
                if let RunEventKind::Event(Event { body: EventBody::Text(Delta::Append(text)), .. }) = item.value.kind {
                    seen.push_str(&text);
                }
            }
        };
        for (at, (key, piece)) in pieces.iter().enumerate() {
            if stops.contains(&at) {
                look(&history);
            }
            history.push(TurnNumber(1), text(*key, piece));
        }
        look(&history);
        prop_assert_eq!(seen, pieces.iter().map(|(_, piece)| piece.as_str()).collect::<String>());
    }
}
