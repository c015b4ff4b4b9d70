//! Sub-agents and forks: where a session comes from, and that nothing of it is shown or counted twice.

use salon::agent::{Format, Sessions, TextLimit};
use salon::domain::transcript::Action;
use salon::domain::{Agent, Entry, EntryKind, Session};

use crate::support::Home;

fn claude() -> &'static dyn Format {
    salon::agent::format(Agent::Claude)
}

fn summed_up(home: &Home) -> Vec<Session> {
    let roots = claude().roots(&home.environment());
    let units = roots.iter().flat_map(|root| claude().discover(root).units);
    let sessions = units.flat_map(|unit| match claude().summarise(&unit, None).sessions {
        Sessions::All(sessions) | Sessions::Changed { sessions, .. } => sessions,
    });
    sessions.collect()
}

fn read(session: &Session) -> Vec<Entry> {
    let mut reading = claude().open(session).expect("opens");
    let len = reading.len();
    reading.read(0..len, TextLimit::NONE)
}

#[test]
fn h4_a_sub_agent_inside_its_parents_file_is_a_session_of_its_own() {
    let home = Home::of(&["claude/1.0.128"]);
    let sessions = summed_up(&home);
    let [parent, child] = &sessions[..] else { panic!("two sessions: {sessions:?}") };
    assert_eq!(&*child.key.id, "agent-4c22fbe1-9deb-4e79-ae87-833d95546cf0");
    assert!(child.flags.subagent && !parent.flags.subagent);
    assert_eq!(child.parent.as_ref(), Some(&parent.key.id));
    assert_eq!((&*child.title.text, child.turns, child.messages), ("Look around", 1, 2));
    let entries = read(child);
    assert_eq!(entries.iter().map(|entry| entry.kind).collect::<Vec<_>>(), [EntryKind::Prompt, EntryKind::Text]);
    assert_eq!((&*entries[0].text, &*entries[1].text), ("look around", "Mock answer. You said: look around"));
    let shown = read(parent);
    assert!(shown.iter().all(|entry| entry.text != "Mock answer. You said: look around"), "words of another session");
    let task =
        shown.iter().filter_map(|entry| entry.tool.as_deref()).find(|tool| matches!(tool.action, Action::Task { .. }));
    assert_eq!(task.expect("a task").subagent.as_ref(), Some(&child.key.id));
    assert_eq!(
        claude().tail(child, 1).expect("tail").last().map(|entry| entry.key),
        entries.last().map(|entry| entry.key)
    );
    assert!(claude().refuses(child).is_some_and(|reason| reason.contains(&*parent.key.id)));
}
