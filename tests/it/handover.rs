//! Handover: the brief has what another agent needs and no secret, is edited before it is sent, and the sessions stay
//! linked.

use std::sync::Arc;

use salon::app::layer::Layer;
use salon::app::runs::RunMsg;
use salon::app::{Effect, Msg};
use salon::domain::handover::Handover;
use salon::domain::run::{Conversation, RunId, RunStart};
use salon::domain::transcript::{ChangeKind, Entry, EntryKind, FileChange, PlanItem, PlanStatus, Role, Tool};
use salon::domain::transcript::{ToolAction, ToolStatus};
use salon::domain::{Agent, EntryKey, SessionKey};
use salon::store::{Store, annotations, handovers, registry};
use serde_json::Value;

use super::cli::{code, json as output_json, run, text};
use super::screens::stage::{NOW, Stage, change, session};
use crate::support::Home;

fn entry(kind: EntryKind, text: &str) -> Entry {
    Entry { text: text.to_owned(), ..Entry::new(EntryKey::new(text, 0), kind, Role::Assistant, None) }
}

fn tool(action: ToolAction, status: ToolStatus) -> Entry {
    let text = action.headline();
    let tool = Tool {
        name: "a".into(),
        id: "a".into(),
        input: Value::Null,
        action,
        output: String::new(),
        status,
        duration_ms: None,
        subagent: None,
    };
    Entry { tool: Some(Box::new(tool)), ..entry(EntryKind::Tool, &text) }
}

fn edit(path: &str) -> ToolAction {
    ToolAction::Edit(vec![FileChange { path: path.into(), kind: ChangeKind::Write("x".into()) }])
}

fn brief(entries: &[Entry]) -> String {
    let mut handover = Handover::default();
    entries.iter().for_each(|entry| handover.add(entry));
    handover.brief(&session(Agent::Claude, "abc-1", "Cart", 5))
}

#[test]
fn the_brief_has_goal_decisions_files_and_open_ends() {
    let token = format!("ghp_{}", "a1B2c3".repeat(6));
    let plan = [("read", PlanStatus::Done), ("write tests", PlanStatus::Active), ("never", PlanStatus::Cancelled)];
    let plan = plan.map(|(text, status)| PlanItem { text: text.into(), status }).to_vec();
    let question = ToolAction::Question { question: "Which queue?".into(), answer: Some("Redis".into()) };
    let entries = [
        entry(EntryKind::Prompt, &format!("Make the cart faster, with {token}")),
        tool(edit("src/cart.rs"), ToolStatus::Done),
        tool(edit("src/cart.rs"), ToolStatus::Done),
        tool(edit("src/refused.rs"), ToolStatus::Denied),
        tool(question, ToolStatus::Done),
        Entry { plan, ..entry(EntryKind::Plan, "plan") },
        entry(EntryKind::Text, "Half of it is done."),
        Entry { reverted: true, ..entry(EntryKind::Prompt, "Taken back") },
        entry(EntryKind::Prompt, "Now the tests"),
        tool(ToolAction::Command { command: "cargo test".into(), exit_code: Some(1) }, ToolStatus::Failed),
    ];
    let brief = brief(&entries);
    let expected = "\
Continue this task, which Claude Code began in session abc-1.

## Goal

Make the cart faster, with ghp_••••••••

## Asked for later

- Now the tests

## Decisions

- Not allowed: src/refused.rs
- Which queue? → Redis

## Files changed

- src/cart.rs (2 changes)

## Open

- write tests
- Failed last: cargo test
- Not answered yet: Now the tests

Check the state of the files first, then continue with the open items.";
    assert_eq!(brief, expected);
}

#[test]
fn the_brief_is_bounded_however_long_the_session_is() {
    let mut handover = Handover::default();
    let long = "é".repeat(100_000);
    for nth in 0..500 {
        handover.add(&entry(EntryKind::Prompt, &format!("{nth} {long}")));
        handover.add(&tool(edit(&format!("src/{nth}.rs")), ToolStatus::Done));
        handover.add(&entry(EntryKind::Text, &long));
    }
    let brief = handover.brief(&session(Agent::Codex, "x", "X", 5));
    assert!(brief.len() < 40_000 && brief.contains("- 499 "), "{}", brief.len());
    assert!(Handover::default().is_empty());
}

#[test]
fn the_brief_is_edited_in_the_form_of_a_new_session_of_another_agent() {
    let mut stage = Stage::new(100, 30);
    stage.send(Msg::Catalog(change(vec![session(Agent::Claude, "a", "Alpha", 5)])));
    let agents = Agent::ALL.into_iter().map(|agent| (agent, true)).collect::<Vec<_>>();
    stage.send(Msg::Run(RunMsg::Agents(agents))).take_effects();
    let key = SessionKey::new(Agent::Claude, "a");
    stage.keys("A");
    assert!(stage.take_effects().contains(&Effect::WriteBrief(key.clone())));
    stage.send(Msg::BriefWritten { key: key.clone(), brief: Ok("## Goal\n\nThe brief".to_owned()) });
    let screen = stage.screen();
    assert!(screen.contains("Continue in another agent") && screen.contains("The brief"), "{screen}");
    stage.keys("! enter");
    let started = stage.take_effects().into_iter().find_map(|effect| match effect {
        Effect::StartRun { agent, start, prompt, .. } => Some((agent, start, prompt)),
        _ => None,
    });
    let (agent, start, prompt) = started.expect("a start");
    assert_ne!(agent, Agent::Claude);
    assert_eq!((start.origin, prompt.as_deref()), (Some(key.clone()), Some("## Goal\n\nThe brief!")));
    assert_eq!(start.conversation, Conversation::New { id: None });
    // Without another installed one, another one is proposed all the same.
    let mut stage = Stage::new(100, 30);
    stage.send(Msg::Catalog(change(vec![session(Agent::Claude, "a", "Alpha", 5)])));
    let agents = Agent::ALL.into_iter().map(|agent| (agent, agent == Agent::Claude)).collect::<Vec<_>>();
    stage.send(Msg::Run(RunMsg::Agents(agents))).keys("A");
    stage.send(Msg::BriefWritten { key: key.clone(), brief: Ok("The brief".to_owned()) });
    assert!(stage.screen().contains("○ claude"), "{}", stage.screen());
    let mut stage = Stage::new(100, 30);
    stage.send(Msg::Catalog(change(vec![session(Agent::Claude, "a", "Alpha", 5)])));
    stage.send(Msg::BriefWritten { key, brief: Err("cannot read it".to_owned()) });
    assert!(stage.screen().contains("No brief: cannot read it"), "{}", stage.screen());
    assert!(!matches!(stage.app.stack.layers.last(), Some(Layer::NewSession(_))));
}

/// Records that a run of Codex in a session continues a session of Claude Code.
fn link(store: &Store, of_claude: &str, of_codex: &str) {
    let record = registry::RunRecord {
        id: RunId("run-1".into()),
        agent: Agent::Codex,
        session: None,
        cwd: "/srv".into(),
        model: None,
        effort: None,
        created: NOW,
        last_activity: NOW,
    };
    let origin = SessionKey::new(Agent::Claude, of_claude);
    store.with(|db| registry::record(db, &record)).expect("recorded");
    store.with(|db| handovers::record(db, &record.id, &origin)).expect("recorded");
    let loaded = store.with(|db| annotations::load(db)).expect("loaded");
    assert!(loaded.values().all(|annotation| annotation.continues.is_none()), "the session is not known yet");
    let session = SessionKey::new(Agent::Codex, of_codex);
    store.with(|db| registry::link(db, &record.id, &session)).expect("linked");
}

#[test]
fn the_session_that_continues_another_names_it() {
    let home = Home::of(&["claude/2.1.329", "codex/0.169.0"]);
    let of = |agent: &str| {
        let listed = output_json(&run(&home, &["list", "--json", "--agent", agent]));
        listed["sessions"][0]["id"].as_str().expect("an id").to_owned()
    };
    let (claude, codex) = (of("claude"), of("codex"));
    assert_eq!(code(&run(&home, &["star", &codex])), 0);
    let store = Store::open(&home.path().join(".local/share/salon/state.db"), NOW).expect("open").store;
    link(&store, &claude, &codex);
    let shown = output_json(&run(&home, &["show", &codex, "--json"]));
    assert_eq!(shown["session"]["continues"], format!("claude:{claude}"));
    let mut stage = Stage::new(140, 30);
    let mut continued = session(Agent::Codex, "b", "Beta", 5);
    let annotation = salon::domain::annotation::Annotation {
        continues: Some((Agent::Claude, "0123456789".into())),
        ..Default::default()
    };
    continued.annotate(Arc::new(annotation));
    let origin = session(Agent::Claude, "0123456789", "The origin", 9);
    stage.send(Msg::Catalog(change(vec![continued, origin])));
    assert!(stage.screen().contains("continues claude: The origin"), "{}", stage.screen());
    stage.keys("down");
    assert!(stage.screen().contains("continued in codex: Beta"), "{}", stage.screen());
    stage.keys("up enter");
    assert!(stage.screen().contains("continues claude:01234567"), "{}", stage.screen());
}

#[test]
fn new_from_a_session_needs_a_known_one_and_its_directory() {
    let home = Home::of(&["claude/2.1.329"]);
    assert_eq!(code(&run(&home, &["new", "--from", "no-such-session", "--agent", "codex"])), 1);
    let listed = output_json(&run(&home, &["list", "--json"]));
    let id = listed["sessions"][0]["id"].as_str().expect("an id");
    let gone = run(&home, &["new", "--from", id, "--agent", "codex"]);
    assert!(code(&gone) == 1 && text(&gone.stderr).contains("directory not found"), "{}", text(&gone.stderr));
    let start = RunStart::new(Conversation::New { id: None }, "/srv".into());
    assert_eq!(start.origin, None);
}
