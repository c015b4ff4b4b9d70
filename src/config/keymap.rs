//! Key map files: contexts, action names and keys. The application interprets the names.

use toml::{Table, Value};

use super::key::Key;

/// Default key map: the embedded file.
pub const DEFAULT: &str = include_str!("../../assets/keymap.toml");

/// One binding of a key map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBinding {
    /// Table of the binding: `everywhere`, `move`, `list`, `reader`, `search`, `chat`.
    pub context: String,
    /// Name of the action.
    pub action: String,
    /// Keys of the action; empty for an unbound action.
    pub keys: Vec<Key>,
}

/// Returns the bindings of the default key map.
pub fn defaults() -> Vec<KeyBinding> {
    let table = DEFAULT.parse::<Table>().unwrap_or_default();
    bindings(&table).0
}

/// Parses a table of contexts. Returns the bindings, and a message for each invalid entry.
pub fn bindings(contexts: &Table) -> (Vec<KeyBinding>, Vec<String>) {
    let (mut list, mut problems) = (Vec::new(), Vec::new());
    for (context, actions) in contexts {
        let Value::Table(actions) = actions else {
            problems.push(format!("keys.{context}: must be a table of actions"));
            continue;
        };
        for (action, notation) in actions {
            match keys(notation) {
                Ok(keys) => list.push(KeyBinding { context: context.clone(), action: action.clone(), keys }),
                Err(problem) => problems.push(format!("keys.{context}.{action}: {problem}")),
            }
        }
    }
    (list, problems)
}

/// Parses one key or a list of keys.
fn keys(notation: &Value) -> Result<Vec<Key>, String> {
    let one = |value: &Value| {
        let word = value.as_str().ok_or_else(|| format!("{value} is not a key"))?;
        Key::parse(word).ok_or_else(|| format!("\"{word}\" is not a key"))
    };
    match notation {
        Value::Array(list) => list.iter().map(one).collect(),
        single => one(single).map(|key| vec![key]),
    }
}
