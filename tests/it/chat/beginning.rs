//! Starting, continuing and read-only chats.

use salon::app::layer::Layer;
use salon::app::msg::ResumeCheck;
use salon::app::runs::RunMsg;
use salon::app::{Effect, Flow, Msg, RequestTicket};
use salon::domain::run::{Conversation, FolderTrust, Refusal, RunStart, UntrustedFolder};
use salon::domain::run_event::RingCursor;
use salon::domain::{Agent, SessionKey};

use super::{parts, turn};
use crate::screens::chat_harness::{ChatHarness, SESSION, on_disk, prompt, run};
use crate::screens::stage::{change, session};

fn past() -> (ChatHarness, SessionKey) {
    let mut harness = ChatHarness::closed(100, 30);
    harness.disk = on_disk(turn("one"));
    harness.listed();
    harness.take();
    (harness, SessionKey::new(Agent::Claude, SESSION))
}

fn opening(conversation: Conversation) -> RunStart {
    RunStart { trust: FolderTrust::Ask, ..RunStart::new(conversation, "/home/ann/shop-api".into()) }
}

#[test]
fn a_past_session_goes_on_with_its_first_prompt_and_no_sooner() {
    let (mut harness, key) = past();
    harness.keys("r");
    assert_eq!(harness.take(), [Effect::CheckContinue(key.clone())]);
    harness.send(RunMsg::Checked { key: key.clone(), check: ResumeCheck::default() });
    let draft = Effect::LoadDraft { key: key.to_string() };
    assert_eq!(harness.take(), [draft], "nothing is started");
    assert_eq!(harness.shown(), parts(&["one"]));
    harness.type_in("go on").keys("enter");
    let asked = harness.take();
    let [Effect::StartRun { ticket, agent: Agent::Claude, start: begun, prompt: Some(text) }] = asked.as_slice() else {
        panic!("{asked:?}")
    };
    assert_eq!((begun, text.as_str()), (&opening(Conversation::Resume(key.id.clone())), "go on"));
    harness.send(RunMsg::Started { ticket: *ticket, result: Ok(run()) });
    assert_eq!(harness.take(), [Effect::WatchRun(run(), RingCursor::default())]);
    harness.changed(|info| info.session = Some(key.clone()));
    harness.working(true);
    harness.happen(1, vec![prompt("p", "go on")]);
    assert_eq!(harness.shown(), [parts(&["one"]), vec!["go on".to_owned()]].concat());
    // Once there is a run, the key goes to its chat.
    harness.keys("left r");
    assert!(!harness.take().iter().any(|effect| matches!(effect, Effect::CheckContinue(_))));
    assert_eq!(harness.chat().run, Some(run()));
}

#[test]
fn b30_a_conversation_of_another_salon_is_followed_and_the_text_stays() {
    let (mut harness, key) = past();
    harness.keys("r");
    harness.send(RunMsg::Checked { key: key.clone(), check: ResumeCheck::default() });
    harness.type_in("mine").keys("enter");
    let asked = harness.take();
    let Some(Effect::StartRun { ticket, .. }) = asked.last() else { panic!("{asked:?}") };
    harness.send(RunMsg::Started { ticket: *ticket, result: Err(Refusal::LeasedBy { pid: 99 }) });
    let screen = harness.screen();
    assert!(screen.contains("read-only: open in another salon, pid 99"), "{screen}");
    assert!(screen.lines().any(|line| line.trim() == "❯ mine"), "{screen}");
    assert_eq!(harness.chat().composer.text.whole(), "mine");
    harness.keys("enter");
    assert!(harness.take().is_empty(), "it is read only");
}

#[test]
fn a_session_that_cannot_be_controlled_is_read_only_with_the_reason() {
    let (mut harness, key) = past();
    harness.keys("r");
    harness.send(RunMsg::Checked { key, check: ResumeCheck::default() });
    harness.type_in("mine").keys("enter");
    let asked = harness.take();
    let Some(Effect::StartRun { ticket, .. }) = asked.last() else { panic!("{asked:?}") };
    let refusal = Refusal::OpenElsewhere("OpenCode (pid 7), which cannot be controlled".into());
    harness.send(RunMsg::Started { ticket: *ticket, result: Err(refusal) });
    let screen = harness.screen();
    assert!(screen.contains("read-only: open in OpenCode (pid 7)"), "{screen}");
    assert_eq!(harness.chat().composer.text.whole(), "mine");
}

#[test]
fn a_session_that_salon_cannot_run_is_opened_in_its_agent() {
    let mut harness = ChatHarness::closed(100, 30);
    harness.stage.send(Msg::Catalog(change(vec![session(Agent::Gemini, "g1", "Old plans", 5)])));
    harness.keys("r");
    assert!(
        harness.screen().contains("Salon cannot run Gemini CLI: press R to open it in the agent"),
        "{}",
        harness.screen()
    );
    harness.keys("f");
    assert!(harness.take().is_empty() && harness.stage.app.stack.layers.is_empty());
}

#[test]
fn b30_what_another_salon_runs_is_followed_at_once() {
    let (mut harness, key) = past();
    harness.keys("r");
    harness.take();
    harness.send(RunMsg::Checked { key, check: ResumeCheck { owner_pid: Some(99), ..ResumeCheck::default() } });
    let screen = harness.screen();
    assert!(screen.contains("read-only: open in another salon, pid 99"), "{screen}");
    assert!(screen.contains("read-only: open in another salon, pid 99"), "{screen}");
    harness.take();
    harness.type_in("x").keys("enter");
    assert!(harness.take().is_empty(), "it is read only");
}

#[test]
fn obstacles_are_shown_with_their_remedies() {
    let (mut harness, key) = past();
    harness.keys("r");
    harness.take();
    let check = ResumeCheck { open_elsewhere: Some("claude, pid 4711".into()), ..ResumeCheck::default() };
    harness.send(RunMsg::Checked { key: key.clone(), check });
    let screen = harness.screen();
    for words in ["Open elsewhere: claude, pid 4711", "1  Watch", "2  Fork", "3  Cancel"] {
        assert!(screen.contains(words), "{words} in {screen}");
    }
    assert!(!screen.contains("Take over"), "nothing is offered that does not work: {screen}");
    harness.keys("2").type_in("copy").keys("enter");
    let asked = harness.take();
    let Some(Effect::StartRun { start: begun, .. }) = asked.last() else { panic!("{asked:?}") };
    assert_eq!(begun.conversation, Conversation::Fork(key.id.clone()));
}

#[test]
fn a_new_session_begins_with_what_was_chosen() {
    let mut harness = ChatHarness::closed(80, 24);
    let chosen = RunStart { model: Some("opus".into()), ..opening(Conversation::New { id: None }) };
    let effects = harness.stage.app.perform(Flow::StartChat {
        agent: Agent::Claude,
        start: chosen.clone(),
        prompt: Some("hello".into()),
    });
    let begun = effects.iter().find_map(|effect| match effect {
        Effect::StartRun { ticket, start: opening, prompt, .. } => Some((*ticket, opening.clone(), prompt.clone())),
        _ => None,
    });
    let (ticket, opening, text) = begun.expect("it begins");
    assert_eq!((opening, text.as_deref()), (chosen, Some("hello")));
    assert!(matches!(harness.stage.app.stack.layers.last(), Some(Layer::Chat(_))));
    harness.send(RunMsg::Started { ticket: RequestTicket(u64::MAX), result: Ok(run()) });
    assert_eq!(harness.chat().run, None, "an answer to another question");
    harness.send(RunMsg::Started { ticket, result: Err(Refusal::NotSaved("read-only".into())) });
    assert_eq!(harness.chat().composer.text.whole(), "hello");
}

#[test]
fn h45_what_was_sent_as_the_first_prompt_is_no_draft_any_more() {
    let mut harness = ChatHarness::closed(80, 24);
    let effects = harness.stage.app.perform(Flow::StartChat {
        agent: Agent::Claude,
        start: opening(Conversation::New { id: None }),
        prompt: None,
    });
    let recalls = |effect: &Effect| match effect {
        Effect::LoadDraft { key } => Some(key.clone()),
        _ => None,
    };
    let draft = effects.iter().find_map(recalls).expect("a draft is looked for");
    harness.type_in("hello").keys("enter");
    let asked = harness.take();
    let Some(Effect::StartRun { ticket, .. }) = asked.last() else { panic!("{asked:?}") };
    assert_eq!(harness.draft(&draft).as_deref(), Some("hello"), "it is kept until the prompt is accepted");
    harness.send(RunMsg::Started { ticket: *ticket, result: Ok(run()) });
    assert_eq!(harness.draft(&draft).as_deref(), Some(""));
}

/// A chat whose start was refused because of its folder.
fn untrusted(programs: &[&str]) -> ChatHarness {
    let mut harness = ChatHarness::closed(80, 24);
    let start = RunStart::new(Conversation::New { id: None }, "/home/ann/shop-api".into());
    let effects = harness.stage.app.perform(Flow::StartChat { agent: Agent::Claude, start, prompt: None });
    harness.stage.effects.extend(effects);
    harness.type_in("fix it").keys("enter");
    let asked = harness.take();
    let Some(Effect::StartRun { ticket, start, .. }) = asked.last() else { panic!("{asked:?}") };
    assert_eq!(start.trust, FolderTrust::Ask);
    let refusal = Refusal::Untrusted(UntrustedFolder {
        folder: "/home/ann/shop-api".into(),
        settings: vec!["/home/ann/shop-api/.claude/settings.json".into()],
        programs: programs.iter().map(|program| (*program).to_owned()).collect(),
        can_restrict: true,
    });
    harness.send(RunMsg::Started { ticket: *ticket, result: Err(refusal) });
    harness.take();
    harness
}

#[test]
fn f7_a_folder_that_was_never_trusted_is_asked_about_with_what_would_run() {
    let many: Vec<String> =
        (0..12).map(|number| format!("hook PreToolUse: ./check-{number}.sh\r\u{1b}[2Jls")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut harness = untrusted(&many);
    let screen = harness.screen();
    for wanted in [
        "Trust this folder?",
        ".claude/settings.json",
        "hook PreToolUse: ./check-0.sh",
        "[2Jls",
        "and 4 more",
        "1  Start without these settings",
        "2  Trust this folder, and start",
    ] {
        assert!(screen.contains(wanted), "{wanted}: {screen}");
    }
    harness.keys("esc");
    assert!(harness.take().is_empty(), "nothing is started");
    assert_eq!(harness.chat().composer.text.whole(), "fix it", "and the prompt stays");
}

#[test]
fn f7_the_answer_starts_the_run_with_the_prompt() {
    for (key, trust) in [("1", FolderTrust::WithoutSettings), ("2", FolderTrust::Trusted)] {
        let mut harness = untrusted(&[]);
        harness.keys(key);
        let asked = harness.take();
        let started = asked.iter().find_map(|effect| match effect {
            Effect::StartRun { start, prompt, .. } => Some((start.trust, prompt.clone())),
            _ => None,
        });
        assert_eq!(started, Some((trust, Some("fix it".to_owned()))), "{asked:?}");
    }
}
