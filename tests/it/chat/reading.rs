//! Reading in the chat: find, outline and the prompt of the turn cover live entries as well as those on disk.

use salon::app::{Effect, Msg};
use salon::domain::transcript_event::{EntryMatches, TranscriptEvent};

use super::{ChatHarness, delta, ended, on_disk, turn};

/// A chat with a turn on disk and a live one.
fn two_turns(width: u16, height: u16) -> ChatHarness {
    let mut harness = ChatHarness::of(width, height, on_disk(turn("one")));
    harness.working(true);
    harness.happen(2, turn("two"));
    harness
}

/// Responds to a search as the index would, which knows the entries on disk only.
fn found(harness: &mut ChatHarness, query: &str, entry: usize) {
    let entries = vec![EntryMatches { entry, count: 1 }];
    let event = TranscriptEvent::Found { query: query.into(), entries, complete: true };
    let ticket = harness.chat().reader.ticket;
    harness.stage.send(Msg::Transcript(ticket, event));
}

#[test]
fn find_covers_live_entries() {
    for size in [(120, 40), (80, 24)] {
        let mut harness = two_turns(size.0, size.1);
        harness.keys("ctrl-r /").type_in("answer");
        found(&mut harness, "answer", 3);
        assert!(harness.screen().contains("/answer▏  match 2 of 2"), "{}", harness.screen());
        harness.keys("enter N");
        assert!(harness.screen().contains("match 1 of 2"), "{}", harness.screen());
        harness.happen(2, vec![delta("twoa", ", another answer")]);
        assert!(harness.screen().contains("match 1 of 3"), "what is streamed counts too: {}", harness.screen());
        harness.keys("n n");
        assert!(harness.screen().contains("match 3 of 3"), "{}", harness.screen());
    }
}

#[test]
fn find_works_before_anything_is_on_disk() {
    let mut harness = ChatHarness::new(80, 24);
    harness.working(true);
    harness.happen(1, turn("one"));
    harness.keys("ctrl-r /").type_in("prompt");
    assert!(harness.screen().contains("match 1 of 1"), "{}", harness.screen());
    harness.keys("ctrl-u").type_in("nothing like it");
    assert!(harness.screen().contains("no matches"), "{}", harness.screen());
}

#[test]
fn the_outline_contains_live_entries() {
    let mut harness = two_turns(80, 24);
    harness.keys("ctrl-r O");
    assert!(harness.screen().contains("❯ two prompt"), "{}", harness.screen());
    harness.keys("enter");
    assert_eq!(harness.chat().reader.cursor(), 4);
    let mut harness = two_turns(160, 45);
    harness.keys("ctrl-r");
    assert!(harness.screen().contains("▌❯ two prompt"), "beside the text: {}", harness.screen());
}

#[test]
fn q_leaves_the_transcript_of_a_chat() {
    let mut harness = two_turns(80, 24);
    harness.happen(2, vec![ended()]);
    harness.working(false);
    harness.keys("ctrl-r q");
    assert!(harness.stage.app.stack.layers.is_empty());
    assert!(!harness.asked.contains(&Effect::Quit));
}
