//! How a conversation begins, goes on, or is only followed.

use salon::app::layer::Layer;
use salon::app::msg::ResumeCheck;
use salon::app::runs::{RunEffect, RunMsg};
use salon::app::{Effect, Ticket};
use salon::domain::run::{Conversation, Cursor, Opening, Refusal};
use salon::domain::{Agent, SessionKey};

use super::{parts, turn};
use crate::screens::talk::{SESSION, Talk, on_disk, prompt, run};

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
