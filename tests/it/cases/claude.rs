//! Homes of Claude Code.

use serde_json::Value;

use super::Case;

fn texts<'a>(entries: &'a [Value], kind: &str) -> Vec<&'a str> {
    entries.iter().filter(|entry| entry["kind"] == kind).map(|entry| entry["text"].as_str().expect("a text")).collect()
}

fn entry_with<'a>(entries: &'a [Value], word: &str) -> &'a Value {
    let found = entries.iter().find(|entry| entry.to_string().contains(word));
    found.unwrap_or_else(|| panic!("{word} is not in {entries:#?}"))
}

#[test]
fn a_prompt_that_was_taken_from_the_queue_is_a_prompt() {
    let case = Case::of("02-claude-queue-remove");
    let session = case.only_session();
    let entries = case.entries(session["id"].as_str().expect("id"));
    let prompts = texts(&entries, "prompt");
    let steer = "please also keep the quokkasteer tests green";
    assert_eq!(prompts, ["Refactor the cart module", steer, "and bump the version"]);
    assert_eq!(session["turns"], 3);
    case.assert_shown_and_found("quokkasteer");
}

#[test]
fn an_output_in_a_file_of_its_own_is_shown_searched_and_counted() {
    for (name, first, last) in [
        ("03-claude-persisted-output", "line 0: comp", None),
        ("60-claude-2.1.332-tool-results", "1\n2\n3\n", Some("59999\n60000")),
    ] {
        let case = Case::of(name);
        let session = case.only_session();
        let entries = case.entries(session["id"].as_str().expect("id"));
        let output = entries.iter().filter_map(|entry| entry["tool"]["output"].as_str()).max_by_key(|text| text.len());
        let output = output.expect("an output");
        assert!(output.starts_with(first) && output.len() > 100_000, "{name}: {} bytes", output.len());
        assert!(last.is_none_or(|last| output.trim_end().ends_with(last)), "{name}");
        assert!(session["bytes"].as_u64().expect("bytes") > output.len() as u64, "{session}");
        // A word of the last lines, which are in no preview.
        let word = output.split_ascii_whitespace().rev().find(|word| word.len() >= 5).expect("a word");
        case.assert_shown_and_found(word);
    }
    let case = Case::of("03-claude-persisted-output");
    let found = case.json(&["search", "tool:bash \"line 1500\""]);
    assert_eq!((found["complete"].clone(), found["hits"].as_array().map(Vec::len)), (true.into(), Some(1)), "{found}");
}

#[test]
fn half_characters_are_replaced_and_lose_nothing() {
    let case = Case::of("04-claude-lone-surrogate");
    let session = case.only_session();
    let entries = case.entries(session["id"].as_str().expect("id"));
    assert_eq!(entry_with(&entries, "okapineedle")["text"], "thanks \u{fffd} okapineedle");
    assert_eq!(entry_with(&entries, "marmotneedle")["tool"]["status"], "failed");
    assert!(entry_with(&entries, "It is cut")["text"].as_str().expect("text").contains('\u{fffd}'));
    case.assert_shown_and_found("okapineedle");
    case.assert_shown_and_found("marmotneedle");
    let issues = case.json(&["doctor"])["issues"].to_string();
    assert_eq!(issues.matches("half a character").count(), 3, "{issues}");
    assert_eq!(session["flags"], Value::Array(Vec::new()));
}

#[test]
fn a_headline_comes_from_any_shape_of_input() {
    let case = Case::of("06-claude-nonstring-input");
    let entries = case.entries(case.only_session()["id"].as_str().expect("id"));
    let tools = texts(&entries, "tool");
    assert_eq!(tools, ["cargo test --lib ibexneedle", "/src/lib.rs", "TODO", "/src/a.rs", "a b"]);
    assert_eq!(texts(&entries, "plan"), ["- [ ] first"]);
    case.assert_shown_and_found("ibexneedle");
}

#[test]
fn a_message_that_was_passed_on_is_a_prompt_with_its_sender() {
    let case = Case::of("07-claude-wrapped-prompts");
    let expected = [
        ("Please rebase before you merge.", "release-bot"),
        ("Implement the login form in src/auth.", "leader"),
        ("is the narwhalneedle deploy finished?", "dev"),
        ("is the deploy finished? (not meta)", "dev"),
    ];
    let sessions = case.sessions();
    for (text, sender) in expected {
        let session = sessions.iter().find(|session| session["title"] == text);
        let session = session.unwrap_or_else(|| panic!("{text} is no title in {sessions:#?}"));
        let entries = case.entries(session["id"].as_str().expect("id"));
        let prompt = &entries[0];
        assert_eq!(
            (&prompt["kind"], &prompt["text"], &prompt["sender"]),
            (&"prompt".into(), &text.into(), &sender.into())
        );
        assert_eq!(session["turns"], 1);
    }
    case.assert_shown_and_found("narwhalneedle");
}

#[test]
fn a_retry_with_a_wrong_parent_keeps_the_answered_turns() {
    let case = Case::of("08-claude-retry-wrong-parent");
    let session = case.only_session();
    let shown = case.json(&["show", session["id"].as_str().expect("id")]);
    let entries = shown["entries"].as_array().expect("entries");
    assert_eq!(shown["branches"], 1);
    for number in 0..5 {
        entry_with(entries, &format!("question number {number}"));
        case.assert_shown_and_found(&format!("yakneedle{number}"));
    }
    assert_eq!(entries.last().map(|entry| &entry["text"]), Some(&"here is the answer after the retry".into()));
}

#[test]
fn a_plan_is_shown_as_it_was_written() {
    let case = Case::of("12-claude-plan-markdown");
    let entries = case.entries(case.only_session()["id"].as_str().expect("id"));
    let plans = texts(&entries, "plan");
    assert_eq!(plans.len(), 2);
    for (plan, word) in plans.iter().zip(["tapirneedle", "lynxneedle"]) {
        assert!(plan.starts_with("# Migration plan\n\n## Context\n") && plan.contains("| copy | 40 |"), "{plan}");
        assert!(plan.contains(word) && plan.contains("```sql\nALTER TABLE"), "{plan}");
        case.assert_shown_and_found(word);
    }
}

#[test]
fn a_session_of_one_command_has_it_as_title_and_turn() {
    let case = Case::of("13-claude-slash-only");
    let sessions = case.sessions();
    let titles: Vec<_> =
        sessions.iter().map(|session| (session["title"].as_str().expect("title"), &session["turns"])).collect();
    assert!(titles.contains(&("/review-pr 1234 and look at the ocelotneedle auth part", &1.into())), "{titles:?}");
    assert!(titles.contains(&("/nightly", &1.into())), "{titles:?}");
    case.assert_shown_and_found("ocelotneedle");
}

#[test]
fn notices_of_the_program_are_shown_and_found() {
    let case = Case::of("16-claude-system-notices");
    let entries = case.entries(case.only_session()["id"].as_str().expect("id"));
    for word in ["bongoneedle", "kudoneedle", "elandneedle", "saigaNeedle", "scheduled task: check CI"] {
        assert_eq!(entry_with(&entries, word)["kind"], "notice", "{word}");
        case.assert_shown_and_found(word.split(':').next().expect("a word"));
    }
}

#[test]
fn server_tools_show_links_documents_and_errors_without_data() {
    let case = Case::of("18-claude-server-tools");
    let entries = case.entries(case.only_session()["id"].as_str().expect("id"));
    let tool = |id: &str| {
        let found = entries.iter().map(|entry| &entry["tool"]).find(|tool| tool["id"] == id);
        found.unwrap_or_else(|| panic!("{id} is not in {entries:#?}"))
    };
    assert_eq!(tool("srvtoolu_1")["output"], "[Llama habitats](https://example.invalid/llama)");
    assert!(tool("srvtoolu_2")["output"].as_str().expect("output").contains("A PDF"));
    assert_eq!(tool("srvtoolu_3")["output"], "1 condorneedle\n");
    assert_eq!(
        (&tool("srvtoolu_4")["status"], &tool("srvtoolu_4")["output"]),
        (&"failed".into(), &"Error: max_uses_exceeded".into())
    );
    assert_eq!(tool("mcptoolu_1")["output"], "hello");
    let all = Value::Array(entries.clone()).to_string();
    assert!(!all.contains("QUJDQUJD") && !all.contains("JVBERi0x"), "encoded data is shown");
    for word in ["condorneedle", "dingoneedle", "emuneedle"] {
        case.assert_shown_and_found(word);
    }
    entry_with(&entries, "from a connector");
}

#[test]
fn the_directory_follows_a_move() {
    let case = Case::of("61-claude-cd-relocated");
    let session = case.only_session();
    assert_eq!(session["cwd"], "/home/dev/project/pb");
    let resume = case.json(&["resume", "--print", session["id"].as_str().expect("id")]);
    assert!(resume.to_string().contains("/home/dev/project/pb"), "{resume}");
}

#[test]
fn records_in_one_line_are_all_shown() {
    let case = Case::of("50-glued-records");
    let session = case.session("5e4c91c1-a8f2-085b-4bff-79a030717cb6");
    assert_eq!((&session["messages"], &session["turns"]), (&4.into(), &2.into()));
    case.assert_shown_and_found("gerbilneedle");
    let session = case.session("dddd1111-0000-4000-8000-000000000004");
    assert_eq!(session["messages"], 2);
    case.assert_shown_and_found("dormouseneedle");
    let issues = case.json(&["doctor"])["issues"].to_string();
    assert!(issues.contains("several records in one line"), "{issues}");
}

#[test]
fn odd_directories_are_told_apart_and_quoted() {
    let case = Case::of("46-windows-wsl-paths");
    let sessions = case.sessions();
    let directories: std::collections::BTreeSet<_> =
        sessions.iter().map(|session| session["cwd"].to_string()).collect();
    assert_eq!((sessions.len(), directories.len()), (12, 12));
    let of = |title: &str| sessions.iter().find(|session| session["title"] == title).expect("a session")["id"].clone();
    let printed = case.json(&["resume", "--print", of("shell chars").as_str().expect("id")]).to_string();
    assert!(!printed.contains(" $(touch") || printed.contains('\''), "{printed}");
}

#[test]
fn real_branches_are_listed_shown_and_reached_by_a_search() {
    let case = Case::of("08-claude-retry-wrong-parent");
    let id = case.only_session()["id"].as_str().expect("id").to_owned();
    // A rewind: another prompt after the first answer.
    case.append(
        &format!(".claude/projects/-home-dev-shop/{id}.jsonl"),
        &[
            r#"{"parentUuid":"2b040e29-0d4e-90f5-500a-a869d74dedf4","isSidechain":false,"type":"user","uuid":"r1","timestamp":"2026-09-10T11:00:00.000Z","message":{"role":"user","content":"rewound with kiwineedle"}}"#,
            r#"{"parentUuid":"r1","isSidechain":false,"type":"assistant","uuid":"r2","timestamp":"2026-09-10T11:00:05.000Z","message":{"id":"m9","role":"assistant","content":[{"type":"text","text":"another way"}]}}"#,
        ],
    );
    let shown = case.json(&["show", &id]);
    assert_eq!((&shown["branches"], &shown["branch"], &shown["total"]), (&2.into(), &2.into(), &4.into()));
    let list = &shown["branch_list"];
    assert_eq!((&list[0]["n"], &list[1]["n"]), (&1.into(), &2.into()));
    assert_eq!((&list[1]["head"], &list[1]["entries"]), (&"rewound with kiwineedle".into(), &4.into()));
    assert_eq!(list[1]["last"], "2026-09-10T11:00:05.000Z");
    let first = case.json(&["show", &id, "--branch", "1"]);
    assert_eq!((&first["branch"], &first["total"]), (&1.into(), &list[0]["entries"]));
    // A hit on the branch that is not shown names its entry there.
    let found = case.json(&["search", "yakneedle3"]);
    let snippet = &found["hits"][0]["snippets"][0];
    assert_eq!(snippet["branch"], 1, "{found}");
    let entries = first["entries"].as_array().expect("entries");
    let entry = entries.iter().find(|entry| entry["n"] == snippet["entry"]).expect("the entry");
    assert_eq!(entry["text"], "answer number 3 yakneedle3");
    assert_eq!(case.json(&["show", &id, "--branch", "3"])["error"]["code"], "not_found");
}
