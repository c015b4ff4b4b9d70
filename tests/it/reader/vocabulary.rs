//! Names of tools: one vocabulary for all agents, in the reader and in queries.

use salon::app::Action;
use salon::domain::Entry;
use salon::domain::query::{EntryMatcher, MatchLevel};
use salon::domain::tool_name::tool_label;
use salon::domain::transcript::ToolAction;

use super::sample::{ReaderHarness, tool};

fn shell(name: &str) -> Entry {
    tool("c", 0, name, ToolAction::Command { command: "ls".into(), exit_code: Some(0) }, "a\n")
}

#[test]
fn tools_have_one_name_whatever_the_agent() {
    let same = [
        (
            "Bash",
            &["Bash", "bash", "shell", "exec_command", "run_shell_command", "local_shell", "developer__shell"][..],
        ),
        ("Read", &["Read", "read", "read_file", "read_many_files"]),
        ("Edit", &["Edit", "edit", "apply_patch", "replace", "MultiEdit", "NotebookEdit"]),
        ("Write", &["Write", "write", "write_file"]),
        ("Grep", &["Grep", "grep", "search_file_content", "grep_search"]),
        ("List", &["LS", "list", "list_directory", "list_dir"]),
        ("Web fetch", &["WebFetch", "webfetch", "web_fetch"]),
        ("Web search", &["WebSearch", "websearch", "web_search", "google_web_search"]),
        ("Task", &["Task", "task", "Agent", "spawn_agent", "delegate_to_agent"]),
        ("postgres: query", &["mcp__postgres__query"]),
        // A tool of a server is not the agent's own, whatever its name.
        ("files: read", &["mcp__files__read"]),
        ("Skill", &["Skill"]),
        ("mcp__", &["mcp__"]),
    ];
    for (label, names) in same {
        for name in names {
            assert_eq!(tool_label(name), label, "{name}");
        }
    }
}

#[test]
fn the_agents_own_name_is_shown_on_unfolding() {
    let mut harness = ReaderHarness::new(vec![shell("exec_command")], (80, 10));
    assert!(
        harness.screen().contains("Bash  ls") && !harness.screen().contains("exec_command"),
        "{}",
        harness.screen()
    );
    harness.act(Action::Expand);
    assert!(harness.screen().contains("Bash (exec_command)  ls"), "{}", harness.screen());
    let mut same = ReaderHarness::new(vec![shell("bash")], (80, 10));
    same.act(Action::Expand);
    assert!(same.screen().contains("Bash  ls"), "{}", same.screen());
}

#[test]
fn a_query_finds_a_tool_by_both_names() {
    let level = |query: &str, name: &str| EntryMatcher::new(query).match_level(&shell(name));
    for name in ["Bash", "bash", "exec_command", "run_shell_command"] {
        assert_eq!(level("tool:bash", name), MatchLevel::Full, "{name}");
    }
    assert_eq!(level("tool:exec", "exec_command"), MatchLevel::Full);
    assert_eq!(level("tool:exec", "Bash"), MatchLevel::None);
    assert_eq!(level("tool:postgres", "mcp__postgres__query"), MatchLevel::Full);
    assert_eq!(level("tool:read", "exec_command"), MatchLevel::None);
    assert_eq!(level("bash", "exec_command"), MatchLevel::Full, "the word on the screen");
}
