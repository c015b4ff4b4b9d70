//! OpenCode's databases and old JSON files, as the real program wrote them.

use std::path::{Path, PathBuf};

use salon::agent::{Format, Progress, Sessions, TextLimit, Unit, format};
use salon::domain::{Agent, Entry, Session};

use crate::support::Home;

const DATA: &str = ".local/share/opencode";
const V1_18: &str = "opencode/1.18.33";
const V1_2: &str = "opencode/1.2.27-migrated";
const V1_1: &str = "opencode/1.1.65-legacy";

fn opencode() -> &'static dyn Format {
    format(Agent::OpenCode)
}

fn units(home: &Home) -> Vec<Unit> {
    let roots = opencode().roots(&home.environment());
    roots.iter().flat_map(|root| opencode().discover(root).units).collect()
}

fn sessions(home: &Home) -> Vec<Session> {
    units(home).iter().flat_map(|unit| all(opencode().summarise(unit, None).sessions)).collect()
}

fn all(sessions: Sessions) -> Vec<Session> {
    match sessions {
        Sessions::All(sessions) => sessions,
        Sessions::Changed { .. } => panic!("all sessions were expected"),
    }
}

fn session(home: &Home, id: &str) -> Session {
    sessions(home).into_iter().find(|session| &*session.key.id == id).unwrap_or_else(|| panic!("{id} is missing"))
}

fn entries(session: &Session) -> Vec<Entry> {
    let mut reading = opencode().open(session).expect("open");
    let len = reading.len();
    reading.read(0..len, TextLimit::NONE)
}

#[test]
fn a4_messages_of_a_summary_equal_the_entries_of_a_reading() {
    for fixture in [V1_18, V1_2, V1_1] {
        let home = Home::of(&[fixture]);
        let sessions = sessions(&home);
        assert!(!sessions.is_empty(), "{fixture}");
        for session in sessions {
            let entries = entries(&session);
            assert_eq!(session.messages as usize, entries.len(), "{fixture} {}", session.key);
        }
    }
}

#[test]
#[ignore]
fn show() {
    for fixture in [V1_18, V1_2, V1_1] {
        let home = Home::of(&[fixture]);
        for s in sessions(&home) {
            println!(
                "\n## {fixture} {} {:?} {:?} t{} m{} {:?} {:?} {}..{} cost {:?} {} bytes {:?}",
                s.key,
                s.title,
                s.cwd,
                s.turns,
                s.messages,
                s.tokens,
                s.model,
                s.started_at.map(|t| t.rfc3339()).unwrap_or_default(),
                s.last_activity.map(|t| t.rfc3339()).unwrap_or_default(),
                s.cost_usd,
                s.bytes,
                s.flags.names().collect::<Vec<_>>()
            );
            for e in entries(&s) {
                println!(
                    "   {:?} {:?} {} {:?} tok={} open={} {}",
                    e.kind,
                    e.role,
                    e.time.map(|t| t.rfc3339()).unwrap_or_default(),
                    e.level,
                    e.tokens.is_some(),
                    e.open,
                    e.text.chars().take(90).collect::<String>().replace('\n', "⏎")
                );
                if let Some(t) = e.tool {
                    println!(
                        "        {} {:?} {:?}ms sub={:?} {:?} out={:?}",
                        t.name,
                        t.status,
                        t.duration_ms,
                        t.subagent,
                        t.action,
                        t.output.chars().take(60).collect::<String>()
                    );
                }
            }
        }
    }
}
