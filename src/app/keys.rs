//! The key map that is in force: the default one with the user's changes laid over it.

use std::collections::HashMap;

use super::action::{Action, Place};
use crate::config::key::Key;
use crate::config::keymap::{self, Row};

/// Which key does what, where.
#[derive(Clone, Debug)]
pub struct Keymap {
    keys: HashMap<Action, Vec<Key>>,
    actions: HashMap<(Place, Key), Action>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self::new(&[]).0
    }
}

impl Keymap {
    /// The default key map with the user's rows over it, and what of those means nothing, in words.
    pub fn new(user: &[Row]) -> (Self, Vec<String>) {
        let mut keys = HashMap::new();
        for row in keymap::defaults() {
            if let Some(action) = action(&row) {
                keys.insert(action, row.keys);
            }
        }
        let mut problems = Vec::new();
        for row in user {
            match action(row) {
                Some(action) => {
                    take_from_others(&mut keys, action, &row.keys);
                    keys.insert(action, row.keys.clone());
                }
                None => problems.push(format!("keys.{}: there is no action \"{}\" there", row.place, row.action)),
            }
        }
        let actions =
            keys.iter().flat_map(|(action, keys)| keys.iter().map(|key| ((action.place(), *key), *action))).collect();
        (Self { keys, actions }, problems)
    }

    /// What a key does in the first of these places where it does something.
    pub fn action(&self, key: Key, places: &[Place]) -> Option<Action> {
        places.iter().find_map(|place| self.actions.get(&(*place, key)).copied())
    }

    /// The keys of an action.
    pub fn keys(&self, action: Action) -> &[Key] {
        self.keys.get(&action).map_or(&[], Vec::as_slice)
    }

    /// The key to name in a hint, in words. `None` where the action has none.
    pub fn hint(&self, action: Action) -> Option<String> {
        self.keys(action).first().map(label)
    }

    /// All keys of an action, in words.
    pub fn labels(&self, action: Action) -> String {
        self.keys(action).iter().map(label).collect::<Vec<_>>().join(" ")
    }
}

/// A key as it is shown to a person.
pub fn label(key: &Key) -> String {
    use crate::config::key::KeyCode;
    let arrow = match key.code {
        KeyCode::Up => "↑",
        KeyCode::Down => "↓",
        KeyCode::Left => "←",
        KeyCode::Right => "→",
        _ => return key.to_string(),
    };
    let plain = Key { code: KeyCode::Char(' '), ..*key };
    format!("{}{arrow}", plain.to_string().trim_end_matches("space"))
}

/// Names of the places, as the key map's tables.
impl Place {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 6] = [Self::Everywhere, Self::Move, Self::List, Self::Reader, Self::Search, Self::Chat];

    /// Its table in the key map.
    pub fn name(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::Move => "move",
            Self::List => "list",
            Self::Reader => "reader",
            Self::Search => "search",
            Self::Chat => "chat",
        }
    }
}

fn action(row: &Row) -> Option<Action> {
    Action::ALL.iter().copied().find(|action| action.name() == row.action && action.place().name() == row.place)
}

/// A key that the user gave to one action does nothing else in that place.
fn take_from_others(keys: &mut HashMap<Action, Vec<Key>>, action: Action, taken: &[Key]) {
    for (other, theirs) in keys.iter_mut() {
        if *other != action && other.place() == action.place() {
            theirs.retain(|key| !taken.contains(key));
        }
    }
}
