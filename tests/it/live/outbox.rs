//! What is submitted is on disk, wakes its agent, and is delivered once and in order.

use salon::domain::prompt::PromptState;
use salon::domain::run::{Conversation, Outcome, Phase, Refusal, RunId, Stopped};
use salon::domain::{Agent, SessionKey};
use salon::live::Event;
use salon::store::outbox;

use super::stage::{Stage, is_at_rest, quick};
use crate::support::clock;

#[tokio::test]
async fn d1_a_prompt_is_on_disk_before_it_is_accepted() {
    let mut stage = Stage::new();
    let run = stage.begin("hang").await;
    stage.working(&run).await;
    let id = stage.live.submit(&run, "say later".into()).await.expect("accepted");
    let kept = stage.place.store().with(|db| outbox::find(db, id)).expect("read").expect("on disk");
    assert_eq!((kept.text.as_str(), kept.state), ("say later", PromptState::Pending));
    let texts = stage.told(|event| match event {
        Event::Queued(of, queue) if *of == run && !queue.is_empty() && queue[0].id == id => Some(queue.len()),
        _ => None,
    });
    assert_eq!(texts.await, 1);
}

#[tokio::test]
async fn d3_five_prompts_of_two_who_type_are_delivered_in_order_one_turn_at_a_time() {
    let stage = Stage::new();
    let run = stage.begin("say 1").await;
    for prompt in ["say 2", "say 3", "say 4", "say 5"] {
        stage.live.clone().submit(&run, prompt.into()).await.expect("accepted");
    }
    let info = stage.done(&run, 5).await;
    assert_eq!(stage.place.told(), ["say 1", "say 2", "say 3", "say 4", "say 5"]);
    assert_eq!((info.turn.0, info.queued, info.held), (5, 0, 0), "D11: the depth returns to 0");
    assert!(stage.live.all_queued().await.expect("queues").is_empty());
}

#[tokio::test]
async fn d4_what_waits_can_be_changed_and_what_is_sent_cannot() {
    let stage = Stage::new();
    let run = stage.begin("say first\nhang").await;
    stage.working(&run).await;
    let mut ids = Vec::new();
    for text in ["say a", "say b", "say c"] {
        ids.push(stage.live.submit(&run, text.into()).await.expect("accepted"));
    }
    stage.live.edit_prompt(ids[0], "say A".into()).await.expect("edited");
    stage.live.cancel_prompt(ids[1]).await.expect("taken back");
    stage.live.move_prompt_up(ids[2]).await.expect("moved");
    assert!(stage.live.move_prompt_up(ids[2]).await.is_err(), "it is the first");
    assert!(stage.live.edit_prompt(ids[1], "say no".into()).await.is_err(), "it was taken back");
    stage.live.interrupt(&run).expect("told");
    stage.until(&run, |info| is_at_rest(info) && info.paused).await;
    stage.live.go_on(&run).expect("told");
    stage.done(&run, 3).await;
    assert_eq!(stage.place.told(), ["say first\nhang", "say c", "say A"]);
    assert!(matches!(stage.live.edit_prompt(ids[0], "late".into()).await, Err(Refusal::Failed(_))));
}

#[tokio::test]
async fn d6_whoever_submits_when_nothing_is_lost_and_nothing_is_sent_twice() {
    const EACH: usize = 50;
    let stage = Stage::new();
    let run = stage.begin("say 0").await;
    stage.done(&run, 1).await;
    let submit = |name: usize| {
        let (live, run) = (stage.live.clone(), run.clone());
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
    stage.done(&run, 1 + 4 * EACH as u64).await;
    let told = stage.place.told();
    assert_eq!(told.len(), 1 + 4 * EACH);
    for name in 1..=4 {
        let of = told.iter().filter(|text| text.starts_with(&format!("say {name} ")));
        let expected: Vec<_> = (0..EACH).map(|at| format!("say {name} {at}")).collect();
        assert_eq!(of.cloned().collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn d12_an_agent_that_dies_before_it_takes_a_prompt_is_tried_again_and_then_not() {
    let mut stage = Stage::with(|options| {
        options.limits = quick();
        options.vars.push(("FAKE_START".into(), "crash 1".into()));
    });
    let run = stage.begin("say never").await;
    let info = stage.until(&run, |info| info.held == 1).await;
    assert_eq!(stage.place.agents.starts().len(), 3);
    assert!(info.paused, "{info:?}");
    let queue = stage.live.queue(&run).await.expect("the queue");
    assert_eq!(queue[0].state, PromptState::Failed);
    assert!(queue[0].reason.as_ref().expect("a reason").contains("3 times"));
    // By key it is tried once more, and the agent is well again.
    stage.live.clone().shutdown().await;
    stage = Stage::at(stage.place, |_| {});
    let refused = stage.live.release_prompt(queue[0].id).await;
    assert!(matches!(refused, Err(Refusal::Failed(_))), "it has no session to go on with: {refused:?}");
}

#[tokio::test]
async fn d12_a_prompt_that_was_written_is_held_at_once_and_released_by_key() {
    let mut stage = Stage::with(|options| options.limits = quick());
    let run = stage.begin("say one").await;
    stage.done(&run, 1).await;
    // It reads nothing any more, so the prompt stays in the pipe: some of it was written, nothing was acknowledged.
    let pid = stage.info(&run).pid.expect("a process");
    signal(pid, "STOP");
    let id = stage.live.submit(&run, "say two".into()).await.expect("accepted");
    stage
        .told(|event| match event {
            Event::Queued(_, queue) => {
                queue.iter().find(|prompt| prompt.id == id && prompt.state == PromptState::Sending).map(|_| ())
            }
            _ => None,
        })
        .await;
    // What is ready to be written is written then: there is but one thread.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    signal(pid, "KILL");
    let info = stage.until(&run, |info| info.held == 1).await;
    assert!(matches!(info.phase, Phase::Stopped(Stopped::Failed(_))), "{info:?}");
    let queue = stage.live.queue(&run).await.expect("the queue");
    assert_eq!((queue[0].state, queue[0].reason.as_deref()), (PromptState::Held, Some("may not have been delivered")));
    assert_eq!(stage.place.agents.starts().len(), 1, "nothing is sent by itself");
    stage.live.release_prompt(id).await.expect("released");
    let info = stage.done(&run, 3).await;
    assert_eq!(info.last, Some(Outcome::Done));
    assert_eq!(stage.place.told(), ["say one", "say two"]);
}

fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(status.expect("kill").success());
}

#[tokio::test]
async fn d13_h25_an_agent_that_exits_at_once_is_not_started_for_ever() {
    let stage = Stage::with(|options| {
        options.limits = quick();
        options.vars.push(("FAKE_START".into(), "crash 1".into()));
    });
    let run = stage.begin("say never").await;
    for _ in 0..6 {
        stage.until(&run, |info| info.held == 1).await;
        let queue = stage.live.queue(&run).await.expect("the queue");
        // Not by key, which would begin to count anew: as another salon's crash recovery might.
        stage.place.store().with(|db| outbox::release(db, queue[0].id, &[PromptState::Failed])).expect("released");
        stage.live.cancel_prompt(queue[0].id).await.expect("taken back");
        stage.until(&run, |info| info.held == 0).await;
        stage.submit(&run, "say never").await;
        if stage.place.agents.starts().len() >= 10 {
            break;
        }
    }
    stage.until(&run, |info| info.paused && info.queued + info.held == 1).await;
    assert!(stage.place.agents.starts().len() <= 10, "{}", stage.place.agents.starts().len());
}

#[tokio::test]
async fn d26_a_command_of_the_agents_own_is_delivered_alone() {
    let stage = Stage::new();
    let run = stage.begin("say one").await;
    for prompt in ["/compact", "say two"] {
        stage.submit(&run, prompt).await;
    }
    stage.done(&run, 3).await;
    assert_eq!(stage.place.told(), ["say one", "/compact", "say two"]);
}

#[tokio::test]
async fn d10_of_two_salons_one_delivers() {
    let stage = Stage::new();
    let run = stage.begin("say one\nwait 50").await;
    let mut options = stage.place.options();
    options.me = salon::live::recover::identify(std::os::unix::process::parent_id()).expect("our parent");
    let (other, _events) = salon::live::Live::start(options);
    let refused = other.submit(&run, "say two".into()).await;
    assert!(refused.is_err());
    stage.submit(&run, "say two").await;
    stage.done(&run, 2).await;
    assert_eq!(stage.place.told(), ["say one\nwait 50", "say two"]);
    assert_eq!(stage.place.agents.starts().len(), 1);
    other.shutdown().await;
}

#[tokio::test]
async fn d11_prompts_of_runs_that_are_gone_move_nothing() {
    let stage = Stage::new();
    let gone = RunId("gone".into());
    let mut db = salon::store::Connection::open(stage.place.path().join("data/state.db")).expect("open");
    let id = outbox::enqueue(&mut db, &gone, "orphan", clock()).expect("accepted");
    assert_eq!(stage.live.release_prompt(id).await, Err(Refusal::UnknownRun));
    assert!(stage.live.runs().is_empty());
    let run = stage.begin("say one").await;
    assert_eq!(stage.done(&run, 1).await.queued, 0);
}

#[tokio::test]
async fn a_fork_is_another_conversation() {
    let stage = Stage::new();
    let run = stage.begin("say one").await;
    let session = stage.done(&run, 1).await.session.clone().expect("a session");
    let mut opening = stage.place.opening();
    opening.conversation = Conversation::Fork(session.id.clone());
    let fork = stage.live.begin(Agent::Claude, opening, Some("say two".into())).await.expect("a fork");
    let info = stage.done(&fork, 1).await;
    assert_ne!(fork, run);
    assert_ne!(info.session, Some(session.clone()));
    assert_eq!(stage.live.of_session(&SessionKey::new(Agent::Claude, session.id.clone())), Some(run));
}
