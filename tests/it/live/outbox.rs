//! Submitted prompts are stored on disk, start their agent, and are delivered once and in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use salon::agent::protocol::RunStart;
use salon::domain::prompt::PromptState;
use salon::domain::run::{Conversation, Phase, Refusal, RunId, StopReason, TurnOutcome};
use salon::domain::{Agent, SessionKey};
use salon::live::LiveEvent;
use salon::live::options::SessionHolder;
use salon::store::outbox;

use super::harness::{Harness, Sandbox, is_idle, short_limits};
use crate::support::{TIMEOUT, clock};

#[tokio::test]
async fn d1_a_prompt_is_on_disk_before_it_is_accepted() {
    let mut harness = Harness::new();
    let run = harness.begin("hang").await;
    harness.working(&run).await;
    let id = harness.live.submit(&run, "say later".into()).await.expect("accepted");
    let kept = harness.sandbox.store().with(|db| outbox::find(db, id)).expect("read").expect("on disk");
    assert_eq!((kept.text.as_str(), kept.state), ("say later", PromptState::Pending));
    let texts = harness.event(|event| match event {
        LiveEvent::Queued(of, queue) if *of == run && !queue.is_empty() && queue[0].id == id => Some(queue.len()),
        _ => None,
    });
    assert_eq!(texts.await, 1);
}

#[tokio::test]
async fn d3_five_prompts_of_two_submitters_are_delivered_in_order_one_turn_at_a_time() {
    let harness = Harness::new();
    let run = harness.begin("say 1").await;
    for prompt in ["say 2", "say 3", "say 4", "say 5"] {
        harness.live.clone().submit(&run, prompt.into()).await.expect("accepted");
    }
    let info = harness.done(&run, 5).await;
    assert_eq!(harness.sandbox.prompts(), ["say 1", "say 2", "say 3", "say 4", "say 5"]);
    assert_eq!((info.turn.0, info.queued, info.held), (5, 0, 0), "D11: the depth returns to 0");
    assert!(harness.live.all_queued().await.expect("queues").is_empty());
}

#[tokio::test]
async fn d5_a_prompt_wakes_an_idle_run_without_a_timer() {
    let harness = Harness::new();
    let run = harness.begin("say 1").await;
    harness.done(&run, 1).await;
    for turn in 2..12 {
        // No timer is due within this time, so only the submission itself can wake the run.
        let submitted = std::time::Instant::now();
        harness.submit(&run, &format!("say {turn}")).await;
        harness.done(&run, turn).await;
        assert!(submitted.elapsed() < Duration::from_secs(20), "turn {turn}: {:?}", submitted.elapsed());
    }
}

#[tokio::test]
async fn d4_queued_prompts_can_be_changed_and_sent_ones_cannot() {
    let harness = Harness::new();
    let run = harness.begin("say first\nhang").await;
    harness.working(&run).await;
    let mut ids = Vec::new();
    for text in ["say a", "say b", "say c"] {
        ids.push(harness.live.submit(&run, text.into()).await.expect("accepted"));
    }
    harness.live.edit_prompt(ids[0], "say A".into()).await.expect("edited");
    harness.live.cancel_prompt(ids[1]).await.expect("taken back");
    harness.live.move_prompt_up(ids[2]).await.expect("moved");
    assert!(harness.live.move_prompt_up(ids[2]).await.is_err(), "it is the first");
    assert!(harness.live.edit_prompt(ids[1], "say no".into()).await.is_err(), "it was taken back");
    harness.live.interrupt(&run).expect("sent");
    harness.until(&run, |info| is_idle(info) && info.paused).await;
    harness.live.resume_queue(&run).await.expect("sent");
    harness.done(&run, 3).await;
    assert_eq!(harness.sandbox.prompts(), ["say first\nhang", "say c", "say A"]);
    assert!(matches!(harness.live.edit_prompt(ids[0], "late".into()).await, Err(Refusal::Failed(_))));
}

#[tokio::test]
async fn a_prompt_that_another_process_cancels_leaves_the_queue_at_the_end_of_the_turn() {
    let harness = Harness::new();
    let run = harness.begin("say first\nwait 200").await;
    harness.working(&run).await;
    let id = harness.live.submit(&run, "say never".into()).await.expect("accepted");
    harness.until(&run, |info| info.queued == 1).await;
    let cancelled = harness
        .sandbox
        .store()
        .with(|db| outbox::advance(db, id, &[PromptState::Pending], PromptState::Cancelled, None));
    assert!(cancelled.expect("cancelled"));
    harness.until(&run, |info| is_idle(info) && info.queued == 0).await;
    harness.submit(&run, "say next").await;
    harness.done(&run, 2).await;
    assert_eq!(harness.sandbox.prompts(), ["say first\nwait 200", "say next"]);
}

#[tokio::test]
async fn d6_concurrent_submissions_are_neither_lost_nor_sent_twice() {
    const EACH: usize = 50;
    let harness = Harness::new();
    let run = harness.begin("say 0").await;
    harness.done(&run, 1).await;
    let submit = |name: usize| {
        let (live, run) = (harness.live.clone(), run.clone());
        tokio::spawn(async move {
            for at in 0..EACH {
                live.submit(&run, format!("say {name} {at}")).await.expect("accepted");
                if at % 7 == name {
                    tokio::task::yield_now().await;
                }
            }
        })
    };
    for task in [submit(1), submit(2), submit(3), submit(4)] {
        task.await.expect("submitted");
    }
    harness.done(&run, 1 + 4 * EACH as u64).await;
    let prompts = harness.sandbox.prompts();
    assert_eq!(prompts.len(), 1 + 4 * EACH);
    for name in 1..=4 {
        let of = prompts.iter().filter(|text| text.starts_with(&format!("say {name} ")));
        let expected: Vec<_> = (0..EACH).map(|at| format!("say {name} {at}")).collect();
        assert_eq!(of.cloned().collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn d12_an_agent_that_exits_before_it_accepts_a_prompt_is_retried_up_to_the_limit() {
    let mut harness = Harness::with(|options| {
        options.limits = short_limits();
        options.vars.push(("FAKE_START".into(), "crash 1".into()));
    });
    let run = harness.begin("say never").await;
    let info = harness.until(&run, |info| info.held == 1).await;
    assert_eq!(harness.sandbox.agents.starts().len(), 3);
    assert!(info.paused, "{info:?}");
    let queue = harness.live.queue(&run).await.expect("the queue");
    assert_eq!(queue[0].state, PromptState::Failed);
    assert!(queue[0].reason.as_ref().expect("a reason").contains("3 times"));
    // Releasing the prompt retries it once; the agent works again.
    harness.live.clone().shutdown().await;
    harness = Harness::at(harness.sandbox, |_| {});
    // Its agent never reported a session: the prompt begins a new conversation.
    harness.live.release_prompt(queue[0].id).await.expect("released");
    harness.until(&run, |info| is_idle(info) && info.last_outcome == Some(TurnOutcome::Done)).await;
    assert_eq!(harness.sandbox.prompts(), ["say never"]);
}

#[tokio::test]
async fn d12_a_written_prompt_is_held_at_once_and_released_by_the_user() {
    let mut harness = Harness::with(|options| options.limits = short_limits());
    let run = harness.begin("say one").await;
    harness.done(&run, 1).await;
    // The stopped agent reads nothing, so the prompt stays in the pipe: partly written and not acknowledged.
    let pid = harness.info(&run).pid.expect("a process");
    signal(pid, "STOP");
    let id = harness.live.submit(&run, "say two".into()).await.expect("accepted");
    harness
        .event(|event| match event {
            LiveEvent::Queued(_, queue) => {
                queue.iter().find(|prompt| prompt.id == id && prompt.state == PromptState::Sending).map(|_| ())
            }
            _ => None,
        })
        .await;
    // Lets the writer task run: the test runtime has a single thread.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    signal(pid, "KILL");
    let info = harness.until(&run, |info| info.held == 1).await;
    assert!(matches!(info.phase, Phase::Stopped(StopReason::Failed(_))), "{info:?}");
    let queue = harness.live.queue(&run).await.expect("the queue");
    assert_eq!((queue[0].state, queue[0].reason.as_deref()), (PromptState::Held, Some("may not have been delivered")));
    assert_eq!(harness.sandbox.agents.starts().len(), 1, "nothing is sent by itself");
    harness.live.release_prompt(id).await.expect("released");
    let info = harness.done(&run, 3).await;
    assert_eq!(info.last_outcome, Some(TurnOutcome::Done));
    assert_eq!(harness.sandbox.prompts(), ["say one", "say two"]);
}

fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(status.expect("kill").success());
}

#[tokio::test]
async fn d13_h25_an_agent_that_exits_at_once_is_restarted_a_limited_number_of_times() {
    let harness = Harness::with(|options| {
        options.limits = short_limits();
        options.vars.push(("FAKE_START".into(), "crash 1".into()));
    });
    let run = harness.begin("say never").await;
    for _ in 0..6 {
        harness.until(&run, |info| info.held == 1).await;
        let queue = harness.live.queue(&run).await.expect("the queue");
        // Not through the supervisor, which would reset the attempts: as another process's recovery might.
        harness
            .sandbox
            .store()
            .with(|db| outbox::release(db, queue[0].id, &[PromptState::Failed], None))
            .expect("released");
        harness.live.cancel_prompt(queue[0].id).await.expect("taken back");
        harness.until(&run, |info| info.held == 0).await;
        harness.submit(&run, "say never").await;
        if harness.sandbox.agents.starts().len() >= 10 {
            break;
        }
    }
    harness.until(&run, |info| info.paused && info.queued + info.held == 1).await;
    assert!(harness.sandbox.agents.starts().len() <= 10, "{}", harness.sandbox.agents.starts().len());
}

#[tokio::test]
async fn d26_a_command_of_the_agents_own_is_delivered_alone() {
    let harness = Harness::new();
    let run = harness.begin("say one").await;
    for prompt in ["/compact", "say two"] {
        harness.submit(&run, prompt).await;
    }
    harness.done(&run, 3).await;
    assert_eq!(harness.sandbox.prompts(), ["say one", "/compact", "say two"]);
}

#[tokio::test]
async fn d10_one_of_two_salon_processes_delivers() {
    let harness = Harness::new();
    let run = harness.begin("say one\nwait 50").await;
    let mut options = harness.sandbox.options();
    options.process = salon::live::identity::identify(std::os::unix::process::parent_id()).expect("our parent");
    let (other, mut events) = salon::live::Live::start(options);
    let refused = other.submit(&run, "say two".into()).await;
    assert!(refused.is_err());
    let gone = async { while !matches!(events.recv().await, Some(LiveEvent::Gone(of)) if of == run) {} };
    tokio::time::timeout(TIMEOUT, gone).await.expect("the other one no longer shows it");
    harness.submit(&run, "say two").await;
    harness.done(&run, 2).await;
    assert_eq!(harness.sandbox.prompts(), ["say one\nwait 50", "say two"]);
    assert_eq!(harness.sandbox.agents.starts().len(), 1);
    other.shutdown().await;
}

#[tokio::test]
async fn d11_prompts_of_ended_runs_have_no_effect() {
    let harness = Harness::new();
    let gone = RunId("gone".into());
    let mut db = salon::store::Connection::open(harness.sandbox.path().join("data/state.db")).expect("open");
    let id = outbox::enqueue(&mut db, &gone, "orphan", clock()).expect("accepted");
    assert_eq!(harness.live.release_prompt(id).await, Err(Refusal::UnknownRun));
    assert!(harness.live.runs().is_empty());
    let run = harness.begin("say one").await;
    assert_eq!(harness.done(&run, 1).await.queued, 0);
}

#[tokio::test]
async fn a_fork_is_a_new_session() {
    let harness = Harness::new();
    let run = harness.begin("say one").await;
    let session = harness.done(&run, 1).await.session.clone().expect("a session");
    let mut opening = harness.sandbox.opening();
    opening.conversation = Conversation::Fork(session.id.clone());
    let fork = harness.live.open_run(Agent::Claude, opening, Some("say two".into())).await.expect("a fork");
    let info = harness.done(&fork, 1).await;
    assert_ne!(fork, run);
    assert_ne!(info.session, Some(session.clone()));
    assert_eq!(harness.live.run_of_session(&SessionKey::new(Agent::Claude, session.id.clone())), Some(run));
}

/// Refuses the commits of a database while it is full. Counts the refusals.
#[derive(Clone, Default)]
struct FullDisk(Arc<(AtomicBool, AtomicUsize)>);

impl FullDisk {
    fn of(harness: &Harness) -> Self {
        let disk = Self::default();
        let hooked = disk.clone();
        let refuse = move || {
            let (full, refused) = &*hooked.0;
            refused.fetch_add(1, Ordering::Relaxed);
            full.load(Ordering::Relaxed)
        };
        harness.store.with(|db| db.commit_hook(Some(refuse))).expect("the hook");
        disk
    }

    fn set_full(&self, full: bool) {
        self.0.0.store(full, Ordering::Relaxed);
        self.0.1.store(0, Ordering::Relaxed);
    }

    fn refusals(&self) -> usize {
        self.0.1.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn f1_what_cannot_be_saved_is_refused_and_never_sent() {
    let harness = Harness::new();
    let run = harness.begin("say one").await;
    harness.done(&run, 1).await;
    let disk = FullDisk::of(&harness);
    disk.set_full(true);
    let refused = harness.live.submit(&run, "say lost".into()).await;
    assert!(matches!(refused, Err(Refusal::NotSaved(_))), "{refused:?}");
    let opening = RunStart::new(Conversation::New { id: None }, harness.sandbox.project());
    let refused = harness.live.open_run(Agent::Claude, opening, Some("say lost too".into())).await;
    assert!(matches!(refused, Err(Refusal::NotSaved(_))), "{refused:?}");
    disk.set_full(false);
    harness.submit(&run, "say two").await;
    harness.done(&run, 2).await;
    assert_eq!(harness.sandbox.prompts(), ["say one", "say two"]);
}

#[tokio::test]
async fn f1_a_prompt_that_cannot_be_marked_waits_and_is_reported_once() {
    let mut harness = Harness::new();
    let run = harness.begin("hang").await;
    harness.working(&run).await;
    harness.submit(&run, "say later").await;
    harness.live.interrupt(&run).expect("sent");
    harness.until(&run, |info| is_idle(info) && info.paused).await;
    let disk = FullDisk::of(&harness);
    disk.set_full(true);
    harness.live.resume_queue(&run).await.expect("sent");
    let notice = |event: &LiveEvent| match event {
        LiveEvent::Notice { text, .. } if text.contains("not sent yet") => Some(()),
        _ => None,
    };
    harness.event(notice).await;
    // Several attempts later the prompt is still not sent, and nothing more was reported.
    let several = async {
        while disk.refusals() < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, several).await.expect("it is tried again");
    assert_eq!(harness.sandbox.prompts(), ["hang"]);
    while let Ok(event) = harness.events.try_recv() {
        assert!(notice(&event).is_none(), "reported twice");
    }
    disk.set_full(false);
    harness.done(&run, 2).await;
    assert_eq!(harness.sandbox.prompts(), ["hang", "say later"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_a_prompt_is_on_disk_while_its_run_begins_and_is_taken_back_if_that_is_refused() {
    let sandbox = Sandbox::new();
    let (answer, answers) = std::sync::mpsc::channel::<Option<String>>();
    let (ask, asked) = std::sync::mpsc::channel();
    let answers = std::sync::Mutex::new(answers);
    let harness = Harness::at(sandbox, |options| {
        options.open_elsewhere = Box::new(move |_| {
            ask.send(()).expect("the test waits");
            let text = answers.lock().expect("answers").recv().expect("an answer")?;
            Some(SessionHolder { text, pid: None })
        });
    });
    let run = harness.begin("say one").await;
    let session = harness.done(&run, 1).await.session.clone().expect("a session");
    harness.live.dispose(&run).await.expect("disposed of");
    let begin = || {
        let (live, opening) = (harness.live.clone(), harness.sandbox.opening());
        let opening = RunStart { conversation: Conversation::Resume(session.id.clone()), ..opening };
        tokio::spawn(async move { live.open_run(Agent::Claude, opening, Some("say two".into())).await })
    };
    let stored = || harness.store.with(|db| outbox::all_queued(db)).expect("the queue").len();
    let pending = begin();
    let asked = std::sync::Mutex::new(asked);
    let wait = || tokio::task::block_in_place(|| asked.lock().expect("asked").recv_timeout(TIMEOUT).expect("asked"));
    wait();
    assert_eq!(stored(), 1, "accepted before the check is done");
    answer.send(Some("another program".into())).expect("sent");
    let refused = pending.await.expect("joined");
    assert_eq!(refused, Err(Refusal::OpenElsewhere("another program".into())));
    assert_eq!(stored(), 0, "the caller has its text again");
    let pending = begin();
    wait();
    answer.send(None).expect("sent");
    let run = pending.await.expect("joined").expect("a run");
    harness.until(&run, |info| is_idle(info) && info.last_outcome == Some(TurnOutcome::Done)).await;
    assert_eq!(harness.sandbox.prompts(), ["say one", "say two"]);
}

#[tokio::test]
async fn f9_a_released_prompt_stays_released_and_is_sent_first() {
    let harness = Harness::new();
    let run = harness.begin("say one").await;
    let session = harness.done(&run, 1).await.session.clone().expect("a session");
    let sandbox = shut_down(harness).await;
    let store = sandbox.store();
    let id = store.with(|db| outbox::enqueue(db, &run, "say two", clock())).expect("accepted");
    store.with(|db| outbox::hold_leftovers(db, &run)).expect("held");
    let released = store.with(|db| outbox::release(db, id, &[PromptState::Held], Some(outbox::RELEASED)));
    assert!(released.expect("released"));
    drop(store);
    let harness = Harness::at(sandbox, |_| {});
    let opening = RunStart { conversation: Conversation::Resume(session.id), ..harness.sandbox.opening() };
    let run = harness.live.open_run(Agent::Claude, opening, Some("say three".into())).await.expect("a run");
    harness.done(&run, 2).await;
    assert_eq!(harness.sandbox.prompts(), ["say one", "say two", "say three"]);
}

async fn shut_down(harness: Harness) -> Sandbox {
    harness.live.clone().shutdown().await;
    harness.sandbox
}

#[tokio::test]
async fn f9_a_queue_that_another_process_left_is_resumed() {
    let mut harness = Harness::new();
    let run = harness.begin("hang").await;
    harness.working(&run).await;
    harness.submit(&run, "say two").await;
    harness = Harness::at(shut_down(harness).await, |_| {});
    let queue = harness.live.queue(&run).await.expect("the queue");
    assert_eq!(queue[0].state, PromptState::Held);
    harness.live.resume_queue(&run).await.expect("the run exists again");
    assert_eq!(harness.sandbox.prompts(), ["hang"], "a held prompt waits for the user");
    harness.live.release_prompt(queue[0].id).await.expect("released");
    harness.until(&run, |info| is_idle(info) && info.last_outcome == Some(TurnOutcome::Done)).await;
    assert_eq!(harness.sandbox.prompts(), ["hang", "say two"]);
}
