//! Values of filters in the metadata of sessions, for completions.

use std::collections::HashMap;

use super::filter::{FilterKey, IsValue, LOCAL_HOST};
use crate::domain::{Session, SessionState};

/// Returns the values of a filter in the sessions' metadata, each with its count.
pub fn session_values<'a>(field: FilterKey, sessions: impl Iterator<Item = &'a Session>) -> Vec<(String, usize)> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for session in sessions {
        for value in values_of(field, session) {
            *counts.entry(value).or_default() += 1;
        }
    }
    counts.into_iter().collect()
}

fn values_of(field: FilterKey, session: &Session) -> Vec<String> {
    let one = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_owned).into_iter().collect();
    match field {
        FilterKey::Agent => vec![session.key.agent.name().to_owned()],
        FilterKey::Dir => one(Some(&session.cwd)),
        FilterKey::Workspace => one(session.workspace.rsplit('/').find(|part| !part.is_empty())),
        FilterKey::Branch => one(session.branch.as_deref()),
        FilterKey::Model => one(session.model.as_deref()),
        FilterKey::Host => vec![session.key.host.as_deref().unwrap_or(LOCAL_HOST).to_owned()],
        FilterKey::Tag => session.tags().iter().map(ToString::to_string).collect(),
        FilterKey::Is => {
            let flags = session.flags;
            let is = [
                (session.state != SessionState::Past, IsValue::Live),
                (flags.subagent, IsValue::Subagent),
                (flags.headless, IsValue::Headless),
                (flags.fork || session.forked_from.is_some(), IsValue::Fork),
                (session.is_starred(), IsValue::Star),
                (flags.empty, IsValue::Empty),
            ];
            let named = |wanted: IsValue| {
                IsValue::ALL.into_iter().find(|(is, _)| *is == wanted).map(|(_, name)| name.to_owned())
            };
            is.into_iter().filter(|(applies, _)| *applies).filter_map(|(_, is)| named(is)).collect()
        }
        FilterKey::Role
        | FilterKey::Kind
        | FilterKey::Tool
        | FilterKey::File
        | FilterKey::Exit
        | FilterKey::Before
        | FilterKey::Since
        | FilterKey::On
        | FilterKey::Turns
        | FilterKey::Tokens
        | FilterKey::Has
        | FilterKey::Note
        | FilterKey::Id => Vec::new(),
    }
}
