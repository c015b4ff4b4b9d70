//! Where keys go in a chat, and that no typed text is lost.

use salon::app::Effect;
use salon::app::chat::ChatFocus;
use salon::app::runs::RunMsg;
use salon::domain::prompt::{PromptId, PromptState};
use salon::domain::run::{Phase, StopReason, TurnNumber};
use salon::domain::run_request::RunRequest;

use crate::screens::chat_harness::{ChatHarness, SESSION, on_disk, prompt, queued, run};

fn text(harness: &ChatHarness) -> String {
    harness.chat().composer.text.whole()
}

/// A chat with two prompts on disk.
fn with_history() -> ChatHarness {
    let mut harness = ChatHarness::of(80, 24, on_disk(vec![prompt("p1", "one"), prompt("p2", "two")]));
    harness.take();
    harness
}

#[test]
fn esc_arms_the_interrupt_of_this_turn_and_nothing_else() {
    let mut harness = ChatHarness::new(80, 24);
    harness.working(true);
    harness.take();
    harness.type_in("half").keys("esc");
    assert!(harness.take().is_empty() && harness.screen().contains("esc again interrupts"), "{}", harness.screen());
    assert_eq!((harness.chat().focus, text(&harness)), (ChatFocus::Composer, "half".to_owned()));
    harness.type_in("way").keys("esc");
    assert!(harness.take().is_empty(), "another key in between disarms");
    harness.changed(|info| info.turn = TurnNumber(2));
    assert!(!harness.screen().contains("esc again"), "the armed turn is over");
    harness.keys("esc");
    assert!(harness.take().is_empty());
    harness.keys("esc");
    assert_eq!(harness.take(), [Effect::Run(RunRequest::Interrupt(run()))]);
    assert_eq!(text(&harness), "halfway");
    harness.working(false);
    harness.keys("esc");
    assert_eq!(harness.take(), [Effect::UnwatchRun(run())], "without an open turn it goes back");
    assert!(harness.stage.app.stack.layers.is_empty());
}

#[test]
fn letters_are_typed_unless_reading_was_chosen() {
    let mut harness = with_history();
    harness.working(true);
    harness.keys("esc h f q space pgup");
    assert_eq!(text(&harness), "hfq ");
    harness.keys("ctrl-r");
    assert!(harness.screen().contains("reading: esc to write"), "{}", harness.screen());
    harness.keys("j t");
    assert_eq!(text(&harness), "hfq ", "now they are commands");
    harness.keys("esc x");
    assert!(!harness.screen().contains("reading:") && text(&harness) == "hfq x", "{}", harness.screen());
    harness.take();
    harness.keys("ctrl-r q");
    assert_eq!(harness.take(), [Effect::UnwatchRun(run())], "as in the reader, q goes back");
}

#[test]
fn left_goes_back_from_an_empty_composer_while_a_turn_is_open() {
    let mut harness = with_history();
    harness.working(true);
    harness.take();
    harness.keys("a left");
    assert_eq!(harness.stage.app.stack.layers.len(), 1, "it moves in the text");
    harness.keys("delete left");
    assert_eq!(harness.take(), [Effect::UnwatchRun(run())]);
}

#[test]
fn ctrl_c_asks_before_it_ends_a_run() {
    let mut harness = ChatHarness::new(80, 24);
    harness.take();
    harness.keys("ctrl-c");
    assert!(harness.take().is_empty() && harness.screen().contains("Stop the run"), "{}", harness.screen());
    harness.keys("enter");
    assert!(harness.take().is_empty(), "the first choice changes nothing");
    harness.keys("ctrl-c 2");
    assert_eq!(harness.take(), [Effect::Run(RunRequest::Stop(run()))]);
}

#[test]
fn a_draft_stays_the_newest_entry_of_the_history() {
    let mut harness = with_history();
    harness.type_in("draft").keys("up");
    assert_eq!(text(&harness), "two");
    assert_ne!(harness.kept().expect("a draft").1, "two", "what is shown is no draft");
    harness.type_in("!");
    assert_eq!(text(&harness), "two!");
    harness.keys("up");
    assert_eq!(text(&harness), "draft", "it was not lost by a letter");
    harness.keys("up up");
    assert_eq!(text(&harness), "one");
    harness.keys("down down down");
    assert_eq!(text(&harness), "two!");
    // An entry of the history that is sent leaves the draft behind.
    harness.keys("ctrl-c").type_in("later").keys("up up enter");
    assert_eq!(text(&harness), "");
    harness.keys("up");
    assert_eq!(text(&harness), "later");
}

#[test]
fn a_cleared_text_is_restored_and_takes_its_place_in_time() {
    let mut harness = with_history();
    harness.type_in("first thought").keys("ctrl-c").type_in("sent").keys("enter");
    harness.written(on_disk(vec![prompt("p3", "sent")]));
    harness.keys("up");
    assert_eq!(text(&harness), "sent", "it is newer than the cleared text");
    harness.keys("up");
    assert_eq!(text(&harness), "first thought");
    harness.keys("up");
    assert_eq!(text(&harness), "two");
}

#[test]
fn a_draft_does_not_block_the_way_to_a_held_prompt() {
    let mut harness = with_history();
    harness.send(RunMsg::Draft { key: format!("claude:{SESSION}"), text: "restored".into() });
    harness.send(RunMsg::Queued(run(), vec![queued(1, "kept", PromptState::Held, Some("salon ended"))]));
    harness.take();
    harness.keys("up");
    assert_eq!(harness.chat().focus, ChatFocus::Queue(PromptId(1)));
    assert!(harness.screen().contains("queue: esc to write"), "{}", harness.screen());
    harness.keys("r");
    assert_eq!(harness.take(), [Effect::Run(RunRequest::ReleasePrompt(run(), PromptId(1)))]);
    harness.keys("up");
    assert_eq!((harness.chat().focus, text(&harness)), (ChatFocus::Composer, "two".to_owned()), "above is the history");
    harness.keys("down");
    assert_eq!(text(&harness), "restored");
}

#[test]
fn a_prompt_taken_back_can_be_restored() {
    let mut harness = with_history();
    let both = [queued(1, "first", PromptState::Pending, None), queued(2, "second", PromptState::Pending, None)];
    harness.send(RunMsg::Queued(run(), both.to_vec()));
    harness.take();
    harness.type_in("draft").keys("up x");
    assert_eq!(harness.take(), [Effect::Run(RunRequest::CancelPrompt(run(), PromptId(2)))]);
    assert!(harness.screen().contains("restores it"), "{}", harness.screen());
    harness.send(RunMsg::Queued(run(), both[..1].to_vec()));
    harness.keys("u");
    assert_eq!((harness.chat().focus, text(&harness)), (ChatFocus::Composer, "second".to_owned()));
    harness.send(RunMsg::Queued(run(), Vec::new()));
    harness.keys("ctrl-c up up");
    assert_eq!(text(&harness), "draft");
}

#[test]
fn the_hint_of_an_interrupt_says_what_the_key_does() {
    let mut harness = ChatHarness::new(120, 24);
    let hint = |harness: &mut ChatHarness| harness.screen().lines().last().expect("a footer").to_owned();
    assert!(hint(&mut harness).contains("ctrl-c end run"), "{}", hint(&mut harness));
    harness.type_in("a draft");
    assert!(hint(&mut harness).contains("ctrl-c clear"), "{}", hint(&mut harness));
    harness.keys("ctrl-c").working(true);
    assert!(hint(&mut harness).contains("ctrl-c interrupt"), "{}", hint(&mut harness));
    harness.working(false);
    harness.changed(|info| info.phase = Phase::Stopped(StopReason::OnRequest));
    assert!(!hint(&mut harness).contains("ctrl-c"), "nothing can be ended: {}", hint(&mut harness));
}

#[test]
fn the_footer_says_what_enter_and_escape_do_with_a_queued_prompt_that_is_edited() {
    let mut harness = ChatHarness::new(120, 24);
    harness.changed(|info| info.paused = true);
    harness.send(RunMsg::Queued(run(), vec![queued(1, "kept", PromptState::Pending, None)]));
    let hint = |harness: &mut ChatHarness| harness.screen().lines().last().expect("a footer").to_owned();
    harness.type_in(" ");
    assert!(hint(&mut harness).contains("enter resume queue"), "{}", hint(&mut harness));
    harness.keys("backspace up enter");
    assert!(hint(&mut harness).contains("enter save"), "{}", hint(&mut harness));
    assert!(hint(&mut harness).contains("esc cancel edit"), "{}", hint(&mut harness));
    harness.keys("backspace backspace backspace backspace");
    assert!(hint(&mut harness).contains("enter cancel prompt"), "{}", hint(&mut harness));
    harness.take();
    harness.keys("enter");
    assert_eq!(harness.take(), [Effect::Run(RunRequest::CancelPrompt(run(), PromptId(1)))]);
}

#[test]
fn only_a_held_prompt_can_be_sent_from_the_queue() {
    let mut harness = ChatHarness::new(120, 24);
    let pending = queued(2, "second", PromptState::Pending, None);
    harness.send(RunMsg::Queued(run(), vec![queued(1, "first", PromptState::Held, Some("salon ended")), pending]));
    harness.keys("up");
    let hint = |harness: &mut ChatHarness| harness.screen().lines().last().expect("a footer").to_owned();
    assert!(!hint(&mut harness).contains("r send"), "{}", hint(&mut harness));
    assert_eq!(harness.screen().matches("esc to write").count(), 1, "{}", harness.screen());
    harness.keys("up");
    assert!(hint(&mut harness).contains("r send"), "{}", hint(&mut harness));
}
