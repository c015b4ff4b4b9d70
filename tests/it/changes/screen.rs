//! The screen of changes: files, diffs, hunks, and the way to the entry and back.

use std::sync::Arc;

use salon::app::msg::RequestTicket;
use salon::app::{Effect, Msg};
use salon::domain::changes::{
    Changes, ChangesScope, ChangesSource, ComparedStates, DiffHunk, FileDiff, FileDiffStatus, HunkAuthor, Restoration,
};
use salon::domain::{Agent, SessionKey};

use crate::screens::stage::{Stage, change, session};

fn hunk(start: u32, entry: usize, lines: &[&str]) -> DiffHunk {
    let session = SessionKey::new(Agent::Claude, "aaaaaaaa-1");
    let authors = if entry == 0 { Vec::new() } else { vec![HunkAuthor { session, turn: 2, entry }] };
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    DiffHunk { old_start: Some(start), new_start: Some(start), lines, unknown: usize::from(entry == 0), authors }
}

fn file(path: &str, status: FileDiffStatus, hunks: Vec<DiffHunk>) -> FileDiff {
    FileDiff { path: path.to_owned(), status, is_binary: false, is_large: false, hunks }
}

pub(super) fn changes() -> Changes {
    let many: Vec<String> = (0..60).map(|n| format!("+line {n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let first = vec![
        hunk(1, 4, &[" fn main() {", "-    old();", "+    new();", " }"]),
        hunk(40, 0, &["-gone\u{1b}[31m", "+here"]),
    ];
    Changes {
        files: vec![
            file("src/main.rs", FileDiffStatus::Modified, first),
            file(
                "docs/a-file-with-a-name-that-is-longer-than-the-column.md",
                FileDiffStatus::Added,
                vec![hunk(1, 6, &many)],
            ),
            file("old.txt", FileDiffStatus::Deleted, vec![hunk(1, 7, &["-bye"])]),
        ],
        base: Some("1234".to_owned()),
        until: None,
        root: "/home/ann/shop-api".to_owned(),
        source: ChangesSource::Files,
        remarks: Vec::new(),
    }
}

/// Opens the screen on a session and returns the ticket of its request.
pub(super) fn open(width: u16, height: u16) -> (Stage, RequestTicket) {
    let mut stage = Stage::new(width, height);
    stage.send(Msg::Catalog(change(vec![session(Agent::Claude, "aaaaaaaa-1", "Fix the login", 5)])));
    stage.take_effects();
    stage.keys("c");
    let ticket = request(&mut stage, ChangesScope::Session);
    (stage, ticket)
}

fn request(stage: &mut Stage, wanted: ChangesScope) -> RequestTicket {
    let effects = stage.take_effects();
    let found = effects.iter().find_map(|effect| match effect {
        Effect::LoadChanges { ticket, scope, .. } if *scope == wanted => Some(*ticket),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{effects:?}"))
}

fn loaded(width: u16, height: u16) -> Stage {
    let (mut stage, ticket) = open(width, height);
    stage.send(Msg::ChangesLoaded(ticket, Ok(Arc::new(changes()))));
    stage
}

#[test]
fn files_and_the_diff_of_the_selected_one_are_on_the_screen_at_every_size() {
    let (mut stage, _) = open(120, 40);
    assert!(stage.screen().contains("Reading …"), "{}", stage.screen());
    for (width, height) in [(120, 40), (80, 24), (40, 10)] {
        let mut stage = loaded(width, height);
        let screen = stage.screen();
        assert!(screen.contains("src/main.rs") && screen.contains("new();"), "{width}×{height}:\n{screen}");
        assert!(!screen.contains('\u{1b}'), "{screen}");
    }
    let screen = loaded(120, 40).screen();
    for text in [
        "Changes",
        "3 files  +62 −3",
        "Fix the login",
        "M src/main.rs",
        "D old.txt",
        "── Claude Code aaaaaaaa turn 2",
        "── by hand or unknown",
    ] {
        assert!(screen.contains(text), "{text}:\n{screen}");
    }
    let narrow = loaded(80, 24).screen();
    assert!(narrow.contains("1 of 3") && !narrow.contains("old.txt"), "{narrow}");
}

#[test]
fn keys_step_through_hunks_and_files() {
    let mut stage = loaded(120, 12);
    stage.keys("}");
    assert!(stage.screen().contains("line 0"), "{}", stage.screen());
    stage.keys("G");
    assert!(stage.screen().contains("line 59") && !stage.screen().contains("line 0 "), "{}", stage.screen());
    stage.keys("]");
    assert!(stage.screen().contains("bye"), "{}", stage.screen());
    stage.keys("]");
    assert!(stage.screen().contains("No further file"), "{}", stage.screen());
    stage.keys("{ {");
    assert!(stage.screen().contains("new();"), "{}", stage.screen());
    stage.keys("{");
    assert!(stage.screen().contains("No earlier file"), "{}", stage.screen());
}

#[test]
fn the_extent_is_switched_and_an_old_response_is_ignored() {
    let (mut stage, first) = open(120, 40);
    stage.keys("tab");
    let second = request(&mut stage, ChangesScope::WorkTree);
    stage.send(Msg::ChangesLoaded(first, Ok(Arc::new(changes()))));
    assert!(stage.screen().contains("files of the worktree") && stage.screen().contains("Reading …"));
    stage.send(Msg::ChangesLoaded(second, Err("/x is not in a git repository".to_owned())));
    assert!(stage.screen().contains("/x is not in a git repository"), "{}", stage.screen());
    stage.keys("tab");
    stage.keys("tab");
    let third = request(&mut stage, ChangesScope::Turn);
    stage.send(Msg::ChangesLoaded(third, Ok(Arc::default())));
    assert!(stage.screen().contains("No edits."), "{}", stage.screen());
    stage.keys("c");
    assert!(stage.app.stack.layers.is_empty(), "the same key closes the screen");
}

#[test]
fn a_hunk_leads_to_its_entry_and_its_file_to_the_editor() {
    let mut stage = loaded(120, 40);
    stage.keys("o");
    let place = Effect::EditFile { path: "/home/ann/shop-api/src/main.rs".into(), line: Some(1) };
    assert!(stage.take_effects().contains(&place));
    stage.keys("enter");
    let top = stage.app.stack.layers.last().and_then(|layer| layer.reader()).expect("a transcript");
    assert_eq!(&*top.key.id, "aaaaaaaa-1");
    assert!(
        stage.app.stack.layers.iter().all(salon::app::layer::Layer::is_conversation),
        "the screen of changes is closed"
    );
}

#[test]
fn a_hunk_of_nobody_leads_nowhere_and_says_why() {
    let (mut stage, ticket) = open(120, 10);
    let mut of_nobody = changes();
    of_nobody.files.drain(1..);
    of_nobody.files[0].hunks.remove(0);
    stage.send(Msg::ChangesLoaded(ticket, Ok(Arc::new(of_nobody))));
    stage.keys("enter");
    assert!(stage.screen().contains("Made by hand, by a command, or unknown"), "{}", stage.screen());
}

fn restoration(stage: &mut Stage) -> Option<(RequestTicket, Restoration)> {
    stage.take_effects().into_iter().find_map(|effect| match effect {
        Effect::RestoreFiles { ticket, restoration, .. } => Some((ticket, restoration)),
        _ => None,
    })
}

#[test]
fn changes_are_discarded_by_hunk_and_by_file_and_brought_back() {
    let mut stage = loaded(120, 40);
    let all = changes();
    stage.keys("x x");
    let (ticket, discarded) = restoration(&mut stage).expect("a request");
    let states = ComparedStates { base: "1234".to_owned(), until: None };
    assert_eq!(discarded, Restoration::Hunk(all.files[0].clone(), all.files[0].hunks[0].clone(), states));
    assert_eq!(restoration(&mut stage), None, "one at a time");
    stage.send(Msg::FilesRestored(ticket, Ok("before-1".to_owned())));
    assert!(stage.screen().contains("Discarded · u undoes"), "{}", stage.screen());
    let again = request(&mut stage, ChangesScope::Session);
    let mut fewer = changes();
    fewer.files[0].hunks.remove(0);
    stage.send(Msg::ChangesLoaded(again, Ok(Arc::new(fewer.clone()))));
    assert!(stage.screen().contains("here") && !stage.screen().contains("new();"), "{}", stage.screen());
    stage.keys("} X");
    let (ticket, discarded) = restoration(&mut stage).expect("a request");
    assert_eq!(discarded, Restoration::File(fewer.files[1].clone(), "1234".to_owned()));
    stage.send(Msg::FilesRestored(ticket, Err("the disk is full".to_owned())));
    assert!(stage.screen().contains("the disk is full"), "{}", stage.screen());
    stage.keys("u");
    let (ticket, brought) = restoration(&mut stage).expect("a request");
    assert_eq!(brought, Restoration::Snapshot("before-1".to_owned()));
    stage.send(Msg::FilesRestored(ticket, Ok("before-2".to_owned()))).keys("u");
    assert!(stage.screen().contains("Nothing to undo"), "{}", stage.screen());
}

#[test]
fn edits_of_a_transcript_cannot_be_discarded() {
    let (mut stage, ticket) = open(120, 40);
    stage.send(Msg::ChangesLoaded(ticket, Ok(Arc::new(Changes { base: None, ..changes() }))));
    stage.keys("x");
    assert_eq!(restoration(&mut stage), None);
    assert!(stage.screen().contains("Only changes of files can be discarded"), "{}", stage.screen());
    stage.keys("X");
    assert_eq!(restoration(&mut stage), None);
}

#[test]
fn secrets_in_diffs_are_masked_until_a_key_shows_them() {
    let (mut stage, ticket) = open(120, 30);
    let token = format!("ghp_{}", "a1B2c3".repeat(6));
    let line = format!("+let token = \"{token}\";");
    let file = file("src/main.rs", FileDiffStatus::Modified, vec![hunk(1, 4, &[" fn main() {", &line, " }"])]);
    stage.send(Msg::ChangesLoaded(ticket, Ok(Arc::new(Changes { files: vec![file], ..changes() }))));
    assert!(stage.screen().contains("ghp_••••••••") && !stage.screen().contains(&token), "{}", stage.screen());
    stage.keys("alt-v");
    assert!(stage.screen().contains(&token), "{}", stage.screen());
}

#[test]
fn the_badge_covers_no_part_of_the_header() {
    let mut stage = Stage::full(40, 10);
    stage.take_effects();
    stage.keys("c");
    let ticket = request(&mut stage, ChangesScope::Session);
    stage.send(Msg::ChangesLoaded(ticket, Ok(Arc::new(changes()))));
    let first = stage.screen().lines().next().unwrap_or_default().to_owned();
    let (header, badge) = first.rsplit_once("  ").expect("a badge");
    assert!(badge.starts_with('!') && header.trim_end().ends_with('…'), "{first}");
}
