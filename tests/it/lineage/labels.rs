//! Labels of forks: those of their origin, until they get their own.

use std::fs;

use serde_json::{Value, json};

use super::{COPY, ORIGIN, append_turn, contained, copy_records, scan, transcript};
use crate::cli::{code, json as output_json, run};
use crate::index::live::Running;
use crate::screens::stage::NOW;
use crate::support::Home;
use salon::domain::annotation::AnnotationEdit;
use salon::domain::{Agent, SessionKey};
use salon::index::{IndexOptions, Refresh, collect};
use salon::store::{Store, annotations};

/// Another fork of the origin in the fixture.
const OTHER_FORK: &str = "4eaa0a1b-3a42-4962-96f8-7909b54e13c1";

/// Home in which the origin was known before its copies.
fn home_of_origin() -> Home {
    let home = Home::of(&["claude/2.1.329"]);
    fs::remove_file(transcript(&home, OTHER_FORK)).expect("removed");
    scan(&home);
    assert!(listed(&home, "is:star").is_empty());
    home
}

/// Home with a fork that went on, whose origin went on too.
fn home() -> Home {
    let home = home_of_origin();
    let path = copy_records(&home, ORIGIN, COPY, 20);
    append_turn(&path, "one", 10);
    home
}

/// Ids that match a query.
fn listed(home: &Home, query: &str) -> Vec<String> {
    let found = output_json(&run(home, &["list", "--hidden", "--json", query]));
    let ids = found["sessions"].as_array().into_iter().flatten();
    let mut ids: Vec<_> = ids.filter_map(|session| session["id"].as_str().map(str::to_owned)).collect();
    ids.sort();
    ids
}

fn title(home: &Home, id: &str) -> Value {
    let all = output_json(&run(home, &["list", "--hidden", "--json"]));
    let session = all["sessions"].as_array().into_iter().flatten().find(|session| session["id"] == id).cloned();
    session.expect("listed")["title"].clone()
}

fn changed(home: &Home, args: &[&str]) {
    assert_eq!(code(&run(home, args)), 0, "{args:?}");
}

#[test]
fn a_fork_has_the_labels_of_its_origin_until_it_gets_its_own() {
    let home = home();
    changed(&home, &["rename", ORIGIN, "The big one"]);
    changed(&home, &["tag", ORIGIN, "infra", "東京"]);
    changed(&home, &["note", ORIGIN, "ask Mara"]);
    let both = [COPY, ORIGIN];
    for query in ["#infra", "#東京", "note:Mara"] {
        assert_eq!(listed(&home, query), both, "{query}");
    }
    assert_eq!(title(&home, COPY), "The big one");
    changed(&home, &["star", COPY]);
    assert_eq!(listed(&home, "is:star"), [COPY], "the origin is not starred");
    assert_eq!(listed(&home, "#infra note:Mara"), both, "what it had stays");
    changed(&home, &["tag", COPY, "--remove", "infra"]);
    changed(&home, &["tag", ORIGIN, "later"]);
    assert_eq!((listed(&home, "#infra"), listed(&home, "#later")), (vec![ORIGIN.to_owned()], vec![ORIGIN.to_owned()]));
    changed(&home, &["star", COPY, "--remove"]);
    changed(&home, &["tag", COPY, "--remove", "東京"]);
    changed(&home, &["rename", COPY, "--clear"]);
    changed(&home, &["note", COPY, "--clear"]);
    assert_eq!(listed(&home, "#later"), [ORIGIN], "a fork without labels on purpose has none");
    assert_ne!(title(&home, COPY), "The big one");
}

/// Session of the fixture that goes on whole in a fork, which names it.
const BRANCHED: &str = "3ec5520e-1682-4254-bb9e-c8a3949e1a60";
const BRANCH: &str = "20304183-e372-4cf9-a32c-ff8eafb51a71";

#[test]
fn the_labels_of_a_deleted_origin_stay_with_its_forks() {
    let home = Home::of(&["claude/2.1.329"]);
    changed(&home, &["star", BRANCHED]);
    changed(&home, &["note", BRANCHED, "ask Mara"]);
    assert_eq!(listed(&home, "is:star"), [BRANCH, BRANCHED]);
    fs::remove_file(transcript(&home, BRANCHED)).expect("deleted");
    // Its prompts are listed too, which its agent remembers elsewhere.
    assert_eq!(
        listed(&home, "is:star note:Mara"),
        [BRANCH, BRANCHED],
        "the conversation goes on without its first file"
    );
}

#[test]
fn a_labelled_session_that_goes_on_in_its_fork_is_one_row() {
    let home = Home::of(&["claude/2.1.329"]);
    let pair = (BRANCHED.to_owned(), BRANCH.to_owned());
    changed(&home, &["star", BRANCHED]);
    let with_labels = || {
        let options = IndexOptions::new(home.environment(), std::time::Instant::now);
        let state_db = Some(home.path().join(".local/share/salon/state.db"));
        collect(&IndexOptions { state_db, ..options }, Refresh::Changed)
    };
    assert!(with_labels().session(&SessionKey::new(Agent::Claude, BRANCH)).is_some_and(|fork| fork.is_starred()));
    assert!(contained(&with_labels()).contains(&pair), "the star is on the row that is left");
    changed(&home, &["tag", BRANCHED, "old"]);
    changed(&home, &["tag", BRANCH, "new"]);
    assert!(contained(&with_labels()).contains(&pair), "the row that is left has all of the other one's labels");
    changed(&home, &["tag", BRANCH, "--remove", "old"]);
    assert!(!contained(&with_labels()).contains(&pair), "no label is hidden");
    assert!(contained(&scan(&home)).contains(&pair));
}

#[test]
fn the_running_index_applies_inherited_labels() {
    let home = home();
    let path = home.path().join("state.db");
    let store = Store::open(&path, NOW).expect("opens").store;
    let options =
        IndexOptions { state_db: Some(path), ..IndexOptions::new(home.environment(), std::time::Instant::now) };
    let mut running = Running::complete_and_watched(options);
    let edit = |running: &Running, id: &str, edits: Vec<AnnotationEdit>| {
        let edits: Vec<_> = edits.into_iter().map(|edit| (SessionKey::new(Agent::Claude, id), edit)).collect();
        store.with(|db| annotations::edit(db, &edits)).expect("saved");
        running.index.load_user_data();
    };
    let fork = |running: &Running| {
        let fork = running.session(COPY).expect("listed");
        (fork.is_starred(), fork.title.text.to_string(), fork.tags().len())
    };
    edit(&running, ORIGIN, vec![AnnotationEdit::Star(true), AnnotationEdit::Name(Some("The big one".into()))]);
    running.until("inherited", |running| fork(running) == (true, "The big one".to_owned(), 0));
    let edits = running.session(COPY).expect("listed").edits(&AnnotationEdit::Star(false));
    edit(&running, COPY, edits);
    running.until("detached", |running| fork(running) == (false, "The big one".to_owned(), 0));
    assert!(running.session(ORIGIN).expect("listed").is_starred());
    edit(&running, ORIGIN, vec![AnnotationEdit::Name(None), AnnotationEdit::AddTag("x".into())]);
    running.until("tagged", |running| running.session(ORIGIN).is_some_and(|origin| origin.tags().len() == 1));
    assert_eq!(fork(&running), (false, "The big one".to_owned(), 0));
}

/// Thread of Codex and its sub-agent.
const PARENT: &str = "01a1fd81-ec1d-7851-8fc9-e88befee7d2c";
const CHILD: &str = "01a1fd81-ec98-7561-890c-062a420e3dbf";

#[test]
fn a_sub_agent_with_the_history_of_its_parent_has_none_of_its_labels() {
    let home = Home::of(&["codex/0.169.0"]);
    let state_db = Some(home.path().join(".local/share/salon/state.db"));
    let labelled = || {
        let options = IndexOptions::new(home.environment(), std::time::Instant::now);
        collect(&IndexOptions { state_db: state_db.clone(), ..options }, Refresh::Changed)
    };
    let child = || labelled().session(&SessionKey::new(Agent::Codex, CHILD)).expect("listed").clone();
    let path = child().path.clone();
    let text = fs::read_to_string(&path).expect("reads");
    let id = format!("\"id\":\"{CHILD}\",");
    fs::write(&path, text.replacen(&id, &format!("{id}\"forked_from_id\":\"{PARENT}\","), 1)).expect("writes");
    changed(&home, &["rename", PARENT, "The big one"]);
    changed(&home, &["star", PARENT]);
    let child = child();
    assert_eq!((child.flags.subagent, child.forked_from.as_deref()), (true, Some(PARENT)));
    assert!(child.annotation().is_none(), "{:?}", child.annotation());
    let star = AnnotationEdit::Star(true);
    assert_eq!(child.edits(&star), [star], "it ends no inheritance");
}

#[test]
fn the_new_name_of_a_fork_with_a_title_of_its_own_is_printed() {
    let home = home();
    let path = transcript(&home, COPY);
    let text = fs::read_to_string(&path).expect("reads");
    let given = json!({"type": "custom-title", "customTitle": "given", "sessionId": COPY});
    fs::write(&path, format!("{text}{given}\n")).expect("writes");
    changed(&home, &["star", ORIGIN]);
    assert_eq!(title(&home, COPY), "given");
    let printed = output_json(&run(&home, &["rename", COPY, "New", "--json"]));
    let fork = &printed["sessions"][0];
    let shown = (&fork["title"], &fork["name"], &fork["starred"], &fork["changed"]);
    assert_eq!(shown, (&json!("New"), &json!("New"), &json!(true), &json!(true)));
    assert_eq!(title(&home, COPY), "New");
    let again = output_json(&run(&home, &["rename", COPY, "New", "--json"]));
    assert_eq!(again["changed"], 0);
}

#[test]
fn a_detached_fork_is_exported_and_imported_as_such() {
    let home = home();
    changed(&home, &["star", ORIGIN]);
    changed(&home, &["star", COPY, "--remove"]);
    let exported = run(&home, &["annotations", "export"]).stdout;
    let entries = serde_json::from_slice::<Value>(&exported).expect("JSON")["annotations"].clone();
    let fork = entries.as_array().into_iter().flatten().find(|entry| entry["id"] == COPY).cloned();
    assert_eq!(fork.expect("exported")["detached"], json!(true));
    let other = self::home();
    let file = other.path().join("labels.json");
    fs::write(&file, exported).expect("writes");
    changed(&other, &["annotations", "import", &file.to_string_lossy()]);
    assert_eq!(listed(&other, "is:star"), [ORIGIN]);
}
