//! The key map as a file says it: places, names of actions and keys. What the names mean is known further up.

use toml::{Table, Value};

use super::key::Key;

/// The default key map, which is the file itself.
pub const DEFAULT: &str = include_str!("../../assets/keymap.toml");

/// One line of a key map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its table: `everywhere`, `move`, `list`, `reader`, `search`.
    pub place: String,
    /// The action's name.
    pub action: String,
    /// Its keys; none where it has none.
    pub keys: Vec<Key>,
}

/// Rows of the default key map.
pub fn defaults() -> Vec<Row> {
    let table = DEFAULT.parse::<Table>().unwrap_or_default();
    rows(&table).0
}

/// Rows of a table of places, and what in it is no key, in words.
pub fn rows(places: &Table) -> (Vec<Row>, Vec<String>) {
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for (place, actions) in places {
        let Value::Table(actions) = actions else {
            problems.push(format!("keys.{place} is not a table of actions"));
            continue;
        };
        for (action, words) in actions {
            match keys(words) {
                Ok(keys) => rows.push(Row { place: place.clone(), action: action.clone(), keys }),
                Err(problem) => problems.push(format!("keys.{place}.{action}: {problem}")),
            }
        }
    }
    (rows, problems)
}

/// One key, or a list of keys.
fn keys(words: &Value) -> Result<Vec<Key>, String> {
    let one = |value: &Value| {
        let word = value.as_str().ok_or_else(|| format!("{value} is not a key"))?;
        Key::parse(word).ok_or_else(|| format!("\"{word}\" is not a key"))
    };
    match words {
        Value::Array(list) => list.iter().map(one).collect(),
        single => one(single).map(|key| vec![key]),
    }
}
