//! A review with the real agents: what a turn changed is seen, a remark on it is sent, and the agent has it.

use std::process::Command;

use salon::domain::SessionKey;
use salon::domain::approval::ChoiceKind;
use salon::domain::changes::parse_hunks;
use salon::domain::remark::{self, HunkLines, PlacedRemark, Remark, RemarkEdit, RemarkSnippet, RemarkState};
use salon::runtime::remarks;

use crate::scene::{CLAUDE, CODEX, Driven, OPENCODE, Scene, is_at_rest};
use crate::support::clock;

/// Contents of the file before and after the turn.
const BEFORE: &str = "one\ntwo\nthree\n";
const AFTER: &str = "one\nTWO\nthree\n";

#[tokio::test]
async fn claude_gets_a_review() {
    review(&CLAUDE).await;
}

#[tokio::test]
async fn codex_gets_a_review() {
    review(&CODEX).await;
}

#[tokio::test]
async fn opencode_gets_a_review() {
    review(&OPENCODE).await;
}

async fn review(driven: &'static Driven) {
    let mut scene = Scene::new(driven);
    let file = scene.home.project().join("readme");
    std::fs::write(&file, BEFORE).expect("written");
    git(&scene, &["init", "--quiet"]);
    git(&scene, &["add", "readme"]);
    git(&scene, &["-c", "user.name=Ann", "-c", "user.email=a@b", "commit", "--quiet", "--message=first"]);
    let run = scene.begin("RUN printf 'one\\nTWO\\nthree\\n' > readme").await;
    let info = scene.until(&run, |info| !info.approvals.is_empty() || info.turn.0 >= 1 && is_at_rest(info)).await;
    if !info.approvals.is_empty() {
        scene.answer(&run, ChoiceKind::AllowOnce, None).await;
    }
    let info = scene.done(&run, 1).await;
    let key = info.session.clone().expect("a session");
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), AFTER, "{}", scene.said(&run).await);

    let diff = git(&scene, &["diff", "--no-color", "HEAD"]);
    let hunks = parse_hunks(diff.lines());
    let hunk = hunks.first().expect("a hunk");
    let lines = HunkLines { lines: &hunk.lines, new_start: Some(1) };
    let changed = hunk.lines.iter().position(|line| line == "+TWO").expect("the line");
    let remark = Remark {
        id: 0,
        session: key.clone(),
        path: file.to_string_lossy().into_owned(),
        snippet: RemarkSnippet::of(lines, changed, changed),
        text: "Whisper instead of shouting".to_owned(),
        created: clock(),
        sent: None,
        digest: String::new(),
    };
    let placed = edit(&scene, &key, RemarkEdit::Add(remark));
    assert_eq!((placed.len(), placed[0].line, placed[0].state()), (1, Some(2), RemarkState::Draft));
    let root = scene.home.project().to_string_lossy().into_owned();
    let prompt = remark::prompt(&placed.iter().collect::<Vec<_>>(), &root);
    scene.submit(&run, &prompt).await;
    scene.done(&run, 2).await;
    let sent = edit(&scene, &key, RemarkEdit::Sent(vec![placed[0].remark.id]));
    assert_eq!(sent[0].state(), RemarkState::Open, "its lines are as they were");
    let heard = scene.model.heard().last().expect("asked").request.clone();
    for text in ["readme, line 2", "+TWO", "Whisper instead of shouting"] {
        assert!(heard.contains(text), "{text}: {heard}");
    }
    // It is handled once its lines change.
    scene.submit(&run, "RUN printf 'one\\ntwo\\nthree\\n' > readme").await;
    let info = scene.until(&run, |info| !info.approvals.is_empty() || info.turn.0 >= 3 && is_at_rest(info)).await;
    if !info.approvals.is_empty() {
        scene.answer(&run, ChoiceKind::AllowOnce, None).await;
    }
    scene.done(&run, 3).await;
    let handled = remarks::of_session(&scene.store, &key).expect("read");
    assert_eq!(handled[0].state(), RemarkState::Handled);
    scene.close().await;
}

fn edit(scene: &Scene, key: &SessionKey, edit: RemarkEdit) -> Vec<PlacedRemark> {
    remarks::apply(&scene.store, key, edit, clock()).expect("saved")
}

fn git(scene: &Scene, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.env_clear().envs(scene.home.environment()).current_dir(scene.home.project()).args(args);
    let output = command.output().expect("git");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
