//! Invariants of the chat under random sequences of events.

use proptest::prelude::*;
use salon::app::Effect;
use salon::app::Msg;
use salon::app::runs::RunMsg;
use salon::domain::event::EventBody;
use salon::domain::prompt::PromptState;
use salon::domain::run::Phase;
use salon::domain::run_event::RunEventKind;
use salon::domain::transcript::Entry;

use super::{renamed, turn};
use crate::screens::chat_harness::{ChatHarness, ended, on_disk, queued, run};

/// Event of a chat.
#[derive(Clone, Debug)]
enum Step {
    Key(&'static str),
    Type(&'static str),
    Paste(usize),
    Tell(usize),
    Write,
    Phase(usize),
    Queue(usize),
    Size(u16, u16),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let keys = "enter alt-enter tab esc up down left right home end pgup pgdn backspace delete ctrl-c ctrl-r ctrl-u \
                ctrl-k ctrl-w ctrl-left ctrl-right ctrl-y ctrl-j ctrl-d g G K k j x r e t T [ ] { } / n F";
    let keys: Vec<_> = keys.split_whitespace().collect();
    let words = vec!["@ca", "/re", "日本語 ", "e\u{301}", "\u{fffc}", "a long line that has to wrap somewhere ", "👩‍👩‍👧 "];
    prop_oneof![
        4 => prop::sample::select(keys).prop_map(Step::Key),
        2 => prop::sample::select(words).prop_map(Step::Type),
        1 => (0usize..40).prop_map(Step::Paste),
        4 => (1usize..4).prop_map(Step::Tell),
        3 => Just(Step::Write),
        1 => (0usize..4).prop_map(Step::Phase),
        1 => (0usize..5).prop_map(Step::Queue),
        1 => (0u16..130, 0u16..44).prop_map(|(width, height)| Step::Size(width, height)),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn h42_h16_nothing_breaks_a_conversation_and_nothing_is_shown_twice(
        steps in prop::collection::vec(step(), 1..60),
        rename in any::<bool>(),
    ) {
        let mut harness = ChatHarness::of(80, 24, on_disk(turn("first")));
        // Events of the run, turn after turn, and the resulting entries on disk.
        let all: Vec<_> = (2..30u64).flat_map(|nth| {
            let name = format!("turn{nth}");
            [turn(&name), vec![ended()]].concat().into_iter().map(move |what| (nth, what))
        }).collect();
        let disk: Vec<Entry> = on_disk(all.iter().map(|(_, what)| what.clone()).collect());
        let disk = if rename { renamed(disk) } else { disk };
        let (mut sent, mut written) = (0, 0);
        for step in steps {
            match step {
                Step::Key(key) => { harness.keys(key); }
                Step::Type(text) => { harness.type_in(text); }
                Step::Paste(lines) => { harness.stage.send(Msg::Paste("pasted\r\n".repeat(lines))); }
                Step::Tell(count) => {
                    for (nth, what) in all.iter().skip(sent).take(count) {
                        harness.happen(*nth, vec![what.clone()]);
                    }
                    sent += count;
                }
                // The disk contains only entries of earlier events.
                Step::Write => {
                    let sent: usize = all.iter().take(sent).filter(|(_, what)| begins_an_entry(what)).count();
                    if written < sent {
                        harness.written(disk[written..=written].to_vec());
                        written += 1;
                    }
                }
                Step::Phase(0) => harness.changed(|info| info.phase = Phase::Starting),
                Step::Phase(1) => harness.changed(|info| info.phase = Phase::Idle),
                Step::Phase(2) => harness.changed(|info| info.paused = !info.paused),
                Step::Phase(_) => harness.working(true),
                Step::Queue(len) => {
                    let states = [PromptState::Pending, PromptState::Held, PromptState::Failed, PromptState::Sending];
                    let prompts = (1..).zip(states).take(len).map(|(id, state)| queued(id, "a prompt", state, Some("why")));
                    harness.send(RunMsg::Queued(run(), prompts.collect()));
                }
                Step::Size(width, height) => { harness.stage.send(Msg::Resized { width, height }); }
                Step::Restart => harness.stage.send(Msg::Clock(crate::screens::stage::NOW)).draw(),
            }
            // After the chat was closed, the run replays its events, which this harness does not do.
            if harness.take().iter().any(|effect| matches!(effect, Effect::UnwatchRun(_))) {
                break;
            }
            let shown = harness.shown();
            let held: Vec<_> = shown.iter().filter(|text| *text != "…").collect();
            let mut once = held.clone();
            once.sort();
            once.dedup();
            prop_assert_eq!(once.len(), held.len(), "shown twice: {:?}", shown);
            let begun: usize = all.iter().take(sent).filter(|(_, what)| begins_an_entry(what)).count();
            prop_assert_eq!(shown.len(), 4 + begun, "all that was sent is shown: {:?}", shown);
        }
    }
}

fn begins_an_entry(what: &RunEventKind) -> bool {
    let RunEventKind::Event(event) = what else { return false };
    !matches!(event.body, EventBody::ToolUpdate { .. })
}
