//! The page of backends, and their list in `salon doctor`.

use std::process::Command;

use salon::app::runs::RunMsg;
use salon::app::{Effect, Msg};
use salon::domain::backend::{Backend, BackendChange, BackendState, MAX_CHANGES};
use salon::domain::{Agent, Time};
use salon::live::this_process;
use salon::store::{Store, preferences};
use serde_json::{Value, json};

use crate::screens::live::ago;
use crate::screens::stage::Stage;
use crate::support::{Home, clock};

fn backend(agent: Agent, state: BackendState) -> Backend {
    Backend {
        agent,
        session: None,
        is_server: false,
        is_external: false,
        state,
        reason: None,
        pid: None,
        memory: None,
        started: None,
        last_event: None,
        queued: 0,
        generation: 1,
        sessions: 0,
        port: None,
        changes: Vec::new(),
    }
}

fn several(at: impl Fn(i64) -> Time) -> Vec<Backend> {
    let changed = |minutes, state| BackendChange { time: at(minutes), state };
    vec![
        Backend {
            is_server: true,
            pid: Some(4711),
            memory: Some(210 << 20),
            port: Some(40123),
            sessions: 2,
            started: Some(at(125)),
            generation: 2,
            changes: vec![changed(125, BackendState::Starting), changed(124, BackendState::Idle)],
            ..backend(Agent::OpenCode, BackendState::Idle)
        },
        Backend {
            session: Some("5e1f".into()),
            pid: Some(4712),
            memory: Some(90 << 20),
            started: Some(at(10)),
            queued: 1,
            ..backend(Agent::Claude, BackendState::Working)
        },
        Backend {
            reason: Some("exited with code 3: out of memory".into()),
            generation: 4,
            changes: vec![changed(9, BackendState::Working), changed(8, BackendState::Crashed)],
            ..backend(Agent::Gemini, BackendState::Crashed)
        },
    ]
}

#[test]
fn the_page_shows_each_backend_with_its_state_and_the_reason() {
    let mut stage = Stage::full(120, 40);
    stage.keys("B");
    assert!(stage.take_effects().contains(&Effect::LoadBackends));
    assert!(stage.screen().contains("Reading"));
    stage.send(Msg::Run(RunMsg::Backends(several(|minutes| ago(minutes * 60)))));
    let screen = stage.screen();
    for text in [
        "2 running, at most 8",
        "server · port 40123 · pid 4711",
        "up 2h · 2 sessions · 1 restart",
        "up 10m · 1 queued",
        "→ exited with code 3: out of memory",
        "working 9m → crashed 8m",
    ] {
        assert!(screen.contains(text), "{text} is missing:\n{screen}");
    }
    stage.keys("f5");
    assert!(stage.take_effects().contains(&Effect::LoadBackends), "it can be refreshed");
    stage.keys("esc");
    assert!(stage.app.stack.layers.is_empty());
}

#[test]
fn the_page_fits_a_small_terminal() {
    let mut stage = Stage::full(80, 24);
    stage.keys("B").send(Msg::Run(RunMsg::Backends(several(|minutes| ago(minutes * 60)))));
    assert!(stage.screen().contains("crashed"), "{}", stage.screen());
    stage.send(Msg::Run(RunMsg::Backends(Vec::new())));
    assert!(stage.screen().contains("No agent runs"), "{}", stage.screen());
}

#[test]
fn c18_an_invalid_change_of_state_is_refused_and_the_last_fifty_are_listed() {
    use salon::live::server::ServerPhase::{Degraded, Failed, NotStarted, Ready, Starting, Stopped, Stopping};
    let failed = || Failed("exit".to_owned());
    let all = [NotStarted, Starting, Ready, Degraded, Stopping, Stopped, failed()];
    let valid = [
        (NotStarted, Starting),
        (Starting, Ready),
        (Ready, Degraded),
        (Degraded, Ready),
        (Starting, Stopping),
        (Ready, Stopping),
        (Degraded, Stopping),
        (Stopping, Stopped),
        (Stopped, Starting),
        (failed(), Starting),
    ];
    for (from, to) in all.iter().flat_map(|from| all.iter().map(move |to| (from, to))) {
        let is_valid = matches!(to, Failed(_)) || valid.iter().any(|(a, b)| (a, b) == (from, to));
        assert_eq!(from.may_become(to), is_valid, "{from:?} to {to:?}");
    }
    let home = Home::empty();
    let store = Store::open(&home.path().join("state.db"), clock()).expect("state.db").store;
    let states = [BackendState::Working, BackendState::Idle];
    let changes = (0..MAX_CHANGES).map(|at| BackendChange { time: clock(), state: states[at % 2] }).collect();
    let text =
        serde_json::to_string(&[Backend { changes, ..backend(Agent::Codex, BackendState::Idle) }]).expect("JSON");
    let process = this_process();
    let name = format!("backends.{}-{}", process.pid, process.start);
    store.with(|db| preferences::save(db, &name, &text)).expect("saved");
    let mut salon = Command::new(env!("CARGO_BIN_EXE_salon"));
    salon.args(["doctor", "--json"]).env_clear().env("HOME", home.path()).env("SALON_DATA_DIR", home.path());
    let report: Value = serde_json::from_slice(&salon.output().expect("salon").stdout).expect("JSON");
    assert_eq!(report["backends"][0]["changes"].as_array().map(Vec::len), Some(50), "{report}");
}

#[test]
fn c24_doctor_lists_the_backends_of_running_salons_only_and_the_ages_of_caches() {
    let home = Home::empty();
    let store = Store::open(&home.path().join("state.db"), clock()).expect("state.db").store;
    let text = serde_json::to_string(&several(|minutes| Time::from_millis(clock().millis() - minutes * 60_000)));
    let text = text.expect("JSON");
    let process = this_process();
    store
        .with(|db| {
            preferences::save(db, &format!("backends.{}-{}", process.pid, process.start), &text)?;
            preferences::save(db, "backends.999999999-1", &text)?;
            preferences::save(db, "models.codex", r#"{"as_of": 1000, "list": [["gpt-6", "GPT 6"], ["o9", "o9"]]}"#)
        })
        .expect("saved");
    let doctor = |args: &[&str]| {
        let mut salon = Command::new(env!("CARGO_BIN_EXE_salon"));
        salon.args(args).env_clear().env("HOME", home.path()).env("SALON_DATA_DIR", home.path());
        let output = salon.output().expect("salon");
        String::from_utf8(output.stdout).expect("text")
    };
    let report: Value = serde_json::from_str(&doctor(&["doctor", "--json"])).expect("JSON");
    let backends = report["backends"].as_array().expect("backends");
    assert_eq!(backends.len(), 3, "{report}");
    let row = &backends[0];
    assert_eq!((&row["kind"], &row["state"], &row["port"]), (&json!("server"), &json!("idle"), &json!(40123)));
    assert_eq!((&row["salon_pid"], &row["restarts"]), (&json!(process.pid), &json!(1)));
    assert_eq!(backends[2]["state"], "crashed");
    assert_eq!((&row["sessions"], &row["pid"], &row["queued"]), (&json!(2), &json!(4711), &json!(0)), "{row}");
    let lists = report["model_lists"].as_array().expect("model lists");
    assert_eq!((lists.len(), &lists[0]["agent"], &lists[0]["models"]), (1, &json!("codex"), &json!(2)), "{report}");
    assert!(lists[0]["age_ms"].as_i64().is_some_and(|age| age > 1_000_000), "{report}");
    assert!(report["cache"].get("age_ms").is_some(), "{report}");
    let text = doctor(&["doctor"]);
    assert!(text.contains("Running agents") && text.contains("out of memory"), "{text}");
    assert!(text.contains("codex     2 models, updated "), "{text}");
}
