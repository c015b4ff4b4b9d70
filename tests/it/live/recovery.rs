//! A salon that was killed: its children are ended, its prompts are kept, nothing is sent by itself.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use salon::domain::prompt::PromptState;
use salon::domain::run::{Conversation, Outcome, RunId};
use salon::domain::{Agent, SessionKey};
use salon::live::Event;
use salon::live::options::Arrived;
use salon::live::recover::{identify, recover};
use salon::store::registry::{self, ChildRecord, ProcessId, RunRecord};
use salon::store::{Connection, Store, outbox};

use super::stage::{Place, Stage};
use crate::support::{clock, end};

/// A process that was and is no more.
const DEAD: ProcessId = ProcessId { pid: 999_999_999, start: 1 };

/// A transcript that says so of every prompt.
fn always(answer: Option<bool>) -> Arrived {
    Box::new(move |_, _| answer)
}

fn me() -> ProcessId {
    salon::live::this_process()
}

/// A run of a dead salon with one prompt that was being sent and one that was not.
fn leave_behind(db: &mut Connection, place: &Place) -> RunId {
    let run = RunId("left".into());
    let record = RunRecord {
        id: run.clone(),
        agent: Agent::Claude,
        session: Some(SessionKey::new(Agent::Claude, "33333333-3333-4333-8333-333333333333")),
        cwd: place.project().to_string_lossy().into_owned(),
        model: None,
        effort: None,
        created: clock(),
        last_activity: clock(),
    };
    registry::adopt(db, &record, DEAD, |_| false).expect("recorded").expect("held by the dead");
    outbox::enqueue(db, &run, "say sent", clock()).expect("accepted");
    outbox::enqueue(db, &run, "say waiting", clock()).expect("accepted");
    outbox::claim(db, &run).expect("claim").expect("the first");
    run
}

fn states(store: &Store, run: &RunId) -> Vec<(String, PromptState, Option<String>)> {
    let queue = store.with(|db| outbox::queue(db, run)).expect("the queue");
    queue.into_iter().map(|prompt| (prompt.text, prompt.state, prompt.reason)).collect()
}

#[test]
fn d7_d9_c8_what_was_not_known_to_have_arrived_is_held() {
    let place = Place::new();
    let store = place.store();
    let run = store.with(|db| Ok(leave_behind(db, &place))).expect("left");
    let recovered = recover(&store, me(), &always(Some(false))).expect("recovered");
    assert_eq!(recovered.held, std::slice::from_ref(&run));
    let (unsure, unsent) = ("may not have been delivered", "salon ended before it was sent");
    assert_eq!(
        states(&store, &run),
        [
            ("say sent".into(), PromptState::Held, Some(unsure.into())),
            ("say waiting".into(), PromptState::Held, Some(unsent.into())),
        ]
    );
    assert!(recover(&store, me(), &always(None)).expect("again").held.is_empty());
}

#[test]
fn d8_what_stands_in_the_transcript_was_delivered() {
    let place = Place::new();
    let store = place.store();
    let run = store.with(|db| Ok(leave_behind(db, &place))).expect("left");
    let arrived: Arrived = Box::new(|key, text| Some(key.id.starts_with("3333") && text == "say sent"));
    recover(&store, me(), &arrived).expect("recovered");
    assert_eq!(states(&store, &run).iter().map(|state| state.0.as_str()).collect::<Vec<_>>(), ["say waiting"]);
}

#[test]
fn d10_what_a_living_salon_sends_is_left_to_it() {
    let place = Place::new();
    let store = place.store();
    let run = store.with(|db| Ok(leave_behind(db, &place))).expect("left");
    let parent = identify(std::os::unix::process::parent_id()).expect("our parent");
    store.with(|db| registry::take_lease(db, &run, parent, |_| true)).expect("taken").expect("over");
    assert!(recover(&store, me(), &always(Some(true))).expect("recovered").held.is_empty());
    assert_eq!(states(&store, &run)[0].1, PromptState::Sending);
}

#[tokio::test]
async fn d7_nothing_is_sent_by_itself_and_a_release_sends_once() {
    let stage = Stage::new();
    // A conversation that the agent knows.
    let known = stage.begin("say one").await;
    let session = stage.done(&known, 1).await.session.clone().expect("a session");
    stage.live.clone().shutdown().await;
    let store = stage.place.store();
    store.with(|db| registry::take_lease(db, &known, DEAD, |_| true)).expect("taken").expect("over");
    let id = store.with(|db| outbox::enqueue(db, &known, "say two", clock())).expect("accepted");
    let mut stage = Stage::at(stage.place, |_| {});
    let held = stage.told(|event| match event {
        Event::Queued(run, queue) if *run == known => Some(queue[0].state),
        _ => None,
    });
    assert_eq!(held.await, PromptState::Held);
    let mut opening = stage.place.opening();
    opening.conversation = Conversation::Resume(session.id.clone());
    assert_eq!(stage.live.begin(Agent::Claude, opening, None).await, Ok(known.clone()));
    assert_eq!(stage.info(&known).turn.0, 0);
    assert_eq!(stage.place.told(), ["say one"]);
    stage.live.release_prompt(id).await.expect("released");
    assert_eq!(stage.done(&known, 1).await.last, Some(Outcome::Done));
    assert!(stage.live.release_prompt(id).await.is_err(), "it was sent");
    assert_eq!(stage.place.told(), ["say one", "say two"]);
}

/// A program in a group of its own, killed with the value.
struct Sleeper(Child);

impl Drop for Sleeper {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

fn sleeper() -> Sleeper {
    use std::os::unix::process::CommandExt;
    let child = Command::new("sleep").arg("60").stdout(Stdio::null()).process_group(0).spawn().expect("sleep");
    // For a moment the system does not say what it is.
    while !salon::stdx::process::is_program(child.id(), "sleep") {
        std::thread::yield_now();
    }
    Sleeper(child)
}

#[test]
fn exactly_the_orphans_on_record_are_ended() {
    let place = Place::new();
    let store = place.store();
    let mut children: Vec<Sleeper> = (0..4).map(|_| sleeper()).collect();
    let ids: Vec<ProcessId> = children.iter().map(|child| identify(child.0.id()).expect("alive")).collect();
    let parent = identify(std::os::unix::process::parent_id()).expect("our parent");
    let records = [
        ChildRecord { child: ids[0], program: "sleep".into(), holder: DEAD },
        // Another process has its id now; it is another program; its salon lives.
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
    let recovered = recover(&store, me(), &always(None)).expect("recovered");
    reaper.join().expect("reaped").expect("ended");
    assert_eq!(recovered.ended, records[..1]);
    let alive: Vec<bool> = ids.iter().map(|id| identify(id.pid) == Some(*id)).collect();
    assert_eq!(alive, [false, true, true, true]);
    let left = store.with(|db| registry::children(db)).expect("read");
    assert_eq!(left.iter().map(|record| record.child).collect::<Vec<_>>(), [ids[3]]);
}

#[test]
fn d25_held_prompts_by_the_thousand_do_not_slow_a_start() {
    let place = Place::new();
    let store = place.store();
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
    assert!(recover(&store, me(), &always(None)).expect("recovered").held.is_empty());
    println!("a start with 10,000 held prompts: {:?}", begun.elapsed());
}

#[test]
fn b23_two_processes_record_runs_at_once() {
    let place = Place::new();
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
    let take = |name: &'static str, me: ProcessId| {
        let store = place.store();
        std::thread::spawn(move || {
            let mine = |at: &usize| {
                let wanted = record(name, *at);
                store.with(|db| registry::adopt(db, &wanted, me, |_| false)).expect("adopt").is_ok()
            };
            (0..50).filter(mine).count()
        })
    };
    let threads = [take("a", me()), take("b", parent)];
    let taken: usize = threads.into_iter().map(|thread| thread.join().expect("joined")).sum();
    assert_eq!(taken, 50, "each session has one holder");
    let count = place.store().with(|db| db.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0)));
    assert_eq!(count.expect("count"), 50);
}

#[test]
fn d6_ten_thousand_prompts_of_two_who_claim_are_each_claimed_once() {
    const PROMPTS: u32 = 10_000;
    let place = Place::new();
    let run = RunId("raced".into());
    // One who puts in, two who take out, each with a connection of its own.
    let work = |run: RunId, store: std::sync::Arc<Store>| {
        std::thread::spawn(move || {
            let mut taken = Vec::new();
            let mut idle = 0;
            while idle < 2_000 {
                match store.with(|db| outbox::claim(db, &run)) {
                    Ok(Some(prompt)) => {
                        idle = 0;
                        taken.push(prompt.id);
                        let from = [PromptState::Sending];
                        let done = store.with(|db| outbox::advance(db, prompt.id, &from, PromptState::Delivered, None));
                        assert!(done.expect("settled"));
                    }
                    Ok(None) => {
                        idle += 1;
                        std::thread::yield_now();
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            taken
        })
    };
    let store = place.store();
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
    let takers = [work(run.clone(), place.store()), work(run.clone(), place.store())];
    let mut taken: Vec<_> = takers.into_iter().flat_map(|taker| taker.join().expect("joined")).collect();
    let all = taken.len();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!((all, taken.len()), (PROMPTS as usize, PROMPTS as usize));
}
