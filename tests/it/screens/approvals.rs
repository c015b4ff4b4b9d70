//! Screens of approvals, inbox, picker, new session and quitting.

use salon::app::Msg;
use salon::app::runs::RunMsg;
use salon::domain::Agent;
use salon::domain::approval::Approval;
use salon::domain::prompt::PromptState;
use salon::domain::run::{ModelCatalog, RunId};

use super::live::{ago, asking, command, edit, fresh, plan, prompt, questions, run};
use super::stage::Stage;

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 10)];

/// Compares a screen at all sizes after `act`.
fn shown(name: &str, act: impl Fn(&mut Stage)) {
    for (width, height) in SIZES {
        let mut stage = Stage::full(width, height);
        act(&mut stage);
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), stage.screen());
    }
}

fn asked(approval: Approval) -> impl Fn(&mut Stage) {
    move |stage| {
        stage.run(asking(run("r"), [approval.clone()])).keys("i").fire_timers();
    }
}

#[test]
fn h35_a_command_is_shown_whole() {
    shown("approval_command", asked(command("a")));
}

#[test]
fn h35_a_change_is_shown_as_a_diff() {
    shown("approval_diff", asked(edit("a")));
    shown("approval_diff_unfolded", |stage| {
        asked(edit("a"))(stage);
        stage.keys("e pgdn");
    });
}

#[test]
fn h35_questions_are_shown_with_their_options() {
    shown("approval_question", asked(questions("a")));
    shown("approval_question_several", |stage| {
        asked(questions("a"))(stage);
        stage.keys("1").fire_timers().keys("1 3");
    });
}

#[test]
fn h35_a_plan_is_shown_as_a_document() {
    shown("approval_plan", asked(plan("a")));
}

#[test]
fn h35_a_denial_asks_for_a_reason() {
    shown("approval_reason", |stage| {
        asked(command("a"))(stage);
        stage.keys("3 n o t space n o w");
    });
}

#[test]
fn the_inbox_lists_pending_items() {
    shown("inbox", |stage| {
        let mut older = edit("b");
        older.since = Some(ago(300));
        stage.run(asking(run("r"), [command("a"), plan("c")])).run(asking(fresh("s"), [older]));
        let held = vec![prompt("r", 7, "and then run the tests", PromptState::Held)];
        stage.send(Msg::Run(RunMsg::Queued(RunId("r".into()), held))).keys("i");
    });
    shown("inbox_prompt", |stage| {
        let held = vec![prompt("r", 7, "and then run the tests", PromptState::Held)];
        stage.run(run("r")).send(Msg::Run(RunMsg::Queued(RunId("r".into()), held))).keys("i");
    });
    shown("inbox_elsewhere", |stage| {
        stage.keys("i");
    });
}

#[test]
fn the_text_of_an_empty_inbox_is_whole_at_any_width() {
    for (width, height) in SIZES {
        let mut stage = Stage::new(width, height);
        stage.keys("i");
        let screen = stage.screen();
        assert!(screen.contains("Nothing needs your attention.") && screen.contains("closes)."), "{screen}");
    }
}

#[test]
fn the_inbox_of_a_low_screen_says_who_asks_and_how_to_leave() {
    let mut stage = Stage::full(40, 10);
    let mut older = edit("b");
    older.since = Some(ago(300));
    stage.run(asking(run("r"), [command("a")])).run(asking(fresh("s"), [older])).keys("i");
    let screen = stage.screen();
    let lines: Vec<_> = screen.lines().collect();
    assert!(lines[0].starts_with(" ! codex · new session") && lines[0].ends_with("1 of 2 (n p)"), "{screen}");
    assert!(screen.contains("src/webhook.rs") && screen.contains("4  No, and stop"), "{screen}");
    assert!(lines[9].contains("1–4 answer") && lines[9].ends_with("esc close"), "{screen}");
    stage.keys("n");
    let screen = stage.screen();
    assert!(screen.contains("! claude · Retry") && screen.contains("$ cargo test"), "{screen}");
}

#[test]
fn a_message_about_a_run_that_is_not_in_front_names_its_session() {
    let mut stage = Stage::full(100, 24);
    let notice = |run: &str| {
        let text = "Claude Code: killed by a signal".to_owned();
        Msg::Run(RunMsg::Notice { run: RunId(run.into()), text, error: true })
    };
    stage.run(run("r")).send(notice("r"));
    assert!(stage.screen().contains("Retry failed webhooks with a ba…: Claude Code: killed"), "{}", stage.screen());
    let mut stage = Stage::full(100, 24);
    stage.send(notice("unknown"));
    assert!(stage.screen().contains(" Claude Code: killed by a signal"), "{}", stage.screen());
}

#[test]
fn the_hint_of_enter_says_what_it_does_with_a_question() {
    let hint = |keys: &str| {
        let mut stage = Stage::full(120, 40);
        asked(questions("a"))(&mut stage);
        for word in keys.split_whitespace() {
            stage.keys(word).fire_timers();
        }
        stage.screen().lines().last().unwrap_or_default().to_owned()
    };
    assert!(!hint("").contains("enter"), "{}", hint(""));
    // The second question has several answers.
    assert!(!hint("1").contains("enter") && hint("1 1").contains("enter confirm"), "{}", hint("1 1"));
    let mut stage = Stage::full(120, 40);
    asked(command("a"))(&mut stage);
    assert!(!stage.screen().contains("enter show all"), "all is shown: {}", stage.screen());
    let mut stage = Stage::full(120, 40);
    asked(edit("a"))(&mut stage);
    assert!(stage.screen().contains("enter show all"), "{}", stage.screen());
    // What counts is what is drawn.
    let shows_all = |size: (u16, u16), line: &str| {
        let mut long = command("a");
        long.action = salon::domain::tool::ToolAction::Command { command: line.into(), exit_code: None };
        let mut stage = Stage::full(size.0, size.1);
        asked(long)(&mut stage);
        stage.screen().contains("enter show all")
    };
    let wide = "cargo test ".repeat(30);
    assert!(!shows_all((120, 40), &wide), "three rows are shown whole");
    assert!(!shows_all((120, 40), &"true\n".repeat(6)), "six rows are shown whole");
    assert!(shows_all((80, 14), &"true\n".repeat(6)), "a low screen cuts them");
}

#[test]
fn the_badge_is_on_every_screen() {
    for keys in ["", "enter", "/", "/ r e t r y", "enter ?", "enter ctrl-p"] {
        let mut stage = Stage::full(80, 24);
        stage.run(asking(fresh("s"), [command("a")])).keys(keys);
        let screen = stage.screen();
        assert!(screen.lines().next().expect("a header").contains("2 need you"), "after {keys}: {screen}");
    }
}

#[test]
fn the_picker_shows_models_modes_and_efforts() {
    let open = |stage: &mut Stage, keys: &str| {
        stage.run(run("r")).select_run();
        stage.app.perform(salon::app::Flow::Act(salon::app::Action::Models));
        let list = vec![("opus-5".to_owned(), "Opus 5".to_owned())];
        let models = ModelCatalog { list, as_of: Some(ago(180)), ..ModelCatalog::default() };
        stage.send(Msg::Run(RunMsg::Models(Agent::Claude.into(), models))).keys(keys);
    };
    shown("picker_models", |stage| open(stage, "s o"));
    shown("picker_modes", |stage| open(stage, "tab"));
}

#[test]
fn the_new_session_form() {
    shown("new_session", |stage| {
        let agents = vec![(Agent::Claude, true), (Agent::OpenCode, true), (Agent::Codex, false)];
        stage.send(Msg::Run(RunMsg::Agents(agents))).keys("n");
    });
    shown("new_session_directory", |stage| {
        stage.keys("n up up up up ctrl-u / h o");
        let found = vec!["/home".to_owned(), "/home/ann/shop-api".to_owned()];
        stage.send(Msg::Run(RunMsg::Paths { query: "/ho".into(), found }));
    });
}

#[test]
fn quitting_with_open_turns_asks_for_confirmation() {
    shown("quit", |stage| {
        let queued = vec![prompt("r", 7, "and then run the tests", PromptState::Pending)];
        stage.run(asking(run("r"), [command("a")])).run(fresh("s"));
        stage.send(Msg::Run(RunMsg::Queued(RunId("r".into()), queued))).keys("q");
    });
}

#[test]
fn home_lists_runs_by_what_they_are_doing() {
    shown("home_runs", |stage| {
        stage.run(run("r")).run(asking(fresh("s"), [command("a")]));
    });
}
