//! Split view: the pinned chat is updated, scrolled and visible, and the keys go to the other one.

use ratatui::style::Modifier;
use salon::app::layer::Layer;
use salon::app::msg::{Mouse, RequestTicket};
use salon::app::runs::RunMsg;
use salon::app::{Effect, Flow, Msg};
use salon::domain::event::NoticeLevel;
use salon::domain::run::{Conversation, Refusal, RunStart};
use salon::domain::transcript::{Entry, ToolStatus};
use salon::domain::transcript_event::{TranscriptEvent, TranscriptInfo};
use salon::domain::{Agent, SessionKey};

use super::screens::chat_harness::{ChatHarness, SESSION, command, delta, notice, on_disk, prompt, result, run};
use super::screens::live;
use super::screens::stage::{change, session};

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
    let line = |nth: usize| notice(&format!("n{nth}"), NoticeLevel::Info, &format!("line {nth}."));
    on_disk((0..120).map(line).collect())
}

/// Pins a run's chat and goes home.
fn pinned(width: u16, height: u16, disk: Vec<Entry>) -> ChatHarness {
    let mut harness = ChatHarness::of(width, height, disk);
    let mut other = session(Agent::Codex, OTHER, "Retry failed webhooks with a back-off", 90);
    other.model = Some("gpt-5.2".into());
    harness.stage.send(Msg::Catalog(change(vec![other])));
    harness.take();
    harness.keys("ctrl-r v");
    harness
}

/// Opens another session's transcript beside it.
fn split(width: u16, height: u16, disk: Vec<Entry>) -> ChatHarness {
    let mut harness = pinned(width, height, disk);
    harness.keys("j enter");
    assert_eq!(harness.stage.app.session(), Some(&SessionKey::new(Agent::Codex, OTHER)));
    harness.take();
    harness
}

fn left(harness: &mut ChatHarness) -> String {
    let half = |line: &str| line.split_once('│').map_or(String::new(), |(left, _)| left.trim_end().to_owned());
    harness.screen().lines().map(half).collect::<Vec<_>>().join("\n")
}

fn right(harness: &mut ChatHarness) -> String {
    let half = |line: &str| line.split_once('│').map_or(String::new(), |(_, right)| right.to_owned());
    harness.screen().lines().map(half).collect::<Vec<_>>().join("\n")
}

fn pinned_chat(harness: &ChatHarness) -> &salon::app::chat::Chat {
    harness.stage.app.stack.pinned.as_ref().and_then(Layer::chat).expect("a pinned chat")
}

fn texts(harness: &ChatHarness) -> Vec<String> {
    let reader = &pinned_chat(harness).reader;
    (0..reader.len()).map(|at| reader.entry(at).map_or("…".into(), |shown| shown.entry.text.clone())).collect()
}

fn notice_text(harness: &ChatHarness) -> Option<&str> {
    harness.stage.app.notices.current().map(|notice| notice.text.as_str())
}

/// The transcripts that are open, according to the effects.
fn tickets(harness: &ChatHarness) -> (Option<RequestTicket>, Option<RequestTicket>) {
    let app = &harness.stage.app;
    let ticket = |layer: &Layer| layer.reader().map(|reader| reader.ticket);
    (app.stack.pinned.as_ref().and_then(ticket), app.stack.layers.last().and_then(ticket))
}

#[test]
fn v_pins_what_is_read_and_goes_home_without_letting_it_go() {
    let mut harness = pinned(160, 40, disk());
    assert!(harness.stage.app.stack.layers.is_empty() && pinned_chat(&harness).run == Some(run()));
    assert_eq!(notice_text(&harness), Some("Pinned: open another session beside it"));
    assert_eq!(harness.take(), [], "it is told on");
    assert!(harness.stage.app.stack.shown_pinned(harness.stage.app.size.0).is_none(), "home draws as usual");
}

#[test]
fn two_conversations_side_by_side() {
    let mut harness = split(160, 40, disk());
    harness.working(true);
    harness.happen(2, vec![prompt("p2", "Fix it."), delta("a2", "The totals are summed in **insertion order** now.")]);
    insta::assert_snapshot!("split_160x40", harness.screen());
    let buffer = harness.stage.buffer();
    let header = |column: u16| buffer[(column, 0)].style();
    let bold = |column| header(column).add_modifier.contains(Modifier::BOLD);
    assert!(!bold(1) && bold(81), "the one without the keys steps back");
    assert_ne!(header(1).fg, header(81).fg);
    harness.keys("f6");
    insta::assert_snapshot!("split_other_160x40", harness.screen());
}

#[test]
fn where_there_is_no_room_for_two_only_the_topmost_is_drawn() {
    let mut harness = split(160, 30, disk());
    harness.stage.send(Msg::Resized { width: 100, height: 30 });
    insta::assert_snapshot!("split_100x30", harness.screen());
    harness.keys("f6");
    assert!(harness.screen().contains("Why is cart_total flaky?") && harness.screen().contains("type a prompt"));
    harness.stage.send(Msg::Resized { width: 160, height: 30 });
    assert!(left(&mut harness).contains("Retry failed webhooks"));
    harness.stage.send(Msg::Resized { width: 159, height: 30 });
    assert_eq!(notice_text(&harness), Some("Split needs 160 columns"));
    assert!(!harness.screen().contains('│'), "{}", harness.screen());
}

#[test]
fn what_happens_reaches_the_pinned_conversation() {
    for create in [split, pinned] {
        let mut harness = create(160, 40, disk());
        harness.working(true);
        harness.happen(2, vec![prompt("p2", "Fix it."), delta("a2", "Done so.")]);
        assert_eq!(texts(&harness)[3..], ["Fix it.", "Done so."]);
        harness.send(RunMsg::Submitted {
            run: run(),
            text: "and then".into(),
            refused: Some(Refusal::LeasedBy { pid: 7 }),
        });
        assert_eq!(pinned_chat(&harness).composer.text.whole(), "and then");
        harness.send(RunMsg::Gone(run()));
        assert!(
            pinned_chat(&harness).run.is_none() && pinned_chat(&harness).start.is_some(),
            "it goes on with the next prompt"
        );
    }
}

#[test]
fn the_pinned_transcript_follows_its_end_and_says_when_it_is_gone() {
    let mut harness = split(160, 40, long());
    assert!(left(&mut harness).contains("line 119."), "{}", left(&mut harness));
    let (Some(ticket), _) = tickets(&harness) else { panic!("a transcript") };
    harness.disk.extend(on_disk(vec![notice("n120", NoticeLevel::Info, "line 120.")]));
    let opened = TranscriptInfo { len: 121, branches: 1, ..TranscriptInfo::default() };
    harness.stage.send(Msg::Transcript(ticket, TranscriptEvent::Grown { from: 120, opened }));
    harness.changed(|_| {});
    assert!(left(&mut harness).contains("line 120."), "{}", left(&mut harness));
    harness.stage.send(Msg::Transcript(ticket, TranscriptEvent::Gone));
    assert!(left(&mut harness).contains("deleted on disk"), "{}", left(&mut harness));
    assert!(!right(&mut harness).contains("deleted on disk"));
}

#[test]
fn keys_go_to_the_right_pane_and_f6_swaps_the_panes() {
    let mut harness = split(160, 40, disk());
    let (pinned, read) = tickets(&harness);
    harness.keys("f6");
    assert_eq!(tickets(&harness), (read, pinned));
    harness.type_in("on it");
    assert!(right(&mut harness).contains("❯ on it"));
    harness.keys("ctrl-w");
    assert_eq!(harness.chat().composer.text.whole(), "on ", "where one writes it is a word that goes");
    harness.keys("f6");
    assert!(left(&mut harness).contains("❯ on"));
    harness.keys("? f6 esc");
    assert_eq!(tickets(&harness), (pinned, read), "an overlay keeps the keys");
    assert_eq!(harness.take(), [], "nothing was closed or opened anew");
}

#[test]
fn v_again_closes_the_pinned_one() {
    let mut harness = split(160, 40, disk());
    let (Some(pinned), read) = tickets(&harness) else { panic!("a transcript") };
    harness.asked.clear();
    harness.keys("v");
    assert_eq!(harness.asked, [Effect::UnwatchRun(run()), Effect::CloseTranscript(pinned)]);
    assert_eq!(tickets(&harness), (None, read));
    assert_ne!(harness.stage.buffer()[(79, 10)].symbol(), "│", "{}", harness.screen());
}

#[test]
fn leaving_the_right_one_leaves_the_pinned_one_pinned() {
    let mut harness = split(160, 40, disk());
    harness.keys("esc");
    assert!(harness.stage.app.stack.layers.is_empty() && pinned_chat(&harness).run == Some(run()));
    harness.keys("f6");
    assert!(
        harness.stage.app.stack.pinned.is_none() && harness.chat().run == Some(run()),
        "home is no pane to change with"
    );
    assert_eq!(harness.take(), []);
}

#[test]
fn a_run_that_is_pinned_is_gone_to_and_not_opened_twice() {
    let mut harness = split(160, 40, disk());
    let (pinned, read) = tickets(&harness);
    harness.open();
    assert_eq!(tickets(&harness), (read, pinned));
    assert_eq!(harness.take(), []);
}

#[test]
fn a_session_that_goes_on_pinned_goes_on_there() {
    let mut harness = ChatHarness::closed(160, 40);
    harness.disk = disk();
    harness.listed();
    let key = SessionKey::new(Agent::Claude, SESSION);
    let effects = harness.stage.app.perform(Flow::SendTo { key: key.clone(), prompt: None });
    harness.stage.effects.extend(effects);
    harness.keys("ctrl-r v");
    let (pinned, _) = tickets(&harness);
    let effects = harness.stage.app.perform(Flow::SendTo { key: key.clone(), prompt: Some("go on".into()) });
    assert!(matches!(effects.as_slice(), [Effect::StartRun { .. }]), "{effects:?}");
    assert_eq!(tickets(&harness), (None, pinned));
}

#[test]
fn an_approval_of_the_pinned_chat_is_shown_and_no_key_answers_it() {
    let mut harness = pinned(160, 40, disk());
    let opening = RunStart::new(Conversation::New { id: None }, "/home/ann/shop-api".into());
    let effects = harness.stage.app.perform(Flow::StartChat { agent: Agent::Codex, start: opening, prompt: None });
    harness.stage.effects.extend(effects);
    harness.working(true);
    harness.changed(|info| info.approvals = vec![live::command("q1")]);
    assert!(left(&mut harness).contains("! Bash: cargo test --workspace"), "{}", left(&mut harness));
    assert!(!harness.screen().contains("1  Yes"), "{}", harness.screen());
    harness.take();
    harness.type_in("1");
    assert_eq!((harness.take(), harness.chat().composer.text.whole().as_str()), (vec![], "1"));
    harness.keys("f6");
    assert!(right(&mut harness).contains("1  Yes") && !left(&mut harness).contains("1  Yes"), "{}", harness.screen());
}

#[test]
fn the_mouse_scrolls_the_pane_under_it_and_a_click_swaps_the_panes() {
    let mut harness = split(160, 40, long());
    let mouse = |harness: &mut ChatHarness, kind, column| {
        harness.stage.send(Msg::Mouse { kind, column, row: 10 });
        harness.changed(|_| {});
    };
    mouse(&mut harness, Mouse::WheelUp, 20);
    assert!(
        !left(&mut harness).contains("line 119.") && right(&mut harness).contains("line 119."),
        "{}",
        harness.screen()
    );
    mouse(&mut harness, Mouse::WheelUp, 120);
    assert!(!right(&mut harness).contains("line 119."), "{}", harness.screen());
    // Missing entries are requested on the way, from the feedback of both panes.
    (0..100).for_each(|_| mouse(&mut harness, Mouse::WheelUp, 20));
    assert!(left(&mut harness).contains("line 0.") && !right(&mut harness).contains("line 0."), "{}", harness.screen());
    let (pinned, read) = tickets(&harness);
    mouse(&mut harness, Mouse::Click, 120);
    assert_eq!(tickets(&harness), (pinned, read), "it has the keys already");
    mouse(&mut harness, Mouse::Click, 20);
    assert_eq!(tickets(&harness), (read, pinned));
}

#[test]
fn only_what_fills_the_screen_is_pinned() {
    let mut harness = ChatHarness::closed(160, 40);
    harness.listed();
    harness.keys("l v");
    assert!(harness.stage.app.stack.pinned.is_none());
    harness.keys("f6");
    assert_eq!(notice_text(&harness), Some("Nothing is pinned"));
}

#[test]
fn what_runs_in_the_pinned_one_is_asked_about_before_salon_quits() {
    let mut harness = split(160, 40, disk());
    harness.working(true);
    harness.keys("q q");
    assert!(matches!(harness.stage.app.stack.layers.last(), Some(Layer::Dialog(_))));
    assert!(harness.screen().contains("An agent is still working; quitting stops it."));
}

#[test]
fn a_narrow_screen_refuses_to_pin_and_home_names_what_is_pinned() {
    let mut narrow = ChatHarness::of(120, 30, disk());
    narrow.keys("ctrl-r v");
    assert!(narrow.stage.app.stack.pinned.is_none() && narrow.stage.app.stack.screen().is_some(), "the chat stays");
    assert_eq!(notice_text(&narrow), Some("Split needs 160 columns"));
    let mut wide = pinned(160, 40, disk());
    let header = wide.screen().lines().next().map(str::to_owned).unwrap_or_default();
    assert!(header.contains("pinned: "), "{header}");
    wide.keys("j enter esc");
    assert!(wide.stage.app.stack.pinned.is_some());
}
