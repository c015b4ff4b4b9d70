//! Remarks on changes: where they belong, how they are written, and how they are sent.

use std::sync::Arc;

use salon::app::Effect;
use salon::app::Msg;
use salon::app::msg::RequestTicket;
use salon::app::runs::RunMsg;
use salon::domain::changes::DiffHunk;
use salon::domain::remark::{self, PlacedRemark, Remark, RemarkEdit, RemarkSnippet, RemarkState};
use salon::domain::run::{Refusal, RunId};
use salon::domain::run_request::RunRequest;
use salon::domain::{Agent, SessionKey, Time};
use salon::runtime::remarks;
use salon::store::Store;
use serde_json::json;

use super::screen::{changes, open};
use super::{Transcript, salon};
use crate::cli::json as output_json;
use crate::git::repo::{self, Repo};
use crate::screens::live;
use crate::screens::stage::{NOW, Stage};
use crate::support::Home;

fn key() -> SessionKey {
    SessionKey::new(Agent::Claude, "aaaaaaaa-1")
}

fn hunk(lines: &[&str]) -> DiffHunk {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    DiffHunk { old_start: Some(10), new_start: Some(10), lines, ..DiffHunk::default() }
}

fn remark(snippet: RemarkSnippet) -> Remark {
    Remark {
        id: 1,
        session: key(),
        path: "/home/ann/shop-api/src/main.rs".to_owned(),
        snippet,
        text: "Use the helper".to_owned(),
        created: NOW,
        sent: Some(NOW),
        digest: "1".to_owned(),
    }
}

fn place(snippet: &RemarkSnippet, content: &str) -> (Option<u32>, RemarkState) {
    let placed = remark(snippet.clone()).place(Some(content), "2");
    (placed.line, placed.state())
}

#[test]
fn a_remark_moves_with_its_lines_and_is_handled_once_they_change() {
    let hunk = hunk(&[" fn main() {", "-    old();", "+    new();", "+    }", " }"]);
    let snippet = RemarkSnippet::of(hunk.numbered(), 2, 3);
    assert_eq!(snippet.start, Some(11));
    assert_eq!((&snippet.before[..], &snippet.after[..]), (&["fn main() {".to_owned()][..], &["}".to_owned()][..]));
    let around = |inner: &str, above: usize| format!("{}fn main() {{\n{inner}\n}}\n", "above\n".repeat(above));
    assert_eq!(place(&snippet, &around("    new();\n    }", 9)), (Some(11), RemarkState::Open));
    assert_eq!(place(&snippet, &around("    new();\n    }", 40)), (Some(42), RemarkState::Open), "it moved");
    assert_eq!(place(&snippet, &around("    newer();\n    }", 9)), (None, RemarkState::Handled));
    assert_eq!(place(&snippet, ""), (None, RemarkState::Handled));
    let gone = remark(snippet).place(None, "");
    assert_eq!(gone.state(), RemarkState::Handled, "the file is gone");
}

#[test]
fn equal_lines_are_told_apart_by_their_neighbours() {
    let hunk = hunk(&[" two {", "+    x;", " }"]);
    let snippet = RemarkSnippet::of(hunk.numbered(), 1, 1);
    let file = "one {\n    x;\n}\ntwo {\n    x;\n}\nthree {\n    x;\n}\n";
    assert_eq!(place(&snippet, file), (Some(5), RemarkState::Open));
    let without = file.replace("two {\n    x;\n}", "two {\n    y;\n}");
    let open_elsewhere = "fresh {\n    x;\nelse\n";
    assert_eq!(place(&snippet, open_elsewhere), (None, RemarkState::Handled), "a short line elsewhere is another one");
    // The closing bracket below is all that is left of the neighbours.
    assert_eq!(place(&snippet, &without).1, RemarkState::Open);
}

#[test]
fn removed_lines_are_handled_once_they_are_back_and_files_once_they_change() {
    let hunk = hunk(&[" a", "-an important line", " b"]);
    let snippet = RemarkSnippet::of(hunk.numbered(), 1, 1);
    assert_eq!(place(&snippet, "a\nb\n"), (Some(11), RemarkState::Open));
    assert_eq!(place(&snippet, "a\nan important line\nb\n"), (Some(2), RemarkState::Handled));
    let on_file = remark(RemarkSnippet::default());
    assert_eq!(on_file.clone().place(Some("x"), "1").state(), RemarkState::Open);
    assert_eq!(on_file.place(Some("y"), "2").state(), RemarkState::Handled);
}

#[test]
fn the_prompt_has_each_remark_with_its_lines_and_no_fence_breaks() {
    let code =
        RemarkSnippet { start: Some(3), lines: vec!["+```".to_owned(), "+x".to_owned()], ..RemarkSnippet::default() };
    let placed = |snippet: RemarkSnippet, text: &str| PlacedRemark {
        remark: Remark { text: text.to_owned(), sent: None, ..remark(snippet) },
        line: Some(7),
        is_changed: false,
    };
    let (first, second) = (placed(code, "Close it"), placed(RemarkSnippet::default(), "Split the file"));
    let prompt = remark::prompt(&[&first, &second], "/home/ann/shop-api");
    let expected = "I reviewed your changes. Please address these 2 remarks:\n\n1. src/main.rs, line 7:\n````diff\n+```\n+x\n````\n\
                    Close it\n\n2. src/main.rs:\nSplit the file";
    assert_eq!(prompt, expected);
}

/// The screen of changes with a run, or without.
fn stage(run: bool) -> Stage {
    let (mut stage, ticket) = open(120, 40);
    stage.send(Msg::ChangesLoaded(ticket, Ok(Arc::new(changes()))));
    stage.send(Msg::Run(RunMsg::Agents(vec![(Agent::Claude, true)])));
    if run {
        let info = salon::domain::run::RunInfo { session: Some(key()), ..live::run("run-1") };
        stage.send(Msg::Run(RunMsg::Changed(Arc::new(info))));
    }
    stage.take_effects();
    stage
}

fn edits(stage: &mut Stage) -> Vec<RemarkEdit> {
    let effects = stage.take_effects().into_iter();
    effects
        .filter_map(|effect| match effect {
            Effect::EditRemarks { edit, .. } => Some(edit),
            _ => None,
        })
        .collect()
}

fn added(stage: &mut Stage) -> Remark {
    match edits(stage).as_slice() {
        [RemarkEdit::Add(remark)] => remark.clone(),
        other => panic!("{other:?}"),
    }
}

fn save(stage: &mut Stage, mut remarks: Vec<Remark>) {
    let placed = |remark: Remark| PlacedRemark { line: remark.snippet.start, is_changed: false, remark };
    remarks.iter_mut().zip(1..).for_each(|(remark, id)| remark.id = id);
    stage.send(Msg::Remarks(key(), Ok(remarks.into_iter().map(placed).collect())));
}

#[test]
fn remarks_are_written_on_a_line_a_range_a_hunk_and_a_file_and_shown_below() {
    let mut stage = stage(false);
    stage.keys("j j j a n o enter");
    let line = added(&mut stage);
    assert_eq!((line.text.as_str(), line.path.as_str()), ("no", "/home/ann/shop-api/src/main.rs"));
    assert_eq!((line.snippet.start, &line.snippet.lines[..]), (Some(2), &["+    new();".to_owned()][..]));
    save(&mut stage, vec![line.clone()]);
    let screen = stage.screen();
    assert!(screen.contains("» draft: no") && screen.contains("· 1 remark") && screen.contains("»1"), "{screen}");
    stage.keys("k v j a r enter");
    assert_eq!(added(&mut stage).snippet.lines, ["-    old();", "+    new();"]);
    stage.keys("g a h enter");
    assert_eq!(added(&mut stage).snippet.lines.len(), 4, "the heading stands for the hunk");
    stage.keys("A f enter");
    assert_eq!(added(&mut stage).snippet, RemarkSnippet::default());
    stage.keys("a x esc");
    assert_eq!(edits(&mut stage), []);
    // The remark itself is changed, and removed by an empty text.
    stage.keys("n a ! enter");
    assert_eq!(edits(&mut stage), [RemarkEdit::SetText(1, "no!".to_owned())]);
    stage.keys("a ctrl-u enter");
    assert_eq!(edits(&mut stage), [RemarkEdit::Remove(1)]);
    stage.keys("delete");
    assert_eq!(edits(&mut stage), [RemarkEdit::Remove(1)]);
}

#[test]
fn a_remark_that_was_not_saved_can_be_saved_again() {
    let mut stage = stage(false);
    stage.keys("j a n o enter");
    edits(&mut stage);
    stage.send(Msg::Remarks(key(), Err("the disk is full".to_owned())));
    assert!(stage.screen().contains("Not saved: the disk is full"), "{}", stage.screen());
    stage.keys("enter");
    assert_eq!(added(&mut stage).text, "no");
}

#[test]
fn a_range_ends_with_escape_and_stays_within_a_hunk() {
    let mut stage = stage(false);
    stage.keys("j v j j j j j a x enter");
    assert_eq!(added(&mut stage).snippet.lines, ["-gone\u{1b}[31m"], "the hunk of the cursor");
    stage.keys("v j esc");
    assert!(stage.screen().contains("Changes"), "{}", stage.screen());
    stage.keys("esc");
    assert!(stage.app.stack.layers.is_empty());
}

#[test]
fn remarks_are_previewed_edited_and_sent_to_the_run_and_count_as_sent_once_it_accepts_them() {
    let mut stage = stage(true);
    stage.keys("m");
    assert!(stage.screen().contains("No remarks to send"), "{}", stage.screen());
    let first =
        remark(RemarkSnippet { start: Some(2), lines: vec!["+    new();".to_owned()], ..RemarkSnippet::default() });
    save(
        &mut stage,
        vec![Remark { sent: None, ..first.clone() }, Remark { sent: None, ..remark(RemarkSnippet::default()) }],
    );
    stage.keys("m");
    let screen = stage.screen();
    assert!(screen.contains("The prompt that is sent") && screen.contains("Use the helper"), "{screen}");
    stage.keys("esc");
    assert!(!stage.screen().contains("The prompt that is sent"), "{}", stage.screen());
    stage.keys("m o");
    let text = stage.take_effects().into_iter().find_map(|effect| match effect {
        Effect::EditText(text) => Some(text),
        _ => None,
    });
    assert!(text.expect("the editor").contains("1. src/main.rs, line 2"));
    stage.send(Msg::Run(RunMsg::Edited("Shorter".to_owned()))).keys("enter");
    let (run, text) = (RunId("run-1".into()), "Shorter".to_owned());
    let submit = Effect::Run(RunRequest::Submit { run: run.clone(), text: text.clone() });
    let effects = stage.take_effects();
    assert!(effects.contains(&submit), "{effects:?}");
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::EditRemarks { .. })), "not accepted yet");
    // The screen may be closed meanwhile.
    stage.keys("esc").send(Msg::Run(RunMsg::Submitted { run, text, refused: None }));
    assert_eq!(edits(&mut stage), [RemarkEdit::Sent(vec![1, 2])]);
    assert!(stage.screen().contains("2 remarks sent to Claude Code"), "{}", stage.screen());
}

fn started(stage: &mut Stage) -> (RequestTicket, Option<String>) {
    let effects = stage.take_effects().into_iter();
    let mut started = effects.filter_map(|effect| match effect {
        Effect::StartRun { ticket, prompt, .. } => Some((ticket, prompt)),
        _ => None,
    });
    started.next().expect("a run")
}

#[test]
fn a_past_session_is_started_with_the_remarks_and_a_refusal_keeps_them() {
    let mut stage = stage(false);
    save(&mut stage, vec![Remark { sent: None, ..remark(RemarkSnippet::default()) }]);
    stage.keys("m enter");
    let (ticket, prompt) = started(&mut stage);
    assert!(prompt.expect("a prompt").contains("Use the helper"));
    stage.send(Msg::Run(RunMsg::Started { ticket, result: Err(Refusal::UnknownRun) }));
    assert!(stage.screen().contains("Not sent:") && stage.screen().contains("· 1 remark"), "{}", stage.screen());
    assert_eq!(edits(&mut stage), []);
    stage.keys("m enter");
    let (ticket, _) = started(&mut stage);
    stage.send(Msg::Run(RunMsg::Started { ticket, result: Ok(RunId("run-2".into())) }));
    assert_eq!(edits(&mut stage), [RemarkEdit::Sent(vec![1])]);
    save(&mut stage, vec![remark(RemarkSnippet::default())]);
    assert!(stage.screen().contains("· 1 open") && !stage.screen().contains("· 1 remark"), "{}", stage.screen());
}

#[test]
fn remarks_are_kept_in_the_database_and_their_state_follows_the_file() {
    let (home, repo) = (Home::empty(), Repo::new());
    let path = repo.path().join("readme");
    let session = Transcript::new("aaaa", repo.path()).prompt("p").edit(&path, "two\n", "TWO\n");
    session.write_to(&home);
    repo.write("readme", "one\nTWO again\nthree\n");
    let data = home.path().join(".local/share/salon");
    std::fs::create_dir_all(&data).expect("created");
    let store = Store::open(&data.join("state.db"), NOW).expect("opened").store;
    let key = SessionKey::new(Agent::Claude, session.id.as_str());
    let snippet = RemarkSnippet::of(hunk(&[" one", "+TWO again", " three"]).numbered(), 1, 1);
    let new = |snippet: RemarkSnippet| Remark {
        session: key.clone(),
        path: path.to_string_lossy().into_owned(),
        sent: None,
        ..remark(snippet)
    };
    let added = remarks::apply(&store, &key, RemarkEdit::Add(new(snippet.clone())), NOW).expect("added");
    assert_eq!((added[0].line, added[0].state()), (Some(2), RemarkState::Draft));
    let added = remarks::apply(&store, &key, RemarkEdit::Add(new(RemarkSnippet::default())), NOW).expect("added");
    let ids: Vec<i64> = added.iter().map(|placed| placed.remark.id).collect();
    repo.write("readme", "zero\none\nTWO again\nthree\n");
    let later = Time::from_millis(NOW.millis() + 5);
    let sent = remarks::apply(&store, &key, RemarkEdit::Sent(ids.clone()), later).expect("sent");
    assert_eq!(
        sent[0].remark,
        Remark { id: ids[0], sent: Some(later), digest: sent[0].remark.digest.clone(), ..new(snippet) }
    );
    assert_eq!((sent[0].line, sent[1].state()), (Some(3), RemarkState::Open), "the digest is that of the sent file");
    repo.write("readme", "zero\none\nTWO\nthree\n");
    let report = output_json(&salon(&home, &["diff", &session.id, "--remarks", "--json"]));
    let states: Vec<_> =
        report["remarks"].as_array().expect("remarks").iter().map(|one| one["state"].clone()).collect();
    assert_eq!((states, &report["files"]), (vec![json!("handled"), json!("handled")], &json!([])));
    let text = String::from_utf8(salon(&home, &["diff", &session.id, "--remarks"]).stdout).expect("text");
    assert!(text.starts_with("handled\t") && text.contains("+TWO again\n  Use the helper\n"), "{text}");
    let left = remarks::apply(&store, &key, RemarkEdit::Remove(ids[0]), later).expect("removed");
    assert_eq!(left.len(), 1);
    let changed =
        remarks::apply(&store, &key, RemarkEdit::SetText(ids[1], "Other".to_owned()), later).expect("changed");
    assert_eq!(changed[0].remark.text, "Other");
    repo::write(&path, "");
}
