//! Key map files: contexts, action names and keys. The application interprets the names.

use toml::{Table, Value};

use super::key::Key;
use super::problem::ConfigProblem;

/// Default key map: the embedded file.
pub const DEFAULT: &str = include_str!("../../assets/keymap.toml");

/// Former names of actions, which go on working: context, former name, name.
const RENAMED: [(&str, &str, &str); 1] = [("list", "undo-trash", "undo")];

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
    let rows = table.iter().filter_map(|(context, actions)| Some((context, actions.as_table()?)));
    rows.flat_map(|(context, actions)| actions.iter().map(move |(action, notation)| (context, action, notation)))
        .filter_map(|(context, action, notation)| {
            Some(KeyBinding { context: context.clone(), action: action.clone(), keys: keys(notation).ok()? })
        })
        .collect()
}

/// Parses the user's table of contexts. Returns the bindings, and a problem for each invalid entry.
pub(super) fn bindings(contexts: &Table) -> (Vec<KeyBinding>, Vec<ConfigProblem>) {
    let (mut list, mut problems) = (Vec::new(), Vec::new());
    let known = DEFAULT.parse::<Table>().unwrap_or_default();
    for (context, actions) in contexts {
        let mut wrong = |key: String, message: &str| problems.push(ConfigProblem::new(key, message));
        let Some(known) = known.get(context) else {
            let names: Vec<_> = known.keys().map(String::as_str).collect();
            wrong(format!("keys.{context}"), &format!("unknown context; must be one of {}", names.join(", ")));
            continue;
        };
        let Value::Table(actions) = actions else {
            wrong(format!("keys.{context}"), "must be a table of actions");
            continue;
        };
        for (written, notation) in actions {
            let key = format!("keys.{context}.{written}");
            let action = current_name(context, written);
            // The current name decides if a table has both.
            if action != written && actions.contains_key(action) {
                continue;
            }
            match keys(notation) {
                _ if known.get(action).is_none() => wrong(key, "unknown action"),
                Ok(keys) => list.push(KeyBinding { context: context.clone(), action: action.to_owned(), keys }),
                Err(problem) => wrong(key, &problem),
            }
        }
    }
    (list, problems)
}

/// Name of an action that may be called by its former name.
fn current_name<'a>(context: &str, action: &'a str) -> &'a str {
    let renamed = RENAMED.iter().find(|(of, former, _)| *of == context && *former == action);
    renamed.map_or(action, |(_, _, name)| name)
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
