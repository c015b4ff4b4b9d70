//! `salon demo`: a full screen for a newcomer, from which nothing stays.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;
use salon::agent::Environment;
use salon::cli::demo::DemoHome;
use salon::domain::{Agent, Time};
use salon::index::{self, Collected, IndexOptions, Refresh};

use crate::support::Home;
use crate::terminal::Terminal;

const HOUR: i64 = 3_600_000;

fn collect(home: &DemoHome) -> Collected {
    let environment = Environment { home: home.path().to_owned(), ..Environment::default() };
    index::collect(&IndexOptions::new(environment, std::time::Instant::now), Refresh::Changed)
}

#[test]
fn the_demo_has_sessions_of_all_agents_from_minutes_to_months_ago() {
    let parent = tempfile::tempdir().expect("a scratch directory");
    let now = Time::parse("2026-03-19T12:00:00Z").expect("a time");
    let home = DemoHome::create(parent.path(), now).expect("created");
    assert_eq!(fs::metadata(home.path()).expect("metadata").permissions().mode() & 0o777, 0o700);
    let found = collect(&home);
    assert!(found.issues.is_empty(), "{:?}", found.issues);
    let agents: BTreeSet<Agent> = found.sessions.iter().map(|session| session.key.agent).collect();
    assert_eq!(agents.len(), Agent::ALL.len());
    let top: Vec<_> = found.sessions.iter().filter(|session| session.parent.is_none()).collect();
    assert!(top.len() >= 18, "{} sessions", top.len());
    let workspaces: BTreeSet<String> = top.iter().map(|session| session.cwd.to_string()).collect();
    assert_eq!(workspaces.len(), 5, "{workspaces:?}");
    assert!(workspaces.iter().all(|dir| Path::new(dir).is_dir() && Path::new(dir).starts_with(home.path())));
    let ages: Vec<i64> = top.iter().filter_map(|session| session.last_activity).map(|at| now.since(at)).collect();
    assert_eq!(ages.len(), top.len(), "each has a time");
    assert!(ages.iter().all(|age| *age > 0), "{ages:?}");
    assert!(ages.iter().filter(|age| **age < HOUR).count() >= 2);
    assert!(ages.iter().any(|age| *age > 90 * 24 * HOUR));
    assert!(top.iter().all(|session| !session.title.text.is_empty() && session.turns > 0));
    assert!(found.sessions.iter().filter(|session| session.parent.is_some()).count() >= 2, "sub-agents");
    let forks: Vec<_> = found.sessions.iter().filter(|session| session.forked_from.is_some()).collect();
    assert_eq!(forks.iter().map(|fork| &*fork.title.text).collect::<Vec<_>>(), ["Fix the calendar export"]);
    home.remove().expect("removed");
    assert_eq!(fs::read_dir(parent.path()).expect("read").count(), 0);
}

#[test]
fn the_demo_opens_without_an_agent_and_leaves_nothing() {
    let (home, runtime) = (Home::empty(), tempfile::tempdir().expect("a scratch directory"));
    let mut terminal = demo(&home, runtime.path());
    terminal.wait_for_text("Demo:");
    for text in ["NEEDS YOU", "WORKING", "tidepool", "lantern", "Fix the tide table"] {
        let lower = text.to_lowercase();
        terminal.wait_for(text, |screen| screen.contents().to_lowercase().contains(&lower));
    }
    terminal.send("q");
    assert_eq!(terminal.wait(), 0);
    terminal.assert_restored();
    assert_eq!(fs::read_dir(runtime.path()).expect("read").count(), 0, "the temporary home is removed");
    assert_eq!(fs::read_dir(home.path()).expect("read").count(), 0, "nothing is written to the user's home");
}

#[test]
fn the_next_demo_removes_what_a_killed_one_left() {
    let (home, runtime) = (Home::empty(), tempfile::tempdir().expect("a scratch directory"));
    let mut killed = demo(&home, runtime.path());
    killed.wait_for_text("Demo:");
    let mut beside = demo(&home, runtime.path());
    beside.wait_for_text("Demo:");
    assert_eq!(fs::read_dir(runtime.path()).expect("read").count(), 2, "a running demo is left alone");
    killed.signal(Signal::KILL);
    killed.wait();
    beside.send("q");
    assert_eq!(beside.wait(), 0);
    assert_eq!(fs::read_dir(runtime.path()).expect("read").count(), 1);
    let mut next = demo(&home, runtime.path());
    next.wait_for_text("Demo:");
    next.signal(Signal::TERM);
    assert_eq!(next.wait(), 0);
    assert_eq!(fs::read_dir(runtime.path()).expect("read").count(), 0);
}

fn demo(home: &Home, runtime: &Path) -> Terminal {
    let variables = [
        ("HOME", home.path().to_string_lossy().into_owned()),
        ("SALON_RUNTIME_DIR", runtime.to_string_lossy().into_owned()),
        ("PATH", "/usr/bin:/bin".to_owned()),
        ("TERM", "xterm-256color".to_owned()),
    ];
    let variables: Vec<_> = variables.map(|(name, value)| (name.to_owned(), value)).into();
    Terminal::start(Path::new(env!("CARGO_BIN_EXE_salon")), &["demo"], home.path(), &variables)
}
