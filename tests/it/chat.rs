//! The chat: run events and keys in, screen and effects out.

mod anything;
mod beginning;
mod composing;
mod from_home;
mod notices;
mod reading;
mod working;

use salon::app::Effect;
use salon::app::Msg;
use salon::app::chat::ChatFocus;
use salon::app::runs::RunMsg;
use salon::domain::approval::Approval;
use salon::domain::event::NoticeLevel;
use salon::domain::prompt::{PromptId, PromptState};
use salon::domain::run::{Conversation, Phase, Refusal, TurnOutcome};
use salon::domain::run_event::{RingCursor, RunEventKind};
use salon::domain::run_request::RunRequest;
use salon::domain::transcript::{Entry, ToolStatus};
use salon::domain::{Agent, SessionKey, Time};

use super::screens::chat_harness::{
    ChatHarness, SESSION, command, delta, ended, notice, on_disk, prompt, queued, result, run, thought,
};
use super::screens::live;

/// A complete turn, as events and as entries on disk; each part begins with the turn's name.
fn turn(name: &str) -> Vec<RunEventKind> {
    vec![
        prompt(&format!("{name}p"), &format!("{name} prompt")),
        thought(&format!("{name}t"), &format!("{name} thought")),
        command(&format!("{name}c"), &format!("{name} command")),
        result(&format!("{name}c"), ToolStatus::Done, "ok"),
        delta(&format!("{name}a"), &format!("{name} answer")),
    ]
}

const PARTS: [&str; 4] = ["prompt", "thought", "command", "answer"];

fn parts(names: &[&str]) -> Vec<String> {
    names.iter().flat_map(|name| PARTS.map(|part| format!("{name} {part}"))).collect()
}

/// Returns the entries with other identities, as written by an agent that does not stream them.
fn renamed(entries: Vec<Entry>) -> Vec<Entry> {
    let other = |(nth, entry): (usize, Entry)| Entry {
        key: salon::domain::EntryKey::new("other", u32::try_from(nth).expect("few")),
        ..entry
    };
    entries.into_iter().enumerate().map(other).collect()
}

#[test]
fn h16_a_turn_is_shown_once_at_every_step_of_its_way_to_disk() {
    for rename in [false, true] {
        let mut harness = ChatHarness::of(80, 24, on_disk(turn("one")));
        assert_eq!(harness.shown(), parts(&["one"]));
        harness.working(true);
        let mut so_far = parts(&["one"]);
        let disk = on_disk(turn("two"));
        let disk = if rename { renamed(disk) } else { disk };
        let (mut notices, mut written) = (0, 0);
        // Alternating events and writes, with the disk always behind, until all is written.
        for step in [(2, 0), (1, 1), (1, 1), (1, 1), (0, 1)] {
            let whats = turn("two").into_iter().skip(notices).take(step.0).collect();
            harness.happen(2, whats);
            notices += step.0;
            so_far = if notices == 2 { [parts(&["one"]), parts(&["two"])[..2].to_vec()].concat() } else { so_far };
            if notices == 3 {
                so_far = [parts(&["one"]), parts(&["two"])[..3].to_vec()].concat();
            }
            if notices == 5 {
                so_far = parts(&["one", "two"]);
            }
            assert_eq!(harness.shown(), so_far, "notices {notices}, written {written}, renamed: {rename}");
            harness.written(disk[written..written + step.1].to_vec());
            written += step.1;
            assert_eq!(harness.shown(), so_far, "notices {notices}, written {written}, renamed: {rename}");
        }
        harness.happen(2, vec![ended()]);
        harness.working(false);
        assert_eq!(harness.shown(), parts(&["one", "two"]), "at the end, renamed: {rename}");
        assert_eq!(harness.chat().reader.opened().expect("opened").len, 8);
        assert_eq!(harness.chat().reader.live_entries(), 0, "all of it is read from the disk");
    }
}

#[test]
fn h16_no_entry_disappears_before_it_is_on_disk() {
    let mut harness = ChatHarness::of(80, 24, on_disk(turn("one")));
    harness.working(true);
    harness.happen(2, turn("two"));
    harness.happen(2, vec![ended()]);
    harness.working(false);
    let disk = on_disk(turn("two"));
    for entry in disk {
        assert_eq!(harness.shown(), parts(&["one", "two"]));
        harness.written(vec![entry]);
    }
    assert_eq!(harness.shown(), parts(&["one", "two"]));
}

#[test]
fn h16_a_whole_history_that_is_on_disk_is_not_shown_again() {
    for rename in [false, true] {
        let all = || [turn("one"), turn("two"), turn("three")].concat();
        let disk = if rename { renamed(on_disk(all())) } else { on_disk(all()) };
        let mut harness = ChatHarness::of(80, 24, disk);
        for (nth, name) in (1..).zip(["one", "two", "three"]) {
            harness.happen(nth, [turn(name), vec![ended()]].concat());
        }
        assert_eq!(harness.shown(), parts(&["one", "two", "three"]), "renamed: {rename}");
    }
}

#[test]
fn h16_the_same_prompt_twice_is_two_turns() {
    let mut harness = ChatHarness::of(80, 24, on_disk(vec![prompt("p1", "go on"), delta("a1", "first")]));
    harness.happen(1, vec![prompt("p1", "go on"), delta("a1", "first"), ended()]);
    assert_eq!(harness.shown(), ["go on", "first"]);
    harness.working(true);
    harness.happen(2, vec![prompt("p2", "go on"), delta("a2", "second")]);
    assert_eq!(harness.shown(), ["go on", "first", "go on", "second"]);
}

#[test]
fn h16_a_new_session_becomes_its_transcript_without_a_gap() {
    let mut harness = ChatHarness::new(80, 24);
    harness.working(true);
    harness.happen(1, turn("one"));
    assert_eq!(harness.shown(), parts(&["one"]));
    harness.disk = on_disk(turn("one")[..3].to_vec());
    harness.changed(|info| info.session = Some(SessionKey::new(Agent::Claude, SESSION)));
    assert_eq!(harness.shown(), parts(&["one"]), "the index does not know it yet");
    harness.listed();
    assert_eq!(harness.shown(), parts(&["one"]));
    assert_eq!(harness.chat().reader.key.id.as_ref(), SESSION);
    let rest = on_disk(turn("one"))[3..].to_vec();
    harness.disk = on_disk(turn("one")[..4].to_vec());
    harness.grown(0);
    harness.written(rest);
    harness.happen(1, vec![ended()]);
    harness.working(false);
    assert_eq!(harness.shown(), parts(&["one"]));
    assert_eq!(harness.chat().reader.live_entries(), 0);
}

#[test]
fn h16_a_prompt_that_the_agent_modified_is_found_by_its_position() {
    let mut harness = ChatHarness::of(80, 24, on_disk(turn("one")));
    harness.working(true);
    harness.happen(2, turn("two"));
    let mut disk = renamed(on_disk(turn("two")));
    disk[0].text = "<context>a file is open</context> two prompt".into();
    let last = disk.split_off(3);
    harness.written(disk);
    assert_eq!(harness.shown(), parts(&["one", "two"]));
    harness.happen(2, vec![ended()]);
    harness.written(last);
    assert_eq!(harness.shown().len(), 8);
    assert_eq!(harness.chat().reader.live_entries(), 0);
}

#[test]
fn b13_notices_stay_after_their_turn() {
    let mut harness = ChatHarness::of(80, 24, on_disk(turn("one")));
    harness.working(true);
    harness.happen(2, [turn("two"), vec![notice("n", NoticeLevel::Error, "API error 529"), ended()]].concat());
    harness.written(on_disk(turn("two")));
    harness.working(false);
    assert_eq!(harness.shown().last().expect("some"), "API error 529");
    assert_eq!(harness.shown().len(), 9);
}

#[test]
fn b6_dropped_events_are_reported_and_read_from_the_transcript() {
    let mut harness = ChatHarness::of(80, 24, on_disk([turn("one"), turn("two")[..4].to_vec()].concat()));
    harness.working(true);
    harness.happen(2, vec![prompt("twop", "two prompt")]);
    harness.take();
    harness.replay(2, 312, vec![delta("twoa", "two answer")]);
    assert!(
        harness.screen().contains("312 earlier messages were dropped; they are loaded from the"),
        "{}",
        harness.screen()
    );
    let notices = harness.shown();
    for part in parts(&["one", "two"]) {
        assert_eq!(notices.iter().filter(|text| **text == part).count(), 1, "{part} in {notices:?}");
    }
    harness.written(on_disk(turn("two")[4..].to_vec()));
    harness.happen(2, vec![ended()]);
    harness.working(false);
    assert_eq!(harness.shown(), parts(&["one", "two"]));
}

#[test]
fn h20_a_new_event_ring_starts_over() {
    let mut harness = ChatHarness::of(80, 24, on_disk(turn("one")));
    harness.working(true);
    harness.happen(5, vec![prompt("x", "never written"), delta("y", "gone with its process")]);
    harness.restart();
    harness.happen(1, vec![prompt("twop", "two prompt")]);
    assert_eq!(harness.shown(), [parts(&["one"]), vec!["two prompt".to_owned()]].concat());
}

#[test]
fn h41_the_place_one_reads_stays_while_the_run_goes_on() {
    let long = |name: &str| (0..12).flat_map(|nth| turn(&format!("{name}{nth}"))).collect::<Vec<_>>();
    let mut harness = ChatHarness::of(80, 24, on_disk(long("d")));
    harness.working(true);
    harness.happen(2, long("l"));
    harness.keys("ctrl-r pgup pgup");
    let place =
        |harness: &mut ChatHarness| harness.screen().lines().skip(1).take(12).map(str::to_owned).collect::<Vec<_>>();
    let before = place(&mut harness);
    assert!(before.iter().any(|line| line.contains("l6 prompt")), "{before:#?}");
    harness.happen(2, vec![delta("more", "more of it\n\nand more\n\n- still more")]);
    assert_eq!(place(&mut harness), before, "more is notices");
    for entry in on_disk(long("l")) {
        harness.written(vec![entry]);
        assert_eq!(place(&mut harness), before, "more is on disk");
    }
    assert!(harness.screen().contains("1 new"), "{}", harness.screen());
    harness.keys("G");
    harness.happen(2, vec![delta("end", "the very end")]);
    assert!(harness.screen().contains("the very end"), "the end is followed again");
}

#[test]
fn enter_sends_and_what_is_refused_comes_back_with_the_reason() {
    let mut harness = ChatHarness::new(80, 24);
    harness.take();
    harness.type_in("fix it").keys("alt-enter").type_in("now").keys("enter");
    let text = "fix it\nnow".to_owned();
    assert_eq!(harness.take(), [Effect::Run(RunRequest::Submit { run: run(), text: text.clone() })]);
    assert!(harness.chat().composer.is_empty());
    assert_eq!(harness.kept().expect("kept").1, text, "it is kept until it is on disk");
    harness.send(RunMsg::Submitted { run: run(), text: text.clone(), refused: None });
    assert_eq!(harness.kept().expect("kept").1, "");
    harness.type_in("next").keys("enter");
    let refused = Some(Refusal::NotSaved("the disk is full".into()));
    harness.type_in("typed since");
    harness.send(RunMsg::Submitted { run: run(), text: "next".into(), refused });
    assert_eq!(harness.chat().composer.text.whole(), "next\ntyped since");
    assert!(harness.screen().contains("the disk is full"), "{}", harness.screen());
}

#[test]
fn b16_a_paste_is_folded_on_the_screen_and_sent_as_it_is() {
    let mut harness = ChatHarness::new(80, 24);
    harness.take();
    let pasted: String = (0..312).map(|nth| format!("line {nth} $(rm -rf /) \u{1b}[31m\n")).collect();
    harness.type_in("see ");
    harness.stage.send(Msg::Paste(pasted.clone()));
    harness.type_in(" and --help");
    assert!(harness.screen().contains("see [pasted 312 lines] and --help"), "{}", harness.screen());
    harness.keys("enter");
    assert_eq!(
        harness.take(),
        [Effect::Run(RunRequest::Submit { run: run(), text: format!("see {pasted} and --help") })]
    );
    harness.stage.send(Msg::Paste(pasted));
    harness.keys("backspace");
    assert!(harness.chat().composer.is_empty(), "it goes as it came");
}

#[test]
fn ctrl_c_clears_then_interrupts_then_confirms() {
    let mut harness = ChatHarness::new(80, 24);
    harness.working(true);
    harness.take();
    harness.type_in("half a thought").keys("ctrl-c");
    assert!(harness.chat().composer.is_empty() && harness.take().is_empty());
    harness.keys("up");
    assert_eq!(harness.chat().composer.text.whole(), "half a thought");
    harness.keys("ctrl-c ctrl-c");
    assert_eq!(harness.take(), [Effect::Run(RunRequest::Interrupt(run()))]);
}

#[test]
fn h45_a_draft_is_kept_by_its_session_and_comes_back() {
    let mut harness = ChatHarness::of(80, 24, on_disk(turn("one")));
    let name = format!("claude:{SESSION}");
    assert!(harness.take().contains(&Effect::LoadDraft { key: name.clone() }));
    harness.send(RunMsg::Draft { key: name.clone(), text: "begun yesterday".into() });
    assert_eq!(harness.chat().composer.text.whole(), "begun yesterday");
    harness.type_in("!");
    assert_eq!(harness.kept(), Some((name.clone(), "begun yesterday!".into())));
    harness.send(RunMsg::Draft { key: name, text: "late".into() });
    assert_eq!(harness.chat().composer.text.whole(), "begun yesterday!", "what was written since is not lost");
}

#[test]
fn up_brings_the_prompts_of_the_conversation_and_down_leads_back() {
    let mut harness = ChatHarness::of(80, 24, on_disk([turn("one"), turn("two")].concat()));
    harness.type_in("new").keys("up");
    let written = |harness: &ChatHarness| harness.chat().composer.text.whole();
    assert_eq!(written(&harness), "two prompt");
    harness.keys("up up up");
    assert_eq!(written(&harness), "one prompt");
    harness.keys("down");
    assert_eq!(written(&harness), "two prompt");
    harness.keys("down down");
    assert_eq!(written(&harness), "new");
}

#[test]
fn d4_a_queued_prompt_is_edited_moved_cancelled_and_released() {
    let mut harness = ChatHarness::new(80, 24);
    harness.working(true);
    let queue = vec![
        queued(1, "first", PromptState::Sending, None),
        queued(2, "second", PromptState::Pending, None),
        queued(3, "third", PromptState::Held, Some("salon ended")),
    ];
    harness.send(RunMsg::Queued(run(), queue));
    harness.take();
    harness.keys("up");
    assert_eq!(harness.chat().focus, ChatFocus::Queue(PromptId(3)));
    harness.keys("r K k");
    assert_eq!(
        harness.take(),
        [
            Effect::Run(RunRequest::ReleasePrompt(run(), PromptId(3))),
            Effect::Run(RunRequest::MovePromptUp(run(), PromptId(3)))
        ]
    );
    harness.keys("enter").type_in(" and more").keys("enter");
    assert_eq!(harness.take(), [Effect::Run(RunRequest::EditPrompt(run(), PromptId(2), "second and more".into()))]);
    harness.keys("up k x");
    assert_eq!(harness.take(), [Effect::Run(RunRequest::CancelPrompt(run(), PromptId(2)))]);
    harness.keys("k enter");
    assert!(harness.take().is_empty() && harness.screen().contains("Already being sent"), "{}", harness.screen());
}

#[test]
fn d4_what_is_sent_while_it_is_changed_is_not_lost() {
    let mut harness = ChatHarness::new(80, 24);
    harness.send(RunMsg::Queued(run(), vec![queued(2, "second", PromptState::Pending, None)]));
    harness.keys("up enter").type_in(" changed");
    harness.send(RunMsg::Queued(run(), vec![]));
    assert_eq!(harness.chat().composer.text.whole(), "second changed");
}

#[test]
fn d15_enter_lets_a_paused_queue_go_on() {
    let mut harness = ChatHarness::new(80, 24);
    harness.send(RunMsg::Queued(run(), vec![queued(2, "second", PromptState::Pending, None)]));
    harness.take();
    harness.keys("enter");
    assert!(harness.take().is_empty(), "it is not paused");
    harness.changed(|info| (info.paused, info.last_outcome) = (true, Some(TurnOutcome::Interrupted)));
    harness.keys("enter ctrl-y");
    assert_eq!(
        harness.take(),
        [Effect::Run(RunRequest::ResumeQueue(run())), Effect::Run(RunRequest::ResumeQueue(run()))]
    );
}

#[test]
fn files_and_commands_complete() {
    let mut harness = ChatHarness::new(80, 24);
    harness.take();
    harness.type_in("see @ca");
    let asked = |query: &str| Effect::FindFiles { below: "/home/ann/shop-api".into(), query: query.into() };
    assert_eq!(harness.take(), [asked(""), asked("c"), asked("ca")]);
    harness.send(RunMsg::Paths { query: "c".into(), found: vec!["late".into()] });
    assert!(harness.chat().composer.completion.as_ref().expect("asked").found.is_empty());
    harness.send(RunMsg::Paths { query: "ca".into(), found: vec!["src/".into(), "src/cart.rs".into()] });
    harness.keys("down tab");
    assert_eq!(harness.chat().composer.text.whole(), "see @src/cart.rs ");
    harness.keys("ctrl-u").type_in("/rv").keys("tab");
    assert_eq!(harness.chat().composer.text.whole(), "/review ");
    harness.keys("ctrl-u").type_in("no /re");
    assert_eq!(harness.chat().composer.completion, None, "a command is the first word");
}

#[test]
fn d15_a_prompt_that_was_kept_back_says_that_the_queue_waits_for_it() {
    let mut harness = ChatHarness::new(120, 24);
    let reason = Some("salon ended before it was sent");
    let kept = queued(4, "first", PromptState::Held, reason);
    harness.send(RunMsg::Queued(run(), vec![kept, queued(5, "second", PromptState::Pending, None)]));
    assert!(harness.screen().contains("the first prompt is held"), "{}", harness.screen());
    harness.send(RunMsg::Queued(run(), vec![queued(5, "second", PromptState::Pending, None)]));
    assert!(!harness.screen().contains("is held"), "{}", harness.screen());
}
#[test]
fn a_call_without_an_outcome_waits_or_is_at_work_while_its_turn_is_open() {
    let mut harness = ChatHarness::new(80, 24);
    harness.working(true);
    harness.happen(1, vec![prompt("p", "go"), command("c", "make")]);
    assert!(harness.screen().contains("make  … running"), "{}", harness.screen());
    let question = Approval { tool_id: Some("c".into()), ..live::command("q") };
    harness.happen(1, vec![RunEventKind::Approval(question)]);
    assert!(harness.screen().contains("make  ! waiting"), "{}", harness.screen());
    harness.happen(1, vec![RunEventKind::ApprovalGone("q".into())]);
    assert!(harness.screen().contains("make  … running"), "{}", harness.screen());
    harness
        .happen(1, vec![RunEventKind::TurnEnded { outcome: TurnOutcome::Done, time: Time::default(), duration_ms: 0 }]);
    assert!(harness.screen().contains("make  … no result"), "{}", harness.screen());
}

#[test]
fn a_turn_is_timed_each_second_and_nothing_is_while_none_is_open() {
    let mut harness = ChatHarness::new(80, 24);
    assert_eq!(harness.stage.app.next_clock(), None);
    harness.working(true);
    let next = harness.stage.app.next_clock().expect("a second");
    assert_eq!(next.since(harness.stage.app.now), 1_000);
    harness.changed(|info| info.phase = Phase::Idle);
    assert_eq!(harness.stage.app.next_clock(), None);
}

#[test]
fn h22_nothing_is_at_work_in_a_turn_that_was_stopped() {
    let mut harness = ChatHarness::new(80, 24);
    harness.working(true);
    harness.happen(1, vec![prompt("p", "go"), command("c", "sleep 60"), result("c", ToolStatus::Running, "")]);
    assert!(harness.screen().contains("… running"), "{}", harness.screen());
    harness.happen(
        1,
        vec![RunEventKind::TurnEnded { outcome: TurnOutcome::Interrupted, time: Time::default(), duration_ms: 0 }],
    );
    assert!(
        harness.screen().contains("■ interrupted") && !harness.screen().contains("running ·"),
        "{}",
        harness.screen()
    );
}

#[test]
fn a_run_that_is_gone_goes_on_with_the_next_prompt() {
    let mut harness = ChatHarness::of(80, 24, on_disk(turn("one")));
    harness.send(RunMsg::Gone(run()));
    harness.take();
    harness.type_in("go on").keys("enter");
    let asked = harness.take();
    let Some(Effect::StartRun { start: begun, .. }) = asked.last() else { panic!("{asked:?}") };
    assert_eq!(begun.conversation, Conversation::Resume(SESSION.into()));
}

#[test]
fn b22_a_live_run_continues_without_a_viewer_and_enter_returns_to_it() {
    let mut harness = ChatHarness::of(120, 40, on_disk(turn("one")));
    harness.working(true);
    harness.keys("left");
    assert!(harness.stage.app.stack.layers.is_empty());
    assert!(harness.screen().contains("Working  1"), "{}", harness.screen());
    harness.take();
    harness.keys("enter");
    assert_eq!(harness.chat().run, Some(run()));
    assert!(harness.take().contains(&Effect::WatchRun(run(), RingCursor::default())));
}
