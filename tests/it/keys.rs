//! Tests of the form (screen, keys, screen), where a screen is reduced to its relevant parts.

use proptest::prelude::{any, prop};
use proptest::{prop_assert, proptest};
use salon::app::Msg;
use salon::app::msg::{Mouse, ResumeCheck};
use salon::config::key::{Key, KeyCode};
use salon::domain::catalog::CatalogChange;
use salon::domain::transcript_event::TranscriptEvent;

use super::screens::live::{asking, command, run};
use super::screens::stage::{Stage, change, sessions};

/// The titles of the list, with the selected one marked.
fn list(stage: &Stage) -> String {
    let row = |(at, row): (usize, &salon::app::home::list::ListRow)| {
        let session = row.session()?;
        let mark = if stage.app.stack.home.list.at() == Some(at) { "#" } else { "" };
        Some(format!(
            "{mark}{}",
            session.key.id.chars().rev().take(2).collect::<Vec<_>>().into_iter().rev().collect::<String>()
        ))
    };
    stage.app.stack.home.list.rows().iter().enumerate().filter_map(row).collect::<Vec<_>>().join(" ")
}

/// Compares the list before and after keys.
fn test(before: &str, keys: &str, after: &str) {
    let mut stage = Stage::full(80, 24);
    assert_eq!(list(&stage), before);
    stage.keys(keys);
    assert_eq!(list(&stage), after, "after {keys}");
}

const FRESH: &str = "#01 02 03 04 05 06 07 08";

#[test]
fn moves_in_the_list() {
    test(FRESH, "j", "01 #02 03 04 05 06 07 08");
    test(FRESH, "down down up", "01 #02 03 04 05 06 07 08");
    test(FRESH, "k", FRESH);
    test(FRESH, "G", "01 02 03 04 05 06 07 #08");
    test(FRESH, "end home", FRESH);
    test(FRESH, "pgdn pgup", FRESH);
    test(FRESH, "ctrl-d", "01 02 03 04 05 06 07 #08");
    test(FRESH, "G j j j k", "01 02 03 04 05 06 #07 08");
}

#[test]
fn sorts_cycle_and_begin_at_the_top() {
    test(FRESH, "j s", "#01 02 03 04 05 06 07 08");
    test(FRESH, "j s s s", "#01 02 03 04 05 06 07 08");
    test(FRESH, "j s s s s s", "#01 02 03 06 08 07 04 05");
    test(FRESH, "s s s s s s", FRESH);
}

#[test]
fn hidden_sessions_come_and_go() {
    test(FRESH, "H", "#01 02 03 09 04 05 10 06 11 07 08");
    test(FRESH, "j H H", "01 #02 03 04 05 06 07 08");
}

#[test]
fn the_column_filters_and_the_arrow_leads_back() {
    test(FRESH, "h j", "#01 02 04 06");
    test(FRESH, "h j l j", "01 #02 04 06");
    test(FRESH, "h j enter j", "01 #02 04 06");
    test(FRESH, "h G k k", "#05");
    test(FRESH, "h j tab", FRESH);
    test(FRESH, "tab j", "01 #02 04 06");
}

#[test]
fn h46_the_footer_names_keys_that_do_what_it_says() {
    let mut stage = Stage::full(80, 24);
    assert!(stage.screen().lines().last().expect("a footer").contains("enter open  r continue"));
    stage.run(asking(run("r"), [command("a")]));
    stage.keys("g");
    assert!(stage.screen().lines().last().expect("a footer").contains("i answer  enter open"), "{}", stage.screen());
    stage.keys("j");
    assert!(stage.screen().lines().last().expect("a footer").contains(" enter open  r continue"), "{}", stage.screen());
    stage.keys("enter");
    assert!(stage.screen().lines().last().expect("a footer").contains("esc back"));
    stage.keys("?");
    assert!(stage.screen().lines().last().expect("a footer").contains("esc close"));
    stage.keys("esc esc \\");
    assert!(stage.screen().lines().last().expect("a footer").contains("enter apply"));
}

#[test]
fn keys_of_later_versions_do_nothing() {
    let mut stage = Stage::full(80, 24);
    let before = stage.screen();
    stage.keys("Z");
    assert_eq!(stage.take_effects(), []);
    assert_eq!(stage.screen(), before);
}

#[test]
fn a_paste_goes_into_the_field_as_one_harmless_line() {
    let mut stage = Stage::full(80, 24);
    stage.send(Msg::Paste("q\nq".into()));
    assert_eq!(stage.take_effects(), [], "outside a field it does nothing");
    stage.keys("\\").send(Msg::Paste("two\nlines \u{1b}[31mred".into()));
    assert_eq!(stage.app.stack.home.filter.input.text(), "two lines red");
    stage.keys("ctrl-w backspace backspace x");
    assert_eq!(stage.app.stack.home.filter.input.text(), "two linex");
    stage.keys("home delete ctrl-e ctrl-u");
    assert_eq!(stage.app.stack.home.filter.input.text(), "");
}

/// Keys with and without a binding.
fn some_key() -> impl proptest::strategy::Strategy<Value = Key> {
    let words = "j k g G h l enter esc tab H s \\ R y Y o ? ctrl-p ! M ctrl-t ctrl-d ctrl-u pgdn pgup [ ] { } e E / n N t \
        T F space a é 界 up down left right home end backspace delete f5 w 1 2 3 ctrl-w f2";
    let keys: Vec<_> = words.split_whitespace().filter_map(Key::parse).chain([Key::plain(KeyCode::F(9))]).collect();
    prop::sample::select(keys)
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 60, ..Default::default() })]

    #[test]
    fn h42_no_size_and_no_key_breaks_anything(
        width in 0u16..140,
        height in 0u16..45,
        later in (0u16..140, 0u16..45),
        keys in prop::collection::vec(some_key(), 0..40),
        clicks in prop::collection::vec((any::<u8>(), any::<u8>()), 0..8),
    ) {
        let mut stage = Stage::full(width, height);
        for (at, key) in keys.into_iter().enumerate() {
            stage.send(Msg::Key(key));
            if let Some((column, row)) = clicks.get(at) {
                let kind = [Mouse::Click, Mouse::WheelDown, Mouse::WheelUp][at % 3];
                stage.send(Msg::Mouse { kind, column: (*column).into(), row: (*row).into() });
            }
            match at {
                7 => { stage.send(Msg::Resized { width: later.0, height: later.1 }); }
                11 => {
                    let removed = sessions().into_iter().step_by(2).map(|session| session.key).collect();
                    stage.send(Msg::Catalog(CatalogChange { removed, ..CatalogChange::default() }));
                }
                17 => { stage.send(Msg::Catalog(change(sessions()))); }
                23 => {
                    if let Some(key) = stage.app.session().cloned() {
                        stage.send(Msg::ResumeChecked { key, check: ResumeCheck::default() });
                    }
                    stage.send(Msg::Transcript(salon::app::RequestTicket(1), TranscriptEvent::Gone));
                }
                _ => {}
            }
        }
        let list = &stage.app.stack.home.list;
        prop_assert!(list.at().is_none() == (stage.app.stack.home.shown == 0), "a list with rows has one selected");
        prop_assert!(list.at().is_none_or(|at| list.rows()[at].session().is_some()), "headings are not selected");
    }
}

#[test]
fn a_former_name_of_an_action_goes_on_working() {
    let bound = |config: &str| {
        let (settings, problems) = salon::config::settings::Settings::read(config);
        assert_eq!(problems, [], "{config}");
        let of_undo = settings.keys.into_iter().filter(|binding| binding.context == "list" && binding.action == "undo");
        of_undo.flat_map(|binding| binding.keys).map(|key| key.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(bound("[keys.list]\nundo-trash = \"f9\"\n"), ["f9"]);
    assert_eq!(bound("[keys.list]\nundo-trash = \"f9\"\nundo = \"f8\"\n"), ["f8"], "the present name decides");
}
