//! Commands: `source`, and lists, searches and transcripts with other machines.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use super::{Peer, json, run};
use crate::changes::Transcript;
use crate::support::Home;

/// Hosts of the listed sessions, with how many there are of each.
fn hosts(list: &Value) -> (usize, usize) {
    let sessions = list["sessions"].as_array().expect("sessions");
    let remote = sessions.iter().filter(|session| session["host"] == "box").count();
    (sessions.len() - remote, remote)
}

fn reasons(answer: &Value) -> String {
    let issues = answer["issues"].as_array().expect("issues");
    issues.iter().map(|issue| issue["reason"].as_str().expect("a reason")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a20_sessions_of_a_machine_are_in_the_same_list_search_and_transcript() {
    let (home, peer) = (Home::of(&["codex/0.169.0"]), Peer::of(&["claude/2.1.329"]));
    let alone = json(&home, &peer, &["list", "--json", "--hidden"]);
    let (own, none) = hosts(&alone);
    assert!(own > 0 && none == 0);
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let list = json(&home, &peer, &["list", "--json", "--hidden"]);
    let (own_now, remote) = hosts(&list);
    assert!(own_now == own && remote > 0, "{list}");
    // What the other machine says about its own sessions is what is shown here.
    let there = run_there(&peer, &["list", "--json", "--hidden"]);
    let of_box = list["sessions"].as_array().expect("sessions").iter().filter(|session| session["host"] == "box");
    for (here, there) in of_box.zip(there["sessions"].as_array().expect("sessions")) {
        for field in ["id", "agent", "title", "cwd", "turns", "messages", "tokens", "last_activity", "state", "path"] {
            assert_eq!(here[field], there[field], "{field}");
        }
        let workspace = here["workspace"].as_str().unwrap_or_default();
        assert_eq!(workspace, format!("box:{}", there["workspace"].as_str().unwrap_or_default()));
    }
    let session = list["sessions"].as_array().expect("sessions").iter().find(|session| session["host"] == "box");
    let session = session.expect("a remote session");
    let id = format!("box:{}:{}", session["agent"].as_str().expect("an agent"), session["id"].as_str().expect("an id"));
    let shown = json(&home, &peer, &["show", "--json", &id]);
    assert_eq!(shown["session"]["host"], "box");
    assert_eq!(shown["total"], session["messages"]);
    let local = json(&home, &peer, &["list", "--json", "--hidden", "host:local"]);
    assert_eq!(hosts(&local), (own, 0));
    let remote_only = json(&home, &peer, &["list", "--json", "--hidden", "host:box"]);
    assert_eq!(hosts(&remote_only), (0, remote));
    assert!(!peer.calls().contains("list"), "only the protocol is spoken: {}", peer.calls());
}

/// JSON of a command in the home of the peer.
pub(super) fn run_there(peer: &Peer, args: &[&str]) -> Value {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_salon"));
    command.args(args).env_clear().env("HOME", peer.home()).env("PATH", "/nowhere");
    serde_json::from_slice(&command.output().expect("salon").stdout).expect("JSON")
}

#[test]
fn a_search_merges_the_hits_of_all_machines_and_names_the_missing() {
    let (home, peer) = (Home::of(&["codex/0.169.0"]), Peer::of(&["claude/2.1.329"]));
    json(&home, &peer, &["source", "add", "box", "--docker", "shop-dev", "--json"]);
    let found = json(&home, &peer, &["search", "--json", "hello"]);
    let of = |host: &Value| {
        found["hits"].as_array().expect("hits").iter().filter(|hit| hit["session"]["host"] == *host).count()
    };
    let (own, remote) = (of(&Value::Null), of(&Value::from("box")));
    assert!(own > 0 && remote > 0, "{own} and {remote}");
    assert_eq!(found["complete"], true);
    peer.control("stopped");
    let found = json(&home, &peer, &["search", "--json", "hello"]);
    assert!(found["hits"].as_array().expect("hits").iter().all(|hit| hit["session"]["host"] == Value::Null));
    assert!(reasons(&found).contains("box is not running"), "{}", reasons(&found));
}

/// Ids of the hits of a search, or of a list.
fn found(home: &Home, peer: &Peer, query: &[&str]) -> Vec<String> {
    let id = |session: &Value| session["id"].as_str().expect("an id").to_owned();
    let hits = json(home, peer, &[&["search", "--json"], query].concat());
    let mut hits: Vec<_> = hits["hits"].as_array().expect("hits").iter().map(|hit| id(&hit["session"])).collect();
    hits.sort_unstable();
    hits
}

/// Stars, tags, notes and names given here select sessions of a machine, those given there do not.
fn check_labels(peer: &Peer) {
    let home = Home::empty();
    for (id, text) in [("aaaa", "hello one"), ("bbbb", "hello two"), ("cccc", "hello three")] {
        Transcript::new(id, Path::new("/src/shop")).prompt(text).write_below(&peer.home());
    }
    json(&home, peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let list = json(&home, peer, &["list", "--json", "hello"]);
    let sessions = list["sessions"].as_array().expect("sessions");
    let ids: Vec<_> = sessions.iter().map(|session| session["id"].as_str().expect("an id").to_owned()).collect();
    assert!(ids.len() > 2, "{list}");
    let named = |id: &str| format!("box:claude:{id}");
    run_there(peer, &["star", "--json", &ids[1]]);
    run_there(peer, &["tag", "--json", &ids[1], "urgent"]);
    json(&home, peer, &["star", "--json", &named(&ids[0])]);
    json(&home, peer, &["tag", "--json", &named(&ids[0]), "urgent"]);
    json(&home, peer, &["note", "--json", &named(&ids[2]), "Ask Zoe about the lighthouse"]);
    json(&home, peer, &["rename", "--json", &named(&ids[2]), "Quokka parade"]);
    for query in ["is:star", "is:star hello", "#urgent", "tag:urgent hello", "host:box is:star"] {
        assert_eq!(found(&home, peer, &[query]), [&*ids[0]], "{query}");
    }
    assert_eq!(found(&home, peer, &["note:lighthouse hello"]), [&*ids[2]]);
    assert_eq!(found(&home, peer, &["quokka"]), [&*ids[2]]);
    let others = found(&home, peer, &["hello -is:star"]);
    assert!(others.contains(&ids[1]) && !others.contains(&ids[0]), "{others:?}");
    let starred = json(&home, peer, &["list", "--json", "is:star"]);
    assert_eq!(starred["sessions"].as_array().expect("sessions").len(), 1, "{starred}");
    json(&home, peer, &["rename", "--json", "--clear", &named(&ids[2])]);
    let title = |list: &Value| {
        let sessions = list["sessions"].as_array().expect("sessions").iter();
        sessions.filter(|session| session["id"] == *ids[2]).map(|session| session["title"].clone()).next()
    };
    assert_eq!(
        title(&json(&home, peer, &["list", "--json", "hello"])),
        title(&list),
        "the name is not part of the list"
    );
    assert!(found(&home, peer, &["quokka"]).is_empty());
}

#[test]
fn stars_tags_notes_and_names_select_sessions_of_other_machines() {
    check_labels(&Peer::of(&[]));
}

#[test]
fn stars_tags_notes_and_names_select_sessions_of_machines_without_salon() {
    check_labels(&Peer::of(&[]).without_salon());
}

#[test]
fn hits_of_other_machines_have_the_numbers_of_their_entries() {
    let (home, peer) = (Home::empty(), Peer::of(&["claude/2.1.329", "codex/0.169.0"]));
    // More sessions than a search sends snippets for at once.
    let project = Path::new("/src/shop");
    for number in 0..60 {
        let id = format!("{:04x}", 0xa000 + number);
        let transcript = Transcript::new(&id, project).prompt("Look around").prompt("Greet them: hello");
        transcript.write_below(&peer.home());
    }
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let of = |answer: &Value| {
        let mut hits = Vec::new();
        for hit in answer["hits"].as_array().expect("hits") {
            let snippets = hit["snippets"].as_array().expect("snippets");
            let entries: Vec<_> = snippets.iter().map(|snippet| snippet["entry"].clone()).collect();
            assert!(!snippets.is_empty(), "{hit}");
            hits.push((hit["session"]["id"].clone().to_string(), entries));
        }
        hits.sort_by(|a, b| a.0.cmp(&b.0));
        hits
    };
    let there = of(&run_there(&peer, &["search", "--json", "hello"]));
    let here = of(&json(&home, &peer, &["search", "--json", "hello"]));
    assert!(here.len() > 60 && here.iter().all(|(_, entries)| entries.iter().any(Value::is_number)), "{here:?}");
    assert_eq!(here, there);
}

#[test]
fn an_offline_machine_stays_listed_as_of_the_last_time() {
    let (home, peer) = (Home::empty(), Peer::of(&["claude/2.1.329"]));
    json(&home, &peer, &["source", "add", "box", "--ssh", "box", "--json"]);
    let online = json(&home, &peer, &["list", "--json"]);
    peer.control("down");
    let offline = json(&home, &peer, &["list", "--json"]);
    assert!(hosts(&online).1 > 0);
    assert_eq!(hosts(&online), hosts(&offline));
    let reasons = reasons(&offline);
    assert!(reasons.contains("Connection refused") && reasons.contains("as of 20"), "{reasons}");
    let states = offline["sessions"].as_array().expect("sessions").iter().map(|session| &session["state"]);
    assert!(states.into_iter().all(|state| state == "past"));
}

#[test]
fn a22_each_failure_is_told_apart_with_a_remedy() {
    let (home, peer) = (Home::empty(), Peer::of(&[]));
    json(&home, &peer, &["source", "add", "box", "--ssh", "box", "--json"]);
    let cases = [
        ("down", "offline", "Connection refused"),
        ("denied", "needs you", "ssh must ask you something"),
        ("stopped", "not running", "not running"),
        ("missing", "no salon there", "salon source install"),
        ("old", "too old", "salon 0.0.9 there is too old for salon 0.1.0 here; update salon there"),
        ("new", "too new", "salon 9.9.9 there is too new for salon 0.1.0 here; update salon here"),
        ("usage", "too old", "update salon there"),
        ("garbage", "cut off", "no message"),
        ("flood", "cut off", "exceeds"),
    ];
    for (control, state, reason) in cases {
        peer.control(control);
        let output = run(&home, &peer, &["source", "test", "--json"]);
        assert_eq!(output.status.code(), Some(1), "{control}");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let source = &report["sources"][0];
        assert_eq!(source["state"], state, "{control}: {source}");
        assert!(source["reason"].as_str().expect("a reason").contains(reason), "{control}: {source}");
    }
    peer.control("");
    let report = json(&home, &peer, &["source", "test", "box", "--json"]);
    assert_eq!(report["sources"][0]["state"], "connected");
    assert_eq!(report["sources"][0]["sessions"], 0);
}

#[test]
fn sources_are_added_and_removed_without_touching_the_rest_of_the_file() {
    let (home, peer) = (Home::empty(), Peer::of(&[]));
    let file = home.path().join(".config/salon/config.toml");
    std::fs::create_dir_all(file.parent().expect("a directory")).expect("created");
    let before = "# mine\nmouse = false # really\n\n[sources.old]\ndocker = \"x\"\n\n[limits]\nruns = 3\n";
    std::fs::write(&file, before).expect("written");
    json(&home, &peer, &["source", "add", "box.work", "--ssh", "me@box", "--program", "/opt/salon", "--json"]);
    let added = std::fs::read_to_string(&file).expect("the file");
    assert!(added.starts_with(before), "{added}");
    let list = json(&home, &peer, &["source", "list", "--json"]);
    let names: Vec<_> = list["sources"].as_array().expect("sources").iter().map(|source| &source["name"]).collect();
    assert_eq!(names, ["old", "box.work"]);
    json(&home, &peer, &["source", "remove", "box.work", "--json"]);
    json(&home, &peer, &["source", "remove", "old", "--json"]);
    let removed = std::fs::read_to_string(&file).expect("the file");
    assert_eq!(removed.trim(), "# mine\nmouse = false # really\n\n[limits]\nruns = 3");
    for wrong in [["box", "-oProxyCommand=x"], ["claude", "me@box"], ["local", "me@box"], ["Big Box", "me@box"]] {
        let output = run(&home, &peer, &["source", "add", wrong[0], "--ssh", wrong[1]]);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), removed);
}

#[test]
fn resume_runs_there_in_a_terminal() {
    let (home, peer) = (Home::empty(), Peer::of(&["claude/2.1.329"]));
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    json(&home, &peer, &["source", "add", "dev", "--docker", "shop-dev", "--json"]);
    let printed =
        json(&home, &peer, &["resume", "--print", "--json", "box:claude:0eb326a8-825c-4422-af12-0fa163f5428a"]);
    assert_eq!(printed["program"], "claude");
    // Without an agent there, the refusal is that machine's.
    let refused = run(&home, &peer, &["resume", "dev:claude:0eb326a8-825c-4422-af12-0fa163f5428a"]);
    assert_eq!(refused.status.code(), Some(1));
    let calls = peer.calls();
    assert!(calls.contains("exec -it shop-dev sh -c"), "{calls}");
    let unknown = run(&home, &peer, &["show", "nowhere:claude:x"]);
    assert_eq!(unknown.status.code(), Some(1));
}

#[test]
fn a_copy_of_this_salon_is_installed_and_checked() {
    let (home, peer) = (Home::empty(), Peer::of(&["claude/2.1.329"]));
    std::fs::remove_file(peer.home().join(".local/bin/salon")).expect("removed");
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let missing = run(&home, &peer, &["source", "test", "--json"]);
    assert!(String::from_utf8_lossy(&missing.stdout).contains("limited"));
    let installed = json(&home, &peer, &["source", "install", "box", "--json"]);
    assert_eq!(installed["sources"][0]["reason"], concat!("salon ", env!("CARGO_PKG_VERSION")));
    let copy = peer.home().join(".local/share/salon/bin/salon");
    let same = std::fs::read(copy).expect("a copy") == std::fs::read(env!("CARGO_BIN_EXE_salon")).expect("the program");
    assert!(same, "every byte");
    assert!(!peer.home().join(".local/share/salon/bin/salon.part").exists());
    let tested = json(&home, &peer, &["source", "test", "--json"]);
    assert_eq!(tested["sources"][0]["state"], "connected");
}

/// Lets a machine report another processor.
fn other_processor(peer: &Peer) {
    let dir = peer.dir.path().join("another");
    std::fs::create_dir(&dir).expect("created");
    executable(&dir.join("uname"), "#!/bin/sh\necho Linux riscv64\n");
    let line = format!("export PATH='{}':/usr/bin:/bin\n", dir.display());
    std::fs::write(peer.dir.path().join("env"), line).expect("written");
}

fn executable(path: &Path, script: &str) {
    std::fs::write(path, script).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("a program");
}

#[test]
fn a_machine_with_another_processor_gets_the_program_for_it() {
    let (home, peer) = (Home::empty(), Peer::of(&[]));
    std::fs::remove_file(peer.home().join(".local/bin/salon")).expect("removed");
    other_processor(&peer);
    json(&home, &peer, &["source", "add", "box", "--ssh", "me@box", "--json"]);
    let refused = run(&home, &peer, &["source", "install", "box"]);
    let reason = String::from_utf8_lossy(&refused.stderr).into_owned();
    let name = "salon-riscv64-unknown-linux-musl";
    assert!(reason.contains("linux riscv64") && reason.contains(name) && reason.contains("--program"), "{reason}");

    // A file that the user names, and a file with the name of a release.
    let named = home.path().join("named");
    executable(&named, "#!/bin/sh\necho salon named\n");
    let installed =
        json(&home, &peer, &["source", "install", "box", "--program", named.to_str().expect("UTF-8"), "--json"]);
    assert_eq!(installed["sources"][0]["reason"], "salon named");
    let expected = reason.split_whitespace().find(|word| word.ends_with(name)).expect("a path");
    std::fs::create_dir_all(Path::new(expected).parent().expect("a directory")).expect("created");
    executable(Path::new(expected), "#!/bin/sh\necho salon prepared\n");
    let installed = json(&home, &peer, &["source", "install", "box", "--json"]);
    assert_eq!(installed["sources"][0]["reason"], "salon prepared");
    let copy = std::fs::read_to_string(peer.home().join(".local/share/salon/bin/salon")).expect("a copy");
    assert!(copy.contains("salon prepared"), "{copy}");

    // A program that does not run there replaces nothing.
    executable(&named, "#!/bin/sh\nexit 3\n");
    let refused = run(&home, &peer, &["source", "install", "box", "--program", named.to_str().expect("UTF-8")]);
    assert_eq!(refused.status.code(), Some(1));
    let kept = std::fs::read_to_string(peer.home().join(".local/share/salon/bin/salon")).expect("a copy");
    assert_eq!(kept, copy);
}

#[test]
fn sessions_of_a_mounted_home_are_listed_once() {
    let (home, peer) = (Home::of(&["claude/2.1.329"]), Peer::of(&["claude/2.1.329"]));
    let alone = json(&home, &peer, &["list", "--json", "--hidden"]);
    json(&home, &peer, &["source", "add", "box", "--docker", "shop-dev", "--json"]);
    let list = json(&home, &peer, &["list", "--json", "--hidden"]);
    assert_eq!(hosts(&list), (hosts(&alone).0, 0));
    let found = json(&home, &peer, &["list", "--json", "--hidden", "hello"]);
    assert!(hosts(&found).0 > 0 && hosts(&found).1 == 0);
    let searched = json(&home, &peer, &["search", "--json", "hello"]);
    let elsewhere = searched["hits"].as_array().expect("hits").iter().filter(|hit| hit["session"]["host"] == "box");
    assert_eq!(elsewhere.count(), 0);
}

#[test]
fn hosts_and_containers_that_could_be_added_are_named_only_on_request() {
    let (home, peer) = (Home::empty(), Peer::of(&[]));
    std::fs::create_dir(home.path().join(".ssh")).expect("created");
    let config = "Host box work # both\n  User me\nhost *.internal\nHost api\nMatch host x\n";
    std::fs::write(home.path().join(".ssh/config"), config).expect("written");
    std::fs::write(peer.dir.path().join("docker"), "#!/bin/sh\necho shop-dev\necho db\n").expect("written");
    json(&home, &peer, &["source", "add", "api", "--ssh", "api", "--json"]);
    let found = json(&home, &peer, &["source", "discover", "--json"]);
    let found: Vec<_> = found["sources"].as_array().expect("sources").iter().map(|source| &source["target"]).collect();
    assert_eq!(found, ["box", "work", "shop-dev", "db"]);
    assert!(peer.calls().is_empty(), "no host was contacted");
}
