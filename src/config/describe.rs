//! Effective configuration with the default and the description of each key. Names and descriptions come from the
//! shipped files, so that each exists once.

use toml::{Table, Value};

use super::keymap;
use super::settings::{self, Settings};

/// A setting of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedSetting {
    /// Full key with its tables: `roots.claude`, `keys.list.open`.
    pub key: String,
    /// Effective value.
    pub value: Value,
    /// Default value.
    pub default: Value,
    /// Description in one sentence.
    pub about: String,
}

/// Lists every setting, given the text of a user's `config.toml`. Invalid values of the user are replaced by the
/// default.
pub fn describe(user: &str) -> Vec<DescribedSetting> {
    let user = user.parse::<Table>().unwrap_or_default();
    let keys =
        entries(keymap::DEFAULT).into_iter().map(|entry| Entry { path: format!("keys.{}", entry.path), ..entry });
    let all = entries(settings::DEFAULT).into_iter().chain(keys);
    all.map(|Entry { path, default, about }| {
        let configured = find(&user, &path).filter(|value| is_usable(&path, value)).cloned();
        DescribedSetting { value: configured.unwrap_or_else(|| default.clone()), key: path, default, about }
    })
    .collect()
}

struct Entry {
    path: String,
    default: Value,
    about: String,
}

/// Parses the keys of a shipped file. A comment above a key, or after it, is its description.
fn entries(text: &str) -> Vec<Entry> {
    let table = text.parse::<Table>().unwrap_or_default();
    let (mut entries, mut prefix, mut comment) = (Vec::new(), String::new(), String::new());
    for line in text.lines() {
        if let Some(text) = line.strip_prefix('#') {
            comment.push_str(text);
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            prefix = format!("{name}.");
        } else if let Some((name, rest)) = line.split_once(" = ") {
            let path = format!("{prefix}{name}");
            let behind = rest.rsplit_once("  # ").map(|(_, text)| text.to_owned());
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

/// Returns true if the value is valid for this key.
fn is_usable(path: &str, value: &Value) -> bool {
    let alone = path.rsplit('.').fold(value.clone(), |value, part| Table::from_iter([(part.to_owned(), value)]).into());
    match alone {
        Value::Table(alone) => Settings::default().apply(&alone).is_empty(),
        _ => false,
    }
}
