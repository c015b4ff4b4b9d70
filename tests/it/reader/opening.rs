//! Copying and opening what an entry names, with keys.

use std::sync::Arc;

use salon::app::reader::DiffView;
use salon::app::reader::code_block::code_blocks;
use salon::app::reader::link_target::{LinkTarget, is_web_address, targets};
use salon::app::{Effect, Msg, RequestTicket};
use salon::domain::transcript::{ChangeKind, FileChange, ToolAction, ToolStatus};
use salon::domain::transcript_event::{TranscriptEvent, TranscriptInfo};
use salon::domain::{Entry, EntryKind};

use super::sample::{command, entry, tool};
use crate::screens::stage::Stage;

/// The interface with an open transcript, the last entry of which is current.
fn stage(entries: Vec<Entry>) -> Stage {
    let mut stage = Stage::full(100, 30);
    stage.keys("enter");
    let errors = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.tool.as_ref().is_some_and(|tool| tool.status == ToolStatus::Failed));
    let errors = errors.map(|(at, _)| at).collect();
    let info = TranscriptInfo { len: entries.len(), branches: 1, errors, ..TranscriptInfo::default() };
    stage.send(Msg::Transcript(RequestTicket(1), TranscriptEvent::Opened(info)));
    let entries = entries.into_iter().map(Arc::new).collect();
    stage.send(Msg::Transcript(RequestTicket(1), TranscriptEvent::Page { from: 0, entries }));
    stage.take_effects();
    stage
}

fn file(path: &str, line: Option<u32>) -> LinkTarget {
    LinkTarget::File { path: path.into(), line }
}

fn page(address: &str) -> LinkTarget {
    LinkTarget::Page(address.into())
}

fn answer(text: &str) -> Entry {
    entry("a", EntryKind::Text, 0, text)
}

#[test]
fn copying_says_what_was_copied() {
    let mut entry = stage(vec![answer("one\ntwo\nthree")]);
    entry.keys("y");
    assert_eq!(entry.take_effects(), [Effect::Copy("one\ntwo\nthree".into())]);
    assert!(entry.screen().contains("Copied the answer (3 lines)"), "{}", entry.screen());
    let mut code = stage(vec![answer("Try:\n\n```rust\nfn a() {}\nfn b() {}\n```\n")]);
    code.keys("Y");
    assert_eq!(code.take_effects(), [Effect::Copy("fn a() {}\nfn b() {}".into())]);
    assert!(code.screen().contains("Copied 2 lines of Rust"), "{}", code.screen());
    let mut none = stage(vec![answer("no code")]);
    none.keys("Y");
    assert_eq!(none.take_effects(), []);
    assert!(none.screen().contains("No code in this entry"), "{}", none.screen());
}

#[test]
fn one_of_several_code_blocks_is_chosen() {
    let mut stage = stage(vec![answer("```rust\nfn a() {}\n```\n\n```sh\nmake\nmake install\n```\n")]);
    stage.keys("Y");
    assert_eq!(stage.take_effects(), [], "nothing before the choice");
    let screen = stage.screen();
    assert!(screen.contains("1 line of Rust: fn a() {}") && screen.contains("2 lines of Bash: make"), "{screen}");
    stage.keys("down enter");
    assert_eq!(stage.take_effects(), [Effect::Copy("make\nmake install".into())]);
    assert!(stage.screen().contains("Copied 2 lines of Bash"), "{}", stage.screen());
}

#[test]
fn copied_text_has_no_control_characters() {
    let mut stage = stage(vec![answer("```\na\u{1b}[201~b\u{202e}\n```")]);
    stage.keys("y Y");
    for effect in stage.take_effects() {
        let Effect::Copy(text) = effect else { continue };
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    }
    assert_eq!(code_blocks(&command("c", 0, "ls -la", "total 0\n"))[0].description(), "1 line of Bash");
}

#[test]
fn enter_unfolds_then_offers_the_file_at_its_line() {
    let patch = "@@ -8,3 +8,4 @@\n fn main() {\n+    run();\n }\n";
    let change = FileChange { path: "src/main.rs".into(), kind: ChangeKind::Patch(patch.into()) };
    let mut stage = stage(vec![tool("e", 0, "apply_patch", ToolAction::Edit(vec![change]), "")]);
    stage.keys("enter");
    assert_eq!(stage.app.stack.layers.len(), 1, "the first meaning is to unfold");
    stage.keys("enter");
    assert!(
        stage.screen().contains("src/main.rs:9") && stage.screen().contains("Fold the entry"),
        "{}",
        stage.screen()
    );
    stage.keys("enter");
    let path = "/home/ann/shop-api/src/main.rs".into();
    assert_eq!(stage.take_effects(), [Effect::EditFile { path, line: Some(9) }]);
    stage.keys("enter down enter");
    assert_eq!(stage.take_effects(), []);
    assert!(stage.screen().contains("▸ Edit"), "folded again:\n{}", stage.screen());
    stage.keys("z");
    assert!(stage.screen().contains("▾ Edit"), "one key folds and unfolds:\n{}", stage.screen());
}

#[test]
fn enter_offers_the_links_of_an_answer() {
    let mut stage = stage(vec![answer("See [the docs](https://example.org/a?b=1) and http://example.net/x.")]);
    stage.keys("enter");
    assert_eq!(stage.take_effects(), [], "nothing is opened unasked");
    let screen = stage.screen();
    assert!(screen.contains("https://example.org/a?b=1") && screen.contains("http://example.net/x"), "{screen}");
    stage.keys("2");
    assert_eq!(stage.take_effects(), [Effect::OpenPage("http://example.net/x".into())]);
}

#[test]
fn the_key_for_errors_says_when_there_is_no_further_one() {
    let mut failed = command("f", 0, "make", "error: no rule\n");
    if let Some(tool) = &mut failed.tool {
        tool.status = ToolStatus::Failed;
    }
    let mut stage = stage(vec![failed, answer("done")]);
    stage.keys("g ] e");
    assert!(stage.screen().contains("No further error"), "{}", stage.screen());
    stage.keys("E E");
    assert!(stage.screen().contains("No earlier error"), "{}", stage.screen());
}

#[test]
fn an_image_is_shown() {
    let mut stage = stage(vec![entry("i", EntryKind::Image, 0, "image/png")]);
    stage.keys("o");
    assert_eq!(stage.take_effects(), [Effect::ShowImage(RequestTicket(1), 0)]);
}

#[test]
fn entries_name_files_and_pages() {
    let read = tool("r", 0, "Read", ToolAction::Read { path: "/a/b.rs".into() }, "see c.rs:3");
    assert_eq!(targets(&read), [file("/a/b.rs", None)]);
    let web = tool("w", 0, "WebFetch", ToolAction::Web { query: "https://example.org".into() }, "");
    assert_eq!(targets(&web), [page("https://example.org")]);
    let search = tool("w", 0, "WebSearch", ToolAction::Web { query: "rust lifetimes".into() }, "");
    assert_eq!(targets(&search), [], "words are no address");
    let build =
        command("c", 0, "cargo build", "error\n  --> src/main.rs:12:5\n  --> src/main.rs:12:5\n at 12:30 v1.2:3\n");
    assert_eq!(targets(&build), [file("src/main.rs", Some(12))]);
    let many = answer(&(0..40).map(|nth| format!("https://example.org/{nth} ")).collect::<String>());
    assert_eq!(targets(&many).len(), 8);
    assert_eq!(targets(&answer("`src/lib.rs:4`, plain words, e.g. this")), [file("src/lib.rs", Some(4))]);
}

#[test]
fn only_addresses_of_web_pages_are_opened() {
    for address in ["https://example.org", "http://[::1]:8080/", "https://example.org/a_(b)?c=%20#d"] {
        assert!(is_web_address(address), "{address}");
    }
    let long = format!("https://example.org/{}", "a".repeat(3_000));
    for address in [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https://-x",
        "https://example.org@evil.example/",
        "http://a b",
        "https://a\u{202e}",
        "-https://a",
        &long,
    ] {
        assert!(!is_web_address(address), "{address}");
    }
    assert_eq!(targets(&answer("[x](file:///etc/passwd) [y](javascript:alert(1)) [z](vscode://a)")), []);
    let hidden = FileChange { path: "a\u{202e}b.rs".into(), kind: ChangeKind::Delete };
    assert_eq!(
        targets(&tool("e", 0, "Edit", ToolAction::Edit(vec![hidden]), "")),
        [],
        "what is shown is what is opened"
    );
}

#[test]
fn the_arrangement_of_diffs_is_kept_for_the_next_start() {
    let mut stage = stage(vec![answer("text")]);
    stage.keys("D");
    let saved = |value: &str| Effect::SaveState { name: "diffs", value: value.into() };
    assert_eq!(stage.take_effects(), [saved("unified")]);
    assert!(stage.screen().contains("from 140 columns"), "{}", stage.screen());
    let mut next = Stage::full(100, 30);
    next.app.restore_state("diffs", "unified");
    assert_eq!(next.app.diff_view, DiffView::Unified);
    stage.keys("D");
    assert_eq!(stage.take_effects(), [saved("side by side")]);
}
