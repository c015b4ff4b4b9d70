//! A conversation: what is told and what is pressed, and what is shown and asked because of it.

mod anything;
mod beginning;

use salon::app::chat::Focus;
use salon::app::layer::Layer;
use salon::app::msg::ResumeCheck;
use salon::app::runs::{RunEffect, RunMsg};
use salon::app::{Effect, Msg, Ticket};
use salon::domain::approval::Approval;
use salon::domain::event::Level;
use salon::domain::prompt::{PromptId, PromptState};
use salon::domain::run::{Conversation, Cursor, Opening, Outcome, Phase, Refusal, What};
use salon::domain::transcript::{Entry, ToolStatus};
use salon::domain::{Agent, SessionKey};

use super::screens::live;
use super::screens::stage::{change, session};
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

fn past() -> (Talk, SessionKey) {
    let mut talk = Talk::closed(100, 30);
    talk.disk = on_disk(turn("one"));
    talk.listed();
    talk.take();
    (talk, SessionKey::new(Agent::Claude, SESSION))
}

fn opening(conversation: Conversation) -> Opening {
    Opening::new(conversation, "/home/ann/shop-api".into())
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
fn a_past_session_goes_on_with_its_first_prompt_and_no_sooner() {
    let (mut talk, key) = past();
    talk.keys("r");
    assert_eq!(talk.take(), [RunEffect::Check(key.clone())]);
    talk.send(RunMsg::Checked { key: key.clone(), check: ResumeCheck::default() });
    let draft = RunEffect::RecallDraft { key: key.to_string() };
    assert_eq!(talk.take(), [draft], "nothing is started");
    assert_eq!(talk.shown(), parts(&["one"]));
    talk.type_in("go on").keys("enter");
    let asked = talk.take();
    let [RunEffect::Begin { ticket, agent: Agent::Claude, opening: begun, prompt: Some(text) }] = asked.as_slice()
    else {
        panic!("{asked:?}")
    };
    assert_eq!((begun, text.as_str()), (&opening(Conversation::Resume(key.id.clone())), "go on"));
    talk.send(RunMsg::Begun { ticket: *ticket, result: Ok(run()) });
    assert_eq!(talk.take(), [RunEffect::Watch(run(), Cursor::default())]);
    talk.changed(|info| info.session = Some(key.clone()));
    talk.working(true);
    talk.happen(1, vec![prompt("p", "go on")]);
    assert_eq!(talk.shown(), [parts(&["one"]), vec!["go on".to_owned()]].concat());
    // Once there is a run, one goes to it.
    talk.keys("esc j esc r");
    assert!(!talk.take().iter().any(|effect| matches!(effect, RunEffect::Check(_))));
    assert_eq!(talk.chat().run, Some(run()));
}

#[test]
fn b30_a_conversation_of_another_salon_is_followed_and_the_text_stays() {
    let (mut talk, key) = past();
    talk.keys("r");
    talk.send(RunMsg::Checked { key: key.clone(), check: ResumeCheck::default() });
    talk.type_in("mine").keys("enter");
    let asked = talk.take();
    let Some(RunEffect::Begin { ticket, .. }) = asked.last() else { panic!("{asked:?}") };
    talk.send(RunMsg::Begun { ticket: *ticket, result: Err(Refusal::HeldBy { pid: 99 }) });
    let screen = talk.screen();
    assert!(screen.contains("following: owned by pid 99"), "{screen}");
    assert!(screen.lines().any(|line| line.trim_end() == "❯ mine"), "{screen}");
    assert_eq!(talk.chat().composer.text.whole(), "mine");
    talk.keys("enter");
    assert!(talk.take().is_empty(), "it is read only");
}

#[test]
fn what_salon_cannot_run_is_said_to_be_resumed_elsewhere() {
    let mut talk = Talk::closed(100, 30);
    talk.stage.send(Msg::Catalog(change(vec![session(Agent::Gemini, "g1", "Old plans", 5)])));
    talk.keys("r");
    assert!(talk.screen().contains("Gemini CLI cannot be run in salon: R resumes it"), "{}", talk.screen());
    talk.keys("f");
    assert!(talk.take().is_empty() && talk.stage.app.layers.is_empty());
}

#[test]
fn b30_what_another_salon_runs_is_followed_at_once() {
    let (mut talk, key) = past();
    talk.keys("r");
    talk.take();
    talk.send(RunMsg::Checked { key, check: ResumeCheck { held: Some(99), ..ResumeCheck::default() } });
    let screen = talk.screen();
    assert!(screen.contains("following: owned by pid 99"), "{screen}");
    assert!(screen.contains("read only: owned by pid 99"), "{screen}");
    talk.take();
    talk.type_in("x").keys("enter");
    assert!(talk.take().is_empty(), "it is read only");
}

#[test]
fn what_stands_in_the_way_is_asked_about_with_what_can_be_done() {
    let (mut talk, key) = past();
    talk.keys("r");
    talk.take();
    let check = ResumeCheck { open_elsewhere: Some("claude, pid 4711".into()), ..ResumeCheck::default() };
    talk.send(RunMsg::Checked { key: key.clone(), check });
    let screen = talk.screen();
    for words in ["Open elsewhere: claude, pid 4711", "1  follow it", "2  fork it", "3  take it over", "4  cancel"] {
        assert!(screen.contains(words), "{words} in {screen}");
    }
    talk.keys("2").type_in("copy").keys("enter");
    let asked = talk.take();
    let Some(RunEffect::Begin { opening: begun, .. }) = asked.last() else { panic!("{asked:?}") };
    assert_eq!(begun.conversation, Conversation::Fork(key.id.clone()));
}

#[test]
fn a_new_session_begins_with_what_was_chosen() {
    let mut talk = Talk::closed(80, 24);
    let chosen = Opening { model: Some("opus".into()), ..opening(Conversation::New { id: None }) };
    let effects = talk.stage.app.begin(Agent::Claude, chosen.clone(), Some("hello".into()));
    let begun = effects.iter().find_map(|effect| match effect {
        Effect::Run(RunEffect::Begin { ticket, opening, prompt, .. }) => {
            Some((*ticket, opening.clone(), prompt.clone()))
        }
        _ => None,
    });
    let (ticket, opening, text) = begun.expect("it begins");
    assert_eq!((opening, text.as_deref()), (chosen, Some("hello")));
    assert!(matches!(talk.stage.app.layers.last(), Some(Layer::Chat(_))));
    talk.send(RunMsg::Begun { ticket: Ticket(u64::MAX), result: Ok(run()) });
    assert_eq!(talk.chat().run, None, "an answer to another question");
    talk.send(RunMsg::Begun { ticket, result: Err(Refusal::NotKept("read-only".into())) });
    assert_eq!(talk.chat().composer.text.whole(), "hello");
}

#[test]
fn h45_what_was_sent_as_the_first_prompt_is_no_draft_any_more() {
    let mut talk = Talk::closed(80, 24);
    let effects = talk.stage.app.begin(Agent::Claude, opening(Conversation::New { id: None }), None);
    let recalls = |effect: &Effect| match effect {
        Effect::Run(RunEffect::RecallDraft { key }) => Some(key.clone()),
        _ => None,
    };
    let draft = effects.iter().find_map(recalls).expect("a draft is looked for");
    talk.type_in("hello").keys("enter");
    let asked = talk.take();
    let Some(RunEffect::Begin { ticket, .. }) = asked.last() else { panic!("{asked:?}") };
    assert_eq!(talk.draft(&draft).as_deref(), Some("hello"), "it is kept until the prompt is accepted");
    talk.send(RunMsg::Begun { ticket: *ticket, result: Ok(run()) });
    assert_eq!(talk.draft(&draft).as_deref(), Some(""));
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
