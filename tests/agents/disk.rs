//! A session as its agent has written it.

use salon::agent::{SourceSessions, TextLimit, format};
use salon::domain::{Agent, Entry};

use crate::home::Home;

/// All entries of a session, read by salon's reader of that agent.
pub fn on_disk(home: &Home, agent: Agent, id: &str) -> Vec<Entry> {
    let environment = crate::scene::environment(home);
    let format = format(agent);
    let sessions = format.roots(&environment).into_iter().flat_map(|root| format.discover(&root).sources);
    let sessions = sessions.flat_map(|unit| match format.summarise(&unit, None).sessions {
        SourceSessions::All(sessions) => sessions,
        SourceSessions::Changed { .. } => panic!("all sessions were expected"),
    });
    let session = sessions.into_iter().find(|session| &*session.key.id == id).expect("the session is on disk");
    let mut reading = format.open(&session).expect("a reading");
    let len = reading.len();
    reading.read(0..len, TextLimit::NONE)
}
