//! Overlays.

use salon::app::Msg;
use salon::app::action::{Action, KeyContext};
use salon::app::layer::Layer;
use salon::app::msg::ResumeCheck;
use salon::config::theme_file::ColourDepth;
use salon::domain::catalog::CatalogChange;
use salon::domain::{Agent, Issue};

use super::stage::{Stage, change, session, sessions};

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
    assert!(!screen.contains(&format!("{} ", Action::Sort.about())), "an action without a key is left to the palette");
}

#[test]
fn the_help_scrolls_to_its_end() {
    let mut stage = Stage::full(80, 24);
    stage.keys("? end");
    let screen = stage.screen();
    assert!(screen.contains(Action::Mute.about()), "{screen}");
    let position = screen.lines().find_map(|line| line.split_once(" of ")).expect("a position");
    let (last, all) = (position.0.rsplit('–').next(), position.1.split(' ').next());
    assert_eq!(last, all, "the end: {screen}");
    stage.keys("home ctrl-j ctrl-k");
    assert!(stage.screen().contains(" 1–"), "{}", stage.screen());
}

#[test]
fn the_help_begins_with_the_place_and_filters_while_typing() {
    let first = |keys: &str| {
        let mut stage = Stage::full(120, 40);
        stage.keys(keys);
        let screen = stage.screen();
        let heading = ["Everywhere", "Navigation", "List", "Transcript", "Search"];
        let headings =
            screen.lines().skip(2).filter_map(|line| heading.iter().find(|name| line.contains(&format!("│ {name} "))));
        headings.copied().next()
    };
    assert_eq!(first("?"), Some("List"));
    assert_eq!(first("enter ?"), Some("Transcript"));
    assert_eq!(first("/ f1"), Some("Search"));
    let mut stage = Stage::full(120, 40);
    stage.keys("?");
    let screen = stage.screen();
    let frame = screen.lines().find(|line| line.contains("Keyboard shortcuts")).expect("a frame");
    assert!(frame.chars().filter(|c| *c == '─').count() > 90, "two columns: {screen}");
    let mut stage = Stage::with(120, 120, "", ColourDepth::default());
    stage.keys("?");
    let screen = stage.screen();
    assert!(screen.contains(Action::Mute.about()), "all of it: {screen}");
    let shown = screen.lines().filter(|line| line.starts_with(" │"));
    assert!(shown.clone().count() > 60 && shown.into_iter().all(|line| !line.contains('…')), "whole texts: {screen}");
    assert!(screen.contains(Action::Scope.about()) && screen.contains(Action::NextEntry.about()), "{screen}");
    stage.keys("f o r k");
    let screen = stage.screen();
    assert!(screen.contains(Action::Fork.about()) && !screen.contains(Action::Quit.about()), "{screen}");
    stage.keys("z z");
    assert!(stage.screen().contains("No matching shortcut."), "{}", stage.screen());
    stage.keys("esc");
    assert!(stage.screen().contains(Action::Open.about()));
    stage.keys("esc");
    assert!(stage.app.stack.layers.is_empty());
    stage.keys("? ?");
    assert!(stage.app.stack.layers.is_empty(), "its own key closes it");
}

#[test]
fn a_binding_that_another_one_hides_is_not_shown() {
    let mut stage = Stage::with(120, 80, "[keys.list]\nfilter = [\"q\", \"i\"]", ColourDepth::default());
    stage.send(Msg::Catalog(change(sessions())));
    let footer = stage.screen().lines().last().map(str::to_owned).unwrap_or_default();
    assert!(footer.contains("q filter") && !footer.contains("quit"), "{footer}");
    stage.keys("?");
    let screen = stage.screen();
    assert!(screen.contains("q i") && screen.contains(Action::Quit.about()), "{screen}");
    assert!(!screen.contains(Action::Inbox.about()), "no key leads there: {screen}");
    stage.keys("esc / f1");
    assert!(stage.screen().contains(Action::OtherPane.about()), "its keys are free: {}", stage.screen());
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
fn the_palette_finds_actions_by_other_words() {
    for (typed, wanted) in [
        ("p r e v i e w", Action::Preview),
        ("c h a t", Action::ResumeHere),
        ("c o n t i n u e", Action::ResumeHere),
        ("m o d e l", Action::Models),
        ("c l i p b o a r d", Action::CopyId),
        ("e x p o r t", Action::EditTranscript),
        ("r e n a m e", Action::Rename),
        ("u n r e a d", Action::MarkUnseen),
        ("e x i t", Action::Quit),
    ] {
        let mut stage = Stage::full(80, 24);
        stage.keys("ctrl-p").keys(typed);
        assert!(stage.screen().contains(wanted.about()), "{typed}: {}", stage.screen());
    }
    let mut stage = Stage::full(80, 24);
    let selected = |stage: &Stage| match stage.app.stack.layers.last() {
        Some(Layer::Palette(palette)) => palette.selected(),
        other => panic!("{other:?}"),
    };
    stage.keys("ctrl-p ctrl-j ctrl-n ctrl-k ctrl-j");
    assert_eq!(selected(&stage), 2);
    stage.keys("ctrl-p");
    assert_eq!(selected(&stage), 1);
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
fn the_footer_of_an_overlay_names_the_keys_that_scroll_if_there_is_more() {
    let footer = |size: (u16, u16), issues: Vec<Issue>| {
        let mut stage = Stage::full(size.0, size.1);
        stage.send(Msg::Catalog(CatalogChange { issues: Some(issues), ..CatalogChange::default() })).keys("!");
        stage.screen().lines().last().unwrap_or_default().to_owned()
    };
    let long = |at: usize| Issue::new(format!("/home/ann/{at}.jsonl"), "a reason of many words ".repeat(40));
    let few = footer((80, 24), (0..3).map(long).collect());
    assert!(few.contains("↑ ↓ scroll"), "three problems of many rows: {few}");
    let equal = |line| Issue { line: Some(line), ..Issue::new("/home/ann/bad.jsonl", "unreadable record") };
    let many = footer((80, 24), (1..=40).map(equal).collect());
    assert!(!many.contains("scroll"), "forty equal problems are two rows: {many}");
    let mut stage = Stage::full(120, 100);
    stage.keys("?");
    assert!(!stage.screen().contains("↑ ↓ scroll"), "{}", stage.screen());
}

#[test]
fn a_notice_is_seen_until_the_next_key() {
    let mut stage = Stage::full(80, 24);
    stage.send(Msg::Notice { text: "claude: \u{1b}[31mit failed".into(), error: true });
    assert!(stage.screen().contains("claude: it failed"));
    stage.keys("j");
    assert!(!stage.screen().contains("it failed") && stage.screen().contains("8 shown"));
}

#[test]
fn the_own_words_of_an_action_are_found_before_other_words() {
    let mut stage = Stage::full(80, 24);
    stage.keys("ctrl-p e x p");
    let Some(Layer::Palette(palette)) = stage.app.stack.layers.last() else { panic!("no palette") };
    assert_eq!(palette.found().first(), Some(&Action::Export));
}

#[test]
fn equal_problems_of_a_file_are_named_once() {
    let mut stage = Stage::full(100, 24);
    let record = |line| Issue { line: Some(line), ..Issue::new("/home/ann/bad.jsonl", "unreadable record") };
    let mut issues: Vec<_> = (1..=20).map(record).collect();
    issues.push(Issue::new("", "the search index cannot be written"));
    // Another file may have been read in between.
    issues.extend([record(17), record(40)]);
    stage.send(Msg::Catalog(CatalogChange { issues: Some(issues), ..CatalogChange::default() })).keys("!");
    let screen = stage.screen();
    let rows: Vec<_> =
        screen.lines().filter(|line| line.starts_with(" │")).map(|line| line[4..].trim_matches([' ', '│'])).collect();
    let wanted = ["/home/ann/bad.jsonl:1–40", "→ unreadable record (22 times)", "→ the search index cannot be written"];
    assert_eq!(rows, wanted, "{screen}");
}

#[test]
fn a_line_that_does_not_fit_ends_with_a_mark() {
    let mut stage = Stage::full(40, 10);
    let screen = stage.keys("/").screen();
    assert!(screen.contains("all must match") && !screen.contains('…'), "short texts on a narrow screen: {screen}");
    let mut stage = Stage::full(30, 10);
    let screen = stage.keys("/").screen();
    let row = screen.lines().find(|line| line.contains("several words")).expect("the syntax");
    assert!(row.ends_with('…'), "{screen}");
}

#[test]
fn the_period_and_the_group_of_the_usage_are_seen_at_every_width() {
    for width in [200, 120, 80, 60, 40] {
        let mut stage = Stage::full(width, 24);
        stage.keys("$ right right");
        let screen = stage.screen();
        assert!(screen.lines().next().is_some_and(|line| line.contains("30 days")), "{width}: {screen}");
        assert!(screen.contains("Models"), "{width}: {screen}");
    }
}

#[test]
fn the_hint_of_a_dialog_has_as_many_digits_as_choices() {
    let mut stage = Stage::full(80, 24);
    let key = stage.app.session().cloned().expect("selected");
    let check = ResumeCheck { directory_gone: true, ..ResumeCheck::default() };
    stage.send(Msg::ResumeChecked { key, check });
    let Some(Layer::Dialog(dialog)) = stage.app.stack.layers.last() else { panic!("no dialog") };
    let digits = format!("1–{} answer", dialog.choices.len());
    assert!(stage.screen().contains(&digits), "{}", stage.screen());
}

#[test]
fn the_palette_begins_with_the_commands_of_the_place() {
    for (keys, wanted) in [("", KeyContext::List), ("enter", KeyContext::Reader), ("c", KeyContext::Changes)] {
        let mut stage = Stage::full(80, 24);
        stage.keys(keys).keys("ctrl-p");
        let Some(Layer::Palette(palette)) = stage.app.stack.layers.last() else { panic!("no palette") };
        let contexts: Vec<_> = palette.found().iter().map(|action| action.context()).collect();
        assert_eq!(contexts.first(), Some(&wanted), "{keys}");
        let everywhere = contexts.iter().position(|context| *context == KeyContext::Everywhere).expect("an action");
        assert!(contexts[everywhere..].iter().all(|context| *context == KeyContext::Everywhere), "{contexts:?}");
    }
}

#[test]
fn the_help_of_the_usage_has_its_own_keys() {
    let mut stage = Stage::full(80, 24);
    stage.keys("$ ?");
    let screen = stage.screen();
    let rows: Vec<_> = screen.lines().skip_while(|line| !line.contains("Keyboard shortcuts")).collect();
    assert!(rows[2].contains("Usage") && rows[3].contains("1…5") && rows[3].contains("90 days"), "{screen}");
    stage.keys("s c o p e");
    assert!(stage.screen().contains("tab") && stage.screen().contains("this workspace or all"), "{}", stage.screen());
}

#[test]
fn paths_below_the_home_begin_with_a_tilde_on_screens() {
    let mut stage = Stage::full(220, 40);
    stage.app.user_home = "/home/ann".to_owned();
    let screen = stage.screen();
    assert!(screen.contains("· ~/shop-api") && !screen.contains("/home/ann"), "{screen}");
    let issues = vec![Issue::new("/home/ann/.claude/bad.jsonl", "cannot be copied to \"/home/ann/x\"")];
    stage.send(Msg::Catalog(CatalogChange { issues: Some(issues), ..CatalogChange::default() })).keys("!");
    let screen = stage.screen();
    assert!(screen.contains("│ ~/.claude/bad.jsonl") && screen.contains("copied to \"~/x\""), "{screen}");
    stage.keys("esc").send(Msg::Notice { text: "Exported to /home/ann/out.md".into(), error: false });
    assert!(stage.screen().contains("Exported to ~/out.md"));
    let key = stage.app.session().cloned().expect("selected");
    let check = ResumeCheck { directory_gone: true, moved_to: vec!["/home/ann/new".into()], ..ResumeCheck::default() };
    stage.send(Msg::ResumeChecked { key, check });
    let screen = stage.screen();
    assert!(screen.contains("Directory not found: ~/") && screen.contains("Moved to ~/new"), "{screen}");
    // The home of another machine is another one.
    let mut there = session(Agent::Claude, "there", "Over there", 1);
    there.key = there.key.on(&"box".into());
    let mut stage = Stage::new(220, 40);
    stage.app.user_home = "/home/ann".to_owned();
    stage.send(Msg::Catalog(change(vec![there]))).keys("tab");
    assert!(stage.screen().contains("box:/home/ann/shop-api"), "{}", stage.screen());
}

#[test]
fn a_selected_row_in_reverse_video_is_one_band() {
    use ratatui::style::{Color, Modifier};
    for depth in [ColourDepth::Ansi, ColourDepth::None] {
        for keys in ["", "h", "ctrl-p", "$"] {
            let mut stage = Stage::with(120, 40, "", depth);
            stage.send(Msg::Catalog(change(sessions()))).keys(keys);
            let buffer = stage.buffer();
            let is_reversed = |x: u16, y: u16| buffer[(x, y)].modifier.contains(Modifier::REVERSED);
            let bands: Vec<Vec<u16>> = (0..buffer.area.height)
                .filter_map(|y| {
                    let cells: Vec<u16> = (0..buffer.area.width).filter(|x| is_reversed(*x, y)).collect();
                    let looks = cells.iter().map(|x| {
                        let cell = &buffer[(*x, y)];
                        assert!(cell.symbol() != "▌" && !cell.modifier.contains(Modifier::DIM), "{keys}: {cell:?}");
                        (cell.fg, cell.bg)
                    });
                    (cells.len() > 12).then(|| {
                        assert!(looks.clone().all(|look| look == (Color::Reset, Color::Reset)), "{keys} row {y}");
                        cells.clone()
                    })
                })
                .collect();
            assert!(!bands.is_empty(), "{depth:?} {keys}: {}", stage.screen());
            let is_gapless = |cells: &Vec<u16>| cells.windows(2).all(|pair| pair[1] == pair[0] + 1);
            assert!(bands.iter().all(is_gapless), "{depth:?} {keys}: {bands:?}");
        }
    }
}
