//! Recovery after a kill: children are ended, prompts are kept, and nothing is sent automatically.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use salon::domain::prompt::PromptState;
use salon::domain::run::{Conversation, RunId, TurnOutcome};
use salon::domain::{Agent, SessionKey, SessionState, Time};
use salon::live::identity::{OWNER_VARIABLE, identify, owner_mark};
use salon::live::options::DeliveryCheck;
use salon::live::recover::recover;
use salon::live::{Live, LiveEvent, LiveOptions};
use salon::store::registry::{self, ChildRecord, ProcessId, RunRecord};
use salon::store::{Connection, Store, approvals, leased_sessions, outbox};

use super::harness::{Harness, Sandbox};
use crate::support::{TIMEOUT, clock, end, is_alive, wait_until};

/// A process that has ended.
const DEAD: ProcessId = ProcessId { pid: 999_999_999, start: 1 };

/// A delivery check with a constant answer.
fn always(answer: Option<bool>) -> DeliveryCheck {
    Arc::new(move |_, _| answer)
}

fn this_process() -> ProcessId {
    salon::live::this_process()
}

/// A run of a dead process with one sending and one pending prompt.
fn abandoned_run(db: &mut Connection, sandbox: &Sandbox) -> RunId {
    let run = RunId("left".into());
    let record = RunRecord {
        id: run.clone(),
        agent: Agent::Claude,
        session: Some(SessionKey::new(Agent::Claude, "33333333-3333-4333-8333-333333333333")),
        cwd: sandbox.project().to_string_lossy().into_owned(),
        model: None,
        effort: None,
        created: clock(),
        last_activity: clock(),
    };
    registry::acquire(db, &record, DEAD, |_| false).expect("recorded").expect("held by the dead");
    outbox::enqueue(db, &run, "say sent", clock()).expect("accepted");
    outbox::enqueue(db, &run, "say waiting", clock()).expect("accepted");
    outbox::claim(db, &run, clock()).expect("claim").expect("the first");
    run
}

fn states(store: &Store, run: &RunId) -> Vec<(String, PromptState, Option<String>)> {
    let queue = store.with(|db| outbox::queue(db, run)).expect("the queue");
    queue.into_iter().map(|prompt| (prompt.text, prompt.state, prompt.reason)).collect()
}

#[test]
fn d7_d9_c8_prompts_without_proof_of_delivery_are_held() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    let run = store.with(|db| Ok(abandoned_run(db, &sandbox))).expect("left");
    let recovered = recover(&store, this_process(), &always(Some(false))).expect("recovered");
    assert_eq!(recovered.held, std::slice::from_ref(&run));
    let (unsure, unsent) = ("may not have been delivered", "salon ended before it was sent");
    assert_eq!(
        states(&store, &run),
        [
            ("say sent".into(), PromptState::Held, Some(unsure.into())),
            ("say waiting".into(), PromptState::Held, Some(unsent.into())),
        ]
    );
    assert!(recover(&store, this_process(), &always(None)).expect("again").held.is_empty());
}

#[test]
fn d8_prompts_found_in_the_transcript_are_delivered() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    let run = store.with(|db| Ok(abandoned_run(db, &sandbox))).expect("left");
    let arrived: DeliveryCheck =
        Arc::new(|key, prompt| Some(key.id.starts_with("3333") && prompt.text == "say sent" && prompt.sent.is_some()));
    recover(&store, this_process(), &arrived).expect("recovered");
    assert_eq!(states(&store, &run).iter().map(|state| state.0.as_str()).collect::<Vec<_>>(), ["say waiting"]);
}

#[test]
fn d8_a_prompt_that_is_looked_up_is_not_held_meanwhile() {
    let sandbox = Sandbox::new();
    let (store, other) = (sandbox.store(), sandbox.store());
    let run = store.with(|db| Ok(abandoned_run(db, &sandbox))).expect("left");
    let looked_up = Arc::new(AtomicBool::new(false));
    let (seen, of) = (looked_up.clone(), run.clone());
    let arrived: DeliveryCheck = Arc::new(move |_, prompt| {
        assert_eq!(states(&other, &of)[0].1, PromptState::Sending, "no other process can release or cancel it");
        let from = [PromptState::Held, PromptState::Failed];
        assert!(!other.with(|db| outbox::release(db, prompt.id, &from, None)).expect("refused"));
        seen.store(true, Ordering::Relaxed);
        Some(true)
    });
    assert_eq!(recover(&store, this_process(), &arrived).expect("recovered").held, std::slice::from_ref(&run));
    assert!(looked_up.load(Ordering::Relaxed));
    assert_eq!(states(&store, &run).iter().map(|state| state.0.as_str()).collect::<Vec<_>>(), ["say waiting"]);
}

#[test]
fn d10_a_run_that_is_taken_over_during_the_lookup_is_left_to_the_other_process() {
    let sandbox = Sandbox::new();
    let (store, other) = (sandbox.store(), sandbox.store());
    let run = store.with(|db| Ok(abandoned_run(db, &sandbox))).expect("left");
    let of = run.clone();
    let arrived: DeliveryCheck = Arc::new(move |_, _| {
        let parent = identify(std::os::unix::process::parent_id()).expect("our parent");
        other.with(|db| registry::take_lease(db, &of, parent, |holder| holder == DEAD)).expect("taken").expect("over");
        Some(true)
    });
    assert!(recover(&store, this_process(), &arrived).expect("recovered").held.is_empty());
    let left = states(&store, &run);
    assert_eq!([left[0].1, left[1].1], [PromptState::Sending, PromptState::Pending]);
}

#[test]
fn d8_a_run_whose_prompts_all_arrived_is_not_reported_as_held() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    let run = store.with(|db| Ok(abandoned_run(db, &sandbox))).expect("left");
    let waiting = store.with(|db| outbox::queue(db, &run)).expect("the queue")[1].id;
    let pending = [PromptState::Pending];
    store.with(|db| outbox::advance(db, waiting, &pending, PromptState::Cancelled, None)).expect("cancelled");
    assert!(recover(&store, this_process(), &always(Some(true))).expect("recovered").held.is_empty());
    assert_eq!(states(&store, &run), []);
}

#[tokio::test]
async fn d8_a_session_that_is_taken_over_resolves_what_was_being_sent_before_it_runs() {
    // A reader may fail in the middle of a lookup.
    for arrived in [Some(true), Some(false), None] {
        let harness = Harness::new();
        let run = harness.begin("say one").await;
        let session = harness.done(&run, 1).await.session.clone().expect("a session");
        harness.live.clone().shutdown().await;
        let other = harness.sandbox.store();
        let of = run.clone();
        let check: DeliveryCheck = Arc::new(move |_, prompt| {
            if prompt.text == "say two" {
                assert_eq!(states(&other, &of)[0].1, PromptState::Sending, "neither held nor sent");
                assert!(arrived.is_some(), "the lookup fails");
            }
            Some(arrived != Some(false))
        });
        let harness = Harness::at(harness.sandbox, |options| options.is_delivered = check);
        // The recovery at the start is done when a run can be opened.
        let ready = harness.begin("say ready").await;
        harness.done(&ready, 1).await;
        let store = harness.sandbox.store();
        store.with(|db| registry::take_lease(db, &run, DEAD, |_| true)).expect("taken").expect("over");
        let id = store.with(|db| outbox::enqueue(db, &run, "say two", clock())).expect("accepted");
        store.with(|db| outbox::claim(db, &run, clock())).expect("claim").expect("claimed");
        let mut opening = harness.sandbox.opening();
        opening.conversation = Conversation::Resume(session.id.clone());
        assert_eq!(harness.live.open_run(Agent::Claude, opening, None).await, Ok(run.clone()));
        let state = store.with(|db| outbox::find(db, id)).expect("read").expect("kept").state;
        let is_delivered = arrived == Some(true);
        assert_eq!(state, if is_delivered { PromptState::Delivered } else { PromptState::Held });
        let refusal = harness.live.cancel_prompt(id).await;
        assert_eq!(refusal.is_ok(), !is_delivered);
        if let Err(refusal) = refusal {
            assert!(format!("{refusal:?}").contains("the prompt was delivered"), "{refusal:?}");
        }
        assert_eq!(harness.sandbox.prompts(), ["say one", "say ready"]);
    }
}

#[test]
fn a_leased_session_waits_since_its_question_and_works_since_its_prompt() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    let leased = || leased_sessions::read(&sandbox.path().join("data/state.db")).expect("read").remove(0);
    let run = store.with(|db| Ok(abandoned_run(db, &sandbox))).expect("left");
    let ended = Time::from_millis(1_000);
    store.with(|db| db.execute("UPDATE runs SET last_activity = 1000", [])).expect("an older turn");
    let sent = store.with(|db| outbox::queue(db, &run)).expect("the queue")[0].sent.expect("sent");
    assert_eq!((leased().state, leased().since), (SessionState::Working, sent));
    store.with(|db| db.execute("INSERT INTO questions VALUES ('left', 'q', 7000, '', '', NULL)", [])).expect("asked");
    assert_eq!((leased().state, leased().since), (SessionState::NeedsYou, Time::from_millis(7_000)));
    store.with(|db| db.execute_batch("DELETE FROM questions; DELETE FROM prompts")).expect("idle");
    assert_eq!((leased().state, leased().since), (SessionState::Idle, ended));
}

#[test]
fn d10_prompts_of_a_live_process_are_left_alone() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    let run = store.with(|db| Ok(abandoned_run(db, &sandbox))).expect("left");
    let parent = identify(std::os::unix::process::parent_id()).expect("our parent");
    store.with(|db| registry::take_lease(db, &run, parent, |_| true)).expect("taken").expect("over");
    assert!(recover(&store, this_process(), &always(Some(true))).expect("recovered").held.is_empty());
    assert_eq!(states(&store, &run)[0].1, PromptState::Sending);
}

#[tokio::test]
async fn d7_nothing_is_sent_automatically_and_a_release_sends_once() {
    let harness = Harness::new();
    // A session that the agent has stored.
    let known = harness.begin("say one").await;
    let session = harness.done(&known, 1).await.session.clone().expect("a session");
    harness.live.clone().shutdown().await;
    let store = harness.sandbox.store();
    store.with(|db| registry::take_lease(db, &known, DEAD, |_| true)).expect("taken").expect("over");
    let id = store.with(|db| outbox::enqueue(db, &known, "say two", clock())).expect("accepted");
    let mut harness = Harness::at(harness.sandbox, |_| {});
    let held = harness.event(|event| match event {
        LiveEvent::Queued(run, queue) if *run == known => Some(queue[0].state),
        _ => None,
    });
    assert_eq!(held.await, PromptState::Held);
    let mut opening = harness.sandbox.opening();
    opening.conversation = Conversation::Resume(session.id.clone());
    assert_eq!(harness.live.open_run(Agent::Claude, opening, None).await, Ok(known.clone()));
    assert_eq!(harness.info(&known).turn.0, 0);
    assert_eq!(harness.sandbox.prompts(), ["say one"]);
    harness.live.release_prompt(id).await.expect("released");
    assert_eq!(harness.done(&known, 1).await.last_outcome, Some(TurnOutcome::Done));
    assert!(harness.live.release_prompt(id).await.is_err(), "it was sent");
    assert_eq!(harness.sandbox.prompts(), ["say one", "say two"]);
}

/// A program in its own process group, killed on drop.
struct Sleeper(Child);

impl Drop for Sleeper {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

fn sleeper() -> Sleeper {
    use std::os::unix::process::CommandExt;
    let child = Command::new("sleep").arg("60").stdout(Stdio::null()).process_group(0).spawn().expect("sleep");
    // The system reports the program name with a short delay after the start.
    while !salon::stdx::process::is_program(child.id(), "sleep") {
        std::thread::yield_now();
    }
    Sleeper(child)
}

#[test]
fn e17_exactly_the_recorded_orphans_are_ended() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    let mut children: Vec<Sleeper> = (0..4).map(|_| sleeper()).collect();
    let ids: Vec<ProcessId> = children.iter().map(|child| identify(child.0.id()).expect("alive")).collect();
    let parent = identify(std::os::unix::process::parent_id()).expect("our parent");
    let records = [
        ChildRecord { child: ids[0], program: "sleep".into(), holder: DEAD },
        // A reused pid, another program, and a live holder.
        ChildRecord { child: ProcessId { start: ids[1].start ^ 1, ..ids[1] }, program: "sleep".into(), holder: DEAD },
        ChildRecord { child: ids[2], program: "claude".into(), holder: DEAD },
        ChildRecord { child: ids[3], program: "sleep".into(), holder: parent },
    ];
    for record in &records {
        store.with(|db| registry::record_child(db, record)).expect("recorded");
    }
    let reaper = std::thread::spawn({
        let mut first = children.remove(0);
        move || first.0.wait()
    });
    let recovered = recover(&store, this_process(), &always(None)).expect("recovered");
    reaper.join().expect("reaped").expect("ended");
    assert_eq!(recovered.ended, records[..1]);
    let alive: Vec<bool> = ids.iter().map(|id| identify(id.pid) == Some(*id)).collect();
    assert_eq!(alive, [false, true, true, true]);
    let left = store.with(|db| registry::children(db)).expect("read");
    assert_eq!(left.iter().map(|record| record.child).collect::<Vec<_>>(), [ids[3]]);
}

#[tokio::test]
async fn children_of_a_server_that_is_still_ending_are_recovered_after_its_end() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    let (mut server, mut child) = (sleeper(), sleeper());
    let [holder, orphan] = [&server, &child].map(|process| identify(process.0.id()).expect("alive"));
    let record = ChildRecord { child: orphan, program: "sleep".into(), holder };
    store.with(|db| registry::record_child(db, &record)).expect("recorded");
    let reaper = std::thread::spawn(move || child.0.wait());
    let options =
        LiveOptions { predecessor: Some(holder), ..LiveOptions::new(store.clone(), Vec::new(), clock, this_process()) };
    let (live, mut events) = Live::start(options);
    // The recovery has begun, while the server lives.
    let first = tokio::time::timeout(TIMEOUT, events.recv()).await;
    assert!(matches!(first, Ok(Some(LiveEvent::Recorded(_)))), "{first:?}");
    end(&mut server.0);
    wait_until("the orphan has ended", || !is_alive(orphan.pid));
    reaper.join().expect("reaped").expect("ended");
    live.shutdown().await;
}

#[test]
fn d25_thousands_of_held_prompts_do_not_slow_the_start() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    let fill = |db: &mut Connection| {
        let transaction = db.transaction()?;
        for at in 0..10_000 {
            transaction.execute(
                "INSERT INTO prompts (run, position, text, state, submitted) VALUES (?1, ?2, 'x', 'held', 1)",
                (format!("run-{}", at % 500), at),
            )?;
        }
        transaction.commit()
    };
    store.with(fill).expect("filled");
    let steps = |sql: &str| -> Vec<String> {
        let plan = |db: &mut Connection| {
            let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let rows = statement.query_map([], |row| row.get(3))?;
            rows.collect()
        };
        store.with(plan).expect("a plan")
    };
    let plan = steps("SELECT DISTINCT run FROM prompts WHERE state IN ('pending', 'sending')");
    assert!(plan.iter().any(|step| step.contains("prompts_moving")), "{plan:?}");
    let begun = Instant::now();
    assert!(recover(&store, this_process(), &always(None)).expect("recovered").held.is_empty());
    println!("a start with 10,000 held prompts: {:?}", begun.elapsed());
}

#[test]
fn b23_two_processes_record_runs_at_once() {
    let sandbox = Sandbox::new();
    let record = |name: &str, at: usize| RunRecord {
        id: RunId(format!("{name}-{at}").into()),
        agent: Agent::Claude,
        session: Some(SessionKey::new(Agent::Claude, format!("session-{at}"))),
        cwd: "/".into(),
        model: None,
        effort: None,
        created: clock(),
        last_activity: clock(),
    };
    let parent = identify(std::os::unix::process::parent_id()).expect("our parent");
    let take = |name: &'static str, this_process: ProcessId| {
        let store = sandbox.store();
        std::thread::spawn(move || {
            let mine = |at: &usize| {
                let wanted = record(name, *at);
                store.with(|db| registry::acquire(db, &wanted, this_process, |_| false)).expect("adopt").is_ok()
            };
            (0..50).filter(mine).count()
        })
    };
    let threads = [take("a", this_process()), take("b", parent)];
    let taken: usize = threads.into_iter().map(|thread| thread.join().expect("joined")).sum();
    assert_eq!(taken, 50, "each session has one holder");
    let count = sandbox.store().with(|db| db.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0)));
    assert_eq!(count.expect("count"), 50);
}

/// Repeats an operation while the database is locked: `SQLite` lets one of two writers wait for as long as its time limit.
/// An operation that was refused has changed nothing.
fn unless_busy<T>(operation: impl Fn() -> salon::store::Result<T>) -> T {
    loop {
        match operation() {
            Ok(done) => return done,
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn d6_ten_thousand_prompts_are_each_claimed_once_by_two_claimants() {
    const PROMPTS: u32 = 10_000;
    let sandbox = Sandbox::new();
    let run = RunId("raced".into());
    // One writer and two claimants, each with its own connection.
    let work = |run: RunId, store: Arc<Store>| {
        std::thread::spawn(move || {
            let mut taken = Vec::new();
            let mut idle = 0;
            while idle < 2_000 {
                let Some(prompt) = unless_busy(|| store.with(|db| outbox::claim(db, &run, clock()))) else {
                    idle += 1;
                    std::thread::yield_now();
                    continue;
                };
                idle = 0;
                taken.push(prompt.id);
                let from = [PromptState::Sending];
                let advance = |db: &mut Connection| outbox::advance(db, prompt.id, &from, PromptState::Delivered, None);
                assert!(unless_busy(|| store.with(advance)), "advanced");
            }
            taken
        })
    };
    let store = sandbox.store();
    let fill = |db: &mut Connection| {
        let transaction = db.transaction()?;
        for at in 0..PROMPTS {
            transaction.execute(
                "INSERT INTO prompts (run, position, text, state, submitted) VALUES ('raced', ?1, 'x', 'pending', 1)",
                [at],
            )?;
        }
        transaction.commit()
    };
    store.with(fill).expect("filled");
    let takers = [work(run.clone(), sandbox.store()), work(run.clone(), sandbox.store())];
    let mut taken: Vec<_> = takers.into_iter().flat_map(|taker| taker.join().expect("joined")).collect();
    let all = taken.len();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!((all, taken.len()), (PROMPTS as usize, PROMPTS as usize));
}

/// A group whose leader has ended and left a member, which ignores TERM and carries the variable.
fn leaderless_group(owner: Option<ProcessId>) -> (ProcessId, u32) {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' TERM; sleep 600 >/dev/null 2>&1 </dev/null & echo $!; read end"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0);
    if let Some(owner) = owner {
        shell.env(OWNER_VARIABLE, owner_mark(owner));
    }
    let mut leader = shell.spawn().expect("sh");
    let id = identify(leader.id()).expect("alive");
    let mut line = String::new();
    BufReader::new(leader.stdout.take().expect("stdout")).read_line(&mut line).expect("a pid");
    drop(leader.stdin.take());
    leader.wait().expect("the leader ends");
    (id, line.trim().parse().expect("a pid"))
}

#[test]
fn f10_members_that_outlived_their_leader_are_ended_if_they_carry_the_mark() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    let (ours, other) = (leaderless_group(Some(DEAD)), leaderless_group(None));
    for (leader, _) in [ours, other] {
        let record = ChildRecord { child: leader, program: "sh".into(), holder: DEAD };
        store.with(|db| registry::record_child(db, &record)).expect("recorded");
    }
    let recovered = recover(&store, this_process(), &always(None)).expect("recovered");
    let ended: Vec<_> = recovered.ended.iter().map(|record| record.child).collect();
    let alive = [ours.1, other.1].map(is_alive);
    let pid = rustix::process::Pid::from_raw(other.1.cast_signed()).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
    assert_eq!((ended, alive), (vec![ours.0], [false, true]));
    assert!(store.with(|db| registry::children(db)).expect("read").is_empty());
}

#[test]
fn f3_an_orphan_may_finish_writing_before_it_is_ended() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    let run = store.with(|db| Ok(abandoned_run(db, &sandbox))).expect("left");
    let mut orphan = sleeper();
    let id = identify(orphan.0.id()).expect("alive");
    let record = ChildRecord { child: id, program: "sleep".into(), holder: DEAD };
    store.with(|db| registry::record_child(db, &record)).expect("recorded");
    let reaper = std::thread::spawn(move || orphan.0.wait());
    // The record contains the prompt at the third look, while the orphan is alive.
    let looks = std::sync::atomic::AtomicU32::new(0);
    let written: DeliveryCheck = Arc::new(move |_, prompt| {
        let count = looks.fetch_add(1, Ordering::Relaxed);
        assert!(count >= 3 || identify(id.pid) == Some(id), "the orphan was ended before it had written");
        Some(prompt.text == "say sent" && count >= 2)
    });
    let recovered = recover(&store, this_process(), &written).expect("recovered");
    reaper.join().expect("reaped").expect("ended");
    assert_eq!(recovered.ended.len(), 1);
    assert_eq!(states(&store, &run).iter().map(|state| state.0.as_str()).collect::<Vec<_>>(), ["say waiting"]);
}

#[test]
fn approvals_of_a_dead_process_are_removed() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    let run = store.with(|db| Ok(abandoned_run(db, &sandbox))).expect("left");
    let insert = "INSERT INTO questions (run, id, since, text, choices) VALUES ('left', '1', 1, 'Bash: ls', '[]')";
    store.with(|db| db.execute(insert, [])).expect("an approval");
    assert_eq!(store.with(|db| approvals::of_run(db, &run)).expect("read").len(), 1);
    recover(&store, this_process(), &always(Some(false))).expect("recovered");
    assert!(store.with(|db| approvals::of_run(db, &run)).expect("read").is_empty());
}
