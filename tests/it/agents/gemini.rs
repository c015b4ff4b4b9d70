//! Gemini CLI's chats: logs that are replayed, and the documents of versions before.

use std::collections::BTreeMap;

use salon::agent::{Format, Sessions, TextLimit, Unit, format};
use salon::domain::{Agent, Session};

use crate::support::Home;

fn gemini() -> &'static dyn Format {
    format(Agent::Gemini)
}

fn units(home: &Home) -> Vec<Unit> {
    let roots = gemini().roots(&home.environment());
    roots.iter().flat_map(|root| gemini().discover(root).units).collect()
}

fn sessions(home: &Home) -> BTreeMap<String, Session> {
    let mut found = BTreeMap::new();
    for unit in units(home) {
        let (Sessions::All(sessions) | Sessions::Changed { sessions, .. }) = gemini().summarise(&unit, None).sessions;
        for session in sessions {
            assert!(found.insert(session.key.id.to_string(), session).is_none(), "one row a session");
        }
    }
    found
}

#[test]
#[ignore = "dump"]
fn dump() {
    let home = Home::of(&["gemini/0.24.5", "gemini/0.61.0"]);
    for (id, session) in sessions(&home) {
        println!("=== {id}\n{session:?}\n{:?} {:?}", gemini().endangered(&session), gemini().refuses(&session));
        let mut reading = gemini().open(&session).expect("open");
        let len = reading.len();
        for entry in reading.read(0..len, TextLimit::NONE) {
            println!(
                "  {:?} {:?} {:?} {:?} | {:?}",
                entry.kind,
                entry.time.map(|t| t.rfc3339()),
                entry.text,
                entry.tokens,
                entry.tool
            );
        }
    }
}
