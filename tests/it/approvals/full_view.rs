//! The full view of an approval, choices by arrows, and similar approvals together.

use salon::app::approvals::ApprovalId;
use salon::app::msg::Mouse;
use salon::app::runs::RunMsg;
use salon::app::{Effect, Msg};
use salon::domain::approval::ApprovalAnswer;
use salon::domain::run::RunId;
use salon::domain::run_request::RunRequest;
use salon::domain::tool::{ChangeContext, ToolAction};

use super::{answer, answers, choice, inbox};
use crate::screens::live::{asking, command, edit, plan, run};
use crate::screens::stage::Stage;

/// The chat of a run with approvals, ready to be answered.
fn chat(width: u16, height: u16, approvals: Vec<salon::domain::approval::Approval>) -> Stage {
    let mut stage = Stage::full(width, height);
    stage.run(asking(run("r"), approvals));
    let effects = stage.app.perform(salon::app::Flow::OpenChat(RunId("r".into())));
    stage.effects.extend(effects);
    stage.draw();
    stage.fire_timers().take_effects();
    stage
}

/// Approval of another command.
fn other(id: &str, line: &str) -> salon::domain::approval::Approval {
    let mut asked = command(id);
    asked.action = ToolAction::Command { command: line.into(), exit_code: None };
    asked
}

#[test]
fn arrows_and_enter_choose_and_a_chosen_denial_stays_visible() {
    let mut stage = chat(80, 24, vec![command("a")]);
    stage.keys("down down enter");
    assert_eq!(answers(&mut stage), [choice("r", "a", "always-0")]);
    for (width, height) in [(80, 24), (40, 10)] {
        let mut stage = chat(width, height, vec![command("a")]);
        stage.keys("up up enter n o");
        let screen = stage.screen();
        assert!(screen.contains("3  No, continue without it") && screen.contains("Reason"), "{screen}");
        stage.keys("enter");
        let denied = ApprovalAnswer::Choice { token: "deny".into(), reason: Some("no".into()) };
        assert_eq!(answers(&mut stage), [answer("r", "a", denied)]);
    }
}

#[test]
fn an_approval_shows_secrets_as_they_would_be_allowed() {
    let token = format!("ghp_{}", "a1B2c3".repeat(6));
    let line = format!("GITHUB_TOKEN={token} git push");
    let mut stage = chat(120, 40, vec![other("a", &line)]);
    assert!(stage.screen().contains(&line), "{}", stage.screen());
    let mut stage = inbox([other("a", &line)]);
    assert!(stage.screen().contains(&line), "{}", stage.screen());
}

#[test]
fn arrows_and_enter_belong_to_a_text() {
    let mut stage = chat(80, 24, vec![command("a")]);
    stage.keys("x up down enter");
    let asked = stage.asked();
    assert!(asked.iter().all(|effect| !matches!(effect, Effect::Run(RunRequest::Answer { .. }))), "{asked:?}");
    assert!(asked.iter().any(|effect| matches!(effect, Effect::Run(RunRequest::Submit { .. }))), "{asked:?}");
}

#[test]
fn the_choices_win_on_a_low_screen_and_the_footer_names_the_digits() {
    let mut stage = chat(40, 10, vec![command("a")]);
    let screen = stage.screen();
    for wanted in ["1  Yes", "2  Yes, and always", "3  No, continue", "4  No, and stop", "1–4 answer", "cargo test"] {
        assert!(screen.contains(wanted), "{wanted}: {screen}");
    }
    // Even with one row beside the choices, one sees what is allowed.
    let mut asked = command("a");
    asked.choices.insert(1, asked.choices[1].clone());
    let screen = chat(40, 10, vec![asked]).screen();
    assert!(screen.contains("$ cargo test") && screen.contains("5  No, and stop"), "{screen}");
    let screen = chat(80, 24, vec![command("a")]).screen();
    let lines: Vec<_> = screen.lines().collect();
    let first = lines.iter().position(|line| line.contains("1  Yes")).expect("choices");
    assert_eq!(lines[first - 1].trim(), "", "a free row before the choices: {screen}");
    assert!(lines.iter().any(|line| line.trim().starts_with("───")), "{screen}");
}

#[test]
fn enter_or_a_click_shows_a_request_whole() {
    let mut stage = chat(80, 24, vec![edit("a")]);
    assert!(!stage.screen().contains("// line 12 of"), "{}", stage.screen());
    stage.keys("enter");
    let id = ApprovalId { run: RunId("r".into()), id: "a".into() };
    assert!(stage.take_effects().contains(&Effect::LoadChangeContext(id.clone())));
    stage.send(Msg::Mouse { kind: Mouse::WheelDown, column: 5, row: 8 });
    assert!(!stage.screen().contains("webhook.rs"), "{}", stage.screen());
    stage.keys("pgdn pgdn pgdn");
    assert!(stage.screen().contains("// line 30 of") && stage.screen().contains("1  Yes"), "{}", stage.screen());
    stage.keys("esc");
    assert!(!stage.screen().contains("// line 30 of"), "{}", stage.screen());
    let row = stage.screen().lines().position(|line| line.contains("webhook.rs")).expect("the request");
    stage.send(Msg::Mouse { kind: Mouse::Click, column: 5, row: u16::try_from(row).expect("a row") });
    assert!(stage.take_effects().contains(&Effect::LoadChangeContext(id)));
    stage.keys("1");
    assert_eq!(answers(&mut stage), [choice("r", "a", "allow")], "it is answered there too");
}

#[test]
fn a_replaced_text_is_shown_in_its_file() {
    let old = "fn retry(n: u32) {\n    sleep(1);\n    send();\n}";
    let file = format!("use std::time;\n\n// Sends\u{1b}[2J again.\n{old}\n\nfn send() {{}}\n");
    let found = ChangeContext::find(&file, old).expect("once");
    assert_eq!((found.line, found.before.len(), found.after.len()), (4, 3, 2));
    assert_eq!(ChangeContext::find(&file, "sleep(1)"), None, "a part of a line");
    assert_eq!(ChangeContext::find("a\nb\na\n", "a"), None, "it is there twice");
    assert_eq!(found.patch("a\n", "a", str::to_owned), None, "a diff of lines would show no change");
    let mut stage = chat(80, 40, vec![edit("a")]);
    stage.keys("enter");
    let id = ApprovalId { run: RunId("r".into()), id: "a".into() };
    stage.send(Msg::Run(RunMsg::ChangeContext(id, vec![vec![Some(found)], Vec::new()])));
    let screen = stage.screen();
    for wanted in
        ["3 3   // Sends␛[2J again.", "5   -     sleep(1);", "5 +     sleep(2u64.pow(n));", "9 9   fn send() {}"]
    {
        assert!(screen.contains(wanted), "{wanted}: {screen}");
    }
    stage.keys("esc");
    assert!(!stage.screen().contains("// Sends"), "{}", stage.screen());
}

#[test]
fn similar_approvals_are_allowed_together_once_all_are_shown() {
    let approvals =
        || [other("a", "cargo fmt"), plan("p"), other("b", "cargo clippy"), other("c", "rm -rf \u{1b}[1m/")];
    let mut stage = inbox(approvals());
    assert!(stage.screen().contains("a shows 3 alike"), "{}", stage.screen());
    stage.keys("a 1");
    assert_eq!(answers(&mut stage), [], "the choices were just replaced");
    let screen = stage.screen();
    for wanted in
        ["$ cargo fmt", "$ cargo clippy", "$ rm -rf ␛[1m/", "1  Allow all 3, once", "2  Answer one after the other"]
    {
        assert!(screen.contains(wanted), "{wanted}: {screen}");
    }
    stage.fire_timers();
    // Another one arrives: it was not shown, and is not allowed.
    stage.run(asking(run("r"), approvals().into_iter().chain([other("d", "curl evil")])));
    stage.keys("1");
    assert_eq!(answers(&mut stage), ["a", "b", "c"].map(|id| choice("r", id, "allow")));
    let mut stage = inbox(approvals());
    stage.keys("a").fire_timers().keys("2").fire_timers().keys("1");
    assert_eq!(answers(&mut stage), [choice("r", "a", "allow")], "one after the other");
}

#[test]
fn a_single_approval_has_no_similar_ones() {
    let mut stage = inbox([command("a"), plan("p")]);
    assert!(!stage.screen().contains("alike"), "{}", stage.screen());
    stage.keys("a 1");
    assert_eq!(answers(&mut stage), [choice("r", "a", "allow")]);
}

#[test]
fn a_request_names_the_tool_as_the_transcript_does() {
    let named = |tool: &str| salon::domain::approval::Approval { tool: tool.into(), ..command("a") };
    let mut stage = chat(120, 40, vec![named("exec_command")]);
    let screen = stage.screen();
    assert!(screen.contains("Bash") && !screen.contains("exec_command"), "{screen}");
    stage.keys("enter");
    assert!(stage.screen().contains("Bash (exec_command)"), "the full view has its own name: {}", stage.screen());
    stage.keys("esc left");
    assert!(stage.screen().contains("Bash: "), "in the list too: {}", stage.screen());
    let mut stage = chat(120, 40, vec![plan("p")]);
    assert!(!stage.screen().contains("proposes a plan  "), "said already: {}", stage.screen());
}
