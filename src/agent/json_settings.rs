//! Settings files of agents in JSON.

use std::path::Path;

use serde_json::Value;

use crate::stdx::files::{self, SizeLimit};

/// Reads a settings file; null if there is none, or if it is not valid.
pub(super) fn read(path: &Path) -> Value {
    let bytes = files::read(path, SizeLimit::CONFIG).ok();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Converts an age in days, which may be a fraction, to whole days.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; saturates")]
pub(super) fn whole_days(days: f64) -> u32 {
    days.floor() as u32
}
