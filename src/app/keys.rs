//! The active key map: the default with the user's changes.

use std::collections::HashMap;

use super::action::{Action, KeyContext};
use crate::config::key::Key;
use crate::config::keymap::{self, KeyBinding};

/// Bindings of keys to actions, per context.
#[derive(Clone, Debug)]
pub struct Keymap {
    keys: HashMap<Action, Vec<Key>>,
    actions: HashMap<(KeyContext, Key), Action>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self::new(&[]).0
    }
}

impl Keymap {
    /// Merges the user's rows into the default key map. Also returns a message for each unknown action.
    pub fn new(user: &[KeyBinding]) -> (Self, Vec<String>) {
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
                    unbind_from_others(&mut keys, action, &row.keys);
                    keys.insert(action, row.keys.clone());
                }
                None => problems.push(format!("keys.{}.{}: unknown action", row.context, row.action)),
            }
        }
        let actions =
            keys.iter().flat_map(|(action, keys)| keys.iter().map(|key| ((action.context(), *key), *action))).collect();
        (Self { keys, actions }, problems)
    }

    /// Returns the action of a key in the first context that binds it.
    pub fn action(&self, key: Key, contexts: &[KeyContext]) -> Option<Action> {
        contexts.iter().find_map(|context| self.actions.get(&(*context, key)).copied())
    }

    /// Returns the keys of an action.
    pub fn keys(&self, action: Action) -> &[Key] {
        self.keys.get(&action).map_or(&[], Vec::as_slice)
    }

    /// Returns the label of an action's first key. `None` if the action has no key.
    pub fn hint(&self, action: Action) -> Option<String> {
        self.keys(action).first().map(label)
    }

    /// Returns an action's first key that triggers it in these contexts.
    pub fn key_in(&self, action: Action, contexts: &[KeyContext]) -> Option<Key> {
        self.keys_in(action, contexts).next().copied()
    }

    /// Returns the labels of the keys that trigger an action in these contexts.
    pub fn labels_in(&self, action: Action, contexts: &[KeyContext]) -> String {
        self.keys_in(action, contexts).map(label).collect::<Vec<_>>().join(" ")
    }

    /// Returns the keys of an action without those that a nearer context binds to another one. If the contexts do not
    /// include that of the action, nothing is nearer.
    fn keys_in<'a>(&'a self, action: Action, contexts: &'a [KeyContext]) -> impl Iterator<Item = &'a Key> {
        let is_active = contexts.contains(&action.context());
        let triggers = move |key: &&Key| !is_active || self.action(**key, contexts) == Some(action);
        self.keys(action).iter().filter(triggers)
    }
}

/// Formats a key for display.
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

/// Names of the contexts, as in the key map's tables.
impl KeyContext {
    /// All contexts, in the order of the help.
    pub const ALL: [Self; 7] =
        [Self::Everywhere, Self::Move, Self::List, Self::Reader, Self::Search, Self::Chat, Self::Changes];

    /// Returns the name of its table in the key map.
    pub fn name(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::Move => "move",
            Self::List => "list",
            Self::Reader => "reader",
            Self::Search => "search",
            Self::Chat => "chat",
            Self::Changes => "changes",
        }
    }
}

fn action(row: &KeyBinding) -> Option<Action> {
    Action::ALL.iter().copied().find(|action| action.name() == row.action && action.context().name() == row.context)
}

/// Unbinds keys from other actions of the same context, because the user bound them to `action`.
fn unbind_from_others(keys: &mut HashMap<Action, Vec<Key>>, action: Action, rebound: &[Key]) {
    for (other, theirs) in keys.iter_mut() {
        if *other != action && other.context() == action.context() {
            theirs.retain(|key| !rebound.contains(key));
        }
    }
}
