//! Layout of entries: wrapping, Markdown, tables, diffs, and arbitrary texts at any width.

use proptest::prelude::*;
use salon::app::reader::Fold;
use salon::config::theme::Theme;
use salon::domain::transcript::{ChangeKind, Entry, EntryKind, FileChange, ToolAction};
use salon::stdx::text::sanitise;
use salon::stdx::wrap::{columns, expand_tabs, wrap};
use salon::ui::entry::{self, LayoutContext, MAX_LINES};
use salon::ui::widgets::diff;

use super::sample::{command, entry, theme, tool};

fn lines(entry: &Entry, width: usize, fold: Fold) -> Vec<String> {
    let theme = theme();
    let laid = entry::lay(entry, &mut LayoutContext::new(&theme, width, fold));
    laid.lines.iter().map(salon::ui::reader::hits::text_of).collect()
}

fn options(theme: &Theme, width: usize) -> diff::DiffOptions<'_> {
    diff::DiffOptions {
        theme,
        width,
        max_lines: 100,
        path: "src/main.rs",
        changes_only: false,
        side_by_side: false,
        sanitise,
    }
}

fn answer(text: &str, width: usize) -> String {
    let lines = lines(&entry("a", EntryKind::Text, 0, text), width, Fold::Full);
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

fn rows(text: &str, width: usize) -> Vec<&str> {
    wrap(text, width).into_iter().map(|row| &text[row]).collect()
}

#[test]
fn rows_break_at_spaces_and_long_words_anywhere() {
    assert_eq!(rows("one two three", 8), ["one two", "three"]);
    assert_eq!(rows("  indented text here", 10), ["  indented", "text here"]);
    assert_eq!(rows("abcdefghij", 4), ["abcd", "efgh", "ij"]);
    assert_eq!(rows("see https://example.org/path", 12), ["see", "https://exam", "ple.org/path"]);
    assert_eq!(rows("", 10), [""]);
    assert_eq!(rows("trailing   ", 10), ["trailing"]);
}

#[test]
fn h42_wide_and_combining_characters_wrap_by_columns() {
    assert_eq!(rows("日本語の文章です", 6), ["日本語", "の文章", "です"]);
    assert_eq!(rows("日本、語", 4), ["日", "本、", "語"], "no comma at the beginning of a row");
    let family = "👨‍👩‍👧‍👦";
    assert_eq!(columns(family), 2);
    assert_eq!(rows(&family.repeat(3), 4), [family.repeat(2), family.to_owned()]);
    assert_eq!(rows("e\u{301}e\u{301}e\u{301}", 2), ["e\u{301}e\u{301}", "e\u{301}"]);
}

#[test]
fn tabs_and_returns_are_shown_as_a_terminal_would() {
    assert_eq!(expand_tabs("a\tb\t日\tc"), "a   b   日  c");
    assert_eq!(sanitise("10%\r20%\r100%\ndone\r\nlast\r"), "10%␍20%␍100%\ndone\nlast");
}

#[test]
fn reverted_entries_are_marked() {
    let mut prompt = entry("a", EntryKind::Prompt, 0, "the wrong way");
    prompt.reverted = true;
    assert_eq!(lines(&prompt, 60, Fold::Full), ["reverted: the agent no longer sees this", "the wrong way"]);
}

#[test]
fn markdown_keeps_its_structure() {
    let text = "# Title\n\none\ntwo\n\n- a\n  - b\n\n    more\n- c\n\n> quote\n> > inner\n\n1. x\n2. y\n\n---\n\n![alt](pic.png) <b>raw</b>";
    insta::assert_snapshot!(answer(text, 40), @r"
    Title

    one
    two

    • a
      • b

        more

    • c

    │ quote
    │
    │ │ inner

    1. x
    2. y

    ────────────────────────────────────────

    [image: alt] (pic.png) <b>raw</b>
    ");
}

#[test]
fn tables_fit_or_stack() {
    let text = "| a | number | what it means |\n|---|---:|:--:|\n| `x` | 1 | short |\n| 日本 | 12345 | a longer text that has to wrap |";
    insta::assert_snapshot!(answer(text, 60), @r"
    a    │ number │         what it means
    ─────┼────────┼───────────────────────────────
    x    │      1 │             short
    日本 │  12345 │ a longer text that has to wrap
    ");
    insta::assert_snapshot!(answer(text, 32), @r"
    a    │ number │  what it means
    ─────┼────────┼─────────────────
    x    │      1 │      short
    日本 │  12345 │  a longer text
         │        │ that has to wrap
    ");
    insta::assert_snapshot!(answer(text, 18), @r"
    a: x
    number: 1
    what it means:
    short
    ────────
    a: 日本
    number: 12345
    what it means: a
    longer text that
    has to wrap
    ");
}

#[test]
fn diffs_show_lines_numbers_and_signs() {
    let patch = "--- a/x\n+++ b/x\n@@ -8,3 +8,3 @@ fn\n context\n-old line one\n+new line one\n+added\n@@ -20,2 +21,1 @@\n-gone\n same\n\\ No newline at end of file\n";
    let setting = |width| options(Box::leak(Box::new(theme())), width);
    let text = |change: &ChangeKind, width| {
        let lines = diff::lay(change, setting(width), None).lines;
        lines
            .iter()
            .map(|line| salon::ui::reader::hits::text_of(line).trim_end().to_owned())
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!(text(&ChangeKind::Patch(patch.into()), 40), @r"
    @@ -8,3 +8,3 @@ fn
     8   context
     9 - old line one
     9 + new line one
    10 + added
    @@ -20,2 +21,1 @@
    20 - gone
    21   same
    \ No newline at end of file
    ");
    let pairs = vec![
        ("a\nb\nc\nd\ne\nf\ng\nh\n".to_owned(), "a\nB\nc\nd\ne\nf\ng\nH\n".to_owned()),
        (String::new(), "new".to_owned()),
    ];
    insta::assert_snapshot!(text(&ChangeKind::Replace(pairs), 40), @r"
      a
    - b
    + B
      c
      d
      e
      f
      g
    - h
    + H
    ⋯
    + new
    ");
    assert_eq!(diff::count(&ChangeKind::Patch(patch.into())), (2, 2));
}

#[test]
fn the_changed_words_of_a_line_stand_out() {
    let mut theme = theme();
    theme.added_word.bold = true;
    let change = ChangeKind::Replace(vec![("let limit = 10;\n".into(), "let limit = 25;\n".into())]);
    let lines = diff::lay(&change, options(&theme, 60), None).lines;
    let bold = |span: &&ratatui::text::Span<'_>| span.style.add_modifier.contains(ratatui::style::Modifier::BOLD);
    let words: Vec<_> = lines[1].spans.iter().filter(bold).map(|span| span.content.to_string()).collect();
    assert_eq!(words, ["25"]);
}

#[test]
fn h12_hostile_text_is_made_harmless_everywhere() {
    let evil = "a\u{1b}]0;title\u{7}b\u{1b}[2Jc\u{9b}31md\u{202e}e\0f\u{85}g";
    let change = ChangeKind::Replace(vec![(evil.into(), evil.repeat(2))]);
    let edit = ToolAction::Edit(vec![FileChange { path: evil.into(), kind: change }]);
    let mut entries = vec![tool("t", 0, evil, edit, evil), command("c", 0, evil, evil)];
    for kind in
        [EntryKind::Prompt, EntryKind::Text, EntryKind::Thinking, EntryKind::Notice, EntryKind::Image, EntryKind::Other]
    {
        entries.push(entry("x", kind, 0, evil));
    }
    for entry in &entries {
        for fold in [Fold::Line, Fold::Cut, Fold::Full] {
            let text = lines(entry, 40, fold).join("");
            let bad = text.chars().find(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(c));
            assert_eq!(bad, None, "{:?} {fold:?}: {text:?}", entry.kind);
            assert!(!text.contains("title"), "{text:?}");
        }
    }
}

#[test]
fn h12_a_huge_text_is_laid_out_in_part() {
    let log = "a line of a log\n".repeat(1_000_000);
    let laid = lines(&command("c", 0, "make", &log), 80, Fold::Full);
    assert!(laid.len() <= MAX_LINES + 2, "{}", laid.len());
    assert!(laid.last().is_some_and(|line| line.contains("16.0 MB")), "{:?}", laid.last());
    let one_line = "x".repeat(10 << 20);
    let laid = lines(&entry("a", EntryKind::Text, 0, &one_line), 80, Fold::Full);
    assert!(laid.len() <= MAX_LINES + 2, "{}", laid.len());
}

#[test]
fn tools_fold_to_a_line_and_to_a_few() {
    let entry = command("c", 0, "make", &"row\n".repeat(100));
    assert_eq!(lines(&entry, 80, Fold::Hidden).len(), 0);
    assert_eq!(lines(&entry, 80, Fold::Line), ["▸ Bash  make  ✓ 1.2 s"]);
    assert_eq!(lines(&entry, 80, Fold::Cut).len(), 10);
    assert_eq!(lines(&entry, 80, Fold::Full).len(), 101);
}

/// Pieces of text that are hard to lay out, in any order.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        "[ -~]{0,12}",
        "\\PC{0,6}",
        prop::sample::select(vec![
            "日本語",
            "👨‍👩‍👧‍👦",
            "🇩🇪",
            "e\u{301}",
            "\t",
            "\n",
            "\n\n",
            "# ",
            "- ",
            "  - ",
            "1. ",
            "> ",
            "```rust\n",
            "```\n",
            "| a | b |\n|--|--|\n",
            "**",
            "`",
            "~~",
            "[x](y)",
            "\u{200b}",
            "\u{1b}[31m",
            "\r",
            " ",
            "   ",
            "ﾞ",
            "﷽",
            "\u{0}",
            "a\u{300}\u{301}\u{302}",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
}

fn any_entry() -> impl Strategy<Value = Entry> {
    (text(), text(), 0usize..10).prop_map(|(a, b, kind)| match kind {
        0 => entry("k", EntryKind::Prompt, 0, &a),
        1 | 2 => entry("k", EntryKind::Text, 0, &a),
        3 => entry("k", EntryKind::Thinking, 0, &a),
        4 => entry("k", EntryKind::Notice, 0, &a),
        5 => entry("k", EntryKind::Other, 0, &a),
        6 => command("k", 0, &a, &b),
        7 => tool("k", 0, &a, ToolAction::Task { description: String::new(), prompt: a.clone() }, &b),
        8 => {
            let change = ChangeKind::Patch(format!("@@ -1 +1 @@\n-{a}\n+{b}"));
            tool("k", 0, "Edit", ToolAction::Edit(vec![FileChange { path: a, kind: change }]), "")
        }
        _ => {
            let change = ChangeKind::Replace(vec![(a.clone(), b)]);
            tool("k", 0, "Edit", ToolAction::Edit(vec![FileChange { path: a, kind: change }]), "")
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_never_too_wide_and_lose_nothing(text in text(), width in 4usize..40) {
        let clean = sanitise(&text).replace(['\n', '\t'], " ");
        let rows = rows(&clean, width);
        for row in &rows {
            prop_assert!(columns(row) <= width, "{row:?} in {width}");
        }
        let solid = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
        prop_assert_eq!(solid(&rows.concat()), solid(&clean));
    }

    #[test]
    fn entries_are_never_wider_than_asked_for(entry in any_entry(), width in 5usize..200, fold in prop::sample::select(vec![Fold::Line, Fold::Few, Fold::Cut, Fold::Full])) {
        for line in lines(&entry, width, fold) {
            prop_assert!(columns(&line) <= width, "{line:?} is {} wide, not {width}", columns(&line));
        }
    }

    #[test]
    fn entries_are_drawn_at_any_size(entries in prop::collection::vec(any_entry(), 0..8), width in 5u16..200, height in 3u16..60) {
        let mut harness = super::sample::ReaderHarness::new(entries, (width, height));
        for _ in 0..3 {
            harness.press(salon::app::Action::Tools);
            harness.act(salon::app::Action::PageUp);
        }
    }
}
