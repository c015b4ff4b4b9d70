//! Memory of salon while four agents stream without an end, each with a viewer: it must not grow (check C22).
//!
//! `SALON_SOAK_SECONDS=3600 cargo bench --bench soak` runs for an hour; without the variable it runs for a minute. Prints
//! the memory at each tenth of the time, and ends with an error if it ever exceeds what the rings may hold, or if the second
//! half needs 10 % more than the first.

#![allow(clippy::disallowed_methods, reason = "benches read files of the kernel")]

mod stage;

use std::time::{Duration, Instant};

use salon::live::history::BOUNDS;

use stage::Stage;

/// Agents that stream at the same time.
const AGENTS: usize = 4;

/// Pieces of text per turn. The next turn follows at once.
const PIECES: u32 = 50_000;

/// Maximum memory above that of the start: the full rings, and as much again for what an allocator does not return.
const MAX_GROWTH: u64 = (AGENTS * BOUNDS.bytes * 2) as u64;

fn main() {
    if std::env::args().any(|arg| arg == "--list") {
        return;
    }
    let seconds = std::env::var("SALON_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let duration = Duration::from_secs(seconds);
    let stage = Stage::new(|options| options.limits.runs = AGENTS);
    let start = memory();
    let (halves, turns, pieces) = stage.runtime.block_on(soak(&stage, duration));
    let [first, second] = halves;
    println!("{turns} turns with {pieces} pieces in {seconds} s, at most {} MB, then {} MB", first >> 20, second >> 20);
    assert!(second * 10 <= first * 11, "the memory grows");
    assert!(first.max(second) <= start + MAX_GROWTH, "the memory grows above {} MB", (start + MAX_GROWTH) >> 20);
}

/// Streams for a time. Returns the largest memory of each half, and the numbers of turns and pieces.
async fn soak(stage: &Stage, duration: Duration) -> ([u64; 2], u64, u64) {
    let mut runs = Vec::new();
    for _ in 0..AGENTS {
        let run = stage.begin("say ready").await;
        stage.idle(&run, 1).await;
        stage.read_all(&run);
        runs.push((run, 1));
    }
    let begun = Instant::now();
    let (mut halves, mut next, mut turns) = ([0; 2], 0, 0);
    while begun.elapsed() < duration {
        for (run, turn) in &mut runs {
            let viewer = stage.live.watch(run).expect("the run");
            if viewer.info().turn.0 == *turn && viewer.info().queued == 0 && viewer.info().last_outcome.is_some() {
                stage.live.submit(run, format!("flood {PIECES}")).await.expect("accepted");
                (*turn, turns) = (*turn + 1, turns + 1);
            }
        }
        let used = memory();
        let elapsed = begun.elapsed();
        let half = usize::from(elapsed * 2 > duration);
        halves[half] = halves[half].max(used);
        if elapsed >= duration * next / 10 {
            println!("{:>5} s: {:>4} MB, {turns} turns", elapsed.as_secs(), used >> 20);
            next += 1;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stage.live.clone().shutdown().await;
    (halves, turns, turns * u64::from(PIECES))
}

/// Memory of this process in bytes.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the status of this process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("the memory");
    let kilobytes: u64 = line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number");
    kilobytes << 10
}
