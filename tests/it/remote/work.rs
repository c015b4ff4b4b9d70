//! Files of another machine's sessions: changes, remarks, rewinds and the trash are those of that machine.

use std::path::Path;

use salon::app::{Effect, Msg};
use salon::domain::changes::{ChangesScope, ComparedStates, Restoration};
use salon::domain::remark::{Remark, RemarkEdit, RemarkSnippet};
use salon::domain::rewind::RewindTarget;
use salon::domain::run::RunId;
use salon::domain::{Agent, SessionKey, Time};
use salon::remote::{RemoteEvent, Remotes};
use salon::runtime::rewind::RewindContext;
use salon::serve::message::{Call, Reply};
use salon::serve::work_message::{WorkCall, WorkReply};
use salon::store::Store;
use salon::store::registry::{self, RunRecord};
use serde_json::Value;
use tokio::time::timeout;

use super::screen::window;
use super::{Peer, json, options, run};
use crate::changes::Transcript;
use crate::git::repo::Repo;
use crate::screens::stage::{Stage, change, session};
use crate::support::{Home, TIMEOUT};

/// A machine with a repository, one line of which a session changed, and another one somebody else.
fn machine() -> (Peer, Repo, String) {
    let (peer, repo) = (Peer::of(&[]), Repo::new());
    let transcript = Transcript::new("aaaa", repo.path()).prompt("Shout the second line");
    let transcript = transcript.edit(&repo.path().join("readme"), "two\n", "TWO\n");
    transcript.write_below(&peer.home());
    repo.write("readme", "one\nTWO\nthree\nfour\n");
    (peer, repo, transcript.id)
}

/// Sources with one machine.
struct There {
    remotes: Remotes,
    events: tokio::sync::mpsc::Receiver<RemoteEvent>,
}

impl There {
    async fn new(peer: &Peer) -> Self {
        let (remotes, mut events) = Remotes::start(&[peer.source("box")], &options(None));
        let listed =
            async { while !matches!(events.recv().await, Some(RemoteEvent::Sessions { complete: true, .. })) {} };
        timeout(TIMEOUT, listed).await.expect("the list");
        Self { remotes, events }
    }

    async fn ask(&mut self, call: WorkCall) -> Result<WorkReply, String> {
        let reply = self.remotes.call("box", Call::Work(call));
        tokio::pin!(reply);
        loop {
            tokio::select! {
                reply = &mut reply => return match reply {
                    Ok(Reply::Work(reply)) => Ok(*reply),
                    Ok(other) => panic!("{other:?}"),
                    Err(refusal) => Err(refusal.to_string()),
                },
                // Sources wait for the receiver of their events.
                event = self.events.recv() => assert!(event.is_some()),
            }
        }
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file")
}

#[tokio::test]
async fn changes_and_remarks_are_read_there_and_hunks_are_discarded_there() {
    let (peer, repo, id) = machine();
    let mut there = There::new(&peer).await;
    let key = SessionKey::new(Agent::Claude, &*id);
    let file = repo.path().join("readme");
    let changes = there.ask(WorkCall::Changes { key: key.clone(), scope: ChangesScope::WorkTree, branch: None }).await;
    let Ok(WorkReply::Changes(changes)) = changes else { panic!("{changes:?}") };
    let [changed] = changes.files.as_slice() else { panic!("{changes:?}") };
    let hunk = changed.hunks.iter().find(|hunk| hunk.lines.iter().any(|line| line == "+TWO")).expect("a hunk");
    assert_eq!(hunk.authors[0].session, key, "its session is known there");
    let remark = Remark {
        id: 0,
        session: key.clone(),
        path: file.to_string_lossy().into_owned(),
        snippet: RemarkSnippet::default(),
        text: "Quieter".to_owned(),
        created: Time::from_millis(0),
        sent: None,
        digest: String::new(),
    };
    let remarks = there.ask(WorkCall::Remarks { key: key.clone(), edit: RemarkEdit::Add(remark) }).await;
    let Ok(WorkReply::Remarks(remarks)) = remarks else { panic!("{remarks:?}") };
    assert_eq!(remarks[0].remark.text, "Quieter");
    let before = read(&file);
    let states = ComparedStates { base: changes.base.clone().expect("a commit"), until: changes.until.clone() };
    let restoration = Restoration::Hunk(changed.clone(), hunk.clone(), states);
    let restored = there.ask(WorkCall::Restore { key: key.clone(), restoration }).await;
    let Ok(WorkReply::Restored(snapshot)) = restored else { panic!("{restored:?}") };
    assert!(!read(&file).contains("TWO"), "{}", read(&file));
    let undo = WorkCall::Restore { key: key.clone(), restoration: Restoration::Snapshot(snapshot) };
    assert!(matches!(there.ask(undo).await, Ok(WorkReply::Restored(_))));
    assert_eq!(read(&file), before);
    let plan = there.ask(WorkCall::PlanRewind { key: key.clone(), entry: 1, branch: None }).await;
    let Ok(WorkReply::Plan(plan)) = plan else { panic!("{plan:?}") };
    assert_eq!((plan.turn, plan.prompt.as_str()), (1, "Shout the second line"));
    let reason = there
        .ask(WorkCall::Rewind { key, target: RewindTarget::BeforeTurn(1) })
        .await
        .expect_err("salon did not run it there");
    assert!(reason.contains("no snapshot of turn 1"), "{reason}");
    let unknown = SessionKey::new(Agent::Claude, "unknown");
    let reason = there.ask(WorkCall::Changes { key: unknown, scope: ChangesScope::Session, branch: None }).await;
    assert!(reason.expect_err("no such session").contains("no longer exists"));
    drop(there.events);
    there.remotes.stop();
}

#[test]
fn the_screen_shows_changes_of_another_machine_and_its_trash_can_be_undone() {
    let (home, (peer, _repo, id)) = (Home::empty(), machine());
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let file = peer.home().join(format!(".claude/projects/-x/{id}.jsonl"));
    let mut window = window(&home, &peer);
    window.wait_for_text("Shout the second line");
    window.send("c");
    window.wait_for_text("+ TWO");
    window.send("q");
    window.wait_for_text("Workspaces");
    window.send("d");
    window.wait_for_text("Moved to the trash: Shout the second line");
    assert!(!file.exists(), "it is moved over there");
    window
        .wait_for("it is gone from the list", |screen| screen.contents().matches("Shout the second line").count() == 1);
    window.send("u");
    window.wait_for_text("Restored: Shout the second line");
    assert!(file.exists());
    window.wait_for("it is listed again", |screen| screen.contents().matches("Shout the second line").count() > 1);
    // A name is kept here, and nothing is written there.
    let before = std::fs::read(&file).expect("a file");
    window.send("\x1bOQ");
    window.wait_for_text("Rename");
    window.send("\x15Quieter\r");
    window.wait_for_text("Quieter");
    assert_eq!(std::fs::read(&file).expect("a file"), before);
    let list = json(&home, &peer, &["list", "--json"]);
    assert_eq!(list["sessions"][0]["title"], "Quieter", "{list}");
    assert_eq!(list["sessions"][0]["host"], "box");
}

#[test]
fn commands_name_sessions_of_other_machines() {
    let (home, (peer, _repo, id)) = (Home::empty(), machine());
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let name = format!("box:claude:{id}");
    let diff = json(&home, &peer, &["diff", &name, "--json"]);
    assert_eq!(diff["session"]["host"], "box");
    assert_eq!(diff["files"][0]["hunks"][0]["lines"], serde_json::json!(["-two", "+TWO"]));
    // Stars and tags are kept here, also while the machine is offline.
    json(&home, &peer, &["star", &name, "--json"]);
    peer.control("down");
    json(&home, &peer, &["tag", &name, "urgent", "--json"]);
    let list = json(&home, &peer, &["list", "--json"]);
    assert_eq!((&list["sessions"][0]["starred"], &list["sessions"][0]["tags"][0]), (&true.into(), &"urgent".into()));
    peer.control("");
    let there = super::command_line::run_there(&peer, &["list", "--json"]);
    assert_eq!(there["sessions"][0]["starred"], Value::Null, "{there}");
    let rewind = run(&home, &peer, &["rewind", &name, "1", "--json"]);
    assert!(String::from_utf8_lossy(&rewind.stdout).contains("no snapshot of turn 1"), "{rewind:?}");
    let trashed = json(&home, &peer, &["trash", &name, "--json"]);
    assert_eq!(trashed["sessions"][0]["outcome"], "trashed");
    assert_eq!(json(&home, &peer, &["list", "--json"])["sessions"], serde_json::json!([]));
    json(&home, &peer, &["restore", &name, "--json"]);
    assert_eq!(json(&home, &peer, &["list", "--json"])["sessions"][0]["id"], *id);
    let mixed = run(&home, &peer, &["trash", &name, "other-id"]);
    assert_eq!(mixed.status.code(), Some(2));
}

#[test]
fn documents_and_kept_copies_of_other_machines_are_made_there() {
    let (home, (peer, _repo, id)) = (Home::empty(), machine());
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    // A session with the same path here is another one.
    let own = Transcript::new("aaaa", Path::new("/nowhere")).prompt("Something of this machine");
    own.write_below(home.path());
    let name = format!("box:claude:{id}");
    let shown = run(&home, &peer, &["export", &name]);
    let document = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(document.contains("Shout the second line") && !document.contains("Something of"), "{shown:?}");
    assert!(!document.contains("Welcome to box"), "what a login prints is no part of it");
    let output = home.path().join("out");
    std::fs::create_dir(&output).expect("created");
    let report =
        json(&home, &peer, &["export", &name, "--format", "json", "--json", "--output", &output.to_string_lossy()]);
    let row = &report["sessions"][0];
    assert_eq!((&row["outcome"], &row["entries"]), (&"exported".into(), &Value::Null), "{report}");
    let file = read(Path::new(row["path"].as_str().expect("a path")));
    assert!(file.contains("Shout the second line"), "{file}");
    let kept = json(&home, &peer, &["keep", &name, "--json"]);
    assert_eq!(kept["sessions"][0]["outcome"], "kept", "{kept}");
    let kept_there = super::command_line::run_there(&peer, &["keep", "--list", "--json"]);
    assert_eq!(kept_there["sessions"][0]["id"], *id, "{kept_there}");
    assert_eq!(json(&home, &peer, &["keep", "--list", "--json"])["sessions"], serde_json::json!([]));
    // What needs the files of that machine says where they are.
    for args in [&["repair", &*name, "--output", "x"][..], &["file", &name], &["relocate", &name, "--to", "/tmp"]] {
        let refused = run(&home, &peer, args);
        let reason = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(reason.contains("the session is on box"), "{args:?}: {reason}");
    }
    // A machine that fails leaves no file.
    peer.control("down");
    let failed = run(&home, &peer, &["export", &name, "--output", "failed.md"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(!home.path().join("failed.md").exists());
}

#[test]
fn a_document_that_the_machine_did_not_write_is_an_error_with_a_next_step() {
    let (home, (peer, _repo, id)) = (Home::empty(), machine());
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let name = format!("box:claude:{id}");
    json(&home, &peer, &["list", "--json"]);
    let file = home.path().join("out.md");
    let output = file.to_string_lossy().into_owned();
    // A forced command ends well, whatever was to be run.
    for (control, reason) in [("forced", "box did not write it"), ("missing", "salon is not installed on box")] {
        peer.control(control);
        for args in [&["export", &*name][..], &["export", &name, "--output", &output]] {
            let failed = run(&home, &peer, args);
            let said = String::from_utf8_lossy(&failed.stderr).into_owned();
            assert_eq!(failed.status.code(), Some(1), "{control} {args:?}: {said}");
            // A report of several documents is on stdout, a document never.
            let reported = String::from_utf8_lossy(&failed.stdout).into_owned();
            let expected = if args.len() > 2 { &reported } else { &said };
            assert!(expected.contains(reason) && !said.contains("panicked"), "{control} {args:?}: {failed:?}");
            assert!(args.len() > 2 || reported.is_empty(), "{reported}");
        }
        assert!(!file.exists());
    }
    peer.control("forced");
    let failed = run(&home, &peer, &["show", &name]);
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(failed.status.code() == Some(1) && said.contains("box did not answer"), "{failed:?}");
    peer.control("missing");
    for args in [&["show", &*name][..], &["show", &name, "--json"], &["send", &name, "hello"], &["keep", &name]] {
        let failed = run(&home, &peer, args);
        let said = String::from_utf8_lossy(&[failed.stdout, failed.stderr].concat()).into_owned();
        assert_eq!(failed.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains("salon is not installed on box") && said.contains("source install box"), "{said}");
    }
}

#[test]
fn files_are_not_taken_back_while_another_salon_there_runs_the_session() {
    let (peer, repo, id) = machine();
    let key = SessionKey::new(Agent::Claude, &*id);
    let data = peer.home().join(".local/share/salon");
    std::fs::create_dir_all(&data).expect("created");
    let store = Store::open(&data.join("state.db"), Time::from_millis(1)).expect("opened").store;
    let record = RunRecord {
        id: RunId("elsewhere".into()),
        agent: Agent::Claude,
        session: Some(key.clone()),
        cwd: repo.path().to_string_lossy().into_owned(),
        model: None,
        effort: None,
        created: Time::from_millis(1),
        last_activity: Time::from_millis(1),
    };
    let this = salon::live::this_process();
    store.with(|db| registry::acquire(db, &record, this, |_| false)).expect("written").expect("leased");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut there = There::new(&peer).await;
        let target = RewindTarget::BeforeTurn(1);
        let reason =
            there.ask(WorkCall::Rewind { key: key.clone(), target: target.clone() }).await.expect_err("refused");
        assert!(reason.contains("runs in another salon"), "{reason}");
        let restoration = Restoration::Snapshot("0123456789".to_owned());
        let restored = there.ask(WorkCall::Restore { key: key.clone(), restoration }).await.expect_err("refused");
        assert_eq!(restored, reason);
        // Its own background process is no other one: the client knows what it does.
        let context = RewindContext {
            git: repo.program(),
            own: data.join("git"),
            store: store.into(),
            state_db: data.join("state.db"),
            known_process: Some(this.pid),
        };
        assert_eq!(context.other_process(&key), Ok(None));
        drop(there.events);
        there.remotes.stop();
    });
}

#[test]
fn a_prompt_from_the_list_starts_the_run_on_the_machine_of_its_session() {
    let mut there = session(Agent::Claude, "aaaaaaaa-1", "Fix the login", 5);
    there.key = there.key.on(&"box".into());
    let mut stage = Stage::new(120, 40);
    stage.send(Msg::Catalog(change(vec![there]))).take_effects();
    stage.keys("m h i enter");
    let effects = stage.take_effects();
    let host = effects.iter().find_map(|effect| match effect {
        Effect::StartRun { start, .. } => Some(start.host.clone()),
        _ => None,
    });
    assert_eq!(host, Some(Some("box".into())), "{effects:?}");
    // A worktree for it is one of that machine.
    stage.keys("W 1");
    let effects = stage.take_effects();
    let host = effects.iter().find_map(|effect| match effect {
        Effect::CreateWorktree { host, .. } => Some(host.clone()),
        _ => None,
    });
    assert_eq!(host, Some(Some("box".into())), "{effects:?}");
}
