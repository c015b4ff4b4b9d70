//! Timers of a run under paused time: its agent is scripted in memory, so that minutes pass at once.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use salon::agent::Protocol;
use salon::agent::protocol::{Outgoing, RunStart, UntrustedProject};
use salon::domain::Agent;
use salon::domain::run::{Phase, RunFailure, RunId, RunInfo, StopReason, TurnOutcome};
use salon::live::capacity::RunCapacity;
use salon::live::connect::{Connect, Connected};
use salon::live::policy::{LiveLimits, RECORD_TIMEOUT, retry_delay};
use salon::live::process::{GracePeriods, ProcessExit};
use salon::live::run::{self, BudgetOptions, EventSink, RunCommand, RunHandle, RunParts};
use salon::live::store_handle::StoreHandle;
use salon::live::this_process;
use salon::live::transport::{Connection, NextEvent, Sent, TransportEvent};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::harness::Sandbox;
use crate::support::clock;

/// Behaviour of the scripted agent.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent behaviours")]
struct Script {
    /// It exits instead of becoming ready.
    crashes: bool,
    /// It reports the start of a turn.
    starts_turns: bool,
    /// It answers each prompt with a text.
    answers: bool,
    /// It reports the end of a turn.
    ends_turns: bool,
}

/// Opens connections to scripted agents, and records the times at which it does.
#[derive(Default)]
struct ScriptedConnector {
    script: Script,
    log: Arc<Mutex<Vec<(&'static str, Instant)>>>,
}

/// A connection to an agent in memory that speaks the protocol of Claude Code.
#[derive(Debug)]
struct ScriptedConnection {
    script: Script,
    log: Arc<Mutex<Vec<(&'static str, Instant)>>>,
    events: VecDeque<TransportEvent>,
    wake: Arc<Notify>,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Script")
    }
}

impl Connect for ScriptedConnector {
    fn connect<'a>(
        &'a self,
        _agent: Agent,
        _protocol: &'static dyn Protocol,
        _opening: &'a RunStart,
    ) -> Pin<Box<dyn Future<Output = Connected> + Send + 'a>> {
        self.log.lock().expect("the log").push(("start", Instant::now()));
        let (script, log) = (self.script, self.log.clone());
        let connection = ScriptedConnection { script, log, events: VecDeque::new(), wake: Arc::default() };
        Box::pin(async move { Ok(Box::new(connection) as Box<dyn Connection>) })
    }

    fn untrusted_project(&self, _protocol: &dyn Protocol, _opening: &RunStart) -> Option<UntrustedProject> {
        None
    }

    fn fall_back(
        &self,
        _agent: Agent,
        _protocol: &dyn Protocol,
        _failure: &RunFailure,
    ) -> Option<&'static dyn Protocol> {
        None
    }
}

impl ScriptedConnection {
    fn say(&mut self, message: &Value) {
        self.events.push_back(TransportEvent::Line(message.to_string().into_bytes()));
        self.wake.notify_one();
    }

    fn exit(&mut self, code: Option<i32>) {
        self.events.push_back(TransportEvent::Exited(ProcessExit::new(code, String::new())));
        self.wake.notify_one();
    }

    fn record(&self, what: &'static str) {
        self.log.lock().expect("the log").push((what, Instant::now()));
    }

    fn control(&mut self, message: &Value) {
        match message["request"]["subtype"].as_str() {
            Some("initialize") if self.script.crashes => self.exit(Some(3)),
            // Without an answer, an interrupted turn stays open.
            Some("interrupt") => self.record("interrupt"),
            _ => {
                let response = json!({"subtype": "success", "request_id": message["request_id"], "response": {}});
                self.say(&json!({"type": "control_response", "response": response}));
            }
        }
    }

    fn prompt(&mut self, message: &Value) {
        self.record("prompt");
        let uuid = &message["uuid"];
        let session = "11111111-1111-4111-8111-111111111111";
        if self.script.starts_turns {
            self.say(&json!({"type": "command_lifecycle", "command_uuid": uuid, "state": "started",
                "session_id": session}));
            self.say(&json!({"type": "system", "subtype": "init", "model": "m", "session_id": session}));
        }
        if self.script.answers {
            let text = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
                "content": [{"type": "text", "text": "hello"}]});
            self.say(&json!({"type": "assistant", "message": text, "uuid": "a", "session_id": session}));
        }
        if self.script.ends_turns {
            self.say(&json!({"type": "result", "subtype": "success", "is_error": false, "result": "hello",
                "session_id": session}));
        }
    }
}

impl Connection for ScriptedConnection {
    fn send(&mut self, outgoing: Outgoing) -> Option<Sent> {
        let Outgoing::Line(line) = outgoing else { return None };
        let message: Value = serde_json::from_slice(&line).expect("a message");
        match message["type"].as_str() {
            Some("user") => self.prompt(&message),
            Some("control_request") => self.control(&message),
            _ => {}
        }
        Some(Sent::Request)
    }

    fn wrote(&self, _sent: Sent) -> bool {
        true
    }

    fn next_event(&mut self) -> NextEvent<'_> {
        Box::pin(async {
            loop {
                if let Some(event) = self.events.pop_front() {
                    return event;
                }
                self.wake.notified().await;
            }
        })
    }

    fn stop(&mut self, _grace: GracePeriods) {
        self.record("stop");
        self.exit(Some(0));
    }

    fn kill(&mut self) {
        self.record("kill");
        self.exit(None);
    }
}

/// A run of a scripted agent.
struct Stage {
    handle: RunHandle,
    log: Arc<Mutex<Vec<(&'static str, Instant)>>>,
    began: Instant,
    limits: LiveLimits,
    store: StoreHandle,
    id: RunId,
    /// Directory of the store.
    _sandbox: Sandbox,
}

impl Stage {
    /// Starts a run with a prompt. `record` is the result of each look into the agent's record.
    async fn start(script: Script, record: Option<bool>) -> Self {
        let sandbox = Sandbox::new();
        let store = StoreHandle::new(sandbox.store(), clock, this_process());
        let opening = sandbox.opening();
        let id = RunId("run".into());
        store.enqueue(&id, "do it".to_owned()).await.expect("queued");
        let connector = ScriptedConnector { script, log: Arc::default() };
        let (log, limits, began) = (connector.log.clone(), LiveLimits::default(), Instant::now());
        let (sender, _) = mpsc::unbounded_channel();
        let (handle, _) = run::start(RunParts {
            id: id.clone(),
            agent: Agent::Claude,
            protocol: salon::agent::protocol(Agent::Claude).expect("Claude is driven"),
            opening,
            connector: Arc::new(connector),
            capacity: RunCapacity::new(1),
            store: store.clone(),
            limits,
            is_delivered: Arc::new(move |_, _| record),
            earliest_resume: Arc::new(|_| None),
            earlier_tasks: Arc::new(|_| Vec::new()),
            recorded: None,
            budgets: BudgetOptions::default(),
            epoch: 1,
            events: EventSink { sender, eviction_wake: Arc::default() },
        });
        Self { handle, log, began, limits, store, id, _sandbox: sandbox }
    }

    /// Waits until the state matches, and returns it with the time that passed.
    async fn until(&self, like: impl Fn(&RunInfo) -> bool) -> (Arc<RunInfo>, Duration) {
        let mut viewer = self.handle.view();
        let wait = async {
            while !like(&viewer.info()) {
                assert!(viewer.changed().await, "the run is over");
            }
        };
        let waited = tokio::time::timeout(Duration::from_hours(9), wait).await;
        assert!(waited.is_ok(), "it never came to that: {:#?}", viewer.info());
        (viewer.info(), self.began.elapsed())
    }

    /// Times of a kind of message, since the start of the run.
    fn times(&self, what: &str) -> Vec<Duration> {
        let log = self.log.lock().expect("the log");
        log.iter().filter(|(of, _)| *of == what).map(|(_, at)| at.duration_since(self.began)).collect()
    }
}

/// Asserts that a time is as expected, up to the resolution of timers and the store's work in between.
#[track_caller]
fn assert_near(actual: Duration, expected: Duration) {
    let late = actual.checked_sub(expected).unwrap_or_else(|| panic!("{actual:?} is before {expected:?}"));
    assert!(late < Duration::from_millis(50), "{actual:?}, expected {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_that_the_agent_ignores_stops_it_after_the_limit() {
    let stage = Stage::start(Script { starts_turns: true, ..Script::default() }, Some(true)).await;
    stage.until(|info| matches!(info.phase, Phase::Working { .. }) && info.session.is_some()).await;
    stage.handle.send(RunCommand::Interrupt);
    let (info, _) = stage.until(|info| matches!(info.phase, Phase::Stopped(_))).await;
    assert_eq!(info.phase, Phase::Stopped(StopReason::OnRequest));
    assert_eq!(info.last_outcome, Some(TurnOutcome::Interrupted));
    assert_near(stage.times("stop")[0], stage.times("interrupt")[0] + stage.limits.interrupt);
}

#[tokio::test(start_paused = true)]
async fn h24_an_agent_that_does_not_begin_is_reported_after_a_minute_and_one_that_pauses_after_five() {
    let silent = |info: &RunInfo| info.silent_since.is_some();
    let stage = Stage::start(Script { starts_turns: true, ..Script::default() }, Some(true)).await;
    let (_, passed) = stage.until(silent).await;
    assert_near(passed, stage.limits.first_response);
    let stage = Stage::start(Script { starts_turns: true, answers: true, ..Script::default() }, Some(true)).await;
    let (_, passed) = stage.until(silent).await;
    assert_near(passed, stage.limits.silence);
    assert!(stage.times("stop").is_empty(), "nothing is stopped");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_crashes_at_once_is_started_again_after_longer_and_longer_waits() {
    let stage = Stage::start(Script { crashes: true, ..Script::default() }, None).await;
    let (info, _) = stage.until(|info| info.paused).await;
    assert!(matches!(info.phase, Phase::Stopped(StopReason::Failed(_))), "{info:?}");
    let starts = stage.times("start");
    assert_eq!(starts.len(), 3);
    assert_near(starts[1], starts[0] + retry_delay(1, stage.limits));
    assert_near(starts[2], starts[1] + retry_delay(2, stage.limits));
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_its_agent_never_records_counts_as_delivered_some_time_after_its_turn() {
    let script = Script { starts_turns: true, answers: true, ends_turns: true, ..Script::default() };
    let stage = Stage::start(script, Some(false)).await;
    let (_, ended) = stage.until(|info| info.last_outcome.is_some()).await;
    assert!(ended < RECORD_TIMEOUT, "{ended:?}");
    let (_, passed) = stage.until(|info| info.queued == 0 && info.last_outcome.is_some()).await;
    assert!(passed >= RECORD_TIMEOUT && passed < RECORD_TIMEOUT * 2, "{passed:?}");
    let left = stage.store.queue(&stage.id).await.expect("the queue");
    assert!(left.is_empty(), "{left:?}");
}
