//! Claude Code's transcripts: what is found, how it is summed up, how it reads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use salon::agent::{self, Format, Sessions, Summarised, TextLimit, Unit};
use salon::domain::{Agent, Entry, EntryKind, Session};

use crate::support::Home;

fn claude() -> &'static dyn Format {
    agent::format(Agent::Claude)
}

fn units(home: &Home) -> Vec<Unit> {
    let roots = claude().roots(&home.environment());
    roots.iter().flat_map(|root| claude().discover(root).units).collect()
}

fn session(summarised: Summarised) -> Session {
    match summarised.sessions {
        Sessions::All(sessions) => sessions.into_iter().next().expect("a session"),
        Sessions::Changed { .. } => panic!("a file gives all of its sessions"),
    }
}

fn sessions(home: &Home) -> BTreeMap<String, Session> {
    let all = units(home).into_iter().map(|unit| session(claude().summarise(&unit, None)));
    all.map(|session| (session.key.id.to_string(), session)).collect()
}

fn read(session: &Session) -> Vec<Entry> {
    let mut reading = claude().open(session).expect("opens");
    reading.read(0..reading.len(), TextLimit::NONE)
}

#[test]
fn dump() {
    for version in ["1.0.128", "2.0.76", "2.1.329"] {
        let home = Home::of(&[&format!("claude/{version}")]);
        for (id, s) in sessions(&home) {
            println!(
                "== {version} {id} {:?} cwd={} br={:?} model={:?} turns={} msgs={} tok={:?} cost={:?} flags={:?} parent={:?} from={:?} unread={} tip={:?} {:?}..{:?}",
                s.title,
                s.cwd,
                s.branch,
                s.model,
                s.turns,
                s.messages,
                s.tokens,
                s.cost_usd,
                s.flags.names().collect::<Vec<_>>(),
                s.parent,
                s.forked_from,
                s.unreadable,
                s.tip,
                s.started_at.map(|t| t.rfc3339()),
                s.last_activity.map(|t| t.rfc3339())
            );
            let reading = claude().open(&s).unwrap();
            println!("   branches {} issues {:?}", reading.branches(), reading.issues());
            for e in read(&s) {
                println!(
                    "   {:?} {:?} {:?} tok={:?} {}",
                    e.kind,
                    e.level,
                    e.text.chars().take(90).collect::<String>(),
                    e.tokens.map(|t| t.total()),
                    e.tool
                        .map(|t| format!(
                            "{} {:?} sub={:?} {:?} out={:?}",
                            t.name,
                            t.status,
                            t.subagent,
                            t.action,
                            t.output.chars().take(60).collect::<String>()
                        ))
                        .unwrap_or_default()
                );
            }
        }
    }
}
