//! Figures of running agents, each with its limit: the second turn of a warm agent, the eviction of an idle one, the CPU
//! time of eight idle ones, a viewer that attaches to a server, and a run with fifty viewers.
//!
//! `cargo bench --bench backends`. Ends with an error if a figure is above its limit.

#![allow(clippy::disallowed_methods, reason = "benches read files of the kernel")]

mod stage;

use std::time::{Duration, Instant};

use salon::domain::run::{Phase, RunId, StopReason};
use salon::domain::run_event::RingCursor;
use salon::serve::message::{Call, Reply};
use salon::serve::socket::ServeSocket;
use salon::serve::{Client, server};

use stage::Stage;

/// Time for which the CPU time of idle agents is measured.
const IDLE: Duration = Duration::from_secs(20);

/// CPU time of a tick of the kernel's clock.
const TICK: Duration = Duration::from_millis(10);

fn main() {
    // The test runner asks for the list of tests.
    if std::env::args().any(|arg| arg == "--list") {
        return;
    }
    let mut failed = false;
    let mut report = |what: &str, measured: Duration, limit: Duration| {
        let mark = if measured <= limit { "ok" } else { "ABOVE THE LIMIT" };
        failed |= measured > limit;
        println!("{what}: {measured:.2?}, at most {limit:.2?}: {mark}");
    };
    report("second turn, from Enter to the agent's stdin (median of 50)", second_turn(), Duration::from_millis(10));
    report("eviction, until the process is gone (slowest of 5)", eviction(), Duration::from_secs(1));
    let (one, fifty) = (flood(1), flood(50));
    println!("flood of 20,000 pieces with 1 viewer {one:.2?}, with 50 viewers {fifty:.2?}");
    report("a run with 50 viewers", fifty, one * 2);
    report("attach over the socket with 1,000 held events (median of 20)", attach(), Duration::from_millis(10));
    report(&format!("CPU time of 8 idle agents and salon in {IDLE:.0?}"), idle(), TICK * 2);
    assert!(!failed, "a figure is above its limit");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn second_turn() -> Duration {
    let stage = Stage::new(|_| {});
    stage.runtime.block_on(async {
        let run = stage.begin("say one").await;
        stage.idle(&run, 1).await;
        let mut times = Vec::new();
        for turn in 2..52 {
            let mut viewer = stage.live.watch(&run).expect("the run");
            let begun = Instant::now();
            stage.live.submit(&run, "say more".into()).await.expect("accepted");
            while viewer.info().turn.0 < turn {
                assert!(viewer.changed().await);
            }
            times.push(begun.elapsed());
            stage.idle(&run, turn).await;
        }
        stage.live.clone().shutdown().await;
        median(times)
    })
}

fn eviction() -> Duration {
    let idle = Duration::from_millis(100);
    let stage = Stage::new(|options| options.limits.idle = idle);
    stage.runtime.block_on(async {
        let mut slowest = Duration::ZERO;
        for _ in 0..5 {
            let run = stage.begin("say one").await;
            stage.idle(&run, 1).await;
            let ended = Instant::now();
            let gone = || {
                let info = stage.live.runs().into_iter().find(|info| info.id == run).expect("the run");
                info.phase == Phase::Stopped(StopReason::Evicted)
            };
            while !gone() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            slowest = slowest.max(ended.elapsed().saturating_sub(idle));
        }
        stage.live.clone().shutdown().await;
        slowest
    })
}

fn flood(viewers: usize) -> Duration {
    let stage = Stage::new(|_| {});
    stage.runtime.block_on(async {
        let run = stage.begin("say one").await;
        stage.idle(&run, 1).await;
        for _ in 0..viewers {
            stage.read_all(&run);
        }
        let begun = Instant::now();
        stage.live.submit(&run, "flood 20000".into()).await.expect("accepted");
        stage.idle(&run, 2).await;
        let took = begun.elapsed();
        stage.live.clone().shutdown().await;
        took
    })
}

fn attach() -> Duration {
    let stage = Stage::new(|_| {});
    stage.runtime.block_on(async {
        let socket = ServeSocket::listen(stage.dir.path()).expect("a socket");
        let path = socket.path().to_owned();
        let live = stage.live.clone();
        let (_sender, events) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move { server::listen(live, events, &socket, None, std::future::pending()).await });
        // Each call has four events.
        let run = stage.begin(&"run ls\n".repeat(250)).await;
        stage.idle(&run, 1).await;
        let mut times = Vec::new();
        let mut held = 0;
        for _ in 0..20 {
            let begun = Instant::now();
            let (client, _changes) = Client::connect(&path).await.expect("connected");
            let reply = client.call(Call::Since { run: run.clone(), cursor: RingCursor::default() }).await;
            times.push(begun.elapsed());
            let Ok(Reply::Replay(Some(replay))) = reply else { panic!("no replay: {reply:?}") };
            held = replay.events.len();
        }
        println!("attach: {held} events");
        assert!(held >= 1000);
        stage.live.clone().shutdown().await;
        median(times)
    })
}

fn idle() -> Duration {
    let stage = Stage::new(|options| options.limits.runs = 8);
    stage.runtime.block_on(async {
        let mut runs: Vec<RunId> = Vec::new();
        for _ in 0..8 {
            runs.push(stage.begin("say one").await);
        }
        for run in &runs {
            stage.idle(run, 1).await;
        }
        let pids: Vec<u32> = stage.live.runs().iter().filter_map(|info| info.pid).chain([std::process::id()]).collect();
        assert_eq!(pids.len(), 9);
        let used = |pids: &[u32]| -> u64 { pids.iter().map(|pid| ticks(*pid)).sum() };
        tokio::time::sleep(Duration::from_secs(1)).await;
        let before = used(&pids);
        tokio::time::sleep(IDLE).await;
        let after = used(&pids);
        stage.live.clone().shutdown().await;
        TICK * u32::try_from(after - before).unwrap_or(u32::MAX)
    })
}

/// CPU time of a process in ticks.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process lives");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    fields[11].parse::<u64>().expect("a number") + fields[12].parse::<u64>().expect("a number")
}
