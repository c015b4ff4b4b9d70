//! Two conversations side by side: what is pinned stays told, scrolled and in view, and the keys go to the other one.

use ratatui::style::Modifier;
use salon::app::layer::Layer;
use salon::app::msg::{Mouse, Opened, Ticket, TranscriptMsg};
use salon::app::runs::{RunEffect, RunMsg};
use salon::app::{Effect, Msg};
use salon::domain::event::Level;
use salon::domain::run::{Conversation, Opening, Refusal};
use salon::domain::transcript::{Entry, ToolStatus};
use salon::domain::{Agent, SessionKey};

use super::screens::live;
use super::screens::stage::{change, session};
use super::screens::talk::{SESSION, Talk, command, delta, notice, on_disk, prompt, result, run};

const OTHER: &str = "019a-0021";

fn disk() -> Vec<Entry> {
    on_disk(vec![
        prompt("p1", "Why is cart_total flaky?"),
        command("c1", "cargo test cart_total"),
        result("c1", ToolStatus::Done, "ok"),
        delta("a1", "It depends on the order of a `HashMap`."),
    ])
}

fn long() -> Vec<Entry> {
    let line = |nth: usize| notice(&format!("n{nth}"), Level::Info, &format!("line {nth}."));
    on_disk((0..120).map(line).collect())
}

/// A run's conversation is pinned, and salon is at home.
fn pinned(width: u16, height: u16, disk: Vec<Entry>) -> Talk {
    let mut talk = Talk::of(width, height, disk);
    let mut other = session(Agent::Codex, OTHER, "Retry failed webhooks with a back-off", 90);
    other.model = Some("gpt-5.2".into());
    talk.stage.send(Msg::Catalog(change(vec![other])));
    talk.take();
    talk.keys("esc v");
    talk
}

/// Another session's transcript is read beside it.
fn split(width: u16, height: u16, disk: Vec<Entry>) -> Talk {
    let mut talk = pinned(width, height, disk);
    talk.keys("j enter");
    assert_eq!(talk.stage.app.session(), Some(&SessionKey::new(Agent::Codex, OTHER)));
    talk.take();
    talk
}

fn left(talk: &mut Talk) -> String {
    let half = |line: &str| line.split_once('│').map_or(String::new(), |(left, _)| left.trim_end().to_owned());
    talk.screen().lines().map(half).collect::<Vec<_>>().join("\n")
}

fn right(talk: &mut Talk) -> String {
    let half = |line: &str| line.split_once('│').map_or(String::new(), |(_, right)| right.to_owned());
    talk.screen().lines().map(half).collect::<Vec<_>>().join("\n")
}

fn beside(talk: &Talk) -> &salon::app::chat::Chat {
    talk.stage.app.beside.as_ref().and_then(Layer::chat).expect("a pinned chat")
}

fn texts(talk: &Talk) -> Vec<String> {
    let reader = &beside(talk).reader;
    (0..reader.len()).map(|at| reader.entry(at).map_or("…".into(), |shown| shown.entry.text.clone())).collect()
}

fn told(talk: &Talk) -> Option<&str> {
    talk.stage.app.notices.current().map(|notice| notice.text.as_str())
}

/// The transcripts that are open now, judged by what was asked.
fn tickets(talk: &Talk) -> (Option<Ticket>, Option<Ticket>) {
    let app = &talk.stage.app;
    let ticket = |layer: &Layer| layer.reader().map(|reader| reader.ticket);
    (app.beside.as_ref().and_then(ticket), app.layers.last().and_then(ticket))
}

#[test]
fn v_pins_what_is_read_and_goes_home_without_letting_it_go() {
    let mut talk = pinned(160, 40, disk());
    assert!(talk.stage.app.layers.is_empty() && beside(&talk).run == Some(run()));
    assert_eq!(told(&talk), Some("pinned: open another beside it"));
    assert_eq!(talk.take(), [], "it is told on");
    assert!(talk.stage.app.shown_beside().is_none(), "home draws as usual");
}

#[test]
fn two_conversations_side_by_side() {
    let mut talk = split(160, 40, disk());
    talk.working(true);
    talk.happen(2, vec![prompt("p2", "Fix it."), delta("a2", "The totals are summed in **insertion order** now.")]);
    insta::assert_snapshot!("split_160x40", talk.screen());
    let buffer = talk.stage.buffer();
    let header = |column: u16| buffer[(column, 0)].style();
    let bold = |column| header(column).add_modifier.contains(Modifier::BOLD);
    assert!(!bold(1) && bold(80), "the one without the keys steps back");
    assert_ne!(header(1).fg, header(80).fg);
    talk.keys("f6");
    insta::assert_snapshot!("split_other_160x40", talk.screen());
}

#[test]
fn where_there_is_no_room_for_two_only_the_topmost_is_drawn() {
    let mut talk = split(100, 30, disk());
    insta::assert_snapshot!("split_100x30", talk.screen());
    talk.keys("f6");
    assert!(talk.screen().contains("Why is cart_total flaky?") && talk.screen().contains("write a prompt"));
    talk.stage.send(Msg::Resized { width: 160, height: 30 });
    assert!(left(&mut talk).contains("Retry failed webhooks"));
    talk.stage.send(Msg::Resized { width: 159, height: 30 });
    assert_eq!(told(&talk), Some("160 columns are needed for two"));
    assert!(!talk.screen().contains('│'), "{}", talk.screen());
}

#[test]
fn what_happens_reaches_the_pinned_conversation() {
    for mut talk in [split(160, 40, disk()), pinned(160, 40, disk())] {
        talk.working(true);
        talk.happen(2, vec![prompt("p2", "Fix it."), delta("a2", "Done so.")]);
        assert_eq!(texts(&talk)[3..], ["Fix it.", "Done so."]);
        talk.send(RunMsg::Submitted { run: run(), text: "and then".into(), refused: Some(Refusal::HeldBy { pid: 7 }) });
        assert_eq!(beside(&talk).composer.text.whole(), "and then");
        talk.send(RunMsg::Gone(run()));
        assert!(beside(&talk).run.is_none() && beside(&talk).opening.is_some(), "it goes on with the next prompt");
    }
}

#[test]
fn the_pinned_transcript_follows_its_end_and_says_when_it_is_gone() {
    let mut talk = split(160, 40, long());
    assert!(left(&mut talk).contains("line 119."), "{}", left(&mut talk));
    let (Some(ticket), _) = tickets(&talk) else { panic!("a transcript") };
    talk.disk.extend(on_disk(vec![notice("n120", Level::Info, "line 120.")]));
    let opened = Opened { len: 121, branches: 1, ..Opened::default() };
    talk.stage.send(Msg::Transcript(ticket, TranscriptMsg::Grown { from: 120, opened }));
    talk.changed(|_| {});
    assert!(left(&mut talk).contains("line 120."), "{}", left(&mut talk));
    talk.stage.send(Msg::Transcript(ticket, TranscriptMsg::Gone));
    assert!(left(&mut talk).contains("deleted on disk"), "{}", left(&mut talk));
    assert!(!right(&mut talk).contains("deleted on disk"));
}

#[test]
fn keys_go_to_the_right_one_and_f6_changes_places() {
    let mut talk = split(160, 40, disk());
    let (pinned, read) = tickets(&talk);
    talk.keys("f6");
    assert_eq!(tickets(&talk), (read, pinned));
    talk.keys("ctrl-r").type_in("on it");
    assert!(right(&mut talk).contains("❯ on it"));
    talk.keys("ctrl-w");
    assert_eq!(talk.chat().composer.text.whole(), "on ", "where one writes it is a word that goes");
    talk.keys("f6");
    assert!(left(&mut talk).contains("❯ on"));
    talk.keys("? f6 esc");
    assert_eq!(tickets(&talk), (pinned, read), "an overlay keeps the keys");
    assert_eq!(talk.take(), [], "nothing was closed or opened anew");
}

#[test]
fn v_again_closes_the_pinned_one() {
    let mut talk = split(160, 40, disk());
    let (Some(pinned), read) = tickets(&talk) else { panic!("a transcript") };
    talk.asked.clear();
    talk.keys("v");
    assert_eq!(talk.asked, [Effect::Run(RunEffect::Unwatch(run())), Effect::CloseTranscript(pinned)]);
    assert_eq!(tickets(&talk), (None, read));
    assert!(!talk.screen().contains('│'));
}

#[test]
fn leaving_the_right_one_leaves_the_pinned_one_pinned() {
    let mut talk = split(160, 40, disk());
    talk.keys("esc");
    assert!(talk.stage.app.layers.is_empty() && beside(&talk).run == Some(run()));
    talk.keys("f6");
    assert!(talk.stage.app.beside.is_none() && talk.chat().run == Some(run()), "home is no pane to change with");
    assert_eq!(talk.take(), []);
}

#[test]
fn a_run_that_is_pinned_is_gone_to_and_not_opened_twice() {
    let mut talk = split(160, 40, disk());
    let (pinned, read) = tickets(&talk);
    talk.open();
    assert_eq!(tickets(&talk), (read, pinned));
    assert_eq!(talk.take(), []);
}

#[test]
fn a_session_that_goes_on_pinned_goes_on_there() {
    let mut talk = Talk::closed(160, 40);
    talk.disk = disk();
    talk.listed();
    let key = SessionKey::new(Agent::Claude, SESSION);
    let effects = talk.stage.app.send_to(&key, None);
    talk.stage.effects.extend(effects);
    talk.keys("esc v");
    let (pinned, _) = tickets(&talk);
    let effects = talk.stage.app.send_to(&key, Some("go on".into()));
    assert!(matches!(effects.as_slice(), [Effect::Run(RunEffect::Begin { .. })]), "{effects:?}");
    assert_eq!(tickets(&talk), (None, pinned));
}

#[test]
fn a_question_of_the_pinned_one_is_told_and_no_key_answers_it() {
    let mut talk = pinned(160, 40, disk());
    let opening = Opening::new(Conversation::New { id: None }, "/home/ann/shop-api".into());
    let effects = talk.stage.app.begin(Agent::Codex, opening, None);
    talk.stage.effects.extend(effects);
    talk.working(true);
    talk.changed(|info| info.approvals = vec![live::command("q1")]);
    assert!(left(&mut talk).contains("! Bash cargo test --workspace"), "{}", left(&mut talk));
    assert!(!talk.screen().contains("1  Yes"), "{}", talk.screen());
    talk.take();
    talk.type_in("1");
    assert_eq!((talk.take(), talk.chat().composer.text.whole().as_str()), (vec![], "1"));
    talk.keys("f6");
    assert!(right(&mut talk).contains("1  Yes") && !left(&mut talk).contains("1  Yes"), "{}", talk.screen());
}

#[test]
fn the_mouse_scrolls_what_it_is_over_and_a_click_changes_places() {
    let mut talk = split(160, 40, long());
    let mouse = |talk: &mut Talk, kind, column| {
        talk.stage.send(Msg::Mouse { kind, column, row: 10 });
        talk.changed(|_| {});
    };
    mouse(&mut talk, Mouse::WheelUp, 20);
    assert!(!left(&mut talk).contains("line 119.") && right(&mut talk).contains("line 119."), "{}", talk.screen());
    mouse(&mut talk, Mouse::WheelUp, 120);
    assert!(!right(&mut talk).contains("line 119."), "{}", talk.screen());
    // What was not read yet is asked for on the way, as drawing tells of both.
    (0..100).for_each(|_| mouse(&mut talk, Mouse::WheelUp, 20));
    assert!(left(&mut talk).contains("line 0.") && !right(&mut talk).contains("line 0."), "{}", talk.screen());
    let (pinned, read) = tickets(&talk);
    mouse(&mut talk, Mouse::Click, 120);
    assert_eq!(tickets(&talk), (pinned, read), "it has the keys already");
    mouse(&mut talk, Mouse::Click, 20);
    assert_eq!(tickets(&talk), (read, pinned));
}

#[test]
fn only_what_fills_the_screen_is_pinned() {
    let mut talk = Talk::closed(160, 40);
    talk.listed();
    talk.keys("l v");
    assert!(talk.stage.app.beside.is_none());
    talk.keys("f6");
    assert_eq!(told(&talk), Some("nothing is pinned"));
}

#[test]
fn what_runs_in_the_pinned_one_is_asked_about_before_salon_quits() {
    let mut talk = split(160, 40, disk());
    talk.working(true);
    talk.keys("q");
    assert!(matches!(talk.stage.app.layers.last(), Some(Layer::Dialog(_))));
    assert!(talk.screen().contains("A turn is open"));
}
