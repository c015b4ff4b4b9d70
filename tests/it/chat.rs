//! A conversation: what is told and what is pressed, and what is shown and asked because of it.

mod anything;
mod beginning;

use salon::app::Msg;
use salon::app::chat::Focus;
use salon::app::runs::{RunEffect, RunMsg};
use salon::domain::approval::Approval;
use salon::domain::event::Level;
use salon::domain::prompt::{PromptId, PromptState};
use salon::domain::run::{Conversation, Cursor, Outcome, Phase, Refusal, What};
use salon::domain::transcript::{Entry, ToolStatus};
use salon::domain::{Agent, SessionKey};

use super::screens::live;
use super::screens::talk::{
    SESSION, Talk, command, delta, ended, notice, on_disk, prompt, queued, result, run, thought,
};

/// A whole turn, as a run tells it and as the disk has it: each part begins with the turn's name.
fn turn(name: &str) -> Vec<What> {
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

/// The same entries under other identities, as an agent writes them that does not tell them while it streams.
fn renamed(entries: Vec<Entry>) -> Vec<Entry> {
    let other = |(nth, entry): (usize, Entry)| Entry {
        key: salon::domain::Key::new("other", u32::try_from(nth).expect("few")),
        ..entry
    };
    entries.into_iter().enumerate().map(other).collect()
}

#[test]
fn h16_a_turn_is_shown_once_at_every_step_of_its_way_to_disk() {
    for rename in [false, true] {
        let mut talk = Talk::of(80, 24, on_disk(turn("one")));
        assert_eq!(talk.shown(), parts(&["one"]));
        talk.working(true);
        let mut so_far = parts(&["one"]);
        let disk = on_disk(turn("two"));
        let disk = if rename { renamed(disk) } else { disk };
        let (mut told, mut written) = (0, 0);
        // Told and written in turns, the disk always behind, at last all of it.
        for step in [(2, 0), (1, 1), (1, 1), (1, 1), (0, 1)] {
            let whats = turn("two").into_iter().skip(told).take(step.0).collect();
            talk.happen(2, whats);
            told += step.0;
            so_far = if told == 2 { [parts(&["one"]), parts(&["two"])[..2].to_vec()].concat() } else { so_far };
            if told == 3 {
                so_far = [parts(&["one"]), parts(&["two"])[..3].to_vec()].concat();
            }
            if told == 5 {
                so_far = parts(&["one", "two"]);
            }
            assert_eq!(talk.shown(), so_far, "told {told}, written {written}, renamed: {rename}");
            talk.written(disk[written..written + step.1].to_vec());
            written += step.1;
            assert_eq!(talk.shown(), so_far, "told {told}, written {written}, renamed: {rename}");
        }
        talk.happen(2, vec![ended()]);
        talk.working(false);
        assert_eq!(talk.shown(), parts(&["one", "two"]), "at the end, renamed: {rename}");
        assert_eq!(talk.chat().reader.opened().expect("opened").len, 8);
        assert_eq!(talk.chat().reader.live_entries(), 0, "all of it is read from the disk");
    }
}

#[test]
fn h16_nothing_goes_before_the_disk_has_it() {
    let mut talk = Talk::of(80, 24, on_disk(turn("one")));
    talk.working(true);
    talk.happen(2, turn("two"));
    talk.happen(2, vec![ended()]);
    talk.working(false);
    let disk = on_disk(turn("two"));
    for entry in disk {
        assert_eq!(talk.shown(), parts(&["one", "two"]));
        talk.written(vec![entry]);
    }
    assert_eq!(talk.shown(), parts(&["one", "two"]));
}

#[test]
fn h16_a_whole_history_that_is_on_disk_is_not_shown_again() {
    for rename in [false, true] {
        let all = || [turn("one"), turn("two"), turn("three")].concat();
        let disk = if rename { renamed(on_disk(all())) } else { on_disk(all()) };
        let mut talk = Talk::of(80, 24, disk);
        for (nth, name) in (1..).zip(["one", "two", "three"]) {
            talk.happen(nth, [turn(name), vec![ended()]].concat());
        }
        assert_eq!(talk.shown(), parts(&["one", "two", "three"]), "renamed: {rename}");
    }
}

#[test]
fn h16_the_same_prompt_twice_is_two_turns() {
    let mut talk = Talk::of(80, 24, on_disk(vec![prompt("p1", "go on"), delta("a1", "first")]));
    talk.happen(1, vec![prompt("p1", "go on"), delta("a1", "first"), ended()]);
    assert_eq!(talk.shown(), ["go on", "first"]);
    talk.working(true);
    talk.happen(2, vec![prompt("p2", "go on"), delta("a2", "second")]);
    assert_eq!(talk.shown(), ["go on", "first", "go on", "second"]);
}

#[test]
fn h16_a_new_session_becomes_its_transcript_without_a_gap() {
    let mut talk = Talk::new(80, 24);
    talk.working(true);
    talk.happen(1, turn("one"));
    assert_eq!(talk.shown(), parts(&["one"]));
    talk.disk = on_disk(turn("one")[..3].to_vec());
    talk.changed(|info| info.session = Some(SessionKey::new(Agent::Claude, SESSION)));
    assert_eq!(talk.shown(), parts(&["one"]), "the index does not know it yet");
    talk.listed();
    assert_eq!(talk.shown(), parts(&["one"]));
    assert_eq!(talk.chat().reader.key.id.as_ref(), SESSION);
    let rest = on_disk(turn("one"))[3..].to_vec();
    talk.disk = on_disk(turn("one")[..4].to_vec());
    talk.grown(0);
    talk.written(rest);
    talk.happen(1, vec![ended()]);
    talk.working(false);
    assert_eq!(talk.shown(), parts(&["one"]));
    assert_eq!(talk.chat().reader.live_entries(), 0);
}

#[test]
fn h16_a_prompt_that_the_agent_wrote_down_in_other_words_is_found_by_its_place() {
    let mut talk = Talk::of(80, 24, on_disk(turn("one")));
    talk.working(true);
    talk.happen(2, turn("two"));
    let mut disk = renamed(on_disk(turn("two")));
    disk[0].text = "<context>a file is open</context> two prompt".into();
    let last = disk.split_off(3);
    talk.written(disk);
    assert_eq!(talk.shown(), parts(&["one", "two"]));
    talk.happen(2, vec![ended()]);
    talk.written(last);
    assert_eq!(talk.shown().len(), 8);
    assert_eq!(talk.chat().reader.live_entries(), 0);
}

#[test]
fn b13_what_was_told_beside_the_conversation_stays_after_its_turn() {
    let mut talk = Talk::of(80, 24, on_disk(turn("one")));
    talk.working(true);
    talk.happen(2, [turn("two"), vec![notice("n", Level::Error, "API error 529"), ended()]].concat());
    talk.written(on_disk(turn("two")));
    talk.working(false);
    assert_eq!(talk.shown().last().expect("some"), "API error 529");
    assert_eq!(talk.shown().len(), 9);
}

#[test]
fn b6_what_is_not_held_is_said_and_read_from_the_transcript() {
    let mut talk = Talk::of(80, 24, on_disk([turn("one"), turn("two")[..4].to_vec()].concat()));
    talk.working(true);
    talk.happen(2, vec![prompt("twop", "two prompt")]);
    talk.take();
    talk.replay(2, 312, vec![delta("twoa", "two answer")]);
    assert!(talk.screen().contains("312 earlier messages not held: loaded from the transcript"), "{}", talk.screen());
    let told = talk.shown();
    for part in parts(&["one", "two"]) {
        assert_eq!(told.iter().filter(|text| **text == part).count(), 1, "{part} in {told:?}");
    }
    talk.written(on_disk(turn("two")[4..].to_vec()));
    talk.happen(2, vec![ended()]);
    talk.working(false);
    assert_eq!(talk.shown(), parts(&["one", "two"]));
}

#[test]
fn h20_another_history_begins_anew() {
    let mut talk = Talk::of(80, 24, on_disk(turn("one")));
    talk.working(true);
    talk.happen(5, vec![prompt("x", "never written"), delta("y", "gone with its process")]);
    talk.restart();
    talk.happen(1, vec![prompt("twop", "two prompt")]);
    assert_eq!(talk.shown(), [parts(&["one"]), vec!["two prompt".to_owned()]].concat());
}

#[test]
fn h41_the_place_one_reads_stays_while_the_run_goes_on() {
    let long = |name: &str| (0..12).flat_map(|nth| turn(&format!("{name}{nth}"))).collect::<Vec<_>>();
    let mut talk = Talk::of(80, 24, on_disk(long("d")));
    talk.working(true);
    talk.happen(2, long("l"));
    talk.keys("ctrl-r pgup pgup");
    let place = |talk: &mut Talk| talk.screen().lines().skip(1).take(12).map(str::to_owned).collect::<Vec<_>>();
    let before = place(&mut talk);
    assert!(before.iter().any(|line| line.contains("l5 prompt")), "{before:#?}");
    talk.happen(2, vec![delta("more", "more of it\n\nand more\n\n- still more")]);
    assert_eq!(place(&mut talk), before, "more is told");
    for entry in on_disk(long("l")) {
        talk.written(vec![entry]);
        assert_eq!(place(&mut talk), before, "more is on disk");
    }
    assert!(talk.screen().contains("1 new"), "{}", talk.screen());
    talk.keys("G");
    talk.happen(2, vec![delta("end", "the very end")]);
    assert!(talk.screen().contains("the very end"), "the end is followed again");
}

#[test]
fn enter_sends_and_what_is_refused_comes_back_with_the_reason() {
    let mut talk = Talk::new(80, 24);
    talk.take();
    talk.type_in("fix it").keys("alt-enter").type_in("now").keys("enter");
    let text = "fix it\nnow".to_owned();
    assert_eq!(talk.take(), [RunEffect::Submit { run: run(), text: text.clone() }]);
    assert!(talk.chat().composer.is_empty());
    assert_eq!(talk.kept().expect("kept").1, text, "it is kept until it is on disk");
    talk.send(RunMsg::Submitted { run: run(), text: text.clone(), refused: None });
    assert_eq!(talk.kept().expect("kept").1, "");
    talk.type_in("next").keys("enter");
    let refused = Some(Refusal::NotKept("the disk is full".into()));
    talk.type_in("typed since");
    talk.send(RunMsg::Submitted { run: run(), text: "next".into(), refused });
    assert_eq!(talk.chat().composer.text.whole(), "next\ntyped since");
    assert!(talk.screen().contains("the disk is full"), "{}", talk.screen());
}

#[test]
fn b16_a_paste_is_folded_on_the_screen_and_sent_as_it_is() {
    let mut talk = Talk::new(80, 24);
    talk.take();
    let pasted: String = (0..312).map(|nth| format!("line {nth} $(rm -rf /) \u{1b}[31m\n")).collect();
    talk.type_in("see ");
    talk.stage.send(Msg::Paste(pasted.clone()));
    talk.type_in(" and --help");
    assert!(talk.screen().contains("see [pasted 312 lines] and --help"), "{}", talk.screen());
    talk.keys("enter");
    assert_eq!(talk.take(), [RunEffect::Submit { run: run(), text: format!("see {pasted} and --help") }]);
    talk.stage.send(Msg::Paste(pasted));
    talk.keys("backspace");
    assert!(talk.chat().composer.is_empty(), "it goes as it came");
}

#[test]
fn ctrl_c_clears_then_interrupts_then_asks() {
    let mut talk = Talk::new(80, 24);
    talk.working(true);
    talk.take();
    talk.type_in("half a thought").keys("ctrl-c");
    assert!(talk.chat().composer.is_empty() && talk.take().is_empty());
    talk.keys("up");
    assert_eq!(talk.chat().composer.text.whole(), "half a thought");
    talk.keys("ctrl-c ctrl-c");
    assert_eq!(talk.take(), [RunEffect::Interrupt(run())]);
}

#[test]
fn two_escapes_interrupt_and_one_leads_to_the_transcript() {
    let mut talk = Talk::new(80, 24);
    talk.working(true);
    talk.take();
    talk.keys("esc esc");
    assert_eq!(talk.take(), [RunEffect::Interrupt(run())]);
    assert_eq!(talk.stage.app.layers.len(), 1);
    assert_eq!(talk.type_in("and now").chat().composer.text.whole(), "and now", "one goes on writing");
    talk.keys("ctrl-c").take();
    // With a key in between they do not belong together: the second one goes back, and the run lives on.
    talk.keys("esc j esc");
    assert_eq!(talk.take(), [RunEffect::Unwatch(run())]);
    assert!(talk.stage.app.layers.is_empty());
}

#[test]
fn h45_a_draft_is_kept_by_its_session_and_comes_back() {
    let mut talk = Talk::of(80, 24, on_disk(turn("one")));
    let name = format!("claude:{SESSION}");
    assert!(talk.take().contains(&RunEffect::RecallDraft { key: name.clone() }));
    talk.send(RunMsg::Draft { key: name.clone(), text: "begun yesterday".into() });
    assert_eq!(talk.chat().composer.text.whole(), "begun yesterday");
    talk.type_in("!");
    assert_eq!(talk.kept(), Some((name.clone(), "begun yesterday!".into())));
    talk.send(RunMsg::Draft { key: name, text: "late".into() });
    assert_eq!(talk.chat().composer.text.whole(), "begun yesterday!", "what was written since is not lost");
}

#[test]
fn up_brings_the_prompts_of_the_conversation_and_down_leads_back() {
    let mut talk = Talk::of(80, 24, on_disk([turn("one"), turn("two")].concat()));
    talk.type_in("new").keys("up");
    let written = |talk: &Talk| talk.chat().composer.text.whole();
    assert_eq!(written(&talk), "two prompt");
    talk.keys("up up up");
    assert_eq!(written(&talk), "one prompt");
    talk.keys("down");
    assert_eq!(written(&talk), "two prompt");
    talk.keys("down down");
    assert_eq!(written(&talk), "new");
}

#[test]
fn d4_a_queued_prompt_is_edited_moved_cancelled_and_released() {
    let mut talk = Talk::new(80, 24);
    talk.working(true);
    let queue = vec![
        queued(1, "first", PromptState::Sending, None),
        queued(2, "second", PromptState::Pending, None),
        queued(3, "third", PromptState::Held, Some("salon ended")),
    ];
    talk.send(RunMsg::Queued(run(), queue));
    talk.take();
    talk.keys("up");
    assert_eq!(talk.chat().focus, Focus::Queue(PromptId(3)));
    talk.keys("r K k");
    assert_eq!(
        talk.take(),
        [RunEffect::ReleasePrompt(run(), PromptId(3)), RunEffect::MovePromptUp(run(), PromptId(3))]
    );
    talk.keys("enter").type_in(" and more").keys("enter");
    assert_eq!(talk.take(), [RunEffect::EditPrompt(run(), PromptId(2), "second and more".into())]);
    talk.keys("up k x");
    assert_eq!(talk.take(), [RunEffect::CancelPrompt(run(), PromptId(2))]);
    talk.keys("k enter");
    assert!(talk.take().is_empty() && talk.screen().contains("just being sent"), "{}", talk.screen());
}

#[test]
fn d4_what_is_sent_while_it_is_changed_is_not_lost() {
    let mut talk = Talk::new(80, 24);
    talk.send(RunMsg::Queued(run(), vec![queued(2, "second", PromptState::Pending, None)]));
    talk.keys("up enter").type_in(" changed");
    talk.send(RunMsg::Queued(run(), vec![]));
    assert_eq!(talk.chat().composer.text.whole(), "second changed");
}

#[test]
fn d15_enter_lets_a_paused_queue_go_on() {
    let mut talk = Talk::new(80, 24);
    talk.send(RunMsg::Queued(run(), vec![queued(2, "second", PromptState::Pending, None)]));
    talk.take();
    talk.keys("enter");
    assert!(talk.take().is_empty(), "it is not paused");
    talk.changed(|info| (info.paused, info.last) = (true, Some(Outcome::Interrupted)));
    talk.keys("enter ctrl-y");
    assert_eq!(talk.take(), [RunEffect::GoOn(run()), RunEffect::GoOn(run())]);
}

#[test]
fn files_and_commands_complete() {
    let mut talk = Talk::new(80, 24);
    talk.take();
    talk.type_in("see @ca");
    let asked = |query: &str| RunEffect::FindFiles { below: "/home/ann/shop-api".into(), query: query.into() };
    assert_eq!(talk.take(), [asked(""), asked("c"), asked("ca")]);
    talk.send(RunMsg::Paths { query: "c".into(), found: vec!["late".into()] });
    assert!(talk.chat().composer.completion.as_ref().expect("asked").found.is_empty());
    talk.send(RunMsg::Paths { query: "ca".into(), found: vec!["src/".into(), "src/cart.rs".into()] });
    talk.keys("down tab");
    assert_eq!(talk.chat().composer.text.whole(), "see @src/cart.rs ");
    talk.keys("ctrl-u").type_in("/rv").keys("tab");
    assert_eq!(talk.chat().composer.text.whole(), "/review ");
    talk.keys("ctrl-u").type_in("no /re");
    assert_eq!(talk.chat().composer.completion, None, "a command is the first word");
}

#[test]
fn d15_a_prompt_that_was_kept_back_says_that_the_queue_waits_for_it() {
    let mut talk = Talk::new(120, 24);
    let reason = Some("salon ended before it was sent");
    let kept = queued(4, "first", PromptState::Held, reason);
    talk.send(RunMsg::Queued(run(), vec![kept, queued(5, "second", PromptState::Pending, None)]));
    assert!(talk.screen().contains("the first one was kept back"), "{}", talk.screen());
    talk.send(RunMsg::Queued(run(), vec![queued(5, "second", PromptState::Pending, None)]));
    assert!(!talk.screen().contains("kept back"), "{}", talk.screen());
}
#[test]
fn a_call_without_an_outcome_waits_or_is_at_work_while_its_turn_is_open() {
    let mut talk = Talk::new(80, 24);
    talk.working(true);
    talk.happen(1, vec![prompt("p", "go"), command("c", "make")]);
    assert!(talk.screen().contains("make  … running"), "{}", talk.screen());
    let question = Approval { tool_id: Some("c".into()), ..live::command("q") };
    talk.happen(1, vec![What::Approval(question)]);
    assert!(talk.screen().contains("make  ! waits"), "{}", talk.screen());
    talk.happen(1, vec![What::ApprovalGone("q".into())]);
    assert!(talk.screen().contains("make  … running"), "{}", talk.screen());
    talk.happen(1, vec![What::TurnEnded(Outcome::Done)]);
    assert!(talk.screen().contains("make  … no result"), "{}", talk.screen());
}

#[test]
fn a_turn_is_timed_each_second_and_nothing_is_while_none_is_open() {
    let mut talk = Talk::new(80, 24);
    assert_eq!(talk.stage.app.next_clock(), None);
    talk.working(true);
    let next = talk.stage.app.next_clock().expect("a second");
    assert_eq!(next.since(talk.stage.app.now), 1_000);
    talk.changed(|info| info.phase = Phase::Idle);
    assert_eq!(talk.stage.app.next_clock(), None);
}

#[test]
fn h22_nothing_is_at_work_in_a_turn_that_was_stopped() {
    let mut talk = Talk::new(80, 24);
    talk.working(true);
    talk.happen(1, vec![prompt("p", "go"), command("c", "sleep 60"), result("c", ToolStatus::Running, "")]);
    assert!(talk.screen().contains("… running"), "{}", talk.screen());
    talk.happen(1, vec![What::TurnEnded(Outcome::Interrupted)]);
    assert!(talk.screen().contains("■ interrupted") && !talk.screen().contains("running ·"), "{}", talk.screen());
}

#[test]
fn a_run_that_is_gone_goes_on_with_the_next_prompt() {
    let mut talk = Talk::of(80, 24, on_disk(turn("one")));
    talk.send(RunMsg::Gone(run()));
    talk.take();
    talk.type_in("go on").keys("enter");
    let asked = talk.take();
    let Some(RunEffect::Begin { opening: begun, .. }) = asked.last() else { panic!("{asked:?}") };
    assert_eq!(begun.conversation, Conversation::Resume(SESSION.into()));
}

#[test]
fn b22_what_lives_goes_on_without_a_viewer_and_enter_leads_back_to_it() {
    let mut talk = Talk::of(120, 40, on_disk(turn("one")));
    talk.working(true);
    talk.keys("esc j esc");
    assert!(talk.stage.app.layers.is_empty());
    assert!(talk.screen().contains("Working  1"), "{}", talk.screen());
    talk.take();
    talk.keys("enter");
    assert_eq!(talk.chat().run, Some(run()));
    assert!(talk.take().contains(&RunEffect::Watch(run(), Cursor::default())));
}
