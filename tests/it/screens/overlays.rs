//! Overlays.

use salon::app::Msg;
use salon::app::action::Action;
use salon::app::msg::ResumeCheck;
use salon::config::theme_file::ColourDepth;
use salon::domain::Issue;
use salon::domain::catalog::CatalogChange;

use super::stage::Stage;

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 10)];

#[test]
fn the_help_shows_the_keys_in_force() {
    for (width, height) in SIZES {
        let mut stage = Stage::full(width, height);
        stage.keys("?");
        insta::assert_snapshot!(format!("help_{width}x{height}"), stage.screen());
    }
    let mut stage = Stage::with(120, 60, "[keys.list]\nfilter = \"f4\"\nsort = []", ColourDepth::default());
    stage.keys("?");
    let screen = stage.screen();
    assert!(screen.contains("f4") && !screen.contains("\\  "), "{screen}");
    assert!(!screen.contains(Action::Sort.about()), "an action without a key is left to the palette");
}

#[test]
fn the_help_scrolls_to_its_end() {
    let mut stage = Stage::full(80, 24);
    stage.keys("? G");
    assert!(stage.screen().contains(Action::Mute.about()));
    stage.keys("g");
    assert!(stage.screen().contains("Everywhere"));
}

#[test]
fn the_palette_finds_actions_by_description() {
    for (width, height) in SIZES {
        let mut stage = Stage::full(width, height);
        stage.keys("ctrl-p");
        insta::assert_snapshot!(format!("palette_{width}x{height}"), stage.screen());
    }
    let mut stage = Stage::full(80, 24);
    stage.keys("ctrl-p h i d d e n");
    insta::assert_snapshot!("palette_typed", stage.screen());
    stage.keys("enter");
    assert!(stage.app.stack.home.show_hidden && stage.app.stack.layers.is_empty());
}

#[test]
fn a_dialog_shows_the_cause_and_the_choices() {
    let check = ResumeCheck {
        open_elsewhere: Some("claude 2.1.329 in /home/ann/shop-api, pid 4711".into()),
        directory_gone: true,
        warning: Some("A copy of the chat was kept in /home/ann/.local/share/salon/chats/0001.json.".into()),
        ..ResumeCheck::default()
    };
    for (width, height) in SIZES {
        let mut stage = Stage::full(width, height);
        let key = stage.app.session().cloned().expect("selected");
        stage.send(Msg::ResumeChecked { key, check: check.clone() });
        insta::assert_snapshot!(format!("resume_{width}x{height}"), stage.screen());
    }
}

#[test]
fn problems_are_listed_with_path_and_reason() {
    for (width, height) in SIZES {
        let mut stage = Stage::full(width, height);
        let mut issues: Vec<_> = (0..30)
            .map(|at| Issue::new(format!("/home/ann/.claude/projects/-home-ann/{at:04}.jsonl"), "permission denied"))
            .collect();
        issues[0].line = Some(17);
        issues[0].reason =
            "not JSON: \u{1b}[2Jexpected `,` or `}` where a very long line of a transcript was torn".into();
        stage.send(Msg::Catalog(CatalogChange { issues: Some(issues), ..CatalogChange::default() })).keys("!");
        insta::assert_snapshot!(format!("issues_{width}x{height}"), stage.screen());
        stage.keys("G");
        assert!(stage.screen().contains("0029.jsonl"));
    }
}

#[test]
fn a_notice_is_seen_until_the_next_key() {
    let mut stage = Stage::full(80, 24);
    stage.send(Msg::Notice { text: "claude: \u{1b}[31mit failed".into(), error: true });
    assert!(stage.screen().contains("claude: it failed"));
    stage.keys("j");
    assert!(!stage.screen().contains("it failed") && stage.screen().contains("8 shown"));
}
