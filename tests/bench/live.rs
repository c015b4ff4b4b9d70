//! Overhead of salon in a conversation with scripted agents: from Enter to the agent's stdin, waking a run, replaying a
//! full ring, and the output of four agents at once.

mod stage;

use std::time::{Duration, Instant};

use divan::Bencher;
use salon::domain::event::{Delta, EntryKey, Event, EventBody};
use salon::domain::run::{RunId, TurnNumber};
use salon::domain::run_event::{RingCursor, RunEventKind};
use salon::live::history::RunHistory;
use salon::store::Store;

use stage::{Stage, clock};

fn main() {
    divan::main();
}

/// From Enter until the prompt is committed, claimed and written to the agent's pipe: at most 5 ms.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn enter_to_stdin(bencher: Bencher) {
    let stage = Stage::new(|_| {});
    let run = stage.runtime.block_on(stage.begin("say one"));
    stage.runtime.block_on(stage.idle(&run, 1));
    let turn = std::cell::Cell::new(1);
    bencher.bench_local(|| {
        turn.set(turn.get() + 1);
        stage.runtime.block_on(async {
            stage.live.submit(&run, "say more".into()).await.expect("accepted");
            stage.given(&run, turn.get()).await;
        });
    });
    stage.runtime.block_on(stage.idle(&run, turn.get()));
    stage.runtime.block_on(stage.live.clone().shutdown());
}

/// The commit alone.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn commit_of_a_prompt(bencher: Bencher) {
    let dir = tempfile::tempdir().expect("a scratch directory");
    let store = Store::open(&dir.path().join("state.db"), clock()).expect("state.db").store;
    let run = RunId("bench".into());
    #[expect(clippy::disallowed_methods, reason = "the wait for the disk is measured")]
    bencher.bench_local(|| {
        store.with(|db| salon::store::outbox::enqueue(db, &run, "say more", clock())).expect("accepted")
    });
}

/// A new viewer receives a full ring: at most 5 ms.
#[divan::bench]
fn replay_of_a_full_ring(bencher: Bencher) {
    let mut history = RunHistory::new(1);
    let text = "0123456789abcdef".repeat(512);
    for at in 0..2000 {
        let body = EventBody::Text(Delta::Append(text.clone()));
        history.push(TurnNumber(1), RunEventKind::Event(Event { key: EntryKey::new("m", at), time: None, body }));
    }
    bencher.bench(|| history.since(RingCursor { epoch: 1, next: 0 }));
}

/// Four agents send 20,000 deltas each as fast as they can, with a viewer per agent. Reported in deltas per second.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn flood_of_four(bencher: Bencher) {
    const PIECES: u32 = 20_000;
    let stage = Stage::new(|_| {});
    let runs: Vec<RunId> = (0..4).map(|_| stage.runtime.block_on(stage.begin("say ready"))).collect();
    for run in &runs {
        stage.runtime.block_on(stage.idle(run, 1));
    }
    let turn = std::cell::Cell::new(1);
    let took = std::cell::Cell::new(Duration::MAX);
    bencher.bench_local(|| {
        turn.set(turn.get() + 1);
        let begun = Instant::now();
        stage.runtime.block_on(async {
            for run in &runs {
                stage.live.submit(run, format!("flood {PIECES}")).await.expect("accepted");
            }
            for run in &runs {
                stage.idle(run, turn.get()).await;
            }
        });
        took.set(took.get().min(begun.elapsed()));
    });
    println!("  {:.0} pieces a second", f64::from(4 * PIECES) / took.get().as_secs_f64());
    stage.runtime.block_on(stage.live.clone().shutdown());
}
