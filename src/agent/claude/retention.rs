//! Age at which Claude Code deletes transcripts: `cleanupPeriodDays` in `settings.json`.

use std::path::Path;

use crate::agent::json_settings;

/// Days after the last change of a transcript at which Claude Code deletes it, unless it is set.
const DEFAULT_DAYS: u32 = 30;

/// Returns the age in days.
pub(super) fn days(root: &Path) -> u32 {
    let settings = json_settings::read(&root.join("settings.json"));
    let days = settings["cleanupPeriodDays"].as_f64().filter(|days| *days >= 0.0);
    days.map_or(DEFAULT_DAYS, json_settings::whole_days)
}
