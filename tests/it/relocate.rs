//! Moved projects and names: where a session is resumed after its directory moved, and what is written where.

use std::fs;
use std::path::{Path, PathBuf};

use salon::app::runs::ResumeCheck;
use salon::app::{Effect, Msg, RootStatus};
use salon::domain::project::RepositoryIdentity;
use salon::domain::{Agent, SessionKey};
use salon::index;
use salon::runtime::relocate;
use serde_json::{Value, json};

use super::cli::{code, json as output_json, run, text};
use super::screens::stage::{Stage, change, session};
use crate::support::{Agents, Home, copy_tree};

const OTHER: &str = "44444444-0000-4000-8000-000000000000";
const ID: &str = "33333333-0000-4000-8000-000000000000";

/// Creates a repository with the first commit `hash` and a remote.
fn repository(root: &Path, hash: &str, remote: &str) {
    fs::create_dir_all(root.join(".git/logs")).expect("created");
    fs::write(root.join(".git/config"), format!("[core]\n\tbare = false\n[remote \"origin\"]\n\turl = {remote}\n"))
        .expect("written");
    fs::write(
        root.join(".git/logs/HEAD"),
        format!("{} {hash} Ann <a@b> 1 +0000\tcommit (initial): x\n", "0".repeat(40)),
    )
    .expect("written");
}

/// Creates a home with a session of Claude Code that began in a directory.
fn home_with(cwd: &str) -> Home {
    let home = Home::empty();
    let cwd = home.path().join(cwd);
    let folder = home.path().join(".claude/projects/-work");
    fs::create_dir_all(&folder).expect("created");
    let line = json!({"parentUuid": null, "isSidechain": false, "type": "user", "uuid": "u1", "sessionId": ID,
        "message": {"role": "user", "content": "fix the build"}, "timestamp": "2026-11-19T10:00:00.000Z",
        "cwd": cwd, "version": "2.1.329"});
    fs::write(folder.join(format!("{ID}.jsonl")), format!("{line}\n")).expect("written");
    home
}

fn row(home: &Home) -> Value {
    output_json(&run(home, &["list", "--json"]))["sessions"][0].clone()
}

fn at(home: &Home, path: &str) -> String {
    home.path().join(path).to_str().expect("a path").to_owned()
}

#[test]
fn sessions_of_a_moved_project_are_resumed_in_its_new_directory() {
    let home = home_with("old/shop/api");
    repository(&home.path().join("new/shop"), "1111", "ssh://git/shop");
    fs::create_dir_all(home.path().join("new/shop/api")).expect("created");
    let (old, new) = (at(&home, "old/shop"), at(&home, "new/shop"));
    let planned = output_json(&run(&home, &["relocate", &old, &new, "--dry-run", "--json"]));
    assert_eq!(planned["sessions"][0]["to"], at(&home, "new/shop/api"));
    assert_eq!(row(&home)["cwd"], at(&home, "old/shop/api"), "nothing is changed");

    assert_eq!(code(&run(&home, &["relocate", &old, &new])), 0);
    let moved = row(&home);
    assert_eq!((&moved["cwd"], &moved["workspace"]), (&json!(at(&home, "new/shop/api")), &json!(new)));
    let printed = output_json(&run(&home, &["resume", ID, "--print", "--json"]));
    assert_eq!(printed["cwd"], at(&home, "new/shop/api"));

    assert_eq!(code(&run(&home, &["relocate", ID, "--clear"])), 0);
    assert_eq!(row(&home)["cwd"], at(&home, "old/shop/api"));
    assert_eq!(code(&run(&home, &["relocate", ID, "--to", &new])), 0);
    assert_eq!(row(&home)["cwd"], new);
    assert_eq!(code(&run(&home, &["relocate", "--query", "agent:claude", "--clear"])), 0);
    assert_eq!(row(&home)["cwd"], at(&home, "old/shop/api"));
    let planned = ["relocate", "--query", "agent:claude", "--to", &new, "--dry-run", "--json"];
    assert_eq!(output_json(&run(&home, &planned))["sessions"][0]["to"], new);
    assert_eq!(row(&home)["cwd"], at(&home, "old/shop/api"), "nothing is changed");
    assert_eq!(code(&run(&home, &planned[..5])), 0);
    assert_eq!(row(&home)["cwd"], new);
    assert_eq!(code(&run(&home, &["relocate", "--query", "agent:claude"])), 2);
    for wrong in [&["relocate", ID, "--to", "/nowhere"][..], &["relocate", &old], &["relocate", "/x", &at(&home, "no")]]
    {
        assert_eq!(code(&run(&home, wrong)), 2, "{wrong:?}");
    }
}

#[test]
fn a_missing_directory_is_listed_with_proposals() {
    let home = home_with("old/shop");
    // Another session is beside the new directory.
    let known = home.path().join("work/known");
    fs::create_dir_all(&known).expect("created");
    fs::create_dir_all(home.path().join("work/shop")).expect("created");
    let line = json!({"parentUuid": null, "isSidechain": false, "type": "user", "uuid": "u2", "sessionId": OTHER,
        "message": {"role": "user", "content": "other"}, "timestamp": "2026-11-18T10:00:00.000Z", "cwd": known});
    fs::write(home.path().join(format!(".claude/projects/-work/{OTHER}.jsonl")), format!("{line}\n")).expect("written");
    let listed = output_json(&run(&home, &["relocate", "--list", "--json"]));
    assert_eq!(listed["directories"][0]["directory"], at(&home, "old/shop"), "{listed}");
    assert_eq!(listed["directories"][0]["sessions"], 1);
    assert_eq!(listed["directories"][0]["proposals"], json!([at(&home, "work/shop")]));
}

#[test]
fn a_project_is_found_in_another_folder_although_no_session_ran_there() {
    let home = Home::empty();
    for path in ["work/shop", ".cache/shop", "work/other"] {
        fs::create_dir_all(home.path().join(path)).expect("created");
    }
    let found = index::propose_directories(&home.path().join("projects/shop"), &[], None);
    assert_eq!(found, [home.path().join("work/shop")]);
}

#[test]
fn a_moved_project_is_found_by_commit_remote_worktree_and_name() {
    let home = Home::empty();
    let dir = |path: &str| {
        let path = home.path().join(path);
        fs::create_dir_all(&path).expect("created");
        path
    };
    let gone = home.path().join("src/shop/api");
    dir("src");
    // The same first commit, the same remote, the same name, and an unrelated one.
    repository(&dir("work/renamed"), "1111", "ssh://git/fork");
    repository(&dir("work/mirror"), "2222", "ssh://git/shop");
    repository(&dir("work/other"), "3333", "ssh://git/other");
    for found in ["work/renamed/api", "work/mirror/api", "work/shop/api", "work/other/api"] {
        dir(found);
    }
    let known: Vec<PathBuf> = vec![home.path().join("work/other")];
    let identity = RepositoryIdentity { remote: Some("ssh://git/shop".into()), first_commit: Some("1111".into()) };
    let names = |identity: Option<&RepositoryIdentity>| {
        let found = index::propose_directories(&gone, &known, identity);
        found.iter().map(|path| path.strip_prefix(home.path()).expect("inside").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(Some(&identity)), ["work/renamed/api", "work/mirror/api", "work/shop/api"].map(PathBuf::from));
    assert_eq!(names(None), [PathBuf::from("work/shop/api")]);
    let renamed = home.path().join("work/renamed");
    let api = renamed.join("api");
    assert_eq!(relocate::moved_root(&gone, &api), (&*home.path().join("src/shop"), &*renamed), "the whole repository");
    let shop = home.path().join("work/shop/api");
    assert_eq!(relocate::moved_root(&gone, &shop), (&*gone, &*shop), "only the directory");
    // A worktree that was moved is registered in its repository under the name that it was created with.
    let moved = dir("work/moved-worktree/api");
    let admin = dir("work/other/.git/worktrees/shop");
    let pointer = moved.parent().expect("a folder").join(".git");
    fs::write(admin.join("gitdir"), format!("{}\n", pointer.display())).expect("written");
    assert_eq!(names(None)[0], PathBuf::from("work/moved-worktree/api"));
    assert_eq!(
        index::repository_identity(&home.path().join("work/mirror")).and_then(|found| found.remote),
        identity.remote
    );
}

#[test]
fn a_dialog_offers_the_new_directory_and_moves_the_whole_project() {
    for (keys, continues) in [("R", false), ("r", true)] {
        let mut stage = Stage::new(120, 40);
        let mut gone = session(Agent::Claude, "a-0001", "Fix the build", 5);
        gone.cwd = "/home/ann/old/shop".into();
        stage.send(Msg::Catalog(change(vec![gone])));
        stage.send(Msg::Run(salon::app::runs::RunMsg::Agents(vec![(Agent::Claude, true)])));
        stage.keys(keys).take_effects();
        let key = SessionKey::new(Agent::Claude, "a-0001");
        let moved_to = vec!["/home/ann/new/shop".to_owned()];
        let check = ResumeCheck { directory_gone: true, moved_to, ..ResumeCheck::default() };
        let message = if continues {
            Msg::Run(salon::app::runs::RunMsg::Checked { key: key.clone(), check })
        } else {
            Msg::ResumeChecked { key: key.clone(), check }
        };
        stage.send(message);
        let screen = stage.screen();
        assert!(screen.contains("Moved to /home/ann/new/shop"), "{screen}");
        stage.keys("1");
        let effects = stage.take_effects();
        let (from, to) = ("/home/ann/old/shop".to_owned(), "/home/ann/new/shop".to_owned());
        assert!(effects.contains(&Effect::Relocate { from, to: to.clone() }), "{effects:?}");
        let resumed = effects.contains(&Effect::Resume { key, cwd: Some(to) });
        assert_eq!(resumed, !continues);
        assert_eq!(stage.app.stack.layers.last().is_some_and(|layer| layer.chat().is_some()), continues);
    }
}

#[test]
fn a17_a_name_is_written_back_only_on_request() {
    let home = home_with("shop");
    let path = home.path().join(format!(".claude/projects/-work/{ID}.jsonl"));
    let before = fs::read_to_string(&path).expect("readable");
    assert_eq!(code(&run(&home, &["rename", ID, "Only here"])), 0);
    assert_eq!(fs::read_to_string(&path).expect("readable"), before);
    assert_eq!(code(&run(&home, &["rename", ID, "Also there", "--write-back"])), 0);
    let record = json!({"type": "custom-title", "customTitle": "Also there", "sessionId": ID});
    assert_eq!(fs::read_to_string(&path).expect("readable"), format!("{before}{record}\n"));
    assert_eq!(code(&run(&home, &["rename", ID, "--clear"])), 0);
    assert_eq!(row(&home)["title"], "Also there", "the agent's own title");
    // The query does not match any more once the agent's title has changed.
    let args = ["rename", "--query", "\"Also there\"", "Elsewhere", "--write-back", "--json"];
    assert_eq!(output_json(&run(&home, &args))["changed"], 1);
    assert_eq!(row(&home)["title"], "Elsewhere");
    // A record that is being written must not be glued to the title.
    fs::write(&path, format!("{before}{{\"type\":")).expect("written");
    let refused = run(&home, &["rename", ID, "Third", "--write-back"]);
    assert_eq!(code(&refused), 1);
    assert!(text(&refused.stderr).contains("its last record is not complete"));
    let gemini = Home::of(&["gemini/0.61.0"]);
    let id = row(&gemini)["id"].as_str().expect("id").to_owned();
    assert_eq!(code(&run(&gemini, &["rename", &id, "x", "--write-back"])), 1);
}

#[test]
fn a17_a_name_that_one_agent_refuses_is_written_back_to_the_others() {
    let home = Home::of(&["gemini/0.61.0"]);
    let claude = home_with("shop");
    copy_tree(&claude.path().join(".claude"), &home.path().join(".claude"));
    let args = ["rename", "--query=-zzz", "Both", "--write-back"];
    let renamed = run(&home, &[&args[..], &["--json"]].concat());
    assert_eq!(code(&renamed), 1);
    let report = output_json(&renamed);
    let rows = report["sessions"].as_array().expect("sessions");
    let of = |agent: &str| rows.iter().find(|row| row["agent"] == agent).expect("a row");
    assert_eq!((&of("claude")["changed"], &of("claude")["name"]), (&json!(true), &json!("Both")), "{report}");
    assert!(of("claude")["reason"].is_null());
    let reason = of("gemini")["reason"].as_str().expect("a reason");
    assert!(reason.contains("no way to rename") && of("gemini")["changed"] == false, "{report}");
    let path = home.path().join(format!(".claude/projects/-work/{ID}.jsonl"));
    assert!(fs::read_to_string(&path).expect("readable").contains("\"customTitle\":\"Both\""));
    let again = run(&home, &args);
    assert_eq!(code(&again), 1);
    assert!(text(&again.stdout).contains("\trefused\t") && text(&again.stderr).contains("no way to rename"));
    // A query that matches one session has rows too.
    let one = run(&home, &["rename", "--query=agent:gemini", "Both", "--write-back", "--json"]);
    assert_eq!((code(&one), &output_json(&one)["sessions"][0]["changed"]), (1, &json!(false)));
}

#[test]
fn a17_a_name_is_given_to_opencode_by_its_own_server() {
    let (home, agents) = (Home::of(&["opencode/1.18.33"]), Agents::of(&["opencode"]));
    let all = output_json(&run(&home, &["list", "--json"]));
    let is_stored = |row: &&Value| row["path"].as_str().is_some_and(|path| path.contains("opencode.db"));
    let session = all["sessions"].as_array().expect("sessions").iter().find(is_stored).expect("a session").clone();
    let (id, cwd) = (session["id"].as_str().expect("id"), session["cwd"].as_str().expect("cwd"));
    let rename = |known: &str| {
        let mut command = super::cli::salon(&home, &["rename", id, "The cart", "--write-back"]);
        command.env("PATH", agents.search_path()).env("FAKE_LOG", agents.log_file());
        command.env("FAKE_SESSIONS", known).output().expect("salon runs")
    };
    let renamed = rename(&format!("{id}={cwd}"));
    assert_eq!(code(&renamed), 0, "{}", text(&renamed.stderr));
    let path = format!("PATCH /session/{id}");
    let patch = agents.log().into_iter().find(|record| record["request"].as_str() == Some(&path));
    let patch = patch.unwrap_or_else(|| panic!("{:?}", agents.log()));
    let body = &patch["body"];
    let body = body.as_str().map_or_else(|| body.clone(), |text| serde_json::from_str(text).expect("JSON"));
    assert_eq!((&body, &patch["directory"]), (&json!({"title": "The cart"}), &json!(cwd)));
    assert_eq!(code(&rename("other=/")), 1, "the server does not know the session");
}

#[test]
fn a17_a_name_is_given_to_opencode_2_over_its_api() {
    let (home, agents) = (Home::of(&["opencode/1.18.33"]), Agents::of(&["opencode"]));
    let all = output_json(&run(&home, &["list", "--json"]));
    let is_stored = |row: &&Value| row["path"].as_str().is_some_and(|path| path.contains("opencode.db"));
    let session = all["sessions"].as_array().expect("sessions").iter().find(is_stored).expect("a session").clone();
    let (id, cwd) = (session["id"].as_str().expect("id"), session["cwd"].as_str().expect("cwd"));
    let rename = |known: &str| {
        let mut command = super::cli::salon(&home, &["rename", id, "The cart", "--write-back"]);
        command.env("PATH", agents.search_path()).env("FAKE_LOG", agents.log_file()).env("FAKE_VERSION", "2.0.3");
        command.env("FAKE_SESSIONS", known).output().expect("salon runs")
    };
    let renamed = rename(&format!("{id}={cwd}"));
    assert_eq!(code(&renamed), 0, "{}", text(&renamed.stderr));
    let path = format!("PATCH /api/session/{id}");
    let patch = agents.log().into_iter().find(|record| record["request"].as_str() == Some(&path));
    assert_eq!(patch.unwrap_or_else(|| panic!("{:?}", agents.log()))["body"], json!({"title": "The cart"}));
    assert_eq!(code(&rename("other=/")), 1, "the server does not know the session");
    assert_eq!(agents.starts().len(), 2, "one server for each");
}

#[test]
fn a17_a_name_is_given_to_codex_by_its_own_program() {
    let (home, agents) = (Home::of(&["codex/0.169.0"]), Agents::of(&["codex"]));
    let id = row(&home)["id"].as_str().expect("id").to_owned();
    let rename = |path: String| {
        let mut command = super::cli::salon(&home, &["rename", &id, "The cart", "--write-back"]);
        command.env("PATH", path).env("FAKE_LOG", agents.log_file()).output().expect("salon runs")
    };
    let missing = rename("/nowhere".to_owned());
    assert!(
        code(&missing) == 1 && text(&missing.stderr).contains("codex is not installed"),
        "{}",
        text(&missing.stderr)
    );
    let renamed = rename(agents.search_path());
    assert_eq!(code(&renamed), 0, "{}", text(&renamed.stderr));
    let set = agents.log().into_iter().find(|record| record["received"]["method"] == "thread/name/set");
    let set = set.unwrap_or_else(|| panic!("{:?}", agents.log()));
    assert_eq!(set["received"]["params"], json!({"threadId": id, "name": "The cart"}));
}

#[test]
fn a17_the_form_writes_a_name_back_on_its_own_key() {
    let path = "/home/ann/.agents".into();
    let root = RootStatus { agent: Agent::Claude, path, found: true, retention_days: None, can_rename: true };
    for (agent, key, written) in
        [(Agent::Claude, "enter", false), (Agent::Claude, "alt-enter", true), (Agent::Codex, "alt-enter", false)]
    {
        let mut stage = Stage::new(80, 24);
        stage.send(Msg::Roots(vec![root.clone()]));
        stage.send(Msg::Catalog(change(vec![session(agent, "a-0001", "Old", 5)])));
        stage.keys("f2");
        assert_eq!(stage.screen().contains("alt-enter save in Claude Code too"), agent == Agent::Claude);
        stage.keys("! ").keys(key);
        let title = "Old!".to_owned();
        let effect = Effect::WriteTitle { key: SessionKey::new(agent, "a-0001"), title };
        assert_eq!(stage.take_effects().contains(&effect), written, "{agent} {key}");
    }
}

#[test]
fn annotations_go_to_another_machine_as_one_file() {
    let (one, other) = (home_with("shop"), home_with("shop"));
    for args in [&["rename", ID, "Build"][..], &["star", ID], &["tag", ID, "infra", "ci"], &["note", ID, "ask Mara"]] {
        assert_eq!(code(&run(&one, args)), 0);
    }
    let exported = run(&one, &["annotations", "export"]);
    let file = other.path().join("annotations.json");
    fs::write(&file, &exported.stdout).expect("written");
    let file = file.to_str().expect("a path");
    let planned = output_json(&run(&other, &["annotations", "import", file, "--dry-run", "--json"]));
    assert_eq!((&planned["changed"], &planned["dry_run"]), (&json!(1), &json!(true)));
    assert_eq!(row(&other)["title"], "fix the build");
    assert_eq!(code(&run(&other, &["tag", ID, "own"])), 0);
    assert_eq!(output_json(&run(&other, &["annotations", "import", file, "--json"]))["changed"], 1);
    let imported = row(&other);
    assert_eq!(
        (&imported["title"], &imported["starred"], &imported["note"]),
        (&json!("Build"), &json!(true), &json!("ask Mara"))
    );
    assert_eq!(imported["tags"], json!(["ci", "infra", "own"]), "what is here stays");
    assert_eq!(output_json(&run(&other, &["annotations", "import", file, "--json"]))["unchanged"], 1);
    fs::write(file, r#"{"schema_version":1,"annotations":[{"agent":"nobody","id":"x","starred":true}]}"#)
        .expect("written");
    assert_eq!(code(&run(&other, &["annotations", "import", file])), 1);
}
