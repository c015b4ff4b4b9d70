//! Usage of a session by time and model, as summaries store it. Small, because lists load it for every session.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Time, Tokens};

/// Length of a slot in ms. Nearly all time zones differ by a multiple of it, so that each slot belongs to one day.
const SLOT_MS: i64 = 30 * 60 * 1000;

/// Half an hour, by its number since 1970 UTC; 0 for an unknown time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UsageSlot(u32);

impl UsageSlot {
    /// Returns the slot of a time.
    pub fn of(time: Option<Time>) -> Self {
        let number = time.map_or(0, |time| time.millis().div_euclid(SLOT_MS));
        Self(u32::try_from(number).unwrap_or_default())
    }

    /// Returns the start of the slot; `None` for an unknown time.
    pub fn time(self) -> Option<Time> {
        (self.0 > 0).then(|| Time::from_millis(i64::from(self.0) * SLOT_MS))
    }
}

/// Tokens that a model used within a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredUsage", into = "StoredUsage")]
pub struct UsageRow {
    /// Time.
    pub slot: UsageSlot,
    /// Model, if it is recorded.
    pub model: Option<Arc<str>>,
    /// Tokens.
    pub tokens: Tokens,
}

/// Stored form of a row; a tuple is shorter.
type StoredUsage = (UsageSlot, Option<Arc<str>>, Tokens);

impl From<StoredUsage> for UsageRow {
    fn from((slot, model, tokens): StoredUsage) -> Self {
        Self { slot, model, tokens }
    }
}

impl From<UsageRow> for StoredUsage {
    fn from(UsageRow { slot, model, tokens }: UsageRow) -> Self {
        (slot, model, tokens)
    }
}

/// Adds tokens to the row of their slot and model. Replies come in order, so that the row is one of the last.
pub fn add_usage(rows: &mut Vec<UsageRow>, slot: UsageSlot, model: Option<&str>, tokens: Tokens) {
    if tokens.total() == 0 {
        return;
    }
    if let Some(row) = rows.iter_mut().rev().find(|row| row.slot == slot && row.model.as_deref() == model) {
        row.tokens += tokens;
        return;
    }
    let known = rows.iter().rev().find_map(|row| row.model.clone().filter(|known| Some(&**known) == model));
    rows.push(UsageRow { slot, model: known.or_else(|| model.map(Arc::from)), tokens });
}
