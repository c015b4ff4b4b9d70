//! Branches, sub-agents and forks: what belongs to which session.

use salon::agent::{RefreshOutcome, SummaryNote};
use salon::domain::ToolStatus;
use salon::runtime::extract;
use salon::runtime::shown_transcript::ShownTranscript;
use serde_json::json;

use super::{One, answer, call, claude, read, say, session, sessions, text, units, user};
use crate::support::Home;

#[test]
fn h3_the_newest_branch_is_shown_and_the_others_counted() {
    let mut lines = vec![
        user("1", None, "hello"),
        say("2", "1", "answer"),
        user("3", Some("2"), "a question taken back"),
        say("4", "3", "answered in vain"),
        user("5", Some("2"), "a better question"),
        say("6", "5", "answered"),
    ];
    let one = One::new(&lines);
    let session = one.session();
    assert_eq!(one.texts(), ["hello", "answer", "a better question", "answered"]);
    assert_eq!((session.messages, session.turns, session.tip.as_deref()), (4, 2, Some("6")));
    assert_eq!(claude().open(&session).expect("opens").branches(), 2);

    lines.push(json!({"type": "last-prompt", "leafUuid": "4"}));
    let one = One::new(&lines);
    assert_eq!(one.texts(), ["hello", "answer", "a question taken back", "answered in vain"]);
    assert_eq!(one.session().tip.as_deref(), Some("4"));

    // Told late, of a record that the conversation has passed.
    lines.pop();
    lines.push(json!({"type": "last-prompt", "leafUuid": "5"}));
    assert_eq!(One::new(&lines).session().tip.as_deref(), Some("6"));
}

#[test]
fn the_editor_gets_the_entry_of_the_shown_branch() {
    let one = One::new(&[
        user("1", None, "hello"),
        say("2", "1", "answer"),
        user("3", Some("2"), "a question taken back"),
        say("4", "3", "answered in vain"),
        user("5", Some("2"), "a better question"),
        say("6", "5", "answered"),
    ]);
    let session = std::sync::Arc::new(one.session());
    let text = |branch| {
        let shown = ShownTranscript { session: session.clone(), branch };
        let path = extract::entry(&shown, 2, std::path::Path::new("/nowhere/state.db")).expect("written");
        let text = std::fs::read_to_string(&path).expect("readable");
        std::fs::remove_file(path).expect("removed");
        text
    };
    assert_eq!(text(None), "a better question\n");
    assert_eq!(text(Some(0)), "a question taken back\n");
    assert_eq!(text(Some(1)), "a better question\n");
}

#[test]
fn h3_a_branch_that_appears_while_it_is_read_replaces_the_end() {
    let one = One::new(&[
        user("1", None, "hello"),
        say("2", "1", "answer"),
        user("3", Some("2"), "old"),
        say("4", "3", "end"),
    ]);
    let before = one.summarise();
    let mut reading = claude().open(&one.session()).expect("opens");
    one.append(&text(&[user("5", Some("2"), "new")]));
    let after = claude().summarise(&one.unit(), Some(&before.progress));
    assert_eq!(session(after).messages, 3);
    assert_eq!(reading.refresh(), RefreshOutcome::Reset);
    assert_eq!((reading.len(), reading.branches()), (3, 2));
    // What extends the new branch is an append again.
    let before = one.summarise();
    one.append(&text(&[say("6", "5", "more")]));
    let after = claude().summarise(&one.unit(), Some(&before.progress));
    assert!(after.bytes_read < 1000);
    assert_eq!(session(after), one.session());
    assert_eq!(reading.refresh(), RefreshOutcome::Grown { from: 3 });
}

#[test]
fn h3_calls_made_at_once_are_no_branches() {
    // Each result follows its own call, so the tree forks; the next reply follows only the last of them.
    let lines = [
        user("1", None, "hello"),
        call("2", "1", "m", "a"),
        call("3", "2", "m", "b"),
        answer("4", "2", "a", "of a"),
        call("5", "3", "m", "c"),
        answer("6", "5", "c", "of c"),
        answer("7", "3", "b", "of b"),
        say("8", "4", "done"),
        say("9", "8", "really"),
    ];
    for end in 1..=lines.len() {
        let one = One::new(&lines[..end]);
        let session = one.session();
        let shown = lines[..end].iter().filter(|line| line["message"]["content"][0]["type"] != "tool_result").count();
        assert_eq!(one.texts().len(), shown, "{end} lines");
        assert_eq!(claude().open(&session).expect("opens").branches(), 1);
    }
    // The same in a conversation that has other branches.
    let mut branched = lines.to_vec();
    branched.insert(1, say("0", "1", "taken back"));
    let one = One::new(&branched);
    assert_eq!(one.texts(), ["hello", "a", "b", "c", "done", "really"]);
    assert_eq!(claude().open(&one.session()).expect("opens").branches(), 2);

    let one = One::new(&lines);
    let outputs: Vec<_> =
        read(&one.session()).into_iter().filter_map(|entry| entry.tool).map(|tool| tool.output).collect();
    assert_eq!(outputs, ["of a", "of b", "of c"]);
}

#[test]
fn h4_sub_agents_are_reached_from_their_calls_and_their_usage_is_their_parents() {
    for (version, parent, agent) in [
        ("claude/2.0.76", "22e22bb8-95a4-495e-a612-04a08b5d5dde", "agent-a6a8980"),
        ("claude/2.1.329", "dda70f64-33a7-4428-98ee-38edd9c3b46d", "agent-a281a1f8f034ebd09"),
    ] {
        let home = Home::of(&[version]);
        let sessions = sessions(&home);
        let tools: Vec<_> = read(&sessions[parent]).into_iter().filter_map(|entry| entry.tool).collect();
        let started: Vec<_> = tools.iter().filter_map(|tool| tool.subagent.as_deref()).collect();
        assert_eq!(started, [agent]);
        let sub = &sessions[agent];
        assert!(sub.flags.subagent);
        assert_eq!(sub.parent.as_deref(), Some(parent));
        let unit = units(&home).into_iter().find(|unit| unit.path == sub.path).expect("found");
        let notes = claude().summarise(&unit, None).notes;
        assert_eq!(notes, [SummaryNote::Usage { id: parent.into(), tokens: sub.tokens }]);
        assert!(sub.tokens.output > 0 && claude().resume_refusal(sub).is_some());
    }
}

#[test]
fn h4_a_side_file_names_a_sub_agent_that_has_not_reported_yet() {
    let home = Home::of(&["claude/2.1.329"]);
    let parent = "dda70f64-33a7-4428-98ee-38edd9c3b46d";
    let path = home.path().join(format!(".claude/projects/-home-dev-web-ui-v2/{parent}.jsonl"));
    let lines = std::fs::read_to_string(&path).expect("reads");
    let until: String = lines.split_inclusive('\n').take_while(|line| !line.contains("async_launched")).collect();
    std::fs::write(&path, until).expect("cuts");
    let tool = read(&sessions(&home)[parent]).into_iter().filter_map(|entry| entry.tool).next_back().expect("a call");
    assert_eq!((tool.status, tool.subagent.as_deref()), (ToolStatus::Pending, Some("agent-a281a1f8f034ebd09")));
}

#[test]
fn h5_forks_are_known_and_do_not_count_what_they_copied() {
    let home = Home::of(&["claude/2.1.329"]);
    let sessions = sessions(&home);
    for (fork, origin) in [
        ("4eaa0a1b-3a42-4962-96f8-7909b54e13c1", "143b81a6-05d8-46ab-96c8-d1c2291634d1"),
        ("20304183-e372-4cf9-a32c-ff8eafb51a71", "3ec5520e-1682-4254-bb9e-c8a3949e1a60"),
    ] {
        assert!(sessions[fork].flags.fork);
        assert_eq!(sessions[fork].forked_from.as_deref(), Some(origin));
        let own: Vec<_> = read(&sessions[fork]).into_iter().filter_map(|entry| entry.tokens).collect();
        assert_eq!(sessions[fork].tokens, *own.last().expect("one reply of its own"));
    }
    assert_eq!(sessions.values().filter(|session| session.flags.fork).count(), 2);
}
