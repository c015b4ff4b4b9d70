//! A streamed text is laid out like the complete text.

use proptest::prelude::*;
use salon::app::reader::Fold;
use salon::config::theme::Theme;
use salon::domain::transcript::EntryKind;
use salon::ui::entry::streaming::StreamingLayout;
use salon::ui::entry::{self, LayoutContext, MAX_LINES};
use salon::ui::style::style;

use super::sample::{entry, theme};

fn frame(theme: &Theme) -> LayoutContext<'_> {
    LayoutContext::new(theme, 40, Fold::Full)
}

fn whole(text: &str) -> Vec<String> {
    let theme = theme();
    let laid = entry::lay(&entry("a", EntryKind::Text, 0, text), &mut frame(&theme));
    laid.lines.iter().map(|line| format!("{line:?}")).collect()
}

/// Lays out a text that arrives in pieces.
fn grown<'t>(pieces: impl Iterator<Item = &'t str>) -> Vec<String> {
    let theme = theme();
    let (mut growing, mut so_far) = (StreamingLayout::default(), String::new());
    for piece in pieces {
        so_far.push_str(piece);
        growing.grow(&so_far, style(theme.text), &mut frame(&theme));
    }
    growing.layout().lines.iter().map(|line| format!("{line:?}")).collect()
}

/// Blocks of all kinds, some with misleading ends.
fn block() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "A paragraph with **strong** words, `code` and enough text that it has to wrap twice.",
        "two\nlines",
        "# A heading",
        "Another one\n===",
        "- an item\n- another\n  - nested",
        "1. first\n\n2. second\n\n   its second paragraph",
        "- an item with code:\n\n  ```rust\n  fn a() {}\n\nb\n  ```",
        "- ```\n  code in an item\n\n  more of it\n  ```",
        "```rust\nfn main() {\n\nlet a = 1;\n\n}\n```",
        "~~~\n```\n\nnot the end\n~~~",
        "````\n```\n\nstill code\n````",
        "    indented code\n\n    goes on",
        "> a quotation\n>\n> goes on",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "<!-- a comment\n\nthat goes on -->",
        "<div>\n\ntext\n\n</div>",
        "---",
        "日本語の段落です。長い文は文字の間で折り返されなければなりません。",
        "```unclosed\ncode",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn it_looks_the_same_however_it_came(
        blocks in prop::collection::vec((block(), prop::sample::select(vec!["\n\n", "\n", "\n\n\n"])), 1..8),
        cuts in prop::collection::vec(1usize..30, 1..40),
    ) {
        let text: String = blocks.iter().flat_map(|(block, end)| [*block, *end]).collect();
        let (mut rest, mut pieces) = (text.as_str(), Vec::new());
        for cut in cuts.iter().cycle() {
            let at = rest.char_indices().nth(*cut).map_or(rest.len(), |(at, _)| at);
            pieces.push(&rest[..at]);
            rest = &rest[at..];
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(grown(pieces.into_iter()), whole(&text));
    }
}

#[test]
fn a_very_long_one_is_cut_where_the_whole_is() {
    let text = "a paragraph\n\n".repeat(MAX_LINES);
    let pieces = text.as_bytes().chunks(4_096).map(|part| std::str::from_utf8(part).expect("ASCII"));
    let (grown, whole) = (grown(pieces), whole(&text));
    assert_eq!(grown.len(), whole.len());
    assert_eq!(grown[..MAX_LINES], whole[..MAX_LINES]);
}
