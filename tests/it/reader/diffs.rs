//! Diffs in the reader: numbers, bands of colour, syntax, sides, relative paths.

use ratatui::style::Color;
use salon::app::Action;
use salon::app::reader::DiffView;
use salon::config::theme::{Background, Theme, Themes};
use salon::config::theme_file::ColourDepth;
use salon::domain::transcript::{ChangeKind, Entry, FileChange, ToolAction};
use salon::domain::{Agent, Session, SessionKey};

use super::sample::{ReaderHarness, tool};

/// Last column of the text on a screen of 100 columns, beside the scrollbar.
const EDGE: u16 = 96;

const PATCH: &str = "@@ -98,4 +98,5 @@\n fn main() {\n-    let limit = 10;\n+    let limit = 5; // never more\n+    let wait = true;\n     run();\n }\n";

fn edit(path: &str, kind: ChangeKind) -> Entry {
    tool("e", 0, "Edit", ToolAction::Edit(vec![FileChange { path: path.into(), kind }]), "")
}

/// A reader on an unfolded change, after its code was highlighted.
fn unfolded(entry: Entry, size: (u16, u16), theme: &Theme) -> ReaderHarness {
    let mut harness = ReaderHarness::new(vec![entry], size);
    harness.theme = theme.clone();
    let mut session = Session::new(SessionKey::new(Agent::Claude, "s"), "/nowhere".into());
    session.cwd = "/home/dev/shop".into();
    harness.session = Some(session);
    harness.act(Action::Expand);
    while harness.cache.is_waiting() {
        std::thread::yield_now();
        harness.draw();
    }
    harness.draw();
    harness
}

fn themes() -> [Theme; 4] {
    let of = |depth, background| Themes::shipped(depth, background).current().clone();
    [
        of(ColourDepth::Full, Background::Dark),
        of(ColourDepth::Full, Background::Light),
        of(ColourDepth::Ansi, Background::Dark),
        of(ColourDepth::None, Background::Dark),
    ]
}

/// Row and column of the first cell of a text on the screen.
fn place(harness: &ReaderHarness, text: &str) -> (u16, u16) {
    let rows = harness.screen();
    let (y, row) =
        rows.lines().enumerate().find(|(_, row)| row.contains(text)).unwrap_or_else(|| panic!("{text}:\n{rows}"));
    let x = row[..row.find(text).expect("the text")].chars().count();
    (u16::try_from(y).expect("small"), u16::try_from(x).expect("small"))
}

#[test]
fn a_diff_has_the_numbers_of_both_files() {
    let harness =
        unfolded(edit("/home/dev/shop/src/main.rs", ChangeKind::Patch(PATCH.into())), (100, 20), &themes()[0]);
    let screen = harness.screen();
    for row in [
        " 98  98   fn main() {",
        " 99     -     let limit = 10;",
        "     99 +     let limit = 5;",
        "    100 +     let wait",
        "100 101   ",
    ] {
        assert!(screen.contains(row), "{row:?} is not in\n{screen}");
    }
    // Where there is no room for two columns, each line has one number.
    let narrow = unfolded(edit("src/main.rs", ChangeKind::Patch(PATCH.into())), (40, 20), &themes()[0]).screen();
    assert!(narrow.contains(" 99 -     let limit = 10;") && narrow.contains("100 +     let wait"), "{narrow}");
}

#[test]
fn bands_reach_the_right_edge_and_code_in_them_is_highlighted() {
    for theme in themes() {
        let harness = unfolded(edit("src/main.rs", ChangeKind::Patch(PATCH.into())), (100, 20), &theme);
        let (y, x) = place(&harness, "let limit = 10");
        let (added, _) = place(&harness, "let wait");
        let cell = |x: u16, y: u16| harness.buffer[(x, y)].style();
        let sign = place(&harness, "-     let limit");
        assert_eq!(harness.buffer[(sign.1, sign.0)].symbol(), "-", "the sign tells the change without colours");
        if theme.removed.bg.is_some() {
            let removed = cell(EDGE, y).bg;
            assert!(removed.is_some_and(|colour| colour != Color::Reset), "the band ends before the edge");
            assert_ne!(removed, cell(EDGE, added).bg, "removed and added lines look the same");
            assert_eq!(cell(12, y).bg, removed, "the numbers are outside the band");
            assert_ne!(cell(x, y).fg, cell(x + 4, y).fg, "the keyword is not highlighted");
        } else {
            assert_eq!(cell(EDGE, y).bg, Some(Color::Reset), "no colour of a band without one in the theme");
            assert_eq!(cell(x, y).fg, cell(x + 4, y).fg, "the colour of the text is that of the change");
        }
    }
}

#[test]
fn a_wide_screen_shows_old_and_new_side_by_side_and_a_key_changes_that() {
    let theme = &themes()[0];
    let mut harness = unfolded(edit("src/main.rs", ChangeKind::Patch(PATCH.into())), (140, 20), theme);
    let both = |screen: &str| screen.lines().any(|row| row.contains("limit = 10") && row.contains("limit = 5"));
    assert!(both(&harness.screen()), "{}", harness.screen());
    assert!(harness.screen().lines().any(|row| row.contains("│") && row.contains("+     let wait")));
    harness.diff_view = DiffView::Unified;
    harness.draw();
    assert!(!both(&harness.screen()), "{}", harness.screen());
    let narrow = unfolded(edit("src/main.rs", ChangeKind::Patch(PATCH.into())), (139, 20), theme);
    assert!(!both(&narrow.screen()), "{}", narrow.screen());
    let new = unfolded(edit("src/new.rs", ChangeKind::Write("fn a() {}\n".into())), (140, 20), theme).screen();
    assert!(new.contains("1 + fn a() {}") && !new.contains('│'), "a new file has one side:\n{new}");
}

#[test]
fn paths_are_relative_to_the_directory_of_the_session() {
    let of = |path: &str| unfolded(edit(path, ChangeKind::Write("a\n".into())), (100, 10), &themes()[0]).screen();
    let within = of("/home/dev/shop/src/main.rs");
    assert!(within.contains("Edit  src/main.rs") && !within.contains("/home"), "{within}");
    assert!(!within.contains('−'), "a new file removes nothing:\n{within}");
    assert!(of("/home/dev/shopping/a.rs").contains("/home/dev/shopping/a.rs"), "another directory with the same start");
}

#[test]
fn a_code_block_has_one_background_up_to_the_edge() {
    let text = "```rust\nfn wait(seconds: u64) {\n    run(\"now\"); // never\n}\n```";
    let answer = super::sample::entry("a", salon::domain::EntryKind::Text, 0, text);
    let mut harness = ReaderHarness::new(vec![answer], (100, 12));
    harness.theme = themes()[0].clone();
    harness.draw();
    while harness.cache.is_waiting() {
        std::thread::yield_now();
        harness.draw();
    }
    harness.draw();
    let (y, x) = place(&harness, "fn wait");
    let backgrounds: Vec<_> = (x - 2..=EDGE).map(|x| harness.buffer[(x, y)].style().bg).collect();
    assert!(
        backgrounds.iter().all(|bg| *bg == backgrounds[0]) && backgrounds[0] != Some(Color::Reset),
        "{backgrounds:?}"
    );
    assert_ne!(harness.buffer[(x, y)].fg, harness.buffer[(x + 3, y)].fg, "keyword and name");
}

#[test]
fn a_change_shows_its_first_changed_lines() {
    let new: String = (1..=40).map(|nth| format!("fn f{nth}() {{}}\n")).collect();
    let harness = ReaderHarness::new(vec![edit("src/a.rs", ChangeKind::Write(new))], (100, 20));
    let screen = harness.screen();
    assert!(screen.contains("6 + fn f6() {}") && !screen.contains("f7()"), "{screen}");
    assert!(screen.contains("… 34 more lines"), "{screen}");
    // Lines that are wrapped count once.
    let long = |nth: usize| format!("let value_{nth} = {};\n", "a_very_long_name + ".repeat(8));
    let wrapped: String = (1..=5).map(long).collect();
    let screen = ReaderHarness::new(vec![edit("src/a.rs", ChangeKind::Write(wrapped))], (60, 24)).screen();
    let shown = screen.lines().filter(|row| row.contains("+ let value_")).count();
    assert!(screen.contains(&format!("… {} more lines", 5 - shown)), "{shown}: {screen}");
    // Of long changes all lines count, not only those among which the first changed ones are found.
    let hunk = |nth: usize| format!("@@ -{nth}0,7 +{nth}0,7 @@\n a\n b\n c\n-old\n+new\n d\n e\n f\n");
    let hunks: String = (1..=100).map(hunk).collect();
    let screen = ReaderHarness::new(vec![edit("src/a.rs", ChangeKind::Patch(hunks))], (100, 20)).screen();
    assert!(screen.contains("… 194 more lines"), "{screen}");
    let few = ReaderHarness::new(vec![edit("src/main.rs", ChangeKind::Patch(PATCH.into()))], (100, 20)).screen();
    assert!(few.contains("100 +     let wait") && !few.contains("fn main"), "unchanged lines say nothing new:\n{few}");
}
