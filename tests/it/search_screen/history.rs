//! State after a search: its history, saved views, and the copied command.

use salon::app::Effect;
use salon::app::search::{SavedView, SearchHistory};
use salon::app::shell_command::ShellCommand;
use salon::domain::search::SearchOrder;

use super::{DONE, found, search, typed, webhook, webhook_hits};
use crate::screens::stage::Stage;

#[test]
fn the_history_is_saved_and_restored() {
    let mut stage = Stage::full(80, 24);
    stage.app.restore_state(SearchHistory::NAME, "first query\nsecond query");
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
    let remembered =
        Effect::SaveState { name: SearchHistory::NAME, value: "first query\nsecond query\nwebhook".into() };
    assert!(stage.take_effects().contains(&remembered));

    let mut history = SearchHistory::default();
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
    let kept = Effect::SaveState { name: SavedView::NAME, value: "Hooks\ttime\twebhook".into() };
    assert_eq!(stage.take_effects(), [kept]);
    stage.keys("esc esc");
    insta::assert_snapshot!("view_among_the_workspaces_120x40", stage.screen());
    stage.keys("h j enter");
    assert_eq!((search(&stage).input.text(), search(&stage).results.order), ("webhook", SearchOrder::Time));
    stage.keys("esc esc");
    stage.take_effects();
    stage.keys("delete");
    assert_eq!(stage.take_effects(), [Effect::SaveState { name: SavedView::NAME, value: String::new() }]);
    assert_eq!(stage.app.stack.home.workspaces.views(), []);

    let mut stage = Stage::full(120, 40);
    stage.app.restore_state(SavedView::NAME, "a\trelevance\tx y\nbroken\n\ttime\tz\nb\ttime\tq\tr");
    let names: Vec<_> =
        stage.app.stack.home.workspaces.views().iter().map(|view| (&*view.name, &*view.query)).collect();
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

#[test]
fn the_list_is_copied_as_a_command_that_says_what_it_leaves_out() {
    let mut stage = Stage::full(120, 40);
    let copied = |stage: &mut Stage, keys: &str| {
        stage.take_effects();
        stage.keys(keys);
        match stage.take_effects().as_slice() {
            [.., Effect::Copy(line)] => line.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(copied(&mut stage, "ctrl-y"), "salon list");
    assert_eq!(copied(&mut stage, "H ctrl-y"), "salon list --hidden");
    stage.keys("H h j");
    let workspace = stage.app.stack.home.workspaces.selected().expect("a workspace").to_string();
    assert_eq!(copied(&mut stage, "Y"), format!("salon list workspace:{workspace}"), "no session is meant here");
    assert_eq!(copied(&mut stage, "l ctrl-y"), format!("salon list workspace:{workspace}"));
    stage.keys("s \\ x y enter");
    assert_eq!(copied(&mut stage, "ctrl-y"), format!("salon list workspace:{workspace}"));
    let text = stage.screen();
    assert!(text.contains("without the sort order started and the quick filter “xy”"), "{text}");
    stage.keys("Y");
    assert!(matches!(stage.take_effects().last(), Some(Effect::CopyResumeCommand(_)) | None), "a session is meant");

    let mut stage = Stage::full(120, 40);
    stage.app.restore_state(SavedView::NAME, "mine\ttime\t-it's web");
    assert_eq!(copied(&mut stage, "h j Y"), r"salon search --sort time -- '-it'\''s web'");
}

#[test]
fn a_workspace_with_a_blank_in_its_path_is_quoted_for_the_query_and_for_the_shell() {
    let mut home = salon::app::home::Home::default();
    home.workspaces.select(Some("/srv/my, app".into()));
    let command = ShellCommand::of_list(&home);
    assert_eq!((command.line.as_str(), command.omitted.len()), (r#"salon list 'workspace:"/srv/my, app"'"#, 0));
    home.workspaces.select(Some("".into()));
    let command = ShellCommand::of_list(&home);
    assert_eq!((command.line.as_str(), command.omitted.len()), ("salon list", 1));
}
