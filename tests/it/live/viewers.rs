//! Any number of viewers, each at its own pace, with no gap and no duplicate.

use proptest::prelude::*;
use salon::domain::approval::{Answer, Approval};
use salon::domain::event::{Body, Piece};
use salon::domain::run::{Cursor, Outcome, Phase, Turn, What};
use salon::domain::transcript::Action;
use salon::domain::{Event, Key};
use salon::live::Viewer;
use salon::live::history::{BOUNDS, History};

use super::stage::Stage;

/// What a viewer that looks again and again has seen: the texts in order, and how much it missed.
#[derive(Default)]
struct Reader {
    cursor: Cursor,
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
        for item in replay.happenings {
            match item.value.what {
                What::Event(Event { body: Body::Text(Piece::Delta(text)) | Body::Prompt(text), .. }) => {
                    self.text.push_str(&text);
                }
                What::Event(_) | What::ApprovalGone(_) => {}
                What::Approval(_) => self.asked += 1,
                What::TurnEnded(_) => self.ended += 1,
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
async fn b4_b7_whoever_comes_when_sees_the_same() {
    let stage = Stage::new();
    let run = stage.begin("say one two three four\nwait 20\nflood 500\nsay five").await;
    let first = tokio::spawn(Reader::default().follow(stage.live.watch(&run).expect("the run"), 1));
    stage.until(&run, |info| matches!(info.phase, Phase::Working { .. })).await;
    let second = tokio::spawn(Reader::default().follow(stage.live.watch(&run).expect("the run"), 1));
    stage.done(&run, 1).await;
    let mut late = Reader::default();
    late.look(&stage.live.watch(&run).expect("the run")).await;
    let (first, second) = (first.await.expect("followed"), second.await.expect("followed"));
    assert!(first.text.contains("say one two three four"), "the prompt, too: {}", first.text);
    assert_eq!(first.text, second.text);
    assert_eq!(first.text, late.text);
    assert_eq!((first.missed, second.missed, late.missed), (0, 0, 0));
}

#[tokio::test]
async fn b5_who_comes_back_gets_what_is_new_and_no_more() {
    let stage = Stage::new();
    let run = stage.begin("say old").await;
    stage.done(&run, 1).await;
    let mut reader = Reader::default();
    reader.look(&stage.live.watch(&run).expect("the run")).await;
    reader.text.clear();
    stage.submit(&run, "say new").await;
    stage.done(&run, 2).await;
    reader.look(&stage.live.watch(&run).expect("the run")).await;
    assert!(reader.text.contains("new") && !reader.text.contains("old"), "{}", reader.text);
    assert_eq!((reader.missed, reader.ended), (0, 2));
}

#[tokio::test]
async fn b8_a_viewer_that_sleeps_delays_nobody_and_is_told_what_it_missed() {
    let stage = Stage::new();
    let run = stage.begin("say begin").await;
    let sleeper = stage.live.watch(&run).expect("the run");
    stage.done(&run, 1).await;
    // More than a ring holds, in entries of their own.
    let script: String = (0..1200).map(|at| format!("think {at}\nsay {at}\n")).collect();
    stage.submit(&run, &script).await;
    stage.done(&run, 2).await;
    let mut reader = Reader::default();
    reader.look(&sleeper).await;
    assert!(reader.missed > 0);
    assert!(reader.text.contains("think 0\n"), "H21: the prompt of the open turn stays");
    assert_eq!(reader.cursor, sleeper.cursor());
}

#[tokio::test]
async fn b20_questions_stand_in_the_history() {
    let stage = Stage::new();
    let run = stage.begin("ask ls").await;
    let info = stage.until(&run, |info| !info.approvals.is_empty()).await;
    let answer = Answer::Choice { token: "deny".into(), reason: Some("no".into()) };
    stage.live.answer(&run, &info.approvals[0].id, answer).expect("told");
    stage.done(&run, 1).await;
    let viewer = stage.live.watch(&run).expect("the run");
    let replay = viewer.since(Cursor::default()).await.expect("a replay");
    let told = replay.happenings.iter().filter_map(|item| match &item.value.what {
        What::Approval(approval) => Some((true, approval.id.clone())),
        What::ApprovalGone(id) => Some((false, id.clone())),
        What::Event(_) | What::TurnEnded(_) => None,
    });
    let id = &info.approvals[0].id;
    assert_eq!(told.collect::<Vec<_>>(), [(true, id.clone()), (false, id.clone())]);
}

fn text(key: u32, text: &str) -> What {
    What::Event(Event { key: Key::new("m", key), time: None, body: Body::Text(Piece::Delta(text.to_owned())) })
}

fn prompt(text: &str) -> What {
    What::Event(Event { key: Key::new("prompt", 0), time: None, body: Body::Prompt(text.to_owned()) })
}

fn question(id: &str) -> What {
    What::Approval(Approval {
        id: id.into(),
        tool_id: None,
        tool: "Bash".into(),
        action: Action::Other(String::new()),
        input: serde_json::Value::Null,
        reason: None,
        questions: Vec::new(),
        choices: Vec::new(),
        since: None,
    })
}

#[test]
fn h20_a_cursor_of_another_epoch_is_shown_by_the_answer() {
    let mut history = History::new(7);
    history.push(Turn(1), text(0, "x"));
    let replay = history.since(Cursor { epoch: 6, next: 1 });
    assert_eq!((replay.cursor, replay.happenings.len()), (Cursor { epoch: 7, next: 1 }, 1));
}

#[test]
fn h21_prompt_question_and_end_outlive_a_flood() {
    let mut history = History::new(1);
    history.push(Turn(1), prompt("first"));
    history.push(Turn(1), What::TurnEnded(Outcome::Done));
    history.push(Turn(2), prompt("second"));
    history.push(Turn(2), question("1:a"));
    history.push(Turn(2), question("1:b"));
    history.push(Turn(2), What::ApprovalGone("1:b".into()));
    for key in 0..5000 {
        history.push(Turn(2), text(key, "x"));
    }
    let held = history.since(Cursor { epoch: 1, next: 0 });
    assert!(held.happenings.len() <= BOUNDS.items);
    assert_eq!(held.missed + held.happenings.len() as u64, 5006);
    let kept = |like: fn(&What) -> bool| held.happenings.iter().filter(|item| like(&item.value.what)).count();
    assert_eq!(kept(|what| matches!(what, What::Event(Event { body: Body::Prompt(_), .. }))), 1, "the open turn's");
    assert_eq!(kept(|what| matches!(what, What::Approval(_))), 1, "the open one");
    assert_eq!(kept(|what| matches!(what, What::TurnEnded(_))), 0);
}

#[test]
fn h21_an_endless_answer_stays_within_its_bytes() {
    let mut history = History::new(1);
    let piece = "0123456789abcdef".repeat(16);
    for _ in 0..100_000 {
        history.push(Turn(1), text(0, &piece));
    }
    let held = history.since(Cursor { epoch: 1, next: 0 });
    let bytes: usize = held.happenings.iter().map(|item| format!("{:?}", item.value).len()).sum();
    assert!(bytes <= BOUNDS.bytes + (128 << 10), "{bytes}");
    assert!(held.missed > 0);
}

proptest! {
    /// Wherever a viewer comes and leaves, what it got before and after is the whole, once.
    #[test]
    fn b4_no_gap_and_no_duplicate(pieces in prop::collection::vec((0u32..4, "[a-z]{0,5}"), 1..80), stops in prop::collection::vec(0usize..80, 0..8)) {
        let mut history = History::new(3);
        let (mut cursor, mut seen) = (history.cursor(), String::new());
        let mut look = |history: &History| {
            let replay = history.since(cursor);
            cursor = replay.cursor;
            for item in replay.happenings {
                if let What::Event(Event { body: Body::Text(Piece::Delta(text)), .. }) = item.value.what {
                    seen.push_str(&text);
                }
            }
        };
        for (at, (key, piece)) in pieces.iter().enumerate() {
            if stops.contains(&at) {
                look(&history);
            }
            history.push(Turn(1), text(*key, piece));
        }
        look(&history);
        prop_assert_eq!(seen, pieces.iter().map(|(_, piece)| piece.as_str()).collect::<String>());
    }
}
