//! Age at which Gemini CLI deletes chats: `general.sessionRetention` in `settings.json`, which is on by default.

use std::path::Path;

use serde_json::Value;

use crate::agent::json_settings;

/// Days after the last change of a chat at which Gemini CLI deletes it, unless it is set.
const DEFAULT_DAYS: u32 = 30;

/// Returns the age in days; `None` if chats are never deleted by age.
pub(super) fn days(root: &Path) -> Option<u32> {
    let settings = json_settings::read(&root.join("settings.json"));
    let retention = &settings["general"]["sessionRetention"];
    if retention["enabled"] == Value::Bool(false) {
        return None;
    }
    Some(retention["maxAge"].as_str().and_then(age).unwrap_or(DEFAULT_DAYS))
}

/// Parses an age: `30d`, `24h`, `2w`, `1m` (a month).
fn age(text: &str) -> Option<u32> {
    let unit = text.chars().next_back()?;
    let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
    let days = match unit {
        'h' => number / 24.0,
        'd' => number,
        'w' => number * 7.0,
        'm' => number * 30.0,
        _ => return None,
    };
    (days >= 0.0).then(|| json_settings::whole_days(days))
}
