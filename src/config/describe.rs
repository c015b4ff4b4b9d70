//! The configuration in force, line by line, with every key's default and description. Names and descriptions are
//! those of the shipped files, so that nothing is described twice.

use toml::{Table, Value};

use super::keymap;
use super::settings::{self, Settings};

/// A line of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// Its key, with the tables it stands in: `roots.claude`, `keys.list.open`.
    pub key: String,
    /// What is in force.
    pub value: Value,
    /// What it is unless configured.
    pub default: Value,
    /// What it is for, in a sentence.
    pub about: String,
}

/// Every key there is, under the text of a user's `config.toml`. A value of the user's that cannot be used is not
/// in force.
pub fn describe(user: &str) -> Vec<Described> {
    let user = user.parse::<Table>().unwrap_or_default();
    let keys =
        entries(keymap::DEFAULT).into_iter().map(|entry| Entry { path: format!("keys.{}", entry.path), ..entry });
    let all = entries(settings::DEFAULT).into_iter().chain(keys);
    all.map(|Entry { path, default, about }| {
        let configured = find(&user, &path).filter(|value| is_usable(&path, value)).cloned();
        Described { value: configured.unwrap_or_else(|| default.clone()), key: path, default, about }
    })
    .collect()
}

struct Entry {
    path: String,
    default: Value,
    about: String,
}

/// The keys of a shipped file. A comment above a key, or behind it, describes it.
fn entries(text: &str) -> Vec<Entry> {
    let table = text.parse::<Table>().unwrap_or_default();
    let (mut entries, mut prefix, mut comment) = (Vec::new(), String::new(), String::new());
    for line in text.lines() {
        if let Some(words) = line.strip_prefix('#') {
            comment.push_str(words);
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            prefix = format!("{name}.");
        } else if let Some((name, rest)) = line.split_once(" = ") {
            let path = format!("{prefix}{name}");
            let behind = rest.rsplit_once("  # ").map(|(_, words)| words.to_owned());
            let about = behind.unwrap_or_else(|| comment.trim().to_owned());
            entries.extend(find(&table, &path).map(|value| Entry { default: value.clone(), path, about }));
        }
        comment.clear();
    }
    entries
}

fn find<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    let mut parts = path.split('.');
    let first = table.get(parts.next()?);
    parts.fold(first, |value, part| value?.get(part))
}

/// Whether a value alone, under its key, can be used.
fn is_usable(path: &str, value: &Value) -> bool {
    let alone = path.rsplit('.').fold(value.clone(), |value, part| Table::from_iter([(part.to_owned(), value)]).into());
    match alone {
        Value::Table(alone) => Settings::default().take(&alone).is_empty(),
        _ => false,
    }
}
