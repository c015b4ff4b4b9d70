//! Messages in, state and effects out.

mod settings;

use std::sync::Arc;

use salon::app::layer::Layer;
use salon::app::msg::{DebounceTicket, Mouse, RequestTicket, ResumeCheck};
use salon::app::reader::Reader;
use salon::app::{Effect, Msg, age};
use salon::config::settings::ListScope;
use salon::config::theme_file;
use salon::domain::catalog::{CatalogChange, IndexProgress};
use salon::domain::live_status::LiveStatus;
use salon::domain::{Agent, SessionKey, SessionState, Time};

use super::screens::stage::{NOW, Stage, change, session, sessions};

fn key(agent: Agent, id: &str) -> SessionKey {
    SessionKey::new(agent, id)
}

fn update(mut sessions: Vec<salon::domain::Session>, id: &str, change_it: impl Fn(&mut salon::domain::Session)) -> Msg {
    sessions.retain(|session| &*session.key.id == id);
    sessions.iter_mut().for_each(change_it);
    Msg::Catalog(CatalogChange { sessions: sessions.into_iter().map(Arc::new).collect(), ..CatalogChange::default() })
}

#[test]
fn h43_the_selection_stays_on_its_session_and_its_line_when_the_order_changes() {
    let mut stage = Stage::full(120, 40);
    stage.keys("j j j j");
    assert_eq!(stage.selected(), "下書き：在庫の同期を設計する");
    let line = |stage: &Stage| stage.app.stack.home.list.at().expect("selected") - stage.app.stack.home.list.top();
    let before = line(&stage);
    stage.send(update(sessions(), "5d0c0f6e-0008", |session| session.last_activity = Some(NOW)));
    assert_eq!(stage.selected(), "下書き：在庫の同期を設計する");
    assert_eq!(line(&stage), before + 1, "everything fits, so nothing scrolls");

    // In a list longer than the screen, the line on the screen stays too.
    let many = (0..200).map(|at| session(Agent::Claude, &format!("id-{at:04}"), &format!("title {at}"), 10 + at));
    let mut stage = Stage::new(120, 40);
    stage.send(Msg::Catalog(change(many.collect()))).keys("pgdn pgdn k k k k k k k");
    let (title, before) = (stage.selected(), line(&stage));
    stage.send(Msg::Catalog(change(vec![session(Agent::Codex, "new", "the newest", 0)])));
    assert_eq!((stage.selected(), line(&stage)), (title, before));
}

#[test]
fn h43_until_a_row_is_chosen_the_first_one_is_selected() {
    let mut stage = Stage::new(80, 24);
    stage.send(Msg::Catalog(change(vec![session(Agent::Claude, "older", "older", 60)])));
    assert_eq!(stage.selected(), "older");
    stage.send(Msg::Catalog(change(vec![session(Agent::Claude, "newer", "newer", 5)])));
    assert_eq!(stage.selected(), "newer");
}

#[test]
fn h43_a_selected_session_that_goes_gives_its_place_to_the_next() {
    let mut stage = Stage::full(80, 24);
    stage.keys("j");
    let gone = stage.app.stack.home.list.key().cloned().expect("selected");
    stage.send(Msg::Catalog(CatalogChange { removed: vec![gone], ..CatalogChange::default() }));
    assert_eq!(stage.selected(), "Move the price rules into their own crate");
    stage.send(Msg::Catalog(CatalogChange {
        removed: sessions().into_iter().map(|session| session.key).collect(),
        ..CatalogChange::default()
    }));
    assert_eq!(stage.app.stack.home.list.at(), None);
    stage.keys("j k g G pgdn enter R y");
}

#[test]
fn h43_the_selection_stays_while_the_filter_is_typed_and_not_ranked_yet() {
    let mut stage = Stage::full(80, 24);
    stage.keys("j j \\ p r");
    assert_eq!(stage.selected(), "Move the price rules into their own crate");
    stage.send(update(sessions(), "5d0c0f6e-0008", |session| session.last_activity = Some(NOW)));
    assert_eq!(stage.selected(), "Move the price rules into their own crate");
}

#[test]
fn h44_the_filter_requests_a_ranking_and_accepts_only_that_of_the_newest_query() {
    let mut stage = Stage::full(80, 24);
    stage.take_effects();
    stage.keys("\\ f l");
    assert_eq!(stage.take_effects(), [Effect::Rank { query: "f".into() }, Effect::Rank { query: "fl".into() }]);
    stage.send(Msg::Ranked { query: "f".into(), keys: vec![] });
    assert_eq!(stage.app.stack.home.shown, 8, "a late answer changes nothing");
    let best = [key(Agent::Claude, "5d0c0f6e-0004"), key(Agent::Claude, "5d0c0f6e-0001")];
    stage.send(Msg::Ranked { query: "fl".into(), keys: best.to_vec() });
    assert_eq!(stage.app.stack.home.shown, 2);
    assert_eq!(stage.selected(), "Explain the flaky test in cart_total", "the best match first");
}

#[test]
fn h44_sessions_that_come_while_a_ranking_is_made_are_ranked_after_it() {
    let mut stage = Stage::full(80, 24);
    stage.keys("\\ x");
    stage.take_effects();
    stage.send(Msg::Catalog(change(vec![session(Agent::Claude, "n1", "x one", 1)])));
    stage.send(Msg::Catalog(change(vec![session(Agent::Claude, "n2", "x two", 1)])));
    assert_eq!(stage.take_effects(), []);
    stage.send(Msg::Ranked { query: "x".into(), keys: vec![] });
    assert_eq!(stage.take_effects(), [Effect::Rank { query: "x".into() }]);
    stage.send(Msg::Ranked { query: "x".into(), keys: vec![key(Agent::Claude, "n2")] });
    assert_eq!(stage.take_effects(), []);
    assert_eq!(stage.selected(), "x two");
}

#[test]
fn escape_clears_first_then_goes_back_and_never_quits() {
    let mut stage = Stage::full(80, 24);
    stage.keys("\\ f").send(Msg::Ranked { query: "f".into(), keys: vec![key(Agent::Claude, "5d0c0f6e-0004")] });
    stage.keys("enter");
    assert!(!stage.app.stack.home.filter.typing && stage.app.stack.home.filter.is_active());
    stage.keys("enter");
    assert!(matches!(stage.app.stack.layers.as_slice(), [Layer::Reader(_)]));
    stage.keys("?");
    assert_eq!(stage.app.stack.layers.len(), 2);
    stage.keys("esc");
    assert_eq!(stage.app.stack.layers.len(), 1);
    stage.keys("esc");
    assert!(stage.app.stack.layers.is_empty() && stage.app.stack.home.filter.is_active());
    assert_eq!(stage.selected(), "Explain the flaky test in cart_total");
    stage.keys("esc");
    assert!(!stage.app.stack.home.filter.is_active());
    assert_eq!(stage.selected(), "Explain the flaky test in cart_total", "clearing keeps what was found");
    stage.take_effects();
    stage.keys("esc esc esc");
    assert_eq!(stage.take_effects(), []);
}

#[test]
fn a26_hidden_sessions_are_counted_by_reason_and_shown_on_a_key() {
    let mut stage = Stage::full(120, 40);
    let hidden = stage.app.stack.home.hidden;
    assert_eq!((stage.app.stack.home.shown, hidden.subagent, hidden.empty, hidden.headless), (8, 1, 1, 1));
    stage.keys("H");
    assert_eq!((stage.app.stack.home.shown, stage.app.stack.home.hidden.total()), (11, 0));
    stage.keys("H");
    assert_eq!(stage.app.stack.home.shown, 8);
}

#[test]
fn tab_is_here_or_all_and_is_remembered() {
    let mut stage = Stage::full(120, 40);
    stage.take_effects();
    stage.keys("tab");
    assert_eq!(stage.app.stack.home.scope(), Some(ListScope::Here));
    assert_eq!((stage.app.stack.home.shown, stage.app.stack.home.hidden.elsewhere), (4, 4));
    let remember = |value: &str| Effect::SaveState { name: "scope", value: value.into() };
    assert!(stage.take_effects().contains(&remember("here")));
    stage.keys("h j j");
    assert_eq!(stage.app.stack.home.scope(), None, "another workspace is neither");
    stage.keys("tab");
    assert_eq!(stage.app.stack.home.scope(), Some(ListScope::All));
    assert!(stage.take_effects().contains(&remember("all")));

    let mut later = Stage::full(120, 40);
    later.app.restore_state("scope", "here");
    later.app.restore_state("sort", "turns");
    assert_eq!((later.app.stack.home.scope(), later.app.stack.home.sort.name()), (Some(ListScope::Here), "turns"));
    let mut fixed = Stage::with(120, 40, "scope = \"all\"", theme_file::ColourDepth::Full);
    fixed.app.restore_state("scope", "here");
    assert_eq!(fixed.app.stack.home.scope(), Some(ListScope::All), "the configuration wins over what is remembered");
}

#[test]
fn a_selection_is_previewed_after_the_debounce_and_a_held_key_opens_nothing() {
    let opened =
        |effects: &[Effect]| effects.iter().filter(|effect| matches!(effect, Effect::OpenTranscript(..))).count();
    let rest = |effects: &[Effect]| match effects.last() {
        Some(Effect::Debounce(rest, _)) => *rest,
        other => panic!("no wait: {other:?}"),
    };
    let mut stage = Stage::full(120, 40);
    let effects = stage.take_effects();
    assert_eq!(opened(&effects), 1, "at rest, the first is opened at once");
    stage.send(Msg::DebounceElapsed(rest(&effects))).take_effects();

    stage.keys("j");
    let effects = stage.take_effects();
    assert!(matches!(
        effects.as_slice(),
        [Effect::CloseTranscript(_), Effect::OpenTranscript(..), Effect::Debounce(..)]
    ));
    let first = rest(&effects);
    stage.keys("j j j j");
    let effects = stage.take_effects();
    assert_eq!(opened(&effects), 0, "a held key opens nothing");
    stage.send(Msg::DebounceElapsed(first));
    assert_eq!(stage.take_effects(), [], "only the newest wait counts");
    stage.send(Msg::DebounceElapsed(rest(&effects)));
    let effects = stage.take_effects();
    assert_eq!(opened(&effects), 1, "let go, the last one is opened");
    stage.send(Msg::DebounceElapsed(DebounceTicket(999)));
    assert_eq!(stage.take_effects(), []);
}

#[test]
fn without_room_for_a_preview_no_transcript_is_opened() {
    let mut stage = Stage::full(80, 24);
    stage.keys("j j");
    assert_eq!(stage.take_effects(), []);
    stage.send(Msg::Resized { width: 140, height: 40 });
    assert!(matches!(stage.take_effects().first(), Some(Effect::OpenTranscript(..))));
}

#[test]
fn enter_reads_what_the_preview_has_open_and_gives_it_back() {
    let mut stage = Stage::full(120, 40);
    let opened: Vec<_> = stage.take_effects();
    let Some(Effect::OpenTranscript(ticket, of)) = opened.first().cloned() else { panic!("{opened:?}") };
    stage.keys("enter");
    assert_eq!(but_recent(&mut stage), [], "it is open already");
    let reader = stage.app.stack.layers.last().and_then(Layer::reader).expect("a transcript");
    assert_eq!((reader.ticket, &reader.key), (ticket, &of));
    stage.keys("esc");
    assert_eq!(stage.take_effects(), []);
    assert_eq!(stage.app.stack.home.preview.reader(&of).map(|reader| reader.ticket), Some(ticket));
    assert_eq!(stage.app.session(), Some(&of), "the same row");
}

#[test]
fn a_transcript_that_is_left_without_a_preview_is_closed() {
    let mut stage = Stage::full(80, 24);
    stage.keys("enter");
    assert_eq!(but_recent(&mut stage), [Effect::OpenTranscript(RequestTicket(1), key(Agent::Claude, "5d0c0f6e-0001"))]);
    stage.keys("h");
    assert_eq!(stage.take_effects(), [Effect::CloseTranscript(RequestTicket(1))]);
    assert!(stage.app.stack.layers.is_empty());
}

#[test]
fn w_goes_to_the_next_session_that_needs_the_user_wherever_it_is() {
    let mut stage = Stage::full(120, 40);
    let sign = |id: &str, state| LiveStatus {
        key: key(Agent::Claude, id),
        pid: None,
        state,
        waiting_for: None,
        since: None,
        activity: None,
    };
    stage.send(Msg::Live(vec![
        sign("5d0c0f6e-0008", SessionState::NeedsYou),
        sign("5d0c0f6e-0001", SessionState::NeedsYou),
    ]));
    assert_eq!(stage.app.stack.home.waiting, 2);
    stage.keys("tab w");
    assert_eq!(&*stage.app.session().expect("one").id, "5d0c0f6e-0008", "not in this workspace, so all are shown");
    stage.keys("enter w");
    assert_eq!(&*stage.app.session().expect("one").id, "5d0c0f6e-0001");
    assert!(stage.app.stack.layers.is_empty());
    let mut quiet = Stage::new(80, 24);
    quiet.keys("w");
    assert_eq!(quiet.app.notices.current().map(|notice| notice.text.as_str()), Some("No session needs you"));
}

#[test]
fn the_mouse_selects_first_and_opens_what_is_selected() {
    let mut stage = Stage::full(80, 24);
    let click = |row| Msg::Mouse { kind: Mouse::Click, column: 40, row };
    stage.send(click(9));
    assert_eq!(stage.selected(), "Explain the flaky test in cart_total");
    assert!(stage.app.stack.layers.is_empty(), "one click opens nothing");
    stage.send(click(9));
    assert_eq!(stage.app.stack.layers.len(), 1);
    stage.keys("esc").send(click(2));
    assert_eq!(stage.selected(), "Explain the flaky test in cart_total", "a heading is no row");
    stage.send(Msg::Mouse { kind: Mouse::WheelUp, column: 40, row: 9 });
    assert_eq!(stage.selected(), "Retry failed webhooks with a back-off");
    stage.send(Msg::Mouse { kind: Mouse::Click, column: 3, row: 4 });
    assert_eq!(stage.app.stack.home.shown, 1, "a workspace");
    stage.take_effects();
    stage.keys("M");
    assert_eq!(stage.take_effects(), [Effect::CaptureMouse(false)]);
}

#[test]
fn h46_resume_starts_nothing_before_the_check_and_at_once_after_a_clean_one() {
    let mut stage = Stage::full(80, 24);
    let of = key(Agent::Claude, "5d0c0f6e-0001");
    stage.keys("R");
    assert_eq!(stage.take_effects(), [Effect::CheckResume(of.clone())]);
    stage.send(Msg::ResumeChecked { key: of.clone(), check: ResumeCheck::default() });
    assert_eq!(stage.take_effects(), [Effect::Resume { key: of.clone(), cwd: None }]);
    stage.send(Msg::Returned { key: of.clone(), failure: None });
    assert_eq!((stage.selected().as_str(), stage.app.stack.layers.len()), ("Retry failed webhooks with a back-off", 0));
    stage.send(Msg::Returned { key: of, failure: Some("it ended with 3".into()) });
    assert!(stage.app.notices.current().is_some_and(|notice| notice.error));
}

#[test]
fn h46_every_obstacle_is_a_question_with_its_cause_and_its_answers() {
    let of = key(Agent::Claude, "5d0c0f6e-0001");
    let ask = |check: ResumeCheck| {
        let mut stage = Stage::full(80, 24);
        stage.keys("R").send(Msg::ResumeChecked { key: of.clone(), check });
        stage.take_effects();
        stage
    };
    let labels = |stage: &Stage| match stage.app.stack.layers.last() {
        Some(Layer::Dialog(dialog)) => dialog.choices.iter().map(|choice| choice.label.clone()).collect::<Vec<_>>(),
        other => panic!("no question: {other:?}"),
    };
    let resume = |cwd: Option<&str>| Effect::Resume { key: of.clone(), cwd: cwd.map(str::to_owned) };

    let open = ResumeCheck { open_elsewhere: Some("claude, pid 4711".into()), ..ResumeCheck::default() };
    let mut stage = ask(open.clone());
    assert_eq!(labels(&stage), ["Watch", "Open anyway", "Cancel"]);
    assert!(stage.screen().contains("claude, pid 4711"));
    stage.keys("2");
    assert_eq!(stage.take_effects(), [resume(None)]);
    let mut stage = ask(open.clone());
    stage.keys("1");
    assert_eq!(but_recent(&mut stage), [Effect::OpenTranscript(RequestTicket(1), of.clone())]);
    assert!(stage.app.stack.layers.last().and_then(Layer::reader).is_some_and(Reader::is_following));
    for way_out in ["esc", "q", "3", "down down enter"] {
        let mut stage = ask(open.clone());
        stage.keys(way_out);
        assert_eq!((stage.take_effects(), stage.app.stack.layers.len()), (vec![], 0), "{way_out}");
    }

    let mut stage = ask(ResumeCheck { directory_gone: true, ..ResumeCheck::default() });
    assert_eq!(labels(&stage), ["Open in /home/ann/shop-api", "Cancel"]);
    stage.keys("enter");
    assert_eq!(stage.take_effects(), [resume(Some("/home/ann/shop-api"))]);

    let stage = ask(ResumeCheck { not_installed: true, ..ResumeCheck::default() });
    assert_eq!(labels(&stage), ["Copy the command", "Cancel"]);
    let stage = ask(ResumeCheck { refused: Some("It is from another store.".into()), ..ResumeCheck::default() });
    assert_eq!(labels(&stage), ["Copy the command", "Cancel"]);
    let stage = ask(ResumeCheck { warning: Some("A copy of the chat is kept.".into()), ..ResumeCheck::default() });
    assert_eq!(labels(&stage), ["Open", "Cancel"]);
}

#[test]
fn a_late_resume_check_does_not_affect_another_session() {
    let mut stage = Stage::full(80, 24);
    stage.keys("R j");
    stage.take_effects();
    stage.send(Msg::ResumeChecked { key: key(Agent::Claude, "5d0c0f6e-0001"), check: ResumeCheck::default() });
    assert_eq!((stage.take_effects(), stage.app.stack.layers.len()), (vec![], 0));
}

#[test]
fn keys_about_a_session_are_about_the_one_that_is_read() {
    let mut stage = Stage::full(80, 24);
    let of = key(Agent::Codex, "019a-0002");
    stage.keys("j y Y o");
    let about =
        [Effect::Copy("019a-0002".into()), Effect::CopyResumeCommand(of.clone()), Effect::EditTranscript(of.clone())];
    assert_eq!(stage.take_effects(), about);
    stage.keys("enter");
    stage.take_effects();
    stage.keys("R");
    assert_eq!(stage.take_effects(), [Effect::CheckResume(of)]);
}

#[test]
fn a15_progress_is_shown_while_the_index_reads() {
    let mut stage = Stage::new(80, 24);
    let progress =
        |done, total| CatalogChange { progress: Some(IndexProgress { done, total }), ..CatalogChange::default() };
    stage.send(Msg::Catalog(progress(812, 2_001)));
    assert!(stage.screen().contains("reading 812 of 2,001"));
    stage.send(Msg::Catalog(progress(2_001, 2_001)));
    assert!(!stage.screen().contains("reading"));
}

#[test]
fn the_clock_is_needed_when_a_shown_age_changes_and_not_before() {
    let mut stage = Stage::new(80, 24);
    assert_eq!(stage.app.next_clock(), None, "no age, no clock");
    let at = |millis: i64| Time::from_millis(NOW.millis() + millis);
    let mut young = session(Agent::Claude, "a", "a", 0);
    young.last_activity = Some(at(-61_500));
    stage.send(Msg::Catalog(change(vec![young, session(Agent::Claude, "b", "b", 120)])));
    assert_eq!(stage.app.next_clock(), Some(at(58_500)));
    stage.send(Msg::Clock(at(58_500)));
    assert!(stage.screen().contains(" 2m"));
    assert_eq!(stage.app.next_clock(), Some(at(118_500)));
    stage.keys("enter");
    assert_eq!(stage.app.next_clock(), None, "a transcript shows no ages");
    let ages = [(0, "now"), (59_999, "now"), (60_000, "1m"), (3_599_999, "59m"), (3_600_000, "1h"), (86_400_000, "1d")];
    for (old, text) in ages {
        let then = at(-old);
        assert_eq!(age::text(NOW, then), text);
        let change = age::changes_at(NOW, then);
        assert!(change > NOW && age::text(change, then) != text, "{text}");
        assert_eq!(age::text(Time::from_millis(change.millis() - 1), then), text);
    }
    assert_eq!(age::text(NOW, at(5_000)), "now", "clocks differ");
    for extreme in [i64::MIN, i64::MAX] {
        age::text(NOW, Time::from_millis(extreme));
        age::changes_at(NOW, Time::from_millis(extreme));
    }
}

#[test]
fn a_sub_agent_is_entered_and_left_like_a_folder() {
    use salon::domain::transcript::{Entry, EntryKind, Role, Tool, ToolAction as Does, ToolStatus};
    use salon::domain::transcript_event::{TranscriptEvent, TranscriptInfo};
    let mut stage = Stage::full(80, 24);
    stage.keys("enter");
    let parent = stage.app.session().cloned().expect("read");
    let mut entry = Entry::new(salon::domain::EntryKey::new("r1", 0), EntryKind::Tool, Role::Assistant, None);
    entry.tool = Some(Box::new(Tool {
        name: "Task".into(),
        id: "t1".into(),
        input: serde_json::Value::Null,
        action: Does::Task { description: "look".into(), prompt: String::new() },
        output: String::new(),
        status: ToolStatus::Done,
        duration_ms: None,
        subagent: Some("agent-0009".into()),
    }));
    stage.send(Msg::Transcript(
        RequestTicket(1),
        TranscriptEvent::Opened(TranscriptInfo { len: 1, ..TranscriptInfo::default() }),
    ));
    stage.send(Msg::Transcript(RequestTicket(1), TranscriptEvent::Page { from: 0, entries: vec![Arc::new(entry)] }));
    stage.take_effects();
    stage.keys("enter");
    assert_eq!(but_recent(&mut stage), [Effect::OpenTranscript(RequestTicket(2), key(Agent::Claude, "agent-0009"))]);
    assert_eq!(stage.app.stack.layers.len(), 2);
    stage.keys("esc");
    assert_eq!(stage.take_effects(), [Effect::CloseTranscript(RequestTicket(2))]);
    assert_eq!(stage.app.session(), Some(&parent));
    stage.keys("esc");
    assert_eq!(stage.take_effects(), [Effect::CloseTranscript(RequestTicket(1))]);
}

/// Returns the effects, but not that the list of recently opened sessions is saved.
fn but_recent(stage: &mut Stage) -> Vec<Effect> {
    let is_recent = |effect: &Effect| matches!(effect, Effect::SaveState { name: "recent-sessions", .. });
    stage.take_effects().into_iter().filter(|effect| !is_recent(effect)).collect()
}
