//! Kills at random moments of a list, a search and a turn, and two salons on one machine.
//!
//! `SALON_REMOTE_KILLS=1000 cargo test --test it -- remote::kills --nocapture` kills as often as wanted.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use salon::domain::remote::RemoteState;
use salon::domain::run::{Conversation, Phase, RunId, RunStart};
use salon::domain::run_request::RunRequest;
use salon::domain::search::{SearchOrder, SearchRequest};
use salon::domain::{Agent, SessionKey};
use salon::live::LiveEvent;
use salon::remote::{RemoteEvent, RemoteOptions, Remotes};
use salon::serve::index_message::IndexCall;
use salon::serve::message::{Call, Reply};
use tokio::sync::mpsc;

use super::runs::Machine;
use super::{Peer, options};
use crate::support::{TIMEOUT, clock, is_alive, wait_until};

/// Number of kills, without the variable.
const KILLS: u64 = 100;

/// Pseudorandom numbers, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Sources of one machine, as a window sees them.
struct View {
    remotes: Remotes,
    events: mpsc::Receiver<RemoteEvent>,
    state: RemoteState,
    is_complete: bool,
    sessions: HashSet<SessionKey>,
    runs: HashMap<RunId, Phase>,
}

impl View {
    /// Windows have different seeds, from which the tokens of their calls are made.
    fn new(peer: &Peer, seed: u64) -> Self {
        let options = RemoteOptions { seed, ..options(None) };
        let (remotes, events) = Remotes::start(&[peer.source("box")], &options);
        let state = RemoteState::Connecting;
        Self { remotes, events, state, is_complete: false, sessions: HashSet::new(), runs: HashMap::new() }
    }

    fn apply(&mut self, event: RemoteEvent) {
        match event {
            RemoteEvent::State(status) => self.state = status.state,
            RemoteEvent::Sessions { change, complete, .. } => {
                change.removed.iter().for_each(|key| _ = self.sessions.remove(key));
                self.sessions.extend(change.sessions.iter().map(|session| session.key.clone()));
                self.is_complete = complete;
            }
            RemoteEvent::Live(LiveEvent::Run(info)) => drop(self.runs.insert(info.id.clone(), info.phase.clone())),
            RemoteEvent::Live(LiveEvent::Gone(run)) => drop(self.runs.remove(&run)),
            _ => {}
        }
    }

    /// Applies events until a condition holds.
    async fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + TIMEOUT;
        while !is_so(self) {
            let wait = tokio::time::timeout(Duration::from_millis(50), self.events.recv());
            if let Ok(event) = wait.await {
                self.apply(event.expect("the sources run"));
            }
            assert!(Instant::now() < deadline, "{what}: {:?} {:?}", self.state, self.runs);
        }
    }

    /// Applies the events of some time.
    async fn during(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Ok(event) = tokio::time::timeout_at(end.into(), self.events.recv()).await {
            self.apply(event.expect("the sources run"));
        }
    }

    async fn call(&mut self, call: Call) -> Result<Reply, salon::domain::run::Refusal> {
        let reply = self.remotes.call("box", call);
        tokio::pin!(reply);
        loop {
            tokio::select! {
                reply = &mut reply => return reply,
                event = self.events.recv() => self.apply(event.expect("the sources run")),
            }
        }
    }

    fn stop(self) {
        drop(self.events);
        self.remotes.stop();
    }
}

fn start(directory: PathBuf, prompt: &str) -> Call {
    let start = RunStart::new(Conversation::New { id: None }, directory);
    Call::OpenRun { agent: Agent::Claude, start, prompt: Some(prompt.to_owned()) }
}

#[tokio::test]
async fn kills_at_random_moments_of_a_list_a_search_and_a_turn_lose_and_repeat_nothing() {
    let kills = std::env::var("SALON_REMOTE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let machine = Machine::new();
    let mut view = View::new(&machine.peer, 1);
    view.until("the list", |view| view.is_complete).await;
    let Ok(Reply::Run(there)) = view.call(start(machine.project(), "say hello")).await else { panic!("a run") };
    let run = there.on("box");
    let is_idle = |view: &View| view.runs.get(&run) == Some(&Phase::Idle);
    view.until("the first turn ends", is_idle).await;
    view.until("its session is listed", |view| !view.sessions.is_empty()).await;
    let (mut random, mut expected) = (Random(17), vec!["say hello".to_owned()]);
    let mut replies = Vec::new();
    for round in 0..kills {
        match round % 3 {
            0 => {
                let text = format!("say number {round}");
                expected.push(text.clone());
                let call = Call::Request(RunRequest::Submit { run: there.clone(), text });
                replies.push(tokio::spawn(view.remotes.call("box", call)));
            }
            1 => {
                let request =
                    SearchRequest { query: format!("hello{}", round % 4), order: SearchOrder::Time, within: None };
                view.remotes.index(None, &IndexCall::Search { request, now: clock() });
            }
            // The list comes by itself with each connection.
            _ => {}
        }
        view.during(Duration::from_millis(random.below(60))).await;
        if random.below(4) == 0 {
            // A network that is silent for a while before it breaks.
            machine.peer.pause_newest(Duration::from_millis(random.below(40)));
        }
        let before = machine.peer.pids().len();
        machine.peer.kill_if_alive();
        view.during(Duration::from_millis(random.below(20))).await;
        view.remotes.retry();
        view.until("it is connected again", |view| {
            machine.peer.pids().len() > before && view.state == RemoteState::Connected
        })
        .await;
    }
    view.until("the list is complete", |view| view.is_complete).await;
    view.until("the last turn ends", |view| is_idle(view) && machine.agents.prompts().len() >= expected.len()).await;
    for reply in replies {
        assert!(matches!(reply.await.expect("the task ends"), Ok(Reply::Done)));
    }
    let mut prompts = machine.agents.prompts();
    prompts.sort();
    expected.sort();
    assert_eq!(prompts, expected, "each once");
    assert_eq!(view.sessions.len(), 1);
    let pids = machine.peer.pids();
    println!("{kills} kills, {} connections", pids.len());
    view.remotes.call_without_reply("box", Call::Shutdown);
    view.until("the run is gone", |view| view.runs.is_empty()).await;
    view.stop();
    wait_until("no process is left", || pids.iter().all(|pid| !is_alive(*pid)));
    machine.agents.assert_all_exited();
}

#[tokio::test]
async fn two_salons_on_one_machine_see_the_same_runs_and_send_each_prompt_once() {
    let machine = Machine::new();
    let (mut first, mut second) = (View::new(&machine.peer, 1), View::new(&machine.peer, 1 << 40));
    first.until("the list", |view| view.is_complete).await;
    second.until("the list", |view| view.is_complete).await;
    let Ok(Reply::Run(there)) = first.call(start(machine.project(), "say hello")).await else { panic!("a run") };
    let run = there.on("box");
    // A window that is connected already when the background process starts sees it with its next call.
    let queue = second.call(Call::Queue { run: there.clone() }).await;
    assert!(matches!(queue, Ok(Reply::Queue(_))), "{queue:?}");
    second.until("the other one sees the run", |view| view.runs.contains_key(&run)).await;
    let submit = |text: &str| Call::Request(RunRequest::Submit { run: there.clone(), text: text.to_owned() });
    let submitted = second.call(submit("say from the second")).await;
    assert!(matches!(submitted, Ok(Reply::Done)), "{submitted:?}");
    assert!(matches!(first.call(submit("say from the first")).await, Ok(Reply::Done)));
    // One of them goes away; the other one and the run stay.
    first.stop();
    second
        .until("all turns end", |view| view.runs.get(&run) == Some(&Phase::Idle) && machine.agents.prompts().len() >= 3)
        .await;
    let prompts: Vec<Arc<str>> = machine.agents.prompts().into_iter().map(Arc::from).collect();
    let expected: Vec<Arc<str>> = ["say hello", "say from the second", "say from the first"].map(Arc::from).into();
    assert_eq!(prompts, expected);
    second.remotes.call_without_reply("box", Call::Shutdown);
    second.until("the run is gone", |view| view.runs.is_empty()).await;
    second.stop();
    machine.agents.assert_all_exited();
}
