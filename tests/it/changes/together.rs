//! Two sessions in one directory: whose changes are whose, and what is said before those of the other are taken back.

use std::sync::Arc;

use salon::app::{Effect, Msg};
use salon::domain::changes::{DiffHunk, FileDiff, FileDiffStatus, HunkAuthor, Restoration, SessionEdit, attribute};
use salon::domain::rewind::{ConversationStart, OtherSession, RewindPlan, RewoundFile};
use salon::domain::tool::{ChangeKind, FileChange};
use salon::domain::{Agent, SessionKey};
use serde_json::json;

use super::rewind::record_turn;
use super::rewind_plan::asked_at;
use super::screen::{changes, open};
use super::{Transcript, salon};
use crate::cli::json as output_json;
use crate::git::repo::Repo;
use crate::screens::stage::Stage;
use crate::support::Home;

#[test]
fn e2_a_rewind_names_other_sessions_whose_changes_it_takes_back() {
    let (home, repo) = (Home::empty(), Repo::new());
    let readme = repo.path().join("readme");
    let own = |id: &str| Transcript::new(id, repo.path()).prompt("Mine").edit(&readme, "two\n", "TWO\n");
    let (session, fork) = (own("aaaa"), own("cccc"));
    let other = Transcript::new("bbbb", repo.path()).prompt("Theirs").prompt("More").edit(&readme, "one\n", "ONE\n");
    let elsewhere = Transcript::new("dddd", &repo.outside()).prompt("Not here").edit(&readme, "a\n", "b\n");
    [&session, &fork, &other, &elsewhere].iter().for_each(|transcript| transcript.write_to(&home));
    record_turn(&home, &repo, &session);
    repo.write("readme", "ONE\nTWO\nthree\n").write("new", "x\n");
    let planned = output_json(&salon(&home, &["rewind", &session.id, "1", "--dry-run", "--json"]));
    let named = format!("claude:{}", other.id);
    let expected = json!([{"session": named, "title": "Theirs", "is_working": false, "files": ["readme"]}]);
    assert_eq!(planned["others"], expected, "a fork has copies of the same edits");
    let output = salon(&home, &["rewind", &session.id, "1", "--dry-run"]);
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("other session: \"Theirs\" (claude:bbbbbbbb) changed readme since"), "{said}");
}

fn plan(others: Vec<OtherSession>) -> RewindPlan {
    let files = Ok(vec![RewoundFile { path: "readme".to_owned(), is_deleted: false }]);
    let (prompt, conversation) = ("Do it".to_owned(), Ok(ConversationStart::New));
    RewindPlan { turn: 2, prompt, files, conversation, in_place: None, root: "/home/ann/shop-api".to_owned(), others }
}

#[test]
fn e2_the_dialog_says_which_other_sessions_are_concerned() {
    let other = |title: &str, is_working, files: &[&str]| OtherSession {
        session: "claude:bbbbbbbb-1".to_owned(),
        title: title.to_owned(),
        is_working,
        files: files.iter().map(|name| (*name).to_owned()).collect(),
    };
    for size in [(120, 40), (80, 24)] {
        let others = vec![other("Theirs", false, &["readme"]), other(&"Long ".repeat(20), true, &[])];
        let screen = asked_at(plan(others), size).screen();
        assert!(screen.contains("\"Theirs\" (claude:bbbbbbbb) changed readme since"), "{screen}");
        assert!(screen.contains("\"Long Long Long Long Long Long Long Long …\""), "{screen}");
        assert!(screen.contains("Take back the files"), "{screen}");
    }
    assert_eq!(
        other("Both", true, &["a", "b"]).to_string(),
        "\"Both\" (claude:bbbbbbbb) changed a, b since, and is working in this directory now"
    );
}

/// The last request to take back changes.
fn restoration(stage: &mut Stage) -> Option<Restoration> {
    stage.take_effects().into_iter().find_map(|effect| match effect {
        Effect::RestoreFiles { restoration, .. } => Some(restoration),
        _ => None,
    })
}

#[test]
fn e2_a_file_with_changes_of_another_session_is_discarded_only_once_it_was_named() {
    let (mut stage, ticket) = open(120, 40);
    let mut all = changes();
    let theirs = HunkAuthor { session: SessionKey::new(Agent::Codex, "bbbbbbbb-1"), turn: 1, entry: 3 };
    all.files[0].hunks[1].authors = vec![theirs];
    stage.send(Msg::ChangesLoaded(ticket, Ok(Arc::new(all.clone()))));
    stage.keys("X");
    assert_eq!(restoration(&mut stage), None);
    let said = "src/main.rs has changes of Codex bbbbbbbb too · X again discards all of them";
    assert!(stage.screen().contains(said), "{}", stage.screen());
    // Another file has not been named.
    stage.keys("} X");
    assert_eq!(restoration(&mut stage), Some(Restoration::File(all.files[1].clone(), "1234".to_owned())));
    let (mut stage, ticket) = open(120, 40);
    stage.send(Msg::ChangesLoaded(ticket, Ok(Arc::new(all.clone()))));
    stage.keys("X X");
    assert_eq!(restoration(&mut stage), Some(Restoration::File(all.files[0].clone(), "1234".to_owned())));
}

fn edit(session: &str, entry: usize, kind: ChangeKind) -> SessionEdit {
    let author = HunkAuthor { session: SessionKey::new(Agent::Claude, session), turn: 1, entry };
    SessionEdit { author, time: None, change: FileChange { path: "/x/file".to_owned(), kind } }
}

/// Authors of the only hunk of a file, and the number of its lines that are unknown.
fn authors(status: FileDiffStatus, lines: &[&str], edits: &[&SessionEdit]) -> (Vec<String>, usize) {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    let hunk = DiffHunk { old_start: Some(1), new_start: Some(1), lines, ..DiffHunk::default() };
    let mut file = FileDiff { path: "file".to_owned(), status, is_binary: false, is_large: false, hunks: vec![hunk] };
    attribute(&mut file, edits);
    let names = file.hunks[0].authors.iter().map(|author| author.session.id.to_string()).collect();
    (names, file.hunks[0].unknown)
}

#[test]
fn e30_lines_that_a_written_file_lacks_were_removed_by_its_author() {
    let replaced = edit("a", 1, ChangeKind::Replace(vec![("old one\n".to_owned(), "new one\n".to_owned())]));
    let written = edit("b", 2, ChangeKind::Write("whole\n".to_owned()));
    let of = |names: &[&str], unknown| (names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), unknown);
    let modified = FileDiffStatus::Modified;
    assert_eq!(authors(modified, &["-first", "-second", "+whole"], &[&written]), of(&["b"], 0));
    assert_eq!(authors(modified, &["-old one", "-second", "+whole"], &[&replaced, &written]), of(&["a", "b"], 0));
    // Its content is not there any more, so that the lines went by hand.
    assert_eq!(authors(modified, &["-first", "+by hand"], &[&written]), of(&[], 2));
    let deleted = edit("c", 3, ChangeKind::Delete);
    assert_eq!(authors(FileDiffStatus::Deleted, &["-first", "-second"], &[&written, &deleted]), of(&["c"], 0));
    assert_eq!(authors(FileDiffStatus::Deleted, &["-first"], &[&deleted, &replaced]), of(&[], 1));
}
