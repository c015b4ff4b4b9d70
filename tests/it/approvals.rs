//! Approvals and other items that need the user: messages in, state and effects out.

mod elsewhere;
mod full_view;
mod new_session;

use salon::app::approvals::InputBeside;
use salon::app::layer::Layer;
use salon::app::msg::Timer;
use salon::app::runs::RunMsg;
use salon::app::{Effect, Msg};
use salon::domain::approval::{Approval, ApprovalAnswer};
use salon::domain::live_status::LiveStatus;
use salon::domain::prompt::{PromptId, PromptState};
use salon::domain::run::{
    BackgroundTask, ModelCatalog, Phase, RunFailure, RunId, RunInfo, RunSetting, StopReason, TurnOutcome,
};
use salon::domain::run_request::RunRequest;
use salon::domain::{Agent, SessionKey, SessionState};

use super::screens::live::{SESSION, ago, asking, command, edit, fresh, plan, prompt, questions, run};
use super::screens::stage::{Stage, session};

fn id(name: &str) -> RunId {
    RunId(name.into())
}

fn answer(run: &str, approval: &str, answer: ApprovalAnswer) -> Effect {
    Effect::Run(RunRequest::Answer { run: id(run), id: approval.into(), answer })
}

fn choice(run: &str, approval: &str, token: &str) -> Effect {
    answer(run, approval, ApprovalAnswer::Choice { token: token.into(), reason: None })
}

/// The items of the open inbox.
fn inbox_items(stage: &Stage) -> Vec<salon::app::inbox::InboxItem> {
    let Some(Layer::Inbox(inbox)) = stage.app.stack.layers.last() else { panic!("the inbox is open") };
    inbox.items(&stage.app.runs, &stage.app.approvals)
}

/// The inbox with these approvals of one run, ready to be answered.
fn inbox(approvals: impl IntoIterator<Item = Approval>) -> Stage {
    let mut stage = Stage::full(120, 40);
    stage.run(asking(run("r"), approvals)).keys("i").fire_timers().take_effects();
    stage
}

fn answers(stage: &mut Stage) -> Vec<Effect> {
    stage.asked().into_iter().filter(|effect| matches!(effect, Effect::Run(RunRequest::Answer { .. }))).collect()
}

#[test]
fn b20_a_permission_is_allowed_once_always_or_denied_and_never_automatically() {
    for (keys, token) in [("1", "allow"), ("2", "always-0")] {
        let mut stage = inbox([command("a")]);
        assert_eq!(answers(&mut stage), [], "nothing is answered unless the user did");
        stage.keys(keys);
        assert_eq!(answers(&mut stage), [choice("r", "a", token)]);
        stage.keys(keys);
        assert_eq!(answers(&mut stage), [], "nor twice");
    }
    for (keys, token, reason) in
        [("3 enter", "deny", None), ("4 enter", "deny-stop", None), ("3 n o enter", "deny", Some("no".to_owned()))]
    {
        let mut stage = inbox([command("a")]);
        stage.keys(keys);
        let notifications = ApprovalAnswer::Choice { token: token.into(), reason };
        assert_eq!(answers(&mut stage), [answer("r", "a", notifications)], "after {keys}");
    }
    let mut stage = inbox([command("a")]);
    stage.keys("3 x esc 5 9 0");
    assert_eq!(answers(&mut stage), [], "a reason that was left is no answer, and there is no fifth choice");
}

#[test]
fn h35_a_question_is_answered_by_an_option_or_by_text() {
    let mut stage = inbox([questions("q")]);
    stage.keys("2");
    assert_eq!(answers(&mut stage), [], "there is another question");
    stage.fire_timers().keys("1 3 enter");
    let notifications =
        vec![vec!["Postgres with SKIP LOCKED".to_owned()], vec!["order.paid".to_owned(), "stock.low".to_owned()]];
    assert_eq!(answers(&mut stage), [answer("r", "q", ApprovalAnswer::Answers(notifications))]);

    let mut stage = inbox([questions("q")]);
    stage.keys("4 N A T S enter").fire_timers().keys("1 1 2 4 a l l enter enter");
    let notifications = vec![vec!["NATS".to_owned()], vec!["order.cancelled".to_owned(), "all".to_owned()]];
    assert_eq!(answers(&mut stage), [answer("r", "q", ApprovalAnswer::Answers(notifications))]);
}

#[test]
fn h35_arrows_and_space_select_too_and_backspace_goes_back() {
    let mut stage = inbox([questions("q")]);
    stage.keys("down enter").fire_timers().keys("backspace").fire_timers().keys("down down down space");
    stage.fire_timers().keys("down space down space enter");
    let notifications = vec![vec!["in memory".to_owned()], vec!["order.paid".to_owned(), "order.cancelled".to_owned()]];
    assert_eq!(answers(&mut stage), [answer("r", "q", ApprovalAnswer::Answers(notifications))]);
}

#[test]
fn h35_a_question_can_be_refused() {
    let mut stage = inbox([questions("q")]);
    stage.keys("5 enter");
    assert_eq!(answers(&mut stage), [choice("r", "q", "deny")]);
}

#[test]
fn h35_open_approvals_are_oldest_first_and_n_and_p_move_between_them() {
    let (mut newer, mut oldest) = (command("a"), edit("b"));
    (newer.since, oldest.since) = (Some(ago(10)), Some(ago(90)));
    let mut stage = Stage::full(120, 40);
    stage.run(asking(run("r"), [newer, plan("c")])).run(asking(fresh("s"), [oldest]));
    stage.keys("i");
    let names: Vec<_> = inbox_items(&stage).iter().map(|item| item.id.id.to_string()).collect();
    assert_eq!(names, ["b", "c", "a"]);
    assert!(stage.screen().contains("1 of 3"));
    stage.keys("n n").take_effects();
    assert!(stage.screen().contains("3 of 3"));
    stage.keys("1");
    assert_eq!(answers(&mut stage), [choice("r", "a", "allow")], "what the user went to is answerable at once");
    stage.fire_timers().keys("p p 1");
    assert_eq!(answers(&mut stage), [choice("s", "b", "allow")]);
    assert!(matches!(stage.app.stack.layers.as_slice(), [Layer::Inbox(_)]), "one stays where one is");
}

#[test]
fn h35_a_key_for_a_closed_approval_answers_no_other() {
    let mut stage = inbox([command("a"), edit("b")]);
    // Answered elsewhere just before the key is pressed.
    stage.run(asking(run("r"), [edit("b")])).keys("1");
    assert_eq!(answers(&mut stage), [], "the next one slid under the finger");
    stage.fire_timers().keys("1");
    assert_eq!(answers(&mut stage), [choice("r", "b", "allow")]);

    // The same without a frame in between.
    let mut stage = inbox([command("a"), edit("b")]);
    let info = std::sync::Arc::new(asking(run("r"), [edit("b")]));
    let effects = stage.app.update(Msg::Run(RunMsg::Changed(info)));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Run(RunRequest::Answer { .. }))));
    stage.keys("1");
    assert_eq!(answers(&mut stage), []);
}

#[test]
fn h35_a_key_pressed_twice_does_not_answer_the_next_question() {
    let mut stage = inbox([command("a"), edit("b")]);
    stage.keys("1 1 1");
    assert_eq!(answers(&mut stage), [choice("r", "a", "allow")]);
}

#[test]
fn h35_text_for_a_closed_approval_is_discarded() {
    let mut stage = inbox([command("a"), edit("b")]);
    stage.keys("3 b e c a u s e").run(asking(run("r"), [edit("b")])).fire_timers();
    assert!(stage.screen().contains("answered elsewhere"), "{}", stage.screen());
    stage.keys("1 2 enter");
    assert_eq!(answers(&mut stage), []);
    stage.fire_timers().keys("1");
    assert_eq!(answers(&mut stage), [choice("r", "b", "allow")]);
}

#[test]
fn h35_an_undelivered_answer_is_requested_again() {
    let mut stage = inbox([command("a")]);
    stage.keys("1");
    assert!(stage.screen().contains("Nothing needs your attention."));
    let overdue = stage.take_effects().into_iter().find_map(|effect| match effect {
        Effect::StartTimer(alarm @ Timer::AnswerTimeout(_), _) => Some(alarm),
        _ => None,
    });
    stage.send(Msg::TimerElapsed(overdue.expect("a wait")));
    assert!(stage.screen().contains("wants to run a command"));
}

#[test]
fn h35_in_a_chat_digits_answer_only_with_an_empty_composer() {
    let mut stage = Stage::full(120, 40);
    stage.run(asking(run("r"), [command("a"), edit("b")])).keys("i").fire_timers().keys("esc");
    let (runs, desk) = (&stage.app.runs, &mut stage.app.approvals);
    let key = |word: &str| salon::config::key::Key::parse(word).expect("a key");
    let drawn = salon::app::msg::ApprovalFeedback {
        approval: desk.pending(runs, &salon::app::approvals::ApprovalScope::All)[0].id(),
        question: 0,
        rows: 1,
        len: 1,
        is_cut: false,
    };
    let run = id("r");
    assert_eq!(
        desk.key_beside(key("1"), runs, &run, InputBeside::Empty),
        None,
        "it came while something else was typed"
    );
    let effects = desk.apply_layout(Some(&drawn));
    assert_eq!(desk.key_beside(key("1"), runs, &run, InputBeside::Empty), None, "it came this very moment");
    let [Effect::StartTimer(alarm, 400)] = effects.as_slice() else { panic!("{effects:?}") };
    desk.timer_elapsed(alarm);
    for word in ["a", "n", "p", "e", "space", "alt-enter", "left", "ctrl-c", "esc"] {
        assert_eq!(desk.key_beside(key(word), runs, &run, InputBeside::Empty), None, "{word} belongs to the composer");
    }
    assert_eq!(desk.key_beside(key("1"), runs, &run, InputBeside::Text), None, "there is a text that it belongs to");
    let notifications = desk.key_beside(key("alt-1"), runs, &run, InputBeside::Text).expect("taken");
    assert!(notifications.contains(&choice("r", "a", "allow")), "{notifications:?}");
    assert_eq!(
        desk.key_beside(key("2"), runs, &run, InputBeside::Empty),
        Some(Vec::new()),
        "the next one was not seen yet"
    );
}

#[test]
fn b20_in_a_chat_a_digit_answers_the_runs_question() {
    let mut stage = Stage::full(80, 24);
    stage.run(asking(run("r"), [command("a")])).run(asking(fresh("s"), [edit("b")]));
    stage.app.perform(salon::app::Flow::OpenChat(id("r")));
    stage.draw();
    stage.fire_timers();
    stage.keys("h i 1");
    assert_eq!(answers(&mut stage), [], "it is written");
    stage.keys("backspace backspace backspace 1");
    assert_eq!(answers(&mut stage), [choice("r", "a", "allow")]);
    stage.fire_timers().keys("1");
    assert_eq!(answers(&mut stage), [], "another run's question is not asked here");
    stage.run(asking(run("r"), [questions("q")])).fire_timers().keys("2").fire_timers().keys("1 3 enter");
    let notifications =
        vec![vec!["Postgres with SKIP LOCKED".to_owned()], vec!["order.paid".into(), "stock.low".into()]];
    assert_eq!(answers(&mut stage), [], "the composer holds what was typed");
    stage.keys("backspace").fire_timers().keys("2").fire_timers().keys("1 3 enter");
    assert_eq!(answers(&mut stage), [answer("r", "q", ApprovalAnswer::Answers(notifications))]);
}

#[test]
fn held_prompts_and_failures_are_listed_with_their_keys() {
    let mut stage = Stage::full(120, 40);
    let mut failed = fresh("s");
    let crash = RunFailure::Crashed { code: Some(3), stderr: "no such file".into() };
    failed.phase = Phase::Stopped(StopReason::Failed(crash));
    stage.run(run("r")).run(failed);
    let prompts = vec![
        prompt("r", 7, "and the tests", PromptState::Held),
        prompt("r", 8, "and the docs", PromptState::Pending),
        prompt("r", 9, "and the bench", PromptState::Failed),
    ];
    stage.send(Msg::Run(RunMsg::Queued(id("r"), prompts)));
    assert!(stage.screen().lines().next().is_some_and(|line| line.contains("3 in inbox (i)")), "{}", stage.screen());
    stage.keys("i").fire_timers().take_effects();
    assert!(stage.screen().contains("salon ended before it was sent"));
    stage.keys("1");
    assert_eq!(stage.asked(), [Effect::Run(RunRequest::ReleasePrompt(id("r"), PromptId(7)))]);
    stage.keys("n 2");
    assert_eq!(stage.asked(), [Effect::Run(RunRequest::CancelPrompt(id("r"), PromptId(9)))]);
    stage.keys("n");
    assert!(stage.screen().contains("Codex exited unexpectedly (exit code 3): no such file"));
    stage.keys("2");
    assert_eq!(inbox_items(&stage).len(), 2, "it was read");
}

#[test]
fn rows_of_home_show_the_activity_of_runs() {
    let mut stage = Stage::full(120, 40);
    let shown = |stage: &Stage, id: &str| {
        let session = stage.app.sessions.catalog.get(&SessionKey::new(Agent::Claude, id)).expect("known").clone();
        stage.app.sessions.state(&session)
    };
    let mut info = run("r");
    info.session = Some(SessionKey::new(Agent::Claude, "5d0c0f6e-0004"));
    assert_eq!(shown(&stage, "5d0c0f6e-0004"), SessionState::Past);
    stage.run(info.clone());
    assert_eq!(shown(&stage, "5d0c0f6e-0004"), SessionState::Working);
    // The live status on disk belongs to our own child and is less precise.
    stage.send(Msg::Live(vec![LiveStatus {
        key: info.session.clone().expect("named"),
        pid: Some(4711),
        state: SessionState::Idle,
        waiting_for: None,
        since: None,
        activity: None,
    }]));
    assert_eq!(shown(&stage, "5d0c0f6e-0004"), SessionState::Working);
    stage.run(asking(info.clone(), [command("a")]));
    assert_eq!(shown(&stage, "5d0c0f6e-0004"), SessionState::NeedsYou);
    info.phase = Phase::Idle;
    stage.run(info.clone());
    assert_eq!(shown(&stage, "5d0c0f6e-0004"), SessionState::Idle);
    stage.send(Msg::Live(Vec::new()));
    info.phase = Phase::Stopped(StopReason::Evicted);
    stage.run(info);
    assert_eq!(shown(&stage, "5d0c0f6e-0004"), SessionState::Past, "nothing lives without a process");
}

#[test]
fn a_run_without_a_session_has_a_row_that_becomes_its_sessions_row() {
    let mut stage = Stage::full(120, 40);
    stage.run(fresh("s"));
    assert!(stage.screen().contains("new · codex"), "{}", stage.screen());
    while stage.selected() != "new · codex · /home/ann/api" {
        stage.keys("j");
    }
    stage.take_effects();
    // No transcript is on disk, so nothing is opened.
    stage.keys("enter");
    assert!(!stage.take_effects().iter().any(|effect| matches!(effect, Effect::OpenTranscript(..))));
    stage.keys("esc");
    let mut named = fresh("s");
    named.session = Some(SessionKey::new(Agent::Codex, "019a-new"));
    stage.run(named);
    assert_eq!(stage.selected(), "new · codex · /home/ann/api", "it is selected still");
    let mut on_disk = session(Agent::Codex, "019a-new", "List the routes", 0);
    on_disk.flags.headless = true;
    stage.send(Msg::Catalog(super::screens::stage::change(vec![on_disk])));
    assert_eq!(stage.selected(), "List the routes", "shown although an agent without a terminal made it");
    assert!(!stage.screen().contains("new · codex"));
    stage.send(Msg::Run(RunMsg::Gone(id("s"))));
    assert!(stage.screen().contains("List the routes"), "shown after its run has ended, too");
}

#[test]
fn own_sessions_of_earlier_salons_are_shown_although_their_agent_calls_them_headless() {
    let mut stage = Stage::full(120, 40);
    let mut past = session(Agent::Claude, "5555", "Rename the flag", 0);
    past.flags.headless = true;
    let key = past.key.clone();
    stage.send(Msg::Catalog(super::screens::stage::change(vec![past])));
    assert!(!stage.screen().contains("Rename the flag"), "another program's");
    stage.send(Msg::Run(RunMsg::Recorded(vec![key])));
    assert!(stage.screen().contains("Rename the flag"), "salon's own");
}

#[test]
fn w_moves_to_the_next_run_or_session_that_needs_the_user() {
    let mut stage = Stage::full(120, 40);
    let mut requests = asking(fresh("s"), [command("a")]);
    requests.last_event = Some(ago(3_000));
    stage.run(requests);
    assert!(stage.screen().contains("2 need you"));
    let selected = |stage: &Stage| stage.app.session().map(|key| key.id.to_string());
    assert_eq!(selected(&stage).as_deref(), Some("s"), "what needs you stands on top");
    stage.keys("w");
    assert_eq!(selected(&stage).as_deref(), Some(SESSION));
    stage.keys("w");
    let chat = stage.app.stack.screen().and_then(Layer::chat).expect("the run's chat");
    assert_eq!(chat.run, Some(id("s")));
    stage.app.perform(salon::app::Flow::Act(salon::app::Action::NextNeedsYou));
    assert!(stage.app.stack.layers.is_empty() && selected(&stage).as_deref() == Some(SESSION));
}

#[test]
fn x_stops_a_run_and_confirms_with_an_open_turn() {
    let mut stage = Stage::full(120, 40);
    stage.keys("X");
    assert_eq!(stage.asked(), []);
    assert!(stage.screen().contains("Not running in salon"));
    stage.run(run("r")).select_run().keys("X");
    assert_eq!(stage.asked(), []);
    stage.keys("1 X enter");
    assert_eq!(stage.asked(), [], "the first answer changes nothing");
    stage.keys("X 2");
    assert_eq!(stage.asked(), [Effect::Run(RunRequest::Stop(id("r")))]);
    let mut idle = run("r");
    idle.phase = Phase::Idle;
    stage.run(idle).take_effects();
    stage.keys("X");
    assert_eq!(stage.asked(), [Effect::Run(RunRequest::Stop(id("r")))]);
}

#[test]
fn a_watches_a_session_that_runs_elsewhere_and_shows_why() {
    let mut stage = Stage::full(120, 40);
    stage.keys("G k k k k a");
    assert!(matches!(stage.app.stack.layers.as_slice(), [Layer::Reader(_)]));
    let first = stage.screen();
    assert!(first.contains("read-only: not open in any program"), "{first}");
    let key = stage.app.session().cloned().expect("read");
    let sign = LiveStatus {
        key,
        pid: Some(4711),
        state: SessionState::Working,
        waiting_for: None,
        since: None,
        activity: None,
    };
    stage.send(Msg::Live(vec![sign]));
    assert!(stage.screen().contains("read-only: open in Claude Code (pid 4711)"));
}

#[test]
fn h36_the_mode_without_permissions_needs_confirmation() {
    let mut stage = Stage::full(120, 40);
    stage.run(run("r")).select_run();
    stage.take_effects();
    stage.app.perform(salon::app::Flow::Act(salon::app::Action::Models));
    stage.keys("tab b y p a s s enter");
    assert_eq!(stage.asked(), [], "nothing is set yet");
    assert!(stage.screen().contains("Skip all permissions"));
    stage.keys("enter");
    assert_eq!(stage.asked(), [], "the first answer changes nothing");
    stage.app.perform(salon::app::Flow::Act(salon::app::Action::Models));
    stage.keys("tab b y p a s s enter 2");
    assert_eq!(stage.asked(), [Effect::Run(RunRequest::Set(id("r"), RunSetting::Mode("bypassPermissions".into())))]);
    stage.app.perform(salon::app::Flow::Act(salon::app::Action::Models));
    stage.keys("tab down enter");
    assert_eq!(stage.asked(), [Effect::Run(RunRequest::Set(id("r"), RunSetting::Mode("acceptEdits".into())))]);
}

#[test]
fn c4_the_picker_shows_the_age_of_its_models_refreshes_on_a_key_and_keeps_old_ones() {
    let mut stage = Stage::full(120, 40);
    stage.run(run("r")).select_run().take_effects();
    let effects = stage.app.perform(salon::app::Flow::Act(salon::app::Action::Models));
    let requests = |refresh| Effect::LoadModels { source: Agent::Claude.into(), refresh };
    assert_eq!(effects, [requests(false)]);
    let list = vec![("opus-5".to_owned(), "Opus 5".to_owned())];
    let models = ModelCatalog { list: list.clone(), as_of: Some(ago(180)), ..ModelCatalog::default() };
    stage.send(Msg::Run(RunMsg::Models(Agent::Claude.into(), models)));
    assert!(stage.screen().contains("updated 3m ago"));
    stage.keys("f5");
    assert_eq!(stage.asked(), [requests(true)]);
    assert!(stage.screen().contains("querying Claude Code"));
    let failed = ModelCatalog {
        list,
        as_of: Some(ago(180)),
        failure: Some("no answer within 10 s".into()),
        ..ModelCatalog::default()
    };
    stage.send(Msg::Run(RunMsg::Models(Agent::Claude.into(), failed)));
    let screen = stage.screen();
    assert!(screen.contains("updated 3m ago · no answer within 10 s") && screen.contains("opus-5"), "{screen}");
    stage.keys("h a i k u enter");
    assert_eq!(stage.asked(), [Effect::Run(RunRequest::Set(id("r"), RunSetting::Model("haiku".into())))]);
}

#[test]
fn c5_a_model_can_be_typed_if_the_list_is_unavailable() {
    let mut stage = Stage::full(120, 40);
    let mut info = fresh("s");
    info.phase = Phase::Idle;
    stage.run(info);
    while !stage.selected().starts_with("new ·") {
        stage.keys("j");
    }
    stage.app.perform(salon::app::Flow::Act(salon::app::Action::Models));
    stage.take_effects();
    let failed = ModelCatalog { failure: Some("no answer within 10 s".into()), ..ModelCatalog::default() };
    stage.send(Msg::Run(RunMsg::Models(Agent::Codex.into(), failed)));
    assert!(stage.screen().contains("unavailable"));
    stage.keys("g p t - 9 enter");
    assert_eq!(stage.asked(), [Effect::Run(RunRequest::Set(id("s"), RunSetting::Model("gpt-9".into())))]);
}

#[test]
fn d17_h28_quitting_confirms_with_open_turns_or_queued_prompts() {
    let mut stage = Stage::full(80, 24);
    stage.keys("q");
    assert_eq!(stage.take_effects().last(), Some(&Effect::Quit));
    let mut idle = run("r");
    idle.phase = Phase::Idle;
    stage.run(idle.clone()).keys("q");
    assert_eq!(stage.take_effects().last(), Some(&Effect::Quit));

    stage.run(run("r")).keys("q");
    assert!(!stage.take_effects().contains(&Effect::Quit));
    stage.keys("enter q esc");
    assert!(!stage.take_effects().contains(&Effect::Quit), "the safe answer is the one that Enter takes");
    stage.keys("q 2");
    assert_eq!(stage.take_effects(), [Effect::Run(RunRequest::Stop(id("r"))), Effect::Quit]);

    stage.keys("q 1");
    assert!(!stage.take_effects().contains(&Effect::Quit));
    stage.send(Msg::Run(RunMsg::Queued(id("r"), vec![prompt("r", 1, "then this", PromptState::Pending)])));
    stage.run(idle.clone());
    assert!(!stage.take_effects().contains(&Effect::Quit), "a prompt is on its way");
    stage.send(Msg::Run(RunMsg::Queued(id("r"), Vec::new())));
    assert!(stage.take_effects().contains(&Effect::Quit));

    // The turn has ended; only the agent's record of its prompt is awaited.
    stage.send(Msg::Run(RunMsg::Queued(id("r"), vec![prompt("r", 1, "answered", PromptState::Sending)])));
    stage.run(idle).keys("q");
    assert_eq!(stage.take_effects().last(), Some(&Effect::Quit));
}

#[test]
fn detaching_waits_for_open_turns_only_and_can_be_taken_back() {
    let mut stage = Stage::full(80, 24);
    stage.run(run("r"));
    stage.send(Msg::Run(RunMsg::Queued(id("r"), vec![prompt("r", 1, "then this", PromptState::Pending)])));
    stage.take_effects();
    stage.keys("q 3");
    assert_eq!(stage.take_effects(), [Effect::Drain(true)], "the turn is open");
    assert!(stage.screen().contains("detaches after the open turns"), "{}", stage.screen());
    stage.keys("q 4");
    assert_eq!(stage.take_effects(), [Effect::Drain(false)]);
    stage.keys("q 3");
    stage.take_effects();
    let mut idle = run("r");
    idle.phase = Phase::Idle;
    stage.run(idle);
    assert!(stage.take_effects().contains(&Effect::Detach), "the queue goes on in the background");
}

#[test]
fn background_tasks_are_named_before_they_end_and_can_be_stopped_one_by_one() {
    let mut stage = Stage::full(80, 24);
    let mut idle = run("r");
    idle.phase = Phase::Idle;
    idle.tasks = vec![BackgroundTask { id: "t1".into(), description: "npm run dev \u{1b}[2J\nmore".into() }];
    stage.run(idle).keys("q");
    assert!(!stage.take_effects().contains(&Effect::Quit));
    assert!(stage.screen().contains("Running in the background: npm run dev"), "{}", stage.screen());
    stage.keys("esc");
    stage.take_effects();
    while stage.app.session() != Some(&SessionKey::new(Agent::Claude, SESSION)) {
        stage.keys("j");
    }
    stage.take_effects();
    stage.app.perform(salon::app::Flow::Act(salon::app::Action::StopRun));
    assert!(stage.screen().contains("Stop only: npm run dev"), "{}", stage.screen());
    stage.keys("3");
    assert_eq!(stage.take_effects(), [Effect::Run(RunRequest::StopTask(id("r"), "t1".into()))]);
}

/// Notifications for a change of a run from the first to the second state.
fn notifications(stage: &mut Stage, before: RunInfo, now: RunInfo) -> Vec<(String, bool)> {
    stage.run(before).take_effects();
    stage.run(now);
    let notify = |effect| match effect {
        Effect::Notify { title, needs_you, .. } => Some((title, needs_you)),
        _ => None,
    };
    stage.asked().into_iter().filter_map(notify).collect()
}

fn done(outcome: TurnOutcome) -> RunInfo {
    let mut info = run("r");
    (info.phase, info.last_outcome) = (Phase::Idle, Some(outcome));
    info
}

#[test]
fn notifications_are_sent_when_an_agent_needs_the_user_or_is_done() {
    let call = |title: &str, needs_you| vec![(title.to_owned(), needs_you)];
    let requests = || asking(run("r"), [command("a")]);
    let mut stage = Stage::full(80, 24);
    assert_eq!(notifications(&mut stage, run("r"), requests()), call("Claude Code needs you", true));
    assert_eq!(notifications(&mut stage, requests(), requests()), [], "once");
    assert_eq!(notifications(&mut stage, run("r"), done(TurnOutcome::Done)), call("Claude Code finished", false));
    let failed = TurnOutcome::Failed(RunFailure::Other("overloaded".into()));
    assert_eq!(notifications(&mut stage, run("r"), done(failed)), call("Claude Code failed", false));
    assert_eq!(notifications(&mut stage, run("r"), done(TurnOutcome::Interrupted)), [], "the user did that");
    let mut next = done(TurnOutcome::Done);
    next.queued = 1;
    assert_eq!(notifications(&mut stage, run("r"), next), [], "the next prompt follows at once");

    stage.keys("i");
    assert_eq!(notifications(&mut stage, run("r"), requests()), [], "it is on the screen");
    stage.send(Msg::Focus(false));
    assert_eq!(
        notifications(&mut stage, run("r"), requests()),
        call("Claude Code needs you", true),
        "but nobody looks at it"
    );
}

#[test]
fn notifications_follow_the_settings_and_muted_sessions_send_none() {
    use salon::config::theme_file::ColourDepth;
    let cases = [("all", 2), ("needs-you", 1), ("off", 0)];
    for (setting, calls) in cases {
        let mut stage = Stage::with(80, 24, &format!("notify = \"{setting}\""), ColourDepth::Full);
        let mut count = notifications(&mut stage, run("r"), asking(run("r"), [command("a")])).len();
        count += notifications(&mut stage, run("r"), done(TurnOutcome::Done)).len();
        assert_eq!(count, calls, "{setting}");
    }
    let mut stage = Stage::full(80, 24);
    stage.run(run("r")).select_run();
    stage.app.perform(salon::app::Flow::Act(salon::app::Action::Mute));
    assert_eq!(notifications(&mut stage, run("r"), asking(run("r"), [command("a")])), []);
    stage.app.perform(salon::app::Flow::Act(salon::app::Action::Mute));
    assert_eq!(notifications(&mut stage, run("r"), asking(run("r"), [command("a")])).len(), 1);
}
