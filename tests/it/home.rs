//! The home screen: sections by urgency and day, sessions whose end was not seen, second lines, and the panes' widths.

use jiff::tz::TimeZone;
use salon::app::home::sections::{Calendar, ListSection};
use salon::app::layout::{Panes, PreviewSize};
use salon::app::msg::Mouse;
use salon::app::runs::RunMsg;
use salon::app::{Effect, Msg};
use salon::config::key::Key;
use salon::domain::live_status::{LiveActivity, LiveStatus};
use salon::domain::run::{Phase, Refusal};
use salon::domain::running_call::RunningCall;
use salon::domain::session::{CopiedPrefix, TitleSource};
use salon::domain::transcript::ToolAction;
use salon::domain::{Agent, SessionKey, SessionState, Time};

use super::screens::live::run;
use super::screens::stage::{NOW, Stage, change, session};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

fn ago(millis: i64) -> Time {
    Time::from_millis(NOW.millis() - millis)
}

#[test]
fn past_sessions_are_grouped_by_the_days_of_the_calendar() {
    // Saturday, 2026-11-21, 12:00 UTC.
    let calendar = Calendar::new(NOW, TimeZone::UTC);
    let section = |millis| calendar.section(Some(ago(millis))).heading();
    assert_eq!(section(-DAY), "Today", "clocks differ");
    assert_eq!(section(DAY / 2), "Today", "midnight belongs to the day");
    assert_eq!(section(DAY / 2 + 1), "Yesterday");
    assert_eq!(section(2 * DAY), "This week");
    assert_eq!(section(5 * DAY + DAY / 2), "This week", "Monday, 00:00");
    assert_eq!(section(5 * DAY + DAY / 2 + 1), "This month");
    assert_eq!(section(20 * DAY + DAY / 2), "This month");
    assert_eq!(section(20 * DAY + DAY / 2 + 1), "October 2026");
    assert_eq!(section(330 * DAY), "December 2025");
    assert!(matches!(calendar.section(None), ListSection::Month { .. }), "the oldest section has no end");
}

#[test]
fn days_are_those_of_the_users_time_zone() {
    let zone = TimeZone::fixed(jiff::tz::offset(13));
    // Sunday, 01:00, there.
    let mut calendar = Calendar::new(NOW, zone);
    assert_eq!(calendar.section(Some(ago(3_600_000))), ListSection::Today);
    assert_eq!(calendar.section(Some(ago(3_600_001))), ListSection::Yesterday);
    assert!(!calendar.advance(Time::from_millis(calendar.next_day().millis() - 1)));
    assert!(calendar.advance(calendar.next_day()));
    assert_eq!(calendar.section(Some(NOW)), ListSection::Yesterday);
}

#[test]
fn at_midnight_the_sections_move_on() {
    let mut stage = Stage::new(80, 24);
    stage.send(Msg::Catalog(change(vec![session(Agent::Claude, "a", "a", 5)])));
    assert!(stage.screen().contains("Today  1"));
    stage.send(Msg::Clock(Time::from_millis(NOW.millis() + DAY / 2)));
    assert!(stage.screen().contains("Yesterday  1") && !stage.screen().contains("Today"), "{}", stage.screen());
}

#[test]
fn a_sort_order_is_named_shows_its_column_and_begins_at_the_top() {
    let mut stage = Stage::full(120, 40);
    let header = |stage: &mut Stage| stage.screen().lines().next().unwrap_or_default().to_owned();
    assert!(header(&mut stage).starts_with(" salon  all workspaces · 8 · newest first"), "{}", stage.screen());
    for (order, column) in [
        ("latest start first", "started"),
        ("most turns first", "turns"),
        ("most tokens first", "tokens"),
        ("largest first", "size"),
        ("by title", "age"),
        ("newest first", "age"),
    ] {
        stage.keys("G s");
        assert!(header(&mut stage).contains(order), "{}", stage.screen());
        let heading = stage.screen().lines().nth(1).unwrap_or_default().to_owned();
        assert!(heading.contains(column), "{order}: {heading}");
        let list = &stage.app.stack.home.list;
        assert_eq!(list.position_of_selection().map(|(at, _)| at), Some(1), "{order}");
    }
}

#[test]
fn relations_of_a_session_have_a_mark() {
    let mut stage = Stage::new(120, 24);
    let parent = session(Agent::Claude, "aaaa", "With helpers", 5);
    let mut helper = session(Agent::Claude, "bbbb", "Helper", 4);
    (helper.flags.subagent, helper.parent) = (true, Some("aaaa".into()));
    let mut fork = session(Agent::Claude, "cccc", "Another try", 3);
    fork.forked_from = Some("aaaa".into());
    stage.send(Msg::Catalog(change(vec![parent, helper, fork]))).keys("H");
    let screen = stage.screen();
    for text in ["⊞ With helpers", "↳ Helper", "↱ Another try", "2026-11-21 11:57"] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
}

#[test]
fn only_the_order_of_activity_has_days() {
    let mut stage = Stage::full(80, 24);
    assert!(stage.screen().contains("Today"));
    stage.keys("s");
    assert!(stage.screen().contains("Past  5") && !stage.screen().contains("Today"), "{}", stage.screen());
}

fn elsewhere(key: &SessionKey, state: SessionState) -> LiveStatus {
    LiveStatus {
        key: key.clone(),
        pid: Some(7),
        state,
        waiting_for: Some("Bash: rm -rf target".into()),
        since: Some(ago(180_000)),
        activity: None,
    }
}

fn working(key: &SessionKey, state: SessionState) -> Msg {
    Msg::Live(vec![elsewhere(key, state)])
}

#[test]
fn a_turn_that_ends_unseen_is_a_section_until_the_session_is_opened() {
    let mut stage = Stage::new(100, 24);
    let key = SessionKey::new(Agent::Claude, "aaaa");
    let two =
        || vec![session(Agent::Claude, "aaaa", "Build the release", 5), session(Agent::Codex, "bbbb", "Other", 1)];
    stage.send(Msg::Catalog(change(two())));
    stage.send(working(&key, SessionState::Working));
    assert!(!stage.screen().contains("not seen"));
    stage.take_effects();
    stage.send(Msg::Live(Vec::new()));
    assert!(stage.screen().contains("Done, not seen  1") && stage.screen().contains("1 done"), "{}", stage.screen());
    let column = stage.screen().lines().filter(|line| line.chars().take(17).any(|c| c == '✓')).count();
    assert_eq!(column, 2, "all workspaces, and that of the session: {}", stage.screen());
    let saved = |stage: &mut Stage| {
        let effects = stage.take_effects().into_iter();
        let value = |effect| match effect {
            Effect::SaveState { name: "unseen", value } => Some(value),
            _ => None,
        };
        effects.filter_map(value).next_back()
    };
    assert_eq!(saved(&mut stage).as_deref(), Some("claude:aaaa"));

    // The next salon knows it.
    let mut next = Stage::new(100, 24);
    next.app.restore_state("unseen", "claude:aaaa");
    next.send(Msg::Catalog(change(two())));
    assert!(next.screen().contains("Done, not seen  1"), "{}", next.screen());

    stage.keys("g enter");
    assert_eq!(saved(&mut stage).as_deref(), Some(""));
    stage.keys("esc");
    assert!(!stage.screen().contains("not seen"), "{}", stage.screen());
    stage.keys("U");
    assert!(stage.screen().contains("Done, not seen  1"));
    stage.keys("U");
    assert!(!stage.screen().contains("not seen"));
}

#[test]
fn a_turn_that_ends_on_the_screen_is_seen() {
    let mut stage = Stage::new(100, 24);
    let key = SessionKey::new(Agent::Claude, "aaaa");
    stage.send(Msg::Catalog(change(vec![session(Agent::Claude, "aaaa", "Build the release", 5)])));
    stage.send(working(&key, SessionState::Working)).keys("enter").send(Msg::Live(Vec::new())).keys("esc");
    assert!(!stage.screen().contains("not seen"), "{}", stage.screen());
}

#[test]
fn a_second_line_is_never_shown_without_its_title() {
    let mut stage = Stage::new(80, 10);
    let key = SessionKey::new(Agent::Claude, "aaaa");
    let others = (0..9).map(|nth| session(Agent::Codex, &format!("b{nth}"), &format!("Other {nth}"), 10 + nth));
    let waiting = session(Agent::Claude, "aaaa", "Build the release", 5);
    stage.send(Msg::Catalog(change(std::iter::once(waiting).chain(others).collect())));
    stage.send(working(&key, SessionState::NeedsYou));
    for keys in ["j", "j", "j", "j", "j", "j", "j", "j", "k", "k", "k", "k", "k", "k"] {
        let screen = stage.keys(keys).screen();
        assert!(!screen.contains("Bash: rm -rf target") || screen.contains("Build the release"), "{screen}");
    }
}

#[test]
fn waiting_and_working_rows_have_a_second_line() {
    let mut stage = Stage::new(100, 24);
    let key = SessionKey::new(Agent::Claude, "aaaa");
    stage.send(Msg::Catalog(change(vec![
        session(Agent::Claude, "aaaa", "Build the release", 5),
        session(Agent::Codex, "bbbb", "Other", 1),
    ])));
    stage.send(working(&key, SessionState::NeedsYou));
    let screen = stage.screen();
    let lines: Vec<&str> = screen.lines().collect();
    let at = lines.iter().position(|line| line.contains("Build the release")).expect("the row");
    assert!(lines[at + 1].contains("Bash: rm -rf target") && lines[at + 1].ends_with("waits 3m"), "{screen}");
    // The second line belongs to its row: the next key selects the other session.
    stage.keys("g j");
    assert_eq!(stage.selected(), "Other");

    // In another program, the transcript shows the work.
    let mut status = elsewhere(&key, SessionState::Working);
    let activity = |text: &str| Some(LiveActivity { text: text.into(), since: Some(ago(60_000)), is_call: true });
    status.activity = activity("Bash: cargo test");
    stage.send(Msg::Live(vec![status.clone()]));
    let screen = stage.screen();
    let row = screen.lines().find(|line| line.contains("Bash: cargo test")).expect("the running tool");
    assert!(row.ends_with(" 1m"), "{screen}");
    status.activity = None;
    stage.send(Msg::Live(vec![status.clone()]));
    assert!(stage.screen().contains("answering"), "{}", stage.screen());
    // The call that waits says more than the agent's reason.
    (status.state, status.waiting_for) = (SessionState::NeedsYou, Some("permission prompt".into()));
    status.activity = activity("Bash: rm -rf target");
    stage.send(Msg::Live(vec![status.clone()]));
    let screen = stage.screen();
    assert!(screen.contains("Bash: rm -rf target") && !screen.contains("permission prompt"), "{screen}");
    let token = ["ghp_", "0123456789abcdefghijABCDEFGHIJ012345"].concat();
    let mut secret = status.clone();
    secret.activity = activity(&format!("Bash: push {token}"));
    stage.send(Msg::Live(vec![secret]));
    let screen = stage.screen();
    assert!(screen.contains("Bash: push") && !screen.contains(&token[..12]), "{screen}");
    status.since = Some(ago(20_000));
    stage.send(Msg::Live(vec![status.clone()]));
    assert!(stage.screen().contains("waits <1m"), "{}", stage.screen());
    status.activity = None;
    stage.send(Msg::Live(vec![status]));
    assert!(stage.screen().contains("permission prompt"), "{}", stage.screen());

    let mut own = Stage::full(100, 24);
    own.run(run("r"));
    assert!(own.screen().contains("answering"), "{}", own.screen());
    let mut at_work = run("r");
    let action = ToolAction::Command { command: "npm run build".into(), exit_code: None };
    at_work.calls = vec![RunningCall::new("c".into(), "exec_command", &action, ago(65_000))];
    own.run(at_work);
    let screen = own.screen();
    let row = screen.lines().find(|line| line.contains("Bash: npm run build")).expect("the running tool");
    assert!(row.ends_with("1m"), "since its start: {screen}");
    let mut idle = run("r");
    idle.phase = Phase::Idle;
    own.run(idle);
    assert!(!own.screen().contains("answering"));
}

#[test]
fn titles_have_44_columns_before_the_preview_takes_room() {
    for width in 110..240 {
        let panes = Panes::of(width, PreviewSize { shown: true, extra: 0 });
        assert!(panes.preview >= 28 && panes.preview * 5 <= width * 2, "{width}: {panes:?}");
        assert!(panes.sessions >= 67 || panes.preview == 28, "{width}: {panes:?}");
        for extra in [-200, -4, 4, 200] {
            let panes = Panes::of(width, PreviewSize { shown: true, extra });
            assert!(panes.preview >= 28 && panes.sessions >= 40, "{width}: {panes:?}");
        }
    }
}

#[test]
fn the_preview_is_hidden_and_resized_by_keys_and_remembered() {
    let mut stage = Stage::full(160, 24);
    let width = |stage: &Stage| stage.app.panes().preview;
    let usual = width(&stage);
    stage.keys("<");
    assert_eq!(width(&stage), usual + 4);
    stage.keys("> >");
    assert_eq!(width(&stage), usual - 4);
    stage.take_effects();
    stage.keys("p");
    assert_eq!(width(&stage), 0);
    assert!(stage.take_effects().contains(&Effect::SaveState { name: "preview", value: "hidden -4".into() }));
    let mut next = Stage::full(160, 24);
    next.app.restore_state("preview", "hidden -4");
    assert_eq!(width(&next), 0);
    next.keys("p");
    assert_eq!(width(&next), usual - 4);
}

#[test]
fn the_preview_is_not_switched_where_there_is_no_room_for_it() {
    let mut stage = Stage::full(80, 24);
    stage.take_effects();
    stage.keys("p");
    assert!(stage.screen().contains("The preview needs 110 columns"), "{}", stage.screen());
    let is_saved = |effect: &Effect| matches!(effect, Effect::SaveState { name: "preview", .. });
    assert!(!stage.take_effects().iter().any(is_saved), "a wide screen still shows it");
}

#[test]
fn a_long_name_of_a_workspace_keeps_both_ends() {
    let mut stage = Stage::new(80, 24);
    let of = |id: &str, path: &str| {
        let mut session = session(Agent::Claude, id, id, 1);
        session.workspace = path.into();
        session
    };
    stage.send(Msg::Catalog(change(vec![
        of("aaaa", "/src/atlas/packages/core"),
        of("bbbb", "/src/jetty/packages/core"),
        of("cccc", "/src/glimmer/.worktrees/fix-1"),
        of("dddd", "/src/granite/.worktrees/fix-1"),
    ])));
    let screen = stage.screen();
    for name in ["atlas/…/core", "jetty/…/core"] {
        assert!(screen.contains(name), "{name}: {screen}");
    }
    for name in ["atlas…core", "jetty…core", "glim…fix-1", "gran…fix-1"] {
        assert!(screen.contains(name), "the column, {name}: {screen}");
    }
}

#[test]
fn the_workspace_of_the_current_directory_is_first_and_marked() {
    let mut stage = Stage::full(120, 24);
    let mut newer = session(Agent::Claude, "newest", "Newest", 0);
    newer.workspace = "/home/ann/zoo".into();
    stage.send(Msg::Catalog(change(vec![newer])));
    assert_eq!(&*stage.app.stack.home.workspaces.rows()[0].path, "/home/ann/shop-api");
    let mut wide = Stage::full(220, 24);
    assert!(wide.screen().contains("ann/shop-api here"), "{}", wide.screen());
}

#[test]
fn the_heading_of_the_first_section_stays_visible() {
    let many = (0..60).map(|at| session(Agent::Claude, &format!("id-{at:04}"), &format!("title {at}"), at));
    let mut stage = Stage::new(80, 24);
    stage.send(Msg::Catalog(change(many.collect()))).keys("G");
    let screen = stage.screen();
    assert!(screen.lines().nth(2).is_some_and(|line| line.contains("Today  60")), "{screen}");
    assert!(screen.contains("60 / 60"), "{screen}");
    stage.keys("k k k k k k k k k k k k k k k k k k k k k k k k k");
    assert!(stage.screen().lines().any(|line| line.contains('▌') && line.contains("title 34")), "{}", stage.screen());
}

#[test]
fn a_prompt_is_sent_from_the_list() {
    let typed = |stage: &mut Stage, text: &str| {
        for c in text.chars() {
            stage.send(Msg::Key(Key::char(c)));
        }
    };
    let mut stage = Stage::new(100, 24);
    stage.send(Msg::Catalog(change(vec![session(Agent::Claude, "aaaa", "Build the release", 5)])));
    stage.keys("m");
    typed(&mut stage, "and tag it");
    assert!(stage.screen().contains("prompt: and tag it"), "{}", stage.screen());
    stage.take_effects();
    stage.keys("enter");
    let effects = stage.take_effects();
    let started = effects.iter().find_map(|effect| match effect {
        Effect::StartRun { ticket, prompt: Some(prompt), .. } if prompt == "and tag it" => Some(*ticket),
        _ => None,
    });
    let ticket = started.expect("a start");
    assert!(stage.app.stack.layers.is_empty(), "the list stays");
    stage.send(Msg::Run(RunMsg::Started { ticket, result: Err(Refusal::LeasedBy { pid: 7 }) }));
    assert!(stage.screen().contains("prompt: and tag it"), "a refused prompt is not lost: {}", stage.screen());
    stage.keys("esc");
    assert!(!stage.screen().contains("and tag it"));

    let key = SessionKey::new(Agent::Claude, "aaaa");
    stage.send(working(&key, SessionState::Working)).keys("m");
    assert!(stage.screen().contains("Read-only: open in another program"), "{}", stage.screen());
}

#[test]
fn many_changes_before_a_frame_compute_the_rows_once() {
    let mut stage = Stage::full(120, 40);
    let (before, shown) = (stage.app.stack.home.computations, stage.app.stack.home.shown);
    for at in 0..500 {
        let fresh = session(Agent::Claude, &format!("fresh-{at}"), "fresh", 5);
        assert_eq!(stage.app.update(Msg::Catalog(change(vec![fresh]))).len(), 0);
        stage.app.update(Msg::Live(Vec::new()));
    }
    assert_eq!(stage.app.stack.home.computations, before, "no message computes them");
    for _ in 0..3 {
        stage.app.update(Msg::Frame);
        assert_eq!((stage.app.stack.home.computations, stage.app.stack.home.shown), (before + 1, shown + 500));
    }
}

/// A session, and a fork that continues a copy of it.
fn session_with_copy() -> Vec<salon::domain::Session> {
    let mut origin = session(Agent::Claude, "origin", "the login fails", 50);
    origin.tip = Some("record-9".into());
    let mut fork = session(Agent::Claude, "fork", "the login fails again", 5);
    fork.forked_from = Some("origin".into());
    fork.flags.fork = true;
    let copied = CopiedPrefix { record: "record-9".into(), entry: None, is_extended: true };
    fork.copied = Some(Box::new(copied));
    vec![origin, fork]
}

#[test]
fn copies_of_one_conversation_are_one_row_with_their_number() {
    let mut stage = Stage::new(120, 40);
    stage.send(Msg::Catalog(change(session_with_copy())));
    let screen = stage.screen();
    assert!(screen.contains("❐2 the login fails again") && screen.contains("1 hidden: 1 copy"), "{screen}");
    assert_eq!(stage.app.stack.home.shown, 1);
    stage.keys("H");
    let screen = stage.screen();
    assert_eq!(stage.app.stack.home.shown, 2, "{screen}");
}

#[test]
fn a_copy_stays_a_row_if_it_differs_is_used_or_its_container_is_hidden() {
    let shown = |adapt: &dyn Fn(&mut Vec<salon::domain::Session>)| {
        let mut sessions = session_with_copy();
        adapt(&mut sessions);
        let mut stage = Stage::new(120, 40);
        stage.send(Msg::Catalog(change(sessions)));
        stage.app.stack.home.shown
    };
    assert_eq!(shown(&|_| {}), 1);
    assert_eq!(shown(&|sessions| sessions[0].tip = Some("record-10".into())), 2, "the origin went on");
    assert_eq!(shown(&|sessions| sessions[0].state = SessionState::Idle), 2, "it is open");
    assert_eq!(shown(&|sessions| sessions[1].flags.archived = true), 1, "the fork is hidden, and the origin is not");
    assert_eq!(shown(&|sessions| sessions[1].workspace = "/elsewhere".into()), 2, "they are in two workspaces");
}

#[test]
fn neighbours_with_one_title_are_told_apart_by_their_newest_prompts() {
    let named = |id: &str, title: &str, prompt: Option<&str>, minutes| {
        let mut named = session(Agent::Claude, id, title, minutes);
        named.set_last_prompt(prompt);
        named
    };
    let mut own = named("d", "Review", Some("a prompt of no interest"), 4);
    own.title.source = TitleSource::User;
    let mut stage = Stage::new(120, 24);
    stage.send(Msg::Catalog(change(vec![
        named("a", "Fix the cart", Some("fix the totals"), 1),
        named("b", "Fix the cart", Some("now the taxes\nplease"), 2),
        named("c", "Review", None, 3),
        own,
        named("e", "Alone", Some("another prompt"), 5),
    ])));
    let screen = stage.screen();
    for shown in ["fix the totals", "now the taxes", "Review", "Alone"] {
        assert!(screen.contains(shown), "{shown}: {screen}");
    }
    for hidden in ["a prompt of no interest", "another prompt"] {
        assert!(!screen.contains(hidden), "{hidden}: {screen}");
    }
}

#[test]
fn workspaces_with_one_name_are_told_apart() {
    let paths = [
        "/home/ann/src/shop",
        "/mnt/c/src/shop",
        "/home/ann/web",
        r"C:\Users\ann\web",
        r"\\box\share\docs",
        "/srv/api",
    ];
    let with_path = |(at, path): (i64, &&str)| {
        let mut session = session(Agent::Claude, &format!("id-{at}"), &format!("title {at}"), at);
        session.workspace = (*path).into();
        session
    };
    let mut stage = Stage::new(120, 24);
    stage.send(Msg::Catalog(change((0..).zip(&paths).map(with_path).collect())));
    let rows = stage.app.stack.home.workspaces.rows().iter();
    let names: Vec<_> = rows.filter(|row| row.sessions > 0).map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["ann/src/shop", "c/src/shop", "ann/web", r"ann\web", "docs", "api"]);
}

#[test]
fn a_file_that_cannot_be_read_is_not_called_a_session_without_a_prompt() {
    let mut stage = Stage::new(120, 24);
    let mut broken = session(Agent::Claude, "broken", "", 1);
    broken.flags.unreadable = true;
    stage.send(Msg::Catalog(change(vec![broken, session(Agent::Claude, "begun", "", 2)])));
    let screen = stage.screen();
    assert!(screen.contains("(unreadable)") && screen.contains("(no prompt)"), "{screen}");
}

#[test]
fn a_drag_of_the_border_resizes_the_preview() {
    let mut stage = Stage::full(160, 40);
    let border = |stage: &mut Stage| {
        let screen = stage.screen();
        let line = screen.lines().nth(20).expect("a line");
        u16::try_from(line.chars().collect::<Vec<_>>().iter().rposition(|c| *c == '│').expect("a border"))
            .expect("small")
    };
    let mouse = |stage: &mut Stage, kind, column| {
        stage.send(Msg::Mouse { kind, column, row: 20 });
    };
    let from = border(&mut stage);
    mouse(&mut stage, Mouse::Drag, from + 10);
    assert_eq!(border(&mut stage), from, "no drag began on it");
    mouse(&mut stage, Mouse::Click, from);
    mouse(&mut stage, Mouse::Drag, from + 5);
    mouse(&mut stage, Mouse::Drag, from + 9);
    assert_eq!(border(&mut stage), from + 9);
    assert!(stage.take_effects().iter().any(|effect| matches!(effect, Effect::SaveState { name: "preview", .. })));
    // Beyond the limit it stays there, and comes back at once.
    mouse(&mut stage, Mouse::Drag, 159);
    let limit = border(&mut stage);
    assert!(limit < 140, "{limit}");
    stage.keys("<");
    assert_eq!(border(&mut stage), limit - 4);
    mouse(&mut stage, Mouse::Click, 30);
    mouse(&mut stage, Mouse::Drag, from);
    assert_eq!(border(&mut stage), limit - 4, "the click was elsewhere");
    // A width that was saved on a wide screen is beyond the limit of a narrow one.
    mouse(&mut stage, Mouse::Click, limit - 4);
    mouse(&mut stage, Mouse::Drag, 5);
    stage.send(Msg::Resized { width: 120, height: 40 });
    let widest = border(&mut stage);
    stage.keys(">");
    assert_eq!(border(&mut stage), widest + 4);
    // A click on a hint ends the drag.
    mouse(&mut stage, Mouse::Click, widest + 4);
    stage.send(Msg::Mouse { kind: Mouse::Click, column: 2, row: 39 });
    stage.keys("esc");
    mouse(&mut stage, Mouse::Drag, widest + 20);
    assert_eq!(border(&mut stage), widest + 4);
}

#[test]
fn a_paste_of_several_lines_is_one_line_where_one_is_typed() {
    // Terminals send carriage returns.
    for pasted in ["one\rtwo\rthree", "one\r\ntwo\r\nthree", "one\ntwo\nthree"] {
        for (keys, prompt) in [("\\", "\\ "), ("/", "/ "), ("enter /", "/"), ("?", "")] {
            let mut stage = Stage::full(120, 40);
            stage.keys(keys).send(Msg::Paste(pasted.into()));
            assert!(stage.screen().contains(&format!("{prompt}one two three")), "{keys}: {}", stage.screen());
        }
    }
}

#[test]
fn a_prompt_of_a_session_that_was_not_started_is_there_the_next_time() {
    let mut stage = Stage::full(120, 40);
    stage.keys("n f i x space i t esc");
    assert!(!stage.screen().contains("fix it"), "{}", stage.screen());
    stage.keys("n");
    assert!(stage.screen().contains("prompt      fix it"), "{}", stage.screen());
    stage.keys("ctrl-u esc n");
    assert!(stage.screen().contains("describe the task"), "{}", stage.screen());
}

#[test]
fn the_footer_says_that_escape_clears_a_text_first() {
    for open in ["ctrl-p", "?"] {
        let mut stage = Stage::full(120, 40);
        let footer = |stage: &mut Stage| stage.screen().lines().last().unwrap_or_default().to_owned();
        assert!(footer(stage.keys(open)).contains("esc close"), "{open}");
        assert!(footer(stage.keys("x")).contains("esc clear"), "{open}");
        stage.keys("esc");
        assert!(footer(&mut stage).contains("esc close"), "the text is cleared, and {open} still open");
    }
}

#[test]
fn no_hint_names_the_key_for_a_prompt_where_another_program_has_the_session_open() {
    let mut stage = Stage::new(120, 24);
    stage.send(Msg::Catalog(change(vec![session(Agent::Claude, "aaaa", "Build the release", 5)])));
    assert!(stage.screen().contains("m send prompt"), "{}", stage.screen());
    stage.send(working(&SessionKey::new(Agent::Claude, "aaaa"), SessionState::Working));
    assert!(!stage.screen().contains("m send prompt"), "{}", stage.screen());
}
