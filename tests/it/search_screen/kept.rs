//! What outlives a search: its history, views, and the command it is copied as.

use salon::app::Effect;
use salon::app::search::{History, View};
use salon::domain::found::Order;

use super::{DONE, found, search, typed, webhook, webhook_hits};
use crate::screens::stage::Stage;

#[test]
fn the_history_is_kept_and_recalled() {
    let mut stage = Stage::full(80, 24);
    stage.app.recall(History::NAME, "first query\nsecond query");
    stage.keys("/ up");
    assert_eq!(search(&stage).input.text(), "second query");
    stage.keys("up");
    assert_eq!(search(&stage).input.text(), "first query");
    stage.keys("up down");
    assert_eq!(search(&stage).input.text(), "second query");
    stage.keys("down");
    assert_eq!(search(&stage).input.text(), "");
    stage.take_effects();
    typed(&mut stage, "webhook");
    stage.send(found("webhook", webhook_hits(), DONE));
    stage.keys("down alt-up");
    assert_eq!(search(&stage).input.text(), "second query", "with results the arrow is theirs, alt with it is not");
    stage.keys("ctrl-u");
    typed(&mut stage, "webhook");
    stage.keys("esc");
    let remembered = Effect::Remember { name: History::NAME, value: "first query\nsecond query\nwebhook".into() };
    assert!(stage.take_effects().contains(&remembered));

    let mut history = History::default();
    for at in 0..150 {
        history.add(&format!("query {at}"));
    }
    assert_eq!((history.newest().count(), history.get(0)), (100, Some("query 149")));
    assert_eq!(history.add("query 149"), []);
    history.add("query 60");
    assert_eq!((history.newest().count(), history.get(0)), (100, Some("query 60")));
}

#[test]
fn views_are_saved_opened_and_forgotten() {
    let mut stage = webhook(120, 40);
    stage.keys("ctrl-s ctrl-v");
    stage.take_effects();
    typed(&mut stage, "Hooks");
    stage.keys("enter");
    let kept = Effect::Remember { name: View::NAME, value: "Hooks\ttime\twebhook".into() };
    assert_eq!(stage.take_effects(), [kept]);
    stage.keys("esc esc");
    insta::assert_snapshot!("view_among_the_workspaces_120x40", stage.screen());
    stage.keys("h j enter");
    assert_eq!((search(&stage).input.text(), search(&stage).results.order), ("webhook", Order::Time));
    stage.keys("esc esc");
    stage.take_effects();
    stage.keys("delete");
    assert_eq!(stage.take_effects(), [Effect::Remember { name: View::NAME, value: String::new() }]);
    assert_eq!(stage.app.home.workspaces.views(), []);

    let mut stage = Stage::full(120, 40);
    stage.app.recall(View::NAME, "a\trelevance\tx y\nbroken\n\ttime\tz\nb\ttime\tq\tr");
    let names: Vec<_> = stage.app.home.workspaces.views().iter().map(|view| (&*view.name, &*view.query)).collect();
    assert_eq!(names, [("a", "x y"), ("b", "q\tr")]);
}

#[test]
fn the_search_is_copied_as_a_command_that_no_shell_can_misread() {
    let mut stage = Stage::full(80, 24);
    stage.keys("/");
    typed(&mut stage, "-it's \"$(rm)\"");
    stage.take_effects();
    stage.keys("ctrl-y");
    assert_eq!(stage.take_effects(), [Effect::Copy(r#"salon search -- '-it'\''s "$(rm)"'"#.into())]);
    let mut stage = webhook(80, 24);
    stage.keys("ctrl-s");
    stage.take_effects();
    stage.keys("tab Y");
    assert_eq!(stage.take_effects(), [Effect::Copy("salon search --sort time webhook".into())]);
}
