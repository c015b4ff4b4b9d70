//! Names, stars, tags and notes: from the command line, on the screen, in `state.db` and in the running index.

use salon::app::{Effect, Msg};
use salon::domain::annotation::{Annotation, AnnotationEdit, MAX_NAME};
use salon::domain::{Agent, Session, SessionKey};
use salon::index::IndexOptions;
use salon::store::{Store, annotations};
use serde_json::{Value, json};

use super::cli::{code, json as output_json, run, text};
use super::screens::stage::{NOW, Stage, change, session};
use crate::index::live::Running;
use crate::support::Home;

const CLAUDE: &str = "claude/2.1.329";

/// Returns the sessions that `salon list` prints.
fn listed(home: &Home, args: &[&str]) -> Vec<Value> {
    let args: Vec<_> = ["list", "--json"].into_iter().chain(args.iter().copied()).collect();
    output_json(&run(home, &args))["sessions"].as_array().expect("sessions").clone()
}

fn first_id(home: &Home) -> String {
    listed(home, &[])[0]["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a17_a_session_is_renamed_and_its_title_restored() {
    let home = Home::of(&[CLAUDE]);
    let id = first_id(&home);
    let before = listed(&home, &[])[0].clone();
    let renamed = output_json(&run(&home, &["rename", &id, "The", "zeppelin", "migration", "--json"]));
    assert_eq!(renamed["changed"], 1);
    assert_eq!(renamed["sessions"][0]["name"], "The zeppelin migration");
    let row = &listed(&home, &[])[0];
    assert_eq!((&row["title"], &row["title_source"]), (&json!("The zeppelin migration"), &json!("user")));
    let found = output_json(&run(&home, &["search", "zeppelin", "--json"]));
    assert_eq!(found["hits"][0]["session"]["id"], id.as_str());
    assert_eq!(code(&run(&home, &["show", "The zeppelin migration", "--json"])), 0, "the name is an id");
    for (name, reason) in [("", "at least one"), (&*"x".repeat(MAX_NAME + 1), "at most 200")] {
        let refused = run(&home, &["rename", &id, name]);
        assert_eq!(code(&refused), 2);
        assert!(text(&refused.stderr).contains(reason), "{}", text(&refused.stderr));
    }
    assert_eq!(code(&run(&home, &["rename", &id, &"é".repeat(MAX_NAME)])), 0);
    output_json(&run(&home, &["rename", &id, "--clear", "--json"]));
    assert_eq!(listed(&home, &[])[0], before);
}

#[test]
fn stars_and_tags_are_set_by_id_and_by_query_and_filter_lists() {
    let home = Home::of(&[CLAUDE, "codex/0.169.0"]);
    let id = first_id(&home);
    let total = listed(&home, &["agent:codex"]).len();
    assert!(total > 1);
    output_json(&run(&home, &["star", &id, "--json"]));
    let starred = listed(&home, &["is:star"]);
    assert!(starred.iter().any(|session| session["id"] == id.as_str()));
    assert!(starred.iter().all(|session| session["id"] == id.as_str() || session["forked_from"] == id.as_str()));
    let planned =
        output_json(&run(&home, &["tag", "--query", "agent:codex", "#infra", "later", "--dry-run", "--json"]));
    assert_eq!((&planned["changed"], &planned["dry_run"]), (&json!(total), &json!(true)));
    assert_eq!(listed(&home, &["#infra"]).len(), 0, "a dry run changes nothing");
    let done = output_json(&run(&home, &["tag", "--query", "agent:codex", "#infra", "later", "--json"]));
    assert_eq!(done["changed"], total);
    assert_eq!(done["sessions"][0]["tags"], json!(["infra", "later"]));
    assert_eq!(listed(&home, &["#infra", "tag:later"]).len(), total);
    output_json(&run(&home, &["tag", "--query", "#infra", "--remove", "later", "--json"]));
    assert_eq!((listed(&home, &["tag:later"]).len(), listed(&home, &["#infra"]).len()), (0, total));
    output_json(&run(&home, &["star", "--query", "is:star", "--remove", "--json"]));
    assert_eq!(listed(&home, &["is:star"]).len(), 0);
    output_json(&run(&home, &["note", &id, "ask", "Mara", "--json"]));
    assert_eq!(listed(&home, &["note:mara"])[0]["note"], "ask Mara");
    let planned = output_json(&run(&home, &["note", "--query", "#infra", "in", "review", "--dry-run", "--json"]));
    assert_eq!((&planned["changed"], listed(&home, &["note:review"]).len()), (&json!(total), 0));
    output_json(&run(&home, &["note", "--query", "#infra", "in", "review", "--json"]));
    assert_eq!(listed(&home, &["note:review"]).len(), total);
    output_json(&run(&home, &["rename", "--query", "#infra", "Quiet", "pipeline", "--json"]));
    let named = listed(&home, &["#infra"]);
    assert!(named.len() == total && named.iter().all(|session| session["title"] == "Quiet pipeline"), "{named:?}");
    let filtered = output_json(&run(&home, &["stats", "--query", "#infra", "--json"]));
    assert_eq!(filtered, output_json(&run(&home, &["stats", "#infra", "--json"])));
    assert_eq!(filtered["total"]["sessions"], total);
    output_json(&run(&home, &["rename", "--query", "#infra", "--clear", "--json"]));
    assert_eq!(listed(&home, &["Quiet pipeline"]).len(), 0);
    assert_eq!(code(&run(&home, &["note", "--query", "#infra", "--clear", "text"])), 2);
}

#[test]
fn mistakes_in_a_change_are_refused() {
    let home = Home::of(&[CLAUDE]);
    let id = first_id(&home);
    for args in [
        &["tag", &id, "two words"][..],
        &["tag", &id, "#4711"],
        &["star", "--query", "agent:nobody"],
        &["star", "--query", " "],
        &["star"],
        &["note", &id],
    ] {
        assert_eq!(code(&run(&home, args)), 2, "{args:?}");
    }
    assert_eq!(code(&run(&home, &["star", "nobody-knows-this"])), 1);
    assert!(listed(&home, &["is:star"]).is_empty());
}

#[test]
fn annotations_of_two_processes_do_not_undo_each_other() {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let open = || Store::open(&dir.path().join("state.db"), NOW).expect("open").store;
    let (one, two) = (open(), open());
    let key = SessionKey::new(Agent::Claude, "a");
    let add = |store: &Store, tag: &str| {
        let edit = AnnotationEdit::AddTag(tag.into());
        store.with(|db| annotations::edit(db, &[(key.clone(), edit)])).expect("saved");
    };
    add(&one, "infra");
    add(&two, "later");
    add(&one, "infra");
    let all = one.with(|db| annotations::load(db)).expect("loaded");
    assert_eq!(all[&key].tags, ["infra".into(), "later".into()]);
}

#[test]
fn the_running_index_applies_and_removes_annotations() {
    let home = Home::of(&[CLAUDE]);
    let state_db = home.path().join("state.db");
    let store = Store::open(&state_db, NOW).expect("open").store;
    let options =
        IndexOptions { state_db: Some(state_db), ..IndexOptions::new(home.environment(), std::time::Instant::now) };
    let mut running = Running::complete_and_watched(options);
    let session = running.catalog.iter().next().expect("a session").clone();
    let title = |running: &Running| running.catalog.get(&session.key).map(|session| session.title.clone());
    let edit = |running: &Running, edit| {
        store.with(|db| annotations::edit(db, &[(session.key.clone(), edit)])).expect("saved");
        running.index.load_user_data();
    };
    edit(&running, AnnotationEdit::Name(Some("Mine".into())));
    running.until("named", |running| title(running).is_some_and(|title| *title.text == *"Mine"));
    edit(&running, AnnotationEdit::Name(None));
    running.until("restored", |running| title(running).as_ref() == Some(&session.title));
}

fn stage() -> Stage {
    let mut stage = Stage::new(100, 24);
    let rows: Vec<Session> =
        [("a", "Alpha"), ("b", "Beta"), ("c", "Gamma")].map(|(id, title)| session(Agent::Claude, id, title, 5)).into();
    stage.send(Msg::Catalog(change(rows)));
    stage.take_effects();
    stage
}

fn type_text(stage: &mut Stage, text: &str) {
    for c in text.chars() {
        stage.keys(if c == ' ' { "space".to_owned() } else { c.to_string() }.as_str());
    }
}

#[test]
fn keys_star_tag_and_rename_the_selected_session() {
    let mut stage = stage();
    stage.keys("*");
    assert!(stage.screen().contains('★'), "{}", stage.screen());
    let first = stage.app.session().cloned().expect("selected");
    let saved = stage.take_effects().into_iter().find(|effect| matches!(effect, Effect::Annotate { .. }));
    assert_eq!(saved, Some(Effect::Annotate { keys: vec![first.clone()], edit: AnnotationEdit::Star(true) }));
    stage.keys("#");
    type_text(&mut stage, "infra 9lives");
    stage.keys("enter");
    assert!(stage.screen().contains("begins with a letter"), "{}", stage.screen());
    stage.keys("ctrl-w enter");
    assert!(stage.screen().contains("★ #infra"), "{}", stage.screen());
    stage.keys("f2 ctrl-u");
    type_text(&mut stage, "My name");
    stage.keys("enter");
    assert_eq!(stage.selected(), "My name");
    stage.keys("f2 ctrl-u enter * # ctrl-u enter");
    assert_ne!(stage.selected(), "My name", "an empty name restores the title");
    assert!(!stage.screen().contains('★') && !stage.screen().contains("#infra"), "{}", stage.screen());
}

#[test]
fn marked_sessions_are_starred_and_tagged_together() {
    let mut stage = stage();
    stage.keys("space space");
    assert_eq!(stage.screen().matches('◆').count(), 2, "{}", stage.screen());
    let screen = stage.screen();
    assert!(screen.contains(" 2 marked · 3 shown") && screen.contains(" esc unmark  * star  # tag"), "{screen}");
    stage.keys("*");
    assert_eq!(stage.screen().lines().filter(|line| line.contains('★')).count(), 2);
    stage.keys("#");
    assert!(stage.screen().contains("Tag 2 sessions"), "{}", stage.screen());
    type_text(&mut stage, "infra");
    stage.keys("enter esc");
    assert_eq!(stage.screen().matches("#infra").count(), 2 + usize::from(stage.screen().contains("★ #infra\n")));
    assert!(!stage.screen().contains('◆'), "esc removes the marks");
    stage.keys("ctrl-a");
    assert_eq!(stage.screen().matches('◆').count(), 3);
    stage.keys("ctrl-a");
    assert_eq!(stage.screen().matches('◆').count(), 0);
}

#[test]
fn a_note_of_several_lines_is_written_and_edited_as_such() {
    let mut stage = stage();
    stage.keys("N");
    type_text(&mut stage, "ask Mara");
    stage.keys("alt-enter");
    type_text(&mut stage, "then ship");
    let screen = stage.screen();
    assert!(screen.contains("ask Mara") && !screen.contains("ask Mara then ship"), "{screen}");
    stage.keys("enter");
    let key = stage.app.session().cloned().expect("selected");
    let note = |text: &str| {
        let edit = AnnotationEdit::Note(Some(text.to_owned()));
        Effect::Annotate { keys: vec![key.clone()], edit }
    };
    assert!(stage.take_effects().contains(&note("ask Mara\nthen ship")));
    stage.keys("N enter");
    assert!(stage.take_effects().contains(&note("ask Mara\nthen ship")), "saving unchanged text changes nothing");
    stage.keys("N up end");
    type_text(&mut stage, " first");
    stage.keys("enter");
    assert!(stage.take_effects().contains(&note("ask Mara first\nthen ship")));
    stage.keys("N ctrl-j");
    stage.send(Msg::Paste(format!("{}\nend", "x".repeat(10_000))));
    stage.keys("enter");
    assert!(stage.screen().contains("at most 10000 characters"), "{}", stage.screen());
    stage.keys("esc");
    assert!(!stage.take_effects().iter().any(|effect| matches!(effect, Effect::Annotate { .. })));
}

#[test]
fn tags_that_are_too_many_for_the_form_stay() {
    let mut stage = Stage::new(100, 24);
    let mut tagged = session(Agent::Claude, "a", "Alpha", 5);
    let tags = (0..10_000).map(|nth| format!("tag{nth}").into()).collect();
    tagged.annotate(std::sync::Arc::new(Annotation { tags, ..Annotation::default() }));
    stage.send(Msg::Catalog(change(vec![tagged])));
    stage.take_effects();
    let edits = |stage: &mut Stage| {
        let effects = stage.take_effects().into_iter();
        let edits = effects.filter_map(|effect| match effect {
            Effect::Annotate { edit, .. } => Some(edit),
            _ => None,
        });
        edits.collect::<Vec<_>>()
    };
    stage.keys("# enter");
    assert_eq!(edits(&mut stage), [], "nothing was changed in the form");
    stage.keys("#");
    assert!(stage.screen().contains("too many tags to show"), "{}", stage.screen());
    type_text(&mut stage, "new -tag7");
    stage.keys("enter");
    let wanted = [AnnotationEdit::RemoveTag("tag7".into()), AnnotationEdit::AddTag("new".into())];
    assert_eq!(edits(&mut stage), wanted);
}

#[test]
fn the_pane_of_a_note_fits_every_screen() {
    for (width, height) in [(120, 40), (80, 24), (40, 10)] {
        let mut stage = Stage::full(width, height);
        stage.keys("N");
        stage.send(Msg::Paste("Ask Mara about the back-off.\n\nShe knows why the other side answers 503.".to_owned()));
        insta::assert_snapshot!(format!("note_{width}x{height}"), stage.screen());
    }
}
